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
