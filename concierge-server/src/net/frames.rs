//! The frames that a client sends, followed from header to header as they come (RFC 6455, section 5.2): what would be too much is
//! found by its header. Pure.

use super::gateway::BUFFER_BYTES;

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

/// The error of a read that met a frame which is too much.
#[derive(Debug, thiserror::Error)]
#[error("a message is over the limits")]
pub(super) struct TooBig;

/// What a part of the stream holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// Nothing unusual.
    All,
    /// A frame that is too much, after so many bytes.
    TooBig { accepted: usize },
    /// A close frame, after so many bytes.
    Close { accepted: usize },
}

/// The opcode of a close frame.
const CLOSE: u8 = 0x08;

/// Follows frames from header to header. Whether they are valid otherwise is for the WebSocket itself to say.
#[derive(Debug)]
pub(super) struct Frames {
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
    pub(super) fn new(limits: FrameLimits) -> Self {
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
    pub(super) fn are_done_with_much(&self) -> bool {
        self.was_much && self.payload_left == 0 && self.header_length == 0 && self.fragments == 0
    }

    /// A frame larger than a buffer does not count any more.
    pub(super) fn forget_much(&mut self) {
        self.was_much = false;
    }

    /// Goes on with these bytes, up to a frame that is too much or a close frame.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scan {
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
pub(super) mod tests {
    use super::*;

    pub(in super::super) const LIMITS: FrameLimits =
        FrameLimits { first_message: 10, message: 300, fragments: 3 };

    /// A masked frame of zeros.
    pub(in super::super) fn frame(flags: u8, length: usize) -> Vec<u8> {
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
}
