//! Where a service or a subscription stands, as it changes.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, future::poll_fn, stream};
use tokio::sync::watch;

use crate::{client::Client, session::Status};

/// A stream of where a service or a subscription stands: where it stands now first, and then each time it changes. Read too
/// slowly, it leaves out what is over, never the latest. It ends after a status that is final.
#[must_use = "a stream does nothing unless it is read"]
pub struct Statuses {
    stream: Pin<Box<dyn Stream<Item = Status> + Send + Sync>>,
}

/// What is told next.
enum Next {
    Now,
    Change,
    Nothing,
}

impl Statuses {
    pub(super) fn new(receiver: watch::Receiver<Status>) -> Self {
        let stream = stream::unfold((receiver, Next::Now), async |(mut receiver, next)| {
            match next {
                Next::Now => {}
                Next::Change => receiver.changed().await.ok()?,
                Next::Nothing => return None,
            }
            let status = receiver.borrow_and_update().clone();
            let next = if status.is_final() { Next::Nothing } else { Next::Change };
            Some((status, (receiver, next)))
        });
        Self { stream: Box::pin(stream) }
    }

    /// Waits for the next status; none after a final one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no status is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Status> {
        poll_fn(|context| self.stream.poll_next_unpin(context)).await
    }
}

/// Waits until something is live and requests go out, or until it is over. On a new connection it is live a moment before
/// requests go out.
pub(super) async fn settled(client: &Client, statuses: impl Fn() -> Statuses) -> Status {
    loop {
        let mut statuses = statuses();
        let mut latest = Status::Pending;
        while let Some(status) = statuses.next().await {
            latest = status;
            if latest.is_live() {
                break;
            }
        }
        if !latest.is_live() || client.state().is_connected() {
            return latest;
        }
        // Where requests never go out again, the status says so next.
        tokio::select! {
            _ = client.link().connected() => {}
            _ = statuses.next() => {}
        }
        tokio::task::yield_now().await;
    }
}

impl Stream for Statuses {
    type Item = Status;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Status>> {
        self.stream.poll_next_unpin(context)
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Statuses").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Loss;

    #[tokio::test]
    async fn the_latest_is_never_lost_and_a_final_one_is_the_last() {
        let (sender, receiver) = watch::channel(Status::Live);
        let mut statuses = Statuses::new(receiver);
        assert_eq!(statuses.next().await, Some(Status::Live));
        sender.send_replace(Status::Pending);
        sender.send_replace(Status::Live);
        sender.send_replace(Status::Pending);
        assert_eq!(statuses.next().await, Some(Status::Pending));
        sender.send_replace(Status::Lost(Loss::Ended));
        drop(sender);
        assert_eq!(statuses.next().await, Some(Status::Lost(Loss::Ended)));
        assert_eq!(statuses.next().await, None);
    }
}
