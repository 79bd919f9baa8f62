//! Whether a client is still there: pinged when it has been silent, given up when it stays so.

use std::time::Duration;

use super::rules::Rules;

/// What is known of a client's last sign of life.
#[derive(Debug)]
pub(super) struct Heartbeat {
    last_heard: Duration,
    /// When it was pinged since; it has a fixed time from then on, however late the ping was.
    pinged: Option<Duration>,
}

/// What silence leads to.
pub(super) enum Silence {
    Short,
    Ping,
    Dead,
}

impl Heartbeat {
    pub(super) fn new(now: Duration) -> Self {
        Self { last_heard: now, pinged: None }
    }

    /// Any frame counts as life.
    pub(super) fn handle_activity(&mut self, now: Duration) {
        self.last_heard = now;
        self.pinged = None;
    }

    pub(super) fn next_deadline(&self, rules: &Rules) -> Duration {
        match self.pinged {
            None => self.last_heard.saturating_add(rules.heartbeat_interval),
            Some(pinged) => {
                pinged.saturating_add(rules.heartbeat_timeout.saturating_sub(rules.heartbeat_interval))
            }
        }
    }

    pub(super) fn handle_deadline(&mut self, now: Duration, rules: &Rules) -> Silence {
        if now < self.next_deadline(rules) {
            return Silence::Short;
        }
        if self.pinged.is_some() {
            return Silence::Dead;
        }
        self.pinged = Some(now);
        Silence::Ping
    }
}
