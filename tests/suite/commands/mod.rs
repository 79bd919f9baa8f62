//! The transcripts of `tests/golden/command`: what each command writes, to a pipe and to a terminal, and with which code it ends.
//!
//! A `$` runs a line on pipes, a `%` on a terminal without colours, a `*` on one with them. What follows is what to do meanwhile
//! (`<` is input, `@` waits for somebody, `>` is a message by bob, `^` a signal or the end of the gateway), and then what came of it:
//! lines of the output, of the errors (`!`), and the exit code (`?`). `CONCIERGE_GOLDEN=write` writes what came of it anew.

mod player;
mod script;
mod settled;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use concierge_cli::Exit;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/command")
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                player::play(&folder().join(concat!(stringify!($name), ".txt")));
            }
        )*

        const LISTED: &[&str] = &[$(stringify!($name)),*];
    };
}

transcripts! {
    clients
    doctor
    events
    exit_codes
    files
    hold
    language
    listen
    ping
    raw
    run
    send
    server
    services
    usage
    version
    whoami
}

#[test]
fn every_transcript_of_a_command_is_played() {
    let found: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, LISTED.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn every_exit_code_is_in_a_transcript() {
    if player::is_writing() {
        return;
    }
    let text = std::fs::read_to_string(folder().join("exit_codes.txt")).unwrap();
    for exit in Exit::ALL.into_iter().filter(|exit| *exit != Exit::Done) {
        let line = format!("? {}", exit.code());
        assert!(text.lines().any(|found| found == line), "nothing there ends with {}", exit.code());
    }
}
