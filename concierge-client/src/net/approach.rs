//! From nothing to a connection that is identified: the same way each time.

use std::{fmt, io, pin::Pin, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;

use super::{activity::Watched, dial::Route, identify::identify, link::Waiter, patience::Patience};
use crate::{
    error::{ConnectError, Stage},
    milestone::Observer,
    payload::{Hello, Identify, Secret},
    session::Connection,
};

/// A stream of bytes in both directions, whatever is under it.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// Opens a stream to the gateway in a way of the user's.
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Fn() -> Opening + Send + Sync>);

impl Connector {
    pub(crate) fn new<F, A, S>(open: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(Arc::new(move || {
            let opening = open();
            Box::pin(async move { Ok(Box::new(opening.await?) as Box<dyn ByteStream>) })
        }))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// The way to a connection, taken anew by each attempt.
#[derive(Debug, Clone)]
pub(crate) struct Approach {
    pub(crate) route: Route,
    pub(crate) connector: Option<Connector>,
    /// All but the secret, which is asked for each time.
    pub(crate) identify: Identify,
    /// How long an attempt may take, from the host's name to `HELLO`.
    pub(crate) within: Duration,
    /// Who is told how far an attempt has come.
    pub(crate) observer: Observer,
}

/// A connection that is identified.
pub(crate) struct Established {
    pub(super) socket: WebSocketStream<Watched<Box<dyn ByteStream>>>,
    pub(super) connection: Connection<Waiter>,
    pub(super) hello: Hello,
}

impl Approach {
    /// Connects and identifies.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(crate) async fn attempt(&self) -> Result<Established, ConnectError> {
        let patience = Patience::new(self.within).observed(&self.observer);
        let secret = self.route.secret(&patience).await?;
        let stream = self.dial(&patience).await?;
        self.establish(stream, secret, &patience).await
    }

    /// Opens a stream to the gateway for something else than a WebSocket.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    #[cfg(feature = "files")]
    pub(crate) async fn open(&self) -> Result<Box<dyn ByteStream>, ConnectError> {
        self.dial(&Patience::new(self.within)).await
    }

    async fn dial(&self, patience: &Patience) -> Result<Box<dyn ByteStream>, ConnectError> {
        let Some(connector) = &self.connector else { return Ok(Box::new(self.route.dial(patience).await?)) };
        let opening = async { connector.0().await.map_err(|source| ConnectError::Connector { source }) };
        patience.bound(Stage::Connect, opening).await
    }

    /// Identifies over a stream that is there.
    ///
    /// Cancel safe: dropping the future closes the stream.
    pub(crate) async fn over(&self, stream: Box<dyn ByteStream>) -> Result<Established, ConnectError> {
        let patience = Patience::new(self.within).observed(&self.observer);
        let secret = self.route.secret(&patience).await?;
        self.establish(stream, secret, &patience).await
    }

    async fn establish(
        &self,
        stream: Box<dyn ByteStream>,
        secret: Option<Secret>,
        patience: &Patience,
    ) -> Result<Established, ConnectError> {
        let mut socket = self.route.upgrade(stream, patience).await?;
        let mut identity = self.identify.clone();
        identity.secret = secret;
        let mut connection = Connection::new(&identity);
        let hello = patience.bound(Stage::Identify, identify(&mut socket, &mut connection)).await?;
        tracing::debug!(name = %identity.name, uuid = %hello.uuid, "connected");
        Ok(Established { socket, connection, hello })
    }
}
