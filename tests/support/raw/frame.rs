//! One WebSocket frame (RFC 6455, section 5.2), legal or not, to bytes and back.

use anyhow::{Context as _, Result, ensure};

/// The mask of every masked frame: a test has nothing to hide from a proxy, and equal bytes make failures readable.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// In place of a length: the length follows in two bytes …
const LENGTH_IN_TWO_BYTES: u8 = 126;
/// … or in eight.
const LENGTH_IN_EIGHT_BYTES: u8 = 127;

/// What a frame is, by the four bits that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// The next piece of a fragmented message.
    pub const CONTINUATION: Self = Self(0x0);
    /// A text message, or its first piece.
    pub const TEXT: Self = Self(0x1);
    /// A binary message, or its first piece.
    pub const BINARY: Self = Self(0x2);
    /// The connection ends.
    pub const CLOSE: Self = Self(0x8);
    /// Are you there?
    pub const PING: Self = Self(0x9);
    /// I am.
    pub const PONG: Self = Self(0xa);
}

/// One frame. Every field can be set to what RFC 6455 forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The last (or only) piece of its message.
    pub finished: bool,
    /// The three reserved bits, `0b100` being RSV1.
    pub reserved: u8,
    /// What it is; only the lower four bits travel.
    pub opcode: Opcode,
    /// Whether the payload is masked, as everything a client sends must be and nothing a server sends may be.
    pub masked: bool,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
}

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The code, or none when the frame was empty.
    pub code: Option<u16>,
    /// The reason; empty when there is none.
    pub reason: String,
}

impl Frame {
    /// A whole, masked frame of that kind.
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        Self { finished: true, reserved: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A whole text message.
    pub fn text(text: &str) -> Self {
        Self::new(Opcode::TEXT, text)
    }

    /// A whole binary message.
    pub fn binary(payload: &[u8]) -> Self {
        Self::new(Opcode::BINARY, payload)
    }

    /// The next piece of a fragmented message, its last one unless [`unfinished`](Self::unfinished).
    pub fn continuation(payload: &[u8]) -> Self {
        Self::new(Opcode::CONTINUATION, payload)
    }

    /// A ping.
    pub fn ping(payload: &[u8]) -> Self {
        Self::new(Opcode::PING, payload)
    }

    /// A pong.
    pub fn pong(payload: &[u8]) -> Self {
        Self::new(Opcode::PONG, payload)
    }

    /// A close frame with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        Self::new(Opcode::CLOSE, payload)
    }

    /// The same frame, with more pieces of its message to come.
    #[must_use]
    pub fn unfinished(self) -> Self {
        Self { finished: false, ..self }
    }

    /// The same frame, sent as no client may send it.
    #[must_use]
    pub fn unmasked(self) -> Self {
        Self { masked: false, ..self }
    }

    /// The same frame with reserved bits set, `0b100` being RSV1.
    #[must_use]
    pub fn reserved(self, bits: u8) -> Self {
        Self { reserved: bits & 0b111, ..self }
    }

    /// The bytes that go over the wire, with the length in its shortest form.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_head(self.payload.len() as u64);
        if self.masked {
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend_from_slice(&self.payload);
        }
        bytes
    }

    /// The head alone (with the mask), claiming a payload of that many bytes, whatever follows.
    pub fn encode_head(&self, length: u64) -> Vec<u8> {
        let first = (u8::from(self.finished) << 7) | (self.reserved << 4) | (self.opcode.0 & 0x0f);
        let mask_bit = u8::from(self.masked) << 7;
        let mut bytes = vec![first];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < LENGTH_IN_TWO_BYTES => bytes.push(mask_bit | short),
            (_, Ok(medium)) => {
                bytes.push(mask_bit | LENGTH_IN_TWO_BYTES);
                bytes.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | LENGTH_IN_EIGHT_BYTES);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend_from_slice(&MASK);
        }
        bytes
    }

    /// Takes one frame off the front of what was received; `None` when it is not all there yet.
    ///
    /// # Errors
    ///
    /// When the gateway wrote what a server may not write: a masked frame, or a length not in its shortest form.
    pub fn take(received: &mut Vec<u8>) -> Result<Option<Self>> {
        let [first, second, ..] = *received.as_slice() else { return Ok(None) };
        ensure!(second & 0x80 == 0, "the gateway sent a masked frame");
        let (head, length) = match second & 0x7f {
            LENGTH_IN_TWO_BYTES => {
                let Some(bytes) = received.get(2..4) else { return Ok(None) };
                let length = u64::from(u16::from_be_bytes(bytes.try_into()?));
                ensure!(
                    length >= u64::from(LENGTH_IN_TWO_BYTES),
                    "the gateway wrote a length of {length} in two bytes"
                );
                (4, length)
            }
            LENGTH_IN_EIGHT_BYTES => {
                let Some(bytes) = received.get(2..10) else { return Ok(None) };
                let length = u64::from_be_bytes(bytes.try_into()?);
                ensure!(
                    length > u64::from(u16::MAX),
                    "the gateway wrote a length of {length} in eight bytes"
                );
                (10, length)
            }
            short => (2, u64::from(short)),
        };
        let end = head + usize::try_from(length).context("a frame longer than memory")?;
        let Some(payload) = received.get(head..end) else { return Ok(None) };
        let frame = Self {
            finished: first & 0x80 != 0,
            reserved: (first >> 4) & 0b111,
            opcode: Opcode(first & 0x0f),
            masked: false,
            payload: payload.to_vec(),
        };
        received.drain(..end);
        Ok(Some(frame))
    }

    /// What a close frame says.
    ///
    /// # Errors
    ///
    /// When it is no close frame, or one that RFC 6455 forbids: half a code, or a reason that is not UTF-8.
    pub fn to_close(&self) -> Result<Close> {
        ensure!(self.opcode == Opcode::CLOSE, "the gateway sent {self:?}, which is no close frame");
        match self.payload.as_slice() {
            [] => Ok(Close { code: None, reason: String::new() }),
            [high, low, reason @ ..] => Ok(Close {
                code: Some(u16::from_be_bytes([*high, *low])),
                reason: String::from_utf8(reason.to_vec()).context("the reason of a close is not UTF-8")?,
            }),
            [_] => anyhow::bail!("the gateway sent a close frame with half a code"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_text_frame_is_the_one_of_the_rfc() {
        // RFC 6455, section 5.7: a single-frame masked text message "Hello".
        let expected = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(Frame::text("Hello").encode(), expected);
    }

    #[test]
    fn lengths_of_every_form_are_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = Frame::binary(&vec![7; length]).unmasked();
            let mut bytes = frame.encode();
            let last = bytes.pop();
            if length > 0 {
                assert_eq!(
                    Frame::take(&mut bytes).unwrap(),
                    None,
                    "a frame of {length} bytes without its last one"
                );
            }
            bytes.extend(last);
            assert_eq!(Frame::take(&mut bytes).unwrap(), Some(frame));
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn a_masked_frame_from_a_gateway_is_refused() {
        assert!(Frame::take(&mut Frame::text("x").encode()).is_err());
    }
}
