//! When a client connects again, and when it gives up: the pure half, without a clock and without dice.

use std::time::{Duration, Instant};

use concierge_client::{
    payload::CloseCode,
    session::{Next, Reconnect, ReconnectPolicy, Retry, Trouble},
};
use proptest::prelude::*;

/// The random numbers at both ends, between which every pause lies.
const LOWEST: u64 = 0;
const HIGHEST: u64 = u64::MAX;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long the pause is, in milliseconds; none when it gives up.
fn pause(next: Next, now: Instant) -> Option<u128> {
    match next {
        Next::Retry { at, .. } => Some(at.duration_since(now).as_millis()),
        Next::GiveUp => None,
    }
}

#[test]
fn pauses_double_from_250_ms_to_20_s_with_full_jitter() {
    let start = Instant::now();
    for (random, expected) in [
        (HIGHEST, [250, 500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000]),
        (LOWEST, [0; 10]),
        (HIGHEST / 2, [125, 250, 500, 1000, 2000, 4000, 8000, 10000, 10000, 10000]),
    ] {
        let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), start);
        let mut pauses = vec![pause(reconnect.handle_lost(Trouble::Broken, start, random), start).unwrap()];
        for _ in 1..10 {
            let next = reconnect.handle_failed(Trouble::Broken, None, start, random);
            pauses.push(pause(next, start).unwrap());
        }
        assert_eq!(pauses, expected);
    }
}

#[test]
fn pauses_begin_anew_only_after_30_s_of_a_connection() {
    let start = Instant::now();
    let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), start);
    let mut now = start;
    let mut longest = Vec::new();
    for up in [1, 29, 29, 30, 1] {
        now += seconds(up);
        longest.push(pause(reconnect.handle_lost(Trouble::Broken, now, HIGHEST), now).unwrap());
        reconnect.handle_connected(now);
    }
    assert_eq!(longest, [250, 500, 1000, 250, 500]);
}

#[test]
fn a_client_without_a_policy_never_comes_back() {
    let now = Instant::now();
    let mut reconnect = Reconnect::new(None, now);
    assert_eq!(reconnect.handle_lost(Trouble::Broken, now, LOWEST), Next::GiveUp);
}

#[test]
fn everything_that_can_go_wrong_has_its_place_in_one_table() {
    for (trouble, retry) in [
        (Trouble::Resolve, Retry::Backoff),
        (Trouble::Broken, Retry::Backoff),
        (Trouble::Timeout, Retry::Backoff),
        (Trouble::Unavailable, Retry::Backoff),
        (Trouble::Setting, Retry::Never),
        (Trouble::Untrusted, Retry::Never),
        (Trouble::Foreign, Retry::Never),
        (Trouble::Own, Retry::Never),
        (Trouble::Closed(CloseCode::Unknown), Retry::Later),
        (Trouble::Closed(CloseCode::DuplicateAuth), Retry::WhileReconnecting),
        (Trouble::Closed(CloseCode::Kicked), Retry::Never),
    ] {
        assert_eq!(Retry::decide(trouble), retry, "{trouble:?}");
    }
    for status in 100..=599 {
        let retried = matches!(status, 408 | 425 | 429 | 500..=599);
        assert_eq!(Retry::decide(Trouble::Http(status)).is_allowed(), retried, "{status}");
    }
}

#[test]
fn a_gateway_that_says_when_is_not_asked_before() {
    let now = Instant::now();
    let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), now);
    reconnect.handle_lost(Trouble::Broken, now, LOWEST);
    let next = reconnect.handle_failed(Trouble::Http(503), Some(seconds(90)), now, LOWEST);
    assert_eq!(pause(next, now), Some(90_000));
    // A 404 is final, whatever is said with it.
    let next = reconnect.handle_failed(Trouble::Http(404), Some(seconds(1)), now, LOWEST);
    assert_eq!(next, Next::GiveUp);
}

#[test]
fn an_internal_failure_of_the_gateway_is_given_time() {
    let now = Instant::now();
    let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), now);
    let next = reconnect.handle_lost(Trouble::Closed(CloseCode::Unknown), now, LOWEST);
    assert_eq!(pause(next, now), Some(5000));
}

#[test]
fn a_taken_name_is_tried_until_its_grace_ends_and_then_no_more() {
    let start = Instant::now();
    let taken = Trouble::Closed(CloseCode::DuplicateAuth);
    let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), start);
    let mut now = start;
    reconnect.handle_lost(Trouble::Broken, now, HIGHEST);
    let mut refusals = 0;
    while let Next::Retry { at, .. } = reconnect.handle_failed(taken, None, now, HIGHEST) {
        assert!(at <= start + seconds(30) && at - now <= seconds(2));
        now = at;
        refusals += 1;
    }
    assert_eq!(now, start + seconds(30));
    assert!(refusals > 15, "{refusals}");
    // Another outage has a grace of its own.
    reconnect.handle_connected(now);
    reconnect.handle_lost(Trouble::Broken, now, LOWEST);
    assert_ne!(reconnect.handle_failed(taken, None, now, LOWEST), Next::GiveUp);
}

#[test]
fn a_connection_closed_for_slowness_is_replaced_at_once_but_not_in_a_loop() {
    let start = Instant::now();
    let slow = Trouble::Closed(CloseCode::SlowConsumer);
    let mut reconnect = Reconnect::new(Some(ReconnectPolicy::default()), start);
    let now = start + seconds(60);
    assert_eq!(pause(reconnect.handle_lost(slow, now, HIGHEST), now), Some(0));
    reconnect.handle_connected(now);
    assert_eq!(pause(reconnect.handle_lost(slow, now, HIGHEST), now), Some(250));
    reconnect.handle_connected(now);
    assert_eq!(pause(reconnect.handle_lost(slow, now, HIGHEST), now), Some(500));
}

proptest! {
    #[test]
    fn no_pause_is_longer_than_the_longest_and_attempts_count_up(
        failures in prop::collection::vec(any::<u64>(), 1..40),
        first in 0..10_000_u64,
        longest in 0..100_000_u64,
    ) {
        let now = Instant::now();
        let policy = ReconnectPolicy::default().between(Duration::from_millis(first), Duration::from_millis(longest));
        let mut reconnect = Reconnect::new(Some(policy), now);
        for (number, random) in failures.into_iter().enumerate() {
            let next = if number == 0 {
                reconnect.handle_lost(Trouble::Broken, now, random)
            } else {
                reconnect.handle_failed(Trouble::Broken, None, now, random)
            };
            let Next::Retry { attempt, at } = next else { panic!("it never gives up") };
            prop_assert_eq!(usize::try_from(attempt).unwrap(), number + 1);
            prop_assert!(at - now <= policy.max);
        }
    }
}
