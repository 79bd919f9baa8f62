//! The subscriber's handle of a service.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    messages::{Inbox, MessageError, Messages, TypedMessage},
    statuses::{Statuses, settled},
};
use crate::{
    call::Call,
    client::Client,
    error::CallError,
    events::Events,
    net::Interest,
    payload::{InvalidName, Message, Rejection, ServiceName, Target},
    request::Ask,
    session::{Event, Status},
};

/// A subscription to a service: a stream of what its owner sends, read as a `T`, and the way to the owner.
///
/// Handles are counted, clones too: dropping the last one of a service unsubscribes. When the connection breaks, it comes
/// back with the next one. While its service does not exist, it is [`Pending`](Status::Pending), and subscribes by itself
/// when the service is created.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = server.url();
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::{Client, Status};
///
/// let bob = Client::builder(&url, "bob")?.connect().await?;
/// let mut weather = bob.subscription("weather").open::<String>().await?;
/// assert_eq!(weather.status(), Status::Pending);
///
/// let alice = Client::builder(&url, "alice")?.connect().await?;
/// let service = alice.create_service("weather").open().await?;
/// assert_eq!(weather.settled().await, Status::Live);
/// service.publish("sunny").await?;
/// assert_eq!(weather.next().await.unwrap()?.data, "sunny");
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the last handle of a subscription unsubscribes"]
pub struct Subscription<T> {
    client: Client,
    interest: Interest,
    messages: Messages<T>,
}

impl<T: DeserializeOwned> Subscription<T> {
    /// The service's name.
    pub fn service(&self) -> &ServiceName {
        self.interest.service()
    }

    /// Where it stands: `Live`; `Pending` while there is no connection or no service of this name; `Lost` when the gateway
    /// refused it, or the client ended; `Deleted` when the client unsubscribed by name.
    pub fn status(&self) -> Status {
        self.interest.status().borrow().clone()
    }

    /// Where it stands, as it changes.
    pub fn statuses(&self) -> Statuses {
        Statuses::new(self.interest.status().clone())
    }

    /// Waits until it is live and requests go out, or until it is over, and says which.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn settled(&self) -> Status {
        settled(&self.client, || self.statuses()).await
    }

    /// Waits for the next message of the owner; none once the subscription is over.
    ///
    /// # Errors
    ///
    /// [`MessageError`], which does not end the stream.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<TypedMessage<T>, MessageError>> {
        self.messages.next().await
    }

    /// Sends a value to the owner.
    pub fn send<U: Serialize + ?Sized>(&self, data: &U) -> Call<()> {
        self.client.to(self.target()).json(data)
    }

    /// Asks the owner, which answers with [`Service::serve`](crate::Service::serve): [`Client::request`].
    pub fn request<R: DeserializeOwned>(&self, body: &(impl Serialize + ?Sized)) -> Ask<R> {
        self.client.request(self.target(), body)
    }

    fn target(&self) -> Target {
        Target::service(self.service().clone())
    }
}

impl<T: DeserializeOwned> Clone for Subscription<T> {
    /// One more handle, with every message from now on.
    fn clone(&self) -> Self {
        let events = listen(&self.client, self.service());
        let interest = self.client.link().register_subscription(self.service());
        let messages = Messages::new(Inbox::new(events, Statuses::new(interest.status().clone())));
        Self { client: self.client.clone(), interest, messages }
    }
}

impl<T: DeserializeOwned> Stream for Subscription<T> {
    type Item = Result<TypedMessage<T>, MessageError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_next_unpin(context)
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subscription")
            .field("service", self.interest.service())
            .field("status", &*self.interest.status().borrow())
            .finish_non_exhaustive()
    }
}

/// What the owner sends to a subscriber, from now on.
fn listen(client: &Client, service: &ServiceName) -> Events {
    let service = service.clone();
    client
        .events()
        .filter(move |event| matches!(event, Event::Message(message) if concerns(message, &service)))
}

/// Whether a message came from the owner by this service. The owner of a service may subscribe to it, and receives what
/// other subscribers send.
fn concerns(message: &Message, name: &ServiceName) -> bool {
    let by_service = match &message.target {
        Target::Service { service } | Target::ServiceClientUuid { service, .. } => service == name,
        Target::Name { .. } | Target::Uuid { .. } | Target::All => false,
    };
    let owner = message.origin.service.as_ref().map(|service| service.owner_uuid);
    by_service && owner.is_none_or(|owner| owner == message.origin.uuid)
}

/// A subscription to be opened: what [`Client::subscription`] gives.
#[must_use = "nothing is subscribed to before it is opened"]
#[derive(Debug)]
pub struct OpenSubscription {
    client: Client,
    service: Result<ServiceName, InvalidName>,
    timeout: Duration,
    capacity: Option<usize>,
}

impl OpenSubscription {
    pub(crate) fn new(client: &Client, service: Result<ServiceName, InvalidName>) -> Self {
        Self { client: client.clone(), service, timeout: client.call_timeout(), capacity: None }
    }

    /// Waits at most this long for the gateway's answer. The default is 10 s, or what the builder was told.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = within;
        self
    }

    /// Keeps at most this many unread messages, at least one. The default is 1,024, or what the builder was told.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = Some(messages);
        self
    }

    /// Subscribes. That there is no such service is no error: the subscription waits for it.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the name is not one of a service, the gateway refused or did not answer, or there is no connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future unsubscribes, if it was the only handle.
    pub async fn open<T: DeserializeOwned>(self) -> Result<Subscription<T>, CallError> {
        let Self { client, service, timeout, capacity } = self;
        let service = service?;
        // Before the gateway knows of it: it may send something at once.
        let events = listen(&client, &service);
        let events = match capacity {
            Some(messages) => events.capacity(messages),
            None => events,
        };
        let interest = client.link().register_subscription(&service);
        let live = interest.status().borrow().is_live();
        if !live {
            match client.subscribe(service).timeout(timeout).await {
                Ok(_) | Err(CallError::Rejected(Rejection::UnknownService { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let messages = Messages::new(Inbox::new(events, Statuses::new(interest.status().clone())));
        Ok(Subscription { client, interest, messages })
    }
}
