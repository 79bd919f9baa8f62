//! What a web application was told is published is there: after the whole gateway is killed, with many publishing at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use concierge_client::Data;
use concierge_client::telegraphy::web::{DefineEvents, Publish};
use concierge_client::telegraphy::{
    AuthToken, Epoch, EventName, FetchHistory, Position, PublishError, Publisher, Telegraphy,
};
use rustix::process::Signal;
use serde_json::json;
use support::application::{Application, KEY};
use support::gateway::GatewayProcess;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const EVENT: &str = "shop.Order";

const KILLS: usize = 10;

/// How many publish at once.
const PUBLISHERS: usize = 8;

/// How many it may refuse before it is killed.
const MOST_REFUSED: usize = 100;

/// How many events are read at once.
const PAGE: u32 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "kills a gateway ten times: tests/run runs it"]
async fn what_was_answered_is_there_in_order_and_once_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("telegraphy.store={}", folder.path().join("store.db").display());
    let (mut answered, mut epoch) = (BTreeSet::new(), None);
    let next = Arc::new(AtomicU64::new(0));
    for kill in 0..=KILLS {
        let (gateway, application) = Application::start(&["--set", &store]).unwrap();
        let publisher = Publisher::new(&format!("http://{}", application.address), KEY).unwrap();
        match &epoch {
            None => define(&publisher).await,
            Some(epoch) => check(&gateway, epoch, &answered).await,
        }
        let (answer, mut answers) = unbounded_channel();
        let is_killed = Arc::new(AtomicBool::new(false));
        for _ in 0..PUBLISHERS {
            let (next, is_killed) = (Arc::clone(&next), Arc::clone(&is_killed));
            tokio::spawn(publish(publisher.clone(), next, is_killed, answer.clone()));
        }
        drop(answer);
        // Another moment each time: with the first that is answered, and later ones.
        let (wanted, mut got, mut refused) = (1 + kill * kill * 3, 0, 0);
        while got < wanted {
            match answers.recv().await.unwrap() {
                Ok((number, position)) => {
                    epoch = Some(position.epoch);
                    answered.insert((number, position.offset));
                    got += 1;
                }
                // A machine that is busy may refuse some, which are not promised anything.
                Err(error) => {
                    refused += 1;
                    println!("refused: {error}");
                    assert!(refused < MOST_REFUSED, "{error}");
                }
            }
        }
        is_killed.store(true, Ordering::Relaxed);
        gateway.program.signal(Signal::KILL).unwrap();
        while let Some(answer) = answers.recv().await {
            answered.extend(answer.map(|(number, position)| (number, position.offset)));
        }
    }
    println!("{} events answered by a gateway that was killed {KILLS} times: all are there", answered.len());
}

async fn define(publisher: &Publisher) {
    let definition = json!({"name": EVENT, "delivery": "guaranteed", "audience": "public"});
    let events = json!({"source": "shop", "events": [definition]});
    let events: DefineEvents = serde_json::from_value(events).unwrap();
    publisher.define(&events).await.unwrap();
}

/// Publishes numbers that nobody else does, until the gateway is gone.
async fn publish(
    publisher: Publisher,
    next: Arc<AtomicU64>,
    is_killed: Arc<AtomicBool>,
    answer: UnboundedSender<Result<(u64, Position), PublishError>>,
) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let data = Data::from_value(&number).unwrap();
        let order = Publish::new(EventName::new(EVENT).unwrap(), data);
        let outcome = publisher.publish(order).await;
        let is_over = outcome.is_err() && is_killed.load(Ordering::Relaxed);
        if answer.send(outcome.map(|published| (number, published.position()))).is_err() || is_over {
            return;
        }
    }
}

/// Reads the whole log, and looks for what was answered.
async fn check(gateway: &GatewayProcess, epoch: &Epoch, answered: &BTreeSet<(u64, u64)>) {
    let url = format!("ws://{}/telegraphy/ws", gateway.address());
    let telegraphy = Telegraphy::connect(url, AuthToken::anonymous()).await.unwrap();
    let (mut seen, mut numbers, mut offset) = (BTreeSet::new(), BTreeSet::new(), 0);
    loop {
        let history = FetchHistory {
            event_name: EventName::new(EVENT).unwrap(),
            filters: None,
            since: Some(Position { epoch: epoch.clone(), offset }),
            limit: Some(PAGE),
        };
        let page = telegraphy.history(history).await.unwrap();
        assert!(page.recovered && page.epoch == *epoch, "{page:?}");
        if page.events.is_empty() {
            break;
        }
        for event in page.events {
            offset += 1;
            assert_eq!(event.meta.unwrap().offset, Some(offset), "without gaps and in order");
            let number: u64 = serde_json::from_str(event.data.unwrap().as_str()).unwrap();
            assert!(numbers.insert(number), "{number} is there twice");
            seen.insert((number, offset));
        }
    }
    let missing: Vec<_> = answered.difference(&seen).collect();
    assert!(missing.is_empty(), "answered, but not there: {missing:?}");
}
