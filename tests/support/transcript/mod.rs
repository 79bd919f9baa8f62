//! Golden transcripts: what goes over the wire between a gateway and its clients, written down as people read it.
//!
//! ```text
//! # A comment says which rule the lines below hold.
//! gateway secret = "s3cret"                    the gateway's configuration, a line of TOML
//! alice connects                               upgrades /ws, offering no subprotocol
//! alice > {"type":"IDENTIFY", …}               sends a text payload
//! alice < {"type":"HELLO","uuid":"<alice>", …} receives exactly this next (see `pattern` for the marks)
//! bob, carol < {…}                             each of them does
//! bob joins                                    connects, identifies as `bob`; he and everyone present is told
//! bob joins with {"intents":[]}                the same, with fields more in his IDENTIFY
//! bob > 99 times {…}                           the same payload again and again; `<` has it too
//! bob sends unfinished text {"ty               one frame, by hand; also unmasked, rsv1, hex ff fe, code 1000 bye
//! bob gets pong are you there                  receives this control frame next
//! bob x 4005 "Duplicate name in namespace"     the gateway closes with this code and reason, and ends the connection
//! bob x                                        the gateway ends the connection without a close frame
//! bob leaves · vanishes · falls silent         closes with 1000 · cuts the connection · answers no more pings
//! web asks GET / · upgrades /ws?a=b            a request by hand; then `web + Header: value`, `web - Header`, and
//! web = 101 · = Header: value · = without Header · = body TEXT
//! ```
//!
//! What a client receives must be listed in full: a payload that is not is a failure. When the transcript ends, every
//! client still there is asked for one answer more, which must be the very next thing it receives and carry the
//! sequence number that is due.

mod client;
mod pattern;
mod player;
mod script;

use std::path::Path;

/// Plays a transcript against a gateway of its own.
///
/// # Errors
///
/// A text for a person: the file, the line, what was expected and what came instead.
pub fn play(path: &Path) -> Result<(), String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    play_text(&text).map_err(|failure| format!("{}: {failure}", path.display()))
}

/// Plays a transcript given as text.
///
/// # Errors
///
/// The same text without the file.
pub fn play_text(text: &str) -> Result<(), String> {
    let script = script::Script::parse(text)?;
    player::play(&script)
}
