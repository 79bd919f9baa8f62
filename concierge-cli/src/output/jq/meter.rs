//! What keeps a filter from working for ever, and from taking all the memory there is: every step it takes is counted, and too much
//! unwinds its thread to where it began.
//!
//! What it takes between two steps is not looked at: one step may at most double what there was, or is one multiplication.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    param::page_size,
    time::{ClockId, clock_gettime},
};

use crate::signals::interruptions;

/// The stack of a filter's thread, in bytes. Memory is taken only for what is used of it.
pub(super) const STACK: usize = 64 << 20;

/// How much of it a filter may use between two steps.
const DEEPEST: usize = STACK / 2;

/// How many steps a filter may take for one record.
const MOST_STEPS: u64 = 200_000_000;

/// What a filter may take for one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// How long it may work.
    pub time: Duration,
    /// How much memory it may take, in bytes.
    pub memory: usize,
}

/// How far a filter may go.
pub(super) struct Limits<'a> {
    until: Instant,
    memory: usize,
    abandoned: &'a AtomicBool,
    /// How often somebody had interrupted when the filter was read; none where that is not meant for it.
    interrupted: Option<u64>,
}

/// Counts the steps of one run.
pub(super) struct Meter<'a> {
    limits: &'a Limits<'a>,
    steps: Cell<u64>,
    /// When it was looked last, by a clock that is coarse and costs next to nothing.
    looked: Cell<Duration>,
    /// What memory the process had at the first look.
    memory: Cell<Option<usize>>,
    base: usize,
}

/// Why a filter was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It took too many steps, or too long.
    TooLong,
    /// It calls itself too often.
    TooDeep,
    /// It takes too much memory.
    TooLarge,
    /// Nobody waits for it.
    Abandoned,
    /// Somebody interrupted.
    Interrupted,
    /// It met a mistake in its own language's library.
    Broken,
}

impl<'a> Limits<'a> {
    /// So far from now on, and no longer than somebody waits. Signals end it, too, where they are meant for it.
    pub(super) fn new(allowance: Allowance, abandoned: &'a AtomicBool, interrupted: Option<u64>) -> Self {
        let Allowance { time, memory } = allowance;
        Self { until: Instant::now() + time, memory, abandoned, interrupted }
    }

    /// Does this, up to the limits.
    pub(super) fn hold<T>(&self, work: impl FnOnce(&Meter<'_>) -> T) -> Result<T, Stopped> {
        let meter = Meter {
            limits: self,
            steps: Cell::new(0),
            looked: Cell::new(coarse_now()),
            memory: Cell::new(None),
            base: here(),
        };
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
        if steps > MOST_STEPS {
            stop(Stopped::TooLong);
        }
        // A few steps may take long, where they copy much.
        let now = coarse_now();
        if now != self.looked.replace(now) {
            self.look();
        }
    }

    fn look(&self) {
        let Limits { until, memory: most_memory, abandoned, interrupted } = self.limits;
        if abandoned.load(Ordering::Relaxed) {
            stop(Stopped::Abandoned);
        }
        if interrupted.is_some_and(|before| before != interruptions()) {
            stop(Stopped::Interrupted);
        }
        if Instant::now() > *until {
            stop(Stopped::TooLong);
        }
        if let Some(memory) = resident_bytes() {
            let before = self.memory.get().unwrap_or(memory);
            self.memory.set(Some(before));
            if memory.saturating_sub(before) > *most_memory {
                stop(Stopped::TooLarge);
            }
        }
    }
}

/// A moment, exact to a few milliseconds.
fn coarse_now() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::MonotonicCoarse;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let time = clock_gettime(CLOCK);
    // The nanoseconds are left out where a clock is exact: then every step would be looked at.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), 0)
        + Duration::from_millis(u64::try_from(time.tv_nsec / 1_000_000).unwrap_or_default())
}

/// The memory that this process takes, where the system tells.
fn resident_bytes() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = told.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(page_size())
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
