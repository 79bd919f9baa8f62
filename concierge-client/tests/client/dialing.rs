//! What a client is told about its way in: the headers it adds, the secret it asks for, how long a server wants to be left
//! alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use concierge_client::{BuildError, ConnectError, HeaderError, Secret, Stage};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};

use crate::gateway::{Gateway, PIPE, UUID, builder};

/// What a gateway is sent to open a WebSocket, as text.
async fn request(builder: concierge_client::ClientBuilder) -> String {
    let (ours, mut theirs) = tokio::io::duplex(PIPE);
    let answering = async {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(theirs.read_u8().await.unwrap());
        }
        drop(theirs);
        String::from_utf8(request).unwrap()
    };
    let (connected, request) = tokio::join!(builder.connect_over(ours), answering);
    assert!(connected.is_err());
    request
}

#[tokio::test(start_paused = true)]
async fn headers_go_out_with_the_request_for_a_websocket() {
    let builder = builder()
        .header("Authorization", "Bearer sesame")
        .header("Cookie", "a=1")
        .header("cookie", "b=2")
        .header("User-Agent", "our bot/1.0");
    assert!(!format!("{builder:?}").contains("sesame"), "{builder:?}");
    let request = request(builder).await.to_lowercase();
    let of = |name: &str| {
        request.lines().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect::<Vec<_>>()
    };
    assert_eq!(of("authorization"), ["bearer sesame"]);
    assert_eq!(of("cookie"), ["a=1", "b=2"]);
    assert_eq!(of("user-agent"), ["our bot/1.0"]);
    assert_eq!(of("host"), ["gateway"]);
    assert_eq!(of("sec-websocket-protocol"), ["ert-concierge"]);
}

#[tokio::test(start_paused = true)]
async fn a_header_that_cannot_be_sent_is_told_before_anything_is_tried() {
    for (name, value, expected) in [
        ("Sec-WebSocket-Protocol", "other", HeaderError::Handshake),
        ("a b", "x", HeaderError::Name),
        ("X-Token", "sesame\r\nHost: evil", HeaderError::Value),
    ] {
        let error = builder().header(name, value).connect().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sesame"));
        let ConnectError::Build(BuildError::Header { reason, .. }) = error else { panic!("{error:?}") };
        assert_eq!(reason, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_provider_is_asked_at_each_attempt_also_after_a_loss() {
    let asked = Arc::new(AtomicUsize::new(0));
    let builder = builder().secret_provider(move || {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok::<_, std::io::Error>(format!("sesame {number}"))
        }
    });
    assert!(!format!("{builder:?}").contains("sesame"));
    let (opened, mut streams) = mpsc::unbounded_channel();
    let builder = builder.connect_through(move || {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        opened.send(theirs).unwrap();
        async { Ok(ours) }
    });
    let gateway = tokio::spawn(async move {
        let mut secrets = Vec::new();
        while secrets.len() < 3 {
            let mut gateway = Gateway::accept(streams.recv().await.unwrap()).await;
            secrets.push(gateway.receive().await["secret"].clone());
            gateway.send(&json!({"type": "HELLO", "uuid": UUID, "version": "0.2.0"})).await;
            // The connection breaks: the next one is the client's own affair.
        }
        secrets
    });
    let client = builder.connect().await.unwrap();
    assert_eq!(gateway.await.unwrap(), [json!("sesame 0"), json!("sesame 1"), json!("sesame 2")]);
    assert!(!format!("{client:?}").contains("sesame"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_provider_that_fails_or_hangs_is_told_apart_from_a_gateway_that_does() {
    let failing = builder().secret_provider(async || Err::<Secret, _>("the vault is sealed"));
    let error = failing.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Secret { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the secret provider failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the vault is sealed");
    assert!(error.is_temporary());

    let start = Instant::now();
    let hanging = builder().secret_provider(std::future::pending::<Result<Secret, std::io::Error>>);
    let error = hanging.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { stage: Stage::Secret, .. }), "{error:?}");
    assert_eq!(error.to_string(), "the secret provider did not answer within 10 s");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_to_be_left_alone_says_for_how_long() {
    for (status, value, expected) in [
        ("503 Service Unavailable", "Retry-After: 7\r\n", Some(7)),
        ("429 Too Many Requests", "retry-after: 0\r\n", Some(0)),
        ("503 Service Unavailable", "Retry-After: soon\r\n", None),
        ("503 Service Unavailable", "", None),
    ] {
        let (ours, mut theirs) = tokio::io::duplex(PIPE);
        let answering = async {
            let mut request = [0; 4096];
            assert!(theirs.read(&mut request).await.unwrap() > 0);
            let answer = format!("HTTP/1.1 {status}\r\n{value}Content-Length: 0\r\n\r\n");
            theirs.write_all(answer.as_bytes()).await.unwrap();
        };
        let (connected, ()) = tokio::join!(builder().connect_over(ours), answering);
        let error = connected.map(drop).unwrap_err();
        assert!(error.is_temporary());
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), expected, "{status} {value:?}");
    }
}
