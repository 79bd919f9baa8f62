//! One connection of a scripted gateway.

use std::{collections::VecDeque, fmt, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::CloseFrame,
    },
};
use uuid::Uuid;

use crate::{
    builder::ClientBuilder, client::Client, error::ConnectError, events::Events, payload::PROTOCOL_VERSION,
};

/// How much either side can write before the other reads, in bytes.
pub(super) const PIPE: usize = 64 * 1024;

/// Any stream of bytes that a client may be at the other end of.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Line for S {}

/// The gateway's end of one connection: the test says what it expects and what it answers.
///
/// It counts the client's texts as a gateway does, so [`answer`](Self::answer) answers the request that came last. Nothing
/// happens between two steps: while no step is awaited, nothing is read and no ping is answered. A step that finds
/// something else than it expects panics and says what it found.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use concierge_client::{CallError, Client, Rejection, testing::ScriptedGateway};
/// use serde_json::json;
///
/// let alice = Client::builder("ws://gateway/ws", "alice")?;
/// let (client, mut events, mut gateway) = ScriptedGateway::connect(alice).await?;
///
/// let script = async {
///     gateway.expect(&json!({"type": "MESSAGE", "target": {"type": "NAME", "name": "bob"}, "data": "hi"})).await;
///     gateway.send_text("garbage").await;
///     gateway.answer(&json!({"type": "INVALID_NAME", "name": "bob"})).await;
/// };
/// let (sent, ()) = tokio::join!(client.to("bob").json("hi").into_future(), script);
/// assert!(matches!(sent, Err(CallError::Rejected(Rejection::UnknownName { .. }))));
///
/// gateway.deliver("bob", &json!("late, but here")).await;
/// gateway.close(4013, "out you go").await;
/// while events.next().await.is_some() {}
/// # Ok(())
/// # }
/// ```
pub struct ScriptedGateway {
    socket: WebSocketStream<Box<dyn Line>>,
    /// What came in while a step waited for something else.
    queued: VecDeque<Message>,
    uuid: Uuid,
    client_name: Option<String>,
    next_seq: u64,
    last_seq: Option<u64>,
}

impl ScriptedGateway {
    /// A client, its events, and the gateway that has let it in, over a pipe in memory. The gateway grants nothing, as an
    /// original one.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the client does not find the gateway's answers good.
    ///
    /// # Panics
    ///
    /// When the client does something else than to identify.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes both ends.
    pub async fn connect(builder: ClientBuilder) -> Result<(Client, Events, Self), ConnectError> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let welcomed = async {
            let mut gateway = Self::accept(theirs).await;
            gateway.welcome().await;
            gateway
        };
        let (connected, gateway) = tokio::join!(builder.connect_over(ours), welcomed);
        connected.map(|(client, events)| (client, events, gateway))
    }

    /// Opens the WebSocket on a client's stream, and says nothing yet.
    ///
    /// # Panics
    ///
    /// When the client does not ask for a WebSocket.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn accept<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        #[expect(clippy::result_large_err, reason = "the signature is given")]
        let echo = |request: &Request, mut response: Response| {
            let offered =
                request.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok());
            let first = offered.and_then(|offered| offered.split(',').next());
            if let Some(Ok(spoken)) = first.map(|first| HeaderValue::from_str(first.trim())) {
                response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, spoken);
            }
            Ok(response)
        };
        let line: Box<dyn Line> = Box::new(stream);
        let opened = accept_hdr_async(line, echo).await;
        let socket = opened.unwrap_or_else(|error| panic!("the client asked for no WebSocket: {error}"));
        Self {
            socket,
            queued: VecDeque::new(),
            uuid: Uuid::new_v4(),
            client_name: None,
            next_seq: 0,
            last_seq: None,
        }
    }

    /// The id that the client was, or will be, welcomed with: another one for each connection.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Expects `IDENTIFY`, and lets the client in as an original gateway does: granting nothing.
    ///
    /// # Panics
    ///
    /// When something else comes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the client may have been let in.
    pub async fn welcome(&mut self) {
        let hello = json!({"type": "HELLO", "uuid": self.uuid, "version": PROTOCOL_VERSION});
        self.welcome_with(&hello).await;
    }

    /// Expects `IDENTIFY`, and answers this.
    ///
    /// # Panics
    ///
    /// When something else comes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the client may have been let in.
    pub async fn welcome_with(&mut self, hello: &Value) -> Value {
        let identify = self.receive().await;
        assert_eq!(kind(&identify), "IDENTIFY", "expected IDENTIFY, found {identify}");
        self.client_name = identify.get("name").and_then(Value::as_str).map(str::to_owned);
        if let Some(uuid) = hello.get("uuid").and_then(|uuid| serde_json::from_value(uuid.clone()).ok()) {
            self.uuid = uuid;
        }
        // `IDENTIFY` is not counted.
        (self.next_seq, self.last_seq) = (0, None);
        self.send(hello).await;
        identify
    }

    /// The client's next payload.
    ///
    /// # Panics
    ///
    /// When it sends something else than JSON, closes, or is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn receive(&mut self) -> Value {
        let text = match self.next().await {
            Some(Message::Text(text)) => text,
            Some(other) => panic!("expected a payload, found {other:?}"),
            None => panic!("expected a payload, but the client is gone"),
        };
        let payload: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("expected JSON, found {:?}: {error}", text.as_str()));
        let sets = payload.get("seq").and_then(Value::as_u64).filter(|_| kind(&payload) == "SELF_SET_SEQ");
        let seq = sets.unwrap_or(self.next_seq);
        self.last_seq = Some(seq);
        self.next_seq = seq + 1;
        payload
    }

    /// Expects exactly this payload next; the order of fields does not matter.
    ///
    /// # Panics
    ///
    /// When something else comes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn expect(&mut self, payload: &Value) {
        let found = self.receive().await;
        assert_eq!(&found, payload, "expected {payload}, found {found}");
    }

    /// Expects a payload of this `type` next, and gives it.
    ///
    /// # Panics
    ///
    /// When something else comes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
    pub async fn expect_kind(&mut self, expected: &str) -> Value {
        let found = self.receive().await;
        assert_eq!(kind(&found), expected, "expected {expected}, found {found}");
        found
    }

    /// Expects the client to close, and gives its close code; none when it hung up without one.
    ///
    /// # Panics
    ///
    /// When something else comes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the close may have been read.
    pub async fn expect_close(&mut self) -> Option<u16> {
        match self.next().await {
            Some(Message::Close(frame)) => {
                self.finish().await;
                frame.map(|frame| frame.code.into())
            }
            Some(other) => panic!("expected a close, found {other:?}"),
            None => None,
        }
    }

    /// Answers the request that was received last: `seq` is added.
    ///
    /// # Panics
    ///
    /// When nothing was received that could be answered, or the client is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the answer may have been sent.
    pub async fn answer(&mut self, reply: &Value) {
        let seq = self.last_seq.expect("a request was received before it is answered");
        self.answer_to(seq, reply).await;
    }

    /// Answers any request, now or long ago, once or twice: this `seq` is added.
    ///
    /// # Panics
    ///
    /// When the reply is no JSON object, or the client is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the answer may have been sent.
    pub async fn answer_to(&mut self, seq: u64, reply: &Value) {
        let mut reply = reply.clone();
        let fields = reply.as_object_mut().expect("a reply is a JSON object");
        fields.insert("seq".to_owned(), seq.into());
        self.send(&reply).await;
    }

    /// The number of the request that was received last; none before the first.
    pub fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// Sends a payload as it is.
    ///
    /// # Panics
    ///
    /// When the client is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the payload may have been sent.
    pub async fn send(&mut self, payload: &Value) {
        self.send_text(payload.to_string()).await;
    }

    /// Sends a `MESSAGE` to the client, from one of this name with an id of its own.
    ///
    /// # Panics
    ///
    /// When the client has not identified, or is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the message may have been sent.
    pub async fn deliver(&mut self, from: &str, data: &Value) {
        let name = self.client_name.as_deref().expect("the client has identified");
        let message = json!({
            "type": "MESSAGE",
            "origin": {"name": from, "nickname": null, "uuid": Uuid::new_v4(), "tags": [], "service": null},
            "target": {"type": "NAME", "name": name},
            "data": data,
        });
        self.send(&message).await;
    }

    /// Sends any text, garbage too.
    ///
    /// # Panics
    ///
    /// When the client is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the text may have been sent.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.transmit(Message::text(text.into())).await;
    }

    /// Sends a binary message, which means nothing in this protocol.
    ///
    /// # Panics
    ///
    /// When the client is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the message may have been sent.
    pub async fn send_binary(&mut self, bytes: impl Into<Vec<u8>>) {
        self.transmit(Message::binary(bytes.into())).await;
    }

    /// Does nothing for this long but answer pings. What the client sends meanwhile is for the next step.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn delay(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while let Ok(Some(message)) = tokio::time::timeout_at(until, self.read()).await {
            self.queued.push_back(message);
        }
        tokio::time::sleep_until(until).await;
    }

    /// Goes silent: reads nothing, answers nothing, not even a ping, and keeps the connection open until the future is
    /// dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn silence(&mut self) {
        std::future::pending::<()>().await;
    }

    /// Closes with a code and a reason of at most 123 bytes, and waits for the client's close.
    ///
    /// # Panics
    ///
    /// When the client is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the close may have been sent.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.transmit(Message::Close(Some(frame))).await;
        self.finish().await;
    }

    /// Hangs up without a word.
    pub fn hang_up(self) {
        drop(self);
    }

    async fn transmit(&mut self, message: Message) {
        let sent = self.socket.send(message).await;
        sent.unwrap_or_else(|error| panic!("the client is gone: {error}"));
    }

    /// Brings the closing handshake to its end, and hangs up as a server does (RFC 6455, section 7.1.1).
    async fn finish(&mut self) {
        while self.read().await.is_some() {}
        // A client that was faster has hung up itself.
        self.socket.get_mut().shutdown().await.ok();
    }

    /// The client's next message that is no ping and no pong; none when it is gone.
    async fn next(&mut self) -> Option<Message> {
        match self.queued.pop_front() {
            Some(message) => Some(message),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Option<Message> {
        loop {
            match self.socket.next().await?.ok()? {
                // Reading on is what answers a ping.
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Some(message),
            }
        }
    }
}

/// The `type` of a payload; empty when it has none.
fn kind(payload: &Value) -> &str {
    payload.get("type").and_then(Value::as_str).unwrap_or_default()
}

impl fmt::Debug for ScriptedGateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ScriptedGateway")
            .field("uuid", &self.uuid)
            .field("client_name", &self.client_name)
            .field("last_seq", &self.last_seq)
            .finish_non_exhaustive()
    }
}
