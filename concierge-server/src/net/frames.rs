//! What a client sends, taken apart into messages (RFC 6455, section 5). Frames are unmasked where they lie; what would be too much
//! is refused by the header of its frame, before it is taken in. Pure.

use std::ops::Range;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameLimits {
    /// Bytes of the first message.
    pub(super) first_message: usize,
    /// Bytes of any other.
    pub(super) message: usize,
    /// Bytes of a frame.
    pub(super) frame: usize,
    /// Fragments of a message.
    pub(super) fragments: usize,
}

/// A whole message, or a control frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A text; what it is tells [`Frames::text`].
    Text(Place),
    /// Bytes that are no text. Nobody looks at them.
    Binary,
    /// To be answered with a pong that has the same in it.
    Ping(Range<usize>),
    Pong,
    /// The client closes; in it are a code and a reason, or nothing.
    Close(Range<usize>),
}

/// Where a text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the buffer it came in.
    Buffer(Range<usize>),
    /// It came in several frames.
    Fragments,
}

/// Why nothing more is read from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    /// A frame or a message is over the limits.
    TooBig,
    /// It is no WebSocket as the standard has it.
    Protocol,
    /// A text is not UTF-8.
    NotUtf8,
}

/// Opcodes (RFC 6455, section 5.2).
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// The longest payload of a control frame.
const LONGEST_CONTROL: u64 = 125;

/// What is between the frames of one connection: the limits it has, and the message of which a part is there.
#[derive(Debug)]
pub(super) struct Frames {
    limits: FrameLimits,
    is_first_message: bool,
    begun: Option<Begun>,
}

/// A message in several frames.
#[derive(Debug)]
struct Begun {
    is_text: bool,
    bytes: Vec<u8>,
    fragments: usize,
    /// So much of it is known to be UTF-8.
    checked: usize,
    is_complete: bool,
}

impl Frames {
    pub(super) fn new(limits: FrameLimits) -> Self {
        Self { limits, is_first_message: true, begun: None }
    }

    /// Takes the next piece off the bytes from `start` on, and moves that behind it; none when more bytes are needed.
    pub(super) fn next(&mut self, buffer: &mut [u8], start: &mut usize) -> Result<Option<Piece>, Violation> {
        self.begun.take_if(|begun| begun.is_complete);
        loop {
            let Some(header) = Header::read(buffer.get(*start..).unwrap_or_default())? else {
                return Ok(None);
            };
            self.check(&header)?;
            let from = *start + header.size;
            // What is over the limits has been refused: this fits.
            let to = from.saturating_add(usize::try_from(header.length).unwrap_or(usize::MAX));
            let Some(payload) = buffer.get_mut(from..to) else { return Ok(None) };
            unmask(payload, header.mask);
            *start = to;
            if let Some(piece) = self.take_in(&header, payload, from..to)? {
                return Ok(Some(piece));
            }
        }
    }

    /// The text that [`Frames::next`] found in this buffer.
    pub(super) fn text<'a>(&'a self, place: &Place, buffer: &'a [u8]) -> Result<&'a str, Violation> {
        let bytes = match place {
            Place::Buffer(range) => buffer.get(range.clone()),
            Place::Fragments => self.begun.as_ref().map(|begun| begun.bytes.as_slice()),
        };
        std::str::from_utf8(bytes.unwrap_or_default()).map_err(|_| Violation::NotUtf8)
    }

    /// Whether a frame may come now, and be of that size.
    fn check(&self, header: &Header) -> Result<(), Violation> {
        if header.is_control() {
            return Ok(());
        }
        let begun = self.begun.as_ref();
        let (bytes, fragments) = begun.map_or((0, 0), |begun| (begun.bytes.len(), begun.fragments));
        let most = if self.is_first_message { self.limits.first_message } else { self.limits.message };
        let together = header.length.saturating_add(bytes as u64);
        if header.length > self.limits.frame as u64
            || together > most as u64
            || fragments >= self.limits.fragments
        {
            return Err(Violation::TooBig);
        }
        let goes_on = header.opcode == CONTINUATION;
        if goes_on == begun.is_some() { Ok(()) } else { Err(Violation::Protocol) }
    }

    /// What a whole frame comes to; none for a part of a message.
    fn take_in(
        &mut self,
        header: &Header,
        payload: &[u8],
        place: Range<usize>,
    ) -> Result<Option<Piece>, Violation> {
        Ok(Some(match header.opcode {
            PING => Piece::Ping(place),
            PONG => Piece::Pong,
            CLOSE => Piece::Close(place),
            opcode if header.is_final && opcode != CONTINUATION => {
                self.is_first_message = false;
                if opcode == TEXT { Piece::Text(Place::Buffer(place)) } else { Piece::Binary }
            }
            opcode => {
                let begun = self.begun.get_or_insert_with(|| Begun::new(opcode == TEXT));
                begun.add(payload, header.is_final)?;
                if !header.is_final {
                    return Ok(None);
                }
                self.is_first_message = false;
                if begun.is_text { Piece::Text(Place::Fragments) } else { Piece::Binary }
            }
        }))
    }
}

impl Begun {
    fn new(is_text: bool) -> Self {
        Self { is_text, bytes: Vec::new(), fragments: 0, checked: 0, is_complete: false }
    }

    /// What is no UTF-8 is known as soon as it is there, however the characters are cut.
    fn add(&mut self, payload: &[u8], is_final: bool) -> Result<(), Violation> {
        self.fragments += 1;
        self.is_complete = is_final;
        self.bytes.extend_from_slice(payload);
        if self.is_text
            && let Err(error) = std::str::from_utf8(self.bytes.get(self.checked..).unwrap_or_default())
        {
            if error.error_len().is_some() || is_final {
                return Err(Violation::NotUtf8);
            }
            self.checked += error.valid_up_to();
        } else {
            self.checked = self.bytes.len();
        }
        Ok(())
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy)]
struct Header {
    opcode: u8,
    is_final: bool,
    length: u64,
    mask: [u8; 4],
    /// Bytes of the header itself.
    size: usize,
}

impl Header {
    /// Reads a header that is complete; none while it is not.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let [flags, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = flags & 0x0f;
        let (is_final, short) = (flags & 0x80 != 0, second & 0x7f);
        let is_known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        // Nobody has agreed on extensions, and clients mask.
        if flags & 0x70 != 0 || !is_known || second & 0x80 == 0 {
            return Err(Violation::Protocol);
        }
        let (length, extended, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), 2, rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), 8, rest),
                None => return Ok(None),
            },
            short => (u64::from(short), 0, rest),
        };
        let is_control = opcode & 0x08 != 0;
        if is_control && (!is_final || length > LONGEST_CONTROL) {
            return Err(Violation::Protocol);
        }
        let mask = rest.first_chunk();
        Ok(mask.map(|mask| Self { opcode, is_final, length, mask: *mask, size: 2 + extended + 4 }))
    }

    fn is_control(&self) -> bool {
        self.opcode & 0x08 != 0
    }
}

/// Takes the mask off (RFC 6455, section 5.3), eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const LIMITS: FrameLimits =
        FrameLimits { first_message: 10, message: 300, frame: 250, fragments: 3 };

    const MASK: [u8; 4] = [1, 2, 3, 4];

    /// A masked frame.
    pub(in super::super) fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![flags];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
            length @ 126..=65_535 => {
                frame.push(0xfe);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(0xff);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
        frame
    }

    fn text(length: usize) -> Vec<u8> {
        frame(0x81, &vec![b'x'; length])
    }

    /// What was found, and what ended it.
    type Found = (Vec<String>, Option<Violation>);

    fn found(bytes: &[u8], portion: usize) -> Found {
        let (mut frames, mut buffer, mut start) = (Frames::new(LIMITS), Vec::new(), 0);
        let mut found = Vec::new();
        for part in bytes.chunks(portion.max(1)) {
            buffer.extend_from_slice(part);
            loop {
                let told = match frames.next(&mut buffer, &mut start) {
                    Ok(None) => break,
                    Ok(Some(Piece::Text(place))) => frames.text(&place, &buffer).map(str::to_owned),
                    Ok(Some(Piece::Binary)) => Ok("binary".to_owned()),
                    Ok(Some(Piece::Pong)) => Ok("pong".to_owned()),
                    Ok(Some(Piece::Ping(place) | Piece::Close(place))) => Ok(format!("{:?}", &buffer[place])),
                    Err(violation) => Err(violation),
                };
                match told {
                    Ok(told) => found.push(told),
                    Err(violation) => return (found, Some(violation)),
                }
            }
        }
        (found, None)
    }

    /// The same whether it comes at once, or byte by byte.
    fn taken_apart(frames: &[Vec<u8>]) -> Found {
        let bytes = frames.concat();
        let at_once = found(&bytes, bytes.len());
        for portion in [1, 2, 7] {
            assert_eq!(found(&bytes, portion), at_once, "in portions of {portion}");
        }
        at_once
    }

    fn violation(frames: &[Vec<u8>]) -> (usize, Option<Violation>) {
        let (found, violation) = taken_apart(frames);
        (found.len(), violation)
    }

    #[test]
    fn messages_come_as_they_were_sent_whatever_is_between_their_fragments() {
        let frames = [
            frame(0x81, "först".as_bytes()),
            frame(0x81, b""),
            frame(0x01, &"ö".as_bytes()[..1]),
            frame(0x89, b"ping"),
            frame(0x00, &"ö".as_bytes()[1..]),
            frame(0x80, b"!"),
            frame(0x82, &[0xff; 200]),
            frame(0x02, &[0xff]),
            frame(0x80, &[0xff]),
            frame(0x8a, b"late"),
            frame(0x88, &[3, 232]),
        ];
        let expected = ["först", "", "[112, 105, 110, 103]", "ö!", "binary", "binary", "pong", "[3, 232]"]
            .map(str::to_owned);
        assert_eq!(taken_apart(&frames), (expected.to_vec(), None));
    }

    #[test]
    fn the_first_message_has_a_limit_of_its_own() {
        assert_eq!(violation(&[text(10), text(250), text(250)]), (3, None));
        assert_eq!(violation(&[text(11)]), (0, Some(Violation::TooBig)));
        assert_eq!(
            violation(&[text(10), text(251)]),
            (1, Some(Violation::TooBig)),
            "a frame has one as well"
        );
    }

    #[test]
    fn fragments_add_up_and_control_frames_do_not() {
        let part = |flags, length| frame(flags, &vec![b'x'; length]);
        let fits = [text(1), part(0x01, 100), part(0x89, 125), part(0x00, 100), part(0x80, 100)];
        assert_eq!(violation(&fits), (3, None));
        let large = [text(1), part(0x01, 150), part(0x80, 151)];
        assert_eq!(violation(&large), (1, Some(Violation::TooBig)));
        let many = [text(1), part(0x01, 0), part(0x00, 0), part(0x00, 0), part(0x80, 0)];
        assert_eq!(violation(&many), (1, Some(Violation::TooBig)));
    }

    #[test]
    fn an_absurd_length_is_refused_by_its_header() {
        let header = [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(violation(&[header.to_vec()]), (0, Some(Violation::TooBig)));
    }

    #[test]
    fn what_the_standard_does_not_allow_ends_it() {
        let mut unmasked = text(1);
        unmasked[1] &= 0x7f;
        for frames in [
            vec![unmasked],
            vec![frame(0xc1, b"x")],
            vec![frame(0x83, b"x")],
            vec![frame(0x8b, b"x")],
            vec![frame(0x09, b"x")],
            vec![frame(0x89, &[0; 126])],
            vec![frame(0x80, b"x")],
            vec![frame(0x00, b"x")],
            vec![frame(0x01, b"x"), frame(0x81, b"x")],
        ] {
            assert_eq!(violation(&frames), (0, Some(Violation::Protocol)), "{frames:?}");
        }
    }

    #[test]
    fn a_text_that_is_none_ends_it_as_soon_as_that_is_clear() {
        for frames in [
            vec![frame(0x81, &[0xc0, 0xaf])],
            vec![frame(0x01, &[0xff]), frame(0x00, b"")],
            vec![frame(0x01, &"ö".as_bytes()[..1]), frame(0x00, b"x")],
            vec![frame(0x01, b"x"), frame(0x80, &"ö".as_bytes()[..1])],
        ] {
            assert_eq!(violation(&frames), (0, Some(Violation::NotUtf8)), "{frames:?}");
        }
    }

    #[test]
    fn a_mask_comes_off_whatever_the_length() {
        for length in 0..40 {
            let payload: Vec<u8> = (0..length).collect();
            let mut masked: Vec<u8> =
                payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            unmask(&mut masked, MASK);
            assert_eq!(masked, payload);
        }
    }
}
