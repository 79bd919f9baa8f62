//! What is secret is in no log, however much that is asked to write.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use concierge_client::{Client, ConnectError};
use rustix::process::Signal;
use support::gateway::{Gateway, GatewayProcess};
use support::proxy::Proxy;
use support::tls::{Authority, Validity, front};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Logs everything that this thread says, for as long as the guard is there.
fn begin_log() -> (Log, DefaultGuard) {
    // With one subscriber alone, a thread of another test that comes to a place first, without any, would have it silent for good.
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone());
    (log, subscriber.finish().set_default())
}

#[tokio::test]
async fn a_password_a_header_and_a_secret_are_in_no_log() {
    let (log, _logging) = begin_log();

    let gateway = Gateway::configured("secret = \"gateway-sesame\"").unwrap();
    let authority = Authority::new("ours");
    let secured = front(authority.sign(&["localhost"], Validity::Now), gateway.address()).await;
    let http = Proxy::http(secured, Some(("al", "proxy-sesame"))).await.address();
    let socks = Proxy::socks(secured, Some(("al", "proxy-sesame"))).await.address();
    for (scheme, proxy) in [("http", http), ("socks5h", socks)] {
        let builder = Client::builder("wss://localhost/ws", "alice").unwrap();
        let builder = builder
            .root_certificate(authority.pem())
            .proxy(format!("{scheme}://al:proxy-sesame@{proxy}"))
            .header("Authorization", "Bearer header-sesame");
        let known = builder.clone().secret_provider(async || Ok::<_, io::Error>("gateway-sesame"));
        known.connect().await.unwrap().close().await;
        let refused = builder.secret("wrong-sesame").connect().await.unwrap_err();
        assert!(matches!(refused, ConnectError::Refused { .. }), "{refused:?}");
        assert!(!format!("{refused} {refused:?}").contains("sesame"), "{refused:?}");
    }

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("connecting through a proxy"), "the log is that of a connection:\n{log}");
    assert!(!log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn a_key_of_files_is_in_no_log_of_either_side() {
    let (log, _logging) = begin_log();

    let mut gateway = GatewayProcess::start(&["--log", "trace"]).unwrap();
    let alice = Client::builder(gateway.url(), "alice").unwrap().connect().await.unwrap();
    let key = alice.session().hello.fs_key.unwrap();
    alice.files().put("file", "content").await.unwrap();
    assert_eq!(alice.files().get("alice", "file").bytes(7).await.unwrap(), "content");
    let refused = alice.files().get("alice", "nothing").bytes(7).await.unwrap_err();
    let refusal = format!("{refused} {refused:?}");
    alice.close().await;
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();

    let ours = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let theirs = gateway.program.stderr();
    assert!(ours.contains("connected") && theirs.contains("refused a request for files"), "{ours}{theirs}");
    for shown in [key.to_string(), key.simple().to_string()] {
        assert!(!ours.contains(&shown) && !theirs.contains(&shown) && !refusal.contains(&shown));
    }
}
