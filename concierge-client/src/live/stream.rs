//! A stream of an event, read as a type.

use std::{
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::Stream;
use serde::de::DeserializeOwned;

use super::{Telegraphy, error::StreamError};
use crate::telegraphy::{
    Event, EventName, Meta, Subscription,
    session::{Gap, Item, StreamId},
};

/// A stream of an event, its data read as a `T`.
///
/// It is bounded: when it is not read, the oldest events go, and a [`Received::Gap`] is in their place. When the connection breaks, it goes on with the
/// next one, where it was. It ends after [`StreamError::Over`], and it keeps the connection open.
///
/// A guaranteed event is acknowledged when the next one is asked for: whoever has dealt with one asks for the next, and what was not dealt with when
/// the process died comes again. [`acknowledge`](Self::acknowledge) does so at once, or, after
/// [`Subscribing::acknowledge_by_hand`](super::Subscribing::acknowledge_by_hand), alone.
///
/// Dropping it unsubscribes; a permanent subscription stays until [`unsubscribe`](Self::unsubscribe).
#[must_use = "dropping a stream unsubscribes"]
pub struct EventStream<T> {
    telegraphy: Telegraphy,
    id: StreamId,
    told: Option<Subscription>,
    acknowledges: bool,
    /// Whether an event was yielded that may not be dealt with yet.
    in_hand: bool,
    ended: bool,
    data: PhantomData<fn() -> T>,
}

/// What a stream of an event yields.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Received<T> {
    /// An event.
    Event(LiveEvent<T>),
    /// Here events may be missing: whoever keeps a state by them loads it anew.
    Gap(Gap),
    /// The event is registered, and this client may see it, from now on.
    Active,
    /// The event is not registered any more; the stream waits for it.
    Suspended {
        /// Why, in English. Text from elsewhere: escape it before showing it.
        reason: Option<String>,
    },
}

/// An event with what it carries.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LiveEvent<T> {
    /// Its name.
    pub name: EventName,
    /// What is told about it; whether it is one of the past, for example.
    pub meta: Meta,
    /// What it carries; what carries nothing is read as `null`.
    pub data: T,
}

impl<T> EventStream<T> {
    pub(super) fn new(telegraphy: Telegraphy, id: StreamId, acknowledges: bool) -> Self {
        Self { telegraphy, id, told: None, acknowledges, in_hand: false, ended: false, data: PhantomData }
    }

    pub(super) fn opened(mut self, told: Subscription) -> Self {
        self.told = Some(told);
        self
    }

    /// What the gateway said of the subscription when it took it.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.told.as_ref()
    }

    /// Everything that was yielded is dealt with: of a guaranteed event, it does not come again.
    pub fn acknowledge(&mut self) {
        if std::mem::take(&mut self.in_hand) {
            let id = self.id;
            self.telegraphy.shared().with(|session| session.deal(id));
        }
    }

    /// Ends the subscription, a permanent one too.
    pub fn unsubscribe(self) {
        self.telegraphy.shared().forget(self.id, true);
    }
}

impl<T: DeserializeOwned> EventStream<T> {
    /// Waits for what comes next; none after [`StreamError::Over`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped. What was yielded before is acknowledged all the same, unless that is done by hand.
    pub async fn next(&mut self) -> Option<Result<Received<T>, StreamError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    fn read(&mut self, item: Item) -> Result<Received<T>, StreamError> {
        Ok(match item {
            Item::Event(event) => {
                self.in_hand = true;
                Received::Event(read(event)?)
            }
            Item::Gap(gap) => Received::Gap(gap),
            Item::Active => Received::Active,
            Item::Suspended { reason } => Received::Suspended { reason },
        })
    }
}

fn read<T: DeserializeOwned>(event: Box<Event>) -> Result<LiveEvent<T>, StreamError> {
    let data = event.data.as_ref().map_or("null", |data| data.as_str());
    match serde_json::from_str(data) {
        Ok(data) => Ok(LiveEvent { name: event.event, meta: event.meta.unwrap_or_default(), data }),
        Err(source) => Err(StreamError::Decode { event, source }),
    }
}

impl<T: DeserializeOwned> Stream for EventStream<T> {
    type Item = Result<Received<T>, StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.acknowledges {
            self.acknowledge();
        }
        let id = self.id;
        match self.telegraphy.shared().take(id, context.waker()) {
            Some(Ok(item)) => Poll::Ready(Some(self.read(item))),
            Some(Err(over)) => {
                self.ended = true;
                Poll::Ready(Some(Err(over.into())))
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for EventStream<T> {
    fn drop(&mut self) {
        self.telegraphy.shared().forget(self.id, false);
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventStream").field("subscription", &self.told).finish_non_exhaustive()
    }
}
