//! The moments that the core is told: those of the system's clock, as long as that goes forward.

use std::time::{Instant, SystemTime};

use concierge_client::telegraphy::Timestamp;

/// A clock that never goes back. When the system's does, this one goes on at half the speed until they meet.
#[derive(Debug)]
pub(super) struct Clock {
    now: Timestamp,
    looked: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { now: system(), looked: Instant::now() }
    }

    pub(super) fn now(&mut self) -> Timestamp {
        self.look(system(), Instant::now())
    }

    fn look(&mut self, system: Timestamp, instant: Instant) -> Timestamp {
        let elapsed = instant.saturating_duration_since(self.looked);
        if system >= self.now {
            (self.now, self.looked) = (system, instant);
        } else if elapsed.as_micros() >= 2 {
            (self.now, self.looked) = (self.now.after(elapsed / 2), instant);
        }
        self.now
    }
}

fn system() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_follows_the_system_forward_and_goes_on_slowly_when_that_goes_back() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let stamp = |seconds: u64| Timestamp::from_micros(seconds * 1_000_000);
        let mut clock = Clock { now: stamp(100), looked: begun };
        assert_eq!(clock.look(stamp(110), at(1)), stamp(110), "the system's clock was set forward");
        assert_eq!(clock.look(stamp(101), at(1)), stamp(110), "it was set back");
        assert_eq!(clock.look(stamp(105), at(5)), stamp(112));
        assert_eq!(clock.look(stamp(119), at(19)), stamp(119), "they have met");
    }
}
