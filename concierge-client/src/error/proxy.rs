//! What can go wrong with a proxy: its URL, the way to it, and what it answers.

use std::{io, net::SocketAddr, time::Duration};

use crate::session::Trouble;

/// Why a text is no URL of a proxy. The text itself is never told: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It is no URL.
    #[error("it is not a URL: {detail}")]
    Syntax {
        /// What is wrong with it.
        detail: String,
    },
    /// It is of a kind of proxy that is not supported.
    #[error("a proxy is http://, socks5:// or socks5h://, not {scheme:?}")]
    Scheme {
        /// What it starts with.
        scheme: String,
    },
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// The user or the password is not text, or longer than the 255 bytes that SOCKS5 has for it.
    #[error("its user or its password cannot be sent")]
    Credentials,
}

/// What went wrong with a proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Its name has no address.
    #[error("its address cannot be found")]
    Resolve(#[source] io::Error),
    /// None of its addresses took the connection.
    #[error("nothing answers at {address}")]
    Unreachable {
        /// The address that was tried last.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// It wants a user and a password, or other ones.
    #[error("{}", credentials(*given))]
    Credentials {
        /// Whether it was given some.
        given: bool,
    },
    /// An HTTP proxy answered `CONNECT` with something else than success.
    #[error("it answered CONNECT with HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long to wait before asking again, when it told.
        retry_after: Option<Duration>,
    },
    /// A SOCKS5 proxy did not connect to the gateway.
    #[error("it did not connect: {}", reason(*reply))]
    Reply {
        /// The reply (RFC 1928, section 6).
        reply: u8,
    },
    /// It speaks something else.
    #[error("it does not answer as a proxy does: {detail}")]
    NotAProxy {
        /// What it did.
        detail: String,
    },
    /// It hung up in the middle.
    #[error("it hung up without an answer")]
    HungUp(#[source] Option<io::Error>),
}

fn credentials(given: bool) -> &'static str {
    if given { "it did not accept the user and the password" } else { "it wants a user and a password" }
}

/// The replies of RFC 1928, section 6.
fn reason(reply: u8) -> String {
    match reply {
        1 => "it failed in general",
        2 => "its rules do not allow it",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the connection was refused",
        6 => "the way there is too long",
        7 => "it knows no such command",
        8 => "it knows no such kind of address",
        other => return format!("it answered {other}"),
    }
    .to_owned()
}

impl ProxyError {
    /// What kind of trouble it is, as far as it matters for another try.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Resolve(_) => Trouble::Resolve,
            Self::Status { status, .. } => Trouble::Http(*status),
            Self::Unreachable { .. } | Self::Reply { reply: 1 | 3..=6 } | Self::HungUp(_) => Trouble::Broken,
            Self::Credentials { .. } | Self::Reply { .. } => Trouble::Setting,
            Self::NotAProxy { .. } => Trouble::Foreign,
        }
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Resolve(_) | Self::Unreachable { .. } | Self::NotAProxy { .. } | Self::HungUp(_) => {
                "is this the right proxy? It comes from the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) \
                 unless one was given; NO_PROXY names the hosts that need none"
            }
            Self::Credentials { .. } => "a proxy's URL may hold them: http://user:password@host:port",
            Self::Status { status: 403, .. } | Self::Reply { reply: 2 } => {
                "its operator has to allow connections to this host and port"
            }
            Self::Status { .. } | Self::Reply { reply: 1 | 3..=6 } => {
                "can the proxy reach the gateway? Hosts in NO_PROXY are connected to directly"
            }
            Self::Reply { .. } => return None,
        })
    }
}
