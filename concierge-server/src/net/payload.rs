//! A text as it goes over the wire: a complete frame (RFC 6455, section 5.2), encoded once. What a server sends is not masked,
//! so that all its receivers can share the same bytes: a small one is copied to where its receivers' other small ones are, and leaves
//! with them; a large one is there once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::dialect::concierge::Close;

/// What kind of frame it is, in the only one of its message.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Kind {
    Text = 0x81,
    Close = 0x88,
    Ping = 0x89,
    Pong = 0x8a,
}

/// Frames up to this size are copied: sharing one costs more than that, and so does writing it by itself.
const SMALL: usize = 2 * 1024;

/// A text for any number of receivers.
#[derive(Debug, Clone)]
pub(super) enum Payload<'f> {
    /// A frame that is copied, and how many bytes of it are text.
    Small(&'f [u8], usize),
    /// One that is shared.
    Large(Arc<Large>),
}

/// A text that all its receivers share, counted once among all that waits.
#[derive(Debug)]
pub(super) struct Large {
    frame: Box<[u8]>,
    waiting: Waiting,
}

/// Bytes that wait for somebody: counted among all that waits, until this is gone.
#[derive(Debug)]
pub(super) struct Waiting {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl<'f> Payload<'f> {
    /// The frame is written into the room, where it is small.
    pub(super) fn new(text: &str, room: &'f mut Vec<u8>, total: &Arc<AtomicUsize>) -> Self {
        room.clear();
        if text.len() <= SMALL {
            put(room, Kind::Text, text.as_bytes());
            return Self::Small(room, text.len());
        }
        let mut frame = Vec::with_capacity(LONGEST_HEAD + text.len());
        put(&mut frame, Kind::Text, text.as_bytes());
        let waiting = Waiting::new(text.len(), Arc::clone(total));
        Self::Large(Arc::new(Large { frame: frame.into_boxed_slice(), waiting }))
    }

    /// Bytes of the text.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small(_, length) => *length,
            Self::Large(large) => large.len(),
        }
    }
}

impl Large {
    /// All of it, as it is written.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Bytes of the text.
    pub(super) fn len(&self) -> usize {
        self.waiting.bytes
    }
}

impl Waiting {
    pub(super) fn new(bytes: usize, total: Arc<AtomicUsize>) -> Self {
        total.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, total }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The longest head of a frame.
const LONGEST_HEAD: usize = 10;

/// Writes a frame at the end of others.
pub(super) fn put(frames: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    frames.push(kind as u8);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frames.push(short),
        (_, Ok(long)) => {
            frames.push(126);
            frames.extend_from_slice(&long.to_be_bytes());
        }
        _ => {
            frames.push(127);
            frames.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frames.extend_from_slice(payload);
}

/// A close frame: with a code and a reason, or with nothing.
pub(super) fn put_close(frames: &mut Vec<u8>, close: Option<&Close>) {
    let payload =
        close.map(|Close { code, reason }| [&u16::from(*code).to_be_bytes(), reason.as_bytes()].concat());
    put(frames, Kind::Close, payload.as_deref().unwrap_or_default());
}

/// How long the first of these frames is; all of them where that cannot be told.
pub(super) fn first_length(frames: &[u8]) -> usize {
    let Some(([_, short], rest)) = frames.split_first_chunk() else { return frames.len() };
    let (head, payload) = match (short, rest.first_chunk(), rest.first_chunk()) {
        (126, Some(length), _) => (4, u64::from(u16::from_be_bytes(*length))),
        (127, _, Some(length)) => (10, u64::from_be_bytes(*length)),
        (short, ..) => (2, u64::from(*short)),
    };
    usize::try_from(payload).map_or(frames.len(), |payload| frames.len().min(head + payload))
}

#[cfg(test)]
mod tests {
    use concierge_client::payload::CloseCode;

    use super::*;

    #[test]
    fn the_head_is_the_shortest_that_has_the_length_and_tells_it() {
        let head = |length: usize| {
            let text = vec![b'x'; length];
            let mut frame = Vec::new();
            put(&mut frame, Kind::Text, &text);
            assert_eq!(frame[frame.len() - length..], text);
            let whole = frame.len();
            put(&mut frame, Kind::Ping, b"another");
            assert_eq!(first_length(&frame), whole);
            frame[..whole - length].to_vec()
        };
        assert_eq!(head(0), [0x81, 0]);
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(head(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_close_has_a_code_and_a_reason_or_nothing() {
        let mut frames = Vec::new();
        put_close(&mut frames, Some(&Close::new(CloseCode::GoingAway)));
        put_close(&mut frames, None);
        assert_eq!(frames, b"\x88\x0c\x03\xe9Going away\x88\x00");
    }

    #[test]
    fn a_large_one_counts_from_its_making_until_the_last_receiver_has_it() {
        let (total, mut room) = (Arc::new(AtomicUsize::new(0)), Vec::new());
        let text = "x".repeat(SMALL + 1);
        let first = Payload::new(&text, &mut room, &total);
        let second = first.clone();
        drop(first);
        assert_eq!((total.load(Ordering::Relaxed), second.len()), (text.len(), text.len()));
        drop(second);
        assert_eq!(total.load(Ordering::Relaxed), 0);
        assert!(matches!(Payload::new(&text[1..], &mut room, &total), Payload::Small(_, SMALL)));
    }
}
