//! Who floods waits first: a client whose payloads fill other clients' outboxes is not read from until they have caught
//! up, or for a moment at most. After that they count as slow, and nobody waits for them; nor for those who took nothing for as long
//! when their outboxes filled.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use super::outbox::Outbox;

/// The longest that one client waits for another.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// Receivers that one client waits for.
#[derive(Debug)]
pub(super) struct Pause {
    receivers: Vec<Arc<Outbox>>,
    until: Duration,
}

impl Pause {
    /// Waits for these receivers; none when there are none.
    pub(super) fn new(receivers: Vec<Arc<Outbox>>, now: Duration) -> Option<Self> {
        (!receivers.is_empty()).then(|| Self { receivers, until: now + PATIENCE })
    }

    /// When [`Pause::give_up`] wants to be called.
    pub(super) fn until(&self) -> Duration {
        self.until
    }

    /// Waits until every receiver has caught up, or long enough.
    pub(super) async fn wait(mut self) {
        if timeout(PATIENCE, poll_fn(|context| self.poll(context))).await.is_err() {
            self.give_up();
        }
    }

    /// Ready when every receiver has caught up.
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        self.receivers.retain(|receiver| receiver.poll_relieved(context).is_pending());
        if self.receivers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whoever has not caught up is slow.
    pub(super) fn give_up(self) {
        for receiver in self.receivers {
            receiver.mark_slow();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::batch::Batch;
    use super::super::outbox::{Bounds, Pressure};
    use super::super::payload::Payload;
    use super::*;

    /// Writes what waits.
    fn written(outbox: &Outbox) {
        outbox.take(&mut Batch::default());
        outbox.take(&mut Batch::default());
    }

    fn full_outbox() -> Arc<Outbox> {
        let outbox = Outbox::new(Bounds { bytes: 8, payloads: 8 });
        let pressure = outbox.push(&Payload::new("12345", 1, &mut Vec::new(), &Arc::default()));
        assert_eq!(pressure, Pressure::High);
        Arc::new(outbox)
    }

    #[test]
    fn it_ends_when_the_last_receiver_has_caught_up() {
        let context = &Context::from_waker(Waker::noop());
        let (first, second) = (full_outbox(), full_outbox());
        let mut pause = Pause::new(vec![Arc::clone(&first), Arc::clone(&second)], Duration::ZERO).unwrap();
        assert_eq!(pause.until(), PATIENCE);
        written(&first);
        assert_eq!(pause.poll(context), Poll::Pending);
        written(&second);
        assert_eq!(pause.poll(context), Poll::Ready(()));
    }

    #[test]
    fn a_receiver_that_was_given_up_stops_nobody_else() {
        let context = &Context::from_waker(Waker::noop());
        let receiver = full_outbox();
        let mut other = Pause::new(vec![Arc::clone(&receiver)], Duration::ZERO).unwrap();
        assert_eq!(other.poll(context), Poll::Pending);
        Pause::new(vec![Arc::clone(&receiver)], Duration::ZERO).unwrap().give_up();
        assert_eq!(other.poll(context), Poll::Ready(()));
    }

    #[test]
    fn nobody_to_wait_for_is_no_pause() {
        assert!(Pause::new(Vec::new(), Duration::ZERO).is_none());
    }
}
