//! What was read from a client and is not handled yet. All connections of a thread read into the same room, one after the other;
//! a connection has room of its own only for what could not be handled at once, as the part of a message that has come so far.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// How many bytes are read at once.
const BYTES_AT_ONCE: usize = 32 * 1024;

thread_local! {
    /// The room to read into; empty while a connection has it.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes in the order they came in.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Where what is not handled yet begins, and where it ends.
    start: usize,
    end: usize,
    /// Whether the bytes are in the room that belongs to the thread.
    is_lent: bool,
}

impl Inbox {
    /// With bytes that are there already.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { start: 0, end: bytes.len(), bytes, is_lent: false }
    }

    /// What is not handled yet, and where it begins: what is handled is behind that.
    pub(super) fn unhandled(&mut self) -> (&mut [u8], &mut usize) {
        (self.bytes.get_mut(..self.end).unwrap_or_default(), &mut self.start)
    }

    /// All that is there, what was just handled included.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// Reads more. How many bytes; 0 at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.settle();
        let mut room = ROOM.take();
        room.resize(BYTES_AT_ONCE, 0);
        let mut buffer = ReadBuf::new(&mut room);
        let outcome = stream.poll_read(context, &mut buffer).map_ok(|()| buffer.filled().len());
        match outcome {
            Poll::Ready(Ok(count @ 1..)) if self.bytes.is_empty() => {
                *self = Self { bytes: room, start: 0, end: count, is_lent: true };
            }
            Poll::Ready(Ok(count)) => {
                self.bytes.extend_from_slice(room.get(..count).unwrap_or_default());
                self.end = self.bytes.len();
                ROOM.set(room);
            }
            Poll::Ready(Err(_)) | Poll::Pending => ROOM.set(room),
        }
        Poll::Ready(Ok(ready!(outcome)?))
    }

    /// Gives back the room of the thread, and keeps what is not handled yet. To be called before others get their turn.
    pub(super) fn settle(&mut self) {
        let rest = self.bytes.get(self.start..self.end).unwrap_or_default();
        if self.is_lent {
            let rest = rest.to_vec();
            ROOM.set(std::mem::replace(self, Self::new(rest)).bytes);
        } else if rest.is_empty() {
            *self = Self::default();
        } else if self.start > 0 {
            self.bytes.drain(..self.start);
            *self = Self::new(std::mem::take(&mut self.bytes));
        }
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn fill(inbox: &mut Inbox, mut stream: &[u8]) -> usize {
        let context = &mut Context::from_waker(Waker::noop());
        match inbox.poll_fill(Pin::new(&mut stream), context) {
            Poll::Ready(count) => count.unwrap(),
            Poll::Pending => panic!("bytes are always there"),
        }
    }

    fn handle(inbox: &mut Inbox, count: usize) -> Vec<u8> {
        let (bytes, start) = inbox.unhandled();
        let handled = bytes[*start..][..count].to_vec();
        *start += count;
        handled
    }

    #[test]
    fn what_is_handled_at_once_leaves_nothing_behind() {
        let mut inbox = Inbox::default();
        assert_eq!(fill(&mut inbox, b"whole"), 5);
        assert_eq!(handle(&mut inbox, 5), b"whole");
        inbox.settle();
        assert_eq!(inbox.held(), 0);
    }

    #[test]
    fn what_is_left_goes_before_what_comes_and_takes_no_more_room_than_it_needs() {
        let mut inbox = Inbox::new(b"ah".to_vec());
        assert_eq!(fill(&mut inbox, b"ead, the "), 9);
        assert_eq!(handle(&mut inbox, 7), b"ahead, ");
        inbox.settle();
        assert_eq!(fill(&mut inbox, b"rest"), 4);
        assert_eq!(handle(&mut inbox, 6), b"the re");
        assert_eq!(fill(&mut inbox, b""), 0, "the end of the stream changes nothing");
        assert_eq!(handle(&mut inbox, 2), b"st");
        inbox.settle();
        assert_eq!(inbox.held(), 0);
    }

    #[test]
    fn two_connections_that_take_turns_do_not_see_what_is_the_others() {
        let (mut first, mut second) = (Inbox::default(), Inbox::default());
        fill(&mut first, b"one");
        handle(&mut first, 1);
        first.settle();
        fill(&mut second, b"two");
        assert_eq!((handle(&mut first, 2), handle(&mut second, 3)), (b"ne".to_vec(), b"two".to_vec()));
    }
}
