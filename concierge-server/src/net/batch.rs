//! What is on its way to one client: whole frames, each shared with whoever else receives it, of which a part may have left.
//! They go to the socket as they are, many in one call, and nothing is copied. Pure.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use super::payload::Payload;

/// How many frames are written in one call at most: as many slices are on the stack.
pub(super) const FRAMES: usize = 64;

/// Frames in the order they are written in.
#[derive(Debug, Default)]
pub(super) struct Batch {
    frames: VecDeque<Arc<Payload>>,
    /// Bytes of the first that have left.
    gone: usize,
}

impl Batch {
    pub(super) fn new(frames: VecDeque<Arc<Payload>>) -> Self {
        Self { frames, gone: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// What is to be written next, in the first of these slices. How many they are.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; FRAMES]) -> usize {
        let mut skipped = self.gone;
        for (slice, payload) in slices.iter_mut().zip(&self.frames) {
            let rest = payload.frame().get(std::mem::take(&mut skipped)..);
            *slice = IoSlice::new(rest.unwrap_or_default());
        }
        self.frames.len().min(FRAMES)
    }

    /// So many bytes have left.
    pub(super) fn advance(&mut self, written: usize) {
        self.gone += written;
        while let Some(first) = self.frames.front() {
            let length = first.frame().len();
            if self.gone < length {
                return;
            }
            self.gone -= length;
            self.frames.pop_front();
        }
        // An idle client keeps no room for what it was sent once.
        *self = Self::default();
    }

    #[cfg(test)]
    pub(super) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        self.frames.iter().map(AsRef::as_ref)
    }

    /// Drops what can be dropped: a frame of which a part has left must be completed.
    pub(super) fn cut(&mut self) {
        self.frames.truncate(usize::from(self.gone > 0));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn batch(texts: &[&str]) -> Batch {
        let total = Arc::new(AtomicUsize::new(0));
        Batch::new(texts.iter().map(|text| Payload::new(text, &total)).collect())
    }

    /// What one call would write at most.
    fn next(batch: &Batch) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); FRAMES];
        let count = batch.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn frames_leave_in_order_however_much_the_socket_takes_at_a_time() {
        let whole = b"\x81\x03one\x81\x00\x81\x05three";
        for size in 1..=whole.len() {
            let mut batch = batch(&["one", "", "three"]);
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
        let mut batch = batch(&["x"; FRAMES + 1]);
        assert_eq!(next(&batch).len(), FRAMES * 3);
        batch.advance(FRAMES * 3);
        assert_eq!(next(&batch), b"\x81\x01x");
        batch.advance(3);
        assert!(batch.is_empty());
    }

    #[test]
    fn only_a_frame_that_has_begun_survives_a_cut() {
        let mut begun = batch(&["one", "two"]);
        begun.advance(2);
        begun.cut();
        assert_eq!(next(&begun), b"one");
        let mut whole = batch(&["one", "two"]);
        whole.advance(5);
        whole.cut();
        assert!(whole.is_empty());
    }
}
