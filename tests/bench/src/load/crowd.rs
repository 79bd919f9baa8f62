//! The connections of a load, on one thread.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use support::raw::{Frame, RawSocket};

pub(crate) use super::scanner::Heard;
use super::scanner::{Language, Scanner};

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// How many connections are looked at before the others get their turn.
const READY_AT_ONCE: usize = 1024;

/// How long a server may be silent while something is expected of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections to a server.
pub(crate) struct Crowd {
    epoll: OwnedFd,
    lines: Vec<Line>,
    ready: Vec<Event>,
    buffer: Vec<u8>,
}

/// One of them.
#[derive(Debug)]
struct Line {
    stream: TcpStream,
    scanner: Scanner,
    /// What the socket had no room for.
    unsent: Vec<u8>,
}

impl Crowd {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            lines: Vec::new(),
            ready: Vec::with_capacity(READY_AT_ONCE),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Takes over a connection that is set up; its number is how many there were before. Returns what has come already.
    pub(crate) fn add(&mut self, socket: RawSocket, language: Language) -> Result<Heard> {
        let (stream, ahead) = socket.into_parts();
        stream.set_nonblocking(true)?;
        let mut scanner = Scanner::new(language);
        let heard = scanner.scan(&ahead)?;
        let number = self.lines.len();
        epoll::add(&self.epoll, &stream, EventData::new_u64(number as u64), EventFlags::IN)?;
        self.lines.push(Line { stream, scanner, unsent: Vec::new() });
        Ok(heard)
    }

    /// Sends frames: at once as far as the socket has room, and what is left as soon as it has.
    pub(crate) fn send(&mut self, number: usize, frames: &[u8]) -> Result<()> {
        let line = self.lines.get_mut(number).context("there is no such connection")?;
        if !line.unsent.is_empty() {
            line.unsent.extend_from_slice(frames);
            return Ok(());
        }
        let taken = line.write(frames)?;
        if let Some(rest @ [_, ..]) = frames.get(taken..) {
            line.unsent.extend_from_slice(rest);
            self.listen_for(number, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Waits until the server says something, and notes what to whom.
    ///
    /// # Errors
    ///
    /// When it says nothing for a long time, ends a connection, or refuses a request.
    pub(crate) fn listen(&mut self, heard: &mut Vec<(usize, Heard)>) -> Result<()> {
        ensure!(self.listen_within(PATIENCE, heard)?, "the server said nothing for {PATIENCE:?}");
        Ok(())
    }

    /// Waits for that long at most; whether something happened.
    pub(crate) fn listen_within(&mut self, wait: Duration, heard: &mut Vec<(usize, Heard)>) -> Result<bool> {
        heard.clear();
        self.ready.clear();
        let wait = Timespec::try_from(wait)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&wait)) {
            Err(rustix::io::Errno::INTR) => return Ok(true),
            other => other.context("cannot wait for the server")?,
        };
        let ready = std::mem::take(&mut self.ready);
        for event in &ready {
            let (number, flags) = (usize::try_from({ event.data }.u64())?, event.flags);
            if flags.contains(EventFlags::OUT) {
                self.send_rest(number)?;
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                let some = self.read(number)?;
                if some.pings > 0 {
                    self.send(number, &Frame::pong(b"").encode())?;
                }
                heard.push((number, some));
            }
        }
        self.ready = ready;
        Ok(!self.ready.is_empty())
    }

    fn read(&mut self, number: usize) -> Result<Heard> {
        let line = self.lines.get_mut(number).context("there is no such connection")?;
        match line.stream.read(&mut self.buffer) {
            Ok(0) => bail!("the server ended connection {number}"),
            Ok(count) => line.scanner.scan(self.buffer.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok(Heard::default())
            }
            Err(error) => Err(error).with_context(|| format!("connection {number} broke")),
        }
    }

    fn send_rest(&mut self, number: usize) -> Result<()> {
        let line = self.lines.get_mut(number).context("there is no such connection")?;
        let unsent = std::mem::take(&mut line.unsent);
        let taken = line.write(&unsent)?;
        line.unsent.extend_from_slice(unsent.get(taken..).unwrap_or_default());
        if line.unsent.is_empty() {
            self.listen_for(number, EventFlags::IN)?;
        }
        Ok(())
    }

    fn listen_for(&self, number: usize, flags: EventFlags) -> Result<()> {
        let line = self.lines.get(number).context("there is no such connection")?;
        epoll::modify(&self.epoll, &line.stream, EventData::new_u64(number as u64), flags)?;
        Ok(())
    }
}

impl Line {
    /// How many of the bytes the socket took.
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.stream.write(bytes) {
            Ok(taken) => Ok(taken),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(error).context("cannot write to the server"),
        }
    }
}
