//! What a client is to be, and connecting it.

use std::{io, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    client::Client,
    error::{BuildError, ConnectError},
    events::Events,
    milestone::Observer,
    net::{
        Approach, Connector, Established, GatewayUrl, Hold, LONGEST, Persistence, Route, SecretSource,
        Tuning, Way, start,
    },
    payload::{ClientName, Feature, Features, Identify, Intents, InvalidName, Nickname, Secret, Tags},
    session::ReconnectPolicy,
};

/// What a client is to be. [`connect`](Self::connect) makes it one.
///
/// What is set and not valid, a nickname that is too long for example, is an error of `connect`.
#[must_use = "a builder does nothing until it connects"]
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    pub(crate) route: Route,
    name: ClientName,
    nickname: Option<Nickname>,
    tags: Tags,
    features: Features,
    intents: Option<Intents>,
    connect_timeout: Duration,
    call_timeout: Duration,
    events_capacity: usize,
    tuning: Tuning,
    persistence: Persistence,
    connector: Option<Connector>,
    pub(crate) observer: Observer,
    mistake: Option<BuildError>,
}

impl ClientBuilder {
    pub(crate) fn new(url: &str, name: &str) -> Result<Self, BuildError> {
        Ok(Self {
            route: Route::new(GatewayUrl::new(url)?),
            name: ClientName::new(name)?,
            nickname: None,
            tags: Tags::default(),
            features: Features::NONE.with(Feature::Compact).with(Feature::FsKey),
            intents: None,
            connect_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(10),
            events_capacity: 1024,
            tuning: Tuning {
                ping_after: Duration::from_secs(5),
                dead_after: Duration::from_secs(15),
                write_timeout: Duration::from_secs(15),
                max_message: 64 << 20,
                max_in_flight: 1024,
            },
            persistence: Persistence { policy: Some(ReconnectPolicy::default()), hold: None },
            connector: None,
            observer: Observer::default(),
            mistake: None,
        })
    }

    /// How the client is shown to people.
    pub fn nickname<N>(mut self, nickname: N) -> Self
    where
        N: TryInto<Nickname>,
        N::Error: Into<InvalidName>,
    {
        match nickname.try_into() {
            Ok(nickname) => self.nickname = Some(nickname),
            Err(error) => self.mistaken(BuildError::Name(error.into())),
        }
        self
    }

    /// Words about the client, in this order: at most 32.
    pub fn tags<T: AsRef<str>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        match Tags::new(tags) {
            Ok(tags) => self.tags = tags,
            Err(error) => self.mistaken(BuildError::Name(error)),
        }
        self
    }

    /// What the gateway asks of those who may come in.
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.route.secret = SecretSource::Given(secret.into());
        self
    }

    /// The secret from an environment variable; none when the variable is not set or empty.
    pub fn secret_from_env(mut self, variable: &str) -> Self {
        match std::env::var(variable) {
            Ok(secret) if secret.is_empty() => {}
            Ok(secret) => self.route.secret = SecretSource::Given(secret.into()),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                self.mistaken(BuildError::Secret { variable: variable.to_owned() });
            }
        }
        self
    }

    /// What the gateway is asked to do beyond the original protocol. The default is all this version makes use of:
    /// `compact` and `fs_key`. An original gateway grants nothing, and that is no error.
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// What the client wants to be told without asking. The default is everything.
    pub fn intents(mut self, intents: Intents) -> Self {
        self.intents = Some(intents);
        self
    }

    /// How long connecting may take, from the host's name to `HELLO`. The default is 10 s.
    pub fn connect_timeout(mut self, within: Duration) -> Self {
        self.connect_timeout = within.min(LONGEST);
        self
    }

    /// How long a call waits for its answer unless it says otherwise. The default is 10 s.
    pub fn call_timeout(mut self, within: Duration) -> Self {
        self.call_timeout = within.min(LONGEST);
        self
    }

    /// The largest message that is taken from the gateway, in bytes. The default is 64 MiB. A larger one ends the
    /// connection with 1009.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.tuning.max_message = bytes;
        self.route.max_message = bytes;
        self
    }

    /// How many unread events a stream keeps unless it says otherwise. The default is 1,024.
    pub fn events_capacity(mut self, events: usize) -> Self {
        self.events_capacity = events;
        self
    }

    /// How many requests may wait for an answer at one time, at least one. The default is 1,024. A call beyond that waits
    /// for its turn.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        // The bound is what the runtime's own queues take.
        self.tuning.max_in_flight = requests.clamp(1, 1 << 20);
        self
    }

    /// After which silence of the gateway it is pinged, and after which it is taken for dead. The defaults are 5 s and
    /// 15 s.
    pub fn keep_alive(mut self, ping_after: Duration, dead_after: Duration) -> Self {
        self.tuning.ping_after = ping_after.min(LONGEST);
        self.tuning.dead_after = dead_after.min(LONGEST);
        self
    }

    /// How long the gateway may take nothing of what is sent to it. The default is 15 s.
    pub fn write_timeout(mut self, within: Duration) -> Self {
        self.tuning.write_timeout = within.min(LONGEST);
        self
    }

    /// How the client connects again after it has lost its connection. The default is [`ReconnectPolicy::default`]: again and
    /// again, with growing pauses, until the gateway says that it is of no use.
    pub fn reconnect(mut self, policy: ReconnectPolicy) -> Self {
        self.persistence.policy = Some(policy);
        self
    }

    /// The client ends with its connection: for programs that do one thing.
    pub fn no_reconnect(mut self) -> Self {
        self.persistence.policy = None;
        self
    }

    /// Calls wait while there is no connection, within the bounds of this, instead of failing at once with
    /// [`CallError::NotConnected`](crate::CallError::NotConnected). They go out in the order they were made, once everything is
    /// restored. A call's own timeout counts on.
    pub fn offline_queue(mut self, hold: Hold) -> Self {
        self.persistence.hold = Some(hold);
        self
    }

    /// Opens every connection with this function, the first one and those after a loss: to a Unix socket, through a tunnel, to
    /// a pipe in memory. The URL says only what the gateway is asked for.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let address = server.local_addr().unwrap();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::Client;
    /// use tokio::net::TcpStream;
    ///
    /// let builder = Client::builder("ws://127.0.0.1/ws", "alice")?;
    /// let client = builder.connect_through(move || TcpStream::connect(address)).connect().await?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_through<F, A, S>(mut self, open: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.connector = Some(Connector::new(open));
        self
    }

    /// Connects and identifies. The first attempt decides: only a connection that was there once is looked for again.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says where it failed, whether trying again may help, and what to try.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        self.connect_with_events().await.map(|(client, _events)| client)
    }

    /// Connects and identifies, with a stream of every event from the first on: what is sent to this client before it can
    /// call [`Client::events`] is in it too.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened.
    pub async fn connect_with_events(self) -> Result<(Client, Events), ConnectError> {
        self.checked()?;
        let approach = self.approach();
        let established = approach.attempt().await?;
        Ok(self.begin(approach, established))
    }

    /// Connects over a stream of the caller's: a Unix socket, a tunnel, a pipe in memory. The URL says only what the
    /// gateway is asked for. There is only this one stream, so the client ends with it;
    /// [`connect_through`](Self::connect_through) is for those that come back.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn connect_over<S>(self, stream: S) -> Result<(Client, Events), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.checked()?;
        let approach = self.approach();
        let established = approach.over(Box::new(stream)).await?;
        Ok(self.no_reconnect().begin(approach, established))
    }

    fn begin(self, approach: Approach, established: Established) -> (Client, Events) {
        let (capacity, timeout) = (self.events_capacity, self.call_timeout);
        #[cfg(feature = "files")]
        let beside = approach.clone();
        let (link, queue) = start(self.name, established, approach, self.persistence, self.tuning, capacity);
        let events = Events::new(Arc::clone(&link), queue);
        let client = Client::new(
            link,
            #[cfg(feature = "files")]
            beside,
            timeout,
            capacity,
        );
        (client, events)
    }

    /// The way to the gateway, and the name to take it under.
    #[cfg(feature = "files")]
    pub(crate) fn way(self) -> Result<(Approach, ClientName), BuildError> {
        self.checked()?;
        Ok((self.approach(), self.name))
    }

    fn approach(&self) -> Approach {
        Approach {
            way: Way {
                route: self.route.clone(),
                connector: self.connector.clone(),
                within: self.connect_timeout,
                observer: self.observer.clone(),
            },
            identify: self.identity(),
        }
    }

    fn identity(&self) -> Identify {
        let mut identify = Identify::new(&self.name);
        identify.nickname.clone_from(&self.nickname);
        identify.tags.clone_from(&self.tags);
        identify.features = Some(self.features);
        identify.intents = self.intents;
        identify
    }

    /// The first mistake is the one that is told.
    pub(crate) fn mistaken(&mut self, error: BuildError) {
        self.mistake.get_or_insert(error);
    }

    fn checked(&self) -> Result<(), BuildError> {
        self.mistake.clone().map_or(Ok(()), Err)
    }
}
