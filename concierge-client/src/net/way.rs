//! From nothing to a stream of bytes to the gateway, or to a WebSocket: the same way each time, whatever is spoken over it.

use std::{fmt, io, pin::Pin, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;

use super::{activity::Watched, dial::Route, patience::Patience};
use crate::{
    error::{ConnectError, Stage},
    milestone::Observer,
};

/// A WebSocket, whatever is under it.
pub(crate) type Socket = WebSocketStream<Watched<Box<dyn ByteStream>>>;

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

/// The way to a gateway, taken anew by each attempt.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) route: Route,
    pub(crate) connector: Option<Connector>,
    /// How long an attempt may take, from the host's name until the gateway lets the client in.
    pub(crate) within: Duration,
    /// Who is told how far an attempt has come.
    pub(crate) observer: Observer,
}

impl Way {
    /// For one attempt, from now on.
    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.within).observed(&self.observer)
    }

    /// Opens a stream to the gateway for something else than a WebSocket.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    #[cfg(feature = "http")]
    pub(crate) async fn open(&self) -> Result<Box<dyn ByteStream>, ConnectError> {
        self.dial(&Patience::new(self.within)).await
    }

    /// Opens a WebSocket to the gateway.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(crate) async fn socket(&self, patience: &Patience) -> Result<Socket, ConnectError> {
        self.route.upgrade(self.dial(patience).await?, patience).await
    }

    /// Opens a stream of bytes to the gateway.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(super) async fn dial(&self, patience: &Patience) -> Result<Box<dyn ByteStream>, ConnectError> {
        let Some(connector) = &self.connector else { return Ok(Box::new(self.route.dial(patience).await?)) };
        let opening = async { connector.0().await.map_err(|source| ConnectError::Connector { source }) };
        patience.bound(Stage::Connect, opening).await
    }
}
