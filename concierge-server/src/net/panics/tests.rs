//! Panics put into the gateway at every kind of place, over real sockets: none of it is in a program that is released.

use std::net::SocketAddr;
use std::panic::{panic_any, set_hook, take_hook};
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::Panics;
use crate::config::Config;
use crate::net::gateway::Gateway;
use crate::net::server::Server;

/// Where a panic can be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Fault {
    /// While a connection is accepted.
    Accept,
    /// Before a text is read.
    Decode,
    /// With the hub locked, before it decides.
    BeforeTheHub,
    /// With the hub locked, after it has decided and before anybody is told.
    AfterTheHub,
    /// With the hub locked, while a payload is put into outboxes.
    Deliver,
    /// While payloads are written.
    Write,
    /// With the hub locked, before a client leaves it.
    Leave,
    /// Before an HTTP request is looked at.
    Http,
    /// Before a request for files is.
    FileRoute,
    /// On the threads of the disk, before a piece of a file is written.
    Disk,
    /// Before a request of those who run the gateway is looked at.
    Operations,
    /// With the events locked, before they decide about a request.
    Events,
}

const FAULTS: [Fault; 12] = [
    Fault::Accept,
    Fault::Decode,
    Fault::BeforeTheHub,
    Fault::AfterTheHub,
    Fault::Deliver,
    Fault::Write,
    Fault::Leave,
    Fault::Http,
    Fault::FileRoute,
    Fault::Disk,
    Fault::Operations,
    Fault::Events,
];

/// The panic that comes next.
pub(super) type Armed = Arc<Mutex<Option<Fault>>>;

/// What such a panic carries.
struct Injected;

impl Panics {
    /// Has one come next, there.
    pub(in crate::net) fn arm(&self, fault: Fault) {
        keep_quiet();
        *self.armed.lock() = Some(fault);
    }

    /// Panics where it is said to come next, once.
    pub(in crate::net) fn inject(&self, fault: Fault) {
        if self.armed.lock().take_if(|armed| *armed == fault).is_some() {
            panic_any(Injected);
        }
    }
}

/// Panics that were asked for are not told; they come by the hundred.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            if !panic.payload().is::<Injected>() {
                tell(panic);
            }
        }));
    });
}

/// Whatever a test waits for comes within this time, or never.
const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    timeout(PATIENCE, awaited).await.expect("it comes")
}

struct Client {
    socket: WebSocketStream<TcpStream>,
    key: String,
}

impl Client {
    async fn upgrade(address: SocketAddr) -> Option<WebSocketStream<TcpStream>> {
        Self::upgrade_at(address, "ws").await
    }

    async fn upgrade_at(address: SocketAddr, path: &str) -> Option<WebSocketStream<TcpStream>> {
        let stream = TcpStream::connect(address).await.unwrap();
        Some(soon(client_async(format!("ws://{address}/{path}"), stream)).await.ok()?.0)
    }

    /// Joins; none where there is no place.
    async fn try_join(address: SocketAddr, name: &str) -> Option<Self> {
        let mut client = Self { socket: Self::upgrade(address).await?, key: String::new() };
        client.say(&identify(name)).await;
        let hello = client.hear().await.unwrap();
        client.key = hello.split("\"fs_key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Some(client)
    }

    async fn join(address: SocketAddr, name: &str) -> Self {
        Self::try_join(address, name).await.unwrap()
    }

    async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next text, or the code that the gateway closes with.
    async fn hear(&mut self) -> Result<String, u16> {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(Some(close)))) => return Err(close.code.into()),
                Some(Ok(_)) => {}
                other => panic!("the connection ended without a word: {other:?}"),
            }
        }
    }

    async fn ask(&mut self, request: &str) -> Result<String, u16> {
        self.say(request).await;
        loop {
            let text = self.hear().await?;
            if text.starts_with("{\"seq\"") {
                return Ok(text);
            }
        }
    }

    /// Says something that the gateway fails at; before that it may have been answered.
    async fn fails(mut self, request: &str) {
        self.say(request).await;
        let code = loop {
            if let Err(code) = self.hear().await {
                break code;
            }
        };
        assert_eq!(code, 1011, "{request}");
    }
}

fn identify(name: &str) -> String {
    format!(
        r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","features":["fs_key"],"intents":["BROADCASTS"]}}"#
    )
}

/// The status of an answer, and its text.
async fn http(address: SocketAddr, request: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{request}\r\nHost: localhost\r\nConnection: close\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// A gateway, its two addresses, and what ends it.
async fn gateway() -> (Arc<Gateway>, SocketAddr, SocketAddr, oneshot::Sender<()>) {
    let settings = "bind = \"127.0.0.1:0\"\nmetrics.bind = \"127.0.0.1:0\"\nlimits.connections = 20";
    let server = Server::bind(Config::from_toml(settings).unwrap()).await.unwrap();
    let (gateway, address) = (Arc::clone(server.handle().gateway()), server.local_addr().unwrap());
    let operations = server.metrics_addresses()[0].tcp().unwrap();
    let (stop, stopped) = oneshot::channel();
    drop(tokio::spawn(server.run(async { drop(stopped.await) })));
    (gateway, address, operations, stop)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect(what);
}

const TO_ALL: &str = r#"{"type":"MESSAGE","target":{"type":"ALL"},"data":"boo"}"#;
const FETCH: &str = r#"{"type":"SELF_FETCH"}"#;

/// Has the gateway fail once.
async fn provoke(
    fault: Fault,
    round: usize,
    gateway: &Gateway,
    (address, operations): (SocketAddr, SocketAddr),
) {
    let arm = || gateway.panics().arm(fault);
    let name = format!("victim_{fault:?}");
    match fault {
        Fault::Accept => {
            arm();
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The end, or a reset.
            let ended = soon(stream.read(&mut [0; 16])).await;
            assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        }
        Fault::Http => {
            arm();
            assert_eq!(http(address, "GET / HTTP/1.1", "").await.0, 500);
        }
        Fault::Operations => {
            arm();
            assert_eq!(http(operations, "GET /readyz HTTP/1.1", "").await.0, 500);
        }
        Fault::Events => {
            let socket = Client::upgrade_at(address, "telegraphy/ws").await.unwrap();
            let mut victim = Client { socket, key: String::new() };
            victim.say(r#"{"message":"CONNECT","id":0,"args":{"auth_token":""}}"#).await;
            assert!(victim.hear().await.unwrap().contains("CONNECTED"));
            arm();
            victim.say(r#"{"message":"PING","id":1}"#).await;
            assert_eq!(victim.hear().await, Err(4500));
        }
        Fault::AfterTheHub | Fault::BeforeTheHub | Fault::Decode if round.is_multiple_of(2) => {
            // It is not in, or does not know that it is.
            let mut socket = Client::upgrade(address).await.unwrap();
            arm();
            socket.send(Message::text(identify(&name))).await.unwrap();
            Client { socket, key: String::new() }.fails(FETCH).await;
        }
        _ => {
            let mut victim = Client::join(address, &name).await;
            victim.ask(r#"{"type":"SERVICE_CREATE","service":"victims"}"#).await.unwrap();
            let key = victim.key.clone();
            let put = format!("PUT /fs/{name}/file HTTP/1.1\r\nx-fs-key: {key}");
            assert_eq!(http(address, &put, "content").await.0, 201);
            arm();
            match fault {
                Fault::FileRoute | Fault::Disk => {
                    let (status, answer) = http(address, &put, "content").await;
                    assert!(status == 500 && answer.contains("the gateway failed at this"), "{answer}");
                    victim.socket.close(None).await.unwrap();
                }
                Fault::Leave => victim.socket.close(None).await.unwrap(),
                Fault::Write => victim.fails(FETCH).await,
                _ => victim.fails(TO_ALL).await,
            }
        }
    }
}

/// Has the gateway fail so often at each place, and looks whether anybody else notices.
async fn many(rounds: usize) {
    let (gateway, address, operations, _stop) = gateway().await;
    let mut member = Client::join(address, "member").await;
    member.ask(r#"{"type":"SERVICE_CREATE","service":"stays"}"#).await.unwrap();
    let put = format!("PUT /fs/member/file HTTP/1.1\r\nx-fs-key: {}", member.key);
    assert_eq!(http(address, &put, "content").await.0, 201);
    let mut provoked = 0;
    for round in 0..rounds {
        for fault in FAULTS {
            provoke(fault, round, &gateway, (address, operations)).await;
            provoked += 1;
            until("it is counted", || gateway.panics().counter().get() == provoked).await;
            until("the member alone is left", || gateway.drive().counts() == (1, 1)).await;
            assert_eq!(*gateway.panics().armed.lock(), None);
        }
        let served = member.ask(r#"{"type":"SELF_SET_SEQ","seq":1}"#).await;
        assert_eq!(served.unwrap(), r#"{"seq":1,"type":"OK"}"#);
    }
    // Nobody stays as a ghost, and neither do services and files.
    let clients = member.ask(r#"{"type":"CLIENT_FETCH_ALL"}"#).await.unwrap();
    assert_eq!(clients.matches("\"name\"").count(), 1, "{clients}");
    let services = member.ask(r#"{"type":"SERVICE_FETCH_ALL"}"#).await.unwrap();
    assert_eq!(services.matches("\"name\"").count(), 1, "{services}");
    until("files are given back", || {
        let (there, _) = gateway.files().unwrap().counts();
        (there.files, there.bytes, there.uploads) == (1, 7, 0)
    })
    .await;
    // Every place is given back.
    until("connections are given back", || gateway.admission().connections() == 1).await;
    assert_eq!((gateway.drive().waiting(), gateway.fullest_outbox()), (0, 0));
    let mut all = Vec::new();
    for place in 0..19 {
        all.push(Client::join(address, &format!("late_{place}")).await);
    }
    assert!(Client::upgrade(address).await.is_none(), "there are as many places as before");
    let told = http(operations, "GET /metrics HTTP/1.1", "").await.1;
    assert!(told.contains(&format!("concierge_panics_total {provoked}\n")), "{told}");
    println!("{provoked} panics at {} places, and nobody else noticed", FAULTS.len());
}

#[tokio::test]
async fn a_failure_anywhere_ends_what_it_happened_to_and_nobody_else_notices() {
    many(4).await;
}

#[tokio::test]
#[ignore = "takes three seconds: tests/run runs it"]
async fn a_thousand_failures_leave_nothing_behind() {
    many(84).await;
}
