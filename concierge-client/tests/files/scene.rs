//! A client, and a file store that does what a test says, over pipes in memory.

use std::time::Duration;

use concierge_client::{Client, Events, files::Files, testing::ScriptedGateway};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

pub(crate) const UUID: &str = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";

pub(crate) const KEY: &str = "7d2f8f0a-6f0e-4a53-9a3c-0b8f6f9f3c11";

/// How much fits into a pipe.
const PIPE: usize = 64 * 1024;

/// A client that is connected, and the far ends of what it opens for files.
pub(crate) struct Scene {
    pub(crate) client: Client,
    _events: Events,
    _gateway: ScriptedGateway,
    streams: UnboundedReceiver<DuplexStream>,
}

impl Scene {
    /// Alice, whom the gateway told a secret key.
    pub(crate) async fn new() -> Self {
        Self::with(&json!({"type": "HELLO", "uuid": UUID, "version": "0.2.0", "features": ["fs_key"], "intents": [], "fs_key": KEY}))
            .await
    }

    /// Alice, and what the gateway says to her.
    pub(crate) async fn with(hello: &Value) -> Self {
        let (opened, mut streams) = unbounded_channel();
        let builder = Client::builder("ws://gateway/ws", "alice").unwrap().no_reconnect();
        let builder = builder
            .keep_alive(Duration::from_hours(1), Duration::from_hours(2))
            .header("Authorization", "Bearer sesame")
            .connect_through(move || {
                let (ours, theirs) = tokio::io::duplex(PIPE);
                opened.send(theirs).unwrap();
                async { Ok(ours) }
            });
        let welcomed = async {
            let mut gateway = ScriptedGateway::accept(streams.recv().await.unwrap()).await;
            gateway.welcome_with(hello).await;
            gateway
        };
        let (connected, gateway) = tokio::join!(builder.connect_with_events(), welcomed);
        let (client, events) = connected.unwrap();
        Self { client, _events: events, _gateway: gateway, streams }
    }

    pub(crate) fn files(&self) -> Files {
        self.client.files()
    }

    /// The next request to the store, of which only the head is read.
    pub(crate) async fn asked(&mut self) -> Asked {
        let mut stream = self.streams.recv().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        Asked { head: String::from_utf8(head).unwrap(), stream }
    }

    /// All that the client sends on a connection before it hangs up, of which it is told nothing.
    pub(crate) async fn sent(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        self.streams.recv().await.unwrap().read_to_end(&mut sent).await.unwrap();
        sent
    }

    /// Whether the client has opened nothing since.
    pub(crate) fn is_left_alone(&mut self) -> bool {
        self.streams.try_recv().is_err()
    }
}

/// A request to the store.
pub(crate) struct Asked {
    head: String,
    stream: DuplexStream,
}

impl Asked {
    /// Its method and its target.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The next bytes of its body.
    pub(crate) async fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        body
    }

    /// All that still comes until the client hangs up.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        rest
    }

    /// Answers with a head and some bytes behind it, and leaves the connection open.
    pub(crate) async fn answer(mut self, status: &str, headers: &[&str], body: &[u8]) -> Self {
        let mut text = format!("HTTP/1.1 {status}\r\n");
        for header in headers {
            text += header;
            text += "\r\n";
        }
        self.send((text + "\r\n").as_bytes()).await;
        self.send(body).await;
        self
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes).await, "the client has hung up");
    }

    /// Sends bytes as they are, if the client still reads.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }
}
