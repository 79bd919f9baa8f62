//! Readers who are stuck: they cost what their outboxes may hold, they are closed with 4011, and nobody else notices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::latency::Latencies;
use support::process::{peak_resident_bytes, resident_bytes};
use support::raw::{Arrival, CrowdSocket, Frame, Heard};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::{mebibytes, once_given_back, raise_descriptor_limit, until_metric};
use crate::metrics::{count, gateway, read};

/// How many listen all the time, and how many stop.
const LISTENERS: u32 = 1_000;
const STUCK: usize = 100;

/// What is broadcast, how often before anybody is stuck, and how far apart.
const BYTES: usize = 64 * 1024;
const BEFORE: u64 = 30;
const PACE: Duration = Duration::from_millis(80);

/// What the system keeps for one who is stuck: that is the client's, not the gateway's.
const KEEPS: u32 = 64 * 1024;

/// The most that is sent, and how far those who listen may be behind: a busy machine is no reason to be closed.
const MOST: usize = 1_000;
const BEHIND: usize = 8;

/// What they may cost together: one outbox, whose bytes they share, and for each what is on its way into its socket.
const MOST_ADDED: usize = (4 << 20) + STUCK * (256 << 10);

/// What the listeners share.
struct Hall {
    begun: Instant,
    before: Latencies,
    during: Latencies,
    /// For each broadcast, a permit for each listener who has it.
    heard: Vec<Semaphore>,
}

/// The number in a broadcast, and when it was sent.
fn parse(text: &str) -> (u64, Duration) {
    let (_, data) = text.split_once(r#""data":""#).unwrap();
    let mut words = data.split(' ').map(|word| word.parse().unwrap_or_default());
    (words.next().unwrap(), Duration::from_nanos(words.next().unwrap()))
}

/// Listens to everything up to the number that is the last.
async fn listen(mut socket: CrowdSocket, hall: Arc<Hall>, last: watch::Receiver<u64>) {
    let mut expected = 0;
    while expected <= *last.borrow() {
        let (number, sent) = parse(socket.next_text().await.unwrap());
        assert_eq!(number, expected, "a listener lost something");
        let latencies = if number < BEFORE { &hall.before } else { &hall.during };
        latencies.record(hall.begun.elapsed().saturating_sub(sent));
        hall.heard[usize::try_from(number).unwrap()].add_permits(1);
        expected += 1;
    }
}

/// Listens while everybody does, stops, and reads the rest when it is too late; returns how much that was, and how it was closed.
async fn get_stuck(mut socket: CrowdSocket, mut is_too_late: watch::Receiver<bool>) -> (usize, Option<u16>) {
    let mut expected = 0;
    while expected < BEFORE {
        assert_eq!(parse(socket.next_text().await.unwrap()).0, expected);
        expected += 1;
    }
    is_too_late.wait_for(|late| *late).await.unwrap();
    let mut late = 0;
    loop {
        match socket.next().await.unwrap() {
            Heard::Text(text) => {
                assert_eq!(parse(text).0, expected, "what was written is without gaps");
                expected += 1;
                late += 1;
            }
            Heard::Close(close) => return (late, close.code),
            Heard::End => return (late, None),
        }
    }
}

async fn join(address: SocketAddr, name: &str, arrival: Arrival) -> CrowdSocket {
    let mut socket = CrowdSocket::identified(address, name, "", arrival).await.unwrap();
    socket.send_text(r#"{"type":"SELF_SUBSCRIBE","service":"news"}"#).await.unwrap();
    let answer = socket.next_text().await.unwrap();
    assert!(answer.contains("SELF_SUBSCRIBE_RESULT"), "{answer}");
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures the release build for half a minute: tests/run runs it"]
async fn a_hundred_stuck_readers_of_eleven_hundred_cost_one_outbox_and_nobody_else_notices() {
    raise_descriptor_limit();
    // Those who are stuck answer no pings either, and that is not what they are tried for.
    let (gateway, metrics) = gateway(&["--set", "heartbeat.timeout=2m"]);
    let (address, process) = (gateway.address(), gateway.program.id());
    let mut owner = CrowdSocket::identified(address, "owner", "", Arrival::default()).await.unwrap();
    owner.send_text(r#"{"type":"SERVICE_CREATE","service":"news"}"#).await.unwrap();
    assert!(owner.next_text().await.unwrap().contains("SERVICE_CREATE_RESULT"));

    let hall = Arc::new(Hall {
        begun: Instant::now(),
        before: Latencies::new(),
        during: Latencies::new(),
        heard: (0..MOST).map(|_| Semaphore::new(0)).collect(),
    });
    let (last, told_last) = watch::channel(u64::MAX);
    let (is_too_late, told_late) = watch::channel(false);
    let (mut listeners, mut stuck) = (JoinSet::new(), JoinSet::new());
    for number in 0..LISTENERS {
        let socket = join(address, &format!("listens_{number}"), Arrival::default()).await;
        listeners.spawn(listen(socket, Arc::clone(&hall), told_last.clone()));
    }
    for number in 0..STUCK {
        let arrival = Arrival { keeps: Some(KEEPS), ..Arrival::default() };
        let socket = join(address, &format!("stuck_{number}"), arrival).await;
        stuck.spawn(get_stuck(socket, told_late.clone()));
    }

    let padding = "x".repeat(BYTES);
    let mut pace = tokio::time::interval(PACE);
    let mut sent = 0;
    let mut broadcast = async || {
        pace.tick().await;
        if let Some(earlier) = usize::try_from(sent).unwrap().checked_sub(BEHIND) {
            drop(hall.heard[earlier].acquire_many(LISTENERS).await.unwrap());
        }
        let data = format!("{sent} {} {padding}", hall.begun.elapsed().as_nanos());
        sent += 1;
        let target = r#"{"type":"SERVICE","service":"news"}"#;
        owner.send_text(&format!(r#"{{"type":"MESSAGE","target":{target},"data":"{data}"}}"#)).await.unwrap();
        assert!(owner.next_text().await.unwrap().ends_with(r#""type":"OK"}"#));
        sent
    };
    while broadcast().await < BEFORE {}
    let memory_before = resident_bytes(process);
    let closed = r#"concierge_closes_by_code_total{code="4011"}"#;
    loop {
        let sent = broadcast().await;
        let text = tokio::task::spawn_blocking(move || read(metrics)).await.unwrap();
        if count(&text, closed) == STUCK {
            // The next is the last.
            last.send_replace(sent);
            break;
        }
    }
    let memory_added = peak_resident_bytes(process).saturating_sub(memory_before);
    is_too_late.send_replace(true);
    let sent = broadcast().await;
    while let Some(listened) = listeners.join_next().await {
        listened.unwrap();
    }
    let mut read_late = 0;
    while let Some(ended) = stuck.join_next().await {
        let (late, code) = ended.unwrap();
        assert_eq!(code, Some(4011));
        read_late += late;
    }
    let memory_after = resident_bytes(process);
    println!(
        "{STUCK} of {} readers stuck while {sent} messages of {} KiB were broadcast: {} more memory at most, {} in the end; \
         all {STUCK} closed with 4011 after {} messages each; latency of the others before: {}; meanwhile: {}",
        STUCK + LISTENERS as usize,
        BYTES / 1024,
        mebibytes(memory_added),
        mebibytes(memory_after.saturating_sub(memory_before)),
        read_late / STUCK,
        hall.before,
        hall.during,
    );
    assert!(memory_added < MOST_ADDED, "{STUCK} stuck readers took {memory_added} bytes");
}

/// How many ask for much and read nothing, and how much that is: the list of so many services, whose names are as long as may be.
const GREEDY: usize = 200;
const SERVICES: usize = 10_000;
const NAME: usize = 128;

/// What is as good as nothing of all that.
const KEPT: usize = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures the release build: tests/run runs it"]
async fn answers_of_megabytes_that_nobody_reads_take_their_own_room_once() {
    raise_descriptor_limit();
    let settings = ["heartbeat.timeout=2m", "limits.services=unlimited"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let (gateway, metrics) = gateway(&settings);
    let (address, process) = (gateway.address(), gateway.program.id());
    let mut owner = CrowdSocket::identified(address, "owner", "", Arrival::default()).await.unwrap();
    for number in 0..SERVICES {
        let create = format!(r#"{{"type":"SERVICE_CREATE","service":"{number:0NAME$}"}}"#);
        owner.send_text(&create).await.unwrap();
        assert!(owner.next_text().await.unwrap().contains("SERVICE_CREATE_RESULT"));
    }
    let ask = r#"{"type":"SERVICE_FETCH_ALL"}"#;
    owner.send_text(ask).await.unwrap();
    let answer = owner.next_text().await.unwrap().len();

    let mut greedy = Vec::new();
    for number in 0..GREEDY {
        let arrival = Arrival { keeps: Some(KEEPS), ..Arrival::default() };
        greedy
            .push(CrowdSocket::identified(address, &format!("greedy_{number}"), "", arrival).await.unwrap());
    }
    let memory_before = resident_bytes(process);
    for socket in &greedy {
        // More than the system takes for anybody.
        socket.send_bytes(&Frame::text(ask).encode().repeat(8)).await.unwrap();
    }
    let closed = r#"concierge_closes_by_code_total{code="4011"}"#;
    until_metric(metrics, closed, |closed| closed == GREEDY).await;
    let memory_peak = peak_resident_bytes(process).saturating_sub(memory_before);
    drop(greedy);
    until_metric(metrics, "concierge_clients", |clients| clients == 1).await;
    until_metric(metrics, "concierge_connections", |connections| connections == 1).await;
    let begun = Instant::now();
    let memory_after = once_given_back(process, metrics, memory_before + KEPT).await;
    println!(
        "{GREEDY} answers of {} that nobody reads: {} more memory at most, {} when they are closed, after {:.1?}",
        mebibytes(answer),
        mebibytes(memory_peak),
        mebibytes(memory_after.saturating_sub(memory_before)),
        begun.elapsed(),
    );
    // Once, and what the allocator has not given back yet of what writing them took.
    let most = GREEDY * (answer + answer / 4 + (64 << 10));
    assert!(memory_peak < most, "{GREEDY} answers of {answer} bytes took {memory_peak} bytes");
}
