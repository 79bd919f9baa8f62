//! Half-open connections: the other side is gone, or cannot be reached, and nobody says so. The gateway finds out, members are told,
//! the SDK finds out by itself, and comes back when it can.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use concierge_client::{Client, Interruption, ReconnectPolicy, State};
use support::gateway::GatewayProcess;
use support::network::{Cut, Network};
use support::raw::{Arrival, CrowdSocket, Heard};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What is cut, each on a way of its own.
const CUTS: [Cut; 3] = [Cut::Everything, Cut::FromClients, Cut::FromGateway];

/// Within this time the gateway finds out about a client that it hears nothing of.
const FOUND_WITHIN: Duration = Duration::from_secs(15);

/// A wait that takes longer than this hangs.
const HANGS: Duration = Duration::from_mins(1);

async fn in_time<F: IntoFuture>(what: &str, future: F) -> F::Output {
    timeout(HANGS, future).await.unwrap_or_else(|_elapsed| panic!("{what} hangs"))
}

fn raw(router: u8) -> String {
    format!("raw_{router}")
}

fn sdk(router: u8) -> String {
    format!("sdk_{router}")
}

/// Reads what the gateway tells until these have come or gone, whichever it is; returns when each did.
async fn see(witness: &mut CrowdSocket, event: &str, mut names: Vec<String>) -> HashMap<String, Instant> {
    let event = format!(r#"{{"type":"{event}","#);
    let mut seen = HashMap::new();
    while !names.is_empty() {
        let text = witness.next_text().await.unwrap();
        if text.starts_with(&event)
            && let Some(at) = names.iter().position(|name| text.contains(&format!(r#""name":"{name}""#)))
        {
            seen.insert(names.swap_remove(at), Instant::now());
        }
    }
    seen
}

/// Waits until a client has noticed that its connection is gone; returns when, and why as it says.
async fn notice(client: Client) -> (Instant, String) {
    let mut states = client.states();
    while let Some(state) = states.next().await {
        if let State::Connecting { cause, .. } = state {
            let cause = match cause {
                Interruption::Ended(cause) => cause.to_string(),
                cause => format!("after another attempt: {cause}"),
            };
            return (Instant::now(), cause);
        }
    }
    panic!("a client gave up");
}

async fn come_back(client: Client) -> Instant {
    let mut states = client.states();
    while !(client.state().is_connected() && client.session().epoch > 0) {
        assert!(states.next().await.is_some_and(|state| !state.is_closed()), "a client gave up");
    }
    client.to("witness").json(&"I am back").await.unwrap();
    Instant::now()
}

async fn trial(network: &Network, port: u16) {
    let direct = SocketAddr::new(network.direct(), port);
    let arrival = Arrival::default();
    let mut witness = CrowdSocket::identified(direct, "witness", r#""PRESENCE""#, arrival).await.unwrap();
    let policy = ReconnectPolicy::default().between(Duration::from_millis(100), Duration::from_secs(1));
    let (mut clients, mut listening) = (Vec::new(), JoinSet::new());
    let routers = || (0_u8..).zip(CUTS);
    for (router, _) in routers() {
        let address = SocketAddr::new(network.through(router), port);
        let mut socket = CrowdSocket::identified(address, &raw(router), "", arrival).await.unwrap();
        // It answers pings for as long as they come.
        listening.spawn(async move { while let Ok(Heard::Text(_)) = socket.next().await {} });
        let builder = Client::builder(format!("ws://{address}/ws"), sdk(router)).unwrap();
        let builder = builder.reconnect(policy).connect_timeout(Duration::from_secs(2));
        clients.push(builder.connect().await.unwrap());
    }
    let everybody = || routers().flat_map(|(router, _)| [raw(router), sdk(router)]).collect::<Vec<_>>();
    see(&mut witness, "CLIENT_JOINED", everybody()).await;

    let cut = Instant::now();
    for (router, what) in routers() {
        network.cut(router, what).unwrap();
    }
    let noticing: Vec<_> = clients.iter().map(|client| tokio::spawn(notice(client.clone()))).collect();
    let left = in_time("leaving", see(&mut witness, "CLIENT_LEFT", everybody())).await;
    let mut noticed = Vec::new();
    for client in noticing {
        noticed.push(in_time("noticing", client).await.unwrap());
    }
    let mended = Instant::now();
    for (router, what) in routers() {
        network.mend(router, what).unwrap();
    }
    let mut back = Vec::new();
    for client in &clients {
        back.push(in_time("coming back", come_back(client.clone())).await);
    }
    in_time(
        "joining again",
        see(&mut witness, "CLIENT_JOINED", routers().map(|(router, _)| sdk(router)).collect()),
    )
    .await;
    for ((router, what), ((noticed, cause), back)) in routers().zip(noticed.iter().zip(&back)) {
        let after = |name: &str| left[name] - cut;
        let (raw, sdk) = (after(&raw(router)), after(&sdk(router)));
        println!(
            "{what:?} lost: members were told that a silent client left after {raw:.1?}, and that of the SDK after {sdk:.1?}; the SDK \
             noticed after {:.1?} ({cause}), and was back {:.1?} after it was mended",
            *noticed - cut,
            *back - mended,
        );
        assert!(raw < FOUND_WITHIN, "{what:?}: after {raw:?}");
        // Where the gateway still hears the pings of the SDK, it is the SDK that has to give up.
        assert!(what == Cut::FromGateway || sdk < FOUND_WITHIN, "{what:?}: after {sdk:?}");
    }
    for client in clients {
        in_time("closing", client.close()).await;
    }
    listening.shutdown().await;
}

#[test]
#[ignore = "makes networks and cuts them for half a minute: tests/run runs it"]
fn a_peer_behind_a_cut_is_found_by_both_sides_and_comes_back_when_it_is_mended() {
    let network = match Network::new(CUTS.len()) {
        Ok(network) => network,
        Err(reason) => return println!("SKIPPED (no network of its own: {reason:#})"),
    };
    let mut command = network.server_command().unwrap();
    command.args(["--set", "allow_anonymous=true"]);
    let gateway = GatewayProcess::start_everywhere(command).unwrap();
    let port = gateway.address().port();
    network
        .as_client(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(trial(&network, port));
        })
        .unwrap();
}
