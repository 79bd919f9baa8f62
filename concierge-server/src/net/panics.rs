//! What becomes of a failure of the gateway's own code: it ends what it happened to, is counted, and nobody else notices. Whoever
//! begins something that ends by itself, a task above all, contains it here.
//!
//! No lock is poisoned by it, and nothing that a lock guards is left half done: the pure halves, which decide, do not panic (the hub and
//! the rules of files deny themselves what could), and what comes before and after their decisions is contained where the lock is
//! taken. The program logs where it happened, by a hook of its own (`cli/logging`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;
use prometheus_client::metrics::counter::Counter;

/// Counts what it contains. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Panics {
    counted: Counter,
    #[cfg(test)]
    armed: tests::Armed,
}

impl Panics {
    /// Does something. Nothing comes of it when it panics.
    pub(super) fn contain<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        self.count(outcome.is_err());
        outcome.ok()
    }

    /// The same for what takes its time. It has hardly more room than the work itself, which a function that is `async` would double.
    pub(super) fn watch<F: Future>(&self, work: F) -> impl Future<Output = Option<F::Output>> + use<F> {
        let panics = self.clone();
        AssertUnwindSafe(work).catch_unwind().map(move |outcome| {
            panics.count(outcome.is_err());
            outcome.ok()
        })
    }

    /// How many there were.
    pub(super) fn counter(&self) -> &Counter {
        &self.counted
    }

    fn count(&self, is_panic: bool) {
        if is_panic {
            self.counted.inc();
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
