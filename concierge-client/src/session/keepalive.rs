//! When to ping, and when a silent peer counts as dead.

use std::time::{Duration, Instant};

/// Watches over a silence: pings into it, and ends it. It has no clock; it is told the time.
///
/// ```
/// use concierge_client::session::{KeepAlive, Vigil};
/// use std::time::{Duration, Instant};
/// let mut keepalive = KeepAlive::new(Duration::from_secs(5), Duration::from_secs(15));
/// let heard = Instant::now();
/// assert_eq!(keepalive.poll(heard, heard), Vigil::Wait { until: heard + Duration::from_secs(5) });
/// assert_eq!(keepalive.poll(heard + Duration::from_secs(5), heard), Vigil::Ping);
/// ```
#[derive(Debug, Clone)]
pub struct KeepAlive {
    ping_after: Duration,
    dead_after: Duration,
    pinged: Option<Instant>,
}

/// What a silence asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vigil {
    /// Nothing until then.
    Wait {
        /// When to ask again.
        until: Instant,
    },
    /// A ping, now.
    Ping,
    /// The peer is dead.
    Dead {
        /// How long it has been silent.
        silence: Duration,
    },
}

impl KeepAlive {
    /// Pings after each silence of `ping_after`; takes the peer for dead after a silence of `dead_after`.
    pub const fn new(ping_after: Duration, dead_after: Duration) -> Self {
        Self { ping_after, dead_after, pinged: None }
    }

    /// What to do at `now`, when the peer was last heard at `heard`.
    pub fn poll(&mut self, now: Instant, heard: Instant) -> Vigil {
        let silence = now.saturating_duration_since(heard);
        if silence >= self.dead_after {
            return Vigil::Dead { silence };
        }
        let quiet_since = self.pinged.map_or(heard, |pinged| pinged.max(heard));
        let ping_at = quiet_since + self.ping_after;
        if now >= ping_at {
            self.pinged = Some(now);
            return Vigil::Ping;
        }
        Vigil::Wait { until: ping_at.min(heard + self.dead_after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens, and at which second, while a peer that was heard at these seconds is watched over.
    fn watch(heard_at: &[u64], until: u64) -> Vec<(u64, &'static str)> {
        // A pure module may not ask for the time; its tests need some moment to count from.
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let start = Instant::now();
        let mut keepalive = KeepAlive::new(Duration::from_secs(5), Duration::from_secs(15));
        let mut happened = Vec::new();
        for second in 0..=until {
            let heard = heard_at.iter().rev().find(|heard| **heard <= second).copied().unwrap_or(0);
            let at = |second| start + Duration::from_secs(second);
            match keepalive.poll(at(second), at(heard)) {
                Vigil::Wait { until } => assert!(until > at(second), "it never waits for the past"),
                Vigil::Ping => happened.push((second, "ping")),
                Vigil::Dead { .. } => {
                    happened.push((second, "dead"));
                    break;
                }
            }
        }
        happened
    }

    #[test]
    fn a_peer_that_is_never_heard_is_dead_after_15_s() {
        assert_eq!(watch(&[], 60), [(5, "ping"), (10, "ping"), (15, "dead")]);
    }

    #[test]
    fn a_peer_that_talks_is_not_pinged() {
        assert_eq!(watch(&[2, 6, 10, 14], 18), []);
    }

    #[test]
    fn a_peer_that_answers_pings_lives() {
        assert_eq!(watch(&[6, 12], 19), [(5, "ping"), (11, "ping"), (17, "ping")]);
    }
}
