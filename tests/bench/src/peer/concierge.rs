//! The gateway of this repository, and what its clients say.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use support::gateway::GatewayProcess;
use support::process::Program;
use support::raw::{Frame, RawSocket};

use super::Part;

/// What clients ask for that know this gateway.
pub(super) const COMPACT: &str = r#","features":["compact"],"intents":[]"#;

/// With the limits it has by itself, except that all clients come from one address.
const CONFIGURATION: &str = "[files]\nserve = false\n[limits]\nunidentified = \"unlimited\"\nunidentified_per_address = \"unlimited\"\n";

pub(super) fn start(place: &Path) -> Result<(Program, SocketAddr)> {
    let GatewayProcess { program, address } = GatewayProcess::start(&["--config", &configuration(place)?])?;
    Ok((program, address))
}

/// A file with its settings.
pub(super) fn configuration(place: &Path) -> Result<String> {
    let config = place.join("gateway.toml");
    std::fs::write(&config, CONFIGURATION)?;
    config.into_os_string().into_string().ok().context("the folder for temporary files is no text")
}

/// A connection that is in, and the frame with which it asks for its place if that is all that is missing.
pub(super) fn begin(
    address: SocketAddr,
    part: Part,
    extensions: &str,
) -> Result<(RawSocket, Option<Vec<u8>>)> {
    let mut socket = RawSocket::upgraded(address)?;
    let name = name(part);
    ask(
        &mut socket,
        &format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"{extensions}}}"#),
        r#"{"type":"HELLO""#,
    )?;
    let request = match part {
        Part::Owner => {
            ask(
                &mut socket,
                r#"{"type":"SERVICE_CREATE","service":"room"}"#,
                r#"{"seq":0,"type":"SERVICE_CREATE"#,
            )?;
            None
        }
        Part::Subscriber(_) => Some(Frame::text(r#"{"type":"SELF_SUBSCRIBE","service":"room"}"#).encode()),
        Part::Left(_) | Part::Right(_) | Part::Alone | Part::Guest(_) => None,
    };
    Ok((socket, request))
}

/// Asks, and passes over whatever else comes before the answer.
fn ask(socket: &mut RawSocket, request: &str, answer: &str) -> Result<()> {
    socket.send_text(request)?;
    while !socket.read_text()?.starts_with(answer) {}
    Ok(())
}

pub(super) fn message(part: Part, data: &str) -> Vec<u8> {
    let target = match part {
        Part::Owner => r#"{"type":"SERVICE","service":"room"}"#.to_owned(),
        Part::Left(number) => by_name(&name(Part::Right(number))),
        Part::Right(number) => by_name(&name(Part::Left(number))),
        Part::Subscriber(_) | Part::Alone | Part::Guest(_) => by_name(&name(part)),
    };
    Frame::text(&format!(r#"{{"type":"MESSAGE","target":{target},"data":{data}}}"#)).encode()
}

fn by_name(name: &str) -> String {
    format!(r#"{{"type":"NAME","name":"{name}"}}"#)
}

fn name(part: Part) -> String {
    match part {
        Part::Owner => "owner".to_owned(),
        Part::Alone => "alone".to_owned(),
        Part::Subscriber(number) => format!("subscriber_{number}"),
        Part::Guest(number) => format!("guest_{number}"),
        Part::Left(number) => format!("left_{number}"),
        Part::Right(number) => format!("right_{number}"),
    }
}
