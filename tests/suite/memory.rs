//! What an idle connection costs: the gateway's resident memory, with and without many of them.

use concierge_client::Client;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::gateway::GatewayProcess;
use support::process::resident_bytes;
use support::raw::{Arrival, CrowdSocket, Frame, RawSocket};
use support::tls::{Authority, Validity};

use crate::files::until;
use crate::metrics::{count, gateway, read};

/// The most that an identified idle connection may cost, in bytes.
const BUDGET: usize = 12 * 1024;

/// The same for one over TLS.
const BUDGET_WITH_TLS: usize = 40 * 1024;

/// How many are measured with TLS: their handshakes take the longest.
const CONNECTIONS_WITH_TLS: usize = 1_000;

/// How many are measured, where the descriptor limit allows it.
const CONNECTIONS: usize = 5_000;

/// A large message, and how many clients send and receive one.
const LARGE: usize = 1_000_000;
const LARGE_ONES: usize = 200;

/// What may be left of that for each: the allocator gives back what is free when it comes to it.
const KEPT: usize = 256 * 1024;

/// Descriptors that the test and the gateway need for other things.
const RESERVE: usize = 200;

/// Raises the soft limit on descriptors, for this process and those it starts, and says how many connections it carries.
fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // Where raising it is refused, what is there must do.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let descriptors = getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    // The gateway itself takes at most nine tenths of what it may have open.
    CONNECTIONS.min((descriptors / 10 * 9).saturating_sub(RESERVE))
}

#[test]
#[ignore = "measures the release build: tests/run runs it"]
fn an_idle_connection_costs_at_most_12_kib() {
    let connections = connections();
    if connections < CONNECTIONS {
        println!("scaled down to {connections} connections: the descriptor limit allows no more");
    }
    assert!(connections >= 500, "a descriptor limit under 800 is too small to measure anything");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    // Nobody answers pings here, and silence is what is measured.
    std::fs::write(&config, "[heartbeat]\ninterval = \"1h\"\ntimeout = \"2h\"\n").unwrap();
    let gateway = GatewayProcess::start(&["--config", config.to_str().unwrap()]).unwrap();
    let process = gateway.program.id();

    let identified =
        |number: usize| RawSocket::identified(gateway.address(), &format!("idle_{number}"), "").unwrap();
    // The first ones pay for what is there once.
    let mut sockets: Vec<_> = (0..100).map(identified).collect();
    let before = resident_bytes(process);
    sockets.extend((100..100 + connections).map(identified));
    let each = resident_bytes(process).saturating_sub(before) / connections;
    println!("{connections} idle connections: {each} bytes resident each");
    assert!(each <= BUDGET, "an idle connection costs {each} bytes");
}

#[tokio::test]
#[ignore = "measures the release build: tests/run runs it"]
async fn a_connection_keeps_no_room_for_the_largest_message_that_it_has_seen() {
    // Whoever was pinged has been looked after; nobody answers here.
    let settings = ["heartbeat.interval=1s", "heartbeat.timeout=1h"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let (gateway, metrics) = gateway(&settings);
    let process = gateway.program.id();
    let arrival = Arrival::default();
    let mut sockets = Vec::new();
    for number in 0..LARGE_ONES {
        let name = format!("large_{number}");
        sockets.push(CrowdSocket::identified(gateway.address(), &name, "", arrival).await.unwrap());
    }
    let before = resident_bytes(process);
    // Nearly all of the message is a frame that is the same for all of them.
    let large = Frame::continuation(&vec![b'x'; LARGE]).unfinished().encode();
    for (number, socket) in sockets.iter_mut().enumerate() {
        let target = format!(r#"{{"type":"NAME","name":"large_{number}"}}"#);
        let begin = format!(r#"{{"type":"MESSAGE","target":{target},"data":""#);
        let (begin, end) = (Frame::text(&begin).unfinished().encode(), Frame::continuation(b"\"}").encode());
        socket.send_bytes(&[begin, large.clone(), end].concat()).await.unwrap();
        assert!(socket.next_text().await.unwrap().len() > LARGE);
        assert_eq!(socket.next_text().await.unwrap(), r#"{"seq":0,"type":"OK"}"#);
    }
    let after = resident_bytes(process).saturating_sub(before);
    let mut kept = usize::MAX;
    until("the room is given back", || {
        // The gateway is asked for something, as it is everywhere now and then.
        assert_eq!(count(&read(metrics), "concierge_clients"), LARGE_ONES);
        kept = resident_bytes(process).saturating_sub(before);
        kept <= LARGE_ONES * KEPT
    });
    println!(
        "{LARGE_ONES} connections after a message of {LARGE} bytes in and out: {} bytes resident more each, {} after a while",
        after / LARGE_ONES,
        kept / LARGE_ONES,
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the release build: tests/run runs it"]
async fn an_idle_connection_over_tls_costs_at_most_40_kib() {
    let connections = connections().min(CONNECTIONS_WITH_TLS);
    assert!(connections >= 500, "a descriptor limit under 800 is too small to measure anything");
    let folder = tempfile::tempdir().unwrap();
    let root = Authority::new("ours");
    let files = root.sign(&["127.0.0.1"], Validity::Now).save(folder.path());
    let quiet = ["heartbeat.timeout=2h", "heartbeat.interval=1h"].map(str::to_owned);
    let settings = files.settings().into_iter().chain(quiet);
    let arguments: Vec<_> = settings.flat_map(|setting| ["--set".to_owned(), setting]).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let gateway = GatewayProcess::start(&arguments).unwrap();
    let process = gateway.program.id();

    let url = format!("wss://{}/ws", gateway.address());
    let mut clients = Vec::new();
    let mut before = 0;
    for number in 0..100 + connections {
        if number == 100 {
            before = resident_bytes(process);
        }
        let builder = Client::builder(&url, format!("idle_{number}")).unwrap();
        clients.push(builder.root_certificate(root.pem()).connect().await.unwrap());
    }
    let each = resident_bytes(process).saturating_sub(before) / connections;
    println!("{connections} idle connections over TLS: {each} bytes resident each");
    assert!(each <= BUDGET_WITH_TLS, "an idle connection over TLS costs {each} bytes");
}
