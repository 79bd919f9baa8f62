//! Connections that are kept for the requests to come.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::net::Body;

/// The most that are kept.
const MOST: usize = 16;
/// How long one is kept: not as long as a gateway has patience with one that says nothing, which is five seconds if it was not told otherwise.
const KEPT_FOR: Duration = Duration::from_secs(4);
/// How long a connection may go on with a request that is answered: with its body, of which the gateway may not want all.
const SETTLES_WITHIN: Duration = Duration::from_millis(100);

/// One, and since when.
type Idle = (SendRequest<Body>, Instant);

/// Connections over which nothing is under way, the one that was used last at the end.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<Idle>>>);

impl Kept {
    /// The one that was used last, if there is any that is not known to be closed.
    pub(super) fn take(&self) -> Option<SendRequest<Body>> {
        let mut kept = self.0.lock();
        kept.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < KEPT_FOR);
        kept.pop().map(|(sender, _)| sender)
    }

    /// Keeps one over which an answer has come, once it is ready for another request.
    pub(super) async fn keep(&self, mut sender: SendRequest<Body>) {
        if matches!(timeout(SETTLES_WITHIN, sender.ready()).await, Ok(Ok(()))) {
            let mut kept = self.0.lock();
            if kept.len() < MOST {
                kept.push((sender, Instant::now()));
            }
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").finish_non_exhaustive()
    }
}
