//! Requests and their answers.

use std::time::Duration;

use concierge_client::{
    CallError, CloseCause, Rejection, Target, UselessReply, Wire,
    payload::{CloseCode, SelfFetch, Seq},
};
use serde_json::json;
use tokio::time::Instant;

use crate::gateway::{Gateway, PIPE, UUID, builder, connect, connected};

#[tokio::test(start_paused = true)]
async fn answers_find_their_calls_in_any_order() {
    let (client, _events, mut gateway) = connected().await;
    let (first, second) = (client.clone(), client.clone());
    let first = tokio::spawn(async move { first.to("bob").json(&1).await });
    assert_eq!(gateway.receive().await["data"], 1);
    let second = tokio::spawn(async move { second.to("bob").json(&2).await });
    assert_eq!(gateway.receive().await["data"], 2);
    gateway.send(&json!({"seq": 1, "type": "INVALID_NAME", "name": "bob"})).await;
    gateway.answer(0, "OK").await;
    assert!(matches!(first.await.unwrap(), Ok(())));
    let refused = second.await.unwrap().unwrap_err();
    assert!(matches!(refused, CallError::Rejected(Rejection::UnknownName { name }) if name == "bob"));
}

#[tokio::test(start_paused = true)]
async fn every_named_call_sends_its_request_and_takes_its_reply() {
    let (client, _events, mut gateway) = connected().await;
    let service = json!({"name": "svc", "nickname": null, "owner_uuid": UUID, "subscribers": []});
    let about = json!({"name": "al", "nickname": null, "uuid": UUID, "tags": []});
    let gateway = tokio::spawn(async move {
        for (seq, (request, mut reply)) in [
            (
                json!({"type": "SELF_FETCH"}),
                json!({"type": "SELF_FETCH_RESULT", "client": about, "subscriptions": []}),
            ),
            (
                json!({"type": "CLIENT_FETCH_ALL"}),
                json!({"type": "CLIENT_FETCH_ALL_RESULT", "clients": [about]}),
            ),
            (
                json!({"type": "CLIENT_FETCH", "uuid": UUID}),
                json!({"type": "CLIENT_FETCH_RESULT", "client": about, "subscriptions": []}),
            ),
            (
                json!({"type": "SERVICE_FETCH_ALL"}),
                json!({"type": "SERVICE_FETCH_ALL_RESULT", "services": [service]}),
            ),
            (
                json!({"type": "SERVICE_FETCH", "service": "svc"}),
                json!({"type": "SERVICE_FETCH_RESULT", "service": service}),
            ),
            (
                json!({"type": "SERVICE_CREATE", "service": "svc", "nickname": "S"}),
                json!({"type": "SERVICE_CREATE_RESULT", "successful": true, "service": service}),
            ),
            (
                json!({"type": "SELF_SUBSCRIBE", "service": "svc"}),
                json!({"type": "SELF_SUBSCRIBE_RESULT", "successful": true, "service": service}),
            ),
            (
                json!({"type": "SELF_UNSUBSCRIBE", "service": "svc"}),
                json!({"type": "SELF_UNSUBSCRIBE_RESULT", "successful": false, "service": service}),
            ),
            (
                json!({"type": "SERVICE_DELETE", "service": "svc"}),
                json!({"type": "SERVICE_DELETE_RESULT", "service": service}),
            ),
            (json!({"type": "MESSAGE", "target": {"type": "ALL"}, "data": null}), json!({"type": "OK"})),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(gateway.receive().await, request);
            reply["seq"] = json!(seq);
            gateway.send(&reply).await;
        }
    });
    let uuid = UUID.parse().unwrap();
    assert_eq!(client.whoami().await.unwrap().client.name, "al");
    assert_eq!(client.clients().await.unwrap().len(), 1);
    assert_eq!(client.client(uuid).await.unwrap().client.uuid, uuid);
    assert_eq!(client.services().await.unwrap().len(), 1);
    assert_eq!(client.service("svc").await.unwrap().name, "svc");
    assert!(client.create_service("svc").nickname("S").await.unwrap().successful);
    assert!(client.subscribe("svc").await.unwrap().successful);
    assert!(!client.unsubscribe("svc").await.unwrap().successful);
    assert_eq!(client.delete_service("svc").await.unwrap().owner_uuid, uuid);
    client.to(Target::All).json(&()).await.unwrap();
    gateway.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_late_answer_of_a_dropped_call_is_given_to_no_one() {
    let (client, _events, mut gateway) = connected().await;
    let dropped = client.clone();
    let dropped = tokio::spawn(async move { dropped.to("bob").json(&"dropped").await });
    assert_eq!(gateway.receive().await["data"], "dropped");
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());

    let kept = client.clone();
    let kept = tokio::spawn(async move { kept.to("bob").json(&"kept").await });
    assert_eq!(gateway.receive().await["data"], "kept");
    gateway.answer(0, "BAD").await;
    gateway.answer(1, "OK").await;
    assert!(matches!(kept.await.unwrap(), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_it_is_sent_is_not_sent() {
    let (client, _events, mut gateway) = connect(builder(), 1024).await.unwrap();
    // The pipe is full with this one while nobody reads.
    let large = client.to("bob").try_json(&"x".repeat(10_000)).unwrap();
    tokio::task::yield_now().await;
    let waiting = client.to("bob").json(&"never");
    assert!(tokio::time::timeout(Duration::from_secs(1), waiting.into_future()).await.is_err());
    let last = client.to("bob").try_json(&"last").unwrap();

    assert_eq!(gateway.receive().await["data"].as_str().map(str::len), Some(10_000));
    assert_eq!(gateway.receive().await["data"], "last");
    gateway.answer(0, "OK").await;
    gateway.answer(1, "OK").await;
    large.await.unwrap();
    last.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_one_call_and_makes_room_for_another() {
    let (client, _events, mut gateway) = connect(builder().max_in_flight(1), PIPE).await.unwrap();
    let start = Instant::now();
    let error = client.whoami().timeout(Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { after } if after == Duration::from_secs(3)));
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    gateway.receive().await;

    let next = client.clone();
    let next = tokio::spawn(async move { next.to("bob").json(&1).await });
    gateway.receive().await;
    gateway.answer(0, "ERROR_UNSUPPORTED").await;
    gateway.answer(1, "OK").await;
    assert!(matches!(next.await.unwrap(), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn sending_without_waiting_says_when_it_is_full_and_waiting_waits() {
    let (client, _events, mut gateway) = connect(builder().max_in_flight(2), PIPE).await.unwrap();
    let first = client.to("bob").try_json(&1).unwrap();
    drop(client.to("bob").try_json(&2).unwrap());
    let full = client.to("bob").try_json(&3).unwrap_err();
    assert!(matches!(full, CallError::Full { in_flight: 2 }));
    assert!(full.is_temporary() && full.safe_to_repeat());

    let patient = client.clone();
    let patient = tokio::spawn(async move { patient.to("bob").json(&4).await });
    assert_eq!(gateway.receive().await["data"], 1);
    assert_eq!(gateway.receive().await["data"], 2);
    gateway.answer(0, "OK").await;
    // What was sent without waiting for its answer is sent all the same, and its answer makes room.
    assert_eq!(gateway.receive().await["data"], 4);
    gateway.answer(1, "OK").await;
    gateway.answer(2, "OK").await;
    first.await.unwrap();
    patient.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn answers_match_after_the_sequence_was_set() {
    let (client, _events, mut gateway) = connected().await;
    let gateway = tokio::spawn(async move {
        for (request, seq) in
            [("SELF_SET_SEQ", 41), ("MESSAGE", 42), ("SELF_SET_SEQ", Seq::MAX.value()), ("MESSAGE", 0)]
        {
            assert_eq!(gateway.receive().await["type"], request);
            gateway.answer(seq, "OK").await;
        }
    });
    client.set_sequence(Seq::new(41).unwrap()).await.unwrap();
    client.to("bob").json(&1).await.unwrap();
    client.set_sequence(Seq::MAX).await.unwrap();
    client.to("bob").json(&2).await.unwrap();
    gateway.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_fails_calls_at_once_and_says_whether_they_were_sent() {
    let (client, _events, gateway) = connect(builder(), 1024).await.unwrap();
    // The first fills the pipe, so that the second stays where it is.
    let sent = tokio::spawn(client.to("bob").json(&"x".repeat(10_000)).into_future());
    tokio::task::yield_now().await;
    let queued = tokio::spawn(client.to("bob").json(&2).into_future());
    tokio::task::yield_now().await;
    let start = Instant::now();
    drop(gateway);

    let sent = sent.await.unwrap().unwrap_err();
    assert!(
        matches!(sent, CallError::Lost { wire: Wire::MaybeSent, cause: CloseCause::Lost { .. } }),
        "{sent:?}"
    );
    assert!(!sent.safe_to_repeat());
    let queued = queued.await.unwrap().unwrap_err();
    assert!(matches!(queued, CallError::Lost { wire: Wire::NotSent, .. }), "{queued:?}");
    assert!(queued.safe_to_repeat());
    assert_eq!(start.elapsed(), Duration::ZERO);

    let later = client.whoami().await.unwrap_err();
    assert!(matches!(later, CallError::Closed { cause: CloseCause::Lost { .. } }), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_does_not_take_is_not_sent() {
    let (client, _events, mut gateway) = connected().await;
    let error = client.to("bob").json(&"x".repeat(65_536)).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { size, limit: 65_536 } if size > 65_536), "{error}");
    client.to("bob").try_json(&1).unwrap();
    assert_eq!(gateway.receive().await["data"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_gateway_says_what_it_takes() {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let hello = json!({
        "type": "HELLO", "uuid": UUID, "version": "0.2.0", "features": ["compact"], "intents": [],
        "server": "concierge-server 0.3.0",
        "limits": {"name": 64, "service": 128, "nickname": 128, "message": 100, "depth": 64, "subscriptions": 1, "services": 1},
    });
    let (connected, _gateway) =
        tokio::join!(builder().connect_over(ours), Gateway::welcome_with(theirs, &hello));
    let (client, _events) = connected.unwrap();
    assert_eq!(client.session().server(), Some("concierge-server 0.3.0"));
    assert_eq!(client.session().message_limit(), 100);
    let error = client.to("bob").json(&"x".repeat(100)).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { limit: 100, .. }));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_no_use_fails_its_own_call_and_no_other() {
    let (client, _events, mut gateway) = connected().await;
    let calls: Vec<_> = (0..4).map(|_| tokio::spawn(client.call(SelfFetch {}).into_future())).collect();
    for _ in 0..4 {
        gateway.receive().await;
    }
    gateway.send(&json!({"seq": 0, "type": "FROM_THE_FUTURE"})).await;
    gateway.send(&json!({"seq": 1, "type": "SELF_FETCH_RESULT"})).await;
    gateway.send(&json!({"seq": 2, "type": "OK"})).await;
    gateway.send(&json!({"seq": 3, "type": "ERROR_INTERNAL", "desc": "oops"})).await;
    let mut errors = Vec::new();
    for call in calls {
        errors.push(call.await.unwrap().unwrap_err());
    }
    assert!(matches!(&errors[0], CallError::Decode(UselessReply::Unreadable(_))));
    assert!(
        errors[1].to_string().contains("field `client`") || errors[1].to_string().contains("missing field"),
        "{}",
        errors[1]
    );
    assert!(
        matches!(&errors[2], CallError::Decode(UselessReply::Mismatched { answer }) if answer == r#"{"type":"OK"}"#)
    );
    assert!(matches!(&errors[3], CallError::Rejected(Rejection::Internal { desc }) if desc == "oops"));
    assert!(client.close_cause().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_none_is_an_error_at_the_call() {
    let (client, _events, _gateway) = connected().await;
    let error = client.subscribe("").await.unwrap_err();
    assert_eq!(error.to_string(), "a service name must not be empty");
    let error = client.create_service("svc").nickname("x".repeat(200)).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidName(_)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_json_is_an_error_at_the_call() {
    let (client, _events, _gateway) = connected().await;
    let keyed_by_pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = client.to("bob").json(&keyed_by_pairs).await.unwrap_err();
    assert!(matches!(error, CallError::Encode(_)));
}

#[tokio::test(start_paused = true)]
async fn a_ping_tells_how_long_the_answer_took() {
    let (client, _events, mut gateway) = connected().await;
    let pinging = client.clone();
    let pinging = tokio::spawn(async move { pinging.ping().await });
    tokio::time::sleep(Duration::from_millis(40)).await;
    // Reading is what answers the ping.
    tokio::spawn(async move { gateway.next().await });
    assert_eq!(pinging.await.unwrap().unwrap(), Duration::from_millis(40));
}

#[tokio::test(start_paused = true)]
async fn calls_and_clients_can_be_sent_between_threads() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    fn shareable<T: Sync>(_: &T) {}
    let (client, events, mut gateway) = connected().await;
    shareable(&client);
    drop(sendable(events));
    drop(sendable(client.clone()));
    drop(sendable(client.ping()));
    drop(sendable(client.wait_for(Duration::from_secs(1), |_| Some(()))));
    let call = tokio::spawn(sendable(client.to("bob").json(&1).into_future()));
    gateway.receive().await;
    gateway.close(4011, "Slow consumer").await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"closed by the gateway with 4011 SLOW_CONSUMER, "Slow consumer", before the request was answered"#
    );
    assert_eq!(client.closed().await.code(), Some(CloseCode::SlowConsumer));
}
