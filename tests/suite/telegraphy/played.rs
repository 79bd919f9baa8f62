//! The transcripts of `tests/golden/telegraphy` over sockets: clients at a gateway's port, the web application at its own. Whatever
//! else they are for is in `concierge-server/src/dialect/telegraphy/tests/script.rs`, which plays them without either, with a clock and a
//! store that do what they are told.
//!
//! Here no time passes, and the store works. What hangs on either stands in a transcript between these two lines:
//!
//! ```text
//! # Not over sockets: two minutes are too long.
//! # Over sockets again.
//! ```

use std::path::Path;

use super::player::play;

/// What begins a part that is not played here; a reason follows.
const NOT_HERE: &str = "# Not over sockets: ";

/// What ends it.
const AGAIN: &str = "# Over sockets again.";

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let name = concat!(stringify!($name), ".txt");
                if let Err(why) = play(&text(name)) {
                    panic!("{name}, {why}");
                }
            }
        )*

        const PLAYED: &[&str] = &[$(concat!(stringify!($name), ".txt")),*];
    };
}

transcripts! {
    api
    api_errors
    api_store
    connect
    connect_refused
    events
    guaranteed
    messages
    publish_refused
    reconnect
    registry
    slow
    store
    subscribe
    subscribe_limits
    web
}

/// Those of which nothing can be seen over sockets, and why.
const NOT_PLAYED: [(&str, &str); 2] = [
    ("payloads.txt", "it is a list of payloads, and not a conversation"),
    ("waiting.txt", "a store that waits for as long as it is told"),
];

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/telegraphy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a transcript that are played here, with their numbers.
pub(super) fn lines(text: &str) -> Result<Vec<(usize, &str)>, String> {
    let (mut lines, mut is_here) = (Vec::new(), true);
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        let turns = if is_here {
            line.strip_prefix(NOT_HERE).is_some_and(|reason| !reason.is_empty())
        } else {
            line == AGAIN
        };
        is_here ^= turns;
        if !turns && (line.starts_with(NOT_HERE) || line == AGAIN) {
            return Err(format!("line {number}: {line}\n  it says so already"));
        }
        if is_here && !line.is_empty() && !line.starts_with('#') {
            lines.push((number, line));
        }
    }
    Ok(lines)
}

/// What is played of a transcript that is; nothing of any other.
pub(super) fn played(name: &str) -> Option<String> {
    let text = PLAYED.contains(&name).then(|| text(name))?;
    let lines: Vec<_> = lines(&text).unwrap().into_iter().map(|(_, line)| line).collect();
    Some(lines.join("\n"))
}

#[test]
fn every_transcript_is_played_or_said_not_to_be() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/telegraphy");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    let mut known: Vec<_> = PLAYED.iter().chain(NOT_PLAYED.iter().map(|(name, _)| name)).collect();
    known.sort();
    assert!(found.iter().eq(known), "{found:?}");
}

#[test]
fn a_transcript_that_is_wrong_fails() {
    let connected = r#"alice connects¶alice > {"message":"PING","id":0}¶"#.replace('¶', "\n");
    for wrong in [
        "alice < {}",
        r#"alice < {"success":false,"status":"NOT_CONNECTED","id":1,"data":{"message":"CONNECT or RECONNECT comes first"}}"#,
        "alice x 4400 INVALID_MESSAGE",
        // Nothing was expected, and something came.
        "alice hears nothing",
        "web = published e1 1",
        "web > GET /api/v1/nowhere\nweb < 200 {}",
        "store is full",
    ] {
        assert!(play(&format!("{connected}{wrong}")).is_err(), "this was accepted: {wrong}");
    }
}
