//! A proxy that is believed when it says whom it asks for.

use std::fmt;
use std::str::FromStr;

use super::network::{Network, NotANetwork};
use crate::files::Address;

/// A proxy that is believed when it says whom it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedProxy {
    /// At an address, or anywhere in a network.
    Network(Network),
    /// Whoever comes over a Unix socket.
    Unix,
}

impl TrustedProxy {
    /// Whether what comes from there is believed.
    pub fn includes(self, address: Address) -> bool {
        match (self, address) {
            (Self::Network(network), Address::Ip(address)) => network.contains(address),
            (Self::Unix, Address::User(_)) => true,
            (Self::Network(_), Address::User(_)) | (Self::Unix, Address::Ip(_)) => false,
        }
    }

    /// The network, if it is one.
    pub(super) fn network(self) -> Option<Network> {
        match self {
            Self::Network(network) => Some(network),
            Self::Unix => None,
        }
    }
}

impl FromStr for TrustedProxy {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        if text == "unix" { Ok(Self::Unix) } else { text.parse().map(Self::Network) }
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(formatter),
            Self::Unix => formatter.write_str("unix"),
        }
    }
}
