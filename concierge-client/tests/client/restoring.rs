//! What a client brings back on a new connection.

use std::{sync::Arc, time::Duration};

use concierge_client::{
    Client, Event, Events, Hold, Loss, Resumed, Role,
    payload::{Intent, Intents},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    address::{address, connected_at, uuid},
    gateway::Gateway,
};

fn service(name: &str, owner: u128) -> Value {
    json!({"name": name, "nickname": null, "owner_uuid": uuid(owner), "subscribers": []})
}

fn created(name: &str, owner: u128) -> Value {
    json!({"type": "SERVICE_CREATE_RESULT", "successful": true, "service": service(name, owner)})
}

fn subscribed(name: &str) -> Value {
    json!({"type": "SELF_SUBSCRIBE_RESULT", "successful": true, "service": service(name, 99)})
}

fn unknown(name: &str) -> Value {
    json!({"type": "INVALID_SERVICE", "service": name})
}

/// Receives a request and answers it, as the request of this number.
async fn exchange(gateway: &mut Gateway, request: Value, seq: u64, mut reply: Value) {
    assert_eq!(gateway.receive().await, request);
    reply["seq"] = json!(seq);
    gateway.send(&reply).await;
}

async fn create(client: &Client, gateway: &mut Gateway, seq: u64, name: &str) {
    let request = json!({"type": "SERVICE_CREATE", "service": name, "nickname": null});
    let asked = tokio::spawn(client.create_service(name).into_future());
    let mut received = gateway.receive().await;
    received["nickname"] = Value::Null;
    assert_eq!(received, request);
    let mut reply = created(name, 1);
    reply["seq"] = json!(seq);
    gateway.send(&reply).await;
    asked.await.unwrap().unwrap();
}

async fn subscribe(client: &Client, gateway: &mut Gateway, seq: u64, name: &str) {
    let asked = tokio::spawn(client.subscribe(name).into_future());
    exchange(gateway, json!({"type": "SELF_SUBSCRIBE", "service": name}), seq, subscribed(name)).await;
    asked.await.unwrap().unwrap();
}

async fn resumed(events: &mut Events) -> Arc<Resumed> {
    let resumed = events.wait_for(Duration::from_hours(1), |event| match event {
        Event::Resumed(resumed) => Some(Arc::clone(resumed)),
        _ => None,
    });
    resumed.await.expect("the client comes back")
}

fn asks(kind: &str, name: &str) -> Value {
    json!({"type": kind, "service": name})
}

/// The next request, without a nickname that is absent.
async fn request(gateway: &mut Gateway) -> Value {
    let mut request = gateway.receive().await;
    if request["nickname"].is_null()
        && let Some(fields) = request.as_object_mut()
    {
        fields.remove("nickname");
    }
    request
}

#[tokio::test(start_paused = true)]
async fn services_come_first_in_the_order_they_were_created_then_subscriptions_then_the_user() {
    let (builder, mut address) = address();
    let builder = builder.offline_queue(Hold::new(10, Duration::from_mins(1)));
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    create(&client, &mut gateway, 0, "b").await;
    subscribe(&client, &mut gateway, 1, "x").await;
    create(&client, &mut gateway, 2, "a").await;
    drop(gateway);
    events.next().await;
    let delivery = client.to("bob").try_json(&1).unwrap();
    let mut gateway = address.welcome().await;
    for (kind, name) in [("SERVICE_CREATE", "b"), ("SERVICE_CREATE", "a"), ("SELF_SUBSCRIBE", "x")] {
        assert_eq!(request(&mut gateway).await, asks(kind, name));
    }
    assert!(!client.state().is_connected());
    for (seq, mut reply) in [(0, created("b", 2)), (1, created("a", 2)), (2, subscribed("x"))] {
        reply["seq"] = json!(seq);
        gateway.send(&reply).await;
    }
    let restored = resumed(&mut events).await.restored.clone();
    assert!(restored.is_complete());
    assert_eq!(restored.services, ["b", "a"]);
    assert_eq!(restored.subscriptions, ["x"]);
    assert_eq!(gateway.receive().await["data"], 1);
    gateway.answer(3, "OK").await;
    delivery.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_back_is_told_and_what_waits_for_its_service_is_tried_again() {
    let (builder, mut address) = address();
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    create(&client, &mut gateway, 0, "taken").await;
    subscribe(&client, &mut gateway, 1, "late").await;
    subscribe(&client, &mut gateway, 2, "there").await;
    drop(gateway);
    let mut gateway = address.welcome().await;
    for (seq, mut reply) in [(0, created("taken", 7)), (1, unknown("late")), (2, subscribed("there"))] {
        gateway.receive().await;
        reply["seq"] = json!(seq);
        gateway.send(&reply).await;
    }
    let restored = resumed(&mut events).await.restored.clone();
    assert_eq!(restored.services, [] as [&str; 0]);
    assert_eq!(restored.subscriptions, ["there"]);
    assert_eq!(restored.pending, ["late"]);
    let lost: Vec<_> = restored.lost.iter().map(|lost| (lost.role, &*lost.service, &lost.loss)).collect();
    assert_eq!(lost, [(Role::Owner, "taken", &Loss::TakenBy(uuid(7)))]);
    // Its service is created: it is subscribed to without having been asked again.
    gateway.send(&created("late", 9)).await;
    exchange(&mut gateway, asks("SELF_SUBSCRIBE", "late"), 3, subscribed("late")).await;
    // What was lost is not tried again, what waited comes back.
    drop(gateway);
    let mut gateway = address.welcome().await;
    for (seq, name) in [(0, "late"), (1, "there")] {
        exchange(&mut gateway, asks("SELF_SUBSCRIBE", name), seq, subscribed(name)).await;
    }
    assert!(resumed(&mut events).await.restored.is_complete());
}

#[tokio::test(start_paused = true)]
async fn what_the_user_ended_does_not_come_back() {
    let (builder, mut address) = address();
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    create(&client, &mut gateway, 0, "mine").await;
    subscribe(&client, &mut gateway, 1, "x").await;
    let deleting = tokio::spawn(client.delete_service("mine").into_future());
    let deleted = json!({"type": "SERVICE_DELETE_RESULT", "service": service("mine", 1)});
    exchange(&mut gateway, asks("SERVICE_DELETE", "mine"), 2, deleted).await;
    deleting.await.unwrap().unwrap();
    let leaving = tokio::spawn(client.unsubscribe("x").into_future());
    let left = json!({"type": "SELF_UNSUBSCRIBE_RESULT", "successful": true, "service": service("x", 99)});
    exchange(&mut gateway, asks("SELF_UNSUBSCRIBE", "x"), 3, left).await;
    leaving.await.unwrap().unwrap();
    drop(gateway);
    let _gateway = address.welcome().await;
    let resumed = resumed(&mut events).await;
    assert_eq!(resumed.restored, concierge_client::Restored::default());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waited_for_counts_all_the_same() {
    let (builder, mut address) = address();
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    let dropped = tokio::spawn(client.create_service("mine").into_future());
    gateway.receive().await;
    dropped.abort();
    assert!(dropped.await.is_err());
    let mut reply = created("mine", 1);
    reply["seq"] = json!(0);
    gateway.send(&reply).await;
    // The events of the connection are in order: this one comes after the answer.
    gateway.send(&created("other", 9)).await;
    assert!(matches!(events.next().await, Some(Event::ServiceCreated { .. })));
    drop(gateway);
    let mut gateway = address.welcome().await;
    assert_eq!(request(&mut gateway).await, asks("SERVICE_CREATE", "mine"));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_restores_nothing_in_time_is_left_for_another_attempt() {
    let (builder, mut address) = address();
    let builder = builder.connect_timeout(Duration::from_secs(3));
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    subscribe(&client, &mut gateway, 0, "x").await;
    drop(gateway);
    events.next().await;
    let start = Instant::now();
    let mut stubborn = address.welcome().await;
    stubborn.receive().await;
    let ignoring = tokio::spawn(async move { while stubborn.next().await.is_some() {} });
    assert!(matches!(events.next().await, Some(Event::Disconnected { .. })));
    assert_eq!(start.elapsed().as_secs(), 3);
    let mut gateway = address.welcome().await;
    exchange(&mut gateway, asks("SELF_SUBSCRIBE", "x"), 0, subscribed("x")).await;
    assert!(resumed(&mut events).await.restored.is_complete());
    ignoring.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_subscription_outlives_its_service() {
    let (builder, mut address) = address();
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    subscribe(&client, &mut gateway, 0, "x").await;
    gateway.send(&json!({"type": "SERVICE_DELETE_RESULT", "service": service("x", 99)})).await;
    assert!(matches!(events.next().await, Some(Event::ServiceDeleted { .. })));
    gateway.send(&created("x", 98)).await;
    exchange(&mut gateway, asks("SELF_SUBSCRIBE", "x"), 1, subscribed("x")).await;
    assert!(client.close_cause().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_told_of_new_services_looks_for_the_one_it_waits_for() {
    let (builder, mut address) = address();
    let builder = builder.intents(Intents::NONE.with(Intent::Presence));
    let hello = |number| json!({"type": "HELLO", "uuid": uuid(number), "version": "0.2.0", "features": [], "intents": ["PRESENCE"]});
    let welcome = async |address: &mut crate::address::Address, number| {
        Gateway::welcome_with(address.stream().await, &hello(number)).await
    };
    let (connected, mut gateway) = tokio::join!(builder.connect_with_events(), welcome(&mut address, 1));
    let (client, mut events) = connected.unwrap();
    subscribe(&client, &mut gateway, 0, "x").await;
    drop(gateway);
    let mut gateway = welcome(&mut address, 2).await;
    exchange(&mut gateway, asks("SELF_SUBSCRIBE", "x"), 0, unknown("x")).await;
    assert_eq!(resumed(&mut events).await.restored.pending, ["x"]);
    let start = Instant::now();
    exchange(&mut gateway, asks("SELF_SUBSCRIBE", "x"), 1, unknown("x")).await;
    exchange(&mut gateway, asks("SELF_SUBSCRIBE", "x"), 2, subscribed("x")).await;
    assert!(start.elapsed() <= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_miscounts_restores_everything_all_the_same() {
    let (builder, mut address) = address();
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    create(&client, &mut gateway, 0, "mine").await;
    subscribe(&client, &mut gateway, 1, "x").await;
    drop(gateway);
    let mut gateway = address.welcome().await;
    let counting = tokio::spawn(async move {
        let mut seq = 500;
        loop {
            let request = gateway.receive().await;
            let mut reply = match request["type"].as_str().unwrap() {
                "SERVICE_CREATE" => created("mine", 2),
                "SELF_SUBSCRIBE" => subscribed("x"),
                "SELF_SET_SEQ" => {
                    seq = request["seq"].as_u64().unwrap();
                    json!({"type": "OK"})
                }
                _ => return,
            };
            reply["seq"] = json!(seq);
            seq += 1;
            gateway.send(&reply).await;
        }
    });
    let resumed = resumed(&mut events).await;
    assert!(resumed.restored.is_complete());
    assert_eq!(
        (&*resumed.restored.services, &*resumed.restored.subscriptions),
        (&["mine".parse().unwrap()][..], &["x".parse().unwrap()][..],)
    );
    drop(client.to("bob").try_json(&1).unwrap());
    counting.await.unwrap();
}
