//! A million messages: each receiver has all that every sender sent to it, in the order sent, while others join, leave, and do
//! whatever one can do wrong.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use support::process::peak_resident_bytes;
use support::raw::{Arrival, CrowdSocket, Frame, Heard, Opcode};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::{mebibytes, raise_descriptor_limit};
use crate::metrics::{count, gateway, read};

/// Everyone of these sends so many messages to everyone of those.
const SENDERS: usize = 10;
const RECEIVERS: usize = 10;
const EACH: usize = 10_000;

/// How many go in one piece, and how many may be on their way to a receiver: fewer than has its senders wait.
const AT_ONCE: usize = 50;
const ON_THE_WAY: usize = 8_000;

/// What the owner of a service says meanwhile to its subscribers, who are the receivers and the worst of the others: how often,
/// how large, and how far apart.
const NEWS: usize = 5_000;
const NEWS_BYTES: usize = 4 * 1024;
const NEWS_APART: Duration = Duration::from_millis(2);

/// How much news somebody sleeps through: more than an outbox and the system hold.
const SLEEP: usize = 3_000;

/// How many of each kind of the others there are at a time.
const CULPRITS: usize = 2;

/// How long such a one rests before it comes again: they are there to disturb, not to be served instead of the others.
const REST: Duration = Duration::from_millis(20);

/// For each receiver, how many messages more may be on their way to it.
type Room = Arc<Vec<Semaphore>>;

/// A whole text message, masked with zeros: as legal as any, and quick.
fn put_frame(bytes: &mut Vec<u8>, text: &str) {
    let [high, low] = u16::try_from(text.len()).unwrap().to_be_bytes();
    bytes.extend([0x81, 0xfe, high, low, 0, 0, 0, 0]);
    bytes.extend_from_slice(text.as_bytes());
}

/// Sends its messages, and looks whether each is answered with `OK`.
async fn send(mut socket: CrowdSocket, number: usize, room: Room) {
    let speaker = socket.speaker();
    let speaking = tokio::spawn(async move {
        let (mut bytes, mut text) = (Vec::new(), String::new());
        for first in (0..EACH).step_by(AT_ONCE) {
            for (receiver, room) in room.iter().enumerate() {
                let permits = u32::try_from(AT_ONCE).unwrap();
                room.acquire_many(permits).await.unwrap().forget();
                bytes.clear();
                for message in first..first + AT_ONCE {
                    text.clear();
                    let target = format_args!(r#"{{"type":"NAME","name":"receiver_{receiver}"}}"#);
                    write!(text, r#"{{"type":"MESSAGE","target":{target},"data":[{number},{message}]}}"#)
                        .unwrap();
                    put_frame(&mut bytes, &text);
                }
                speaker.send_bytes(&bytes).await.unwrap();
            }
        }
    });
    let mut expected = String::new();
    for answered in 0..EACH * RECEIVERS {
        expected.clear();
        write!(expected, r#"{{"seq":{answered},"type":"OK"}}"#).unwrap();
        assert_eq!(socket.next_text().await.unwrap(), expected, "of sender {number}");
    }
    speaking.await.unwrap();
}

/// Tells the news, each once the one before is answered.
async fn tell(mut owner: CrowdSocket, told: watch::Sender<usize>) {
    let padding = "x".repeat(NEWS_BYTES);
    for number in 0..NEWS {
        let target = r#"{"type":"SERVICE","service":"news"}"#;
        let data = format!(r#"["{padding}",{SENDERS},{number}]"#);
        owner.send_text(&format!(r#"{{"type":"MESSAGE","target":{target},"data":{data}}}"#)).await.unwrap();
        assert!(owner.next_text().await.unwrap().ends_with(r#""type":"OK"}"#));
        told.send_replace(number + 1);
        tokio::time::sleep(NEWS_APART).await;
    }
}

/// Receives everything from everyone, each in order.
async fn receive(mut socket: CrowdSocket, number: usize, room: Room) {
    // What each sender sends to it alone, and last what the owner of the service tells.
    let mut received = [0; SENDERS + 1];
    for _ in 0..SENDERS * EACH + NEWS {
        let text = socket.next_text().await.unwrap();
        let (rest, message) = text.strip_suffix("]}").and_then(|rest| rest.rsplit_once(',')).unwrap();
        let (_, from) = rest.rsplit_once(['[', ',']).unwrap();
        let (from, message): (usize, usize) = (from.parse().unwrap(), message.parse().unwrap());
        assert_eq!(message, received[from], "of {from} to receiver {number}");
        received[from] += 1;
        if from < SENDERS {
            room[number].add_permits(1);
        }
    }
    for (from, count) in received.into_iter().enumerate() {
        let due = if from < SENDERS { EACH } else { NEWS };
        assert_eq!(count, due, "of {from} to receiver {number}");
    }
}

/// What the others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Misdeed {
    /// Joins, and says goodbye.
    Leaves,
    /// Joins, and is gone.
    Vanishes,
    /// A frame of a kind that there is not.
    Garbage,
    /// A text that is no UTF-8.
    BrokenText,
    /// Something that is no request, and something that is none yet.
    WrongPayloads,
    /// Gone in the middle of a frame.
    BreaksOff,
    /// A frame that says it is a gigabyte.
    Giant,
    /// No longer sends, but listens.
    HalfClosed,
    /// More pings than anybody may send.
    Pings,
    /// Subscribes, and reads nothing of much that is said.
    Sleeps,
}

impl Misdeed {
    const ALL: [Self; 10] = [
        Self::Leaves,
        Self::Vanishes,
        Self::Garbage,
        Self::BrokenText,
        Self::WrongPayloads,
        Self::BreaksOff,
        Self::Giant,
        Self::HalfClosed,
        Self::Pings,
        Self::Sleeps,
    ];

    /// Does it once, and looks at what comes of it.
    async fn commit(
        self,
        address: SocketAddr,
        name: &str,
        from: IpAddr,
        mut told: watch::Receiver<usize>,
    ) -> Result<()> {
        let arrival = Arrival { from: Some(from), keeps: (self == Self::Sleeps).then_some(4096) };
        let mut socket = CrowdSocket::identified(address, name, r#""PRESENCE","SERVICES""#, arrival).await?;
        let expected = match self {
            Self::Leaves => {
                socket.send_bytes(&Frame::close(1000, "").encode()).await?;
                Some(1000)
            }
            Self::Vanishes => return Ok(()),
            Self::Garbage => {
                socket.send_bytes(&Frame::new(Opcode(0x5), [0xff; 100]).encode()).await?;
                Some(1002)
            }
            Self::BrokenText => {
                socket.send_bytes(&Frame::new(Opcode::TEXT, [b'{', 0xc3, 0x28]).encode()).await?;
                Some(1007)
            }
            Self::WrongPayloads => {
                for text in ["{}", r#"{"type":"MESSAGE"}"#, r#"{"type":"NOTHING","seq":1}"#, "[[[[[[[["] {
                    socket.send_text(text).await?;
                }
                return loop {
                    // Answered or closed, as the protocol has it: it only must come to something.
                    match socket.next().await? {
                        Heard::Text(text) if text.contains("ERROR") => break Ok(()),
                        Heard::Text(_) => {}
                        Heard::Close(_) | Heard::End => break Ok(()),
                    }
                };
            }
            Self::BreaksOff => {
                let mut bytes = Frame::text("").encode_head(1_000);
                bytes.extend([b'x'; 10]);
                return socket.send_bytes(&bytes).await;
            }
            Self::Giant => {
                socket.send_bytes(&Frame::text("").encode_head(1 << 30)).await?;
                Some(1009)
            }
            Self::HalfClosed => {
                socket.finish_sending()?;
                None
            }
            Self::Pings => {
                return socket.send_bytes(&Frame::ping(b"x").encode().repeat(500)).await;
            }
            Self::Sleeps => {
                socket.send_text(r#"{"type":"SELF_SUBSCRIBE","service":"news"}"#).await?;
                let enough = *told.borrow() + SLEEP;
                // Until there is no more.
                let _over = told.wait_for(|told| *told >= enough).await;
                return Ok(());
            }
        };
        assert_eq!(socket.close_code().await?, expected, "{self:?}");
        Ok(())
    }
}

/// Does it again and again until it is enough; returns how often.
async fn misbehave(
    misdeed: Misdeed,
    culprit: usize,
    address: SocketAddr,
    told: watch::Receiver<usize>,
    is_over: Arc<AtomicBool>,
) -> u64 {
    let from = Ipv4Addr::new(127, 0, 2, u8::try_from(culprit + 1).unwrap()).into();
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        let name = format!("{misdeed:?}_{culprit}_{count}");
        misdeed
            .commit(address, &name, from, told.clone())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
        count += 1;
        tokio::time::sleep(REST).await;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the release build for half a minute: tests/run runs it"]
async fn a_million_messages_arrive_complete_and_in_order_whatever_others_do() {
    raise_descriptor_limit();
    let (mut gateway, metrics) = gateway(&[]);
    let address = gateway.address();
    let room: Room = Arc::new((0..RECEIVERS).map(|_| Semaphore::new(ON_THE_WAY)).collect());
    let mut owner = CrowdSocket::identified(address, "owner", "", Arrival::default()).await.unwrap();
    owner.send_text(r#"{"type":"SERVICE_CREATE","service":"news"}"#).await.unwrap();
    assert!(owner.next_text().await.unwrap().contains("SERVICE_CREATE_RESULT"));

    let begun = Instant::now();
    let (mut members, mut culprits) = (JoinSet::new(), JoinSet::new());
    for number in 0..RECEIVERS {
        let name = format!("receiver_{number}");
        let mut socket = CrowdSocket::identified(address, &name, "", Arrival::default()).await.unwrap();
        socket.send_text(r#"{"type":"SELF_SUBSCRIBE","service":"news"}"#).await.unwrap();
        assert!(socket.next_text().await.unwrap().contains("SELF_SUBSCRIBE_RESULT"));
        members.spawn(receive(socket, number, Arc::clone(&room)));
    }
    for number in 0..SENDERS {
        let name = format!("sender_{number}");
        let socket = CrowdSocket::identified(address, &name, "", Arrival::default()).await.unwrap();
        members.spawn(send(socket, number, Arc::clone(&room)));
    }
    let (telling, told) = watch::channel(0);
    members.spawn(tell(owner, telling));
    let is_over = Arc::new(AtomicBool::new(false));
    let committed: Arc<Vec<AtomicU64>> = Arc::new(Misdeed::ALL.map(|_| AtomicU64::new(0)).into());
    for (kind, misdeed) in Misdeed::ALL.into_iter().enumerate() {
        for number in 0..CULPRITS {
            let (is_over, committed, told) = (Arc::clone(&is_over), Arc::clone(&committed), told.clone());
            culprits.spawn(async move {
                let count = misbehave(misdeed, kind * CULPRITS + number, address, told, is_over).await;
                committed[kind].fetch_add(count, Ordering::Relaxed);
            });
        }
    }
    while let Some(member) = members.join_next().await {
        member.unwrap();
    }
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    while let Some(culprit) = culprits.join_next().await {
        culprit.unwrap();
    }
    let text = tokio::task::spawn_blocking(move || read(metrics)).await.unwrap();
    let total = SENDERS * RECEIVERS * EACH;
    let committed: Vec<_> = Misdeed::ALL
        .iter()
        .zip(committed.iter())
        .map(|(misdeed, count)| format!("{misdeed:?} {}", count.load(Ordering::Relaxed)))
        .collect();
    println!(
        "{total} messages of {SENDERS} senders to {RECEIVERS} receivers, and {} of its owner to a service, in {took:.1?}: {} a second; all arrived in \
         order; the gateway had {} at most; meanwhile: {}",
        NEWS,
        total * 1_000 / usize::try_from(took.as_millis()).unwrap(),
        mebibytes(peak_resident_bytes(gateway.program.id())),
        committed.join(", "),
    );
    assert_eq!(count(&text, "concierge_panics_total"), 0, "{text}");
    for count in &committed {
        assert!(!count.ends_with(" 0"), "nobody did that: {count}");
    }
    gateway.program.signal(Signal::TERM).unwrap();
    let status = tokio::task::spawn_blocking(move || gateway.program.wait()).await.unwrap();
    assert_eq!(status.unwrap().code(), Some(0));
}
