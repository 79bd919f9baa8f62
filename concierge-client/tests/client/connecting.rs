//! The way in, and everything that can stand in it.

use std::time::Duration;

use concierge_client::{
    BuildError, Client, ConnectError, Stage,
    payload::{CloseCode, Features, Intent, Intents},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpListener,
    time::Instant,
};

use crate::gateway::{Gateway, PIPE, UUID, builder, connected};

/// What comes of connecting to something that behaves like this.
async fn refusal<F: Future<Output = ()>>(behaves: impl FnOnce(DuplexStream) -> F) -> ConnectError {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (connected, ()) = tokio::join!(builder().connect_over(ours), behaves(theirs));
    connected.map(|_| ()).expect_err("nobody lets it in")
}

/// What comes of connecting to something that answers the request for a WebSocket with this.
async fn answer(bytes: &'static [u8]) -> ConnectError {
    refusal(async |mut stream| {
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(bytes).await.unwrap();
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_client_says_who_it_is_and_asks_for_what_it_uses() {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let builder = builder().nickname("Al").tags(["x", "y"]).secret("open sesame");
    let gateway = async {
        let mut gateway = Gateway::accept(theirs).await;
        assert_eq!(
            gateway.receive().await,
            json!({
                "type": "IDENTIFY", "name": "alice", "nickname": "Al", "version": "0.2.0", "secret": "open sesame",
                "tags": ["x", "y"], "features": ["compact", "fs_key"],
            })
        );
        gateway.send(&json!({"type": "HELLO", "uuid": UUID, "version": "0.2.0"})).await;
        gateway
    };
    let (connected, _gateway) = tokio::join!(builder.connect_over(ours), gateway);
    let (client, _events) = connected.unwrap();
    assert_eq!(client.session().name, "alice");
    assert_eq!(client.uuid().to_string(), UUID);
    // An original gateway grants nothing and tells everything.
    assert_eq!(client.session().features(), Features::NONE);
    assert_eq!(client.session().intents(), Intents::ALL);
}

#[tokio::test(start_paused = true)]
async fn intents_are_asked_for_only_when_they_are_given() {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let builder = builder().intents(Intents::NONE.with(Intent::Presence));
    let gateway = async {
        let mut gateway = Gateway::accept(theirs).await;
        assert_eq!(gateway.receive().await["intents"], json!(["PRESENCE"]));
        gateway.send(&json!({"type": "HELLO", "uuid": UUID, "version": "0.2.0"})).await;
        gateway
    };
    let (connected, _gateway) = tokio::join!(builder.connect_over(ours), gateway);
    assert!(connected.is_ok());
}

#[tokio::test]
async fn what_is_not_valid_is_told_before_anything_is_tried() {
    for (url, name) in [("http://x/ws", "alice"), ("", "alice"), ("ws://x/ws", "a b")] {
        assert!(Client::builder(url, name).is_err(), "{url} {name}");
    }
    let error = builder().nickname("x".repeat(200)).tags(["y".repeat(100)]).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Build(BuildError::Name(_))));
    assert_eq!(error.to_string(), "a nickname has at most 128 characters, this has 200");
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Client::builder(format!("ws://{free}/ws"), "alice").unwrap().connect().await.unwrap_err();
    assert!(matches!(&error, ConnectError::Unreachable { address, .. } if *address == free), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot connect to {free}"));
    assert!(error.is_temporary());
    assert!(error.hint().unwrap().contains("64209"));
}

#[tokio::test(start_paused = true)]
async fn a_web_server_answers() {
    let error = answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(error, ConnectError::Http { status: 404, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("/ws"));
    let error = answer(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    assert!(error.is_temporary());
}

#[tokio::test(start_paused = true)]
async fn something_that_speaks_no_http_answers() {
    for garbage in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\0\x01\x02\x03\r\n\r\n", b"220 mail ESMTP\r\n"] {
        let error = answer(garbage).await;
        assert!(matches!(error, ConnectError::NotWebSocket { .. }), "{error:?}");
        assert_eq!(error.to_string(), "what answers there opens no WebSocket: it does not speak HTTP/1.1");
        assert!(!error.is_temporary());
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_to_something_else_is_none() {
    let error =
        answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n").await;
    assert!(matches!(error, ConnectError::NotWebSocket { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_websocket_server_that_is_no_gateway_answers() {
    let error = refusal(async |stream| {
        tokio_tungstenite::accept_async(stream).await.map(drop).ok();
    })
    .await;
    assert!(matches!(error, ConnectError::NotConcierge { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_up() {
    let error = refusal(async |stream| drop(stream)).await;
    assert!(matches!(error, ConnectError::HungUp { stage: Stage::Upgrade, .. }), "{error:?}");
    let error = refusal(async |stream| drop(Gateway::accept(stream).await)).await;
    assert!(matches!(error, ConnectError::HungUp { stage: Stage::Identify, .. }), "{error:?}");
    assert!(error.is_temporary());
}

#[tokio::test(start_paused = true)]
async fn a_first_message_that_is_not_hello() {
    for text in ["garbage", r#"{"seq":0,"type":"OK"}"#, "{}"] {
        let error = refusal(async |stream| {
            let mut gateway = Gateway::accept(stream).await;
            gateway.receive().await;
            gateway.send_text(text).await;
            gateway.next().await;
        })
        .await;
        assert!(matches!(error, ConnectError::NotHello(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_gateway_refuses_at_the_door() {
    for (code, temporary) in [
        (4002, false),
        (4004, true),
        (4005, false),
        (4006, false),
        (4007, false),
        (4008, false),
        (1013, true),
    ] {
        let start = Instant::now();
        let error = refusal(async |stream| {
            let mut gateway = Gateway::accept(stream).await;
            gateway.receive().await;
            gateway.close(code, "because").await;
            gateway.next().await;
        })
        .await;
        assert_eq!(error.is_temporary(), temporary, "{code}");
        let ConnectError::Refused { code: told, reason } = error else { panic!("{error:?}") };
        assert_eq!((told, reason.as_str()), (CloseCode::from(code), "because"));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_10_s() {
    for stage in [Stage::Upgrade, Stage::Identify] {
        let start = Instant::now();
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let silent = tokio::spawn(async move {
            let kept = match stage {
                Stage::Identify => (Some(Gateway::accept(theirs).await), None),
                _ => (None, Some(theirs)),
            };
            std::future::pending::<()>().await;
            drop(kept);
        });
        let error = builder().connect_over(ours).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, ConnectError::Timeout { stage: told, .. } if told == stage), "{error:?}");
        assert_eq!(start.elapsed().as_secs(), 10);
        silent.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_time_without_end_is_one() {
    let forever = Duration::MAX;
    let builder = builder()
        .connect_timeout(forever)
        .call_timeout(forever)
        .keep_alive(forever, forever)
        .write_timeout(forever);
    let (client, _events, mut gateway) = crate::gateway::connect(builder, PIPE).await.unwrap();
    let sent = tokio::spawn(client.to("bob").json(&1).timeout(forever).into_future());
    gateway.receive().await;
    gateway.answer(0, "OK").await;
    sent.await.unwrap().unwrap();
    let reading = tokio::spawn(async move { gateway.next().await });
    assert_eq!(client.drain(forever).await, Ok(()));
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_shows_a_secret() {
    let shown = format!("{:?}", builder().secret("open sesame"));
    assert!(shown.contains("<redacted>") && !shown.contains("sesame"), "{shown}");
    let (client, ..) = connected().await;
    assert!(!format!("{client:?}").contains("sesame"));
}
