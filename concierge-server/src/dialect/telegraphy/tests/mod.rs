//! The dialect and its core, text in and text out, without a socket or a clock: the transcripts of `tests/golden/telegraphy`, and
//! what holds whatever happens.

mod application;
mod coverage;
mod description;
mod listener;
mod properties;
mod script;
mod stage;
mod world;

use script::play;

/// Each transcript of these names: its name and its text.
macro_rules! transcripts {
    ($($name:literal,)*) => {
        [$(($name, include_str!(concat!("../../../../../tests/golden/telegraphy/", $name, ".txt"))),)*]
    };
}

/// Every transcript.
const TRANSCRIPTS: [(&str, &str); 17] = transcripts! {
    "api",
    "api_errors",
    "api_store",
    "connect",
    "connect_refused",
    "events",
    "guaranteed",
    "messages",
    "publish_refused",
    "reconnect",
    "registry",
    "slow",
    "store",
    "subscribe",
    "subscribe_limits",
    "waiting",
    "web",
};

#[test]
fn transcripts_are_played_as_they_are_written() {
    let failures: Vec<_> = TRANSCRIPTS
        .into_iter()
        .filter_map(|(name, text)| play(text).err().map(|why| format!("{name}.txt, {why}")))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
