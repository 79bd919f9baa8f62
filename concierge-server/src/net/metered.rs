//! A byte stream that watches the frames a client sends, and refuses what would be too much before it is taken in: a
//! message over its limit, one in too many fragments. It also counts bytes, which tells who is alive and who reads, and writes
//! batches of frames past the WebSocket above it, which then has only control frames to write.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::batch::{Batch, FRAMES};
use super::gateway::BUFFER_BYTES;
use super::metrics::Traffic;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameLimits {
    /// Bytes of the first message.
    pub(super) first_message: usize,
    /// Bytes of any other.
    pub(super) message: usize,
    /// Fragments of a message.
    pub(super) fragments: usize,
}

/// A stream of frames as a client sends them (RFC 6455, section 5.2), metered.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    /// What was read before the stream came here.
    ahead: Bytes,
    frames: Frames,
    end: End,
    is_refused: bool,
    /// What is being written.
    batch: Batch,
    is_unflushed: bool,
    received: u64,
    written: u64,
    /// What those of all connections together are counted with.
    traffic: Traffic,
}

/// How far the client's part has come to its end: its close frame, or the end of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It has not.
    Open,
    /// The end is there, and held back until what was asked before it is answered.
    Held,
    /// The end may be read.
    Released,
}

/// The error of a read that met a frame which is too much.
#[derive(Debug, thiserror::Error)]
#[error("a message is over the limits")]
pub(super) struct TooBig;

impl<S> Metered<S> {
    /// `ahead` is what was read from the stream already.
    pub(super) fn new(stream: S, ahead: Bytes, limits: FrameLimits, traffic: Traffic) -> Self {
        // An empty one would keep the buffer it was cut from.
        let ahead = if ahead.is_empty() { Bytes::new() } else { ahead };
        Self {
            stream,
            ahead,
            frames: Frames::new(limits),
            end: End::Open,
            is_refused: false,
            batch: Batch::default(),
            is_unflushed: false,
            received: 0,
            written: 0,
            traffic,
        }
    }

    /// Whether the client has come to its end, and nothing is read any more until [`Metered::release_end`].
    pub(super) fn holds_end(&self) -> bool {
        self.end == End::Held
    }

    /// Lets the end be read.
    pub(super) fn release_end(&mut self) {
        self.end = End::Released;
    }

    /// Whether more was taken in at once than a buffer usually holds, and nothing of it is left by now.
    pub(super) fn is_done_with_much(&self) -> bool {
        let is_empty = self.ahead.is_empty() && self.batch.is_empty() && self.end == End::Open;
        is_empty && self.frames.are_done_with_much()
    }

    /// From now on it is looked for anew whether much is taken in.
    pub(super) fn forget_much(&mut self) {
        self.frames.was_much = false;
    }

    /// Bytes that came in so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that went out so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// What is being written.
    pub(super) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// Delivers what came before the end, and keeps the rest back.
    fn hold(&mut self, buffer: &mut ReadBuf<'_>, before: usize, accepted: usize) -> Poll<io::Result<()>> {
        self.end = End::Held;
        let rest = buffer.filled().get(before + accepted..).unwrap_or_default();
        self.ahead = [rest, &self.ahead].concat().into();
        buffer.set_filled(before + accepted);
        if accepted == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

/// What a part of the stream holds.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// Nothing unusual.
    All,
    /// A frame that is too much, after so many bytes.
    TooBig { accepted: usize },
    /// A close frame, after so many bytes.
    Close { accepted: usize },
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.end == End::Held {
            // Whoever drives this asks again after it has released the end.
            return Poll::Pending;
        }
        if self.is_refused {
            return Poll::Ready(Err(io::Error::other(TooBig)));
        }
        let before = buffer.filled().len();
        if self.ahead.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            let part = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(self.ahead.get(..part).unwrap_or_default());
            self.ahead.advance(part);
            if self.ahead.is_empty() {
                self.ahead = Bytes::new();
            }
        }
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        self.received += bytes.len() as u64;
        self.traffic.received.inc_by(bytes.len() as u64);
        if bytes.is_empty() && self.end == End::Open {
            self.end = End::Held;
            return Poll::Pending;
        }
        if self.end == End::Released {
            // A close frame, and what the client sent after it: nobody looks at that.
            return Poll::Ready(Ok(()));
        }
        match self.frames.scan(bytes) {
            Scan::All => Poll::Ready(Ok(())),
            // What came before the frame that is too much is still handled, in order.
            Scan::TooBig { accepted } => {
                self.is_refused = true;
                self.hold(buffer, before, accepted)
            }
            Scan::Close { accepted } => self.hold(buffer, before, accepted),
        }
    }
}

impl<S: AsyncWrite + Unpin> Metered<S> {
    /// Writes the batch to its end.
    pub(super) fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); FRAMES];
            let count = self.batch.slices(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.batch.advance(written);
            self.count_written(written);
            self.is_unflushed = true;
        }
        if self.is_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn count_written(&mut self, written: usize) {
        self.written += written as u64;
        self.traffic.sent.inc_by(written as u64);
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    /// Frames of others than the batch: never in the middle of one of its frames.
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_batch(context))?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.count_written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The opcode of a close frame.
const CLOSE: u8 = 0x08;

/// Follows frames from header to header. Whether they are valid otherwise is for the WebSocket itself to say.
#[derive(Debug)]
struct Frames {
    limits: FrameLimits,
    /// The beginning of a header that is not complete.
    header: [u8; 14],
    header_length: usize,
    /// What is left of the payload of the current frame.
    payload_left: u64,
    is_first_message: bool,
    message_bytes: u64,
    fragments: usize,
    /// Whether there was a frame larger than a buffer.
    was_much: bool,
}

impl Frames {
    fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            header: [0; 14],
            header_length: 0,
            payload_left: 0,
            is_first_message: true,
            message_bytes: 0,
            fragments: 0,
            was_much: false,
        }
    }

    /// Whether there was a frame larger than a buffer, and what came so far is whole messages.
    fn are_done_with_much(&self) -> bool {
        self.was_much && self.payload_left == 0 && self.header_length == 0 && self.fragments == 0
    }

    /// Goes on with these bytes, up to a frame that is too much or a close frame.
    fn scan(&mut self, bytes: &[u8]) -> Scan {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.payload_left > 0 {
                let skipped =
                    usize::try_from(self.payload_left).map_or(rest.len(), |left| left.min(rest.len()));
                self.payload_left -= skipped as u64;
                rest = rest.get(skipped..).unwrap_or_default();
                continue;
            }
            let start = bytes.len() - rest.len();
            while self.header_length < header_size(&self.header, self.header_length) {
                let (Some((byte, after)), Some(place)) =
                    (rest.split_first(), self.header.get_mut(self.header_length))
                else {
                    return Scan::All;
                };
                *place = *byte;
                self.header_length += 1;
                rest = after;
            }
            let [flags, ..] = &self.header;
            if flags & 0x0f == CLOSE {
                return Scan::Close { accepted: start };
            }
            if self.begin_frame().is_err() {
                return Scan::TooBig { accepted: start };
            }
        }
        Scan::All
    }

    /// Takes note of the frame whose header is complete.
    fn begin_frame(&mut self) -> Result<(), TooBig> {
        self.header_length = 0;
        let [flags, length, extended @ ..] = &self.header;
        let (length, [long @ .., _, _, _, _]) = (length & 0x7f, extended);
        let [first, second, ..] = *long;
        self.payload_left = match length {
            126 => u64::from(u16::from_be_bytes([first, second])),
            127 => u64::from_be_bytes(*long),
            short => u64::from(short),
        };
        if flags & 0x08 != 0 {
            // A control frame, which may stand between the fragments of a message.
            return Ok(());
        }
        self.was_much |= self.payload_left > BUFFER_BYTES as u64;
        self.fragments += 1;
        self.message_bytes = self.message_bytes.saturating_add(self.payload_left);
        let most = if self.is_first_message { self.limits.first_message } else { self.limits.message };
        if self.fragments > self.limits.fragments || self.message_bytes > most as u64 {
            return Err(TooBig);
        }
        if flags & 0x80 != 0 {
            (self.is_first_message, self.fragments, self.message_bytes) = (false, 0, 0);
        }
        Ok(())
    }
}

/// How long the header will be, as far as can be told from its first bytes.
fn header_size(header: &[u8; 14], known: usize) -> usize {
    if known < 2 {
        return 2;
    }
    let [_, second, ..] = header;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + extended + if second & 0x80 != 0 { 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    const LIMITS: FrameLimits = FrameLimits { first_message: 10, message: 300, fragments: 3 };

    /// A masked frame of zeros.
    fn frame(flags: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![flags];
        match length {
            0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
            126..=65_535 => {
                frame.push(0xfe);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0xff);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + length, 0);
        frame
    }

    /// How many bytes are let through, byte by byte and at once: it must not matter.
    fn accepted(frames: &[Vec<u8>]) -> Option<usize> {
        let bytes = frames.concat();
        let at_once = match Frames::new(LIMITS).scan(&bytes) {
            Scan::TooBig { accepted } => Some(accepted),
            _ => None,
        };
        let mut one_by_one = Frames::new(LIMITS);
        let refused = bytes.chunks(1).position(|byte| one_by_one.scan(byte) != Scan::All);
        assert_eq!(at_once.is_some(), refused.is_some());
        at_once
    }

    #[test]
    fn the_first_message_has_a_limit_of_its_own() {
        assert_eq!(accepted(&[frame(0x81, 10), frame(0x81, 300), frame(0x81, 300)]), None);
        assert_eq!(accepted(&[frame(0x81, 11)]), Some(0));
        assert_eq!(accepted(&[frame(0x81, 10), frame(0x81, 301)]), Some(16));
    }

    #[test]
    fn fragments_add_up_and_control_frames_do_not() {
        let first = frame(0x81, 1);
        let fits = [first.clone(), frame(0x01, 100), frame(0x89, 125), frame(0x00, 100), frame(0x80, 100)];
        assert_eq!(accepted(&fits), None);
        let large = [first.clone(), frame(0x01, 150), frame(0x80, 151)];
        assert_eq!(accepted(&large), Some(first.len() + frame(0x01, 150).len()));
        let many = [first, frame(0x01, 0), frame(0x00, 0), frame(0x00, 0), frame(0x80, 0)];
        assert_eq!(accepted(&many), Some(7 + 3 * 6));
    }

    #[test]
    fn it_is_done_with_much_between_messages_and_not_within_one() {
        let limits = FrameLimits { first_message: 1 << 20, message: 1 << 20, fragments: 9 };
        let mut frames = Frames::new(limits);
        assert_eq!(frames.scan(&frame(0x81, BUFFER_BYTES)), Scan::All);
        assert!(!frames.are_done_with_much(), "it was not much");
        for (part, is_done) in [
            (frame(0x01, BUFFER_BYTES + 1), false),
            (frame(0x80, 3), true),
            (frame(0x81, 3), true),
            (frame(0x81, 3)[..2].to_vec(), false),
        ] {
            assert_eq!(frames.scan(&part), Scan::All);
            assert_eq!(frames.are_done_with_much(), is_done);
        }
    }

    #[test]
    fn an_absurd_length_is_refused_by_its_header() {
        let header = [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(accepted(&[header.to_vec()]), Some(0));
    }

    #[tokio::test]
    async fn what_comes_before_is_delivered_first() {
        let good = frame(0x81, 3);
        let bytes = [good.clone(), frame(0x81, 301)].concat();
        let (ahead, rest) = bytes.split_at(3);
        let mut metered = Metered::new(rest, Bytes::copy_from_slice(ahead), LIMITS, Traffic::default());
        let mut buffer = [0; 1024];
        assert_eq!(metered.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(metered.read(&mut buffer).await.unwrap(), good.len() - 3);
        assert!(metered.holds_end());
        metered.release_end();
        let error = metered.read(&mut buffer).await.unwrap_err();
        assert!(error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooBig>));
    }

    #[tokio::test]
    async fn a_close_frame_waits_until_it_is_asked_for() {
        let (message, close) = (frame(0x81, 3), frame(0x88, 2));
        let bytes = [message.clone(), close.clone()].concat();
        let mut metered = Metered::new(&bytes[..], Bytes::new(), LIMITS, Traffic::default());
        let mut buffer = vec![0; 1024];
        assert_eq!(metered.read(&mut buffer).await.unwrap(), message.len());
        assert!(metered.holds_end());
        metered.release_end();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), close.len());
        assert_eq!(buffer[..close.len()], close);
        assert_eq!(metered.read(&mut buffer).await.unwrap(), 0);
    }
}
