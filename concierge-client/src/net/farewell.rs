//! The end of a connection: what it means, and the close that is said to the gateway.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WebSocketError, Message,
        error::ProtocolError,
        protocol::{CloseFrame, frame::coding::CloseCode as WireCode},
    },
};

use crate::{payload::CloseCode, session::CloseCause};

/// How long the gateway has to answer a close.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the gateway's close frame says.
pub(crate) fn cause_of_close(frame: Option<CloseFrame>) -> CloseCause {
    match frame {
        Some(frame) => CloseCause::ByGateway {
            code: CloseCode::from(u16::from(frame.code)),
            reason: frame.reason.as_str().into(),
        },
        // 1005: a close frame without a code (RFC 6455, section 7.4.1).
        None => CloseCause::ByGateway { code: CloseCode::Other(1005), reason: "".into() },
    }
}

/// What an error of the WebSocket means.
pub(crate) fn cause_of_error(error: WebSocketError, max_message: usize) -> CloseCause {
    match error {
        WebSocketError::Capacity(_) => CloseCause::TooLarge { limit: max_message },
        WebSocketError::Utf8(_) => CloseCause::NotUtf8,
        WebSocketError::Io(error) => CloseCause::Lost { detail: error.to_string().into() },
        WebSocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | WebSocketError::ConnectionClosed
        | WebSocketError::AlreadyClosed => CloseCause::Lost { detail: "the gateway hung up".into() },
        error => CloseCause::Violation { detail: error.to_string().into() },
    }
}

/// Says the close that goes with the cause, and gives the gateway a moment to hear it.
pub(crate) async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    cause: &CloseCause,
) {
    let code = match cause {
        CloseCause::ByClient | CloseCause::NotRestored { .. } => Some(WireCode::Normal),
        CloseCause::TooLarge { .. } => Some(WireCode::Size),
        CloseCause::NotUtf8 => Some(WireCode::Invalid),
        CloseCause::Violation { .. } => Some(WireCode::Protocol),
        CloseCause::ByGateway { .. } => None,
        // Nobody is listening.
        CloseCause::Lost { .. }
        | CloseCause::Silent { .. }
        | CloseCause::Stalled { .. }
        | CloseCause::GaveUp { .. }
        | CloseCause::Abandoned => return,
    };
    if timeout(PATIENCE, close(socket, code)).await.is_err() {
        tracing::debug!("the gateway did not answer the close");
    }
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, code: Option<WireCode>) {
    let said = match code {
        Some(code) => socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await,
        // The answer to the gateway's own close is queued already.
        None => socket.flush().await,
    };
    if let Err(error) = said {
        tracing::debug!(%error, "the close was not sent");
    }
    while let Some(Ok(_)) = socket.next().await {}
    // What still arrives is read and dropped: closing a TCP connection with unread input resets it, and the gateway would
    // never see the close frame.
    let stream = socket.get_mut();
    if stream.shutdown().await.is_ok() {
        let mut rest = [0; 4096];
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    }
}
