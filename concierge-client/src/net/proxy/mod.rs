//! The way through a proxy: which one, and asking it to connect to the gateway.
//!
//! Owns the choice between a given proxy, that of the environment and none, and the two protocols: HTTP `CONNECT` and
//! SOCKS5. After it has the proxy's word, what flows is the gateway's, and no business of this module.

mod connect;
mod environment;
mod proxy_url;
mod socks;

use std::{net::IpAddr, time::Duration};

use tokio::net::TcpStream;
use url::Host;

pub(crate) use proxy_url::Proxy;
use proxy_url::Scheme;

use super::{
    patience::Patience,
    tcp::{self, Endpoint, TcpError},
    url::GatewayUrl,
};
use crate::error::{BuildError, ConnectError, ProxyError, Stage};

/// Which proxy stands before a gateway.
#[derive(Debug, Clone, Default)]
pub(crate) enum ProxyChoice {
    /// The one that the environment names, looked at anew by each attempt.
    #[default]
    Environment,
    /// This one.
    Given(Proxy),
    /// None.
    Direct,
}

impl ProxyChoice {
    /// The proxy on the way to this gateway.
    pub(super) fn toward(&self, gateway: &GatewayUrl) -> Result<Option<Proxy>, BuildError> {
        match self {
            Self::Environment => environment::proxy(gateway, |variable| {
                std::env::var_os(variable).map(|value| value.to_string_lossy().into_owned())
            }),
            Self::Given(proxy) => Ok(Some(proxy.clone())),
            Self::Direct => Ok(None),
        }
    }
}

/// What an exchange with a proxy fails with.
type Spoken<T> = Result<T, ProxyError>;

impl Proxy {
    /// Opens a stream to the gateway through this proxy.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(super) async fn open(
        &self,
        gateway: Endpoint<'_>,
        within: Option<Duration>,
        patience: &Patience,
    ) -> Result<TcpStream, ConnectError> {
        match self.scheme() {
            Scheme::Http => {
                let mut stream = self.connect(within, patience).await?;
                let asked = async { connect::ask(&mut stream, gateway, self.credentials()).await };
                self.bounded(patience, asked).await?;
                Ok(stream)
            }
            Scheme::Socks5 { resolves: true } => self.open_socks(gateway, within, patience).await,
            Scheme::Socks5 { resolves: false } => self.open_resolved(gateway, within, patience).await,
        }
    }

    async fn open_socks(
        &self,
        gateway: Endpoint<'_>,
        within: Option<Duration>,
        patience: &Patience,
    ) -> Result<TcpStream, ConnectError> {
        let mut stream = self.connect(within, patience).await?;
        let asked = async { socks::ask(&mut stream, gateway, self.credentials()).await };
        self.bounded(patience, asked).await?;
        Ok(stream)
    }

    /// Looks up the gateway here, and asks for its addresses in turn.
    async fn open_resolved(
        &self,
        gateway: Endpoint<'_>,
        within: Option<Duration>,
        patience: &Patience,
    ) -> Result<TcpStream, ConnectError> {
        let describe = |error| unreached(gateway.host, error);
        let addresses = tcp::resolve(gateway, patience, describe).await?;
        let mut failure = describe(tcp::no_addresses());
        for address in addresses {
            let host = match address.ip() {
                IpAddr::V4(address) => Host::Ipv4(address),
                IpAddr::V6(address) => Host::Ipv6(address),
            };
            match self.open_socks(Endpoint { host: &host, port: gateway.port }, within, patience).await {
                // The proxy's word on this address is not its word on the next.
                Err(error @ ConnectError::Proxy { source: ProxyError::Reply { .. }, .. }) => failure = error,
                ended => return ended,
            }
        }
        Err(failure)
    }

    /// Opens a connection to the proxy itself.
    async fn connect(
        &self,
        within: Option<Duration>,
        patience: &Patience,
    ) -> Result<TcpStream, ConnectError> {
        tcp::connect(self.endpoint(), within, patience, |error| {
            self.failed(match error {
                TcpError::Resolve(source) => ProxyError::Resolve(source),
                TcpError::Unreachable(address, source) => ProxyError::Unreachable { address, source },
            })
        })
        .await
    }

    async fn bounded<T>(
        &self,
        patience: &Patience,
        asked: impl Future<Output = Spoken<T>>,
    ) -> Result<T, ConnectError> {
        patience.bound(Stage::Proxy, async { asked.await.map_err(|source| self.failed(source)) }).await
    }

    fn failed(&self, source: ProxyError) -> ConnectError {
        ConnectError::Proxy { proxy: self.to_string(), source }
    }
}

/// Why there is no TCP connection to a gateway.
pub(super) fn unreached(host: &Host, error: TcpError) -> ConnectError {
    match error {
        TcpError::Resolve(source) => ConnectError::Resolve { host: host.to_string(), source },
        TcpError::Unreachable(address, source) => ConnectError::Unreachable { address, source },
    }
}
