//! The subscriber's handle.

use std::time::Duration;

use concierge_client::{CallError, Client, Event, MessageError, Status, testing::ScriptedGateway};
use futures_util::StreamExt;
use serde_json::json;

use crate::real::{client, gateway};

#[tokio::test]
async fn the_last_handle_that_is_dropped_unsubscribes() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let service = alice.create_service("news").open().await.unwrap();
    assert!(service.subscribers().await.unwrap().is_empty());
    let gone = alice.wait_for(Duration::from_secs(10), |event| {
        matches!(event, Event::ServiceClientUnsubscribed { .. }).then_some(())
    });

    let first = bob.subscription("news").open::<u32>().await.unwrap();
    let mut second = bob.subscription("news").open::<u32>().await.unwrap();
    let mut third = second.clone();
    drop(first);
    service.publish(&1).await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap().data, 1);
    assert_eq!(third.next().await.unwrap().unwrap().data, 1);
    drop(second);
    service.publish(&2).await.unwrap();
    assert_eq!(StreamExt::next(&mut third).await.unwrap().unwrap().data, 2);
    assert_eq!(bob.whoami().await.unwrap().subscriptions.len(), 1);
    drop(third);
    gone.await.unwrap();
    assert!(bob.whoami().await.unwrap().subscriptions.is_empty());
}

#[tokio::test]
async fn it_waits_for_a_service_that_is_not_there_and_for_one_that_comes_back() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let mut news = bob.subscription("news").open::<u32>().await.unwrap();
    let mut statuses = news.statuses();
    assert_eq!(statuses.next().await, Some(Status::Pending));
    for round in 0..3 {
        let service = alice.create_service("news").open().await.unwrap();
        assert_eq!(statuses.next().await, Some(Status::Live));
        service.publish(&round).await.unwrap();
        assert_eq!(news.next().await.unwrap().unwrap().data, round);
        service.delete().await.unwrap();
        assert_eq!(statuses.next().await, Some(Status::Pending));
    }
}

#[tokio::test]
async fn only_what_the_owner_sends_by_the_service_is_in_it() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let news = alice.create_service("news").open().await.unwrap();
    let other = alice.create_service("other").open().await.unwrap();
    let mut subscription = bob.subscription("news").open::<u32>().await.unwrap();
    let _another = bob.subscription("other").open::<u32>().await.unwrap();
    alice.to("bob").json(&1).await.unwrap();
    other.publish(&2).await.unwrap();
    other.send_to(bob.uuid(), &3).await.unwrap();
    news.send_to(bob.uuid(), &4).await.unwrap();
    news.publish("no number").await.unwrap();
    news.publish(&5).await.unwrap();
    assert_eq!(subscription.next().await.unwrap().unwrap().data, 4);
    assert!(matches!(subscription.next().await, Some(Err(MessageError::Decode { .. }))));
    assert_eq!(subscription.next().await.unwrap().unwrap().data, 5);
}

#[tokio::test]
async fn the_owner_may_subscribe_to_its_own_service() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let service = alice.create_service("news").open().await.unwrap();
    let mut own = alice.subscription("news").open::<u32>().await.unwrap();
    let bobs = bob.subscription("news").open::<u32>().await.unwrap();
    bobs.send(&1).await.unwrap();
    service.publish(&2).await.unwrap();
    // Neither what bob sent to the owner nor what the owner published is for the owner as a subscriber.
    service.send_to(alice.uuid(), &3).await.unwrap();
    assert_eq!(own.next().await.unwrap().unwrap().data, 3);
}

#[tokio::test]
async fn what_is_not_the_name_of_a_service_is_an_error() {
    let url = gateway().await;
    let bob = client(&url, "bob").await;
    let error = bob.subscription("").open::<()>().await.unwrap_err();
    assert!(matches!(error, CallError::InvalidName(_)));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_the_gateway_refuses_is_an_error_and_is_given_up() {
    let builder = Client::builder("ws://gateway/ws", "bob").unwrap();
    let (bob, _events, mut gateway) = ScriptedGateway::connect(builder).await.unwrap();
    let opening = bob.subscription("news").open::<()>();
    let script = async {
        gateway.expect(&json!({"type": "SELF_SUBSCRIBE", "service": "news"})).await;
        gateway.answer(&json!({"type": "BAD", "desc": "too many subscriptions"})).await;
    };
    let (opened, ()) = tokio::join!(opening, script);
    assert!(matches!(opened, Err(CallError::Rejected(_))));
}

#[tokio::test]
async fn a_handle_of_a_subscription_that_is_over_ends_no_later_one() {
    let url = gateway().await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let service = alice.create_service("news").open().await.unwrap();
    let mut first = bob.subscription("news").open::<u32>().await.unwrap();
    bob.unsubscribe("news").await.unwrap();
    assert_eq!(first.settled().await, Status::Deleted);
    assert!(first.next().await.is_none());
    let mut second = bob.subscription("news").open::<u32>().await.unwrap();
    drop(first);
    assert_eq!(bob.whoami().await.unwrap().subscriptions.len(), 1);
    service.publish(&1).await.unwrap();
    assert_eq!(second.next().await.unwrap().unwrap().data, 1);
}

#[tokio::test]
async fn a_subscription_that_was_let_go_is_made_anew_by_the_next_handle() {
    let url = gateway().await;
    let (owner, reader) = (client(&url, "owner").await, client(&url, "reader").await);
    owner.create_service("news").open().await.unwrap();
    let subscribers = async || owner.service("news").await.unwrap().subscribers;
    for _ in 0..10 {
        let first = reader.subscription("news").open::<u32>().await.unwrap();
        drop(first);
        let second = reader.subscription("news").open::<u32>().await.unwrap();
        // An answer to a request of its own: what was asked in the background before it is done.
        reader.whoami().await.unwrap();
        assert_eq!(subscribers().await, [reader.uuid()]);
        drop(second);
    }
}
