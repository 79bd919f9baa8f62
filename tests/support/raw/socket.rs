//! The socket: bytes out, frames and answers in, every wait bounded.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::net::TcpSocket;

use super::{Close, Frame, Handshake, Opcode, Response};

/// How long a test waits for what must come. A wall clock is right here: it only bounds how long a failure takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a gateway that does only what the test tells it to.
#[derive(Debug)]
pub struct RawSocket {
    stream: TcpStream,
    received: Vec<u8>,
    patience: Duration,
}

impl RawSocket {
    /// Opens a TCP connection and says nothing.
    pub fn open(address: SocketAddr) -> Result<Self> {
        Self::over(TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?)
    }

    /// The same from one of this machine's addresses: all that begin with 127 are its own.
    pub fn open_from(own: IpAddr, address: SocketAddr) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(own, 0))?;
            socket.connect(address).await?.into_std()
        });
        let stream = stream.with_context(|| format!("cannot connect to {address} from {own}"))?;
        stream.set_nonblocking(false)?;
        Self::over(stream)
    }

    fn over(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new(), patience: PATIENCE })
    }

    /// Opens a WebSocket on `/ws` as any well-behaved client does.
    pub fn upgraded(address: SocketAddr) -> Result<Self> {
        Self::upgraded_at(address, "/ws")
    }

    /// Opens a WebSocket somewhere else.
    pub fn upgraded_at(address: SocketAddr, path: &str) -> Result<Self> {
        let mut socket = Self::open(address)?;
        let response = socket.ask(&Handshake::upgrade(path, &address.to_string()))?;
        ensure!(response.accepts_the_upgrade(), "the upgrade was answered by {response:?}");
        Ok(socket)
    }

    /// Opens a WebSocket and identifies as that client, with the given intents, as a JSON array has them: `"SERVICES"`.
    pub fn identified(address: SocketAddr, name: &str, intents: &str) -> Result<Self> {
        let mut socket = Self::upgraded(address)?;
        socket.send_text(&format!(
            r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","intents":[{intents}]}}"#
        ))?;
        let hello = socket.read_text()?;
        ensure!(hello.starts_with(r#"{"type":"HELLO","#), "IDENTIFY was answered by {hello}");
        Ok(socket)
    }

    /// The connection, and what was received and not read yet.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.received)
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, handshake: &Handshake) -> Result<Response> {
        self.send_bytes(handshake.text().as_bytes())?;
        self.read_response()
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("cannot write to the gateway")
    }

    /// Sends bytes for as long as some of them are taken within that time; returns how many were.
    pub fn send_within(&mut self, bytes: &[u8], patience: Duration) -> Result<usize> {
        self.stream.set_write_timeout(Some(patience))?;
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => taken += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => return Err(error).context("cannot write to the gateway"),
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE))?;
        Ok(taken)
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &Frame) -> Result<()> {
        self.send_bytes(&frame.encode())
    }

    /// Sends a whole text message.
    pub fn send_text(&mut self, text: &str) -> Result<()> {
        self.send(&Frame::text(text))
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub fn finish_sending(&mut self) -> Result<()> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Waits at most that long from now on for whatever is awaited.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Reads the head of an answer that has no body: to a `HEAD`, or one of several.
    pub fn read_head(&mut self) -> Result<Response> {
        let deadline = Instant::now() + self.patience;
        self.receive_head(deadline)
    }

    fn receive_head(&mut self, deadline: Instant) -> Result<Response> {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            ensure!(self.receive(deadline)?, "the connection ended within the head of an answer");
        };
        let rest = self.received.split_off(end + 4);
        let head = std::mem::replace(&mut self.received, rest);
        let head = String::from_utf8(head).context("the head of the answer is not UTF-8")?;
        Response::parse_head(head.trim_end_matches("\r\n"))
    }

    /// Reads the answer to a request.
    pub fn read_response(&mut self) -> Result<Response> {
        let deadline = Instant::now() + self.patience;
        let mut response = self.receive_head(deadline)?;
        if response.status != 101 {
            let length = response.header("Content-Length").map(str::parse::<usize>).transpose()?;
            while length.is_none_or(|length| self.received.len() < length) && self.receive(deadline)? {}
            let length = length.unwrap_or(self.received.len());
            ensure!(self.received.len() >= length, "the connection ended within the body of an answer");
            let rest = self.received.split_off(length);
            response.body = std::mem::replace(&mut self.received, rest);
        }
        Ok(response)
    }

    /// Reads the next frame, whatever it is; `None` when the gateway has ended the connection.
    pub fn read_frame(&mut self) -> Result<Option<Frame>> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(frame) = Frame::take(&mut self.received)? {
                ensure!(frame.reserved == 0, "the gateway set reserved bits: {frame:?}");
                return Ok(Some(frame));
            }
            if !self.receive(deadline)? {
                ensure!(self.received.is_empty(), "the connection ended within a frame: {:?}", self.received);
                return Ok(None);
            }
        }
    }

    /// Reads the next text message. Pings are answered and pongs passed over on the way.
    ///
    /// # Errors
    ///
    /// When anything else comes first: a close, the end, a binary frame.
    pub fn read_text(&mut self) -> Result<String> {
        loop {
            let Some(frame) = self.read_frame()? else {
                bail!("the gateway ended the connection without a close frame")
            };
            match frame.opcode {
                Opcode::TEXT if frame.finished => {
                    return String::from_utf8(frame.payload)
                        .context("the gateway sent text that is not UTF-8");
                }
                Opcode::PING => self.send(&Frame::pong(&frame.payload))?,
                Opcode::PONG => {}
                Opcode::CLOSE => bail!("the gateway closed the connection: {:?}", frame.to_close()?),
                _ => bail!("the gateway sent {frame:?}"),
            }
        }
    }

    /// Reads on until the gateway closes, whatever comes before, answers the close, and waits for the end of the stream.
    pub fn read_close(&mut self) -> Result<Close> {
        loop {
            let Some(frame) = self.read_frame()? else {
                bail!("the gateway ended the connection without a close frame")
            };
            if frame.opcode == Opcode::CLOSE {
                let close = frame.to_close()?;
                // The gateway may have ended the connection already: it need not wait for this.
                let _unheard = self.send(&Frame::new(Opcode::CLOSE, frame.payload));
                self.read_end()?;
                return Ok(close);
            }
        }
    }

    /// Waits for the end of the stream; anything else is an error.
    pub fn read_end(&mut self) -> Result<()> {
        match self.read_frame()? {
            None => Ok(()),
            Some(frame) => bail!("the gateway sent {frame:?} where the connection should have ended"),
        }
    }

    /// Receives some bytes; `false` at the end of the stream. A reset is an end too.
    fn receive(&mut self, deadline: Instant) -> Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "nothing came within {:?}", self.patience);
        self.stream.set_read_timeout(Some(left))?;
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.received.extend(chunk.iter().take(count));
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                bail!("nothing came within {:?}", self.patience)
            }
            Err(error) => Err(error).context("cannot read from the gateway"),
        }
    }
}
