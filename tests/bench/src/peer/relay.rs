//! The bare relay of this package.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use support::process::{Program, command};
use support::raw::{Frame, RawSocket};

use super::Part;

pub(super) fn start() -> Result<(Program, SocketAddr)> {
    let mut program = Program::start("the relay", &mut command("concierge-bench-relay")?)?;
    let line = program.next_line()?;
    let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
    Ok((program, address.with_context(|| format!("the first line is {line:?}"))?))
}

pub(super) fn connect(address: SocketAddr, part: Part) -> Result<RawSocket> {
    let path = match part {
        Part::Owner => "/room/left".to_owned(),
        Part::Subscriber(_) => "/room/right".to_owned(),
        Part::Left(number) => format!("/{number}/left"),
        Part::Right(number) => format!("/{number}/right"),
        Part::Alone => "/alone/both".to_owned(),
        Part::Guest(_) => "/guests/left".to_owned(),
    };
    let mut socket = RawSocket::upgraded_at(address, &path)?;
    // When this is answered it has its place.
    socket.send(&Frame::ping(b""))?;
    socket.read_frame()?.context("the relay ended a connection")?;
    Ok(socket)
}

pub(super) fn message(data: &str) -> Vec<u8> {
    Frame::binary(data.as_bytes()).encode()
}
