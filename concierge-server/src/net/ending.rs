//! How a WebSocket ends, whatever the reason: the one way out. What was queued is written if it should be, the close frame
//! is said, and TCP is closed so that the frame arrives; each with a bound in time.

use std::future::poll_fn;
use std::time::Duration;

use concierge_client::payload::CloseCode;
use futures_util::SinkExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::frames::TooBig;
use super::metered::Metered;
use super::metrics::Closed;
use super::outbox::Outbox;
use super::wire::Wire;
use crate::dialect::concierge::Close;

/// How long a client has to take what it is still sent, and then to close.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same for one that does not keep up: it has much to take before it comes to the reason.
const PATIENCE_WITH_SLOW: Duration = Duration::from_secs(5);

pub(super) type Socket = WebSocketStream<Metered<Wire>>;

/// Why a WebSocket ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The gateway closes, after everything that waits for the client.
    Close(Close),
    /// The gateway closes at once: it failed, or an operator wants it.
    Abort(Close),
    /// The gateway closes at once: the client does not take what it is sent.
    Slow,
    /// The gateway stops: it closes after everything that waits, within this time.
    Stop(Duration),
    /// The client closed; its close frame is still to be echoed.
    Closed,
    /// The connection is gone.
    Lost,
}

impl Ending {
    /// What follows from an error of the socket. Tungstenite leaves the close frame of a protocol error to its user.
    pub(super) fn after(error: &Error) -> Self {
        let code = match error {
            Error::Capacity(_) => CloseCode::MessageTooBig,
            Error::Utf8(_) => CloseCode::InvalidData,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Self::Lost,
            Error::Protocol(_) => CloseCode::ProtocolError,
            Error::Io(error)
                if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooBig>) =>
            {
                CloseCode::MessageTooBig
            }
            _ => return Self::Lost,
        };
        // What was asked before is answered before.
        Self::Close(Close::new(code))
    }

    /// Who ended it, and how.
    pub(super) fn closed(&self) -> Closed {
        match (self, self.close()) {
            (_, Some(close)) => Closed::ByGateway(close.code),
            (Self::Closed, None) => Closed::ByClient,
            (_, None) => Closed::Lost,
        }
    }

    /// What the gateway closes with, where it is the one that does.
    fn close(&self) -> Option<Close> {
        match self {
            Self::Close(close) | Self::Abort(close) => Some(close.clone()),
            Self::Slow => Some(Close::new(CloseCode::SlowConsumer)),
            Self::Stop(_) => Some(Close::new(CloseCode::GoingAway)),
            Self::Closed | Self::Lost => None,
        }
    }
}

/// Ends a WebSocket.
pub(super) async fn finish(mut socket: Socket, outbox: &Outbox, ending: Ending) {
    let (patience, waiting) = match ending {
        Ending::Lost => return,
        Ending::Closed | Ending::Abort(_) => (PATIENCE, None),
        Ending::Close(_) => (PATIENCE, Some(outbox)),
        Ending::Slow => (PATIENCE_WITH_SLOW, None),
        Ending::Stop(within) => (within, Some(outbox)),
    };
    let said = timeout(patience, farewell(&mut socket, waiting, ending.close())).await;
    let stream = socket.into_inner().into_inner();
    if matches!(said, Ok(Ok(()))) {
        linger(stream).await;
    } else {
        // It takes nothing: what the system holds for it is dropped at once, and the client sees a reset.
        stream.give_up();
    }
}

/// Writes what waits, and says why it ends; where the client has said so, its own close frame is echoed.
async fn farewell(socket: &mut Socket, waiting: Option<&Outbox>, close: Option<Close>) -> Result<(), Error> {
    match waiting {
        Some(_) => write_batch(socket).await?,
        None => socket.get_mut().batch().cut(),
    }
    while let Some(batch) = waiting.map(Outbox::take).filter(|batch| !batch.is_empty()) {
        *socket.get_mut().batch() = batch;
        write_batch(socket).await?;
    }
    let Some(Close { code, reason }) = close else { return socket.flush().await };
    socket
        .send(Message::Close(Some(CloseFrame { code: u16::from(code).into(), reason: reason.into() })))
        .await
}

async fn write_batch(socket: &mut Socket) -> Result<(), Error> {
    // What the WebSocket itself has begun to write comes first.
    socket.flush().await?;
    Ok(poll_fn(|context| socket.get_mut().poll_batch(context)).await?)
}

/// Closes a connection in such a way that the last bytes arrive: closing while the client's bytes are unread would reset the
/// connection, and with it what is on its way to the client.
pub(super) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        stream.shutdown().await?;
        let mut discarded = vec![0; 1024];
        while stream.read(&mut discarded).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // Whether the client closed its side or not: it had the time to.
    let _outcome = timeout(PATIENCE, drain).await;
}
