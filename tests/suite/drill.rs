//! The drill: a gateway that is killed and started again, over and over, under clients that have work to do.
//!
//! No call hangs, no call reports what did not happen, everything comes back each time, and nothing grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use concierge_client::{
    Asked, Client, MessageError, ReconnectPolicy, ServeOptions, Serving, Subscription, Target,
};
use support::gateway::GatewayProcess;
use support::process::resident_bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How often the gateway is killed.
const KILLS: u64 = 100;

/// How many clients own a service, and how many subscribe to one of them.
const OWNERS: usize = 5;
const SUBSCRIBERS: usize = 15;

/// What must have been done between two kills.
const ANSWERS_BETWEEN: u64 = 200;

/// A wait that takes longer than this hangs.
const HANGS: Duration = Duration::from_mins(1);

/// How much more memory there may be at the end than after a fifth of the kills.
const GROWTH: usize = 8 * 1024 * 1024;

/// What the clients have done together.
#[derive(Debug, Default)]
struct Done {
    answered: watch::Sender<u64>,
    failed: AtomicU64,
    heard: AtomicU64,
    is_over: AtomicBool,
}

#[test]
#[ignore = "kills the release gateway a hundred times: tests/run runs it"]
fn a_gateway_that_is_killed_a_hundred_times_costs_no_call_its_end() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(drill());
}

async fn drill() {
    let mut gateway = GatewayProcess::start(&[]).unwrap();
    let url = gateway.url();
    let done = Arc::new(Done::default());
    let mut clients = Vec::new();
    let mut tasks = JoinSet::new();
    let mut servings = Vec::new();
    for number in 0..OWNERS {
        let client = connected(&url, &format!("owner_{number}")).await;
        servings.push(own(&client, number, &mut tasks, &done).await);
        clients.push(client);
    }
    let mut subscriptions = Vec::new();
    let mut listeners = JoinSet::new();
    for number in 0..SUBSCRIBERS {
        let client = connected(&url, &format!("subscriber_{number}")).await;
        let subscription = client.subscription(service(number % OWNERS)).open::<u64>().await.unwrap();
        subscriptions.push(subscription.statuses());
        tasks.spawn(ask(client.clone(), number, Arc::clone(&done)));
        listeners.spawn(listen(subscription, Arc::clone(&done)));
        clients.push(client);
    }

    let mut memory_before = None;
    for kill in 1..=KILLS {
        gateway = gateway.replace().unwrap();
        for client in &clients {
            in_time("coming back", came_back(client, kill)).await;
        }
        for statuses in &mut subscriptions {
            in_time("subscribing again", async {
                while let Some(status) = statuses.next().await {
                    assert!(!status.is_final(), "a subscription is {status:?}");
                    if status.is_live() {
                        return;
                    }
                }
            })
            .await;
        }
        let mut answered = done.answered.subscribe();
        let goal = *answered.borrow() + ANSWERS_BETWEEN;
        in_time("working", answered.wait_for(|answered| *answered >= goal)).await.unwrap();
        if kill == KILLS / 5 {
            memory_before = Some(resident_bytes(std::process::id()));
        }
    }
    let memory = resident_bytes(std::process::id());

    done.is_over.store(true, Ordering::Relaxed);
    in_time("the last calls", async {
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    })
    .await;
    drop(servings);
    println!(
        "{KILLS} kills: {} requests answered, {} failed at once, {} messages heard; {} KiB resident at first, {} at last",
        *done.answered.borrow(),
        done.failed.load(Ordering::Relaxed),
        done.heard.load(Ordering::Relaxed),
        memory_before.unwrap_or_default() / 1024,
        memory / 1024,
    );
    assert!(done.heard.load(Ordering::Relaxed) > KILLS, "subscribers heard nothing");
    assert!(memory <= memory_before.unwrap_or_default() + GROWTH, "memory grew");
    for client in clients {
        in_time("draining", client.drain(Duration::from_secs(5))).await.unwrap();
    }
    in_time("the streams", async {
        while let Some(ended) = listeners.join_next().await {
            ended.unwrap();
        }
    })
    .await;
}

async fn in_time<F: IntoFuture>(what: &str, future: F) -> F::Output {
    timeout(HANGS, future).await.unwrap_or_else(|_elapsed| panic!("{what} hangs"))
}

fn service(number: usize) -> String {
    format!("service {number}")
}

async fn connected(url: &str, name: &str) -> Client {
    let impatient = ReconnectPolicy::default().between(Duration::from_millis(5), Duration::from_millis(50));
    Client::builder(url, name).unwrap().reconnect(impatient).connect().await.unwrap()
}

/// Waits until the client is connected for the nth time after the first.
async fn came_back(client: &Client, kills: u64) {
    let mut states = client.states();
    while !(client.state().is_connected() && client.session().epoch >= kills) {
        let state = states.next().await;
        assert!(state.is_some_and(|state| !state.is_closed()), "a client gave up");
    }
}

/// Opens a service that answers with twice what it is asked, and tells its subscribers numbers that grow.
async fn own(client: &Client, number: usize, tasks: &mut JoinSet<()>, done: &Arc<Done>) -> Serving {
    let service = client.create_service(service(number)).open().await.unwrap();
    let serving = service
        .serve(ServeOptions::default(), |asked: Asked<u64>| async move { Ok::<_, String>(asked.body * 2) });
    let (client, done) = (client.clone(), Arc::clone(done));
    tasks.spawn(async move {
        let mut published = 0_u64;
        while !done.is_over.load(Ordering::Relaxed) {
            published += 1;
            match in_time("publishing", service.publish(&published)).await {
                Ok(()) => {}
                Err(_) => until_connected(&client).await,
            }
            assert!(!service.status().is_final(), "a service is {:?}", service.status());
            tokio::task::yield_now().await;
        }
    });
    serving
}

/// Asks a service's owner, and looks whether the answer is the answer to that.
async fn ask(client: Client, number: usize, done: Arc<Done>) {
    let service = Target::service(service(number % OWNERS).parse().unwrap());
    let mut question = (number as u64) << 32;
    while !done.is_over.load(Ordering::Relaxed) {
        question += 1;
        let asked = in_time("a request", client.request::<u64>(service.clone(), &question)).await;
        if let Ok(answer) = asked {
            assert_eq!(answer, question * 2, "an answer to another question");
            done.answered.send_modify(|answered| *answered += 1);
        } else {
            done.failed.fetch_add(1, Ordering::Relaxed);
            until_connected(&client).await;
        }
    }
}

/// Listens to a service, whose owner tells numbers that grow, until the client is drained.
async fn listen(mut subscription: Subscription<u64>, done: Arc<Done>) {
    let mut last = 0;
    while let Some(message) = subscription.next().await {
        match message {
            Ok(message) => {
                assert!(message.data > last, "{} came after {last}", message.data);
                last = message.data;
                done.heard.fetch_add(1, Ordering::Relaxed);
            }
            Err(MessageError::Lagged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// There is nothing to do without a connection.
async fn until_connected(client: &Client) {
    let mut states = client.states();
    in_time("coming back", async {
        while !client.state().is_connected() {
            assert!(states.next().await.is_some(), "a client gave up");
        }
    })
    .await;
}
