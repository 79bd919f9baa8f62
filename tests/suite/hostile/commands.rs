//! The commands of the shell, on a terminal.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use support::peer::Peer;
use support::process::program;
use support::terminal::Terminal;

use super::impostor::Impostor;
use super::judge;
use super::texts::{self, BEGIN, END, everything};
use super::world::{CLIENT, SERVICE, World};

/// The formats that are for terminals; `raw` is the one that is not.
pub(super) const FORMATS: [&str; 4] = ["human", "json", "ndjson", "tsv"];

/// Runs a command to its end on a terminal, in each format.
fn shows(world: &World, arguments: &[&str], code: i32, part: &str) {
    shows_by(|arguments| world.terminal(arguments), arguments, code, part);
}

/// The same on terminals of one's own.
pub(super) fn shows_by(start: impl Fn(&[&str]) -> Terminal, arguments: &[&str], code: i32, part: &str) {
    for format in FORMATS {
        let mut terminal = start(&[&["-o", format], arguments].concat());
        let status = terminal.wait().unwrap();
        let written = terminal.written();
        let what = format!("{arguments:?} as {format}");
        let text = String::from_utf8_lossy(written);
        assert_eq!(status.code(), Some(code), "{what}: {text}");
        assert!(text.contains(part), "{what} does not show {part:?}: {text}");
        judge::plain(written, format == "tsv", &what);
    }
}

#[test]
#[ignore = "takes eight seconds: tests/run runs it"]
fn lists_and_what_is_shown_of_one_are_harmless() {
    let world = World::new();
    shows(&world, &["clients", "ls"], 0, "bad_7");
    shows(&world, &["clients", "show", CLIENT], 0, "mallo");
    shows(&world, &["clients", "show", "bad_0"], 0, "plain");
    shows(&world, &["services", "ls"], 0, "service 3");
    shows(&world, &["services", "show", SERVICE], 0, "cha");
    shows(&world, &["services", "show", "service 5"], 0, "service 5");
    shows(&world, &["services", "create", SERVICE], 1, "another client");
}

#[test]
#[ignore = "takes six seconds: tests/run runs it"]
fn errors_and_their_hints_are_harmless() {
    let world = World::new();
    // What is there is named in the hint, what was typed in the message.
    let near = SERVICE.trim_end_matches('x').to_owned() + "y";
    shows(&world, &["services", "show", &near], 6, "did you mean");
    shows(&world, &["listen", &near], 6, "did you mean");
    shows(&world, &["send", &format!("svc:{near}"), "hi"], 6, "did you mean");
    shows(&world, &["send", &CLIENT.replace("ry", "rry"), "hi"], 6, "did you mean");
    shows(&world, &["send", &format!("svc:{SERVICE}"), "hi"], 1, "may send to it");
    shows(&world, &["services", "rm", SERVICE], 1, "may delete it");
    let typed = "\x1b]0;owned\x07\u{202e}\u{9b}2J\x7f";
    for arguments in [
        &["send", "bob", &format!("@/{typed}")][..],
        &["run", &format!("/{typed}")],
        &["--secret-file", &format!("/{typed}"), "whoami"],
    ] {
        shows(&world, arguments, 10, "owned");
    }
    for arguments in [
        &[typed][..],
        &["services", typed],
        &["whoami", typed],
        &["whoami", &format!("--{typed}")],
        &["--url", typed, "whoami"],
        &["--url", &format!("ws://{typed}/"), "whoami"],
        &["--name", typed, "whoami"],
        &["--timeout", typed, "whoami"],
        &["send", "bob", &format!("{{{typed}")],
        &["services", "show", typed],
        &["events", "-n", typed],
    ] {
        shows(&world, arguments, 2, "error");
    }
}

#[test]
fn what_one_says_of_oneself_is_harmless() {
    let world = World::new();
    let nickname = "\x1b]0;owned\x07\u{202e}";
    let identity = ["-v", "--nickname", nickname, "--tag", nickname];
    shows(&world, &[&identity[..], &["whoami"]].concat(), 0, "owned");
    // It draws a bar while it looks.
    let mut terminal = world.terminal(&[&identity[..], &["doctor"]].concat());
    assert_eq!(terminal.wait().unwrap().code(), Some(0));
    judge::edited(terminal.written(), 0, "doctor");
}

/// Runs a stream on a terminal in each format, and sends it everything once it listens.
fn streams(arguments: &[&str], target: &str, listening: impl Fn(&mut Peer)) {
    let mut world = World::new();
    for format in FORMATS {
        for spelling in [texts::json, texts::escaped_json] {
            let mut terminal = world.terminal(&[&["-N", "ear", "-o", format], arguments].concat());
            listening(&mut world.mallory);
            let text = spelling(&everything());
            world.mallory.send(target, &format!(r#"{{{text}:[{text},{{"deep":{text}}}]}}"#)).unwrap();
            world.mallory.send(target, &text).unwrap();
            world.mallory.send(target, &texts::json(&"\x1b[2J".repeat(50_000))).unwrap();
            let status = terminal.wait().unwrap();
            let what = format!("{arguments:?} as {format}");
            let written = terminal.written();
            assert_eq!(status.code(), Some(0), "{what}: {}", String::from_utf8_lossy(written));
            let shown = String::from_utf8_lossy(written);
            assert!(shown.matches(BEGIN).count() >= 4 && shown.matches(END).count() >= 4, "{what}: {shown}");
            judge::plain(written, format == "tsv", &what);
        }
    }
}

#[test]
#[ignore = "takes seven seconds: tests/run runs it"]
fn messages_are_harmless_in_listen() {
    streams(&["listen", "-n", "3"], r#"{"type":"NAME","name":"ear"}"#, |mallory| {
        mallory.see_join("ear").unwrap();
    });
}

#[test]
#[ignore = "takes ten seconds: tests/run runs it"]
fn messages_of_a_service_are_harmless_in_listen() {
    let target = format!(r#"{{"type":"SERVICE","service":{}}}"#, texts::json(SERVICE));
    streams(&["listen", SERVICE, "-n", "3"], &target, |mallory| mallory.see_subscription("ear").unwrap());
}

#[test]
#[ignore = "takes ten seconds: tests/run runs it"]
fn messages_are_harmless_in_events() {
    let arguments = ["events", "-n", "3", "--type", "MESSAGE"];
    streams(&arguments, r#"{"type":"ALL"}"#, |mallory| mallory.see_join("ear").unwrap());
}

#[test]
#[ignore = "takes twenty seconds: tests/run runs it"]
fn what_a_stream_tells_of_its_connection_is_harmless() {
    let mut world = World::new();
    let service = texts::json(SERVICE);
    for format in FORMATS {
        let impostor = Impostor::before(world.gateway.address());
        let arguments = ["-u", &impostor.url(), "-N", "ear", "-o", format, "listen", SERVICE];
        let mut terminal = world.terminal(&arguments);
        world.mallory.see_subscription("ear").unwrap();
        let target = format!(r#"{{"type":"SERVICE","service":{service}}}"#);
        world.mallory.send(&target, r#""it listens""#).unwrap();
        terminal.wait_for("it listens").unwrap();
        impostor.send_away();
        terminal.wait_for("owned").unwrap();
        // The subscription does not come back: what it was to is named.
        world.mallory.ask(&format!(r#"{{"type":"SERVICE_DELETE","service":{service}}}"#)).unwrap();
        impostor.go_on();
        let is_json = matches!(format, "json" | "ndjson");
        terminal.wait_for(if is_json { r#""missing":["cha"# } else { "not restored: #cha" }).unwrap();
        terminal.signal(Signal::INT).unwrap();
        assert_eq!(terminal.wait().unwrap().code(), Some(130));
        judge::plain(terminal.written(), format == "tsv", &format!("{arguments:?}"));
        for request in ["SERVICE_CREATE", "SELF_SUBSCRIBE"] {
            world.mallory.ask(&format!(r#"{{"type":"{request}","service":{service}}}"#)).unwrap();
        }
    }
}

#[test]
fn off_a_terminal_data_stays_byte_for_byte_and_raw_passes_it_through() {
    let mut world = World::new();
    for spelling in [texts::json, texts::escaped_json] {
        let text = everything();
        let data = format!(r#"[1.10,{{"k":{}}}]"#, spelling(&text));
        for (format, expected) in [
            ("json", format!("\"data\":{data}}}\n")),
            ("ndjson", format!("\"data\":{data}}}\n")),
            ("raw", format!("{data}\n")),
        ] {
            let child = Command::new(program("concierge").unwrap())
                .args(["-u", &world.gateway.url(), "-N", "ear", "-o", format, "listen", "-n", "1"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            world.mallory.see_join("ear").unwrap();
            world.mallory.send_to("ear", &data).unwrap();
            let written = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
            assert!(written.ends_with(&expected), "as {format}: {written:?}");
        }
    }
}
