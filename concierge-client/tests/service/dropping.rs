//! Futures of handles and requests that are dropped at each of their awaits: whatever they were at, the client goes on and
//! nothing is left behind.

use std::time::Duration;

use concierge_client::{Asked, Client, ServeOptions, Service, Subscription};

use crate::{
    dropped::{Dropped, poll_times},
    real::{client, gateway},
};

/// Who and what the futures are about: alice owns `work` and serves it, bob subscribes to it.
struct Scene {
    alice: Client,
    bob: Client,
    service: Service,
    subscription: Subscription<u32>,
}

/// Drops the future that this makes at each of its awaits, and looks each time whether everything goes on.
async fn survives_being_dropped(what: &str, begin: impl Fn(&Scene) -> Dropped) {
    let url = gateway().await;
    for times in 0.. {
        assert!(times < 50, "{what} is never complete");
        let alice = client(&url, "alice").await;
        let bob = client(&url, "bob").await;
        let service = alice.create_service("work").open().await.unwrap();
        let serving =
            service.serve(ServeOptions::default(), async |asked: Asked<u32>| Ok::<_, String>(asked.body + 1));
        let subscription = bob.subscription("work").open::<u32>().await.unwrap();
        let mut other = subscription.clone();
        let scene = Scene { alice: alice.clone(), bob: bob.clone(), service, subscription };

        let complete = poll_times(begin(&scene), times).await;

        let told = format!("{what} dropped after {times}");
        assert_eq!(other.request::<u32>(&1).await.expect(&told), 2, "{told}");
        scene.service.publish(&7).await.expect(&told);
        assert_eq!(other.next().await.expect(&told).expect(&told).data, 7, "{told}");
        assert_eq!(scene.service.subscribers().await.expect(&told), [bob.uuid()], "{told}");
        // A subscription that nobody holds is none.
        let subscriptions = bob.whoami().await.expect(&told).subscriptions;
        assert_eq!(subscriptions.len(), 1, "{told}: {subscriptions:?}");
        serving.drain(Duration::from_secs(10)).await.expect(&told);
        tokio::join!(alice.close(), bob.close());
        if complete {
            assert!(times > 0, "{what} awaits nothing");
            return;
        }
    }
}

#[tokio::test]
async fn opening_a_service() {
    survives_being_dropped("a new service", |scene| {
        let opening = scene.alice.create_service("another").open();
        Box::pin(async move { drop(opening.await) })
    })
    .await;
    survives_being_dropped("a service again", |scene| {
        let opening = scene.alice.create_service("work").open();
        Box::pin(async move { drop(opening.await) })
    })
    .await;
}

#[tokio::test]
async fn opening_a_subscription() {
    survives_being_dropped("a subscription that waits", |scene| {
        let opening = scene.bob.subscription("not there").open::<u32>();
        Box::pin(async move { drop(opening.await) })
    })
    .await;
    survives_being_dropped("a subscription", |scene| {
        let (alice, bob) = (scene.alice.clone(), scene.bob.clone());
        Box::pin(async move {
            drop(alice.create_service("more").await);
            drop(bob.subscription("more").open::<u32>().await);
        })
    })
    .await;
}

#[tokio::test]
async fn asking_for_the_subscribers() {
    survives_being_dropped("subscribers", |scene| {
        let service = scene.service.clone();
        Box::pin(async move { drop(service.subscribers().await) })
    })
    .await;
}

#[tokio::test]
async fn asking_and_being_answered() {
    survives_being_dropped("request", |scene| {
        let asking = scene.subscription.request::<u32>(&1);
        Box::pin(async move { drop(asking.await) })
    })
    .await;
    survives_being_dropped("a request to a client", |scene| {
        let asking = scene.bob.request::<u32>("nobody", &1);
        Box::pin(async move { drop(asking.await) })
    })
    .await;
}

#[tokio::test]
async fn waiting_for_a_message() {
    survives_being_dropped("next", |scene| {
        let (service, mut subscription) = (scene.service.clone(), scene.subscription.clone());
        Box::pin(async move {
            drop(service.publish(&7).await);
            drop(subscription.next().await);
            drop(subscription.settled().await);
        })
    })
    .await;
}
