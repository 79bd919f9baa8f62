//! TCP connections: from a host and a port, of a gateway or of a proxy, to a stream.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::net::{TcpStream, lookup_host};
use url::Host;

use super::{happy, patience::Patience};
use crate::{
    error::{ConnectError, Stage},
    milestone::Milestone,
};

/// Where to connect to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) host: &'a Host,
    pub(super) port: u16,
}

/// Why there is no TCP connection, for whoever knows what it was to.
#[derive(Debug)]
pub(super) enum TcpError {
    /// The name has no address.
    Resolve(io::Error),
    /// No address answers.
    Unreachable(SocketAddr, io::Error),
}

/// The addresses of a host; there is at least one.
///
/// Cancel safe.
pub(super) async fn resolve(
    endpoint: Endpoint<'_>,
    patience: &Patience,
    describe: impl Fn(TcpError) -> ConnectError,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match endpoint.host {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::from(*address), endpoint.port).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::from(*address), endpoint.port).into()]),
        Host::Domain(name) => name.as_str(),
    };
    let looked_up = async {
        let addresses: Vec<_> = lookup_host((name, endpoint.port))
            .await
            .map_err(|error| describe(TcpError::Resolve(error)))?
            .collect();
        if addresses.is_empty() {
            return Err(describe(no_addresses()));
        }
        patience.reached(|| Milestone::Resolved { host: name.to_owned(), addresses: addresses.clone() });
        Ok(addresses)
    };
    patience.bound(Stage::Resolve, looked_up).await
}

/// Opens a TCP connection to whichever address answers first, none having longer than `within`.
///
/// Cancel safe: dropping the future closes what was opened.
pub(super) async fn connect(
    endpoint: Endpoint<'_>,
    within: Option<Duration>,
    patience: &Patience,
    describe: impl Fn(TcpError) -> ConnectError,
) -> Result<TcpStream, ConnectError> {
    let addresses = resolve(endpoint, patience, &describe).await?;
    let connected = async {
        let stream = happy::first(addresses, within, TcpStream::connect).await.map_err(|failure| {
            describe(match failure {
                Some(failure) => TcpError::Unreachable(failure.address, failure.source),
                None => no_addresses(),
            })
        })?;
        // Small messages are not held back to be sent together; those that are queued are written at once anyway.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        // Whom one is connected to can only be unknown when that is over already, which what follows will tell.
        if let Ok(address) = stream.peer_addr() {
            patience.reached(|| Milestone::Connected { address });
        }
        Ok(stream)
    };
    patience.bound(Stage::Connect, connected).await
}

/// A name of which the resolver knows, but no address.
pub(super) fn no_addresses() -> TcpError {
    TcpError::Resolve(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"))
}
