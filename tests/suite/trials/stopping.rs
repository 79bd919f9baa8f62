//! A stop under load: what was answered with `OK` arrives, however slowly it is read, and then 1001; who reads nothing does not
//! hold up the end; a second signal does not wait for anybody.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::gateway::GatewayProcess;
use support::raw::{Arrival, CrowdSocket, Frame, Heard};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many send, and how many receive.
const SENDERS: usize = 20;
const RECEIVERS: usize = 40;

/// How large a message is about, and how many of them may be on their way to one receiver: less than has its senders wait.
const BYTES: usize = 1_024;
const ON_THE_WAY: usize = 1_500;

/// How many messages a receiver reads before it rests, and how long that is.
const READ: u64 = 50;
const REST: Duration = Duration::from_millis(40);

/// How many are answered before the gateway is stopped.
const ANSWERED: u32 = 100_000;

/// What all of them know of each other.
struct Traffic {
    /// For each receiver, how many messages more may be on their way to it.
    room: Vec<Semaphore>,
    /// A permit for each message that was answered.
    answered: Semaphore,
}

fn receiver(number: usize) -> String {
    format!("receiver_{number}")
}

/// Sends numbered messages to one receiver after the other until the gateway closes; returns how many were answered with `OK`.
async fn send(mut socket: CrowdSocket, number: usize, traffic: Arc<Traffic>) -> usize {
    let speaker = socket.speaker();
    let sharing = Arc::clone(&traffic);
    let speaking = tokio::spawn(async move {
        let padding = "x".repeat(BYTES);
        for message in 0_usize.. {
            let to = message % RECEIVERS;
            sharing.room[to].acquire().await.unwrap().forget();
            let target = format!(r#"{{"type":"NAME","name":"{}"}}"#, receiver(to));
            let data = format!("{number} {message} {padding}");
            let text = format!(r#"{{"type":"MESSAGE","target":{target},"data":"{data}"}}"#);
            if speaker.send_bytes(&Frame::text(&text).encode()).await.is_err() {
                return;
            }
        }
    });
    let (mut answered, mut expected) = (0, String::new());
    let code = loop {
        match socket.next().await.unwrap() {
            Heard::Text(text) => {
                expected.clear();
                write!(expected, r#"{{"seq":{answered},"type":"OK"}}"#).unwrap();
                assert_eq!(text, expected);
                answered += 1;
                traffic.answered.add_permits(1);
            }
            Heard::Close(close) => break close.code,
            Heard::End => break None,
        }
    };
    assert_eq!(code, Some(1001), "a sender after {answered} answers");
    speaking.abort();
    answered
}

/// Reads slowly until the gateway closes; returns how many messages came from each sender, which were all that it sent, in order.
async fn receive(mut socket: CrowdSocket, number: usize, traffic: Arc<Traffic>) -> Vec<usize> {
    let mut received = vec![0; SENDERS];
    let mut since_rest = 0;
    loop {
        match socket.next().await.unwrap() {
            Heard::Text(text) => {
                let (_, data) = text.split_once(r#""data":""#).unwrap();
                let mut words = data.split(' ').map(|word| word.parse::<usize>().unwrap_or_default());
                let (sender, message) = (words.next().unwrap(), words.next().unwrap());
                assert_eq!(message, received[sender] * RECEIVERS + number, "of sender {sender}");
                received[sender] += 1;
            }
            Heard::Close(close) => {
                assert_eq!(close.code, Some(1001));
                return received;
            }
            Heard::End => panic!("a receiver heard no close"),
        }
        traffic.room[number].add_permits(1);
        since_rest += 1;
        if since_rest == READ {
            since_rest = 0;
            tokio::time::sleep(REST).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "stops the release build under load: tests/run runs it"]
async fn what_was_answered_before_a_stop_reaches_even_slow_readers_and_then_1001() {
    let mut gateway = GatewayProcess::start(&[]).unwrap();
    let address = gateway.address();
    let room = (0..RECEIVERS).map(|_| Semaphore::new(ON_THE_WAY)).collect();
    let traffic = Arc::new(Traffic { room, answered: Semaphore::new(0) });
    let (mut senders, mut receivers) = (JoinSet::new(), JoinSet::new());
    for number in 0..RECEIVERS {
        let arrival = Arrival { keeps: Some(64 * 1024), ..Arrival::default() };
        let socket = CrowdSocket::identified(address, &receiver(number), "", arrival).await.unwrap();
        let traffic = Arc::clone(&traffic);
        receivers.spawn(async move { (number, receive(socket, number, traffic).await) });
    }
    for number in 0..SENDERS {
        let name = format!("sender_{number}");
        let socket = CrowdSocket::identified(address, &name, "", Arrival::default()).await.unwrap();
        let traffic = Arc::clone(&traffic);
        senders.spawn(async move { (number, send(socket, number, traffic).await) });
    }
    drop(traffic.answered.acquire_many(ANSWERED).await.unwrap());

    gateway.program.signal(Signal::TERM).unwrap();
    let begun = Instant::now();
    let ended = tokio::task::spawn_blocking(move || {
        let status = gateway.program.wait();
        (begun.elapsed(), status, gateway)
    });
    let mut answered = [0; SENDERS];
    while let Some(sender) = senders.join_next().await {
        let (number, count) = sender.unwrap();
        answered[number] = count;
    }
    let (mut received, mut lost) = (0, 0);
    while let Some(receiver) = receivers.join_next().await {
        let (number, from) = receiver.unwrap();
        for (answered, received) in answered.iter().zip(&from) {
            // Of so many messages, these were for this receiver.
            let due = (answered + RECEIVERS - 1 - number) / RECEIVERS;
            lost += due.saturating_sub(*received);
        }
        received += from.iter().sum::<usize>();
    }
    let (took, status, gateway) = ended.await.unwrap();
    let total: usize = answered.iter().sum();
    println!(
        "stopped while {SENDERS} clients sent to {RECEIVERS} slow readers: {total} messages answered, {received} received, {lost} lost; \
         the program ended after {took:.1?}",
    );
    assert_eq!(status.unwrap().code(), Some(0), "{}", gateway.program.account());
    assert_eq!(lost, 0, "of {total} messages that were answered with OK");
}

/// How many read nothing while the gateway stops.
const STUCK: usize = 20;

/// A gateway with clients that read nothing, for each of whom more waits than the system takes, and one that reads.
async fn with_stuck_readers() -> (GatewayProcess, Vec<CrowdSocket>, CrowdSocket) {
    let gateway = GatewayProcess::start(&[]).unwrap();
    let address: SocketAddr = gateway.address();
    let mut stuck = Vec::new();
    let mut reads = CrowdSocket::identified(address, "reads", "", Arrival::default()).await.unwrap();
    let data = "x".repeat(900_000);
    for number in 0..STUCK {
        let arrival = Arrival { keeps: Some(64 * 1024), ..Arrival::default() };
        let name = format!("stuck_{number}");
        stuck.push(CrowdSocket::identified(address, &name, "", arrival).await.unwrap());
        let target = format!(r#"{{"type":"NAME","name":"{name}"}}"#);
        let text = format!(r#"{{"type":"MESSAGE","target":{target},"data":"{data}"}}"#);
        let message = Frame::text(&text).encode();
        for _ in 0..6 {
            reads.send_bytes(&message).await.unwrap();
            assert!(reads.next_text().await.unwrap().ends_with(r#""type":"OK"}"#));
        }
    }
    (gateway, stuck, reads)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes ten seconds, as long as a stop may: tests/run runs it"]
async fn who_reads_nothing_holds_up_a_stop_for_ten_seconds_at_most() {
    let (mut gateway, _stuck, mut reads) = with_stuck_readers().await;
    gateway.program.signal(Signal::TERM).unwrap();
    let begun = Instant::now();
    assert_eq!(reads.close_code().await.unwrap(), Some(1001));
    let (status, account) =
        tokio::task::spawn_blocking(move || (gateway.program.wait(), gateway.program.account()))
            .await
            .unwrap();
    println!("stopped with {STUCK} who read nothing: the program ended after {:.1?}", begun.elapsed());
    assert_eq!(status.unwrap().code(), Some(0), "{account}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "stops the release build: tests/run runs it"]
async fn a_second_signal_waits_for_nobody() {
    let (mut gateway, _stuck, mut reads) = with_stuck_readers().await;
    gateway.program.signal(Signal::TERM).unwrap();
    assert_eq!(reads.close_code().await.unwrap(), Some(1001));
    gateway.program.signal(Signal::TERM).unwrap();
    let begun = Instant::now();
    let (status, account) =
        tokio::task::spawn_blocking(move || (gateway.program.wait(), gateway.program.account()))
            .await
            .unwrap();
    println!(
        "stopped by a second signal with {STUCK} who read nothing: the program ended after {:.1?}",
        begun.elapsed()
    );
    assert_eq!(status.unwrap().code(), Some(0), "{account}");
    assert!(!account.contains("did not take what was queued"), "it waited for them: {account}");
}
