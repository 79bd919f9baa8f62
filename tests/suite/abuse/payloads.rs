//! Texts that mean to break a parser, the gateway's or that of whoever receives them.

use support::gateway::Gateway;
use support::raw::RawSocket;

use super::is_served;

const DEPTH: usize = 100_000;

fn nested(open: &str, close: &str) -> String {
    open.repeat(DEPTH) + close.repeat(DEPTH).as_str()
}

#[test]
fn nesting_breaks_nobody_wherever_it_stands() {
    let gateway = Gateway::start();
    let mut alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    let target = r#""target":{"type":"NAME","name":"alice"}"#;
    let (arrays, objects) = (nested("[", "]"), nested(r#"{"a":"#, "}").replace(":}", ":0}"));
    let texts = [
        arrays.clone(),
        "[".repeat(DEPTH),
        objects.clone(),
        format!(r#"{{"type":"MESSAGE",{target},"data":{arrays}}}"#),
        format!(r#"{{"type":"MESSAGE",{target},"data":{objects}}}"#),
        format!(r#"{{"type":"MESSAGE","target":{arrays},"data":0}}"#),
        format!(r#"{{"type":{arrays}}}"#),
        format!(r#"{{"type":"SELF_FETCH","x":{arrays}}}"#),
        format!(r#"{{"x":{objects},"type":"SELF_FETCH"}}"#),
        format!(r#"{{"type":"SERVICE_CREATE","service":{arrays}}}"#),
    ];
    for (seq, text) in texts.iter().enumerate() {
        alice.send_text(text).unwrap();
        let answer = alice.read_text().unwrap();
        let text: String = text.chars().take(80).collect();
        assert!(answer.starts_with(&format!(r#"{{"seq":{seq},"type":"#)), "{text}: {answer}");
        assert!(answer.len() < 1000, "{text} comes back in the answer");
        let is_ignored = text.contains("SELF_FETCH") || text.starts_with(r#"{"x""#);
        assert!(is_ignored || answer.contains("ERROR_PROTOCOL"), "{text}: {answer}");
    }
    // What is unknown in a target is dropped on the way, however deep.
    alice
        .send_text(&format!(
            r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"alice","x":{arrays}}},"data":0}}"#
        ))
        .unwrap();
    assert!(alice.read_text().unwrap().ends_with(r#""target":{"type":"NAME","name":"alice"},"data":0}"#));
    assert!(alice.read_text().unwrap().ends_with(r#""type":"OK"}"#));
    // The same from a stranger, whose first message has 64 KiB.
    for first in [
        "[".repeat(60_000),
        format!(r#"{{"type":"IDENTIFY","name":"bob","version":"0.2.0","tags":{}"#, "[".repeat(60_000)),
        format!(r#"{{"type":"IDENTIFY","name":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000)),
    ] {
        let mut stranger = RawSocket::upgraded(gateway.address()).unwrap();
        stranger.send_text(&first).unwrap();
        assert_eq!(stranger.read_close().unwrap().code, Some(4002));
    }
    is_served(&mut alice);
}

#[test]
fn numbers_and_strings_without_measure_are_passed_on_or_refused() {
    let gateway = Gateway::start();
    let mut alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
    // As data they are the receiver's affair, byte for byte.
    for data in
        ["9".repeat(100_000), format!("1e{}", "9".repeat(1000)), format!("\"{}\"", "\\u0000".repeat(50_000))]
    {
        alice
            .send_text(&format!(
                r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"alice"}},"data":{data}}}"#
            ))
            .unwrap();
        assert!(alice.read_text().unwrap().ends_with(&format!(r#""data":{data}}}"#)));
        assert!(alice.read_text().unwrap().ends_with(r#""type":"OK"}"#));
    }
    // As a sequence number, a name or a type they are nothing.
    for text in [
        format!(r#"{{"type":"SELF_SET_SEQ","seq":{}}}"#, "9".repeat(100_000)),
        r#"{"type":"SELF_SET_SEQ","seq":9007199254740992}"#.to_owned(),
        r#"{"type":"SELF_SET_SEQ","seq":-1}"#.to_owned(),
        r#"{"type":"SELF_SET_SEQ","seq":1e3}"#.to_owned(),
        format!(r#"{{"type":"SERVICE_CREATE","service":"{}"}}"#, "x".repeat(100_000)),
        format!(r#"{{"type":"CLIENT_FETCH","uuid":"{}"}}"#, "x".repeat(100_000)),
    ] {
        alice.send_text(&text).unwrap();
        let answer = alice.read_text().unwrap();
        let text: String = text.chars().take(80).collect();
        assert!(answer.contains("ERROR_PROTOCOL") && answer.len() < 1000, "{text}: {answer}");
    }
    is_served(&mut alice);
}
