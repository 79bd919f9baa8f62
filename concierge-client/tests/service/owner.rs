//! The owner's handle.

use std::time::Duration;

use concierge_client::{
    CallError, Client, MessageError, OpenError, Status,
    payload::{Intent, Intents},
    session::Loss,
    testing::ScriptedGateway,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::real::{client, gateway};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
}

#[tokio::test]
async fn a_name_that_another_client_has_is_no_service_of_this_one() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let first = alice.create_service("news").nickname("The news").open().await.unwrap();
    let again = alice.create_service("news").open().await.unwrap();
    assert_eq!((first.status(), again.status()), (Status::Live, Status::Live));
    match bob.create_service("news").open().await.unwrap_err() {
        OpenError::Taken { service } => assert_eq!(service.owner_uuid, alice.uuid()),
        other => panic!("{other:?}"),
    }
    let invalid = bob.create_service("").open().await.unwrap_err();
    assert!(matches!(invalid, OpenError::Call(CallError::InvalidName(_))), "{invalid:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_item_and_not_the_end() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let service = alice.create_service("points").open().await.unwrap();
    let mut points = service.messages::<Point>();
    let subscription = bob.subscription("points").open::<()>().await.unwrap();
    subscription.send(&Point { x: 1 }).await.unwrap();
    subscription.send("no point").await.unwrap();
    // What is sent to the owner and not to the service is not the service's.
    bob.to("alice").json(&Point { x: 0 }).await.unwrap();
    subscription.send(&json!({"x": 2, "y": 1.10})).await.unwrap();
    assert_eq!(points.next().await.unwrap().unwrap().data, Point { x: 1 });
    match points.next().await.unwrap() {
        Err(MessageError::Decode { message, .. }) => assert_eq!(message.data.as_str(), "\"no point\""),
        other => panic!("{other:?}"),
    }
    let point = points.next().await.unwrap().unwrap();
    assert_eq!((point.data, point.raw.as_str()), (Point { x: 2 }, r#"{"x":2,"y":1.1}"#));
    assert_eq!(point.origin.uuid, bob.uuid());
}

#[tokio::test]
async fn a_stream_that_is_read_too_slowly_says_what_is_missing() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let service = alice.create_service("numbers").open().await.unwrap();
    let mut numbers = service.messages::<u32>().capacity(2);
    let subscription = bob.subscription("numbers").open::<()>().await.unwrap();
    let last = alice.wait_for(Duration::from_secs(10), |event| match event {
        concierge_client::Event::Message(message) if message.data.as_str() == "4" => Some(()),
        _ => None,
    });
    for number in 0..5 {
        subscription.send(&number).await.unwrap();
    }
    last.await.unwrap();
    assert!(matches!(numbers.next().await, Some(Err(MessageError::Lagged { missed: 3 }))));
    assert_eq!(numbers.next().await.unwrap().unwrap().data, 3);
    assert_eq!(numbers.next().await.unwrap().unwrap().data, 4);
}

#[tokio::test]
async fn dropping_the_handle_deletes_nothing_and_delete_does() {
    let url = gateway().await;
    let alice = client(&url, "alice").await;
    drop(alice.create_service("news").open().await.unwrap());
    assert_eq!(alice.service("news").await.unwrap().owner_uuid, alice.uuid());
    let service = alice.create_service("news").open().await.unwrap();
    let mut messages = service.messages::<()>();
    let mut statuses = service.statuses();
    assert_eq!(statuses.next().await, Some(Status::Live));
    service.delete().await.unwrap();
    assert_eq!(service.settled().await, Status::Deleted);
    assert_eq!(statuses.next().await, Some(Status::Deleted));
    assert!(statuses.next().await.is_none());
    assert!(messages.next().await.is_none());
    // Another service of this name is another service.
    let next = alice.create_service("news").open().await.unwrap();
    assert_eq!((next.status(), service.status()), (Status::Live, Status::Deleted));
}

#[tokio::test]
async fn subscribers_are_kept_current() {
    let url = gateway().await;
    let (alice, bob, carol) =
        (client(&url, "alice").await, client(&url, "bob").await, client(&url, "carol").await);
    let service = alice.create_service("news").open().await.unwrap();
    let bobs = bob.subscription("news").open::<()>().await.unwrap();
    assert_eq!(service.subscribers().await.unwrap(), [bob.uuid()]);
    // Whoever does something after an event that the owner has seen knows that the list has seen it.
    let seen = || {
        alice.wait_for(Duration::from_secs(10), |event| match event {
            concierge_client::Event::ServiceClientSubscribed { .. }
            | concierge_client::Event::ServiceClientUnsubscribed { .. } => Some(()),
            _ => None,
        })
    };
    let came = seen();
    let _carols = carol.subscription("news").open::<()>().await.unwrap();
    came.await.unwrap();
    assert_eq!(service.subscribers().await.unwrap(), [bob.uuid(), carol.uuid()]);
    let went = seen();
    drop(bobs);
    went.await.unwrap();
    assert_eq!(service.subscribers().await.unwrap(), [carol.uuid()]);
    let left = seen();
    carol.close().await;
    left.await.unwrap();
    assert!(service.subscribers().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_list_of_subscribers_is_asked_for_once() {
    let builder = Client::builder("ws://gateway/ws", "alice").unwrap();
    let (alice, _events, mut gateway) = ScriptedGateway::connect(builder).await.unwrap();
    let other = uuid::Uuid::from_u128(7);
    let about = json!({"name": "news", "nickname": null, "owner_uuid": gateway.uuid(), "subscribers": [gateway.uuid(), other]});
    let script = async {
        gateway.expect(&json!({"type": "SERVICE_CREATE", "service": "news"})).await;
        gateway.answer(&json!({"type": "SERVICE_CREATE_RESULT", "successful": true, "service": about})).await;
        gateway.expect(&json!({"type": "SELF_SUBSCRIBE", "service": "news"})).await;
        gateway.answer(&json!({"type": "SELF_SUBSCRIBE_RESULT", "successful": true, "service": about})).await;
        gateway.expect(&json!({"type": "SELF_FETCH"})).await;
    };
    let asks = async {
        let service = alice.create_service("news").open().await.unwrap();
        for _ in 0..3 {
            assert_eq!(service.subscribers().await.unwrap(), [other]);
        }
        assert!(tokio::time::timeout(Duration::from_secs(1), alice.whoami().into_future()).await.is_err());
    };
    tokio::join!(script, asks);
}

#[tokio::test]
async fn subscribers_are_asked_for_anew_when_the_owner_has_unsubscribed_from_itself() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let service = alice.create_service("news").open().await.unwrap();
    assert!(service.subscribers().await.unwrap().is_empty());
    alice.unsubscribe("news").await.unwrap();
    let _bobs = bob.subscription("news").open::<()>().await.unwrap();
    assert_eq!(service.subscribers().await.unwrap(), [bob.uuid()]);
}

#[tokio::test]
async fn subscribers_need_an_intent() {
    let url = gateway().await;
    let builder = Client::builder(&url, "alice").unwrap().intents(Intents::NONE.with(Intent::Services));
    let alice = builder.connect().await.unwrap();
    let service = alice.create_service("news").open().await.unwrap();
    let error = service.subscribers().await.unwrap_err();
    assert!(matches!(error, CallError::IntentOff { intent: Intent::Subscribers }), "{error}");
}

#[tokio::test]
async fn a_service_is_lost_with_its_client() {
    let url = gateway().await;
    let alice = client(&url, "alice").await;
    let service = alice.create_service("news").open().await.unwrap();
    let mut messages = service.messages::<()>();
    alice.close().await;
    assert_eq!(service.settled().await, Status::Lost(Loss::Ended));
    assert!(messages.next().await.is_none());
    assert!(matches!(service.publish(&1).await, Err(CallError::Closed { .. })));
}
