//! Handles across a break of the connection, on a clock that stands still.

use std::time::Duration;

use concierge_client::{
    Asked, CallError, Client, Event, Events, RequestError, ServeOptions, Status,
    session::Loss,
    testing::{ScriptedGateway, ScriptedListener},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

async fn connected(name: &str) -> (ScriptedListener, Client, Events, ScriptedGateway) {
    let listener = ScriptedListener::in_memory();
    let builder = Client::builder(listener.url(), name).unwrap().connect_through(listener.dialer());
    let (connected, gateway) = tokio::join!(builder.connect_with_events(), listener.welcome());
    let (client, events) = connected.unwrap();
    (listener, client, events, gateway)
}

fn service(owner: Uuid, subscribers: &[Uuid]) -> Value {
    json!({"name": "news", "nickname": null, "owner_uuid": owner, "subscribers": subscribers})
}

/// Expects the service to be created, and says that this client owns it, or another.
async fn create(gateway: &mut ScriptedGateway, owner: Uuid) {
    gateway.expect(&json!({"type": "SERVICE_CREATE", "service": "news"})).await;
    let successful = owner == gateway.uuid();
    let service = service(owner, &[]);
    let result = json!({"type": "SERVICE_CREATE_RESULT", "successful": successful, "service": service});
    gateway.answer(&result).await;
}

/// Expects the subscription, and makes it.
async fn subscribe(gateway: &mut ScriptedGateway, subscribers: &[Uuid]) {
    gateway.expect(&json!({"type": "SELF_SUBSCRIBE", "service": "news"})).await;
    let service = service(Uuid::from_u128(1), subscribers);
    gateway.answer(&json!({"type": "SELF_SUBSCRIBE_RESULT", "successful": true, "service": service})).await;
}

/// A message to the service from a subscriber of it, or from its owner.
fn message(from: Uuid, owner: Uuid, data: &Value) -> Value {
    json!({
        "type": "MESSAGE", "target": {"type": "SERVICE", "service": "news"}, "data": data,
        "origin": {"name": "x", "nickname": null, "uuid": from, "tags": [], "service": service(owner, &[])},
    })
}

async fn resumed(events: &mut Events) {
    let picked = events.wait_for(Duration::from_mins(1), |event| match event {
        Event::Resumed(resumed) => Some(resumed.restored.is_complete()),
        _ => None,
    });
    assert!(picked.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_service_its_messages_and_its_subscribers_come_back() {
    let (listener, alice, mut events, mut gateway) = connected("alice").await;
    let (me, reader) = (alice.uuid(), Uuid::from_u128(7));
    let opening = alice.create_service("news").open();
    let (opened, ()) = tokio::join!(opening, create(&mut gateway, me));
    let news = opened.unwrap();
    let mut messages = news.messages::<u32>();
    let both = [me, reader];
    let (listed, ()) = tokio::join!(news.subscribers(), subscribe(&mut gateway, &both));
    assert_eq!(listed.unwrap(), [reader]);
    gateway.send(&message(reader, me, &json!(1))).await;
    assert_eq!(messages.next().await.unwrap().unwrap().data, 1);

    let mut statuses = news.statuses();
    assert_eq!(statuses.next().await, Some(Status::Live));
    gateway.hang_up();
    assert_eq!(statuses.next().await, Some(Status::Pending));
    assert!(matches!(news.publish(&1).await, Err(CallError::NotConnected { .. })));
    assert!(matches!(news.subscribers().await, Err(CallError::NotConnected { .. })));

    let mut gateway = listener.welcome().await;
    let me = gateway.uuid();
    create(&mut gateway, me).await;
    subscribe(&mut gateway, &[me]).await;
    resumed(&mut events).await;
    assert_eq!(news.settled().await, Status::Live);
    // What was known of the subscribers is asked for anew, once.
    let both = [me, reader];
    let (listed, ()) = tokio::join!(news.subscribers(), subscribe(&mut gateway, &both));
    assert_eq!(listed.unwrap(), [reader]);
    assert_eq!(news.subscribers().await.unwrap(), [reader]);
    gateway.send(&message(reader, me, &json!(2))).await;
    assert_eq!(messages.next().await.unwrap().unwrap().data, 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_another_client_took_is_lost_and_its_streams_end() {
    let (listener, alice, _events, mut gateway) = connected("alice").await;
    let me = alice.uuid();
    let (opened, ()) = tokio::join!(alice.create_service("news").open(), create(&mut gateway, me));
    let news = opened.unwrap();
    let mut messages = news.messages::<u32>();
    let mut serving = news.serve(ServeOptions::default(), async |_: Asked<()>| Ok::<_, String>(()));
    gateway.close(1012, "Service restart").await;

    let mut gateway = listener.welcome().await;
    let thief = Uuid::from_u128(9);
    create(&mut gateway, thief).await;
    assert_eq!(news.settled().await, Status::Lost(Loss::TakenBy(thief)));
    assert!(messages.next().await.is_none());
    serving.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_comes_back_and_so_does_one_that_waited() {
    let (listener, bob, mut events, mut gateway) = connected("bob").await;
    let owner = Uuid::from_u128(1);
    let opening = bob.subscription("news").open::<u32>();
    let (opened, ()) = tokio::join!(opening, subscribe(&mut gateway, &[]));
    let mut news = opened.unwrap();
    gateway.send(&message(owner, owner, &json!(1))).await;
    assert_eq!(news.next().await.unwrap().unwrap().data, 1);
    gateway.hang_up();

    let mut gateway = listener.welcome().await;
    subscribe(&mut gateway, &[]).await;
    resumed(&mut events).await;
    gateway.send(&message(owner, owner, &json!(2))).await;
    assert_eq!(news.next().await.unwrap().unwrap().data, 2);
    gateway.hang_up();

    // Now its owner is away when the client is back.
    let mut gateway = listener.welcome().await;
    gateway.expect(&json!({"type": "SELF_SUBSCRIBE", "service": "news"})).await;
    gateway.answer(&json!({"type": "INVALID_SERVICE", "service": "news"})).await;
    let created = service(owner, &[]);
    gateway.send(&json!({"type": "SERVICE_CREATE_RESULT", "successful": true, "service": created})).await;
    subscribe(&mut gateway, &[]).await;
    assert_eq!(news.settled().await, Status::Live);
    gateway.send(&message(owner, owner, &json!(3))).await;
    assert_eq!(news.next().await.unwrap().unwrap().data, 3);
}

#[tokio::test(start_paused = true)]
async fn a_question_fails_when_the_connection_breaks_and_the_next_one_is_asked() {
    let (listener, alice, mut events, mut gateway) = connected("alice").await;
    let start = Instant::now();
    let asking = tokio::spawn(alice.request::<u32>("bob", &1).into_future());
    let question = gateway.expect_kind("MESSAGE").await;
    gateway.answer(&json!({"type": "OK"})).await;
    // Its delivery is known before the break.
    let known = tokio::spawn(alice.whoami().into_future());
    gateway.expect_kind("SELF_FETCH").await;
    gateway.answer(&json!({"type": "BAD"})).await;
    assert!(known.await.unwrap().is_err());
    gateway.hang_up();
    let lost = asking.await.unwrap().unwrap_err();
    assert!(matches!(&lost, RequestError::Lost { .. }), "{lost:?}");
    assert!(lost.is_temporary() && !lost.safe_to_repeat());
    assert_eq!(start.elapsed(), Duration::ZERO);

    let mut gateway = listener.welcome().await;
    resumed(&mut events).await;
    gateway.deliver("bob", &json!({"reply": question["data"]["request"], "body": 1})).await;
    let asking = tokio::spawn(alice.request::<u32>("bob", &2).into_future());
    let question = gateway.expect_kind("MESSAGE").await;
    gateway.answer(&json!({"type": "OK"})).await;
    gateway.deliver("bob", &json!({"reply": question["data"]["request"], "body": 2})).await;
    assert_eq!(asking.await.unwrap().unwrap(), 2);
    assert_eq!(alice.late_replies(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_outlives_a_break_of_the_connection() {
    let (listener, alice, _events, mut gateway) = connected("alice").await;
    let me = alice.uuid();
    let (opened, ()) = tokio::join!(alice.create_service("news").open(), create(&mut gateway, me));
    let news = opened.unwrap();
    let work = async |asked: Asked<u32>| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, String>(asked.body + 1)
    };
    let serving = news.serve(ServeOptions::default().timeout(Duration::from_mins(1)), work);
    let asker = Uuid::from_u128(7);
    let question = json!({"request": Uuid::from_u128(8), "body": 41});
    gateway.send(&message(asker, me, &question)).await;
    // Everything that was sent before is read when this is answered.
    let read = tokio::spawn(alice.whoami().into_future());
    gateway.expect_kind("SELF_FETCH").await;
    gateway.answer(&json!({"type": "BAD"})).await;
    assert!(read.await.unwrap().is_err());
    gateway.hang_up();
    tokio::time::sleep(Duration::from_secs(5)).await;

    let mut gateway = listener.welcome().await;
    let me = gateway.uuid();
    create(&mut gateway, me).await;
    gateway
        .expect(&json!({
            "type": "MESSAGE", "target": {"type": "UUID", "uuid": asker},
            "data": {"reply": Uuid::from_u128(8), "body": 42},
        }))
        .await;
    gateway.answer(&json!({"type": "OK"})).await;
    assert_eq!(serving.drain(Duration::from_secs(5)).await.unwrap().undelivered, 0);
}
