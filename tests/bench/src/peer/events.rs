//! The gateway of this repository with a web application that publishes events, and subscribers without a name.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, bail};
use support::application::{Application, KEY};
use support::gateway::GatewayProcess;
use support::process::Program;
use support::raw::{Frame, Handshake, RawSocket};

use super::concierge::configuration;

/// What everybody may hear.
const DEFINITIONS: &str = r#"{"source":"bench","events":[{"name":"room","audience":"public"}]}"#;

/// The program, and where subscribers and publishers come in.
pub(super) fn start(place: &Path) -> Result<(Program, SocketAddr, SocketAddr)> {
    // The publisher's connection is idle while the subscribers come.
    let settings = ["telegraphy.anonymous_sessions=false", "head.timeout=1h"];
    let config = configuration(place)?;
    let arguments =
        [&["--config", config.as_str()][..], &settings.map(|setting| ["--set", setting]).concat()];
    let (GatewayProcess { program, address }, application) = Application::start(&arguments.concat())?;
    application.does("PUT", "/events", DEFINITIONS)?;
    Ok((program, address, application.address))
}

/// A connection that is in, and the frame with which it asks for its place.
pub(super) fn begin(address: SocketAddr) -> Result<(RawSocket, Option<Vec<u8>>)> {
    let mut socket = RawSocket::upgraded_at(address, "/telegraphy/ws")?;
    socket.send_text(r#"{"message":"CONNECT","id":0,"args":{"auth_token":""}}"#)?;
    let answer = socket.read_text()?;
    if !answer.starts_with(r#"{"success":true"#) {
        bail!("a subscriber was answered {answer}");
    }
    let subscribe = r#"{"message":"SUBSCRIBE","id":1,"args":{"event_name":"room"}}"#;
    Ok((socket, Some(Frame::text(subscribe).encode())))
}

/// The request with which this data is published.
pub(super) fn publish(publishers: SocketAddr, data: &str) -> Vec<u8> {
    let body = format!(r#"{{"event":"room","data":{data}}}"#);
    let request = Handshake::request("POST", "/api/v1/publish", &publishers.to_string())
        .with(&format!("Authorization: Bearer {KEY}"))
        .with("Content-Type: application/json")
        .with(&format!("Content-Length: {}", body.len()));
    (request.text() + &body).into_bytes()
}
