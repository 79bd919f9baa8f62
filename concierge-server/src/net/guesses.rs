//! Who guesses: counts wrong secrets by address, and has an address wait that brought too many of them. Pure: what time it is
//! it is told, as the time since the gateway started.

use std::collections::HashMap;
use std::time::Duration;

use super::admission::neighbourhood;
use crate::files::Address;

/// What wrong secrets are counted over, and how long the first wait is.
const MINUTE: Duration = Duration::from_mins(1);

/// The longest wait.
const LONGEST: Duration = Duration::from_hours(1);

/// How many addresses are remembered. Where there are more, the one goes that would be forgotten first; one that waits only if all do.
const ADDRESSES: usize = 16_384;

/// The addresses that wrong secrets came from.
#[derive(Debug, Clone)]
pub(super) struct Guesses {
    /// So many in a minute, and the address waits; none: it never does.
    most: Option<usize>,
    addresses: HashMap<Address, Guesser>,
}

#[derive(Debug, Clone, Copy)]
struct Guesser {
    /// Wrong secrets since then, a minute at most.
    wrong: usize,
    since: Duration,
    /// The end of its last wait, and how long that was. The next one is twice as long, unless it behaved for as long.
    until: Duration,
    waited: Duration,
}

impl Guesses {
    /// With so many wrong secrets in a minute an address has to wait.
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, addresses: HashMap::new() }
    }

    /// How long an address still has to wait before it may try again.
    pub(super) fn wait(&self, address: Address, now: Duration) -> Option<Duration> {
        let guesser = self.addresses.get(&neighbourhood(address))?;
        guesser.is_waiting(now).then(|| guesser.until.saturating_sub(now))
    }

    /// A wrong secret came from there. Returns how long the address waits from now on, if it was one too many.
    pub(super) fn count(&mut self, address: Address, now: Duration) -> Option<Duration> {
        let most = self.most?;
        let address = neighbourhood(address);
        if !self.addresses.contains_key(&address) {
            self.make_room(now);
        }
        let guesser = self.addresses.entry(address).or_insert_with(|| Guesser::new(now));
        if guesser.forgotten_at() <= now {
            *guesser = Guesser::new(now);
        }
        // It was asked before the wait began.
        if guesser.is_waiting(now) {
            return None;
        }
        if now >= guesser.since + MINUTE {
            (guesser.wrong, guesser.since) = (0, now);
        }
        guesser.wrong += 1;
        if guesser.wrong < most {
            return None;
        }
        let wait = (guesser.waited * 2).clamp(MINUTE, LONGEST);
        *guesser = Guesser { wrong: 0, since: now + wait, until: now + wait, waited: wait };
        Some(wait)
    }

    fn make_room(&mut self, now: Duration) {
        if self.addresses.len() < ADDRESSES {
            return;
        }
        self.addresses.retain(|_, guesser| guesser.forgotten_at() > now);
        if self.addresses.len() < ADDRESSES {
            return;
        }
        let first = self
            .addresses
            .iter()
            .min_by_key(|(_, guesser)| (guesser.is_waiting(now), guesser.forgotten_at()));
        if let Some(address) = first.map(|(address, _)| *address) {
            self.addresses.remove(&address);
        }
    }
}

impl Guesser {
    fn new(now: Duration) -> Self {
        Self { wrong: 0, since: now, until: now, waited: Duration::ZERO }
    }

    fn is_waiting(&self, now: Duration) -> bool {
        now < self.until
    }

    /// When nothing is held against it any more.
    fn forgotten_at(&self) -> Duration {
        (self.since + MINUTE).max(self.until + self.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.1";

    fn address(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// So many wrong secrets at one moment; how long the last one has the address wait.
    fn guess(guesses: &mut Guesses, from: &str, count: usize, now: Duration) -> Option<Duration> {
        let mut waits = (0..count).map(|_| guesses.count(address(from), now)).collect::<Vec<_>>();
        let last = waits.pop().flatten();
        assert!(waits.iter().all(Option::is_none), "{waits:?}");
        last
    }

    #[test]
    fn ten_in_a_minute_have_an_address_wait_for_a_minute_and_no_other() {
        let mut guesses = Guesses::new(Some(10));
        assert_eq!(guess(&mut guesses, HOME, 9, seconds(5)), None);
        assert_eq!(guesses.wait(address(HOME), seconds(5)), None);
        assert_eq!(guess(&mut guesses, HOME, 1, seconds(64)), Some(MINUTE));
        assert_eq!(guesses.wait(address(HOME), seconds(65)), Some(seconds(59)));
        assert_eq!(guesses.wait(address("::ffff:192.0.2.1"), seconds(65)), Some(seconds(59)));
        assert_eq!(guesses.wait(address("192.0.2.2"), seconds(65)), None);
        assert_eq!(guesses.wait(address(HOME), seconds(124)), None, "the minute is over");
    }

    #[test]
    fn fewer_than_that_never_have_anybody_wait() {
        let mut guesses = Guesses::new(Some(10));
        for minute in 0..100 {
            assert_eq!(guess(&mut guesses, HOME, 9, seconds(60 * minute)), None);
        }
    }

    #[test]
    fn an_ipv6_network_guesses_together() {
        let mut guesses = Guesses::new(Some(2));
        guesses.count(address("2001:db8::1"), Duration::ZERO);
        assert!(guesses.count(address("2001:db8::2"), Duration::ZERO).is_some());
        assert!(guesses.wait(address("2001:db8::3"), Duration::ZERO).is_some());
        assert!(guesses.wait(address("2001:db8:0:1::1"), Duration::ZERO).is_none());
    }

    #[test]
    fn who_goes_on_waits_twice_as_long_each_time_but_never_over_an_hour() {
        let mut guesses = Guesses::new(Some(10));
        let mut now = Duration::ZERO;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(guess(&mut guesses, HOME, 10, now), Some(MINUTE * minutes));
            now += MINUTE * minutes;
            assert_eq!(guesses.wait(address(HOME), now), None);
        }
    }

    #[test]
    fn who_behaves_for_as_long_as_it_waited_begins_anew() {
        let mut guesses = Guesses::new(Some(1));
        for minutes in [1, 2, 4] {
            assert_eq!(guesses.count(address(HOME), MINUTE * (minutes - 1)), Some(MINUTE * minutes));
        }
        let free = MINUTE * 3 + MINUTE * 4;
        assert_eq!(guesses.clone().count(address(HOME), free + MINUTE * 3 + seconds(59)), Some(MINUTE * 8));
        assert_eq!(guesses.count(address(HOME), free + MINUTE * 4), Some(MINUTE));
    }

    #[test]
    fn what_was_asked_before_the_wait_does_not_make_it_longer() {
        let mut guesses = Guesses::new(Some(3));
        assert!(guess(&mut guesses, HOME, 3, Duration::ZERO).is_some());
        assert_eq!(guess(&mut guesses, HOME, 50, seconds(30)), None);
        assert_eq!(guesses.wait(address(HOME), seconds(30)), Some(seconds(30)));
        assert_eq!(guess(&mut guesses, HOME, 2, seconds(60)), None, "it counts anew after it");
    }

    #[test]
    fn unlimited_is_no_limit_and_remembers_nobody() {
        let mut guesses = Guesses::new(None);
        assert_eq!(guess(&mut guesses, HOME, 1000, Duration::ZERO), None);
        assert!(guesses.addresses.is_empty());
    }

    #[test]
    fn many_addresses_take_bounded_room_and_do_not_free_who_waits() {
        let mut guesses = Guesses::new(Some(2));
        guess(&mut guesses, HOME, 2, Duration::ZERO);
        let other = |number: u32| Address::Ip((0x0a00_0000 + number).to_be_bytes().into());
        for number in 0..u32::try_from(ADDRESSES).unwrap() + 100 {
            guesses.count(other(number), seconds(1));
        }
        assert_eq!(guesses.addresses.len(), ADDRESSES);
        assert!(guesses.wait(address(HOME), seconds(1)).is_some());
        guesses.count(address("198.51.100.1"), MINUTE * 10);
        assert_eq!(guesses.addresses.len(), 1, "who is forgotten takes no room");
    }
}
