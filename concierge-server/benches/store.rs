//! What it costs to make an event durable, beside a file that is only appended to and synced: in one run, in turn.
//!
//! `cargo bench -p concierge-server --bench store`; as a test it does everything once and small, checking counts and no figures. Where
//! the store lies is the folder of temporary files: `TMPDIR` chooses the disk.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by a person, who reads what it prints and whom a panic tells enough"
)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use concierge_client::telegraphy::{Epoch, EventName, Timestamp};
use concierge_server::events::record::{Change, EventRecord};
use concierge_server::store::{Query, Store};

/// How many publish at the same time, each waiting for its answer.
const PUBLISHERS: [usize; 4] = [1, 8, 64, 256];

/// Bytes of an event's data.
const DATA: usize = 200;

fn main() {
    let is_trial = !std::env::args().any(|argument| argument == "--bench");
    let (rounds, events) = if is_trial { (1, 256) } else { (5, 6_400) };
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store.db"), 1 << 30).unwrap();
    let next = AtomicU64::new(1);
    println!(
        "events of {DATA} bytes, each durable before the next of its publisher; median of {rounds} rounds"
    );
    for publishers in PUBLISHERS {
        // One after the other there are as many as the disk lets through.
        let events = if publishers == 1 { events / 16 } else { events };
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(publish(&store, &next, publishers, events));
            plain.push(append(&place.path().join("plain"), events / publishers));
        }
        let (ours, plain) = (median(ours), median(plain));
        println!(
            "{publishers:>3} publishers {:>8.0}/s, p50 {:>6.0} µs, p99 {:>6.0} µs, {:>5.1} in a sync; plain appends {:>6.0}/s: ratio {:.2}",
            ours.a_second,
            ours.p50.as_secs_f64() * 1e6,
            ours.p99.as_secs_f64() * 1e6,
            ours.in_a_sync,
            plain.a_second,
            ours.a_second / plain.a_second,
        );
    }
    replay(&store, next.into_inner() - 1);
}

/// What came of one round.
#[derive(Clone, Copy)]
struct Round {
    a_second: f64,
    p50: Duration,
    p99: Duration,
    in_a_sync: f64,
}

/// So many publishers, each with one event after the other.
fn publish(store: &Store, next: &AtomicU64, publishers: usize, events: usize) -> Round {
    let before = store.counts();
    // Offsets are given out and submitted as one, as by the core under its lock.
    let turn = Mutex::new(());
    let begun = Instant::now();
    let waits: Vec<Duration> = std::thread::scope(|scope| {
        let publish = || {
            let one = |_| {
                let begun = Instant::now();
                let (sender, receiver) = channel();
                let submitting = turn.lock().unwrap();
                let offset = next.fetch_add(1, Relaxed);
                store.submit(vec![event(offset)], move |result| sender.send(result).unwrap());
                drop(submitting);
                receiver.recv().unwrap().unwrap();
                begun.elapsed()
            };
            (0..events / publishers).map(one).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..publishers).map(|_| scope.spawn(publish)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let after = store.counts();
    assert_eq!(after.changes - before.changes, waits.len() as u64);
    round(waits, begun.elapsed(), after.groups - before.groups)
}

/// The same bytes at the end of a file, which is synced each time.
fn append(path: &Path, events: usize) -> Round {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let bytes = [b'x'; DATA];
    let begun = Instant::now();
    let one = |_| {
        let begun = Instant::now();
        file.write_all(&bytes).and_then(|()| file.sync_data()).unwrap();
        begun.elapsed()
    };
    let waits: Vec<_> = (0..events).map(one).collect();
    round(waits, begun.elapsed(), events as u64)
}

fn round(mut waits: Vec<Duration>, elapsed: Duration, syncs: u64) -> Round {
    waits.sort();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
    let events = waits.len() as f64;
    Round {
        a_second: events / elapsed.as_secs_f64(),
        p50: at(50),
        p99: at(99),
        in_a_sync: events / syncs as f64,
    }
}

/// The round in the middle, by what it did in a second.
fn median(mut rounds: Vec<Round>) -> Round {
    rounds.sort_by(|one, other| one.a_second.total_cmp(&other.a_second));
    rounds.get(rounds.len() / 2).copied().unwrap()
}

/// Everything is read again, in pages as for those who were away.
fn replay(store: &Store, last: u64) {
    let mut query = Query {
        event: name(),
        epoch: Epoch::new("e1"),
        after: 0,
        most: 100,
        most_bytes: 1 << 20,
        now: Timestamp::default(),
    };
    let (begun, mut events) = (Instant::now(), 0);
    while query.after < last {
        let page = store.page(&query).unwrap();
        events += page.events.len() as u64;
        query.after = page.until;
    }
    assert_eq!(events, last);
    println!("replayed {:.0} events/s in pages of 100", events as f64 / begun.elapsed().as_secs_f64());
}

fn name() -> EventName {
    "app.Order".parse().unwrap()
}

fn event(offset: u64) -> Change {
    Change::Append(EventRecord {
        event: name(),
        epoch: Epoch::new("e1"),
        offset,
        id: Arc::from(offset.to_string()),
        is_publishers: true,
        published: Timestamp::from_micros(offset),
        expires: Timestamp::MAX,
        meta: Arc::from("{}"),
        data: Arc::from("x".repeat(DATA)),
        previous: None,
    })
}
