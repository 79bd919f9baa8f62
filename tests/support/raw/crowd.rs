//! The socket for crowds: the same by hand, but thousands of them on a few threads, and quick enough to be no bottleneck.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{Close, Frame, Handshake, Opcode, Response};

/// How long one of a crowd waits for what must come: in a crowd that may take a while.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// A connection that does only what the test tells it to, except that it answers pings while it listens.
#[derive(Debug)]
pub struct CrowdSocket {
    stream: Arc<TcpStream>,
    received: Vec<u8>,
    /// How much of that is done with.
    taken: usize,
    answers_pings: bool,
}

/// What one of a crowd heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'h> {
    /// A whole text message.
    Text(&'h str),
    /// The gateway closes.
    Close(Close),
    /// The connection is over, in whatever way.
    End,
}

/// How one of a crowd comes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrival {
    /// The address that it comes from, if not any.
    pub from: Option<IpAddr>,
    /// How many bytes its side of the connection keeps that it has not read, if not as many as the system likes.
    pub keeps: Option<u32>,
}

/// The part of a socket that sends, where something else listens.
#[derive(Debug, Clone)]
pub struct Speaker(Arc<TcpStream>);

impl CrowdSocket {
    /// Opens a TCP connection and says nothing.
    pub async fn open(address: SocketAddr, arrival: Arrival) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = arrival.from {
            socket.bind((from, 0).into())?;
        }
        if let Some(bytes) = arrival.keeps {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = timeout(PATIENCE, socket.connect(address)).await.context("nobody accepts")?;
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Arc::new(stream), received: Vec::new(), taken: 0, answers_pings: true })
    }

    /// Opens a WebSocket on `/ws` as any well-behaved client does.
    pub async fn upgraded(address: SocketAddr, arrival: Arrival) -> Result<Self> {
        let mut socket = Self::open(address, arrival).await?;
        socket.send_bytes(Handshake::upgrade("/ws", &address.to_string()).text().as_bytes()).await?;
        let response = socket.read_head().await?;
        ensure!(response.accepts_the_upgrade(), "the upgrade was answered by {response:?}");
        Ok(socket)
    }

    /// Opens a WebSocket and identifies as that client, with the given intents, as a JSON array has them: `"SERVICES"`.
    pub async fn identified(
        address: SocketAddr,
        name: &str,
        intents: &str,
        arrival: Arrival,
    ) -> Result<Self> {
        let mut socket = Self::upgraded(address, arrival).await?;
        let fields = format!(r#""name":"{name}","version":"0.2.0","intents":[{intents}]"#);
        socket.send_text(&format!(r#"{{"type":"IDENTIFY",{fields}}}"#)).await?;
        let hello = socket.next_text().await?;
        ensure!(hello.starts_with(r#"{"type":"HELLO","#), "IDENTIFY was answered by {hello}");
        Ok(socket)
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&self, bytes: &[u8]) -> Result<()> {
        send(&self.stream, bytes).await
    }

    /// Sends a whole text message.
    pub async fn send_text(&self, text: &str) -> Result<()> {
        self.send_bytes(&Frame::text(text).encode()).await
    }

    /// Something that sends while this listens. From now on this answers no pings: they would come in between.
    pub fn speaker(&mut self) -> Speaker {
        self.answers_pings = false;
        Speaker(Arc::clone(&self.stream))
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub fn finish_sending(&self) -> Result<()> {
        Ok(rustix::net::shutdown(&*self.stream, rustix::net::Shutdown::Write)?)
    }

    /// Reads the head of an answer to a request.
    pub async fn read_head(&mut self) -> Result<Response> {
        loop {
            let unread = self.received.get(self.taken..).unwrap_or_default();
            if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(unread.get(..end).unwrap_or_default()).into_owned();
                self.taken += end + 4;
                return Response::parse_head(&head);
            }
            ensure!(self.receive().await?, "the connection ended within the head of an answer");
        }
    }

    /// Reads the next text, the close, or the end, whichever comes first.
    pub async fn next(&mut self) -> Result<Heard<'_>> {
        let (opcode, start, end) = loop {
            let Some(frame) = self.whole_frame()? else {
                if self.receive().await? {
                    continue;
                }
                return Ok(Heard::End);
            };
            self.taken = frame.2;
            match frame.0 {
                Opcode::PING if self.answers_pings => {
                    let pong = Frame::pong(self.received.get(frame.1..frame.2).unwrap_or_default()).encode();
                    self.send_bytes(&pong).await?;
                }
                Opcode::PING | Opcode::PONG => {}
                _ => break frame,
            }
        };
        let payload = self.received.get(start..end).unwrap_or_default();
        match opcode {
            Opcode::TEXT => Ok(Heard::Text(std::str::from_utf8(payload)?)),
            Opcode::CLOSE => Ok(Heard::Close(Frame::new(opcode, payload).to_close()?)),
            _ => bail!("the gateway sent a frame of kind {opcode:?}"),
        }
    }

    /// Reads the next text.
    ///
    /// # Errors
    ///
    /// When a close or the end comes instead.
    pub async fn next_text(&mut self) -> Result<&str> {
        match self.next().await? {
            Heard::Text(text) => Ok(text),
            other => bail!("instead of a text came {other:?}"),
        }
    }

    /// Reads on to the close, whatever comes before, and tells its code; none when there is none.
    pub async fn close_code(&mut self) -> Result<Option<u16>> {
        loop {
            match self.next().await? {
                Heard::Text(_) => {}
                Heard::Close(close) => return Ok(close.code),
                Heard::End => return Ok(None),
            }
        }
    }

    /// The next frame that is there as a whole: its kind, and where its payload starts and ends.
    fn whole_frame(&self) -> Result<Option<(Opcode, usize, usize)>> {
        let unread = self.received.get(self.taken..).unwrap_or_default();
        let [first, second, ..] = *unread else { return Ok(None) };
        ensure!(first & 0xf0 == 0x80 && second & 0x80 == 0, "no frame of a gateway: {first:#x} {second:#x}");
        let (head, length) = match (second, unread) {
            (126, [_, _, high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            (127, _) => match unread.get(2..10) {
                Some(bytes) => (10, usize::try_from(u64::from_be_bytes(bytes.try_into()?))?),
                None => return Ok(None),
            },
            (126, _) => return Ok(None),
            (short, _) => (2, usize::from(short)),
        };
        let start = self.taken + head;
        let end = start + length;
        Ok((self.received.len() >= end).then_some((Opcode(first & 0x0f), start, end)))
    }

    /// Receives some bytes; `false` at the end of the stream. A reset is an end too.
    async fn receive(&mut self) -> Result<bool> {
        self.received.drain(..std::mem::take(&mut self.taken));
        self.received.reserve(CHUNK);
        loop {
            timeout(PATIENCE, self.stream.readable()).await.context("nothing comes")??;
            match self.stream.try_read_buf(&mut self.received) {
                Ok(count) => return Ok(count > 0),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error).context("cannot read from the gateway"),
            }
        }
    }
}

impl Speaker {
    /// Sends bytes as they are.
    pub async fn send_bytes(&self, bytes: &[u8]) -> Result<()> {
        send(&self.0, bytes).await
    }
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                timeout(PATIENCE, stream.writable()).await.context("nothing is taken")??;
            }
            Err(error) => return Err(error).context("cannot write to the gateway"),
        }
    }
    Ok(())
}
