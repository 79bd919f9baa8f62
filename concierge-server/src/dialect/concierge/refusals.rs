//! How often a client was refused for a limit on counts: one that goes on asking is closed.

use std::{collections::VecDeque, time::Duration};

/// How many refusals within [`WINDOW`] are too many.
const TOO_MANY: usize = 100;

/// The time within which refusals are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// The times of a client's last refusals: never more than [`TOO_MANY`], and none for a client that keeps to the limits.
#[derive(Debug, Default)]
pub(super) struct Refusals(VecDeque<Duration>);

impl Refusals {
    /// Counts one more, and says whether that was one too many.
    pub(super) fn count(&mut self, now: Duration) -> bool {
        while self.0.front().is_some_and(|earliest| now.saturating_sub(*earliest) >= WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() >= TOO_MANY
    }
}
