//! Messages by a service, read as a type.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, future::poll_fn};
use serde::de::DeserializeOwned;

use super::statuses::Statuses;
use crate::{
    events::Events,
    payload::{Data, Message, Origin, Target},
    session::Event,
};

/// A message whose data was read as a `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypedMessage<T> {
    /// Who sent it, and by which service.
    pub origin: Origin,
    /// Whom it was sent to, as the gateway understood it.
    pub target: Target,
    /// What was sent.
    pub data: T,
    /// What was sent, byte for byte.
    pub raw: Data,
}

/// Why an item of a stream is no message of the type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Its data is not of the type.
    #[error("a message of {} cannot be read", message.origin.name)]
    Decode {
        /// The message as it came.
        message: Box<Message>,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The stream was read too slowly: this many messages before the next one are gone.
    #[error("{missed} messages are lost: they were read too slowly")]
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// The messages that come by a service, as they came.
#[derive(Debug)]
pub(super) struct Inbox {
    events: Events,
    statuses: Statuses,
    over: bool,
}

/// What an inbox gives.
pub(super) enum Received {
    Message(Message),
    Missed(u64),
}

impl Inbox {
    /// The events hold messages of one service only.
    pub(super) fn new(events: Events, statuses: Statuses) -> Self {
        Self { events, statuses, over: false }
    }

    pub(super) async fn next(&mut self) -> Option<Received> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Received>> {
        while !self.over {
            match self.events.poll_next_unpin(context) {
                Poll::Ready(Some(Event::Message(message))) => {
                    return Poll::Ready(Some(Received::Message(message)));
                }
                Poll::Ready(Some(Event::Lagged { missed })) => {
                    return Poll::Ready(Some(Received::Missed(missed)));
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => self.over = true,
                // What was queued before the end is read before it.
                Poll::Pending => match self.statuses.poll_next_unpin(context) {
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => self.over = true,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
        Poll::Ready(None)
    }
}

/// A stream of the messages that come by a service, from the moment it was opened.
///
/// It is bounded, and when its queue is full the oldest go: [`MessageError::Lagged`] says how many. Neither that nor a
/// message that cannot be read ends it. It ends when the service or the subscription is over for this client; a break of
/// the connection is no end.
#[must_use = "a stream that is not read gathers messages for nothing"]
pub struct Messages<T> {
    inbox: Inbox,
    data: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Messages<T> {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self { inbox, data: PhantomData }
    }

    /// Keeps at most this many unread messages, at least one. The default is 1,024, or what the builder was told.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.inbox.events = self.inbox.events.capacity(messages);
        self
    }

    /// Waits for the next message; none once the service is over for this client.
    ///
    /// # Errors
    ///
    /// [`MessageError`], which does not end the stream.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<TypedMessage<T>, MessageError>> {
        self.inbox.next().await.map(read)
    }
}

fn read<T: DeserializeOwned>(received: Received) -> Result<TypedMessage<T>, MessageError> {
    match received {
        Received::Message(message) => match message.data.parse() {
            Ok(data) => {
                let Message { origin, target, data: raw } = message;
                Ok(TypedMessage { origin, target, data, raw })
            }
            Err(source) => Err(MessageError::Decode { message: Box::new(message), source }),
        },
        Received::Missed(missed) => Err(MessageError::Lagged { missed }),
    }
}

impl<T: DeserializeOwned> Stream for Messages<T> {
    type Item = Result<TypedMessage<T>, MessageError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll(context).map(|received| received.map(read))
    }
}

impl<T> fmt::Debug for Messages<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Messages").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}
