//! What a held session stores.

use std::{fs, path::PathBuf};

use concierge_client::files::FileError;

use super::{Home, store};
use crate::{
    gateway::Gateway,
    sessions::{Sessions, pid},
};

#[test]
fn what_a_session_stores_outlives_the_command() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let sessions = Sessions::at(&gateway.url);
    let begun = sessions.hold(&["bot"]);
    let home = Home::new();
    let x = home.keep("x", "stays");
    let put = sessions.on_bot(&["files", "put", &x]).succeeded();
    assert_eq!(put.stderr, "");
    assert!(put.stdout.starts_with("stored bot/x"), "{put:?}");
    let read = || bob.wait(async { bob.client.files().get("bot", "x").bytes(9).await });
    assert_eq!(read().unwrap(), "stays");
    store(&bob, "y", "bob's");
    sessions.on_bot(&["files", "get", "bob/y", "-O", &home.text("y")]).succeeded();
    assert_eq!(home.read("y"), b"bob's");
    assert_eq!(sessions.on_bot(&["files", "ls", "-o", "raw"]).succeeded().stdout, "x\n");
    let missing = sessions.on_bot(&["files", "rm", "z"]);
    assert_eq!(missing.code, Some(6), "{missing:?}");
    sessions.on_bot(&["files", "rm", "x"]).succeeded();
    assert!(matches!(read(), Err(FileError::NotFound { .. })));
    let script = home.keep("script", format!("files put {x} --as from_script\nfiles ls"));
    sessions.on_bot(&["run", &script]).succeeded();
    assert_eq!(sessions.on_bot(&["files", "ls", "-o", "raw"]).succeeded().stdout, "from_script\n");
    // The key is where nobody reads it by accident.
    let process = PathBuf::from(format!("/proc/{}", pid(&begun)));
    let shown = sessions.run(&["hold", "--status", "bot", "--json"]).succeeded().stdout;
    for text in [
        fs::read_to_string(sessions.log("bot")).unwrap(),
        fs::read_to_string(process.join("cmdline")).unwrap(),
        fs::read_to_string(process.join("environ")).unwrap(),
        shown,
    ] {
        assert_eq!(ids(&text).into_iter().filter(|id| begun["uuid"] != **id).count(), 0, "{text}");
    }
}

/// Everything in a text that looks like an id or a key.
fn ids(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_ascii_hexdigit() && character != '-');
    words.filter(|word| word.len() == 36).map(str::to_owned).collect()
}

#[test]
fn a_session_without_a_connection_stores_nothing() {
    let mut gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let home = Home::new();
    let x = home.keep("x", "");
    let mut events = sessions.stream(&["--session", "bot", "events"]);
    events.begins_to_hear(|| drop(sessions.on_bot(&["send", "@bot", "hi"]).succeeded()));
    gateway.stop();
    events.see_told("disconnected");
    let away = sessions.on_bot(&["files", "put", &x]);
    assert_eq!(away.code, Some(3), "{away:?}");
    assert!(away.stderr.contains("the session bot has no connection to"), "{away:?}");
    gateway.start_again();
    events.see_told("resumed");
    sessions.on_bot(&["files", "put", &x]).succeeded();
}
