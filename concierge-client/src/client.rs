//! A client of a gateway: the handle that programs hold.

mod lifecycle;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

#[cfg(feature = "files")]
use crate::net::Approach;
use crate::{
    builder::ClientBuilder,
    call::{Call, CreateService, acknowledged},
    error::{BuildError, CallError, WaitError},
    events::Events,
    net::{Control, Link},
    payload::{
        self, ClientFetch, ClientFetchAll, ClientFetchAllResult, ClientFetchResult, InvalidName, Request,
        SelfFetch, SelfFetchResult, SelfSetSeq, SelfSubscribe, SelfSubscribeResult, SelfUnsubscribe,
        SelfUnsubscribeResult, Seq, ServiceDelete, ServiceDeleteResult, ServiceFetch, ServiceFetchAll,
        ServiceFetchAllResult, ServiceFetchResult, ServiceName, Target,
    },
    recipient::Recipient,
    request::Replies,
    service::OpenSubscription,
    session::{Encoded, Event, Session},
};

/// A client of a gateway: connected, identified, ready to be asked.
///
/// A cheap clone over one connection at a time. When that is lost, the client connects again by itself, and creates and
/// subscribes anew what it had ([`Event::Resumed`] tells), unless the builder was told otherwise. It lives as long as a clone
/// does; when the last one is dropped, what is queued goes out for at most a second, and the connection is closed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = server.url();
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::{CallError, Client, Rejection, Target};
///
/// let client = Client::builder(&url, "alice")?.tags(["demo"]).connect().await?;
/// assert_eq!(client.whoami().await?.client.uuid, client.uuid());
///
/// let created = client.create_service("news").nickname("The news").await?;
/// assert!(created.successful);
/// client.to(Target::service("news".parse()?)).json("nobody subscribed yet").await?;
///
/// let refused = client.to("bob").json("are you there?").await.unwrap_err();
/// assert!(matches!(refused, CallError::Rejected(Rejection::UnknownName { name }) if name == "bob"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What the clones of a client share. Its end is the end of the connection.
struct Handle {
    link: Arc<Link>,
    /// The way to the gateway, for what goes beside the connection.
    #[cfg(feature = "files")]
    approach: Arc<Approach>,
    call_timeout: Duration,
    events_capacity: usize,
    replies: Replies,
}

/// How long the connection of a dropped client lives on to send what is queued.
const LINGER: Duration = Duration::from_secs(1);

impl Drop for Handle {
    fn drop(&mut self) {
        self.link.end(Control::Drain(Instant::now() + LINGER));
    }
}

impl Client {
    /// A client of this name, of the gateway at this URL. It connects with [`ClientBuilder::connect`].
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the URL is not one of a gateway, or the name is not valid.
    pub fn builder(url: impl AsRef<str>, name: impl AsRef<str>) -> Result<ClientBuilder, BuildError> {
        ClientBuilder::new(url.as_ref(), name.as_ref())
    }

    pub(crate) fn new(
        link: Arc<Link>,
        #[cfg(feature = "files")] approach: Approach,
        call_timeout: Duration,
        events_capacity: usize,
    ) -> Self {
        Self {
            handle: Arc::new(Handle {
                link,
                #[cfg(feature = "files")]
                approach: Arc::new(approach),
                call_timeout,
                events_capacity,
                replies: Replies::default(),
            }),
        }
    }

    #[cfg(feature = "files")]
    pub(crate) fn approach(&self) -> &Arc<Approach> {
        &self.handle.approach
    }

    /// Who this client is, and what the gateway granted; while there is no connection, on the last one.
    pub fn session(&self) -> Arc<Session> {
        self.link().session()
    }

    /// The id of this client on this connection: a new one on each.
    pub fn uuid(&self) -> Uuid {
        self.session().uuid()
    }

    /// Sends a request when it is awaited, and gives its own reply.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// # let client = concierge_client::Client::builder(&url, "alice")?.connect().await?;
    /// use concierge_client::payload::{ServiceCreate, ServiceFetch};
    ///
    /// client.call(ServiceCreate { service: "news".parse()?, nickname: None }).await?;
    /// let fetched = client.call(ServiceFetch { service: "news".parse()? }).await?;
    /// assert_eq!(fetched.service.owner_uuid, client.uuid());
    /// # Ok(())
    /// # }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a request is made to be sent, once")]
    pub fn call<Q: Request>(&self, request: Q) -> Call<Q::Reply> {
        Call::of(self, &request, Q::Reply::try_from)
    }

    /// Somebody to send to: a client's name or id, a service, everyone.
    pub fn to(&self, target: impl Into<Target>) -> Recipient {
        Recipient::new(self, target.into())
    }

    /// What the gateway knows about this client: `SELF_FETCH`.
    pub fn whoami(&self) -> Call<SelfFetchResult> {
        self.call(SelfFetch {})
    }

    /// Every client, in the order they joined: `CLIENT_FETCH_ALL`.
    pub fn clients(&self) -> Call<Vec<payload::Client>> {
        Call::of(self, &ClientFetchAll {}, |reply| Ok(ClientFetchAllResult::try_from(reply)?.clients))
    }

    /// A client and its subscriptions: `CLIENT_FETCH`.
    pub fn client(&self, uuid: Uuid) -> Call<ClientFetchResult> {
        self.call(ClientFetch { uuid })
    }

    /// Every service, in the order they were created: `SERVICE_FETCH_ALL`.
    pub fn services(&self) -> Call<Vec<payload::Service>> {
        Call::of(self, &ServiceFetchAll {}, |reply| Ok(ServiceFetchAllResult::try_from(reply)?.services))
    }

    /// A service: `SERVICE_FETCH`.
    pub fn service<N>(&self, name: N) -> Call<payload::Service>
    where
        N: TryInto<ServiceName>,
        N::Error: Into<InvalidName>,
    {
        Call::named(
            self,
            named(name),
            |service| ServiceFetch { service },
            |reply| Ok(ServiceFetchResult::try_from(reply)?.service),
        )
    }

    /// Subscribes to a service, to be sent what its owner sends to it: `SELF_SUBSCRIBE`.
    ///
    /// A client that reconnects stays subscribed until it unsubscribes: after a lost connection, and also when the service
    /// goes and is created again.
    pub fn subscribe<N>(&self, service: N) -> Call<SelfSubscribeResult>
    where
        N: TryInto<ServiceName>,
        N::Error: Into<InvalidName>,
    {
        Call::named(self, named(service), |service| SelfSubscribe { service }, SelfSubscribeResult::try_from)
    }

    /// Ends a subscription: `SELF_UNSUBSCRIBE`.
    pub fn unsubscribe<N>(&self, service: N) -> Call<SelfUnsubscribeResult>
    where
        N: TryInto<ServiceName>,
        N::Error: Into<InvalidName>,
    {
        let request = |service| SelfUnsubscribe { service };
        Call::named(self, named(service), request, SelfUnsubscribeResult::try_from)
    }

    /// Opens a service that others can subscribe to: `SERVICE_CREATE`. When there is one of that name already, the reply
    /// says so and holds it. A client that reconnects creates its services again.
    pub fn create_service<N>(&self, name: N) -> CreateService
    where
        N: TryInto<ServiceName>,
        N::Error: Into<InvalidName>,
    {
        CreateService::new(self, named(name))
    }

    /// A subscription as a handle: a stream of what the owner of a service sends. It begins with [`OpenSubscription::open`].
    pub fn subscription<N>(&self, service: N) -> OpenSubscription
    where
        N: TryInto<ServiceName>,
        N::Error: Into<InvalidName>,
    {
        OpenSubscription::new(self, named(service))
    }

    /// Deletes a service of this client, and gives it as it was: `SERVICE_DELETE`.
    pub fn delete_service<N>(&self, name: N) -> Call<payload::Service>
    where
        N: TryInto<ServiceName>,
        N::Error: Into<InvalidName>,
    {
        Call::named(
            self,
            named(name),
            |service| ServiceDelete { service },
            |reply| Ok(ServiceDeleteResult::try_from(reply)?.service),
        )
    }

    /// Sets the sequence number of this very request; the next one has the number after it: `SELF_SET_SEQ`. Answers find
    /// their calls as before.
    pub fn set_sequence(&self, seq: Seq) -> Call<()> {
        Call::of(self, &SelfSetSeq { seq }, acknowledged)
    }

    /// A new stream of every event from now on. It does not keep the connection open.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, Event};
    ///
    /// let client = Client::builder(&url, "alice")?.connect().await?;
    /// let mut joins = client.events().capacity(16).filter(|event| matches!(event, Event::ClientJoined { .. }));
    /// let bob = Client::builder(&url, "bob")?.connect().await?;
    /// assert!(matches!(joins.next().await, Some(Event::ClientJoined { client }) if client.uuid == bob.uuid()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self) -> Events {
        let queue = self.link().fanout.open(self.handle.events_capacity);
        Events::new(Arc::clone(self.link()), queue)
    }

    /// Waits until `pick` takes something from an event. It looks at events from this call on, not from when it is first
    /// polled: so it can be made before an action, and awaited after it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, Event};
    /// use std::time::Duration;
    ///
    /// let alice = Client::builder(&url, "alice")?.connect().await?;
    /// let bob = Client::builder(&url, "bob")?.connect().await?;
    /// let answer = bob.wait_for(Duration::from_secs(5), |event| match event {
    ///     Event::Message(message) if message.origin.name == "alice" => message.data.parse::<u32>().ok(),
    ///     _ => None,
    /// });
    /// alice.to("bob").json(&42).await?;
    /// assert_eq!(answer.await?, 42);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError`] when that does not happen `within` this time, or the connection ends first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future takes no event from any stream.
    pub fn wait_for<T, F>(
        &self,
        within: Duration,
        pick: F,
    ) -> impl Future<Output = Result<T, WaitError>> + use<T, F>
    where
        F: FnMut(&Event) -> Option<T>,
    {
        let mut events = self.events();
        async move { events.wait_for(within, pick).await }
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.handle.link
    }

    pub(crate) fn replies(&self) -> &Replies {
        &self.handle.replies
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.handle.call_timeout
    }

    /// Whether a request may go out at all.
    pub(crate) fn check(&self, request: Encoded) -> Result<Encoded, CallError> {
        self.link().check()?;
        let (size, limit) = (request.as_str().len(), self.link().message_limit());
        if size > limit {
            return Err(CallError::TooLarge { size, limit });
        }
        Ok(request)
    }

    /// The error of a call that came too late, or in between two connections.
    pub(crate) fn unavailable(&self) -> CallError {
        self.link().unavailable()
    }
}

fn named<N>(name: N) -> Result<ServiceName, InvalidName>
where
    N: TryInto<ServiceName>,
    N::Error: Into<InvalidName>,
{
    name.try_into().map_err(Into::into)
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("name", &self.session().name)
            .field("uuid", &self.uuid())
            .finish_non_exhaustive()
    }
}
