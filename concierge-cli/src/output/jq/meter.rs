//! What keeps a filter from working for ever: every step it takes is counted, and too many unwind its thread to where it began.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// The stack of a filter's thread, in bytes. Memory is taken only for what is used of it.
pub(super) const STACK: usize = 64 << 20;

/// How much of it a filter may use between two steps.
const DEEPEST: usize = STACK / 2;

/// How many steps a filter may take for one record.
const MOST_STEPS: u64 = 200_000_000;

/// Every so many steps the clock is read.
const BETWEEN_LOOKS: u64 = 4096;

/// How far a filter may go.
pub(super) struct Limits<'a> {
    until: Instant,
    abandoned: &'a AtomicBool,
}

/// Counts the steps of one run.
pub(super) struct Meter<'a> {
    limits: &'a Limits<'a>,
    steps: Cell<u64>,
    next_look: Cell<u64>,
    base: usize,
}

/// Why a filter was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It took too many steps, or too long.
    TooLong,
    /// It calls itself too often.
    TooDeep,
    /// Nobody waits for it.
    Abandoned,
    /// It met a mistake in its own language's library.
    Broken,
}

impl<'a> Limits<'a> {
    /// So long, and no longer than somebody waits.
    pub(super) fn new(patience: Duration, abandoned: &'a AtomicBool) -> Self {
        Self { until: Instant::now() + patience, abandoned }
    }

    /// Does this, up to the limits.
    pub(super) fn hold<T>(&self, work: impl FnOnce(&Meter<'_>) -> T) -> Result<T, Stopped> {
        let meter = Meter { limits: self, steps: Cell::new(0), next_look: Cell::new(0), base: here() };
        // Nothing that the work has touched is used after it was stopped.
        catch_unwind(AssertUnwindSafe(|| work(&meter)))
            .map_err(|cause| cause.downcast_ref::<Stopped>().copied().unwrap_or(Stopped::Broken))
    }
}

impl Meter<'_> {
    /// Takes a step, of this size. Does not return where the limits are reached.
    pub(super) fn step(&self, size: u64) {
        let steps = self.steps.get().saturating_add(size);
        self.steps.set(steps);
        if self.base.abs_diff(here()) > DEEPEST {
            stop(Stopped::TooDeep);
        }
        if steps >= self.next_look.get() {
            self.next_look.set(steps.saturating_add(BETWEEN_LOOKS));
            self.look(steps);
        }
    }

    fn look(&self, steps: u64) {
        if self.limits.abandoned.load(Ordering::Relaxed) {
            stop(Stopped::Abandoned);
        }
        if steps > MOST_STEPS || Instant::now() > self.limits.until {
            stop(Stopped::TooLong);
        }
    }
}

/// Unwinds to where the work began. The library has no other way out of all its loops.
fn stop(why: Stopped) -> ! {
    resume_unwind(Box::new(why))
}

/// About where the stack ends.
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}
