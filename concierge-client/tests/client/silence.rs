//! Peers that fall silent, and lines that are slow: both are told apart.

use std::time::Duration;

use concierge_client::{CloseCause, Event};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};
use tokio_tungstenite::tungstenite::Message;

use crate::gateway::{UUID, builder, connect, connected, joined};

#[tokio::test(start_paused = true)]
async fn a_silent_gateway_is_pinged_and_dead_after_15_s() {
    let (client, _events, mut gateway) = connected().await;
    let start = Instant::now();
    // It does not read, so it answers no ping.
    let cause = client.closed().await;
    assert!(matches!(cause, CloseCause::Silent { .. }), "{cause:?}");
    assert_eq!(start.elapsed().as_secs(), 15);
    // Below the socket, which would try to answer. A ping of 8 bytes from a client is a frame of 14.
    let mut written = Vec::new();
    gateway.socket.get_mut().read_to_end(&mut written).await.unwrap();
    let pings: Vec<_> = written.chunks(14).map(|frame| frame[0]).collect();
    assert_eq!(pings, [0x89, 0x89]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_answers_pings_lives_on() {
    let (client, _events, mut gateway) = connected().await;
    let reading = tokio::spawn(async move { gateway.next().await });
    tokio::time::timeout(Duration::from_hours(1), client.closed()).await.unwrap_err();
    drop(client);
    assert!(matches!(reading.await.unwrap(), Some(Message::Close(_))));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_takes_nothing_is_left_although_it_talks() {
    let (client, _events, mut gateway) = connect(builder(), 1024).await.unwrap();
    drop(client.to("bob").try_json(&"x".repeat(10_000)).unwrap());
    let talking = tokio::spawn(async move {
        loop {
            // Below the socket, because that would read too.
            let text = joined("bob").to_string();
            let mut frame = vec![0x81, 126];
            frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            frame.extend(text.as_bytes());
            if gateway.socket.get_mut().write_all(&frame).await.is_err() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    });
    let start = Instant::now();
    assert_eq!(client.closed().await, CloseCause::Stalled { stalled: Duration::from_secs(15) });
    assert_eq!(start.elapsed().as_secs(), 15);
    talking.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_large_message_that_goes_out_slowly_is_not_stuck() {
    let (client, _events, mut gateway) = connect(builder(), 1024).await.unwrap();
    let sent = tokio::spawn(
        client.to("bob").json(&"x".repeat(60_000)).timeout(Duration::from_mins(10)).into_future(),
    );
    let start = Instant::now();
    let mut taken = 0;
    while taken < 60_000 {
        sleep(Duration::from_secs(1)).await;
        let mut piece = [0; 1000];
        taken += gateway.socket.get_mut().read(&mut piece).await.unwrap();
        // A sign of life of its own: a pong that nobody asked for.
        gateway.socket.get_mut().write_all(&[0x8A, 0x00]).await.unwrap();
    }
    gateway.socket.get_mut().write_all(b"\x81\x15{\"seq\":0,\"type\":\"OK\"}").await.unwrap();
    sent.await.unwrap().unwrap();
    assert!(start.elapsed() > Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_large_message_that_comes_in_slowly_is_a_sign_of_life() {
    let (_client, mut events, mut gateway) = connected().await;
    let mut message = json!({
        "type": "MESSAGE", "target": {"type": "ALL"}, "data": "x".repeat(60_000),
        "origin": {"name": "bob", "nickname": null, "uuid": UUID, "tags": [], "service": null},
    })
    .to_string()
    .into_bytes();
    let mut frame = vec![0x81, 127];
    frame.extend(u64::try_from(message.len()).unwrap().to_be_bytes());
    frame.append(&mut message);
    let start = Instant::now();
    for piece in frame.chunks(1000) {
        gateway.socket.get_mut().write_all(piece).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() > Duration::from_secs(30));
    assert!(matches!(events.next().await, Some(Event::Message(_))));
}
