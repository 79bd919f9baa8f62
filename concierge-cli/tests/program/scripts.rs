//! Scripts: the REPL's lines without a terminal.

use crate::{
    gateway::{Gateway, run_in},
    schemas,
};

#[test]
fn a_script_does_its_lines_on_one_connection() {
    let gateway = Gateway::start();
    let script =
        "#!/usr/bin/env concierge\n\n# a comment\nservices create chat\nservices ls\nservices rm chat\n";
    let outcome = gateway.run_with_input(&["run", "-"], script);
    assert!(&outcome == 0, "{outcome:?}");
    let mut lines = outcome.stdout.lines();
    let mut next = |part: &str| lines.any(|line| line.contains(part));
    assert!(next("created #chat") && next("chat  -  tester  0") && next("deleted #chat"), "{outcome:?}");
}

#[test]
fn a_pipe_into_the_bare_command_is_a_script_on_a_gateway_of_its_own() {
    let outcome = run_in(&[], "server --json\n", &[("USER", "tester")]);
    assert!(&outcome == 0, "{outcome:?}");
    assert!(outcome.stderr.starts_with("on a gateway of its own at ws://127.0.0.1:"), "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["embedded"], &record["clients"]), (&true.into(), &1.into()));
}

#[test]
fn a_gateway_of_its_own_tells_how_web_applications_reach_it() {
    let script =
        "server info --json\nserver info -o tsv\nserver info\nlet key = server | jq -r .api_key\n$key\n";
    let outcome = run_in(&["--color", "never"], script, &[("USER", "tester")]);
    assert!(&outcome == 0, "{outcome:?}");
    let (first, rest) = outcome.stdout.split_once('\n').unwrap();
    let record: serde_json::Value = serde_json::from_str(first).unwrap();
    schemas::check(&record);
    let told = |field: &str| record[field].as_str().expect(field).to_owned();
    let (telegraphy, api, key) = (told("telegraphy"), told("api"), told("api_key"));
    assert_eq!(telegraphy, told("url").replace("/ws", "/telegraphy/ws"));
    assert!(api.starts_with("http://127.0.0.1:"), "{api}");
    assert_eq!(key.len(), 64);
    assert_eq!(rest.lines().next().unwrap().split('\t').count(), schemas::columns("gateway"));
    assert!(
        rest.contains(&format!("api key     {key}\n")) && rest.ends_with(&format!("\n\"{key}\"\n")),
        "{rest}"
    );
    assert!(!outcome.stderr.contains(&key), "{outcome:?}");
}

#[test]
fn another_gateway_keeps_to_itself_how_web_applications_reach_it() {
    let gateway = Gateway::start();
    let record = gateway.run_with_input(&["run", "-"], "server info --json\n").record();
    schemas::check(&record);
    assert_eq!(
        (&record["telegraphy"], &record["api_key"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[test]
fn what_a_script_sends_itself_is_shown_before_it_ends() {
    let gateway = Gateway::start();
    let outcome = gateway.run_with_input(&["-N", "me", "run", "-"], "@me hi\n");
    assert!(&outcome == 0, "{outcome:?}");
    assert!(outcome.stdout.contains(" me: hi\n"), "{outcome:?}");
}

#[test]
fn a_script_waits_for_a_message_and_shows_it_once() {
    let gateway = Gateway::start();
    let script = "services create chat\nlisten chat\n@me one\nlisten --for 10ms\n";
    let outcome = gateway.run_with_input(&["-N", "me", "run", "-"], script);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout.matches("me: one").count(), 1, "{outcome:?}");
}

#[test]
fn a_json_value_may_go_over_several_lines() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let outcome = gateway.run_with_input(&["run", "-"], "@bob {\n  \"a\": 1\n}\n@bob second\n");
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(bob.next_data(), "{\n  \"a\": 1\n}");
    assert_eq!(bob.next_data(), r#""second""#);
}

#[test]
fn a_script_stops_at_its_first_failed_line_with_that_lines_exit_code() {
    let gateway = Gateway::start();
    let outcome = gateway.run_with_input(&["run", "-"], "whoami\n@nobody hi\nversion\n");
    assert!(&outcome == 6, "{outcome:?}");
    assert!(outcome.stderr.contains("error: input, line 2: no client is named \"nobody\""), "{outcome:?}");
    assert!(!outcome.stdout.contains("protocol"), "{outcome:?}");
}

#[test]
fn a_script_that_keeps_going_tells_at_the_end() {
    let gateway = Gateway::start();
    let outcome = gateway.run_with_input(&["run", "-", "--keep-going"], "@nobody hi\nsned\nversion\n");
    assert!(&outcome == 9, "{outcome:?}");
    assert!(outcome.stdout.contains("protocol"), "{outcome:?}");
    for part in [
        "line 1: no client",
        "line 2: there is no command \"sned\"",
        "did you mean `send`?",
        "2 lines failed",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {outcome:?}");
    }
}

#[test]
fn a_script_comes_from_a_file_too_and_is_named_in_errors() {
    let gateway = Gateway::start();
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), "exit\nnonsense\n").unwrap();
    let path = script.path().to_str().unwrap();
    assert!(&gateway.run(&["run", path]) == 0, "what follows `exit` is not done");
    std::fs::write(script.path(), "@bob {").unwrap();
    let outcome = gateway.run(&["run", path]);
    assert!(&outcome == 2, "{outcome:?}");
    assert!(outcome.stderr.contains(&format!("{path}, line 1: the JSON value that starts")), "{outcome:?}");
    std::fs::write(script.path(), b"version\n\xff\n").unwrap();
    let outcome = gateway.run(&["run", path]);
    assert!(&outcome == 10, "{outcome:?}");
    assert!(outcome.stderr.contains(&format!("line 2 of {path}: it is not UTF-8")), "{outcome:?}");
}

#[test]
fn a_session_takes_the_next_name_that_is_free() {
    let gateway = Gateway::start();
    let _tester = gateway.peer("tester");
    let record = gateway.run_with_input(&["run", "-"], "whoami --json\n").record();
    assert_eq!(record["client"]["name"], "tester_2");
    let given = gateway.run_with_input(&["-N", "tester", "run", "-"], "whoami\n");
    assert!(&given == 4, "{given:?}");
}

#[test]
fn help_is_for_scripts_too() {
    let gateway = Gateway::start();
    let outcome = gateway.run_with_input(&["run", "-"], "help\nhelp send\nsend --help\n");
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(
        outcome.stdout.matches("Usage: send [OPTIONS] <TARGET> [PAYLOAD]...").count(),
        2,
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("\n  send all text=hello n:=1 "), "{outcome:?}");
    assert!(!outcome.stdout.contains("  concierge "), "{outcome:?}");
}

#[test]
fn events_are_records_in_a_script_for_programs() {
    let gateway = Gateway::start();
    let outcome = gateway.run_with_input(&["-N", "me", "--json", "run", "-"], "@me hi\nunlisten nothing\n");
    assert!(&outcome == 6, "{outcome:?}");
    let mut kinds: Vec<_> = outcome.records().iter().map(|record| record["type"].to_string()).collect();
    kinds.sort();
    assert_eq!(kinds, ["\"MESSAGE\"", "\"OK\""]);
}

#[test]
fn what_is_not_shown_is_counted() {
    let gateway = Gateway::start();
    for (line, told) in [("@me hi", "one event was not shown"), ("@me hi\n@me hi", "2 events were not shown")]
    {
        let script = format!("mute\n{line}\nping\nunmute\n");
        let outcome = gateway.run_with_input(&["-N", "me", "run", "-"], &script);
        assert!(&outcome == 0, "{outcome:?}");
        let last = format!("what arrives is shown again; {told} meanwhile");
        assert_eq!(outcome.stderr.lines().last(), Some(last.as_str()));
    }
}
