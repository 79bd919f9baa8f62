//! What a message of a run carries: which run, which sender, which number and when it was sent, padded to its size. Pure.
//!
//! It is a JSON string of a fixed form, so that a message is written once and only its digits change.

use std::time::Duration;

/// The smallest message, in bytes of `data`.
pub(super) const SMALLEST: usize = 64;

const RUN: usize = 8;
const LANE: usize = 6;
const NUMBER: usize = 12;
const TIME: usize = 16;

/// What identifies a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The run, so that one does not hear another.
    pub run: u32,
    /// The sender.
    pub lane: u64,
    /// The sender's number for it.
    pub number: u64,
    /// The moment that its latency is counted from, since the start of the run.
    pub at: Duration,
}

impl Stamp {
    /// The digits.
    fn text(self) -> String {
        let nanoseconds = u64::try_from(self.at.as_nanos()).unwrap_or(u64::MAX);
        let Self { run, lane, number, .. } = self;
        format!("{run:0RUN$x}.{lane:0LANE$x}.{number:0NUMBER$x}.{nanoseconds:0TIME$x}")
    }

    /// Reads `data` as it came; none when it is no message of a run.
    pub(super) fn read(data: &str) -> Option<Self> {
        let text = data.strip_prefix('"')?;
        let mut parts = text.get(..RUN + LANE + NUMBER + TIME + 3)?.split('.');
        let mut part = |length: usize| parts.next().filter(|part| part.len() == length);
        let hexadecimal = |digits: &str| u64::from_str_radix(digits, 16).ok();
        Some(Self {
            run: u32::from_str_radix(part(RUN)?, 16).ok()?,
            lane: hexadecimal(part(LANE)?)?,
            number: hexadecimal(part(NUMBER)?)?,
            at: Duration::from_nanos(hexadecimal(part(TIME)?)?),
        })
    }
}

/// A message that is written once.
#[derive(Debug, Clone)]
pub(super) struct Template {
    head: String,
    tail: String,
}

impl Template {
    /// A `MESSAGE` to this target, given as JSON, with `data` of this size.
    pub(super) fn new(target: &str, size: usize) -> Self {
        let digits = RUN + LANE + NUMBER + TIME + 3;
        let padding = size.max(SMALLEST).saturating_sub(digits + 2);
        let mut tail = String::with_capacity(padding + 2);
        tail.extend(std::iter::repeat_n('.', padding));
        tail.push_str("\"}");
        Self { head: format!("{{\"type\":\"MESSAGE\",\"target\":{target},\"data\":\""), tail }
    }

    /// The message with this stamp.
    pub(super) fn write(&self, stamp: Stamp) -> String {
        let digits = stamp.text();
        let mut text = String::with_capacity(self.head.len() + digits.len() + self.tail.len());
        text.push_str(&self.head);
        text.push_str(&digits);
        text.push_str(&self.tail);
        text
    }

    /// The size of each message, in bytes.
    pub(super) fn len(&self) -> usize {
        self.head.len() + RUN + LANE + NUMBER + TIME + 3 + self.tail.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const STAMP: Stamp =
        Stamp { run: 0xdead_beef, lane: 7, number: 123_456_789, at: Duration::from_nanos(98_765_432_100) };

    #[test]
    fn what_is_written_is_read() {
        for size in [0, 64, 100, 5000] {
            let template = Template::new(r#"{"type":"NAME","name":"bob"}"#, size);
            let text = template.write(STAMP);
            let message: Value = serde_json::from_str(&text).unwrap();
            let data = message["data"].to_string();
            assert_eq!(Stamp::read(&data), Some(STAMP));
            assert_eq!((data.len(), text.len()), (size.max(SMALLEST), template.len()));
        }
    }

    #[test]
    fn what_others_send_is_no_stamp() {
        for data in [
            "",
            "\"",
            "null",
            "{}",
            "\"hello\"",
            &format!("\"{}\"", "ä".repeat(60)),
            &format!("\"{}\"", "0".repeat(90)),
        ] {
            assert_eq!(Stamp::read(data), None, "{data}");
        }
    }
}
