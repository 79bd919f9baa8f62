//! Counts what a server sends to one connection, without taking it in: frame heads (RFC 6455, section 5.2), and as much of
//! each payload as tells what it is. Pure.

use anyhow::{Result, bail, ensure};

/// As much of a payload as is looked at: an answer of the gateway is shorter than this.
const LOOKED_AT: usize = 40;

/// How the answer to the first request of a subscriber begins; it goes on with the list of all of them.
const SUBSCRIBED: &[u8] = br#"{"seq":0,"type":"SELF_SUBSCRIBE_RESULT""#;

/// How the answer to one who subscribes to an event begins.
const SUBSCRIBED_TO_EVENT: &[u8] = br#"{"success":true,"status":"SUBSCRIBED""#;

/// How a server says things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// As this gateway does: a frame is a message, an answer, or other news.
    Concierge,
    /// As NATS does: text of its own, cut into frames anywhere. Each message has so many bytes, all of it included.
    Nats { message_bytes: usize },
    /// As this gateway does to who subscribed to events: a frame is an event, an answer, or other news.
    Telegraphy,
    /// As this gateway does to who publishes events: HTTP, where each response is an answer.
    Web,
    /// Each frame is a message.
    Frames,
}

/// What came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Messages.
    pub(crate) messages: usize,
    /// Answers to requests: `OK`, and no other.
    pub(crate) answers: usize,
    /// Subscriptions that are there.
    pub(crate) subscriptions: usize,
    /// Other news, of this gateway alone.
    pub(crate) news: usize,
    /// How often the server asked for a sign of life.
    pub(crate) pings: usize,
}

/// Where in the stream of a connection it is.
#[derive(Debug)]
pub(crate) struct Scanner {
    language: Language,
    /// The beginning of a frame, as long as too little of it is there.
    begun: Vec<u8>,
    /// What is left of the payload of the current frame.
    left: usize,
    /// Bytes of messages that are not complete.
    odd_bytes: usize,
}

impl Scanner {
    pub(crate) fn new(language: Language) -> Self {
        Self { language, begun: Vec::new(), left: 0, odd_bytes: 0 }
    }

    /// Goes on with these bytes.
    pub(crate) fn scan(&mut self, mut bytes: &[u8]) -> Result<Heard> {
        let mut heard = Heard::default();
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
            } else if self.begun.is_empty()
                && let Some(taken) = self.begin(bytes, &mut heard)?
            {
                bytes = bytes.get(taken..).unwrap_or_default();
            } else {
                // The rare case of a frame whose beginning is cut: byte for byte, until it can be told what it is.
                let (first, rest) = bytes.split_at(1);
                self.begun.extend_from_slice(first);
                bytes = rest;
                let begun = std::mem::take(&mut self.begun);
                if self.begin(&begun, &mut heard)?.is_none() {
                    self.begun = begun;
                }
            }
        }
        Ok(heard)
    }

    /// Takes note of what begins here, and says how much of it was taken; nothing while too little is there.
    fn begin(&mut self, bytes: &[u8], heard: &mut Heard) -> Result<Option<usize>> {
        match self.language {
            Language::Web => self.begin_response(bytes, heard),
            _ => self.begin_frame(bytes, heard),
        }
    }

    /// The head of a response, which has to be a good one; its body has the length that it says.
    fn begin_response(&mut self, bytes: &[u8], heard: &mut Heard) -> Result<Option<usize>> {
        let Some(length) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
        let lines = std::str::from_utf8(bytes.get(..length).unwrap_or_default())?;
        ensure!(lines.starts_with("HTTP/1.1 200 "), "a request was answered by {lines}");
        let body = lines.lines().filter_map(|line| line.split_once(": "));
        let body = body.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        self.left = body.map(|(_, length)| length.parse::<usize>()).sum::<Result<_, _>>()?;
        heard.answers += 1;
        Ok(Some(length + 4))
    }

    fn begin_frame(&mut self, bytes: &[u8], heard: &mut Heard) -> Result<Option<usize>> {
        let [flags, short, extended @ ..] = bytes else { return Ok(None) };
        let (length, start) = match (short, extended.first_chunk(), extended.first_chunk()) {
            (126, Some(long), _) => (usize::from(u16::from_be_bytes(*long)), 4),
            (127, _, Some(longest)) => (usize::try_from(u64::from_be_bytes(*longest))?, 10),
            (126 | 127, ..) => return Ok(None),
            (short, ..) => (usize::from(*short), 2),
        };
        let seen = length.min(LOOKED_AT);
        let Some(payload) = bytes.get(start..start + seen) else { return Ok(None) };
        self.left = length - seen;
        self.count(*flags, payload, length, heard)?;
        Ok(Some(start + seen))
    }

    fn count(&mut self, flags: u8, payload: &[u8], length: usize, heard: &mut Heard) -> Result<()> {
        match flags & 0x0f {
            0x0..=0x2 => {}
            0x9 => {
                heard.pings += 1;
                return Ok(());
            }
            0xa => return Ok(()),
            _ => bail!("the server closed a connection: {}", String::from_utf8_lossy(payload)),
        }
        match self.language {
            Language::Concierge if payload.starts_with(br#"{"type":"MESSAGE""#) => heard.messages += 1,
            Language::Concierge if payload.starts_with(SUBSCRIBED) => heard.subscriptions += 1,
            Language::Concierge if payload.starts_with(br#"{"seq":"#) => {
                let text = String::from_utf8_lossy(payload);
                ensure!(text.ends_with(r#""type":"OK"}"#), "a request was answered by {text}");
                heard.answers += 1;
            }
            Language::Concierge => heard.news += 1,
            Language::Telegraphy if payload.starts_with(br#"{"event":"room""#) => heard.messages += 1,
            Language::Telegraphy if payload.starts_with(SUBSCRIBED_TO_EVENT) => heard.subscriptions += 1,
            Language::Telegraphy => {
                let text = String::from_utf8_lossy(payload);
                ensure!(text.starts_with(r#"{"event":"telegraphy.ping""#), "a subscriber was told {text}");
                heard.news += 1;
            }
            Language::Nats { message_bytes } => {
                self.odd_bytes += length;
                heard.messages += self.odd_bytes / message_bytes;
                self.odd_bytes %= message_bytes;
            }
            Language::Frames | Language::Web => heard.messages += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use support::raw::{Frame, Opcode};

    use super::*;

    fn encode(texts: &[&str]) -> Vec<u8> {
        texts.iter().flat_map(|text| Frame::text(text).unmasked().encode()).collect()
    }

    /// What is heard of these bytes at once, and cut into pieces of every size: it must be the same.
    fn heard(language: Language, bytes: &[u8]) -> Heard {
        let whole = Scanner::new(language).scan(bytes).unwrap();
        for size in 1..bytes.len() {
            let mut scanner = Scanner::new(language);
            let mut sum = Heard::default();
            for piece in bytes.chunks(size) {
                let Heard { messages, answers, subscriptions, news, pings } = scanner.scan(piece).unwrap();
                sum.messages += messages;
                sum.answers += answers;
                sum.subscriptions += subscriptions;
                sum.news += news;
                sum.pings += pings;
            }
            assert_eq!(sum, whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn messages_and_answers_of_the_gateway_are_told_from_other_news() {
        let long = format!(r#"{{"type":"MESSAGE","data":"{}"}}"#, "x".repeat(70_000));
        let texts = [
            r#"{"type":"HELLO","version":"0.2.0"}"#,
            r#"{"seq":0,"type":"SELF_SUBSCRIBE_RESULT","successful":true,"service":{}}"#,
            r#"{"type":"MESSAGE","origin":{},"target":{"type":"ALL"},"data":1}"#,
            r#"{"seq":7,"type":"OK"}"#,
            &long,
            r#"{"seq":9007199254740991,"type":"OK"}"#,
            r#"{"type":"CLIENT_JOINED","client":{}}"#,
        ];
        let mut bytes = encode(&texts);
        bytes.extend(Frame::new(Opcode::PING, "").unmasked().encode());
        let mut scanner = Scanner::new(Language::Concierge);
        let heard_in_all = Heard { messages: 2, answers: 2, subscriptions: 1, news: 2, pings: 1 };
        assert_eq!(scanner.scan(&bytes).unwrap(), heard_in_all);
        heard(Language::Concierge, &encode(&texts[..4]));
    }

    #[test]
    fn a_refusal_and_a_close_are_errors() {
        let refused = encode(&[r#"{"seq":7,"type":"BAD"}"#]);
        assert!(Scanner::new(Language::Concierge).scan(&refused).is_err());
        let closed = Frame::close(4011, "Slow consumer").unmasked().encode();
        assert!(Scanner::new(Language::Frames).scan(&closed).is_err());
    }

    #[test]
    fn events_and_what_their_publisher_is_answered_are_told_apart() {
        let texts = [
            r#"{"success":true,"status":"SUBSCRIBED","id":1,"data":{"subscription":"s1"}}"#,
            r#"{"event":"room","meta":{"event_type":"custom"},"data":"x"}"#,
            r#"{"event":"telegraphy.ping","meta":{},"data":{}}"#,
        ];
        let expected = Heard { messages: 1, subscriptions: 1, news: 1, ..Heard::default() };
        assert_eq!(heard(Language::Telegraphy, &encode(&texts)), expected);
        let gap = encode(&[r#"{"event":"telegraphy.gap","meta":{},"data":{}}"#]);
        assert!(Scanner::new(Language::Telegraphy).scan(&gap).is_err(), "a loss is no news");

        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"offset\":null".repeat(3);
        assert_eq!(heard(Language::Web, answer.as_bytes()), Heard { answers: 3, ..Heard::default() });
        assert!(Scanner::new(Language::Web).scan(b"HTTP/1.1 429 Too Many Requests\r\n\r\n").is_err());
    }

    #[test]
    fn messages_of_nats_may_lie_across_frames() {
        let message = "MSG s 1 3\r\nabc\r\n";
        let text = message.repeat(5);
        let (first, second) = text.split_at(20);
        let language = Language::Nats { message_bytes: message.len() };
        assert_eq!(heard(language, &encode(&[first, second])).messages, 5);
    }
}
