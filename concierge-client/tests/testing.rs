//! The scripted gateway, as a test uses it: what it expects, how it counts, how it falls silent.
#![expect(clippy::unwrap_used, reason = "what is not as expected is to end the test")]

use std::time::Duration;

use concierge_client::{
    CallError, Client, CloseCause, CloseCode, ConnectError, Event,
    payload::Seq,
    testing::{ScriptedGateway, ScriptedListener},
};
use serde_json::json;
use tokio::time::Instant;

fn alice(url: &str) -> concierge_client::ClientBuilder {
    Client::builder(url, "alice").unwrap().no_reconnect()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_finds_something_else_says_what() {
    let (client, _events, mut gateway) = ScriptedGateway::connect(alice("ws://gateway/ws")).await.unwrap();
    let script = tokio::spawn(async move { gateway.expect_kind("SELF_FETCH").await });
    drop(client.to("bob").try_json(&1).unwrap());
    let panic = script.await.unwrap_err().into_panic();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("expected SELF_FETCH, found {\"data\":1,"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn it_counts_as_a_gateway_counts() {
    let (client, _events, mut gateway) = ScriptedGateway::connect(alice("ws://gateway/ws")).await.unwrap();
    assert_eq!(gateway.last_seq(), None);
    let script = tokio::spawn(async move {
        gateway.expect(&json!({"type": "SELF_SET_SEQ", "seq": 41})).await;
        assert_eq!(gateway.last_seq(), Some(41));
        gateway.answer(&json!({"type": "OK"})).await;
        let first = gateway.expect_kind("MESSAGE").await;
        let second = gateway.expect_kind("MESSAGE").await;
        assert_eq!((first.get("data"), second.get("data")), (Some(&json!(1)), Some(&json!(2))));
        gateway.answer_to(43, &json!({"type": "OK"})).await;
        gateway.answer_to(42, &json!({"type": "BAD"})).await;
        gateway
    });
    client.set_sequence(Seq::new(41).unwrap()).await.unwrap();
    let (first, second) = (client.to("bob").try_json(&1).unwrap(), client.to("bob").try_json(&2).unwrap());
    assert!(matches!(first.await, Err(CallError::Rejected(_))));
    second.await.unwrap();
    drop(script.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_delay_answers_pings_and_keeps_what_comes_for_the_next_step() {
    let (client, _events, mut gateway) = ScriptedGateway::connect(alice("ws://gateway/ws")).await.unwrap();
    let start = Instant::now();
    let call = tokio::spawn(client.whoami().timeout(Duration::from_hours(2)).into_future());
    // Longer than a silence may be.
    gateway.delay(Duration::from_hours(1)).await;
    assert_eq!(start.elapsed(), Duration::from_hours(1));
    gateway.expect(&json!({"type": "SELF_FETCH"})).await;
    gateway.answer(&json!({"type": "ERROR_UNSUPPORTED"})).await;
    assert!(matches!(call.await.unwrap(), Err(CallError::Rejected(_))));
}

#[tokio::test(start_paused = true)]
async fn silence_is_death() {
    let (client, _events, mut gateway) = ScriptedGateway::connect(alice("ws://gateway/ws")).await.unwrap();
    let cause = tokio::select! {
        cause = client.closed() => cause,
        () = gateway.silence() => panic!("it never ends"),
    };
    assert!(matches!(cause, CloseCause::Silent { .. }), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn garbage_codes_and_closes_arrive_as_they_are() {
    let (client, mut events, mut gateway) = ScriptedGateway::connect(alice("ws://gateway/ws")).await.unwrap();
    gateway.send_binary([0, 1, 2]).await;
    gateway.send_text("garbage").await;
    gateway.deliver("bob", &json!([1])).await;
    gateway.close(4013, "Kicked").await;
    assert!(matches!(events.next().await, Some(Event::Unknown { raw, .. }) if raw == "garbage"));
    assert!(matches!(events.next().await, Some(Event::Message(message)) if message.origin.name == "bob"));
    assert_eq!(client.closed().await.code(), Some(CloseCode::Kicked));

    let (client, _events, mut gateway) = ScriptedGateway::connect(alice("ws://gateway/ws")).await.unwrap();
    let (code, ()) = tokio::join!(gateway.expect_close(), client.close());
    assert_eq!(code, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_gone_refuses() {
    let listener = ScriptedListener::in_memory();
    let builder = alice(&listener.url()).connect_through(listener.dialer());
    drop(listener);
    let error = builder.connect().await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    assert!(!matches!(error, ConnectError::Timeout { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_it_answers_to_identify_is_up_to_the_test() {
    let listener = ScriptedListener::in_memory();
    let builder = alice(&listener.url()).connect_through(listener.dialer());
    let script = async {
        let mut gateway = listener.accept().await;
        let id = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";
        let hello = json!({"type": "HELLO", "uuid": id, "version": "0.2.0", "server": "scripted"});
        let identify = gateway.welcome_with(&hello).await;
        assert_eq!(identify.get("name"), Some(&json!("alice")));
        assert_eq!(gateway.uuid().to_string(), id);
        gateway
    };
    let (connected, _gateway) = tokio::join!(builder.connect(), script);
    assert_eq!(connected.unwrap().session().server(), Some("scripted"));
}
