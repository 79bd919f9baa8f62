//! A connection without a protocol: texts out, texts in. For speaking the wire by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode as WireCode},
    },
};

use super::{
    activity::Watched,
    dial::{MAX_MESSAGE, Route},
    farewell::{cause_of_close, cause_of_error},
    patience::Patience,
    stream::Stream,
    url::GatewayUrl,
};
use crate::{
    error::{ConnectError, RawError},
    session::CloseCause,
};

type Socket = WebSocketStream<Watched<Stream>>;

/// A WebSocket to a gateway and nothing more: no `IDENTIFY` is sent, no answer is matched, no ping is sent. Pings of the
/// gateway are answered while something waits in [`receive`](Self::receive).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = server.url();
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::{RawConnection, Received};
/// use std::time::Duration;
///
/// let mut connection = RawConnection::connect(&url.parse()?, Duration::from_secs(10)).await?;
/// connection.send(r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","tags":[]}"#).await?;
/// let Received::Text(hello) = connection.receive().await else { panic!("the first text is HELLO") };
/// assert!(hello.starts_with(r#"{"type":"HELLO""#));
/// connection.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RawConnection {
    sender: RawSender,
    receiver: RawReceiver,
}

/// The half of a [`RawConnection`] that sends.
#[derive(Debug)]
pub struct RawSender {
    sink: SplitSink<Socket, Message>,
    closing: Arc<AtomicBool>,
}

/// The half of a [`RawConnection`] that receives.
#[derive(Debug)]
pub struct RawReceiver {
    stream: SplitStream<Socket>,
    closing: Arc<AtomicBool>,
    ended: Option<CloseCause>,
}

/// What a raw connection receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A text message, as it came.
    Text(String),
    /// A binary message, which means nothing in this protocol.
    Binary(Vec<u8>),
    /// The end. It is told again each time it is asked for.
    Closed(CloseCause),
}

impl RawConnection {
    /// Opens a WebSocket.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], when it takes longer than `within` too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened.
    pub async fn connect(url: &GatewayUrl, within: Duration) -> Result<Self, ConnectError> {
        let patience = Patience::new(within);
        let route = Route::new(url.clone());
        let socket = route.upgrade(route.dial(&patience).await?, &patience).await?;
        let (sink, stream) = socket.split();
        let closing = Arc::new(AtomicBool::new(false));
        Ok(Self {
            sender: RawSender { sink, closing: Arc::clone(&closing) },
            receiver: RawReceiver { stream, closing, ended: None },
        })
    }

    /// Sends a text. See [`RawSender::send`].
    ///
    /// # Errors
    ///
    /// [`RawError`] when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the text may have been sent.
    pub async fn send(&mut self, text: impl Into<String>) -> Result<(), RawError> {
        self.sender.send(text).await
    }

    /// Waits for what comes next.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn receive(&mut self) -> Received {
        self.receiver.receive().await
    }

    /// Closes with 1000. What was on its way can still be received.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the close may have been sent.
    pub async fn close(&mut self) {
        self.sender.close().await;
    }

    /// The two halves, to send and to receive at the same time.
    pub fn split(self) -> (RawSender, RawReceiver) {
        (self.sender, self.receiver)
    }
}

impl RawSender {
    /// Sends a text as one message, whatever it is.
    ///
    /// # Errors
    ///
    /// [`RawError`] when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the text may have been sent.
    pub async fn send(&mut self, text: impl Into<String>) -> Result<(), RawError> {
        let sent = self.sink.send(Message::text(text.into())).await;
        sent.map_err(|error| RawError { cause: cause_of_error(error, MAX_MESSAGE) })
    }

    /// Takes a text as one message, to be sent with those after it: [`flush`](Self::flush) sends it at the latest.
    ///
    /// # Errors
    ///
    /// [`RawError`] when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the text may have been taken.
    pub async fn feed(&mut self, text: impl Into<String>) -> Result<(), RawError> {
        let taken = self.sink.feed(Message::text(text.into())).await;
        taken.map_err(|error| RawError { cause: cause_of_error(error, MAX_MESSAGE) })
    }

    /// Sends what was taken.
    ///
    /// # Errors
    ///
    /// [`RawError`] when the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not sent yet still is to be.
    pub async fn flush(&mut self) -> Result<(), RawError> {
        self.sink.flush().await.map_err(|error| RawError { cause: cause_of_error(error, MAX_MESSAGE) })
    }

    /// Closes with 1000. What was on its way can still be received.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the close may have been sent.
    pub async fn close(&mut self) {
        if !self.closing.swap(true, Ordering::Relaxed) {
            let frame = CloseFrame { code: WireCode::Normal, reason: "".into() };
            if let Err(error) = self.sink.send(Message::Close(Some(frame))).await {
                tracing::debug!(%error, "the close was not sent");
            }
        }
    }
}

impl RawReceiver {
    /// Waits for what comes next.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn receive(&mut self) -> Received {
        loop {
            if let Some(cause) = &self.ended {
                return Received::Closed(cause.clone());
            }
            let cause = match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Received::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Received::Binary(bytes.to_vec()),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    let cause = cause_of_close(frame);
                    // Reading on is what sends the answer to it.
                    while let Some(Ok(_)) = self.stream.next().await {}
                    cause
                }
                Some(Err(error)) => cause_of_error(error, MAX_MESSAGE),
                None => CloseCause::Lost { detail: "the gateway hung up".into() },
            };
            let own = self.closing.load(Ordering::Relaxed);
            self.ended = Some(if own { CloseCause::ByClient } else { cause });
        }
    }
}
