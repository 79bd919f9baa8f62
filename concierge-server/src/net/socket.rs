//! A WebSocket, from the gateway's side: messages come out of it, frames go into it, and both ways are counted, which tells who is
//! alive and who reads. Who is served when is decided in `session`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use concierge_client::payload::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::batch::{Batch, CHUNKS};
use super::frames::{FrameLimits, Frames, Piece, Place, Violation};
use super::inbox::Inbox;
use super::metrics::Traffic;
use super::payload::{Kind, put, put_close};
use crate::dialect::concierge::Close;

/// How many bytes of pongs may wait to be written.
const MOST_CONTROL_BYTES: usize = 16 * 1024;

/// The stream of a connection, as a WebSocket.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    inbox: Inbox,
    frames: Frames,
    /// How the client's part came to its end.
    end: Option<End>,
    /// What is being written.
    batch: Batch,
    /// Frames of the connection itself, which go before the next batch.
    control: Vec<u8>,
    is_unflushed: bool,
    received: u64,
    written: u64,
    /// What those of all connections together are counted with.
    traffic: Traffic,
}

/// The end of the client's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It closes, with a code and a reason or without.
    Closed(Option<Close>),
    /// The connection is gone.
    Lost,
    /// What came is none of what may come.
    Violated(Violation),
}

impl End {
    /// What a close frame says (RFC 6455, section 7.4): nothing, or a code that may be sent and a reason that is a text.
    fn by_close(payload: Option<&[u8]>) -> Self {
        match payload.unwrap_or_default() {
            [] => Self::Closed(None),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                    return Self::Violated(Violation::Protocol);
                }
                match std::str::from_utf8(reason) {
                    Ok(reason) => {
                        Self::Closed(Some(Close { code: CloseCode::from(code), reason: reason.to_owned() }))
                    }
                    Err(_) => Self::Violated(Violation::NotUtf8),
                }
            }
            [_] => Self::Violated(Violation::Protocol),
        }
    }
}

impl<S> Socket<S> {
    /// `ahead` is what was read from the stream already.
    pub(super) fn new(stream: S, ahead: &Bytes, limits: FrameLimits, traffic: Traffic) -> Self {
        traffic.received.inc_by(ahead.len() as u64);
        Self {
            stream,
            inbox: Inbox::new(ahead.to_vec()),
            frames: Frames::new(limits),
            end: None,
            batch: Batch::default(),
            control: Vec::new(),
            is_unflushed: false,
            received: ahead.len() as u64,
            written: 0,
            traffic,
        }
    }

    /// How the client's part came to its end, if it has: nothing is read any more.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The text that was read last.
    pub(super) fn text(&self, place: &Place) -> Result<&str, Violation> {
        self.frames.text(place, self.inbox.bytes())
    }

    /// Others get their turn to read: what the buffers hold is kept.
    pub(super) fn settle(&mut self) {
        self.inbox.settle();
    }

    /// Asks the client whether it is still there.
    pub(super) fn ping(&mut self) {
        put(&mut self.control, Kind::Ping, b"");
    }

    /// The last frame that goes over this.
    pub(super) fn close(&mut self, close: Option<&Close>) {
        put_close(&mut self.control, close);
    }

    /// Whether the client has asked for so many pongs that it must read some first.
    pub(super) fn owes_much(&self) -> bool {
        self.control.len() > MOST_CONTROL_BYTES
    }

    /// Bytes that came in so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that went out so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// What is being written; when it was all, it begins with what the connection itself has to say.
    pub(super) fn batch(&mut self) -> &mut Batch {
        if self.batch.is_empty() && !self.control.is_empty() {
            self.batch.begin_with(std::mem::take(&mut self.control));
        }
        &mut self.batch
    }

    /// Whether what was being written is.
    pub(super) fn is_done(&self) -> bool {
        self.batch.is_empty() && !self.is_unflushed
    }

    /// Whether nothing is left to be written here.
    pub(super) fn is_written(&self) -> bool {
        self.is_done() && self.control.is_empty()
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// The next message or control frame. Pings are answered here. Pending as well when there is an [`end`](Self::end).
    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        while self.end.is_none() {
            let (bytes, start) = self.inbox.unhandled();
            match self.frames.next(bytes, start) {
                Ok(Some(Piece::Close(place))) => {
                    self.end = Some(End::by_close(self.inbox.bytes().get(place)));
                }
                Ok(Some(piece)) => {
                    if let Piece::Ping(place) = &piece {
                        let asked = self.inbox.bytes().get(place.clone()).unwrap_or_default();
                        put(&mut self.control, Kind::Pong, asked);
                    }
                    return Poll::Ready(piece);
                }
                Ok(None) => match ready!(self.inbox.poll_fill(Pin::new(&mut self.stream), context)) {
                    Ok(count @ 1..) => {
                        self.received += count as u64;
                        self.traffic.received.inc_by(count as u64);
                    }
                    Ok(0) | Err(_) => self.end = Some(End::Lost),
                },
                Err(violation) => self.end = Some(End::Violated(violation)),
            }
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    /// Writes the batch to its end.
    pub(super) fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); CHUNKS];
            let count = self.batch.slices(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.batch.advance(written);
            self.written += written as u64;
            self.traffic.sent.inc_by(written as u64);
            self.is_unflushed = true;
        }
        if self.is_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::frames::tests::{LIMITS, frame};
    use super::*;

    /// What comes out of a stream, and how it ends.
    fn read(bytes: &[u8]) -> (Vec<Piece>, Option<End>, Vec<u8>) {
        let (ahead, rest) = bytes.split_at(bytes.len().min(3));
        let mut socket = Socket::new(rest, &Bytes::copy_from_slice(ahead), LIMITS, Traffic::default());
        let context = &mut Context::from_waker(Waker::noop());
        let mut pieces = Vec::new();
        while let Poll::Ready(piece) = socket.poll_piece(context) {
            pieces.push(piece);
        }
        (pieces, socket.end, socket.control)
    }

    #[test]
    fn what_comes_before_the_end_is_read_and_nothing_behind_it() {
        let message = frame(0x81, b"one");
        for (last, end) in [
            (frame(0x81, &[b'x'; 260]), End::Violated(Violation::TooBig)),
            (frame(0x88, b""), End::Closed(None)),
            (Vec::new(), End::Lost),
        ] {
            let bytes = if end == End::Lost {
                message.clone()
            } else {
                [message.clone(), last, message.clone()].concat()
            };
            let (pieces, found, _) = read(&bytes);
            assert!(matches!(pieces[..], [Piece::Text(_)]), "{pieces:?}");
            assert_eq!(found, Some(end));
        }
    }

    #[test]
    fn a_close_says_what_may_be_said() {
        let close = |payload: &[u8]| read(&frame(0x88, payload)).1.unwrap();
        let said = Close { code: CloseCode::Normal, reason: "bye".to_owned() };
        assert_eq!(close(b"\x03\xe8bye"), End::Closed(Some(said)));
        for bad in [&b"\x03"[..], b"\x03\xec", b"\x03\xed", b"\x03\xee", b"\x00\x01", b"\x13\x88"] {
            assert_eq!(close(bad), End::Violated(Violation::Protocol), "{bad:?}");
        }
        assert_eq!(close(b"\x03\xe8\xff"), End::Violated(Violation::NotUtf8));
    }

    #[test]
    fn pings_are_answered_with_what_they_carry() {
        let bytes = [frame(0x89, b"one"), frame(0x89, b"")].concat();
        let (pieces, _, control) = read(&bytes);
        assert_eq!((pieces.len(), control.as_slice()), (2, &b"\x8a\x03one\x8a\x00"[..]));
    }
}
