//! Every JSON that the protocol's description shows is read, and written as it was.

use serde_json::Value;

use super::{Envelope, Incoming, Request};
use crate::payload::encode;

/// Lines `> …` of a client and `< …` of a gateway; `#` begins a comment.
const PAYLOADS: &str = include_str!("../../../tests/golden/telegraphy/payloads.txt");

/// The same again, by way of the type it has.
fn written_again(line: &str) -> String {
    let (direction, text) = line.split_at(2);
    if direction == "> " {
        let envelope = Envelope::parse(text).unwrap_or_else(|error| panic!("{line}: {error}"));
        let id = envelope.id();
        let call = envelope.decode().unwrap_or_else(|error| panic!("{line}: {error}"));
        return encode(&Request { id, call });
    }
    match Incoming::decode(text).unwrap_or_else(|error| panic!("{line}: {error:?}")) {
        Incoming::Response(response) => encode(&*response),
        Incoming::Event(event) => encode(&*event),
        Incoming::System(frame) => encode(&frame),
    }
}

#[test]
fn every_payload_of_the_description_is_written_as_it_was_read() {
    let lines: Vec<_> = PAYLOADS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() > 40, "only {} lines", lines.len());
    for line in lines {
        let given: Value = serde_json::from_str(&line[2..]).unwrap();
        let written: Value = serde_json::from_str(&written_again(line)).unwrap();
        assert_within(&given, &written, line);
    }
}

/// Everything that was given is written again; there may be more.
fn assert_within(given: &Value, written: &Value, line: &str) {
    match (given, written) {
        (Value::Object(given), Value::Object(written)) => {
            for (key, value) in given {
                let written = written.get(key).unwrap_or_else(|| panic!("{line}: `{key}` is lost"));
                assert_within(value, written, line);
            }
        }
        _ => assert_eq!(given, written, "{line}"),
    }
}

#[test]
fn what_is_no_message_of_a_gateway_is_an_error() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"event":7}"#,
        r#"{"event":""}"#,
        r#"{"success":true}"#,
        r#"{"status":"NO","id":1}"#,
    ] {
        assert!(Incoming::decode(text).is_err(), "{text}");
    }
}

#[test]
fn a_system_event_that_is_not_known_is_an_event() {
    let incoming = Incoming::decode(r#"{"event":"telegraphy.news","data":{}}"#).unwrap();
    assert_eq!(incoming.event_name().unwrap(), &"telegraphy.news");
}

#[test]
fn tokens_do_not_show_themselves() {
    for text in [
        r#"> {"message":"CONNECT","id":0,"args":{"auth_token":"s3cret","session_token":"s3cret"}}"#,
        r#"> {"message":"RECONNECT","id":0,"session_token":"s3cret"}"#,
    ] {
        let request = Envelope::parse(&text[2..]).unwrap().decode().unwrap();
        assert!(!format!("{request:?}").contains("s3cret"), "{request:?}");
    }
    let connected = r#"{"success":true,"status":"CONNECTED","id":0,"data":{"session_token":"s3cret"}}"#;
    assert!(!format!("{:?}", Incoming::decode(connected).unwrap()).contains("s3cret"));
}
