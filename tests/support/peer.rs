//! Another client of a gateway, by hand: it may call itself and send what no library would, and it sees who comes.

use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};

use crate::raw::RawSocket;

/// A client that answers nothing by itself, not even pings while nobody waits for something.
#[derive(Debug)]
pub struct Peer(RawSocket);

impl Peer {
    /// Joins under that name. It is told who comes and goes, who subscribes, and what is sent to it.
    ///
    /// # Errors
    ///
    /// When the gateway does not want it.
    pub fn join(address: SocketAddr, name: &str) -> Result<Self> {
        Self::identify(address, &format!(r#""name":{}"#, serde_json::Value::from(name)))
    }

    /// Joins with these fields, as JSON has them: `"name":"bob","tags":["x"]`.
    ///
    /// # Errors
    ///
    /// When the gateway does not want it.
    pub fn identify(address: SocketAddr, fields: &str) -> Result<Self> {
        let mut socket = RawSocket::upgraded(address)?;
        let intents = r#"["PRESENCE","SUBSCRIBERS","BROADCASTS"]"#;
        socket
            .send_text(&format!(r#"{{"type":"IDENTIFY","version":"0.2.0","intents":{intents},{fields}}}"#))?;
        let hello = socket.read_text()?;
        ensure!(hello.starts_with(r#"{"type":"HELLO","#), "IDENTIFY was answered by {hello}");
        Ok(Self(socket))
    }

    /// Asks, and waits for the answer; what is told meanwhile is passed over.
    ///
    /// # Errors
    ///
    /// When the answer is that the request makes no sense.
    pub fn ask(&mut self, request: &str) -> Result<String> {
        self.0.send_text(request)?;
        loop {
            let text = self.0.read_text()?;
            if text.starts_with("{\"seq\":") {
                ensure!(!text.contains("\"type\":\"ERROR"), "{request} was answered by {text}");
                return Ok(text);
            }
        }
    }

    /// Sends a message with this JSON to this target, which is JSON too.
    ///
    /// # Errors
    ///
    /// When it was not delivered.
    pub fn send(&mut self, target: &str, data: &str) -> Result<()> {
        let answer = self.ask(&format!(r#"{{"type":"MESSAGE","target":{target},"data":{data}}}"#))?;
        if answer.ends_with("\"type\":\"OK\"}") { Ok(()) } else { bail!("not delivered: {answer}") }
    }

    /// Sends a message with this JSON to the client of that name.
    ///
    /// # Errors
    ///
    /// When it was not delivered.
    pub fn send_to(&mut self, name: &str, data: &str) -> Result<()> {
        self.send(&format!(r#"{{"type":"NAME","name":{}}}"#, serde_json::Value::from(name)), data)
    }

    /// Waits until a client of this name has joined.
    ///
    /// # Errors
    ///
    /// When none comes.
    pub fn see_join(&mut self, name: &str) -> Result<()> {
        self.hear("CLIENT_JOINED", &format!("\"name\":\"{name}\"")).map(drop)
    }

    /// Waits until a client of this name has subscribed to a service that this one subscribes to.
    ///
    /// # Errors
    ///
    /// When none does.
    pub fn see_subscription(&mut self, name: &str) -> Result<()> {
        self.hear("SERVICE_CLIENT_SUBSCRIBED", &format!("\"name\":\"{name}\"")).map(drop)
    }

    /// Waits for the next payload of a type, with this in it.
    ///
    /// # Errors
    ///
    /// When it never comes.
    pub fn hear(&mut self, kind: &str, part: &str) -> Result<String> {
        let start = format!("{{\"type\":\"{kind}\",");
        loop {
            let text = self.0.read_text()?;
            if text.starts_with(&start) && text.contains(part) {
                return Ok(text);
            }
        }
    }
}
