//! The file store: who may do what, which paths there are, that nobody ever sees half a file, and what each request is answered.

mod answers;
mod browser;
pub(crate) mod disk;
mod half_closed;
mod keys;
mod memory;
mod paths;
mod peers;
mod refused;
mod uploads;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use support::gateway::{Gateway, GatewayProcess};
use support::raw::{Handshake, RawSocket, Response};

/// A gateway that does not mind clients that are silent: those here are busy with files.
fn gateway(configuration: &str) -> Gateway {
    let patient = "heartbeat = { interval = \"1h\", timeout = \"2h\" }";
    Gateway::configured(&format!("{configuration}\n{patient}")).unwrap()
}

/// The same as a process, with its files in this folder and some settings more.
fn gateway_process(folder: &Path, settings: &[&str]) -> anyhow::Result<GatewayProcess> {
    let patient = ["heartbeat.timeout=2h", "heartbeat.interval=1h"];
    let settings = patient.iter().chain(settings).flat_map(|setting| ["--set", setting]);
    let folder = ["--files-dir", folder.to_str().unwrap()];
    GatewayProcess::start(&folder.into_iter().chain(settings).collect::<Vec<_>>())
}

/// Waits for what must come to be, for as long as a test waits for anything.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be: {what}");
        std::thread::yield_now();
    }
}

/// A client with a folder, for as long as this is there.
pub(crate) struct Member {
    address: SocketAddr,
    _socket: RawSocket,
    name: &'static str,
    /// Its public id.
    pub(crate) uuid: String,
    /// What opens its folder.
    pub(crate) key: String,
}

impl Member {
    /// A client of today, which asks for a secret key.
    pub(crate) fn join(address: SocketAddr, name: &'static str) -> Self {
        Self::identify(address, name, r#","features":["fs_key"],"intents":[]"#)
    }

    /// A client of the original, whose public id is its key.
    fn of_old(address: SocketAddr, name: &'static str) -> Self {
        Self::identify(address, name, "")
    }

    fn identify(address: SocketAddr, name: &'static str, more: &str) -> Self {
        let mut socket = RawSocket::upgraded(address).unwrap();
        let identify = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"{more}}}"#);
        socket.send_text(&identify).unwrap();
        let hello: serde_json::Value = serde_json::from_str(&socket.read_text().unwrap()).unwrap();
        assert_eq!(hello["type"], "HELLO", "{hello}");
        let uuid = hello["uuid"].as_str().unwrap().to_owned();
        let key = hello["fs_key"].as_str().unwrap_or(&uuid).to_owned();
        Self { address, _socket: socket, name, uuid, key }
    }

    /// Asks with this client's key, about its own folder.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Response {
        let key = format!("x-fs-key: {}", self.key);
        let headers: Vec<_> = [key.as_str()].iter().chain(headers).copied().collect();
        ask(self.address, method, &format!("/fs/{}/{path}", self.name), &headers, body)
    }

    pub(crate) fn put(&self, path: &str, body: &[u8]) -> u16 {
        self.ask("PUT", path, &[], body).status
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[], b"")
    }

    /// The paths in this client's folder.
    fn paths(&self) -> Vec<String> {
        let list: serde_json::Value = serde_json::from_slice(&self.get("").body).unwrap();
        let entries = list.as_array().unwrap().iter();
        entries.map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[&str],
    body: &[u8],
) -> Response {
    let mut socket = RawSocket::open(address).unwrap();
    let mut request = Handshake::request(method, target, &address.to_string()).with("Connection: close");
    for header in headers {
        request = request.with(header);
    }
    if !body.is_empty() || matches!(method, "PUT" | "POST") {
        request = request.with(&format!("Content-Length: {}", body.len()));
    }
    socket.send_bytes(request.text().as_bytes()).unwrap();
    // Who is refused can send everything all the same.
    socket.send_bytes(body).unwrap();
    if method == "HEAD" { socket.read_head().unwrap() } else { socket.read_response().unwrap() }
}

/// A form with one part for each of these: file name and content.
fn form(parts: &[(Option<&str>, &[u8])]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "a-boundary-that-occurs-nowhere-else";
    let mut body = Vec::new();
    for (name, content) in parts {
        let name = name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"{name}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("Content-Type: multipart/form-data; boundary={BOUNDARY}"), body)
}
