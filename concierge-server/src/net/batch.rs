//! What is on its way to one client: chunks of whole frames, of which a part may have left. They go to the socket as they are,
//! many in one call. Pure.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use super::payload::{Kind, LONGEST_HEAD, Large, Payload, Waiting, first_length, payload_of, put};

/// How many chunks are written in one call at most: as many slices are on the stack.
pub(super) const CHUNKS: usize = 64;

/// How large a chunk of small frames grows.
const CHUNK_BYTES: usize = 32 * 1024;

/// Whole frames, one after the other.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Small ones, copied, and how many payloads they are.
    Small { frames: Vec<u8>, payloads: usize, waiting: Waiting },
    /// A large one, shared with whoever else receives it.
    Large(Arc<Large>),
}

impl Chunk {
    pub(super) fn new(payload: &Payload<'_>) -> Self {
        match payload {
            Payload::Small(small) => {
                Self::Small { frames: small.frame.to_vec(), payloads: 1, waiting: small.waiting() }
            }
            Payload::Large(large) => Self::Large(Arc::clone(large)),
        }
    }

    /// Takes in one more, if it is a small one and there is room.
    pub(super) fn add(&mut self, payload: &Payload<'_>) -> bool {
        let (Self::Small { frames, payloads, waiting }, Payload::Small(small)) = (self, payload) else {
            return false;
        };
        let frame = small.frame;
        if frames.len() + frame.len() > CHUNK_BYTES {
            return false;
        }
        if frames.capacity() - frames.len() < frame.len() {
            // Where a second one comes, more do: it moves seldom.
            frames.reserve_exact((8 * frames.len()).max(frame.len()).min(CHUNK_BYTES - frames.len()));
        }
        frames.extend_from_slice(frame);
        *payloads += 1;
        small.waits_with(waiting);
        true
    }

    /// Makes one frame of small ones, if there are several.
    fn join(&mut self) {
        let Self::Small { frames, payloads: 2.., .. } = self else { return };
        let mut text = Vec::with_capacity(frames.len());
        let mut rest = frames.as_slice();
        while !rest.is_empty() {
            if !text.is_empty() {
                text.push(b'\n');
            }
            let (frame, others) = rest.split_at(first_length(rest));
            text.extend_from_slice(payload_of(frame));
            rest = others;
        }
        let mut joined = Vec::with_capacity(LONGEST_HEAD + text.len());
        put(&mut joined, Kind::Text, &text);
        *frames = joined;
    }

    /// As they are written.
    pub(super) fn frames(&self) -> &[u8] {
        match self {
            Self::Small { frames, .. } => frames,
            Self::Large(large) => large.frame(),
        }
    }

    pub(super) fn payloads(&self) -> usize {
        match self {
            Self::Small { payloads, .. } => *payloads,
            Self::Large(_) => 1,
        }
    }

    /// Bytes of the texts alone.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Small { waiting, .. } => waiting.bytes(),
            Self::Large(large) => large.len(),
        }
    }
}

/// Chunks in the order they are written in.
#[derive(Debug, Default)]
pub(super) struct Batch {
    chunks: VecDeque<Chunk>,
    /// What goes before them: frames of the connection itself.
    control: Vec<u8>,
    /// Bytes that have left of what is first.
    gone: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.control.is_empty()
    }

    /// Frames that wait for nobody's outbox: they go first. Only while nothing else is on its way.
    pub(super) fn begin_with(&mut self, control: Vec<u8>) {
        debug_assert!(self.is_empty(), "the frame that is being written must be completed");
        self.control = control;
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        self.chunks.push_back(chunk);
    }

    /// Whether there are payloads in it.
    pub(super) fn has_payloads(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// Makes one text of the small ones that lie together, each with a line feed before the next. Only before any of it has left.
    pub(super) fn join(&mut self) {
        for chunk in &mut self.chunks {
            chunk.join();
        }
    }

    /// What is to be written next, in the first of these slices. How many they are.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; CHUNKS]) -> usize {
        let control = (!self.control.is_empty()).then_some(self.control.as_slice());
        let mut skipped = self.gone;
        let mut count = 0;
        for (slice, frames) in
            slices.iter_mut().zip(control.into_iter().chain(self.chunks.iter().map(Chunk::frames)))
        {
            *slice = IoSlice::new(frames.get(std::mem::take(&mut skipped)..).unwrap_or_default());
            count += 1;
        }
        count
    }

    /// So many bytes have left.
    pub(super) fn advance(&mut self, written: usize) {
        self.gone += written;
        if !self.control.is_empty() {
            if self.gone < self.control.len() {
                return;
            }
            self.gone -= self.control.len();
            self.control = Vec::new();
        }
        while let Some(first) = self.chunks.front() {
            let length = first.frames().len();
            if self.gone < length {
                return;
            }
            self.gone -= length;
            self.chunks.pop_front();
        }
        // An idle client keeps no room for what it was sent once.
        *self = Self::default();
    }

    /// The texts of the frames, which are whole.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<String> {
        let mut frames = self.chunks.iter().flat_map(Chunk::frames).copied().collect::<Vec<_>>();
        let mut texts = Vec::new();
        while !frames.is_empty() {
            let frame: Vec<u8> = frames.drain(..first_length(&frames)).collect();
            let head = match frame[1] {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            texts.push(String::from_utf8(frame[head..].to_vec()).unwrap());
        }
        texts
    }

    /// Drops what can be dropped: a frame of which a part has left must be completed.
    pub(super) fn cut(&mut self) {
        let frames = match self.chunks.front() {
            _ if !self.control.is_empty() => self.control.as_slice(),
            Some(chunk) => chunk.frames(),
            None => return,
        };
        let mut end = 0;
        while end < self.gone {
            end += first_length(frames.get(end..).unwrap_or_default());
        }
        let rest = frames.get(self.gone..end).unwrap_or_default().to_vec();
        *self = Self { control: rest, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    /// A chunk for each of the lists.
    fn batch(chunks: &[&[&str]]) -> Batch {
        let total = Arc::default();
        let (mut batch, mut room) = (Batch::default(), Vec::new());
        for texts in chunks {
            let mut chunk: Option<Chunk> = None;
            for text in *texts {
                let payload = Payload::new(text, 1, &mut room, &total);
                match &mut chunk {
                    Some(chunk) => assert!(chunk.add(&payload)),
                    None => chunk = Some(Chunk::new(&payload)),
                }
            }
            batch.push(chunk.unwrap());
        }
        batch
    }

    /// What one call would write at most.
    fn next(batch: &Batch) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); CHUNKS];
        let count = batch.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn small_ones_that_lie_together_become_one_text_with_line_feeds() {
        let long = "x".repeat(200);
        let mut joined = batch(&[&["1"], &["22", &long, "333"], &[&"y".repeat(70_000)]]);
        joined.join();
        let texts = ["1".to_owned(), format!("22\n{long}\n333"), "y".repeat(70_000)];
        assert_eq!(joined.texts(), texts);
    }

    #[test]
    fn frames_leave_in_order_however_much_the_socket_takes_at_a_time() {
        let whole = b"\x89\x00\x81\x03one\x81\x00\x81\x05three";
        for size in 1..=whole.len() {
            let mut batch = batch(&[&["one", ""], &["three"]]);
            batch.control = b"\x89\x00".to_vec();
            let mut written = Vec::new();
            while !batch.is_empty() {
                let bytes = next(&batch);
                let taken = size.min(bytes.len());
                written.extend_from_slice(&bytes[..taken]);
                batch.advance(taken);
            }
            assert_eq!(written, whole, "{size} bytes at a time");
        }
    }

    #[test]
    fn more_than_one_call_takes_leaves_with_the_next() {
        let mut batch = batch(&[["x"].as_slice(); CHUNKS + 1]);
        assert_eq!(next(&batch).len(), CHUNKS * 3);
        batch.advance(CHUNKS * 3);
        assert_eq!(next(&batch), b"\x81\x01x");
        batch.advance(3);
        assert!(batch.is_empty());
    }

    #[test]
    fn only_a_frame_that_has_begun_survives_a_cut() {
        let whole = b"\x8a\x01p\x81\x03one\x81\x03two\x81\x05three";
        for gone in 0..whole.len() {
            let mut batch = batch(&[&["one", "two"], &["three"]]);
            batch.control = whole[..3].to_vec();
            batch.advance(gone);
            batch.cut();
            let end = [0, 3, 8, 13, 20].into_iter().find(|end| *end >= gone).unwrap();
            assert_eq!(next(&batch), whole[gone..end], "after {gone} bytes");
        }
    }

    #[test]
    fn a_chunk_counts_until_it_is_gone_and_does_not_grow_without_end() {
        let (total, mut room) = (Arc::default(), Vec::new());
        let payload = Payload::new("12345", CHUNK_BYTES, &mut room, &total);
        let mut chunk = Chunk::new(&payload);
        while chunk.add(&payload) {}
        drop(payload);
        assert!(chunk.frames().len() <= CHUNK_BYTES && chunk.frames().len() > CHUNK_BYTES - 7);
        assert_eq!(chunk.text_bytes(), chunk.payloads() * 5);
        assert_eq!(total.load(Ordering::Relaxed), chunk.text_bytes());
        drop(chunk);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
