//! Signals: each command that waits ends with the signal's code, says nothing, and leaves its terminal as it was.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{Place, ended, stderr};

const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

/// Sends a signal to a command that waits, and waits for its end.
fn ends_by(child: Child, signal: Signal, code: i32, what: &str) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    ended(&output, code, what);
    assert!(!stderr(&output).contains("error"), "{what}: {output:?}");
}

#[test]
fn whatever_waits_for_the_gateway_ends_by_a_signal() {
    let mut place = Place::new();
    for (signal, code) in SIGNALS {
        for (number, arguments) in [
            &["listen"][..],
            &["listen", "chat"],
            &["events"],
            &["ping", "-n", "1000", "--interval", "1h"],
            &["services", "create", "mine", "--hold"],
            &["listen", "--for", "1h"],
            &["events", "-n", "1000"],
        ]
        .iter()
        .enumerate()
        {
            let name = format!("ear_{code}_{number}");
            let mut command = place.shell.command(&[&["-N", &name], *arguments].concat());
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            place.bob.see_join(&name).unwrap();
            ends_by(child, signal, code, &format!("{arguments:?}"));
        }
    }
}

#[test]
fn whatever_waits_for_its_input_ends_by_a_signal() {
    let mut place = Place::new();
    for (signal, code) in SIGNALS {
        for (line, arguments) in [
            ("whoami\n", &["run", "-"][..]),
            ("whoami\n", &[]),
            ("{\"type\":\"IDENTIFY\",\"name\":\"ear\",\"version\":\"0.2.0\"}\n", &["raw"]),
        ] {
            let mut command = place.shell.command(arguments);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(line.as_bytes()).unwrap();
            // Once it has answered, it waits for the next line.
            let mut output = BufReader::new(child.stdout.take().unwrap());
            output.read_line(&mut String::new()).unwrap();
            ends_by(child, signal, code, &format!("{arguments:?}"));
        }
    }
    // Nothing came of it.
    let _ = place.bob.ask(r#"{"type":"SELF_FETCH"}"#).unwrap();
}

#[test]
fn a_command_that_is_told_to_outlive_its_terminal_does() {
    let mut place = Place::new();
    let mut command = place.shell.line("nohup concierge -N ear listen -n 1 --json");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    place.bob.see_join("ear").unwrap();
    // `bash` and `nohup` have made way for it.
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    place.bob.send_to("ear", "1").unwrap();
    let output = child.wait_with_output().unwrap();
    ended(&output, 0, "nohup");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"data\":1"), "{output:?}");
}
