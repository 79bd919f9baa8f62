//! The handshake of the protocol: `IDENTIFY` out, `HELLO` in.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as WebSocketError, Message, error::ProtocolError, protocol::CloseFrame},
};

use super::farewell::{cause_of_close, farewell};
use crate::{
    error::{ConnectError, Stage},
    payload::{CloseCode, Hello, SUBPROTOCOL},
    session::{Connection, Heard, NotHello, Waiting},
};

/// Says who this client is and waits for the gateway's answer.
pub(crate) async fn identify<S, T>(
    socket: &mut WebSocketStream<S>,
    connection: &mut Connection<T>,
) -> Result<Hello, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Waiting,
{
    while let Some(text) = connection.poll_transmit() {
        // An error here may hide a close frame that says more: what is read next decides.
        if let Err(error) = socket.send(Message::text(text)).await {
            tracing::debug!(%error, "IDENTIFY was not written");
        }
    }
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => match connection.handle_text(&text) {
                Heard::Hello(hello) => return Ok(hello),
                Heard::NotHello(error) => return Err(error.into()),
                _ => return Err(NotHello::Other.into()),
            },
            Some(Ok(Message::Close(frame))) => {
                farewell(socket, &cause_of_close(frame.clone())).await;
                return Err(refused(frame));
            }
            Some(Ok(Message::Binary(_))) => return Err(NotHello::Other.into()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(WebSocketError::Io(source))) => return Err(hung_up(Some(source))),
            Some(Err(WebSocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake))) | None => {
                return Err(hung_up(None));
            }
            Some(Err(error)) => {
                return Err(ConnectError::NotConcierge { protocol: SUBPROTOCOL, detail: error.to_string() });
            }
        }
    }
}

fn hung_up(source: Option<std::io::Error>) -> ConnectError {
    ConnectError::HungUp { stage: Stage::Identify, source }
}

fn refused(frame: Option<CloseFrame>) -> ConnectError {
    match frame {
        Some(frame) => ConnectError::Refused {
            code: CloseCode::from(u16::from(frame.code)),
            reason: frame.reason.as_str().to_owned(),
        },
        None => hung_up(None),
    }
}
