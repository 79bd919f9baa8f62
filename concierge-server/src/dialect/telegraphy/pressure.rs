//! Whether a client takes what it is sent.

use std::time::Duration;

/// How full a client's outbox is: over half it is slow, below a quarter it is quick again, and when nothing of it was taken for ten
/// seconds it is given up.
///
/// ```
/// use concierge_server::dialect::telegraphy::Pressure;
/// use std::time::Duration;
///
/// let mut pressure = Pressure::default();
/// let second = Duration::from_secs;
/// assert_eq!(pressure.handle_held(40, 100, second(1)), None);
/// assert_eq!(pressure.handle_held(60, 100, second(2)), Some(true));
/// assert_eq!(pressure.handle_held(30, 100, second(3)), None);
/// assert_eq!(pressure.next_deadline(), Some(second(13)));
/// assert!(pressure.is_stuck(second(13)));
/// assert_eq!(pressure.handle_held(20, 100, second(4)), Some(false));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Pressure {
    is_slow: bool,
    held: usize,
    /// Since when nothing was taken, if there is something to take.
    stuck_since: Option<Duration>,
}

impl Pressure {
    /// How long a client may take nothing.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// So much waits in the outbox, of the room it has. Whether the client is slow now is returned when that changes.
    pub fn handle_held(&mut self, held: usize, room: usize, now: Duration) -> Option<bool> {
        let has_taken = held < self.held;
        if held == 0 {
            self.stuck_since = None;
        } else if has_taken || self.stuck_since.is_none() {
            self.stuck_since = Some(now);
        }
        self.held = held;
        let is_slow = if self.is_slow { held >= room / 4 } else { held > room / 2 };
        let has_changed = is_slow != self.is_slow;
        self.is_slow = is_slow;
        has_changed.then_some(is_slow)
    }

    /// When the client is given up, if nothing changes.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.stuck_since.map(|since| since.saturating_add(Self::PATIENCE))
    }

    /// Whether it has taken nothing for too long.
    pub fn is_stuck(&self, now: Duration) -> bool {
        self.next_deadline().is_some_and(|deadline| now >= deadline)
    }
}
