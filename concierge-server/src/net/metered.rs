//! A byte stream that watches the frames a client sends, and refuses what would be too much before it is taken in: a
//! message over its limit, one in too many fragments. It also counts bytes, which tells who is alive and who reads, and writes
//! batches of frames past the WebSocket above it, which then has only control frames to write.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::batch::{Batch, FRAMES};
use super::frames::{FrameLimits, Frames, Scan, TooBig};
use super::metrics::Traffic;

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
        self.frames.forget_much();
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::super::frames::tests::{LIMITS, frame};
    use super::*;

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
