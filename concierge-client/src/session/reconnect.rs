//! When to connect again, and when to give up. It has no clock and no dice; it is told the time, and a random number.

use std::time::{Duration, Instant};

use super::retry::{Retry, Trouble};

/// How a client connects again after it lost its connection.
///
/// ```
/// use concierge_client::ReconnectPolicy;
/// use std::time::Duration;
/// let impatient = ReconnectPolicy::default().between(Duration::from_millis(50), Duration::from_secs(2)).attempts(20);
/// assert_eq!(impatient.max, Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectPolicy {
    /// The longest pause before the first attempt; it doubles with each failure. 250 ms. Each pause is drawn anew from zero to
    /// its longest, so that clients that were lost together do not come back together.
    pub first: Duration,
    /// The longest pause there is. 20 s.
    pub max: Duration,
    /// How long a connection must hold for the pauses to begin anew. 30 s.
    pub reset_after: Duration,
    /// How long a name that is taken is tried again while reconnecting: the gateway may still hold the dead connection. 30 s.
    pub grace: Duration,
    /// How many attempts there are before a client gives up. Without limit by default.
    pub attempts: Option<u32>,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            max: Duration::from_secs(20),
            reset_after: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            attempts: None,
        }
    }
}

impl ReconnectPolicy {
    /// The longest pause before the first attempt, and the longest of all.
    #[must_use]
    pub const fn between(mut self, first: Duration, max: Duration) -> Self {
        self.first = first;
        self.max = max;
        self
    }

    /// Gives up after so many attempts in a row.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// How long a connection must hold for the pauses to begin anew.
    #[must_use]
    pub const fn reset_after(mut self, up: Duration) -> Self {
        self.reset_after = up;
        self
    }

    /// How long a name that is taken is tried again while reconnecting.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

/// How long the gateway is left alone when it asked for that without saying how long.
const LATER: Duration = Duration::from_secs(5);

/// The longest pause while a name is taken: it comes free at a moment that nobody tells.
const WHILE_TAKEN: Duration = Duration::from_secs(2);

/// What comes after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    GiveUp,
    /// Another attempt.
    Retry {
        /// Its number since the connection was lost, beginning with 1.
        attempt: u32,
        /// When it begins.
        at: Instant,
    },
}

/// A client that loses its connection, and comes back.
///
/// ```
/// use concierge_client::session::{Next, Reconnect, ReconnectPolicy, Trouble};
/// use std::time::{Duration, Instant};
/// let start = Instant::now();
/// let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), start);
/// let lost = start + Duration::from_secs(60);
/// let half = u64::MAX / 2;
/// let next = reconnect.handle_lost(Trouble::Broken, lost, half);
/// assert!(matches!(next, Next::Retry { attempt: 1, at } if at < lost + Duration::from_millis(126)));
/// ```
#[derive(Debug, Clone)]
pub struct Reconnect {
    policy: Option<ReconnectPolicy>,
    /// Failures in a row, short connections among them.
    failures: u32,
    /// Attempts since the connection was lost.
    attempts: u32,
    connected_at: Instant,
    taken_since: Option<Instant>,
}

impl Reconnect {
    /// A client that is connected. Without a policy it never comes back.
    pub const fn new(policy: Option<ReconnectPolicy>, now: Instant) -> Self {
        Self { policy, failures: 0, attempts: 0, connected_at: now, taken_since: None }
    }

    /// It is connected again.
    pub fn handle_connected(&mut self, now: Instant) {
        self.connected_at = now;
        self.taken_since = None;
    }

    /// The connection is gone. `random` is any number, each as likely as any other.
    pub fn handle_lost(&mut self, trouble: Trouble, now: Instant, random: u64) -> Next {
        let Some(policy) = self.policy else { return Next::GiveUp };
        let held = now.saturating_duration_since(self.connected_at) >= policy.reset_after;
        if held {
            self.failures = 0;
        }
        self.attempts = 0;
        self.taken_since = None;
        match Retry::decide(trouble) {
            Retry::AtOnce if held => self.retry(now, Duration::ZERO),
            retry => self.next(&policy, retry, now, random),
        }
    }

    /// An attempt failed.
    pub fn handle_failed(
        &mut self,
        trouble: Trouble,
        retry_after: Option<Duration>,
        now: Instant,
        random: u64,
    ) -> Next {
        let Some(policy) = self.policy else { return Next::GiveUp };
        match (self.next(&policy, Retry::decide(trouble), now, random), retry_after) {
            (Next::Retry { attempt, at }, Some(pause)) => {
                Next::Retry { attempt, at: at.max(later(now, pause)) }
            }
            (next, _) => next,
        }
    }

    /// How many attempts there were since the connection was lost.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    fn next(&mut self, policy: &ReconnectPolicy, retry: Retry, now: Instant, random: u64) -> Next {
        if policy.attempts.is_some_and(|most| self.attempts >= most) {
            return Next::GiveUp;
        }
        if retry != Retry::WhileReconnecting {
            self.taken_since = None;
        }
        let longest = policy.first.saturating_mul(1 << self.failures.min(16)).min(policy.max);
        let pause = match retry {
            Retry::Never => return Next::GiveUp,
            Retry::AtOnce | Retry::Backoff => part(longest, random),
            Retry::Later => LATER + part(longest, random),
            Retry::WhileReconnecting => {
                let end = later(*self.taken_since.get_or_insert(now), policy.grace);
                let left = end.saturating_duration_since(now);
                if left.is_zero() {
                    return Next::GiveUp;
                }
                // The last attempt is at the end of the grace.
                part(longest.min(WHILE_TAKEN), random).min(left)
            }
        };
        self.failures = self.failures.saturating_add(1);
        self.retry(now, pause)
    }

    fn retry(&mut self, now: Instant, pause: Duration) -> Next {
        self.attempts = self.attempts.saturating_add(1);
        Next::Retry { attempt: self.attempts, at: later(now, pause) }
    }
}

/// A part of a time, between nothing and all of it.
fn part(longest: Duration, random: u64) -> Duration {
    let parts_of_a_million = u32::try_from((u128::from(random) * 1_000_001) >> 64).unwrap_or(1_000_000);
    longest.saturating_mul(parts_of_a_million) / 1_000_000
}

/// A moment after another; where no clock counts so far, the first one.
fn later(moment: Instant, pause: Duration) -> Instant {
    moment.checked_add(pause).unwrap_or(moment)
}
