//! Streams of events.

use std::time::Duration;

use concierge_client::{CloseCause, Event, Overflow, WaitError};
use tokio::time::Instant;

use crate::gateway::{Gateway, PIPE, builder, connect, connected, joined};

/// The names of those who joined, until the stream has nothing more to give at once.
fn names(events: &mut concierge_client::Events) -> Vec<String> {
    std::iter::from_fn(|| events.try_next())
        .map(|event| match event {
            Event::ClientJoined { client } => client.name.to_string(),
            Event::Lagged { missed } => format!("missed {missed}"),
            other => panic!("unexpected: {other:?}"),
        })
        .collect()
}

/// Waits until the client has read everything that was sent so far.
async fn settled(client: &concierge_client::Client, gateway: &mut Gateway) {
    let answered = tokio::spawn(client.to("nobody").json(&()).into_future());
    gateway.receive().await;
    gateway.answer_last("OK").await;
    answered.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_loses_the_oldest_is_told_and_delays_no_one() {
    let (client, _events, mut gateway) = connected().await;
    let mut slow = client.events().capacity(2);
    let mut fast = client.events();
    for name in ["a", "b", "c", "d", "e"] {
        gateway.send(&joined(name)).await;
    }
    settled(&client, &mut gateway).await;
    assert_eq!(names(&mut slow), ["missed 3", "d", "e"]);
    gateway.send(&joined("f")).await;
    settled(&client, &mut gateway).await;
    assert_eq!(names(&mut slow), ["f"]);
    assert_eq!(names(&mut fast), ["a", "b", "c", "d", "e", "f"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_between_connecting_and_the_first_look() {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let gateway = async {
        let mut gateway = Gateway::welcome(theirs).await;
        gateway.send(&joined("early")).await;
        gateway
    };
    let (connected, mut gateway) = tokio::join!(builder().connect_over(ours), gateway);
    let (client, mut events) = connected.unwrap();
    settled(&client, &mut gateway).await;
    let first = events.next().await;
    assert!(matches!(first, Some(Event::ClientJoined { client }) if client.name == "early"));
}

#[tokio::test(start_paused = true)]
async fn a_filtered_stream_has_no_room_for_anything_else() {
    let (client, _events, mut gateway) = connected().await;
    let mut messages = client
        .events()
        .capacity(1)
        .filter(|event| matches!(event, Event::ClientJoined { client } if client.name == "b"));
    for name in ["a", "b", "c"] {
        gateway.send(&joined(name)).await;
    }
    settled(&client, &mut gateway).await;
    assert_eq!(names(&mut messages), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn unknown_payloads_and_garbage_are_told_and_end_nothing() {
    let (client, events, mut gateway) = connected().await;
    let mut events = events;
    let texts = [
        r#"{"type":"FROM_THE_FUTURE","more":[1]}"#,
        r#"{"type":"CLIENT_JOINED"}"#,
        r#"{"no":"type"}"#,
        "garbage",
        "[]",
        "",
        r#"{"type":"HELLO","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","version":"0.2.0"}"#,
        r#"{"seq":99,"type":"OK"}"#,
        r#"{"seq":-1,"type":"OK"}"#,
    ];
    for text in texts {
        gateway.send_text(text).await;
    }
    gateway.send(&joined("after")).await;
    let mut unknown = Vec::new();
    loop {
        match events.next().await.expect("the connection goes on") {
            Event::Unknown { kind, raw } => unknown.push((kind, raw)),
            Event::ClientJoined { client } if client.name == "after" => break,
            other => panic!("unexpected: {other:?}"),
        }
    }
    let told: Vec<_> = unknown.iter().map(|(kind, raw)| (kind.as_str(), raw.as_str())).collect();
    // An answer to nothing is counted, not told: it is no event.
    assert_eq!(
        told,
        [
            ("FROM_THE_FUTURE", texts[0]),
            ("CLIENT_JOINED", texts[1]),
            ("", texts[2]),
            ("", texts[3]),
            ("", texts[4]),
            ("", texts[5]),
            ("HELLO", texts[6]),
            ("", texts[8]),
        ]
    );
    assert!(client.close_cause().is_none());
}

#[tokio::test(start_paused = true)]
async fn binary_frames_are_ignored() {
    use futures_util::SinkExt;
    let (_client, mut events, mut gateway) = connected().await;
    gateway.socket.send(tokio_tungstenite::tungstenite::Message::binary(vec![1, 2])).await.unwrap();
    gateway.send(&joined("after")).await;
    assert!(matches!(events.next().await, Some(Event::ClientJoined { .. })));
}

#[tokio::test(start_paused = true)]
async fn waiting_looks_at_events_from_the_call_on() {
    let (client, _events, mut gateway) = connected().await;
    let bob = client.wait_for(Duration::from_secs(5), |event| match event {
        Event::ClientJoined { client } if client.name == "bob" => Some(client.uuid),
        _ => None,
    });
    gateway.send(&joined("carol")).await;
    gateway.send(&joined("bob")).await;
    settled(&client, &mut gateway).await;
    assert!(bob.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_time_and_with_the_connection() {
    let (client, _events, mut gateway) = connected().await;
    let start = Instant::now();
    let never = client.wait_for(Duration::from_secs(2), |_| None::<()>).await;
    assert_eq!(never, Err(WaitError::Timeout { within: Duration::from_secs(2) }));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    let interrupted = client.wait_for(Duration::from_mins(1), |_| None::<()>);
    gateway.close(1001, "").await;
    assert!(matches!(interrupted.await, Err(WaitError::Closed(CloseCause::ByGateway { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_nobody_reads_costs_a_bound_and_stops_no_call() {
    let (client, mut unread, mut gateway) = connect(builder().events_capacity(10), PIPE).await.unwrap();
    for number in 0..2000 {
        gateway.send(&joined(&format!("client_{number}"))).await;
    }
    let sent = tokio::spawn(client.to("bob").json(&1).into_future());
    gateway.receive().await;
    gateway.answer(0, "OK").await;
    sent.await.unwrap().unwrap();
    let names = names(&mut unread);
    assert_eq!(names.len(), 11);
    assert_eq!(names[0], "missed 1990");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_drops_the_newest_says_where_they_are_missing() {
    let (client, _events, mut gateway) = connected().await;
    let mut slow = client.events().capacity(2).overflow(Overflow::DropNewest);
    for name in ["a", "b", "c", "d"] {
        gateway.send(&joined(name)).await;
    }
    settled(&client, &mut gateway).await;
    assert!(matches!(slow.next().await, Some(Event::ClientJoined { client }) if client.name == "a"));
    gateway.send(&joined("e")).await;
    settled(&client, &mut gateway).await;
    assert_eq!(names(&mut slow), ["b", "missed 2", "e"]);
    assert_eq!(client.stats().lagged, 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_would_rather_end_than_miss_something_ends() {
    let (client, _events, mut gateway) = connected().await;
    let mut strict = client.events().capacity(2).overflow(Overflow::Disconnect);
    let mut other = client.events();
    for name in ["a", "b", "c", "d"] {
        gateway.send(&joined(name)).await;
    }
    settled(&client, &mut gateway).await;
    assert_eq!(names(&mut strict), ["a", "b", "missed 2"]);
    gateway.send(&joined("e")).await;
    settled(&client, &mut gateway).await;
    assert_eq!(strict.next().await, None);
    assert_eq!(names(&mut other), ["a", "b", "c", "d", "e"]);
    assert!(client.state().is_connected());
}
