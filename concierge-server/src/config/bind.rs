//! Where a gateway listens: an address with its port, or a Unix socket.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where a gateway listens.
///
/// ```
/// use concierge_server::config::BindAddress;
/// let address: BindAddress = "unix:/run/concierge.sock".parse()?;
/// assert_eq!(address, BindAddress::Unix("/run/concierge.sock".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindAddress {
    /// Over TCP. Port 0 picks a free one.
    Tcp(SocketAddr),
    /// Over a Unix socket at this path: for programs on this machine whose users may write to it.
    Unix(PathBuf),
}

/// What was given is neither an address with a port nor a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address with a port or a Unix socket, such as 127.0.0.1:64209 or unix:/run/concierge.sock"
)]
pub struct NotABindAddress;

impl BindAddress {
    /// Whether other machines can reach it.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().to_canonical().is_loopback())
    }

    /// The address, over TCP.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for BindAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl FromStr for BindAddress {
    type Err = NotABindAddress;

    fn from_str(text: &str) -> Result<Self, NotABindAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            // The system ends a path at such a byte.
            let is_one = !path.is_empty() && !path.contains('\0');
            return is_one.then(|| Self::Unix(path.into())).ok_or(NotABindAddress);
        }
        let address = match text.strip_prefix("localhost:") {
            Some(port) => port.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok(),
            None => text.parse().ok(),
        };
        address.map(Self::Tcp).ok_or(NotABindAddress)
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}
