//! Futures that are dropped at each of their awaits, one after the other: whatever they were at, the client goes on.

use std::time::Duration;

use concierge_client::{Client, ClientBuilder, Hold, payload::Seq};
use serde_json::json;

use crate::{
    address::{address, connected_at, uuid},
    dropped::{Dropped, poll_times},
    gateway::Gateway,
};

/// A gateway that answers everything, until its client is gone.
async fn answer_everything(mut gateway: Gateway) {
    let mut seq = 0;
    while let Some(message) = gateway.next().await {
        let Ok(text) = message.to_text() else { continue };
        let Ok(request) = serde_json::from_str::<serde_json::Value>(text) else { continue };
        let service = json!({"name": "x", "nickname": null, "owner_uuid": uuid(1), "subscribers": []});
        let about = json!({"name": "alice", "nickname": null, "uuid": uuid(1), "tags": []});
        if let Some(set) = request["seq"].as_u64() {
            seq = set;
        }
        let mut reply = match request["type"].as_str().unwrap() {
            "SELF_FETCH" => json!({"type": "SELF_FETCH_RESULT", "client": about, "subscriptions": []}),
            "SERVICE_CREATE" => {
                json!({"type": "SERVICE_CREATE_RESULT", "successful": true, "service": service})
            }
            "SERVICE_DELETE" => json!({"type": "SERVICE_DELETE_RESULT", "service": service}),
            "SELF_SUBSCRIBE" => {
                json!({"type": "SELF_SUBSCRIBE_RESULT", "successful": true, "service": service})
            }
            "SELF_UNSUBSCRIBE" => {
                json!({"type": "SELF_UNSUBSCRIBE_RESULT", "successful": true, "service": service})
            }
            _ => json!({"type": "OK"}),
        };
        reply["seq"] = json!(seq);
        seq += 1;
        gateway.send(&reply).await;
    }
}

/// Drops the future that this makes at each of its awaits, and looks each time whether the client goes on.
async fn survives_being_dropped(what: &str, begin: impl Fn(&Client) -> Dropped) {
    for times in 0.. {
        assert!(times < 100, "{what} is never complete");
        let (builder, mut address) = address();
        let (client, _events, gateway) = connected_at(builder, &mut address).await;
        let gateway = tokio::spawn(answer_everything(gateway));
        let complete = poll_times(begin(&client), times).await;
        for _ in 0..3 {
            client.whoami().await.unwrap_or_else(|error| panic!("{what} dropped after {times}: {error}"));
        }
        client.flush().await.unwrap_or_else(|error| panic!("{what} dropped after {times}: {error}"));
        assert_eq!(client.stats().in_flight, 0, "{what} dropped after {times}");
        assert_eq!(client.stats().stray, 0, "{what} dropped after {times}");
        client.close().await;
        gateway.await.unwrap();
        if complete {
            assert!(times > 0);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls() {
    survives_being_dropped("whoami", |client| {
        let call = client.whoami();
        Box::pin(async move { drop(call.await) })
    })
    .await;
    survives_being_dropped("json", |client| {
        let call = client.to("bob").json(&1);
        Box::pin(async move { drop(call.await) })
    })
    .await;
    survives_being_dropped("retry_if_unsent", |client| {
        let call = client.to("bob").json(&1).retry_if_unsent();
        Box::pin(async move { drop(call.await) })
    })
    .await;
    survives_being_dropped("try_json", |client| {
        let delivery = client.to("bob").try_json(&1).unwrap();
        Box::pin(async move { drop(delivery.await) })
    })
    .await;
    survives_being_dropped("set_sequence", |client| {
        let call = client.set_sequence(Seq::new(40).unwrap());
        Box::pin(async move { drop(call.await) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn services_and_subscriptions() {
    survives_being_dropped("create_service", |client| {
        let call = client.create_service("x");
        Box::pin(async move { drop(call.await) })
    })
    .await;
    survives_being_dropped("delete_service", |client| {
        let call = client.delete_service("x");
        Box::pin(async move { drop(call.await) })
    })
    .await;
    survives_being_dropped("subscribe", |client| {
        let call = client.subscribe("x");
        Box::pin(async move { drop(call.await) })
    })
    .await;
    survives_being_dropped("unsubscribe", |client| {
        let call = client.unsubscribe("x");
        Box::pin(async move { drop(call.await) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_waits() {
    survives_being_dropped("ping", |client| {
        let client = client.clone();
        Box::pin(async move { drop(client.ping().await) })
    })
    .await;
    survives_being_dropped("flush", |client| {
        let client = client.clone();
        Box::pin(async move { drop(client.flush().await) })
    })
    .await;
    survives_being_dropped("states", |client| {
        let mut states = client.states();
        Box::pin(async move { drop(states.next().await) })
    })
    .await;
    survives_being_dropped("wait_for", |client| {
        let waiting = client.wait_for(Duration::from_millis(1), |_| None::<()>);
        Box::pin(async move { drop(waiting.await) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn closing_and_draining_go_on_without_whoever_began() {
    for times in 1..10 {
        let (builder, mut address) = address();
        let (client, _events, gateway) = connected_at(builder, &mut address).await;
        let gateway = tokio::spawn(answer_everything(gateway));
        let (closing, draining) = (client.clone(), client.clone());
        let drained = async move { draining.drain(Duration::from_secs(1)).await.unwrap_or(()) };
        poll_times(Box::pin(drained), times).await;
        poll_times(Box::pin(async move { closing.close().await }), times).await;
        assert_eq!(client.closed().await, concierge_client::CloseCause::ByClient);
        gateway.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn connecting() {
    for times in 0.. {
        assert!(times < 100, "it never connects");
        let (builder, mut address) = address();
        let gateway = tokio::spawn(async move {
            // Whatever becomes of the first attempt, the second one is let in.
            let mut stream = address.stream().await;
            loop {
                let next = tokio::select! {
                    biased;
                    next = address.stream() => next,
                    () = serve(stream) => return,
                };
                stream = next;
            }
        });
        let again: ClientBuilder = builder.clone().offline_queue(Hold::new(1, Duration::from_secs(1)));
        let complete = poll_times(Box::pin(async move { drop(builder.connect().await) }), times).await;
        let client = again.connect().await.unwrap();
        client.whoami().await.unwrap();
        client.close().await;
        gateway.abort();
        if complete {
            return;
        }
    }
}

/// A connection of a client that may vanish at any point.
async fn serve(stream: tokio::io::DuplexStream) {
    let hello = json!({"type": "HELLO", "uuid": uuid(1), "version": "0.2.0"});
    let served =
        tokio::spawn(async move { answer_everything(Gateway::welcome_with(stream, &hello).await).await });
    // A client that vanishes in the middle of the handshake ends that task with a panic of the test's own gateway.
    drop(served.await);
    std::future::pending::<()>().await;
}
