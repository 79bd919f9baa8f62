//! How long a connection may speak plain HTTP: whoever asks and does not read the answers is cut off, and whoever brings or
//! fetches a file has as long as that goes on.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How long a connection may go without a request that is answered or a piece of a file that moves.
const IDLE: Duration = Duration::from_mins(1);

/// The time a connection has left. Clones are the same time.
#[derive(Debug, Clone)]
pub(super) struct Lifetime(Arc<Mutex<Instant>>);

impl Lifetime {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + IDLE)))
    }

    /// Something moves: the time begins anew.
    pub(super) fn extend(&self) {
        self.allow(Duration::ZERO);
    }

    /// The same, and the next thing to move may take this long: the time begins when it has not come by then.
    pub(super) fn allow(&self, wait: Duration) {
        *self.0.lock() = Instant::now() + wait + IDLE;
    }

    /// Waits for the end of it.
    pub(super) async fn over(&self) {
        loop {
            let end = *self.0.lock();
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_moves_lives_on_and_what_does_not_ends() {
        let (lifetime, start) = (Lifetime::new(), Instant::now());
        let moving = lifetime.clone();
        tokio::spawn(async move {
            for _ in 0..3 {
                tokio::time::sleep(IDLE / 2).await;
                moving.extend();
            }
        });
        lifetime.over().await;
        assert_eq!(start.elapsed(), IDLE / 2 * 3 + IDLE);
    }
}
