//! Dropping a future at one of its awaits.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// A future that is to be dropped.
pub(crate) type Dropped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls a future so often, each time it is woken, and drops it. Whether it was complete by then.
pub(crate) async fn poll_times(mut future: Dropped, times: usize) -> bool {
    for _ in 0..times {
        let mut polled = false;
        let complete = poll_fn(|context| {
            if polled {
                return Poll::Ready(false);
            }
            polled = true;
            future.as_mut().poll(context).map(|()| true)
        });
        if complete.await {
            return true;
        }
    }
    false
}
