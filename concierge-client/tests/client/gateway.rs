//! A gateway of one connection that does what a test says, over a pipe in memory.

use concierge_client::{Client, ClientBuilder, ConnectError, Events};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Error, Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
        protocol::CloseFrame,
    },
};

pub(crate) const UUID: &str = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";

/// The other end of a client's connection.
pub(crate) struct Gateway<S = DuplexStream> {
    pub(crate) socket: WebSocketStream<S>,
    texts: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gateway<S> {
    /// Opens the WebSocket, and says nothing yet.
    pub(crate) async fn accept(stream: S) -> Self {
        #[expect(clippy::result_large_err, reason = "the signature is given")]
        let echo = |request: &Request, mut response: Response| {
            assert_eq!(request.headers().get("Sec-WebSocket-Protocol").unwrap(), "ert-concierge");
            let protocol = HeaderValue::from_static("ert-concierge");
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        Self {
            socket: accept_hdr_async(stream, echo).await.expect("a client asks for a WebSocket"),
            texts: 0,
        }
    }

    /// Opens the WebSocket and lets the client in, as an original gateway does: granting nothing.
    pub(crate) async fn welcome(stream: S) -> Self {
        Self::welcome_with(stream, &json!({"type": "HELLO", "uuid": UUID, "version": "0.2.0"})).await
    }

    pub(crate) async fn welcome_with(stream: S, hello: &Value) -> Self {
        let mut gateway = Self::accept(stream).await;
        assert_eq!(gateway.receive().await.get("type"), Some(&json!("IDENTIFY")));
        gateway.send(hello).await;
        gateway
    }

    /// The next text of the client, as JSON.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => {
                self.texts += 1;
                serde_json::from_str(&text).expect("a client sends JSON")
            }
            other => panic!("expected a text, found {other:?}"),
        }
    }

    /// The next message but pings and pongs; none when the client is gone.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return Some(message),
                Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_)) => return None,
                Err(error) => panic!("the client broke the protocol: {error}"),
            }
        }
    }

    pub(crate) async fn send(&mut self, payload: &Value) {
        self.send_text(payload.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.expect("the client reads");
    }

    pub(crate) async fn answer(&mut self, seq: u64, kind: &str) {
        self.send(&json!({"seq": seq, "type": kind})).await;
    }

    /// Answers the request that was received last. `IDENTIFY` was the first text, and is not counted.
    pub(crate) async fn answer_last(&mut self, kind: &str) {
        self.answer(self.texts - 2, kind).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.socket.send(Message::Close(Some(frame))).await.expect("the client reads");
    }
}

pub(crate) fn builder() -> ClientBuilder {
    Client::builder("ws://gateway/ws", "alice").expect("both are valid")
}

/// How much either side can write before the other reads, in bytes.
pub(crate) const PIPE: usize = 64 * 1024;

/// A client and its gateway.
pub(crate) async fn connected() -> (Client, Events, Gateway) {
    connect(builder(), PIPE).await.expect("the gateway lets it in")
}

pub(crate) async fn connect(
    builder: ClientBuilder,
    pipe: usize,
) -> Result<(Client, Events, Gateway), ConnectError> {
    let (ours, theirs) = tokio::io::duplex(pipe);
    let (connected, gateway) = tokio::join!(builder.connect_over(ours), Gateway::welcome(theirs));
    connected.map(|(client, events)| (client, events, gateway))
}

/// `CLIENT_JOINED` of a client of this name.
pub(crate) fn joined(name: &str) -> Value {
    json!({"type": "CLIENT_JOINED", "client": {"name": name, "nickname": null, "uuid": UUID, "tags": []}})
}
