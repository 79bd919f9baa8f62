//! A client of a gateway: the handle that programs hold.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use uuid::Uuid;

use crate::{
    builder::ClientBuilder,
    call::{Call, CreateService, acknowledged},
    error::{BuildError, CallError, DrainError, WaitError},
    events::Events,
    net::{Command, Control, LONGEST, Link},
    payload::{
        self, ClientFetch, ClientFetchAll, ClientFetchAllResult, ClientFetchResult, InvalidName, Request,
        SelfFetch, SelfFetchResult, SelfSetSeq, SelfSubscribe, SelfSubscribeResult, SelfUnsubscribe,
        SelfUnsubscribeResult, Seq, ServiceDelete, ServiceDeleteResult, ServiceFetch, ServiceFetchAll,
        ServiceFetchAllResult, ServiceFetchResult, ServiceName, Target,
    },
    recipient::Recipient,
    request::Replies,
    service::OpenSubscription,
    session::{CloseCause, Encoded, Event, Session},
};

/// A client of a gateway: connected, identified, ready to be asked.
///
/// A cheap clone over one connection. The connection lives as long as a clone does; when the last one is dropped, what is
/// queued goes out for at most a second, and the connection is closed.
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

    pub(crate) fn new(link: Arc<Link>, call_timeout: Duration, events_capacity: usize) -> Self {
        Self { handle: Arc::new(Handle { link, call_timeout, events_capacity, replies: Replies::default() }) }
    }

    /// Who this client is, and what the gateway granted.
    pub fn session(&self) -> Arc<Session> {
        self.link().session()
    }

    /// The id of this client on this connection.
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
    /// says so and holds it.
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

    /// Pings the gateway (RFC 6455, section 5.5.2) and tells how long the answer took.
    ///
    /// # Errors
    ///
    /// [`CallError::Timeout`] when there is none in the time a call may take; [`CallError::Lost`] and
    /// [`CallError::Closed`] when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer to a ping that nobody waits for any more is dropped.
    pub async fn ping(&self) -> Result<Duration, CallError> {
        let (sender, receiver) = oneshot::channel();
        let round_trip = async {
            self.link().commands.send(Command::Ping(sender)).await.map_err(|_| self.ended())?;
            receiver.await.map_err(|_| self.ended())
        };
        let after = self.handle.call_timeout;
        timeout(after, round_trip).await.unwrap_or(Err(CallError::Timeout { after }))
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

    /// Closes the connection with 1000, and waits until it is closed. Calls that wait for an answer fail. It may be called
    /// more than once.
    ///
    /// # Cancel safety
    ///
    /// The connection is closed whether or not the future is dropped.
    pub async fn close(&self) {
        self.link().end(Control::Close);
        self.closed().await;
    }

    /// Takes no further calls, waits until those there are have their answers, and closes the connection with 1000.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, CloseCause, Target};
    /// use std::time::Duration;
    ///
    /// let client = Client::builder(&url, "alice")?.connect().await?;
    /// let sent = client.to(Target::All).try_json("good bye")?;
    /// client.drain(Duration::from_secs(5)).await?;
    /// sent.await?;
    /// assert_eq!(client.closed().await, CloseCause::ByClient);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`DrainError`] when some had no answer `within` this time. The connection is closed then too.
    ///
    /// # Cancel safety
    ///
    /// The connection is drained and closed whether or not the future is dropped.
    pub async fn drain(&self, within: Duration) -> Result<(), DrainError> {
        self.link().end(Control::Drain(deadline(within)));
        self.closed().await;
        match self.link().unanswered() {
            0 => Ok(()),
            unanswered => Err(DrainError { unanswered }),
        }
    }

    /// Waits until the connection has ended, and tells why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> CloseCause {
        self.link().closed().await
    }

    /// Why the connection ended, if it did.
    pub fn close_cause(&self) -> Option<CloseCause> {
        self.link().cause()
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
        if self.link().is_ending() {
            return Err(self.ended());
        }
        let (size, limit) = (request.as_str().len(), self.session().message_limit());
        if size > limit {
            return Err(CallError::TooLarge { size, limit });
        }
        Ok(request)
    }

    /// The error of a call that came too late.
    pub(crate) fn ended(&self) -> CallError {
        CallError::Closed { cause: self.link().refusal() }
    }
}

/// The moment when this time is up; of a time without end, some moment in a year.
fn deadline(within: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(within).unwrap_or(now + LONGEST)
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
