//! What a web application was told is published is there, and so is what a client was told is permanent: after the whole gateway is
//! killed, or the power of its disk is cut, with many publishing at once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use concierge_client::Data;
use concierge_client::telegraphy::web::{DefineEvents, Publish};
use concierge_client::telegraphy::{
    AuthToken, Epoch, EventName, FetchHistory, Position, PublishError, Publisher, Telegraphy,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::application::{Application, KEY};
use support::disk::Disk;
use support::gateway::GatewayProcess;
use support::raw::RawSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

pub(crate) const EVENT: &str = "shop.Order";

/// How often the gateway is killed; for more of it by hand there is a variable.
const KILLS: usize = 20;

/// How often, if not so often.
const KILLS_WANTED: &str = "CONCIERGE_TEST_KILLS";

/// How often the power is cut.
const CUTS: usize = 5;

/// How many publish at once.
const PUBLISHERS: usize = 8;

/// How many it may refuse before it is killed.
const MOST_REFUSED: usize = 100;

/// How many events are read at once.
const PAGE: u32 = 500;

/// How many permanent subscriptions are made in a life, at most.
const SUBSCRIPTIONS: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "kills a gateway twenty times: tests/run runs it"]
async fn what_was_answered_is_there_in_order_and_once_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("telegraphy.store={}", folder.path().join("store.db").display());
    let kills = std::env::var(KILLS_WANTED).map_or(KILLS, |wanted| wanted.parse().unwrap());
    let mut promised = Promised::default();
    for kill in 0..=kills {
        let life = Life::begin(&store, &promised).await;
        // Another moment each time: with the first that is answered, and later ones.
        let moment = kill % KILLS;
        life.end_after(1 + moment * moment * 3, &mut promised, |gateway| {
            gateway.program.signal(Signal::KILL).unwrap();
        })
        .await;
    }
    println!(
        "{} events and {} permanent subscriptions answered by a gateway that was killed {kills} times: all are there",
        promised.events.len(),
        promised.kept
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a disk of its own, which tests/run lets it have as root"]
async fn what_was_answered_is_there_in_order_and_once_after_a_power_cut() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(why) => return println!("SKIPPED (there is no disk to cut the power of: {why:#})"),
    };
    let store = format!("telegraphy.store={}", disk.path().join("store.db").display());
    let mut promised = Promised::default();
    for cut in 0..=CUTS {
        let life = Life::begin(&store, &promised).await;
        life.end_after(1 + cut * cut * 40, &mut promised, |gateway| {
            disk.cut().unwrap();
            gateway.program.signal(Signal::KILL).unwrap();
        })
        .await;
        disk.mount_again().unwrap();
    }
    println!(
        "{} events and {} permanent subscriptions answered on a disk whose power was cut {CUTS} times: all are there",
        promised.events.len(),
        promised.kept
    );
}

/// What was answered in all lives.
#[derive(Default)]
struct Promised {
    epoch: Option<Epoch>,
    /// The number of each, and its offset.
    events: BTreeSet<(u64, u64)>,
    next: Arc<AtomicU64>,
    /// The session of the last life, and the permanent subscriptions that it has.
    session: Option<(String, BTreeSet<u64>)>,
    /// Permanent subscriptions of all lives.
    kept: usize,
}

/// A gateway on which many publish and one subscribes.
struct Life {
    gateway: GatewayProcess,
    answers: UnboundedReceiver<Result<(u64, Position), PublishError>>,
    subscriber: JoinHandle<(String, BTreeSet<u64>)>,
    is_ended: Arc<AtomicBool>,
    _application: Application,
}

impl Life {
    /// Starts a gateway, looks for what is promised, and goes on.
    async fn begin(store: &str, promised: &Promised) -> Self {
        let (gateway, application) = Application::start(&["--set", store]).unwrap();
        let publisher = Publisher::new(&format!("http://{}", application.address), KEY).unwrap();
        match &promised.epoch {
            None => define(&publisher).await,
            Some(epoch) => check(&gateway, epoch, &promised.events).await,
        }
        if let Some((session, kept)) = &promised.session {
            // A session of which nothing was answered as permanent may be gone with the gateway.
            let there = if kept.is_empty() { BTreeSet::new() } else { permanent(gateway.address(), session) };
            assert!(kept.is_subset(&there), "{kept:?} were answered, and {there:?} are there");
        }
        let (socket, session) = connect(gateway.address());
        let (answer, answers) = unbounded_channel();
        let is_ended = Arc::new(AtomicBool::new(false));
        for _ in 0..PUBLISHERS {
            let (next, is_ended) = (Arc::clone(&promised.next), Arc::clone(&is_ended));
            tokio::spawn(publish(publisher.clone(), next, is_ended, answer.clone()));
        }
        let subscriber = tokio::task::spawn_blocking(move || (session, subscribe(socket)));
        Self { gateway, answers, subscriber, is_ended, _application: application }
    }

    /// Ends it once so many events were answered, and keeps what was.
    async fn end_after(mut self, wanted: usize, promised: &mut Promised, end: impl FnOnce(&GatewayProcess)) {
        let (mut got, mut refused) = (0, 0);
        while got < wanted {
            match self.answers.recv().await.unwrap() {
                Ok((number, position)) => {
                    promised.epoch = Some(position.epoch);
                    promised.events.insert((number, position.offset));
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
        self.is_ended.store(true, Ordering::Relaxed);
        end(&self.gateway);
        while let Some(answer) = self.answers.recv().await {
            promised.events.extend(answer.map(|(number, position)| (number, position.offset)));
        }
        let (session, kept) = self.subscriber.await.unwrap();
        promised.kept += kept.len();
        promised.session = Some((session, kept));
    }
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
    is_ended: Arc<AtomicBool>,
    answer: UnboundedSender<Result<(u64, Position), PublishError>>,
) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let data = Data::from_value(&number).unwrap();
        let order = Publish::new(EventName::new(EVENT).unwrap(), data);
        let outcome = publisher.publish(order).await;
        let is_over = outcome.is_err() && is_ended.load(Ordering::Relaxed);
        if answer.send(outcome.map(|published| (number, published.position()))).is_err() || is_over {
            return;
        }
    }
}

/// An anonymous client of a gateway, and its answer to a request.
fn ask(socket: &mut RawSocket, id: u64, message: &str, args: &Value) -> anyhow::Result<Value> {
    socket.send_text(&json!({"message": message, "id": id, "args": args}).to_string())?;
    Ok(serde_json::from_str(&socket.read_text()?)?)
}

/// Who is connected, and its session.
fn connect(address: SocketAddr) -> (RawSocket, String) {
    let mut socket = RawSocket::upgraded_at(address, "/telegraphy/ws").unwrap();
    let answer = ask(&mut socket, 0, "CONNECT", &json!({"auth_token": ""})).unwrap();
    (socket, answer["data"]["session_token"].as_str().unwrap().to_owned())
}

/// Makes one permanent subscription after the other, until there are enough or the gateway is gone: those that were answered.
fn subscribe(mut socket: RawSocket) -> BTreeSet<u64> {
    let made = (1..=SUBSCRIPTIONS).take_while(|number| {
        // Nobody publishes what it wants.
        let args = json!({"event_name": EVENT, "filters": {"number": number}, "permanent": true});
        ask(&mut socket, *number, "SUBSCRIBE", &args).is_ok_and(|answer| answer["status"] == "SUBSCRIBED")
    });
    made.collect()
}

/// The permanent subscriptions that a session has.
fn permanent(address: SocketAddr, session: &str) -> BTreeSet<u64> {
    let mut socket = RawSocket::upgraded_at(address, "/telegraphy/ws").unwrap();
    let answer = ask(&mut socket, 1000, "RECONNECT", &json!({"session_token": session})).unwrap();
    let subscriptions = answer["subscriptions"].as_array().unwrap().iter();
    subscriptions.map(|one| one["filters"]["number"].as_u64().unwrap()).collect()
}

/// What is in the whole log: numbers and offsets, and how many there are. They are in order, and none is there twice.
pub(crate) async fn read(gateway: &GatewayProcess, epoch: &Epoch) -> (BTreeSet<(u64, u64)>, u64) {
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
            return (seen, offset);
        }
        for event in page.events {
            let there = event.meta.unwrap().offset.unwrap();
            assert!(there > offset, "{there} comes after {offset}");
            offset = there;
            let number: u64 = serde_json::from_str(event.data.unwrap().as_str()).unwrap();
            assert!(numbers.insert(number), "{number} is there twice");
            seen.insert((number, offset));
        }
    }
}

/// Reads the whole log, and looks for what was answered.
async fn check(gateway: &GatewayProcess, epoch: &Epoch, answered: &BTreeSet<(u64, u64)>) {
    let (seen, last) = read(gateway, epoch).await;
    assert_eq!(seen.len() as u64, last, "there is no gap");
    let missing: Vec<_> = answered.difference(&seen).collect();
    assert!(missing.is_empty(), "answered, but not there: {missing:?}");
}
