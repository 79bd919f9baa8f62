//! That the transcripts leave nothing of the protocol out.

use std::collections::BTreeSet;

use concierge_client::telegraphy::{CloseCode, RequestKind, Status, SystemEvent};
use serde_json::Value;

use super::TRANSCRIPTS;

/// Every text that a client receives, or that one sends, in any transcript.
fn texts(arrow: &str) -> Vec<Value> {
    let lines = TRANSCRIPTS.iter().flat_map(|(_, text)| text.lines());
    let texts = lines.filter_map(|line| line.split_once(arrow));
    texts.filter_map(|(_, text)| serde_json::from_str(text).ok()).collect()
}

fn words(texts: &[Value], key: &str) -> BTreeSet<String> {
    texts.iter().filter_map(|text| text[key].as_str()).map(str::to_owned).collect()
}

#[test]
fn every_status_is_in_a_transcript() {
    let known = Status::all().map(|status| status.as_str().to_owned()).collect();
    assert_eq!(words(&texts(" < "), "status"), known);
}

#[test]
fn every_request_is_in_a_transcript() {
    let known: BTreeSet<_> = RequestKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    let said = words(&texts(" > "), "message");
    assert!(said.is_superset(&known), "{:?}", known.difference(&said));
}

#[test]
fn every_system_event_is_in_a_transcript() {
    let heard = words(&texts(" < "), "event");
    for name in [
        "telegraphy.ping",
        SystemEvent::REGISTRY,
        "telegraphy.subscription",
        "telegraphy.gap",
        "telegraphy.closing",
    ] {
        assert!(heard.contains(name), "{name}");
    }
}

/// What closes a connection for reasons that neither the dialect nor the core can know.
const OUTSIDE: [CloseCode; 5] = [
    CloseCode::GoingAway,
    CloseCode::Lost,
    CloseCode::Forbidden,
    CloseCode::Internal,
    CloseCode::SlowConsumer,
];

#[test]
fn every_close_code_is_in_a_transcript() {
    for code in CloseCode::all().filter(|code| !OUTSIDE.contains(code)) {
        let line = format!(" x {code}\n");
        assert!(TRANSCRIPTS.iter().any(|(_, text)| text.contains(&line)), "{code}");
    }
}
