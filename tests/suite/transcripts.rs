//! The golden transcripts of `tests/golden`: one test each, so that a failure says which subject broke.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                if let Err(failure) = support::transcript::play(&folder().join(concat!(stringify!($name), ".txt"))) {
                    panic!("{failure}");
                }
            }
        )*

        const LISTED: &[&str] = &[$(stringify!($name)),*];
    };
}

transcripts! {
    clients
    compact
    connection
    data
    errors
    extensions
    extensions_no_files
    frames
    frames_broken
    frames_fragments
    frames_large
    heartbeat
    http
    http_full
    http_origins
    identify
    identify_decode
    identify_first
    identify_late
    identify_refused
    identify_reserved
    identify_secret
    intents
    leaving
    limits
    limits_exceeded
    messages
    messages_service
    names
    names_ascii
    names_limits
    sequence
    service_aliases
    services
    services_all
    subscriptions
}

#[test]
fn every_transcript_is_played() {
    let entries = std::fs::read_dir(folder()).expect("there is a folder of transcripts");
    // A folder there belongs to another module.
    let found: BTreeSet<String> = entries
        .map(|entry| entry.expect("the folder can be read"))
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = LISTED.iter().map(|name| format!("{name}.txt")).collect();
    assert_eq!(found, listed, "the files of tests/golden and the list of tests/suite/transcripts.rs differ");
}

/// What the transcripts rest on: a transcript that is wrong must fail.
#[test]
fn a_transcript_that_is_wrong_fails() {
    let wrong = [
        // Another payload than the one that comes.
        "alice joins\nalice > {\"type\":\"SELF_SET_SEQ\",\"seq\":4}\nalice < {\"seq\":5,\"type\":\"OK\"}",
        // A payload nobody listed.
        "alice joins\nalice > {\"type\":\"SELF_SET_SEQ\",\"seq\":4}",
        // A payload that never comes.
        "alice joins\nalice sends ping x\nalice < {\"type\":\"OK\"}",
        // Another close code, another reason, no close at all.
        "alice connects\nalice > 1\nalice x 4003 \"<~>\"",
        "alice connects\nalice > 1\nalice x 4002 \"no such reason\"",
        "alice connects\nalice > 1\nalice x",
        // Another status.
        "web asks GET /\nweb = 404",
    ];
    for transcript in wrong {
        assert!(support::transcript::play_text(transcript).is_err(), "this was accepted:\n{transcript}");
    }
}
