//! Where somebody comes from, as the log and operators are told.

use std::fmt;
use std::net::SocketAddr;

use crate::files::Address;

/// Where a connection or a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) address: Address,
    /// Where it is known: a proxy seldom tells that of whom it asks for.
    pub(super) port: Option<u16>,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { address: address.ip().into(), port: Some(address.port()) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (Address::Ip(address), Some(port)) => SocketAddr::new(address, port).fmt(formatter),
            (address, _) => address.fmt(formatter),
        }
    }
}
