//! Questions and answers: what comes back to `request`, and what `serve` is asked.

use support::peer::Peer;

use super::commands::FORMATS;
use super::judge;
use super::texts::{self, BEGIN, END, everything};
use super::world::{CLIENT, World};

/// The identity by which a question is answered.
fn identity(message: &str) -> String {
    let (_, rest) = message.split_once(r#""request":""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Runs a request on a terminal in each format; what it asks is answered with `answer`, which has the question's identity.
fn asks(more: &[&str], code: i32, answer: impl Fn(&str) -> String) {
    let mut world = World::new();
    for format in FORMATS {
        let arguments = [&["-N", "ear", "-o", format, "request", CLIENT, "hi"], more].concat();
        let mut terminal = world.terminal(&arguments);
        let question = world.mallory.hear("MESSAGE", "hi").unwrap();
        let identity = if more.contains(&"--plain") { String::new() } else { identity(&question) };
        world.mallory.send_to("ear", &answer(&identity)).unwrap();
        let status = terminal.wait().unwrap();
        let (what, written) = (format!("{arguments:?}"), terminal.written());
        let shown = String::from_utf8_lossy(written);
        assert_eq!(status.code(), Some(code), "{what}: {shown}");
        assert!(shown.contains(BEGIN) && shown.contains(END), "{what}: {shown}");
        judge::plain(written, format == "tsv", &what);
    }
}

#[test]
fn answers_are_harmless_in_request() {
    let text = texts::json(&everything());
    asks(&[], 0, |identity| format!(r#"{{"reply":"{identity}","body":{{{text}:[{text}]}}}}"#));
    asks(&["--plain"], 0, |_| text.clone());
}

#[test]
#[ignore = "takes five seconds: tests/run runs it"]
fn errors_that_others_answer_with_are_harmless_in_request() {
    for text in [texts::json(&everything()), texts::escaped_json(&everything())] {
        asks(&[], 1, |identity| format!(r#"{{"reply":"{identity}","error":{text}}}"#));
    }
}

/// Serves on a terminal in each format, and asks everything.
fn serves(answer: &[&str]) {
    let mut world = World::new();
    for format in FORMATS {
        let arguments = [&["-v", "-N", "ear", "-o", format, "serve", "open", "-n", "2"], answer].concat();
        let mut terminal = world.terminal(&arguments);
        terminal.wait_for("ear serves #open").unwrap();
        world.mallory.ask(r#"{"type":"SELF_SUBSCRIBE","service":"open"}"#).unwrap();
        let text = texts::json(&everything());
        for data in [
            format!(r#"{{"request":"00000000-0000-0000-0000-000000000001","body":{text}}}"#),
            format!(r"[{text},{{{text}:1}}]"),
        ] {
            world.mallory.send(r#"{"type":"SERVICE","service":"open"}"#, &data).unwrap();
        }
        let status = terminal.wait().unwrap();
        let (what, written) = (format!("{arguments:?}"), terminal.written());
        let shown = String::from_utf8_lossy(written);
        assert_eq!(status.code(), Some(0), "{what}: {shown}");
        assert!(shown.contains(END), "{what}: {shown}");
        judge::plain(written, format == "tsv", &what);
        left(&mut world.mallory);
    }
}

fn left(mallory: &mut Peer) {
    mallory.hear("CLIENT_LEFT", r#""name":"ear""#).unwrap();
}

#[test]
fn what_is_asked_is_harmless_in_serve() {
    serves(&["--echo"]);
}

#[test]
#[ignore = "takes ten seconds: tests/run runs it"]
fn what_programs_tell_is_harmless_in_serve() {
    // It tells what it was asked as an answer, as a note, and as why it failed.
    serves(&["--exec", "cat"]);
    serves(&["--exec", "sh", "-c", "tee /dev/stderr"]);
    serves(&["--exec", "sh", "-c", "cat >&2; exit 7"]);
}
