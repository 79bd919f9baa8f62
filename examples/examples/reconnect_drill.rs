//! A drill: a gateway that is stopped and started again, and two clients that come back with all they had. It needs no gateway
//! but its own. Its argument is how often.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use concierge_client::{Client, Event, Events, ReconnectPolicy};
use concierge_examples::say;
use concierge_server::{Config, Server};
use tokio::{sync::oneshot, task::JoinHandle};

/// A gateway that can be stopped.
struct Gateway {
    url: String,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Gateway {
    async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let config = Config::from_toml(&format!("bind = \"{address}\""))?;
        let server = Server::bind(config).await?;
        let url = server.url();
        let address = server.local_addr().context("it listens over TCP")?;
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async {
            server.run(async { drop(stopped.await) }).await;
        });
        Ok(Self { url, address, stop, running })
    }

    /// Stops it, and starts it again at the same address.
    async fn restart(self) -> anyhow::Result<Self> {
        drop(self.stop);
        self.running.await?;
        Self::start(self.address).await
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(3), |argument| argument.parse::<u32>())?;
    let mut gateway = Gateway::start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    // A drill is no place to be patient.
    let policy = ReconnectPolicy::default().between(Duration::from_millis(10), Duration::from_millis(100));
    let owner = Client::builder(&gateway.url, "owner")?.reconnect(policy).connect().await?;
    let reader = Client::builder(&gateway.url, "reader")?.reconnect(policy).connect().await?;
    let service = owner.create_service("drill").open().await?;
    let mut subscription = reader.subscription("drill").open::<u32>().await?;
    say("ready")?;

    for round in 1..=rounds {
        let (mut of_owner, mut of_reader) = (owner.events(), reader.events());
        gateway = gateway.restart().await?;
        tokio::try_join!(resumed(&mut of_owner), resumed(&mut of_reader))?;
        // Whichever of the two came back first: the subscription waits for its service.
        subscription.settled().await;
        service.publish(&round).await?;
        let message =
            subscription.next().await.ok_or_else(|| anyhow::anyhow!("the subscription is over"))??;
        say(format!("round {}: the owner is {} now", message.data, owner.uuid()))?;
    }
    say("everything came back")?;
    tokio::join!(owner.close(), reader.close());
    Ok(())
}

async fn resumed(events: &mut Events) -> anyhow::Result<()> {
    let picked = events.wait_for(Duration::from_secs(30), |event| match event {
        Event::Resumed(resumed) => Some(resumed.restored.lost.is_empty()),
        _ => None,
    });
    anyhow::ensure!(picked.await?, "something was lost");
    Ok(())
}
