//! What the tasks of a run share: the pace, the state of each lane, what was counted, and why it ends.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    latency::Latencies,
    schedule::{End, Schedule},
    tally::Tally,
    window::Window,
};
use crate::failure::Failure;

/// How many messages of one sender may wait for the gateway's answer in an open loop, before the gateway counts as stuck.
const UNANSWERED: usize = 1 << 20;

/// How the next message's time is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// By the clock.
    Open(Schedule),
    /// When there is room in the window.
    Closed {
        /// The messages under way of each sender.
        window: usize,
    },
}

/// A run that has begun.
#[derive(Debug)]
pub(super) struct Run {
    /// What tells its messages from those of others.
    pub id: u32,
    pub pace: Pace,
    pub lanes: Vec<Lane>,
    pub answers: Latencies,
    pub deliveries: Latencies,
    pub lateness: Latencies,
    epoch: Instant,
    measured_from: Duration,
    end: End,
    tickets: AtomicU64,
    sending: AtomicBool,
    last_arrival: AtomicU64,
    failure: Mutex<Option<Failure>>,
    refusal: Mutex<Option<String>>,
}

/// One sender, with those it sends to.
#[derive(Debug)]
pub(super) struct Lane {
    pub wake: Notify,
    pub window: Option<Window>,
    pub sent: AtomicU64,
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    /// Deliveries of different messages, over all receivers.
    pub delivered: AtomicU64,
    /// What each receiver saw.
    pub tallies: Vec<Mutex<Tally>>,
    /// Whether it has sent all it is going to.
    pub finished: AtomicBool,
    /// When the messages were sent that wait for an answer.
    unanswered: Mutex<VecDeque<Duration>>,
}

/// What was counted over all lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub sent: u64,
    pub answered: u64,
    pub refused: u64,
    pub delivered: u64,
    pub missing: u64,
    pub reordered: u64,
    pub duplicated: u64,
}

impl Run {
    /// Begins now.
    pub(super) fn begin(
        id: u32,
        pace: Pace,
        warmup: Duration,
        end: End,
        lanes: u64,
        receivers: usize,
    ) -> Self {
        let measured_from = match pace {
            Pace::Open(schedule) => schedule.measured_from(),
            Pace::Closed { .. } => warmup,
        };
        Self {
            id,
            pace,
            lanes: (0..lanes).map(|_| Lane::new(pace, receivers)).collect(),
            answers: Latencies::new(),
            deliveries: Latencies::new(),
            lateness: Latencies::new(),
            epoch: Instant::now(),
            measured_from,
            end,
            tickets: AtomicU64::new(0),
            sending: AtomicBool::new(true),
            last_arrival: AtomicU64::new(0),
            failure: Mutex::new(None),
            refusal: Mutex::new(None),
        }
    }

    pub(super) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The time since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Whether a lane's message of this number, whose time counts from this moment, is measured: it is not of the warm-up. By the
    /// clock, it is of the warm-up that was due in it, however late it went out.
    pub(super) fn is_measured(&self, lane: u64, number: u64, at: Duration) -> bool {
        match self.pace {
            Pace::Open(schedule) => schedule.is_measured(lane, number),
            Pace::Closed { .. } => at >= self.measured_from,
        }
    }

    /// Whether one more may be sent in a closed loop at this moment. It is taken as sent.
    fn admits(&self, at: Duration) -> bool {
        let Some(measured) = at.checked_sub(self.measured_from) else { return true };
        if self.end.span.is_some_and(|span| measured >= span) {
            return false;
        }
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        self.end.count.is_none_or(|count| ticket < count)
    }

    /// Whether a lane's message of this number may go out now: nothing is to be waited for.
    pub(super) fn is_due(&self, lane: u64, number: u64) -> bool {
        match self.pace {
            Pace::Open(schedule) => schedule.due_in_lane(lane, number).is_none_or(|due| self.now() >= due),
            Pace::Closed { .. } => self.has_room(lane, number),
        }
    }

    /// Waits until a lane's message of this number may go out, and gives the moment its latency counts from; none when nothing
    /// more is to be sent. `ready` is when the one before it was out of the way.
    ///
    /// A message that could not go out when it was due, because the gateway took nothing, counts from when it was due. That the
    /// generator itself woke up late is no fault of the gateway: it is kept apart.
    pub(super) async fn turn(&self, lane: u64, number: u64, ready: Duration) -> Option<Duration> {
        let wake = &self.lane(lane)?.wake;
        let at = match self.pace {
            Pace::Open(schedule) => {
                let due = schedule.due_in_lane(lane, number)?;
                while self.is_sending() && self.now() < due {
                    wake.notified().await;
                }
                let now = self.now();
                if ready > due {
                    due
                } else {
                    if self.is_measured(lane, number, due) {
                        self.lateness.record(recorder(lane), now.saturating_sub(due));
                    }
                    now
                }
            }
            Pace::Closed { .. } => {
                while self.is_sending() && !self.has_room(lane, number) {
                    wake.notified().await;
                }
                let now = self.now();
                if !self.admits(now) {
                    return None;
                }
                now
            }
        };
        self.is_sending().then_some(at)
    }

    fn has_room(&self, lane: u64, number: u64) -> bool {
        self.lane(lane).and_then(|lane| lane.window.as_ref()).is_none_or(|window| window.is_free(number))
    }

    pub(super) fn lane(&self, lane: u64) -> Option<&Lane> {
        self.lanes.get(recorder(lane))
    }

    /// Something that is measured has arrived.
    pub(super) fn arrived(&self, at: Duration) {
        let nanoseconds = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        self.last_arrival.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    /// From the end of the warm-up to the last arrival, and at least for as long as the schedule was to take.
    pub(super) fn measured(&self) -> Duration {
        let last = Duration::from_nanos(self.last_arrival.load(Ordering::Relaxed));
        let scheduled = match self.pace {
            Pace::Open(schedule) if self.is_sent() && self.failure().is_none() => schedule.end(),
            _ => None,
        };
        last.max(scheduled.unwrap_or_default()).saturating_sub(self.measured_from)
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Relaxed)
    }

    /// Nothing more is to be sent.
    pub(super) fn stop_sending(&self) {
        self.sending.store(false, Ordering::Relaxed);
        for lane in &self.lanes {
            lane.wake.notify_one();
        }
    }

    /// It cannot go on. The first reason is the one that is told.
    pub(super) fn fail(&self, failure: Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stop_sending();
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The gateway said no. The first is the one that is told.
    pub(super) fn refuse(&self, answer: &str) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.get_or_insert_with(|| answer.chars().take(300).collect());
    }

    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether all that will be sent has arrived.
    pub(super) fn is_complete(&self) -> bool {
        self.lanes.iter().all(|lane| lane.finished.load(Ordering::Acquire) && lane.outstanding() == 0)
    }

    /// Whether all that will be sent has been sent.
    pub(super) fn is_sent(&self) -> bool {
        self.lanes.iter().all(|lane| lane.finished.load(Ordering::Acquire))
    }

    /// Whether something that was sent has not arrived.
    pub(super) fn is_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| lane.outstanding() > 0)
    }

    /// What was counted so far, without what only the end can tell.
    pub(super) fn progress(&self) -> Counts {
        self.lanes.iter().fold(Counts::default(), |counts, lane| Counts {
            sent: counts.sent + lane.sent.load(Ordering::Relaxed),
            answered: counts.answered + lane.answered.load(Ordering::Relaxed),
            refused: counts.refused + lane.refused.load(Ordering::Relaxed),
            delivered: counts.delivered + lane.delivered.load(Ordering::Relaxed),
            ..counts
        })
    }

    /// What was counted, at the end.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.progress();
        for lane in &self.lanes {
            let (sent, refused) = (lane.sent.load(Ordering::Relaxed), lane.refused.load(Ordering::Relaxed));
            for tally in &lane.tallies {
                let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                counts.missing += tally.missing(sent).saturating_sub(refused);
                counts.reordered += tally.reordered();
                counts.duplicated += tally.duplicated();
            }
        }
        counts
    }
}

/// A lane as an index, and as one who records.
pub(super) fn recorder(lane: u64) -> usize {
    usize::try_from(lane).unwrap_or(usize::MAX)
}

impl Lane {
    fn new(pace: Pace, receivers: usize) -> Self {
        let window = match pace {
            Pace::Open(_) => None,
            Pace::Closed { window } => {
                let arrivals = u32::try_from(receivers).unwrap_or(u32::MAX).saturating_add(1);
                Some(Window::new(window, arrivals))
            }
        };
        Self {
            wake: Notify::new(),
            window,
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            tallies: (0..receivers).map(|_| Mutex::default()).collect(),
            finished: AtomicBool::new(false),
            unanswered: Mutex::default(),
        }
    }

    /// A message goes out whose time counts from this moment. Its number; none when too many wait for an answer.
    pub(super) fn send(&self, at: Duration) -> Option<u64> {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        if unanswered.len() >= UNANSWERED {
            return None;
        }
        unanswered.push_back(at);
        let number = self.sent.fetch_add(1, Ordering::Release);
        if let Some(window) = &self.window {
            window.take(number);
        }
        Some(number)
    }

    /// The gateway has answered the oldest message that waits for it. When that was sent; none when none waits.
    pub(super) fn answered(&self) -> Option<Duration> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// A message has arrived somewhere.
    pub(super) fn arrived(&self, number: u64) {
        if self.window.as_ref().is_some_and(|window| window.arrived(number)) {
            self.wake.notify_one();
        }
    }

    /// How many arrivals are still to come.
    fn outstanding(&self) -> u64 {
        let sent = self.sent.load(Ordering::Acquire);
        let refused = self.refused.load(Ordering::Acquire);
        let answered = self.answered.load(Ordering::Acquire);
        let deliveries = sent.saturating_sub(refused).saturating_mul(self.tallies.len() as u64);
        sent.saturating_sub(answered + refused)
            + deliveries.saturating_sub(self.delivered.load(Ordering::Acquire))
    }
}
