//! What an idle connection costs: the gateway's resident memory, with and without many of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::gateway::GatewayProcess;
use support::process::resident_bytes;
use support::raw::RawSocket;

/// The most that an identified idle connection may cost, in bytes.
const BUDGET: usize = 20 * 1024;

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
