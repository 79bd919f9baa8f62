//! Terminals that can do little, that are narrow, or that are not there; and colours, where they are wanted.

use std::process::{Command, Stdio};

use support::terminal::{Setup, Terminal};

use super::{FINITE, Place, ended, stdout};

/// What a command writes on a terminal.
fn on(mut terminal: Terminal, code: i32) -> String {
    let status = terminal.wait().unwrap();
    let written = String::from_utf8(terminal.written().to_vec()).unwrap();
    assert_eq!(status.code(), Some(code), "{written}");
    written
}

#[test]
fn without_a_terminal_at_all_everything_works() {
    let place = Place::new();
    for arguments in FINITE {
        let command = place.shell.command(arguments);
        let mut apart = Command::new("setsid");
        apart.arg("--wait").arg(command.get_program()).args(command.get_args());
        apart.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let output = apart.stdin(Stdio::null()).output().unwrap();
        ended(&output, 0, &format!("{arguments:?}"));
        assert!(!output.stdout.contains(&0x1b));
    }
}

#[test]
fn a_terminal_that_can_only_print_is_only_printed_to() {
    let place = Place::new();
    for setup in [|| Setup::default().variable("TERM", "dumb"), || Setup::default().without("TERM")] {
        let setup = || setup().without("NO_COLOR");
        for arguments in FINITE {
            let written = on(place.shell.terminal(setup(), arguments).unwrap(), 0);
            assert!(!written.contains('\x1b'), "{arguments:?}: {written:?}");
        }
        // The REPL reads plain lines, and answers.
        let mut terminal = place.shell.terminal(setup(), &["-N", "ear"]).unwrap();
        terminal.line("whoami").unwrap();
        terminal.wait_for("nickname").unwrap();
        terminal.keys("\x04").unwrap();
        let written = on(terminal, 0);
        assert!(!written.contains('\x1b'), "{written:?}");
    }
}

#[test]
fn colours_are_for_terminals_and_no_color_wins_over_all_but_the_flag() {
    let place = Place::new();
    let coloured = |setup: Setup, arguments: &[&str]| {
        on(place.shell.terminal(setup, arguments).unwrap(), 0).contains("\x1b[")
    };
    let plain = || Setup::default().without("NO_COLOR");
    assert!(coloured(plain(), &["clients", "ls"]));
    assert!(!coloured(plain().variable("NO_COLOR", "1"), &["clients", "ls"]));
    assert!(!coloured(plain().variable("NO_COLOR", "1").variable("CLICOLOR_FORCE", "1"), &["clients", "ls"]));
    assert!(coloured(plain().variable("NO_COLOR", "1"), &["--color", "always", "clients", "ls"]));
    assert!(!coloured(plain(), &["--color", "never", "clients", "ls"]));
    // It says nothing here.
    assert!(coloured(plain().variable("CLICOLOR", "0"), &["clients", "ls"]));
    assert!(!coloured(plain().variable("NO_COLOR", "1"), &["--help"]));
    let refused = |setup: Setup, arguments: &[&str]| {
        on(place.shell.terminal(setup, arguments).unwrap(), 2).contains("\x1b[")
    };
    for wrong in [&["nonsense"][..], &["--url", "http://x", "whoami"]] {
        assert!(refused(plain(), wrong), "{wrong:?}");
        assert!(!refused(plain().variable("NO_COLOR", "1"), wrong), "{wrong:?}");
        assert!(!refused(plain(), &[&["--color", "never"], wrong].concat()), "{wrong:?}");
    }
    // Off a terminal nothing asks for colours but the flag.
    let piped = |variable: &str, arguments: &[&str]| {
        stdout(&place.shell.command(arguments).env(variable, "1").output().unwrap()).contains('\x1b')
    };
    assert!(!piped("CLICOLOR_FORCE", &["clients", "ls"]));
    assert!(!piped("FORCE_COLOR", &["clients", "ls"]));
    assert!(piped("NO_COLOR", &["--color", "always", "clients", "ls"]));
}

#[test]
fn a_terminal_of_twenty_columns_shows_everything() {
    let place = Place::new();
    for columns in [20, 1, 0] {
        for arguments in FINITE {
            let what = format!("{arguments:?} in {columns} columns");
            let terminal = place.shell.terminal(Setup::default().size(50, columns), arguments).unwrap();
            let written = on(terminal, 0);
            assert!(!written.trim().is_empty(), "{what}");
        }
    }
    // Nothing is cut off: the terminal wraps what is wider.
    let terminal = place.shell.terminal(Setup::default().size(50, 20), &["clients", "ls"]).unwrap();
    let narrow = on(terminal, 0);
    let wide = on(place.shell.terminal(Setup::default(), &["clients", "ls"]).unwrap(), 0);
    let uuid = |text: &str| text.split_whitespace().find(|word| word.len() == 36).map(str::to_owned);
    assert!(uuid(&narrow).is_some(), "{narrow}");
    assert_eq!(narrow.lines().count(), wide.lines().count());
    // The REPL takes lines longer than the terminal is wide.
    let mut terminal = place.shell.terminal(Setup::default().size(10, 20), &["-N", "ear"]).unwrap();
    terminal.wait_for("● ").unwrap();
    terminal.line("@bob a line that is longer than this terminal is wide").unwrap();
    terminal.wait_for("sent to @bob").unwrap();
    terminal.line("exit").unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(0));
}
