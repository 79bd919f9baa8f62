//! A text as it goes over the wire: a complete frame (RFC 6455, section 5.2), encoded once. What a server sends is not masked,
//! so that all its receivers can share the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The opcode of a text, in the only frame of its message.
const TEXT: u8 = 0x81;

/// The longest head of a frame.
const LONGEST_HEAD: usize = 10;

/// A text for any number of receivers, counted once among all that waits.
#[derive(Debug)]
pub(super) struct Payload {
    frame: Box<[u8]>,
    /// Bytes of the text alone.
    length: usize,
    total: Arc<AtomicUsize>,
}

impl Payload {
    pub(super) fn new(text: &str, total: &Arc<AtomicUsize>) -> Arc<Self> {
        let length = text.len();
        total.fetch_add(length, Ordering::Relaxed);
        Arc::new(Self { frame: encode(text), length, total: Arc::clone(total) })
    }

    /// All of it, as it is written.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Bytes of the text.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.frame[self.frame.len() - self.length..]).unwrap()
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.total.fetch_sub(self.length, Ordering::Relaxed);
    }
}

fn encode(text: &str) -> Box<[u8]> {
    let mut frame = Vec::with_capacity(LONGEST_HEAD + text.len());
    frame.push(TEXT);
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(short @ ..126), _) => frame.push(short),
        (_, Ok(long)) => {
            frame.push(126);
            frame.extend_from_slice(&long.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(text.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(text.as_bytes());
    frame.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_the_shortest_that_has_the_length() {
        let head = |length: usize| {
            let text = "x".repeat(length);
            let frame = encode(&text);
            assert_eq!(frame[frame.len() - length..], *text.as_bytes());
            frame[..frame.len() - length].to_vec()
        };
        assert_eq!(head(0), [0x81, 0]);
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(head(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn it_counts_from_its_making_until_the_last_receiver_has_it() {
        let total = Arc::new(AtomicUsize::new(0));
        let first = Payload::new("12345", &total);
        let second = Arc::clone(&first);
        drop(first);
        assert_eq!((total.load(Ordering::Relaxed), second.len(), second.text()), (5, 5, "12345"));
        drop(second);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
