//! `nats-server` over WebSocket: its protocol is text of its own in binary frames.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use support::process::Program;
use support::raw::{Frame, RawSocket};

use super::Part;
use crate::load::Language;

const CONFIGURATION: &str = "host: 127.0.0.1\nport: -1\nping_interval: \"1h\"\nmax_connections: 100000\n\
                             websocket { host: 127.0.0.1, port: -1, no_tls: true }\n";

pub(super) fn start(place: &Path) -> Result<(Program, SocketAddr)> {
    let config = place.join("nats.conf");
    std::fs::write(&config, CONFIGURATION)?;
    let mut command = Command::new("nats-server");
    command.args(["--log", "/dev/stdout", "--config"]).arg(config);
    let mut program =
        Program::start("nats-server", &mut command).context("in Debian it is the package nats-server")?;
    let line = program.wait_for_line("for websocket clients on ws://")?;
    program.wait_for_line("Server is ready")?;
    let address = line.rsplit_once("ws://").and_then(|(_, address)| address.parse().ok());
    Ok((program, address.with_context(|| format!("no address in {line:?}"))?))
}

pub(super) fn connect(address: SocketAddr, part: Part) -> Result<RawSocket> {
    let mut socket = RawSocket::upgraded_at(address, "/")?;
    let subscription = hears(part).map(|subject| format!("SUB {subject} 1\r\n")).unwrap_or_default();
    let text = format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\n{subscription}PING\r\n");
    socket.send(&Frame::binary(text.as_bytes()))?;
    while !socket.read_frame()?.context("nats-server ended a connection")?.payload.ends_with(b"PONG\r\n") {}
    Ok(socket)
}

pub(super) fn language(part: Part, size: usize) -> Language {
    let subject = hears(part).unwrap_or_default();
    let message_bytes = format!("MSG {subject} 1 {size}\r\n").len() + size + 2;
    Language::Nats { message_bytes }
}

pub(super) fn message(part: Part, data: &str) -> Vec<u8> {
    let subject = match part {
        Part::Owner => Some("room".to_owned()),
        Part::Left(number) => hears(Part::Right(number)),
        Part::Right(number) => hears(Part::Left(number)),
        Part::Subscriber(_) | Part::Alone | Part::Guest(_) => hears(part),
    };
    let (subject, size) = (subject.unwrap_or_default(), data.len());
    Frame::binary(format!("PUB {subject} {size}\r\n{data}\r\n").as_bytes()).encode()
}

fn hears(part: Part) -> Option<String> {
    match part {
        Part::Owner | Part::Guest(_) => None,
        Part::Subscriber(_) => Some("room".to_owned()),
        Part::Left(number) => Some(format!("left_{number}")),
        Part::Right(number) => Some(format!("right_{number}")),
        Part::Alone => Some("alone".to_owned()),
    }
}
