//! The embedded gateway: a whole gateway in this process, for as long as it is needed.

use std::net::{Ipv4Addr, SocketAddr};

use concierge_client::{GatewayUrl, payload::DEFAULT_PORT};
use concierge_server::{Config, ServeError, Server};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{exit::Exit, failure::Failure};

/// A gateway that runs in this process.
pub(crate) struct Embedded {
    url: GatewayUrl,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Embedded {
    /// Starts a gateway for this machine alone: on the usual port, or on a free one when that is taken. It never joins a gateway
    /// that it finds there.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let server = match bind(DEFAULT_PORT).await {
            Err(ServeError::CannotBind { .. }) => bind(0).await,
            bound => bound,
        };
        let server = server.map_err(|error| match &error {
            ServeError::CannotBind { cause, .. } => Failure::local(format!("{error}: {cause}")),
            _ => Failure::new(Exit::Configuration, error.to_string()),
        })?;
        let url = GatewayUrl::new(&server.url()).map_err(|error| Failure::local(error.to_string()))?;
        let (stop, stopped) = oneshot::channel();
        // Stopped by a message or by everybody having gone: both end it.
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Ok(Self { url, stop, running })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &GatewayUrl {
        &self.url
    }

    /// Stops it: everybody is told, what is queued is written.
    pub(crate) async fn stop(self) {
        // One that has ended already needs no telling.
        let _ = self.stop.send(());
        let _ = self.running.await;
    }
}

async fn bind(port: u16) -> Result<Server, ServeError> {
    let mut config = Config::from_toml("")?;
    config.bind = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()];
    Server::bind(config).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_gateways_do_not_get_in_each_others_way() {
        let first = Embedded::start().await.unwrap();
        let second = Embedded::start().await.unwrap();
        assert_ne!(first.url(), second.url());
        first.stop().await;
        second.stop().await;
    }
}
