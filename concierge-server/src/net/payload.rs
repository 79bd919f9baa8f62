//! A text as it goes over the wire: a complete frame (RFC 6455, section 5.2), encoded once. What a server sends is not masked,
//! so that all its receivers can share the same bytes: a small one is copied to where its receivers' other small ones are, and leaves
//! with them; a large one is there once.

use std::cell::Cell;
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
#[derive(Debug)]
pub(super) enum Payload<'f> {
    /// One that is copied.
    Small(Small<'f>),
    /// One that is shared.
    Large(Arc<Large>),
}

/// A frame that is copied. Its bytes were counted for all receivers at once; what is not taken in for one is not counted any more.
#[derive(Debug)]
pub(super) struct Small<'f> {
    pub(super) frame: &'f [u8],
    /// How many of them are text.
    text_bytes: usize,
    counted: Cell<usize>,
    total: &'f Arc<AtomicUsize>,
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
    /// For so many receivers. The frame is written into the room, where it is small.
    pub(super) fn new(
        text: &str,
        receivers: usize,
        room: &'f mut Vec<u8>,
        total: &'f Arc<AtomicUsize>,
    ) -> Self {
        let text_bytes = text.len();
        if text_bytes <= SMALL {
            room.clear();
            put(room, Kind::Text, text.as_bytes());
            let counted = text_bytes * receivers;
            total.fetch_add(counted, Ordering::Relaxed);
            return Self::Small(Small { frame: room, text_bytes, counted: Cell::new(counted), total });
        }
        let mut frame = Vec::with_capacity(LONGEST_HEAD + text_bytes);
        put(&mut frame, Kind::Text, text.as_bytes());
        total.fetch_add(text_bytes, Ordering::Relaxed);
        let waiting = Waiting { bytes: text_bytes, total: Arc::clone(total) };
        Self::Large(Arc::new(Large { frame: frame.into_boxed_slice(), waiting }))
    }

    /// Bytes of the text.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Small(small) => small.text_bytes,
            Self::Large(large) => large.len(),
        }
    }
}

impl Small<'_> {
    /// It waits for one of its receivers from now on.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting { bytes: self.take_counted(), total: Arc::clone(self.total) }
    }

    /// It waits together with others.
    pub(super) fn waits_with(&self, others: &mut Waiting) {
        others.bytes += self.take_counted();
    }

    fn take_counted(&self) -> usize {
        debug_assert!(self.counted.get() >= self.text_bytes, "no more take it in than it was made for");
        self.counted.set(self.counted.get() - self.text_bytes);
        self.text_bytes
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let left = self.counted.get();
        if left > 0 {
            self.total.fetch_sub(left, Ordering::Relaxed);
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
pub(super) const LONGEST_HEAD: usize = 10;

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
    let Some((head, payload)) = lengths(frames) else { return frames.len() };
    usize::try_from(payload).map_or(frames.len(), |payload| frames.len().min(head + payload))
}

/// What a frame carries, which is one of those that are written here.
pub(super) fn payload_of(frame: &[u8]) -> &[u8] {
    lengths(frame).and_then(|(head, _)| frame.get(head..)).unwrap_or_default()
}

/// The lengths of the first frame's head and payload.
fn lengths(frames: &[u8]) -> Option<(usize, u64)> {
    let ([_, short], rest) = frames.split_first_chunk()?;
    Some(match (short, rest.first_chunk(), rest.first_chunk()) {
        (126, Some(length), _) => (4, u64::from(u16::from_be_bytes(*length))),
        (127, _, Some(length)) => (10, u64::from_be_bytes(*length)),
        (short, ..) => (2, u64::from(*short)),
    })
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
        let Payload::Large(first) = Payload::new(&text, 2, &mut room, &total) else { panic!("it is large") };
        let second = Arc::clone(&first);
        drop(first);
        assert_eq!((total.load(Ordering::Relaxed), second.len()), (text.len(), text.len()));
        drop(second);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_small_one_counts_for_each_receiver_that_takes_it_in() {
        let (total, mut room) = (Arc::new(AtomicUsize::new(0)), Vec::new());
        let text = "x".repeat(SMALL);
        let payload = Payload::new(&text, 3, &mut room, &total);
        let Payload::Small(small) = &payload else { panic!("it is small") };
        let mut waiting = small.waiting();
        small.waits_with(&mut waiting);
        assert_eq!((total.load(Ordering::Relaxed), waiting.bytes()), (3 * SMALL, 2 * SMALL));
        drop(payload);
        assert_eq!(total.load(Ordering::Relaxed), 2 * SMALL, "nobody takes in the third");
        drop(waiting);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
