//! What an idle connection costs: the gateway's resident memory, with and without many of them.

use concierge_client::Client;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::gateway::GatewayProcess;
use support::process::resident_bytes;
use support::raw::RawSocket;
use support::tls::{Authority, Validity};

/// The most that an identified idle connection may cost, in bytes.
const BUDGET: usize = 20 * 1024;

/// The same for one over TLS.
const BUDGET_WITH_TLS: usize = 40 * 1024;

/// How many are measured with TLS: their handshakes take the longest.
const CONNECTIONS_WITH_TLS: usize = 1_000;

/// How many are measured, where the descriptor limit allows it.
const CONNECTIONS: usize = 5_000;

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
fn an_idle_connection_costs_at_most_20_kib() {
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
