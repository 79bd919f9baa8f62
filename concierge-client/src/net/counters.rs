//! The numbers behind [`Stats`], counted where things happen.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::activity::Activity;
use crate::stats::Stats;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn count(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted over all connections of a client.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sent: Counter,
    pub(super) received: Counter,
    pub(super) calls: Counter,
    pub(super) late: Counter,
    pub(super) stray: Counter,
    pub(super) unknown: Counter,
    pub(super) reconnects: Counter,
    pub(super) resynchronized: Counter,
    /// The bytes of connections that are gone, written and read.
    past: (Counter, Counter),
    activity: Mutex<Option<Arc<Activity>>>,
}

impl Counters {
    /// There is a new connection, whose bytes count from now on.
    pub(super) fn begin(&self, activity: Arc<Activity>) {
        if let Some(past) = self.activity.lock().replace(activity) {
            self.past.0.add(past.bytes_written());
            self.past.1.add(past.bytes_read());
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let (written, read) = {
            let activity = self.activity.lock();
            activity.as_ref().map_or((0, 0), |activity| (activity.bytes_written(), activity.bytes_read()))
        };
        Stats {
            sent: self.sent.value(),
            received: self.received.value(),
            bytes_sent: self.past.0.value() + written,
            bytes_received: self.past.1.value() + read,
            calls: self.calls.value(),
            late: self.late.value(),
            stray: self.stray.value(),
            unknown: self.unknown.value(),
            reconnects: self.reconnects.value(),
            resynchronized: self.resynchronized.value(),
            ..Stats::default()
        }
    }
}
