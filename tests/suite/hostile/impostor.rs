//! A gateway that lies. Messages pass between its clients and a real one, but it has a name that does harm; files it makes up
//! itself, and in the end it sends everybody away with a reason that does harm, too.

use std::io;
use std::net::SocketAddr;

use support::raw::{Frame, Opcode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Duration, sleep};

use super::texts::{self, FAMILIES, everything};

/// How far apart the pieces of a transfer are while it is held up.
const APART: Duration = Duration::from_millis(10);

/// How large its files are, in bytes.
const SIZE: usize = 1 << 16;

/// It lives until it is dropped.
pub(super) struct Impostor {
    address: SocketAddr,
    state: watch::Sender<State>,
    _runtime: Runtime,
}

/// What it does to whoever comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Files move as slowly as they can.
    Slow,
    /// Everything goes on at once.
    Quick,
    /// Everybody is sent away.
    Over,
}

impl Impostor {
    /// One that has this gateway behind it.
    pub(super) fn before(gateway: SocketAddr) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Quick);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, gateway, seen.clone()));
            }
        });
        Self { address, state, _runtime: runtime }
    }

    /// Where clients connect.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// From now on files move as slowly as they can.
    pub(super) fn hold_up(&self) {
        self.state.send_replace(State::Slow);
    }

    /// They move on.
    pub(super) fn go_on(&self) {
        self.state.send_replace(State::Quick);
    }

    /// Sends everybody away, and lets nobody in.
    pub(super) fn send_away(&self) {
        self.state.send_replace(State::Over);
    }
}

async fn serve(mut client: TcpStream, gateway: SocketAddr, state: watch::Receiver<State>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default();
    if line.contains(" /fs/") {
        return store(client, line, &text, state).await;
    }
    if *state.borrow() == State::Over {
        return refuse(&mut client, "503 Service Unavailable").await;
    }
    let mut behind = TcpStream::connect(gateway).await?;
    behind.write_all(&head).await?;
    let (from_client, to_client) = client.into_split();
    let (from_gateway, to_gateway) = behind.into_split();
    tokio::spawn(pass(from_client, to_gateway));
    lie(from_gateway, to_client, state).await
}

/// Answers with a message that does harm.
async fn refuse(client: &mut TcpStream, status: &str) -> io::Result<()> {
    let body = format!(r#"{{"error":"x","message":{}}}"#, texts::json(&everything()));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.write_all((head + &body).as_bytes()).await
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await.map(drop)
}

/// Passes on what the gateway says, with another name of the gateway's, until everybody is sent away.
async fn lie(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await?);
    }
    to.write_all(&head).await?;
    let mut received = Vec::new();
    loop {
        while let Ok(Some(mut frame)) = Frame::take(&mut received) {
            if frame.opcode == Opcode::TEXT && frame.payload.starts_with(br#"{"type":"HELLO""#) {
                let mut hello: serde_json::Value = serde_json::from_slice(&frame.payload)?;
                hello["server"] = everything().into();
                frame.payload = hello.to_string().into_bytes();
            }
            to.write_all(&frame.encode()).await?;
        }
        tokio::select! {
            read = from.read_buf(&mut received) => if read? == 0 { return Ok(()) },
            () = async { drop(state.wait_for(|state| *state == State::Over).await) } => {
                let reason = "\x1b]0;owned\x07\u{202e}\u{9b}2J\x7f";
                to.write_all(&Frame::close(4000, reason).unmasked().encode()).await?;
                return to.shutdown().await;
            }
        }
    }
}

/// Lists files with names that do harm, gives each of them, and takes none.
async fn store(
    mut client: TcpStream,
    line: &str,
    head: &str,
    state: watch::Receiver<State>,
) -> io::Result<()> {
    if line.starts_with("PUT") {
        take(&mut client, head, state).await?;
        return refuse(&mut client, "507 Insufficient Storage").await;
    }
    if line.contains("refused") {
        return refuse(&mut client, "403 Forbidden").await;
    }
    if !line.contains("/ HTTP") {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await?;
        let mut left = SIZE;
        while left > 1 && *state.borrow() == State::Slow {
            client.write_all(b"x").await?;
            left -= 1;
            sleep(APART).await;
        }
        return client.write_all(&vec![b'x'; left]).await;
    }
    let all = everything();
    let file = |path: &str| serde_json::json!({ "path": path, "size": SIZE, "modified": 0, "etag": all, "sha256": all });
    let mut files: Vec<_> = FAMILIES.iter().map(|family| file(family)).collect();
    files.push(file("plain"));
    files.push(file(&all));
    let body = serde_json::Value::from(files).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await
}

/// Takes what is stored, to the end.
async fn take(client: &mut TcpStream, head: &str, state: watch::Receiver<State>) -> io::Result<()> {
    if head.to_ascii_lowercase().contains("100-continue") {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut left: usize = length.unwrap_or_default();
    let mut piece = vec![0; 1 << 16];
    while left > 0 {
        let read = client.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= read.min(left);
        if *state.borrow() == State::Slow {
            sleep(APART).await;
        }
    }
    Ok(())
}
