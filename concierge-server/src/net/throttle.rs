//! Keeps a client to its rates of messages, bytes and control frames: over one of them nothing more is read from it until there
//! is room again, and who stays over it for too long is told apart. Pure: time is an argument.

use std::time::Duration;

use crate::config::{Limits, Rate};

/// How long a client may stay over a rate.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client that was over its rate does not use the room it has, until it counts as one that stopped: one that sends
/// whenever it is let looks as if it had, each time the gateway is a moment late.
const REST: Duration = Duration::from_secs(1);

/// What comes in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A text, or what is none.
    Message,
    /// A ping, or a pong.
    ControlFrame,
}

/// What a client is kept to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    Messages,
    Bytes,
    ControlFrames,
}

/// What became of what was counted; what matters most comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    /// There is room for the next piece.
    Within,
    /// There is none until [`Throttle::until`], and was none before.
    StillOver,
    /// There is none from now on.
    Over(Kept),
    /// The client was over this rate for too long.
    TooLong(Kept),
}

/// One client and its rates. Those that are off cost nothing.
#[derive(Debug)]
pub(super) struct Throttle {
    messages: Option<Pace>,
    bytes: Option<Pace>,
    control_frames: Option<Pace>,
    /// Bytes that were counted.
    received: u64,
    /// Until when nothing more is to be read.
    until: Option<Duration>,
}

/// One rate.
#[derive(Debug)]
struct Pace {
    rate: Rate,
    /// When everything counted so far would have come at exactly the rate: so far ahead of now, so much of the burst is used.
    paid_until: Duration,
    over_since: Option<Duration>,
}

impl Throttle {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            messages: limits.messages.map(Pace::new),
            bytes: limits.bytes.map(Pace::new),
            control_frames: limits.control_frames.map(Pace::new),
            received: 0,
            until: None,
        }
    }

    /// Counts a piece, with which so many bytes came from the client in all.
    pub(super) fn count(&mut self, piece: Piece, received: u64, now: Duration) -> Counted {
        let bytes = received - std::mem::replace(&mut self.received, received);
        let (pieces, kept) = match piece {
            Piece::Message => (&mut self.messages, Kept::Messages),
            Piece::ControlFrame => (&mut self.control_frames, Kept::ControlFrames),
        };
        let mut counted = Counted::Within;
        for (pace, kept, amount) in [(pieces, kept, 1), (&mut self.bytes, Kept::Bytes, bytes)] {
            let Some(pace) = pace else { continue };
            if let Some(until) = pace.count(amount, now) {
                self.until = self.until.max(Some(until));
                counted = counted.max(pace.over(kept, now));
            }
        }
        counted
    }

    /// Until when nothing more is to be read from the client.
    pub(super) fn until(&self) -> Option<Duration> {
        self.until
    }

    /// Time has passed.
    pub(super) fn handle_deadline(&mut self, now: Duration) {
        self.until.take_if(|until| *until <= now);
    }
}

impl Pace {
    fn new(rate: Rate) -> Self {
        Self { rate, paid_until: Duration::ZERO, over_since: None }
    }

    /// Counts so many. From when on there is room for one more, if there is none now.
    fn count(&mut self, amount: u64, now: Duration) -> Option<Duration> {
        if now >= self.room_from() + REST {
            self.over_since = None;
        }
        self.paid_until = self.paid_until.max(now) + self.rate.time_of(amount);
        let until = self.room_from();
        if until <= now {
            return None;
        }
        self.over_since.get_or_insert(now);
        Some(until)
    }

    fn over(&self, kept: Kept, now: Duration) -> Counted {
        match self.over_since {
            Some(since) if now >= since + PATIENCE => Counted::TooLong(kept),
            Some(since) if now > since => Counted::StillOver,
            _ => Counted::Over(kept),
        }
    }

    fn room_from(&self) -> Duration {
        self.paid_until.saturating_sub(self.rate.time_of(u64::from(self.rate.burst) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Keeps control frames to a rate, and nothing else.
    fn throttle(per_second: u32, burst: u32) -> Throttle {
        Throttle::new(&limits(None, None, Rate::new(per_second, burst)))
    }

    fn limits(messages: Option<Rate>, bytes: Option<Rate>, control_frames: Option<Rate>) -> Limits {
        Limits { messages, bytes, control_frames, ..Limits::default() }
    }

    /// Counts a control frame; until when the next has to wait, if it was not for too long.
    fn count(throttle: &mut Throttle, now: Duration) -> Result<Option<Duration>, Kept> {
        throttle.handle_deadline(now);
        match throttle.count(Piece::ControlFrame, 0, now) {
            Counted::TooLong(kept) => Err(kept),
            _ => Ok(throttle.until()),
        }
    }

    #[test]
    fn a_burst_passes_and_what_follows_waits_for_its_turn() {
        let mut throttle = throttle(20, 40);
        for _ in 0..39 {
            assert_eq!(count(&mut throttle, at(1000)), Ok(None));
        }
        assert_eq!(count(&mut throttle, at(1000)), Ok(Some(at(1050))));
        assert_eq!(count(&mut throttle, at(1050)), Ok(Some(at(1100))));
        // After a rest there is room for as many again.
        assert_eq!((0..40).filter(|_| count(&mut throttle, at(4000)) == Ok(None)).count(), 39);
    }

    #[test]
    fn who_keeps_to_the_rate_never_waits() {
        let mut throttle = throttle(20, 40);
        assert!((0..10_000).all(|turn| count(&mut throttle, at(turn * 50)) == Ok(None)));
    }

    #[test]
    fn who_sends_whenever_it_is_let_is_told_after_ten_seconds_even_by_a_late_gateway() {
        let rates = [(20, 40), (20, 1), (1, 2), (1, 1), (1000, 2)];
        for (late, (rate, burst)) in
            [0, 1, 60, 300].into_iter().flat_map(|late| rates.map(|rate| (late, rate)))
        {
            let mut throttle = throttle(rate, burst);
            let (mut now, mut first) = (at(5000), None);
            let told = loop {
                match count(&mut throttle, now) {
                    Ok(None) => {}
                    Ok(Some(until)) => {
                        first.get_or_insert(now);
                        now = until + at(late);
                    }
                    Err(_) => break now,
                }
                assert!(now < at(60_000), "nobody was told of {rate}/s, {late} ms late");
            };
            let first = first.unwrap();
            assert!(
                told >= first + PATIENCE && told < first + at(12_000),
                "{rate}/s burst {burst}, {late} ms late: {told:?}"
            );
        }
    }

    #[test]
    fn bursts_with_rests_between_are_nobodys_offence() {
        let mut throttle = throttle(20, 40);
        for second in (0..600).step_by(3) {
            assert!((0..40).all(|_| count(&mut throttle, at(second * 1000)).is_ok()));
        }
    }

    #[test]
    fn a_burst_of_one_is_a_rate_as_well() {
        let mut throttle = throttle(1, 1);
        assert_eq!(count(&mut throttle, at(0)), Ok(Some(at(1000))));
        assert_eq!(count(&mut throttle, at(1500)), Ok(Some(at(2500))));
    }

    #[test]
    fn each_rate_counts_its_own_and_the_longest_wait_is_kept() {
        let limits = limits(Rate::new(2, 2), Rate::new(1000, 1000), Rate::new(1, 1));
        let mut throttle = Throttle::new(&limits);
        assert_eq!(throttle.count(Piece::Message, 900, at(0)), Counted::Within);
        // 100 bytes, and nothing of what came before once more.
        assert_eq!(throttle.count(Piece::ControlFrame, 1000, at(0)), Counted::Over(Kept::ControlFrames));
        assert_eq!(throttle.until(), Some(at(1000)));
        throttle.handle_deadline(at(999));
        assert_eq!(throttle.until(), Some(at(1000)));
        throttle.handle_deadline(at(1000));
        assert_eq!(throttle.until(), None);
        assert_eq!(throttle.count(Piece::Message, 1000, at(1000)), Counted::Within);
        assert_eq!(throttle.count(Piece::Message, 1000, at(1000)), Counted::Over(Kept::Messages));
        assert_eq!(throttle.until(), Some(at(1500)));
        assert_eq!(throttle.count(Piece::Message, 6000, at(1500)), Counted::Over(Kept::Bytes));
        assert_eq!(throttle.until(), Some(at(5501)));
        assert_eq!(
            throttle.count(Piece::Message, 6000, at(5501)),
            Counted::Within,
            "it rested from messages"
        );
    }

    #[test]
    fn who_is_still_over_is_told_once() {
        let mut throttle = throttle(2, 1);
        let told = |millisecond| throttle.count(Piece::ControlFrame, 0, at(millisecond));
        assert_eq!(
            [0, 500, 1000, 4000].map(told),
            [
                Counted::Over(Kept::ControlFrames),
                Counted::StillOver,
                Counted::StillOver,
                Counted::Over(Kept::ControlFrames)
            ]
        );
    }

    #[test]
    fn without_rates_anything_comes_in() {
        let mut throttle = Throttle::new(&limits(None, None, None));
        assert!((0..10_000).all(|piece| {
            throttle.count(Piece::Message, piece << 20, at(0)) == Counted::Within
                && throttle.count(Piece::ControlFrame, piece << 20, at(0)) == Counted::Within
        }));
    }
}
