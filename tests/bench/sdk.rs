//! What the SDK costs whoever embeds it: to receive messages, and to send them. The gateway is a process of its own; the SDK has
//! one thread, whose processor time is what is told.
//!
//! `cargo bench -p concierge-bench --bench sdk`; `-- --once` does everything once and small, checking counts and no figures.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by a person, who reads what it prints and whom a panic tells enough"
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use concierge_client::{CallError, Client, Data, Event, Recipient, Target};
use futures_util::future::join_all;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use support::gateway::GatewayProcess;
use support::raw::{Frame, RawSocket};

/// What each message carries: about as much as a reading of a sensor has.
const DATA: &str = r#"{"temperature":21.5,"sensor":"north wall","ok":true,"readings":[1,2,3]}"#;

/// How many of a sender's messages are on their way at a time.
const AT_ONCE: usize = 200;

/// How many calls wait for their answers at a time.
const CALLS: usize = 64;

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let batches = if once { 2 } else { 1000 };
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("gateway.toml");
    let text = "[heartbeat]\ninterval = \"1h\"\ntimeout = \"2h\"\n[limits]\noutbox_bytes = \"1GiB\"\n\
                outbox_payloads = \"unlimited\"\noutbox_total_bytes = \"unlimited\"\n";
    std::fs::write(&config, text).unwrap();
    let gateway = GatewayProcess::start(&["--config", config.to_str().unwrap()]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for senders in [1, 16] {
            receive(&gateway, senders, batches).await;
        }
        let sender = Client::builder(gateway.url(), "sender").unwrap().connect().await.unwrap();
        sender.create_service("silence").await.unwrap();
        let nobody = sender.to(Target::service("silence".parse().unwrap()));
        send_queued(&nobody, batches * AT_ONCE).await;
        send_called(&nobody, batches * AT_ONCE).await;
    });
}

/// Receives what several others send as fast as the gateway takes it.
async fn receive(gateway: &GatewayProcess, senders: usize, batches: usize) {
    let builder = Client::builder(gateway.url(), "ear").unwrap().events_capacity(1 << 20);
    let (client, mut events) = builder.connect_with_events().await.unwrap();
    let address = gateway.address();
    let sending: Vec<_> = (0..senders)
        .map(|number| thread::spawn(move || talk(address, &format!("talker_{number}"), batches / senders)))
        .collect();
    let total = batches / senders * senders * AT_ONCE;
    let mut span = None;
    let mut received = 0;
    while received < total {
        let event = events.next().await.unwrap();
        if matches!(event, Event::Message(_)) {
            received += 1;
            span.get_or_insert_with(Span::begin);
        }
    }
    if let Some(span) = span {
        span.tell(&format!("receive from {senders}"), received);
    }
    for talker in sending {
        talker.join().unwrap();
    }
    client.close().await;
}

/// Sends in batches, each when the one before is answered.
fn talk(address: SocketAddr, name: &str, batches: usize) {
    let mut socket = RawSocket::identified(address, name, "").unwrap();
    let message = format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"ear"}},"data":{DATA}}}"#);
    let batch = Frame::text(&message).encode().repeat(AT_ONCE);
    for _ in 0..batches {
        socket.send_bytes(&batch).unwrap();
        for _ in 0..AT_ONCE {
            assert!(socket.read_text().unwrap().contains(r#""type":"OK""#));
        }
    }
}

/// Queues messages without waiting, and waits for the oldest answer whenever there is no room.
async fn send_queued(recipient: &Recipient, messages: usize) {
    let data = Data::from_json(DATA).unwrap();
    let span = Span::begin();
    let mut waiting = VecDeque::new();
    let mut sent = 0;
    while sent < messages {
        match recipient.try_raw(data.clone()) {
            Ok(delivery) => {
                waiting.push_back(delivery);
                sent += 1;
            }
            Err(CallError::Full { .. }) => waiting.pop_front().unwrap().await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
    for delivery in waiting {
        delivery.await.unwrap();
    }
    span.tell("send, queued", messages);
}

/// Calls that wait for their answers, so many at a time.
async fn send_called(recipient: &Recipient, messages: usize) {
    let data = Data::from_json(DATA).unwrap();
    let span = Span::begin();
    let each = messages.div_ceil(CALLS);
    join_all((0..CALLS).map(|_| async {
        for _ in 0..each {
            recipient.raw(data.clone()).await.unwrap();
        }
    }))
    .await;
    span.tell(&format!("send, {CALLS} calls"), each * CALLS);
}

/// A time that is measured.
struct Span {
    begun: Instant,
    before: Duration,
}

impl Span {
    fn begin() -> Self {
        Self { begun: Instant::now(), before: processor_time() }
    }

    fn tell(&self, what: &str, messages: usize) {
        let (taken, cost) = (self.begun.elapsed(), processor_time().saturating_sub(self.before));
        println!(
            "{what:<16} {:>9.0} messages/s, {:>5.2} µs of processor time each",
            messages as f64 / taken.as_secs_f64(),
            cost.as_secs_f64() * 1e6 / messages as f64
        );
    }
}

/// What this thread took of the processor, for itself and within the system.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let taken = usage.user_time() + usage.system_time();
    Duration::from_micros(taken.num_microseconds().try_into().unwrap())
}
