//! How far a transfer has come, and whether it still moves.

use std::{fmt, future::pending, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::error::FileError;

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that moved so far.
    pub bytes: u64,
    /// Bytes that will move in all, when that is known.
    pub total: Option<u64>,
}

/// Somebody who is told how far a transfer has come.
pub(super) type Told = Arc<dyn Fn(Progress) + Send + Sync>;

/// Looks after one transfer. Clones look after the same.
#[derive(Clone)]
pub(super) struct Watch {
    told: Option<Told>,
    moved: Arc<Mutex<Instant>>,
}

impl Watch {
    /// Nobody is told.
    pub(super) fn idle() -> Self {
        Self::new(None)
    }

    pub(super) fn new(told: Option<Told>) -> Self {
        Self { told, moved: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Some bytes have moved.
    pub(super) fn moved(&self, bytes: u64, total: Option<u64>) {
        *self.moved.lock() = Instant::now();
        if let Some(told) = &self.told {
            told(Progress { bytes, total });
        }
    }

    /// Does something that is given up when nothing moves for so long.
    pub(super) async fn bound<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, FileError>>,
    ) -> Result<T, FileError> {
        *self.moved.lock() = Instant::now();
        tokio::select! {
            done = work => done,
            () = self.stalled(patience) => Err(FileError::Stalled { after: patience }),
        }
    }

    async fn stalled(&self, patience: Duration) {
        loop {
            let moved = *self.moved.lock();
            // Nobody lives to see such an end.
            let Some(end) = moved.checked_add(patience) else { return pending().await };
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}
