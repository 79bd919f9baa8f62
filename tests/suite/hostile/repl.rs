//! The REPL: what arrives above the prompt, what is completed, what commands show.

use support::terminal::Terminal;

use super::judge;
use super::texts::{self, END, everything};
use super::world::{SERVICE, World};

fn wait_for_prompt(terminal: &mut Terminal) {
    terminal.wait_until("the line is empty", |screen| screen.cursor_row().ends_with('●')).unwrap();
}

fn leave(mut terminal: Terminal, tabs: usize) {
    terminal.keys("\x03").unwrap();
    wait_for_prompt(&mut terminal);
    terminal.line("exit").unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(0));
    judge::edited(terminal.written(), tabs, "the REPL");
}

#[test]
fn what_arrives_above_the_prompt_is_harmless() {
    let mut world = World::new();
    let mut terminal = world.terminal(&["-N", "ear"]);
    world.mallory.see_join("ear").unwrap();
    wait_for_prompt(&mut terminal);
    terminal.keys("@mallory half a li").unwrap();
    terminal.wait_for("half a li").unwrap();
    let text = everything();
    for data in [texts::json(&text), texts::escaped_json(&text), format!("[{{{}:1}}]", texts::json(&text))] {
        world.mallory.send_to("ear", &data).unwrap();
        terminal.wait_for(END).unwrap();
    }
    terminal
        .wait_until("the line stands", |screen| screen.cursor_row().ends_with("@mallory half a li"))
        .unwrap();
    leave(terminal, 0);
}

#[test]
fn commands_and_completions_in_the_repl_are_harmless() {
    let mut world = World::new();
    let mut terminal = world.terminal(&["-N", "ear"]);
    world.mallory.see_join("ear").unwrap();
    // What is typed oneself is shown as typed: the names with letters that cannot be seen are completed instead.
    for (line, shown) in [
        ("clients ls", "bad_7"),
        ("clients ls -o json", "bad_7"),
        ("services ls", "service 3"),
        ("clients show bad_3", "plain"),
        ("services show 'service3'", "did you mean"),
        ("@bad_3 hi", "sent to"),
        ("watch -n 2 1ms clients ls", "bad_7"),
        ("time clients show bad_5", "it took"),
        ("clients ls | jq .", "bad_7"),
        ("clients ls | jq -r '.clients[].nickname'", "owned"),
        ("services ls --jq '.services[].nickname'", "owned"),
        ("let all = clients ls", ""),
        ("vars", "$all = "),
        ("$all", "bad_7"),
        ("$all | jq -r '.clients[].tags[]'", "plain"),
        ("assert .[0] == 1", "is not true of"),
        ("watch 1h clients show bad_9 &", "[1] watch"),
        ("jobs", "[1] watch"),
        ("stop 1", "stopped"),
    ] {
        wait_for_prompt(&mut terminal);
        terminal.line(line).unwrap();
        terminal.wait_for(shown).unwrap();
    }
    for (line, candidate) in
        [("clients show ", "bad_11"), ("services show ", "service 11"), ("services show \"", "cha")]
    {
        wait_for_prompt(&mut terminal);
        terminal.keys(&format!("{line}\t\t")).unwrap();
        terminal.wait_for(candidate).unwrap();
        terminal.keys("\x03").unwrap();
    }
    let written = String::from_utf8_lossy(terminal.written()).into_owned();
    assert!(!written.contains(SERVICE));
    leave(terminal, 6);
}
