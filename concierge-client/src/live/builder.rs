//! What a client of web events is to be, and connecting it.

use std::{io, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    AuthToken, Telegraphy,
    driver::{Driver, is_another_try},
    error::ComeInError,
    shared::{Shared, now},
};
use crate::{
    error::{BuildError, UrlError},
    milestone::Observer,
    net::{Connector, GatewayUrl, LONGEST, Route, Way},
    payload::Secret,
    session::ReconnectPolicy,
    telegraphy::{Program, SUBPROTOCOLS, session::Session},
};

/// The most requests that wait for each other.
const MAX_WAITING: usize = 64;

/// What a client of web events is to be. [`connect`](Self::connect) makes it one.
#[must_use = "a builder does nothing until it connects"]
#[derive(Debug, Clone)]
pub struct TelegraphyBuilder {
    way: Way,
    token: AuthToken,
    session: Option<Secret>,
    program: Option<Program>,
    policy: Option<ReconnectPolicy>,
    patience: Duration,
    mistake: Option<BuildError>,
}

impl TelegraphyBuilder {
    pub(super) fn new(url: &str, token: AuthToken) -> Result<Self, UrlError> {
        let route = Route { subprotocols: &SUBPROTOCOLS, ..Route::new(GatewayUrl::new(url)?) };
        let (connector, observer, within) = (None, Observer::default(), Duration::from_secs(10));
        Ok(Self {
            way: Way { route, connector, within, observer },
            token,
            session: None,
            program: None,
            policy: Some(ReconnectPolicy::default()),
            patience: Duration::from_secs(30),
            mistake: None,
        })
    }

    /// Comes back to a session of before, of which [`Telegraphy::session`] had the token. An auth token is needed only if it is gone.
    pub fn session(mut self, token: impl Into<Secret>) -> Self {
        self.session = Some(token.into());
        self
    }

    /// Tells the gateway which program this is.
    pub fn program(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.program = Some(Program { name: name.into(), version: version.into() });
        self
    }

    /// How long connecting may take, from the host's name until the gateway lets the client in. The default is 10 s.
    pub fn connect_timeout(mut self, within: Duration) -> Self {
        self.way.within = within.min(LONGEST);
        self
    }

    /// How long a request, and the opening of a stream, waits for its answer. The default is 30 s.
    pub fn request_timeout(mut self, within: Duration) -> Self {
        self.patience = within.min(LONGEST);
        self
    }

    /// How the client connects again after it has lost its connection. The default is [`ReconnectPolicy::default`].
    pub fn reconnect(mut self, policy: ReconnectPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The client ends with its connection: for programs that do one thing.
    pub fn no_reconnect(mut self) -> Self {
        self.policy = None;
        self
    }

    /// Sends a header with the request for a WebSocket: as [`ClientBuilder::header`](crate::ClientBuilder::header).
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let set = self.way.route.add_header(name.as_ref(), value.as_ref());
        self.noted(set)
    }

    /// Connects through this proxy: as [`ClientBuilder::proxy`](crate::ClientBuilder::proxy).
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        let set = self.way.route.set_proxy(url.as_ref());
        self.noted(set)
    }

    /// Connects directly, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.way.route.set_no_proxy();
        self
    }

    /// Trusts this authority, and no longer those of the platform: as
    /// [`ClientBuilder::root_certificate`](crate::ClientBuilder::root_certificate).
    #[cfg(feature = "rustls")]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        let set = self.way.route.trust.add(pem.as_ref());
        self.noted(set)
    }

    /// Opens every connection with this function: as [`ClientBuilder::connect_through`](crate::ClientBuilder::connect_through).
    pub fn connect_through<F, A, S>(mut self, open: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.way.connector = Some(Connector::new(open));
        self
    }

    /// Connects, and waits until the gateway lets the client in. The first attempt decides: only a connection that was there once is looked for
    /// again.
    ///
    /// # Errors
    ///
    /// [`ComeInError`] says where it failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened. The token may be spent.
    pub async fn connect(self) -> Result<Telegraphy, ComeInError> {
        if let Some(mistake) = self.mistake {
            return Err(crate::ConnectError::Build(mistake).into());
        }
        let has_session = self.session.is_some();
        let session = Session::new(self.program, self.session, self.policy, MAX_WAITING, now());
        let shared = Arc::new(Shared::new(session));
        let mut driver = Driver::new(self.way, self.token, Arc::clone(&shared));
        let mut arrived = driver.come_in().await;
        // A session that is gone costs a second attempt, with a token.
        if let Err(error) = &arrived
            && has_session
            && is_another_try(error)
        {
            arrived = driver.come_in().await;
        }
        let socket = arrived?;
        tokio::spawn(driver.run(socket));
        Ok(Telegraphy::new(shared, self.patience))
    }

    fn noted(mut self, set: Result<(), BuildError>) -> Self {
        if let Err(error) = set {
            self.mistake.get_or_insert(error);
        }
        self
    }
}
