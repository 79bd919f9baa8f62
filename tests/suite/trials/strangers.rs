//! A flood of those who never say who they are: as many as there are places for strangers get one, the others are turned away
//! at little cost, and who is in notices nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use support::process::{peak_resident_bytes, resident_bytes};
use support::raw::{Arrival, CrowdSocket, Handshake};
use tokio::task::JoinSet;

use super::talk::Talk;
use super::{mebibytes, raise_descriptor_limit, until_metric};
use crate::metrics::{count, gateway, read};

/// How many there are: many from one address, and from others as many as each of them may have.
const FROM_ONE: usize = 1_000;
const FROM_OTHERS: usize = 250;
const OTHERS: usize = 36;

/// Places for strangers, as a gateway has them by default.
const PLACES: usize = 4_096;
const PLACES_FOR_ONE: usize = 256;

/// What a stranger may cost who got a place.
const MOST_EACH: usize = 32 * 1024;

/// Pairs of members.
const PAIRS: usize = 10;

/// The lines of theirs that are measured each time.
const LINES: u64 = 2_000;

/// How those of one address are served.
#[derive(Debug, Default)]
struct Served {
    open: Vec<CrowdSocket>,
    told: usize,
}

fn address(number: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(number + 1).unwrap()).into()
}

/// So many strangers from one address: some say nothing, some begin a request, some have a WebSocket and do not say who they are.
async fn come(gateway: SocketAddr, from: IpAddr, count: usize) -> Served {
    let mut served = Served::default();
    let upgrade = Handshake::upgrade("/ws", &gateway.to_string()).text();
    for number in 0..count {
        let arrival = Arrival { from: Some(from), ..Arrival::default() };
        let mut socket = CrowdSocket::open(gateway, arrival).await.unwrap();
        let said = match number % 3 {
            0 => "",
            1 => "GET /ws HTTP/1.1\r\n",
            _ => upgrade.as_str(),
        };
        // Those who are turned away may hear of it before they have said anything.
        let _turned_away = socket.send_bytes(said.as_bytes()).await;
        if number % 3 == 2
            && let Ok(answer) = socket.read_head().await
        {
            assert!(matches!(answer.status, 101 | 503), "{answer:?}");
            served.told += usize::from(answer.status == 503);
        }
        served.open.push(socket);
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures the release build: tests/run runs it"]
async fn ten_thousand_strangers_get_no_more_than_their_places_and_members_are_served() {
    let flood = FROM_ONE + OTHERS * FROM_OTHERS;
    let descriptors = raise_descriptor_limit();
    assert!(
        usize::try_from(descriptors).unwrap_or(usize::MAX) > 2 * flood - 1_000,
        "a descriptor limit of {descriptors} is too small"
    );
    // None of them is given up while they are counted: what becomes of those is tried elsewhere.
    let settings = ["head.timeout=5m", "identify_timeout=5m"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let (gateway, metrics) = gateway(&settings);
    let (to, process) = (gateway.address(), gateway.program.id());
    let talk = Talk::start(to, PAIRS).await;
    talk.until_measured(LINES).await;
    let before = talk.turn_over();
    let memory_before = resident_bytes(process);

    let mut served = vec![come(to, address(0), FROM_ONE).await];
    let mut coming: JoinSet<_> = (1..=OTHERS).map(|number| come(to, address(number), FROM_OTHERS)).collect();
    while let Some(others) = coming.join_next().await {
        served.push(others.unwrap());
    }
    let members = 2 * PAIRS;
    until_metric(metrics, "concierge_connections", |open| open == PLACES + members).await;
    let during = talk.turn_over();
    talk.until_measured(LINES).await;
    let then = talk.turn_over();
    let memory = resident_bytes(process).saturating_sub(memory_before);
    let memory_peak = peak_resident_bytes(process).saturating_sub(memory_before);
    let text = tokio::task::spawn_blocking(move || read(metrics)).await.unwrap();
    let refused = |cause| count(&text, &format!("concierge_connections_refused_total{{cause=\"{cause}\"}}"));
    let (for_address, for_all) = (refused("address"), refused("unidentified"));
    assert_eq!(
        (for_address, for_all, refused("full")),
        (FROM_ONE - PLACES_FOR_ONE, flood - FROM_ONE - (PLACES - PLACES_FOR_ONE), 0)
    );
    let mut late = CrowdSocket::open(to, Arrival::default()).await.unwrap();
    assert_eq!(late.read_head().await.unwrap().status, 503);

    // Once they are gone there is room again, also for where they came from.
    let told: usize = served.iter().map(|served| served.told).sum();
    drop((served, late));
    until_metric(metrics, "concierge_connections", |open| open == members).await;
    let arrival = Arrival { from: Some(address(0)), ..Arrival::default() };
    CrowdSocket::identified(to, "late", "", arrival).await.unwrap();
    let after = talk.end().await;
    let memory_after = resident_bytes(process);
    println!(
        "{flood} strangers: {PLACES} places taken, {for_address} refused for their address and {for_all} for all, {told} of them told why; \
         {} more memory, {} at most, {} when they are gone; latency of {members} members before: {before}; while they came: {during}; \
         while they stayed: {then}; after: {after}",
        mebibytes(memory),
        mebibytes(memory_peak),
        mebibytes(memory_after.saturating_sub(memory_before)),
    );
    assert!(memory_peak < PLACES * MOST_EACH, "{PLACES} strangers took {memory_peak} bytes");
}
