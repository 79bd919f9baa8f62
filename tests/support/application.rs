//! A web application that speaks HTTP to a gateway's side for it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::gateway::{GatewayProcess, server_command_by};
use crate::raw::{Handshake, RawSocket, Response};

/// The key that it has.
pub const KEY: &str = "a_rare_key_of_an_application";

/// Another key that the gateway takes.
pub const OTHER_KEY: &str = "another_rare_key_for_later";

/// A web application with a key. Each request has a connection of its own.
#[derive(Debug)]
pub struct Application {
    /// Where it asks.
    pub address: SocketAddr,
    /// Where the gateway tells its metrics, if it was told to.
    pub metrics: Option<SocketAddr>,
    /// Read once, when the gateway starts.
    keys: NamedTempFile,
}

impl Application {
    /// A gateway of this application, with these arguments more, which have it listen nowhere else but for its metrics.
    ///
    /// # Errors
    ///
    /// When it does not say where web applications ask.
    pub fn start(arguments: &[&str]) -> Result<(GatewayProcess, Self)> {
        Self::of(GatewayProcess::start, keys()?, "127.0.0.1:0", arguments)
    }

    /// The same, started by another program that takes the gateway and its arguments behind its own.
    ///
    /// # Errors
    ///
    /// When it does not say where web applications ask.
    pub fn start_by(launcher: Command, arguments: &[&str]) -> Result<(GatewayProcess, Self)> {
        let mut server = server_command_by(launcher)?;
        let start = |arguments: &[&str]| {
            server.args(arguments);
            GatewayProcess::start_by(server)
        };
        Self::of(start, keys()?, "127.0.0.1:0", arguments)
    }

    /// Kills the gateway, and starts another one in its place, with these arguments more.
    ///
    /// # Errors
    ///
    /// When it does not say where web applications ask.
    pub fn replace(self, gateway: GatewayProcess, arguments: &[&str]) -> Result<(GatewayProcess, Self)> {
        let address = self.address.to_string();
        Self::of(|arguments| gateway.replace_by(arguments), self.keys, &address, arguments)
    }

    fn of(
        start: impl FnOnce(&[&str]) -> Result<GatewayProcess>,
        keys: NamedTempFile,
        address: &str,
        arguments: &[&str],
    ) -> Result<(GatewayProcess, Self)> {
        let file = format!("telegraphy.api_keys_file={}", keys.path().display());
        let bind = format!("telegraphy.bind={address}");
        let own = ["--set", &file, "--set", &bind];
        let mut gateway = start(&[&own, arguments].concat())?;
        let mut line = gateway.program.next_line()?;
        let metrics = line.strip_prefix("metrics on http://").map(str::parse).transpose()?;
        if metrics.is_some() {
            line = gateway.program.next_line()?;
        }
        Ok((gateway, Self { address: asked_at(&line)?, metrics, keys }))
    }

    /// A request with the key and this body.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Handshake {
        let request = self.keyless(method, path).with(&format!("Authorization: Bearer {KEY}"));
        if body.is_empty() {
            return request;
        }
        request.with("Content-Type: application/json").with(&format!("Content-Length: {}", body.len()))
    }

    /// A request without a key.
    pub fn keyless(&self, method: &str, path: &str) -> Handshake {
        let target = format!("/api/v1{path}");
        Handshake::request(method, &target, &self.address.to_string()).with("Connection: close")
    }

    /// Sends a request with this body, and reads the answer.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn send(&self, request: &Handshake, body: &str) -> Result<Response> {
        let mut socket = RawSocket::open(self.address)?;
        socket.send_bytes((request.text() + body).as_bytes())?;
        socket.read_response()
    }

    /// Asks with the key.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<Response> {
        self.send(&self.request(method, path, body), body)
    }

    /// Asks for what succeeds, and is answered with JSON.
    ///
    /// # Errors
    ///
    /// When it does not, or is not.
    pub fn does(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let answer = self.ask(method, path, body)?;
        let failed = || format!("{method} {path} {body} was answered {} {}", answer.status, answer.text());
        anyhow::ensure!((200..300).contains(&answer.status), failed());
        serde_json::from_slice(&answer.body).with_context(failed)
    }
}

/// A file with the keys. Nobody else can read what `tempfile` makes.
fn keys() -> Result<NamedTempFile> {
    let mut keys = NamedTempFile::new()?;
    writeln!(keys, "# of the test\n{KEY}\n{OTHER_KEY}")?;
    Ok(keys)
}

/// Where a gateway says that web applications ask.
///
/// # Errors
///
/// When it says something else.
pub fn asked_at(line: &str) -> Result<SocketAddr> {
    let address = line.strip_prefix("web applications on http://");
    let address = address.and_then(|rest| rest.strip_suffix("/api/v1"));
    address.and_then(|address| address.parse().ok()).with_context(|| format!("the line is {line:?}"))
}
