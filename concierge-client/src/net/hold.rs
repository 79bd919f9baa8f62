//! Requests that wait for a connection, for those clients that were told to wait.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    LONGEST,
    link::{Outcome, Waiter},
};
use crate::{
    session::{Encoded, Waiting},
    state::Interruption,
};

/// How requests wait while there is no connection, instead of failing at once.
///
/// ```
/// use concierge_client::Hold;
/// use std::time::Duration;
/// let hold = Hold::new(100, Duration::from_secs(30));
/// assert_eq!(hold.max, 100);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// How many may wait; those beyond fail at once.
    pub max: usize,
    /// How long one waits at most.
    pub max_age: Duration,
}

impl Hold {
    /// At most so many, each for at most so long.
    pub fn new(max: usize, max_age: Duration) -> Self {
        Self { max, max_age: max_age.min(LONGEST) }
    }
}

/// The requests that wait for a connection, in the order they came.
#[derive(Debug)]
pub(super) struct Held {
    hold: Option<Hold>,
    queue: VecDeque<(Instant, Encoded, Waiter)>,
}

impl Held {
    pub(super) const fn new(hold: Option<Hold>) -> Self {
        Self { hold, queue: VecDeque::new() }
    }

    /// Keeps a request for later, or fails it.
    pub(super) fn keep(&mut self, request: Encoded, waiter: Waiter, why: &Interruption) {
        self.queue.retain(|(.., waiter)| !waiter.is_abandoned());
        match self.hold {
            Some(hold) if self.queue.len() < hold.max => {
                self.queue.push_back((Instant::now() + hold.max_age, request, waiter));
            }
            _ => waiter.settle(Outcome::NotConnected(why.clone())),
        }
    }

    /// The oldest, when there is a connection for it.
    pub(super) fn take(&mut self) -> Option<(Encoded, Waiter)> {
        self.queue.pop_front().map(|(_, request, waiter)| (request, waiter))
    }

    /// When the oldest has waited for too long.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.queue.front().map(|(expires_at, ..)| *expires_at)
    }

    /// Fails those that have waited for too long.
    pub(super) fn expire(&mut self, why: &Interruption) {
        let now = Instant::now();
        while let Some((.., waiter)) = self.queue.pop_front_if(|(expires_at, ..)| *expires_at <= now) {
            waiter.settle(Outcome::NotConnected(why.clone()));
        }
    }
}
