//! Streams of events: any number, each with its own bound and its own filter.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, future::poll_fn, stream::FusedStream};
use tokio::time::timeout;

use crate::{
    error::WaitError,
    net::{Link, Predicate, Queue},
    session::Event,
};

pub use crate::net::Overflow;

/// A stream of what the gateway tells, from the moment it was opened.
///
/// Streams are independent: each has a queue of its own, and one that is not read delays neither the others nor the
/// connection. When its queue is full the oldest events go ([`overflow`](Self::overflow) changes that), and an item says how
/// many where they are missing: [`Event::Lagged`]. A lost connection is an item, [`Event::Disconnected`], and so is its return,
/// [`Event::Resumed`]; the last item is [`Event::Closed`].
///
/// A stream does not keep the connection open; a [`Client`](crate::Client) does.
#[must_use = "a stream that is not read gathers events for nothing"]
pub struct Events {
    link: Arc<Link>,
    queue: Arc<Queue>,
    ended: bool,
}

impl Events {
    pub(crate) fn new(link: Arc<Link>, queue: Arc<Queue>) -> Self {
        Self { link, queue, ended: false }
    }

    /// Keeps at most this many unread events, at least one. The default is 1,024, or what the builder was told.
    pub fn capacity(self, events: usize) -> Self {
        self.queue.set_capacity(events);
        self
    }

    /// What is lost when the stream is read too slowly. The default is [`Overflow::DropOldest`].
    pub fn overflow(self, overflow: Overflow) -> Self {
        self.queue.set_overflow(overflow);
        self
    }

    /// Takes only the events for which this is true. What it leaves out takes no room in the queue and is not counted as
    /// missed; [`Event::Lagged`] and [`Event::Closed`] come in any case.
    ///
    /// It is asked on the connection's own task: it must be quick and must not block.
    pub fn filter(self, wanted: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        let wanted: Predicate = Arc::new(wanted);
        self.queue.set_filter(&wanted);
        self
    }

    /// Waits for the next event; none after [`Event::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.poll(context)).await
    }

    /// The next event, if one is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.queue.try_next()
    }

    /// Waits until `pick` takes something from an event. Events that it leaves are gone from this stream.
    ///
    /// # Errors
    ///
    /// [`WaitError`] when that does not happen `within` this time, or the connection ends first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses the events it has looked at.
    pub async fn wait_for<T>(
        &mut self,
        within: Duration,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T, WaitError> {
        let picked = async {
            while let Some(event) = self.next().await {
                match (pick(&event), event) {
                    (Some(value), _) => return Ok(value),
                    (None, Event::Closed(cause)) => return Err(WaitError::Closed(cause)),
                    (None, _) => {}
                }
            }
            Err(WaitError::Closed(self.link.closed().await))
        };
        timeout(within, picked).await.unwrap_or(Err(WaitError::Timeout { within }))
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Event>> {
        let polled = self.queue.poll_next(context);
        self.ended |= matches!(polled, Poll::Ready(None));
        polled
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(context)
    }
}

impl FusedStream for Events {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.link.fanout.forget(&self.queue);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Events").field("queue", &self.queue).finish_non_exhaustive()
    }
}
