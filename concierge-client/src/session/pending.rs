//! The requests that wait for an answer.

use std::collections::VecDeque;

use crate::payload::Seq;

/// What a request leaves behind to be found again: handed back with the answer.
pub trait Waiting {
    /// Whether whoever asked has stopped waiting.
    fn is_abandoned(&self) -> bool;
}

/// How many abandoned requests are remembered, so that their late answers are known for what they are.
const REMEMBERED: usize = 1024;

/// The requests that wait, in the order they were sent.
///
/// A queue rather than a map: answers come in the order of the requests, so the first that matches is almost always the
/// first there is; and after a `SELF_SET_SEQ` two requests may carry the same number, of which the older is answered
/// first.
#[derive(Debug)]
pub(super) struct Pending<T> {
    slots: VecDeque<(Seq, T)>,
    sweep_at: usize,
}

impl<T: Waiting> Pending<T> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new(), sweep_at: 2 * REMEMBERED }
    }

    pub(super) fn insert(&mut self, seq: Seq, token: T) {
        if self.slots.len() >= self.sweep_at {
            self.sweep();
        }
        self.slots.push_back((seq, token));
    }

    /// The oldest request of this number.
    pub(super) fn take(&mut self, seq: Seq) -> Option<T> {
        let position = self.slots.iter().position(|(waiting, _)| *waiting == seq)?;
        self.slots.remove(position).map(|(_, token)| token)
    }

    /// The oldest request of this number, after all those that were sent before it.
    pub(super) fn take_with_all_before(&mut self, seq: Seq) -> Option<(Vec<T>, T)> {
        let position = self.slots.iter().position(|(waiting, _)| *waiting == seq)?;
        let before = self.slots.drain(..position).map(|(_, token)| token).collect();
        self.slots.pop_front().map(|(_, token)| (before, token))
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.slots).into_iter().map(|(_, token)| token)
    }

    /// How many still wait.
    pub(super) fn waiting(&self) -> usize {
        self.slots.iter().filter(|(_, token)| !token.is_abandoned()).count()
    }

    /// Forgets the oldest abandoned requests, so that a gateway that never answers costs no memory without end. The next
    /// sweep comes when as many again have gathered: each request pays for a constant part of one.
    fn sweep(&mut self) {
        let abandoned = self.slots.len() - self.waiting();
        let mut surplus = abandoned.saturating_sub(REMEMBERED);
        self.slots.retain(|(_, token)| {
            let forget = surplus > 0 && token.is_abandoned();
            surplus -= usize::from(forget);
            !forget
        });
        self.sweep_at = 2 * self.slots.len().max(REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Token(bool);

    impl Waiting for Token {
        fn is_abandoned(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn abandoned_requests_are_remembered_up_to_a_bound_and_the_others_always() {
        let mut pending = Pending::new();
        let mut seq = Seq::ZERO;
        for number in 0..100_000 {
            pending.insert(seq, Token(number % 100 != 0));
            seq = seq.next();
        }
        assert_eq!(pending.waiting(), 1000);
        assert!(pending.slots.len() <= 2 * (1000 + REMEMBERED) + 2, "{}", pending.slots.len());
        assert!(pending.take(Seq::ZERO).is_some_and(|token| !token.0));
    }
}
