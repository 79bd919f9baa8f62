//! The text of an HTTP/1.1 request, line by line, and the answer to it.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

/// The key of the example in RFC 6455, section 1.3 …
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// … and what a server makes of it: a fixed pair needs no SHA-1 here.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A request whose every line can be changed, left out or invented.
#[derive(Clone, Debug)]
pub struct Handshake {
    method: String,
    target: String,
    lines: Vec<String>,
}

impl Handshake {
    /// The upgrade any client sends, to the given host (`127.0.0.1:4711`).
    pub fn upgrade(target: &str, host: &str) -> Self {
        Self::request("GET", target, host)
            .with("Upgrade: websocket")
            .with("Connection: Upgrade")
            .with("Sec-WebSocket-Version: 13")
            .with(&format!("Sec-WebSocket-Key: {KEY}"))
    }

    /// A plain request.
    pub fn request(method: &str, target: &str, host: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), lines: vec![format!("Host: {host}")] }
    }

    /// The same request with a line more, sent as it stands.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// The same request without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.lines.retain(|line| header_name(line).is_none_or(|found| !found.eq_ignore_ascii_case(name)));
        self
    }

    /// The text that goes over the wire.
    pub fn text(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for line in &self.lines {
            let _infallible = write!(text, "{line}\r\n");
        }
        text.push_str("\r\n");
        text
    }
}

fn header_name(line: &str) -> Option<&str> {
    line.split_once(':').map(|(name, _)| name.trim())
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers in the order received.
    pub headers: Vec<(String, String)>,
    /// The body; empty after a `101`.
    pub body: Vec<u8>,
}

impl Response {
    /// Reads the head of an answer (without the empty line that ends it).
    pub fn parse_head(head: &str) -> Result<Self> {
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("this is no HTTP/1.1 status line: {status_line:?}"))?;
        let headers = lines
            .map(|line| {
                let (name, value) =
                    line.split_once(':').with_context(|| format!("this is no header: {line:?}"))?;
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { status, headers, body: Vec::new() })
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether this is the answer of RFC 6455, section 4.2.2, to [`Handshake::upgrade`].
    pub fn accepts_the_upgrade(&self) -> bool {
        let has =
            |name, value: &str| self.header(name).is_some_and(|found| found.eq_ignore_ascii_case(value));
        self.status == 101
            && has("Upgrade", "websocket")
            && has("Connection", "upgrade")
            && self.header("Sec-WebSocket-Accept") == Some(ACCEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_can_lose_and_gain_lines() {
        let text = Handshake::upgrade("/ws?x=1", "localhost").without("upgrade").with("X-Odd:  line").text();
        assert!(text.starts_with("GET /ws?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"));
        assert!(text.ends_with("X-Odd:  line\r\n\r\n"));
        assert!(!text.contains("Upgrade: websocket"));
    }

    #[test]
    fn an_answer_with_a_wrong_accept_key_is_no_upgrade() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let right = Response::parse_head(head).unwrap();
        assert!(right.accepts_the_upgrade());
        assert!(!Response::parse_head(&head.replace("s3pP", "S3pP")).unwrap().accepts_the_upgrade());
    }
}
