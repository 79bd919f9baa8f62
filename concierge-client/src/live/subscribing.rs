//! What is wanted of an event, before it is subscribed to.

use serde_json::Value;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Telegraphy,
    error::{AskError, SubscribeError},
    stream::EventStream,
};
use crate::{
    payload::InvalidName,
    telegraphy::{EventName, Outcome, Position, Subscribe},
};

/// What is wanted of an event. [`open`](Self::open) subscribes to it.
#[must_use = "nothing is subscribed until it is opened"]
#[derive(Debug, Clone)]
pub struct Subscribing {
    telegraphy: Telegraphy,
    subscribe: Result<Subscribe, InvalidName>,
    capacity: usize,
    acknowledges: bool,
}

impl Subscribing {
    pub(super) fn new(telegraphy: Telegraphy, event: &str) -> Self {
        let subscribe = EventName::new(event).map(Subscribe::new);
        Self { telegraphy, subscribe, capacity: 1024, acknowledges: true }
    }

    fn set(mut self, change: impl FnOnce(&mut Subscribe)) -> Self {
        if let Ok(subscribe) = &mut self.subscribe {
            change(subscribe);
        }
        self
    }

    /// Only what fulfils these filters: `{"priority__gte": 3, "state__in": ["open", "late"]}`.
    pub fn filter(self, filters: Value) -> Self {
        self.set(|subscribe| subscribe.filters = Some(filters))
    }

    /// The subscription stays while nobody is connected: what is guaranteed, and published meanwhile, comes when the session is back.
    pub fn permanent(self) -> Self {
        self.set(|subscribe| subscribe.permanent = true)
    }

    /// The event need not be registered, or to be seen by this client, yet: the stream waits for that.
    pub fn lazy(self) -> Self {
        self.set(|subscribe| subscribe.lazy = true)
    }

    /// Everything after this position, if the gateway has kept it; a [`Gap`](crate::telegraphy::session::Gap) says if not.
    pub fn since(self, position: Position) -> Self {
        self.set(|subscribe| subscribe.since = Some(position))
    }

    /// So many of the last events first, if the gateway has kept them.
    pub fn history(self, events: u32) -> Self {
        self.set(|subscribe| subscribe.history = Some(events))
    }

    /// Keeps at most this many unread events, at least two. The default is 1,024.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Acknowledges nothing by itself: [`EventStream::acknowledge`] does.
    pub fn acknowledge_by_hand(mut self) -> Self {
        self.acknowledges = false;
        self
    }

    /// Subscribes. While the client is on its way to another connection, this waits.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]: what the gateway has against it, or that it did not answer in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future unsubscribes, if it was subscribed at all.
    pub async fn open<T>(self) -> Result<EventStream<T>, SubscribeError> {
        let Self { telegraphy, subscribe, capacity, acknowledges } = self;
        let subscribe = subscribe?;
        let after = telegraphy.handle.patience;
        let (sender, receiver) = oneshot::channel();
        let id = telegraphy.shared().subscribe(subscribe, capacity, sender).map_err(AskError::Closed)?;
        let stream = EventStream::new(telegraphy.clone(), id, acknowledges);
        let answer = timeout(after, receiver).await.map_err(|_| AskError::Timeout { after })?;
        match answer {
            Ok(Ok(Outcome::Subscribed(told))) => Ok(stream.opened(*told)),
            Ok(Ok(Outcome::Failed(failure))) => Err(AskError::Refused(failure).into()),
            Ok(Ok(other)) => Err(AskError::Mismatched { status: other.status() }.into()),
            Ok(Err(_)) | Err(_) => Err(AskError::Closed(telegraphy.closed().await).into()),
        }
    }
}
