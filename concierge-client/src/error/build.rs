//! Why a connection cannot even be tried: what was set is not valid.

use super::proxy::ProxyUrlError;
use crate::payload::InvalidName;

/// Why a text is no URL of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is no URL.
    #[error("{url:?} is not a URL: {detail}")]
    Syntax {
        /// What was given.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// It is one of another protocol.
    #[error("the URL of a gateway starts with ws:// or wss://, this with {scheme:?}")]
    Scheme {
        /// What it starts with.
        scheme: String,
    },
    /// It is none of `http://` or `https://`, where one of these is needed.
    #[error("the URL for web applications starts with http:// or https://, unlike {url:?}")]
    NotHttp {
        /// What was given.
        url: String,
    },
    /// `wss://`, in a program that was built without the feature `rustls`.
    #[error("wss:// needs TLS, which this program was built without")]
    Tls,
    /// It names no host.
    #[error("{url:?} names no host")]
    NoHost {
        /// What was given.
        url: String,
    },
    /// It has a user or a password in it.
    #[error("the URL of a gateway has no user and no password in it")]
    Credentials,
    /// It has a `#` in it, which RFC 6455, section 3, forbids.
    #[error("the URL of a gateway has no part after a #")]
    Fragment,
}

impl UrlError {
    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Syntax { .. } | Self::Scheme { .. } | Self::NoHost { .. } => {
                "a gateway's URL looks like ws://127.0.0.1:64209/ws"
            }
            Self::NotHttp { .. } => {
                "the gateway's address for web applications looks like http://127.0.0.1:4000"
            }
            Self::Tls => "build it with the feature rustls of concierge-client",
            Self::Credentials => "a gateway's secret is given apart from its URL",
            Self::Fragment => return None,
        })
    }
}

/// Why a connection cannot even be tried: something that was set is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The name, the nickname or the tags.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The secret's environment variable does not hold text.
    #[error("the environment variable {variable} is not valid UTF-8")]
    Secret {
        /// Which variable.
        variable: String,
    },
    /// The proxy's URL.
    #[error("{origin} is not the URL of a proxy: {reason}")]
    Proxy {
        /// Where it comes from: the name of an environment variable, or what was given to the builder.
        origin: &'static str,
        /// What is wrong with it.
        reason: ProxyUrlError,
    },
    /// A header of the request for a WebSocket.
    #[error("the header {name:?} cannot be sent: {reason}")]
    Header {
        /// Which.
        name: String,
        /// What is wrong with it.
        reason: HeaderError,
    },
    /// A root certificate.
    #[error("the root certificate cannot be used: {detail}")]
    RootCertificate {
        /// What is wrong with it.
        detail: String,
    },
}

/// Why a header cannot be sent with the request for a WebSocket. Its value is never told: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A name of a header has letters, digits and `-`.
    #[error("this is not a name of a header")]
    Name,
    /// A value has visible characters of ASCII, spaces and tabs.
    #[error("its value has characters that a header cannot hold")]
    Value,
    /// It belongs to the handshake, or to the connection it is made on.
    #[error("it belongs to the handshake")]
    Handshake,
}

impl BuildError {
    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Url(error) => return error.hint(),
            Self::Proxy { .. } => {
                "a proxy's URL looks like http://user:password@host:port or socks5h://host:port"
            }
            Self::RootCertificate { .. } => "give it as PEM: it begins with -----BEGIN CERTIFICATE-----",
            Self::Name(_) | Self::Secret { .. } | Self::Header { .. } => return None,
        })
    }
}
