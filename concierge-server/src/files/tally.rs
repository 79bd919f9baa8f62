//! What the file store has done so far, counted. What there is right now is the store's to tell.

use std::collections::BTreeMap;

/// What a file store has done since its gateway started. Numbers only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Files that took their places.
    pub stored: u64,
    /// Bytes that were taken for files, those included of uploads that came to nothing.
    pub received: u64,
    /// Answers that brought a file, or a part of it, to their end.
    pub fetched: u64,
    /// Bytes of files that were read to be sent.
    pub sent: u64,
    /// Requests that were refused, by the word for it which their answers have in `error`.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// A request was refused.
    pub fn refuse(&mut self, error: &'static str) {
        *self.refused.entry(error).or_default() += 1;
    }

    /// A piece of a file is sent, which may be the last one of an answer.
    pub fn send(&mut self, bytes: u64, is_last: bool) {
        self.sent += bytes;
        self.fetched += u64::from(is_last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_by_their_words() {
        let mut tally = Tally::default();
        for error in ["no_key", "not_found", "no_key"] {
            tally.refuse(error);
        }
        assert_eq!(tally.refused, BTreeMap::from([("no_key", 2), ("not_found", 1)]));
    }

    #[test]
    fn an_answer_counts_when_its_last_piece_is_sent() {
        let mut tally = Tally::default();
        tally.send(10, false);
        tally.send(5, true);
        assert_eq!((tally.sent, tally.fetched), (15, 1));
    }
}
