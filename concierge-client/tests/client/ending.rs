//! How connections end.

use std::time::Duration;

use concierge_client::{CallError, CloseCause, DrainError, Event, payload::CloseCode};
use futures_util::StreamExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::gateway::{Gateway, PIPE, builder, connect, connected, joined};

/// The code the client closes with.
async fn close_code(gateway: &mut Gateway) -> Option<u16> {
    match gateway.next().await {
        Some(Message::Close(Some(frame))) => Some(frame.code.into()),
        other => panic!("expected a close, found {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn close_says_1000_tells_everyone_and_may_be_called_twice() {
    let (client, events, mut gateway) = connected().await;
    let pending = tokio::spawn(client.whoami().into_future());
    gateway.receive().await;
    gateway.send(&joined("bob")).await;
    let gateway = tokio::spawn(async move {
        assert_eq!(close_code(&mut gateway).await, Some(1000));
        assert!(gateway.next().await.is_none());
    });
    tokio::join!(client.close(), client.close());
    client.close().await;
    gateway.await.unwrap();
    assert!(matches!(pending.await.unwrap(), Err(CallError::Lost { cause: CloseCause::ByClient, .. })));
    assert_eq!(client.closed().await, CloseCause::ByClient);
    assert!(matches!(client.whoami().await, Err(CallError::Closed { cause: CloseCause::ByClient })));
    assert!(matches!(client.ping().await, Err(CallError::Closed { .. })));
    assert!(matches!(client.to("bob").try_json(&1), Err(CallError::Closed { .. })));
    let told: Vec<_> = events.collect().await;
    assert!(matches!(told.last(), Some(Event::Closed(CloseCause::ByClient))));
    assert_eq!(client.events().collect::<Vec<_>>().await, [Event::Closed(CloseCause::ByClient)]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_does_not_answer_the_close_is_left_after_a_second() {
    let (client, _events, gateway) = connected().await;
    let start = Instant::now();
    client.close().await;
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    drop(gateway);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_answers_and_takes_no_new_calls() {
    let (client, _events, mut gateway) = connected().await;
    let asked = tokio::spawn(client.to("bob").json(&1).into_future());
    gateway.receive().await;
    let draining = client.clone();
    let draining = tokio::spawn(async move { draining.drain(Duration::from_secs(5)).await });
    tokio::task::yield_now().await;
    assert!(matches!(client.whoami().await, Err(CallError::Closed { .. })));
    gateway.answer(0, "OK").await;
    assert_eq!(close_code(&mut gateway).await, Some(1000));
    assert!(gateway.next().await.is_none());
    asked.await.unwrap().unwrap();
    assert_eq!(draining.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_time_and_says_what_was_not_answered() {
    let (client, _events, mut gateway) = connected().await;
    let delivery = client.to("bob").try_json(&1).unwrap();
    let asked = tokio::spawn(client.to("bob").json(&2).into_future());
    gateway.receive().await;
    gateway.receive().await;
    let reading = tokio::spawn(async move {
        assert_eq!(close_code(&mut gateway).await, Some(1000));
        assert!(gateway.next().await.is_none());
    });
    let start = Instant::now();
    assert_eq!(client.drain(Duration::from_secs(5)).await, Err(DrainError { unanswered: 2 }));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    reading.await.unwrap();
    assert!(delivery.await.is_err());
    assert!(asked.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_sends_what_is_queued_and_closes() {
    let (client, mut events, mut gateway) = connected().await;
    let clone = client.clone();
    drop(client);
    drop(clone.to("bob").try_json(&"last words").unwrap());
    drop(clone);
    assert_eq!(gateway.receive().await["data"], "last words");
    gateway.answer(0, "OK").await;
    assert_eq!(close_code(&mut gateway).await, Some(1000));
    assert!(gateway.next().await.is_none());
    assert_eq!(events.next().await, Some(Event::Closed(CloseCause::ByClient)));
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_client_lingers_for_a_second_at_most() {
    let (client, mut events, mut gateway) = connected().await;
    drop(client.to("bob").try_json(&1).unwrap());
    let start = Instant::now();
    drop(client);
    gateway.receive().await;
    // It is never answered.
    assert_eq!(close_code(&mut gateway).await, Some(1000));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert!(gateway.next().await.is_none());
    assert_eq!(events.next().await, Some(Event::Closed(CloseCause::ByClient)));
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_says_at_the_end_is_told() {
    let (client, events, mut gateway) = connected().await;
    gateway.send(&joined("bob")).await;
    gateway.close(4013, "Kicked").await;
    // The answer to the close comes back.
    assert_eq!(close_code(&mut gateway).await, Some(4013));
    let cause = client.closed().await;
    assert_eq!(cause.code(), Some(CloseCode::Kicked));
    assert_eq!(cause.to_string(), r#"closed by the gateway with 4013 KICKED, "Kicked""#);
    assert!(!cause.is_temporary());
    let told: Vec<_> = events.collect().await;
    assert!(matches!(told.as_slice(), [Event::ClientJoined { .. }, Event::Closed(_)]));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_hangs_up_is_a_lost_connection() {
    let (client, _events, gateway) = connected().await;
    drop(gateway);
    let cause = client.closed().await;
    assert!(matches!(cause, CloseCause::Lost { .. }));
    assert!(cause.is_temporary());
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_allowed_ends_the_connection_with_1009() {
    let (client, _events, mut gateway) = connect(builder().max_message(1000), PIPE).await.unwrap();
    gateway.send_text("x".repeat(1001)).await;
    assert_eq!(close_code(&mut gateway).await, Some(1009));
    assert!(gateway.next().await.is_none());
    assert_eq!(client.closed().await, CloseCause::TooLarge { limit: 1000 });
}

#[tokio::test(start_paused = true)]
async fn a_broken_frame_ends_the_connection_with_1002() {
    use tokio::io::AsyncWriteExt;
    let (client, _events, mut gateway) = connected().await;
    gateway.socket.get_mut().write_all(&[0xFF, 0xFF, 0xFF]).await.unwrap();
    assert_eq!(close_code(&mut gateway).await, Some(1002));
    drop(gateway);
    assert!(matches!(client.closed().await, CloseCause::Violation { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_not_utf_8_ends_the_connection_with_1007() {
    use tokio::io::AsyncWriteExt;
    let (client, _events, mut gateway) = connected().await;
    gateway.socket.get_mut().write_all(&[0x81, 0x02, 0xFF, 0xFE]).await.unwrap();
    assert_eq!(close_code(&mut gateway).await, Some(1007));
    drop(gateway);
    assert_eq!(client.closed().await, CloseCause::NotUtf8);
}

#[test]
fn a_runtime_that_is_shut_down_leaves_nobody_waiting() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (outer, inner) = (runtime(), runtime());
    let (client, events, gateway) = inner.block_on(connected());
    let call = outer.spawn(client.whoami().into_future());
    outer.block_on(tokio::task::yield_now());
    drop(inner);
    drop(gateway);
    let error = outer.block_on(call).unwrap().unwrap_err();
    assert!(matches!(error, CallError::Lost { cause: CloseCause::Abandoned, .. }), "{error:?}");
    assert_eq!(outer.block_on(events.collect::<Vec<_>>()), [Event::Closed(CloseCause::Abandoned)]);
    assert_eq!(outer.block_on(client.closed()), CloseCause::Abandoned);
}
