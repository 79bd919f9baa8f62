//! The embedded gateway: a whole gateway in this process, for as long as it is needed, with the side for web applications. Everything in it
//! is kept in memory, or in a temporary folder, and gone with it.

use std::net::{Ipv4Addr, SocketAddr};

use concierge_client::{
    GatewayUrl,
    payload::{DEFAULT_PORT, Secret},
};
use concierge_server::{Config, ServeError, Server};
use data_encoding::HEXLOWER;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{exit::Exit, failure::Failure};

/// A gateway that runs in this process.
pub(crate) struct Embedded {
    url: GatewayUrl,
    api: Api,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

/// Where web applications ask a gateway for something, and the key that it lets them in with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    /// Its URL, without a path: `http://127.0.0.1:4000`.
    pub url: String,
    /// The key, which never shows itself.
    pub key: Secret,
}

impl Embedded {
    /// Starts a gateway for this machine alone: on the usual port, or on a free one when that is taken. It never joins a gateway
    /// that it finds there. Web applications ask on a port of its own, which is always a free one, with a key that is drawn here.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let key = fresh_key()?;
        let server = match bind(DEFAULT_PORT, &key).await {
            Err(ServeError::CannotBind { .. }) => bind(0, &key).await,
            bound => bound,
        };
        let server = server.map_err(|error| match &error {
            ServeError::CannotBind { cause, .. } => Failure::local(format!("{error}: {cause}")),
            _ => Failure::new(Exit::Configuration, error.to_string()),
        })?;
        let url = GatewayUrl::new(&server.url()).map_err(|error| Failure::local(error.to_string()))?;
        let [address] = server.api_addresses() else {
            return Err(Failure::local("the gateway does not listen for web applications"));
        };
        let api = Api { url: format!("http://{address}"), key };
        let (stop, stopped) = oneshot::channel();
        // Stopped by a message or by everybody having gone: both end it.
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Ok(Self { url, api, stop, running })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &GatewayUrl {
        &self.url
    }

    /// How web applications ask it for something.
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// Stops it: everybody is told, what is queued is written.
    pub(crate) async fn stop(self) {
        // One that has ended already needs no telling.
        let _ = self.stop.send(());
        let _ = self.running.await;
    }
}

async fn bind(port: u16, key: &Secret) -> Result<Server, ServeError> {
    let on_loopback = |port| vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()];
    let mut config = Config::from_toml("")?;
    config.bind = on_loopback(port);
    config.telegraphy.bind = on_loopback(0);
    config.telegraphy.api_keys = vec![key.clone()];
    Server::bind(config).await
}

/// A key of 256 bits, which nobody can guess.
fn fresh_key() -> Result<Secret, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::local(format!("the system has no random numbers: {error}")))?;
    Ok(Secret::new(HEXLOWER.encode(&bytes)))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    /// The beginning of what a web application with this key is answered.
    async fn answer(api: &Api, key: &str) -> String {
        let address = api.url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!("Host: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n");
        socket.write_all(format!("GET /api/v1/events HTTP/1.1\r\n{head}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn web_applications_are_let_in_with_its_key_alone() {
        let (embedded, other) = (Embedded::start().await.unwrap(), Embedded::start().await.unwrap());
        assert_eq!(answer(embedded.api(), embedded.api().key.reveal()).await, "HTTP/1.1 200 OK");
        assert_eq!(answer(embedded.api(), other.api().key.reveal()).await, "HTTP/1.1 401 Unauthorized");
        embedded.stop().await;
        other.stop().await;
    }

    #[tokio::test]
    async fn two_gateways_do_not_get_in_each_others_way() {
        let first = Embedded::start().await.unwrap();
        let second = Embedded::start().await.unwrap();
        assert_ne!(first.url(), second.url());
        assert_ne!(first.api().url, second.api().url);
        assert_ne!(first.api().key.reveal(), second.api().key.reveal());
        assert_eq!(first.api().key.reveal().len(), 64);
        assert!(!format!("{:?}", first.api()).contains(first.api().key.reveal()));
        first.stop().await;
        second.stop().await;
    }
}
