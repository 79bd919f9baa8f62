//! How a WebSocket ends, whatever the reason: the one way out. What was queued is written if it should be, the close frame
//! is said, and TCP is closed so that the frame arrives; each with a bound in time.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::frames::Violation;
use super::metrics::Closed;
use super::outbox::Outbox;
use super::socket::{End, Socket};
use super::wire::Wire;
use crate::dialect::concierge::Close;

/// How long a client has to take what it is still sent, and then to close.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same for one that does not keep up: it has much to take before it comes to the reason.
const PATIENCE_WITH_SLOW: Duration = Duration::from_secs(5);

/// Why a WebSocket ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The gateway closes, after everything that waits for the client.
    Close(Close),
    /// The gateway closes at once: it failed, or an operator wants it.
    Abort(Close),
    /// The gateway closes at once: the client does not take what it is sent.
    Slow(Close),
    /// The gateway stops: it closes after everything that waits, within this time.
    Stop(Close, Duration),
    /// The client closed; what it said is still to be echoed.
    Closed(Option<Close>),
    /// The connection is gone.
    Lost,
}

/// What the gateway ends a WebSocket for by itself, whatever is spoken over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// What came is none of what may come.
    Violation(Violation),
    /// The client does not take what it is sent.
    Slow,
    /// The client was over a rate for too long.
    RateLimited,
    /// An operator wants it.
    Kicked,
    /// The gateway failed on it.
    Failure,
    /// The gateway stops.
    Stop,
}

impl Ending {
    /// What follows from the end of the client's part. The dialect has the words.
    pub(super) fn after(end: &End, words: impl FnOnce(Reason) -> Close) -> Self {
        match end {
            End::Closed(close) => Self::Closed(close.clone()),
            End::Lost => Self::Lost,
            End::Violated(violation) => Self::Close(words(Reason::Violation(*violation))),
        }
    }

    /// Who ended it, and how.
    pub(super) fn closed(&self) -> Closed {
        match (self, self.close()) {
            (Self::Closed(_), _) => Closed::ByClient,
            (_, Some(close)) => Closed::ByGateway(close.code),
            (_, None) => Closed::Lost,
        }
    }

    /// What the last frame says; none has no code.
    fn close(&self) -> Option<Close> {
        match self {
            Self::Close(close) | Self::Abort(close) | Self::Slow(close) | Self::Stop(close, _) => {
                Some(close.clone())
            }
            Self::Closed(close) => close.clone(),
            Self::Lost => None,
        }
    }
}

/// Ends a WebSocket.
pub(super) async fn finish(mut socket: Socket<Wire>, outbox: &Outbox, ending: Ending) {
    let (patience, waiting) = match ending {
        Ending::Lost => return,
        Ending::Closed(_) | Ending::Abort(_) => (PATIENCE, None),
        Ending::Close(_) => (PATIENCE, Some(outbox)),
        Ending::Slow(_) => (PATIENCE_WITH_SLOW, None),
        Ending::Stop(_, within) => (within, Some(outbox)),
    };
    let said = timeout(patience, farewell(&mut socket, waiting, ending.close())).await;
    let stream = socket.into_inner();
    if matches!(said, Ok(Ok(()))) {
        linger(stream).await;
    } else {
        // It takes nothing: what the system holds for it is dropped at once, and the client sees a reset.
        stream.give_up();
    }
}

/// Writes what waits, and says why it ends; where the client has said so, that is echoed.
async fn farewell(
    socket: &mut Socket<Wire>,
    waiting: Option<&Outbox>,
    close: Option<Close>,
) -> io::Result<()> {
    match waiting {
        Some(outbox) => loop {
            write(socket).await?;
            outbox.take(socket.batch());
            if socket.is_written() {
                break;
            }
        },
        None => socket.batch().cut(),
    }
    write(socket).await?;
    socket.close(close.as_ref());
    write(socket).await
}

/// Writes what is on its way.
async fn write(socket: &mut Socket<Wire>) -> io::Result<()> {
    socket.batch();
    poll_fn(|context| socket.poll_batch(context)).await
}

/// Closes a connection in such a way that the last bytes arrive: closing while the client's bytes are unread would reset the
/// connection, and with it what is on its way to the client.
pub(super) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        stream.shutdown().await?;
        let mut discarded = vec![0; 1024];
        while stream.read(&mut discarded).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Whether the client closed its side or not: it had the time to.
    let _outcome = timeout(PATIENCE, drain).await;
}
