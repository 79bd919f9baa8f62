//! Events of web applications in the REPL, on the gateway that is embedded there.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use support::raw::{Handshake, RawSocket};
use support::terminal::Setup;

use super::seat::Seat;

/// What `server info` tells under this name.
fn told(seat: &Seat, name: &str) -> Result<String> {
    let lines = seat.terminal.emulator.lines();
    let told = lines.iter().rev().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix("  "));
    Ok(told.with_context(|| format!("no {name} in:\n{}", lines.join("\n")))?.trim().to_owned())
}

/// Publishes as any program would that speaks HTTP.
fn publish(api: &str, key: &str, event: &str) -> Result<()> {
    let host = api.strip_prefix("http://").context("it is no URL")?;
    let request = Handshake::request("POST", "/api/v1/publish", host)
        .with("Connection: close")
        .with(&format!("Authorization: Bearer {key}"))
        .with("Content-Type: application/json")
        .with(&format!("Content-Length: {}", event.len()));
    let mut socket = RawSocket::open(host.parse()?)?;
    socket.send_bytes((request.text() + event).as_bytes())?;
    let answer = socket.read_response()?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Whether this stands in a file of a folder, or of one within it.
fn is_in(folder: &Path, text: &str) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            is_in(&path, text)?
        } else {
            String::from_utf8_lossy(&fs::read(&path)?).contains(text)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn walk() -> Result<()> {
    let mut seat = Seat::alone(Setup::default())?;
    seat.enter("server info")?;
    let (api, key) = (told(&seat, "api")?, told(&seat, "api key")?);
    ensure!(key.len() == 64, "{key:?} is no key");
    seat.enter("event listen todo.Task --lazy &")?;
    seat.terminal.wait_for("listening to todo.Task as user local")?;

    // From elsewhere, under a line that is being typed.
    seat.type_after("", "event publish todo.Task id")?;
    publish(&api, &key, r#"{"event": "todo.Task", "data": {"id": 7}}"#)?;
    seat.terminal.wait_for(r#" todo.Task custom: {"id": 7}"#)?;
    seat.expect("event publish todo.Task id")?;
    seat.type_after("event publish todo.Task id", ":=8")?;
    seat.press("\r", "")?;
    seat.terminal.wait_for(r#" todo.Task custom: {"id":8}"#)?;

    // In front, Ctrl-C ends it, and the session goes on.
    seat.type_after("", "event listen todo.Task --lazy --where id__gte=9")?;
    seat.terminal.keys("\r")?;
    seat.terminal.wait_until("both listen", |screen| {
        screen.lines().iter().filter(|line| line.contains("listening to todo.Task")).count() == 2
    })?;
    publish(&api, &key, r#"{"event": "todo.Task", "data": {"id": 9}}"#)?;
    seat.terminal.wait_until("both have it", |screen| {
        screen.lines().iter().filter(|line| line.contains(r#"{"id": 9}"#)).count() == 2
    })?;
    seat.terminal.keys("\x03")?;
    seat.expect("")?;
    seat.enter("stop 1")?;
    seat.terminal.wait_for("[1] stopped: event listen todo.Task --lazy")?;
    seat.terminal.keys("\x04")?;
    ensure!(seat.terminal.wait()?.success(), "the REPL did not end with 0");
    ensure!(is_in(seat.home.path(), "event listen todo.Task")?, "what was typed is remembered nowhere");
    ensure!(!is_in(seat.home.path(), &key)?, "the key is kept somewhere");
    Ok(())
}

#[test]
fn events_are_published_and_listened_to_on_the_gateway_of_the_repl() {
    walk().unwrap_or_else(|error| panic!("{error:#}"));
}
