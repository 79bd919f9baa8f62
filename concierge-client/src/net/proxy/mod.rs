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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// What comes of asking something that answers with these bytes and hangs up.
    fn ask(proxy: &str, answer: &[u8]) -> Spoken<()> {
        let proxy: Proxy = proxy.parse().unwrap();
        let host = Host::parse("gateway.example").unwrap();
        let gateway = Endpoint { host: &host, port: 80 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
            theirs.write_all(answer).await.unwrap();
            theirs.shutdown().await.unwrap();
            match proxy.scheme() {
                Scheme::Http => connect::ask(&mut ours, gateway, proxy.credentials()).await,
                Scheme::Socks5 { .. } => socks::ask(&mut ours, gateway, proxy.credentials()).await,
            }
        })
    }

    const PROXIES: &[&str] = &["http://h", "http://u:p@h", "socks5h://h", "socks5h://u:p@h"];

    /// How answers begin, so that more of them are read to some depth.
    const BEGINNINGS: &[&[u8]] = &[
        b"",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\n",
        b"\x05\x00",
        b"\x05\x02\x01\x00",
        b"\x05\x00\x05\x00\x00",
    ];

    proptest! {
        #[test]
        fn no_answer_of_a_proxy_is_too_much(
            proxy in prop::sample::select(PROXIES),
            begin in prop::sample::select(BEGINNINGS),
            rest in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let answer = [begin, &rest].concat();
            if let Err(error) = ask(proxy, &answer) {
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn no_text_in_the_environment_is_too_much(text in "\\PC{0,60}", rule in "[0-9a-z.:/*\\[\\], ]{0,40}") {
            drop(text.parse::<Proxy>());
            for url in ["ws://gateway.example/", "ws://10.1.2.3/", "ws://[2001:db8::1]:81/"] {
                let variable = |name: &str| match name {
                    "all_proxy" => Some("http://h".to_owned()),
                    "no_proxy" => Some(rule.clone()),
                    _ => None,
                };
                prop_assert!(environment::proxy(&url.parse().unwrap(), variable).is_ok());
            }
        }
    }

    #[test]
    fn a_proxy_that_connects_is_taken_at_its_word() {
        ask("http://h", b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n").unwrap();
        ask("socks5h://h", b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00").unwrap();
        ask("socks5h://u:p@h", b"\x05\x02\x01\x00\x05\x00\x00\x03\x01x\x00\x00").unwrap();
    }
}
