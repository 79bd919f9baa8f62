//! Why there is no connection.

use std::{io, net::SocketAddr, time::Duration};

use super::{build::BuildError, proxy::ProxyError, stage::Stage, tls::TlsError};
use crate::{
    payload::CloseCode,
    session::{NotHello, Retry, Trouble},
};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// What was set is not valid; nothing was tried.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The secret provider did not give the secret.
    #[error("the secret provider failed")]
    Secret {
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host's name has no address.
    #[error("cannot find the address of {host}")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of the host's addresses took the connection.
    #[error("cannot connect to {address}")]
    Unreachable {
        /// The address that was tried last.
        address: SocketAddr,
        /// What the operating system said: refused, unreachable, reset.
        source: io::Error,
    },
    /// It took too long.
    #[error("{} within {} s", stage.missed(), after.as_secs_f32())]
    Timeout {
        /// Where it got stuck.
        stage: Stage,
        /// How long was waited for the whole.
        after: Duration,
    },
    /// What [`ClientBuilder::connect_through`](crate::ClientBuilder::connect_through) was given opened no stream.
    #[error("no stream to the gateway could be opened")]
    Connector {
        /// What it said.
        source: io::Error,
    },
    /// A proxy did not let the connection through.
    #[error("no connection by way of the proxy {proxy}")]
    Proxy {
        /// The proxy's URL, without the user and the password.
        proxy: String,
        /// What went wrong.
        source: ProxyError,
    },
    /// There is no TLS with what answered.
    #[error("no TLS with {host}")]
    Tls {
        /// The host that the certificate has to be for.
        host: String,
        /// What is wrong.
        source: TlsError,
    },
    /// The server answered as a web server does, instead of opening a WebSocket.
    #[error("the server answered with HTTP status {status} instead of opening a WebSocket")]
    Http {
        /// The status.
        status: u16,
        /// How long to wait before trying again, when the server told (`Retry-After`, RFC 9110, section 10.2.3).
        retry_after: Option<Duration>,
    },
    /// What answered does not speak HTTP, or not the part of it that opens a WebSocket.
    #[error("what answers there opens no WebSocket: {detail}")]
    NotWebSocket {
        /// What it did.
        detail: String,
    },
    /// The server speaks WebSocket, but not the protocol that this client is for.
    #[error("what answers there speaks WebSocket, but not {protocol}: {detail}")]
    NotConcierge {
        /// The protocol: `ert-concierge` or `telegraphy.v1`.
        protocol: &'static str,
        /// What it did.
        detail: String,
    },
    /// The gateway's first message is not the answer to `IDENTIFY`.
    #[error("what answers there is no gateway")]
    NotHello(#[from] NotHello),
    /// The server hung up in the middle.
    #[error("{}", stage.broken_off())]
    HungUp {
        /// Where.
        stage: Stage,
        /// What the operating system said, when it said something.
        source: Option<io::Error>,
    },
    /// The gateway refused this client at the door.
    #[error("{}", refused(*code, reason))]
    Refused {
        /// The close code: what it objects to.
        code: CloseCode,
        /// What it wrote. Text from elsewhere: escape it before showing it.
        reason: String,
    },
}

fn refused(code: CloseCode, reason: &str) -> String {
    match code {
        CloseCode::DuplicateAuth => "the gateway already has a client of this name".to_owned(),
        CloseCode::BadSecret => "the gateway did not accept the secret, or wants one".to_owned(),
        CloseCode::BadVersion => "the gateway speaks another version of the protocol".to_owned(),
        CloseCode::BadAuth => "the gateway does not allow this name".to_owned(),
        CloseCode::AuthFailed => "the gateway did not get IDENTIFY in time".to_owned(),
        code if reason.is_empty() => format!("the gateway closed the connection with {code}"),
        code => format!("the gateway closed the connection with {code}, {reason:?}"),
    }
}

impl ConnectError {
    /// What kind of trouble it is, as far as it matters for another try.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Secret { .. } | Self::Connector { .. } => Trouble::Unavailable,
            Self::Resolve { .. } => Trouble::Resolve,
            Self::Unreachable { .. } | Self::HungUp { .. } => Trouble::Broken,
            Self::Timeout { .. } => Trouble::Timeout,
            Self::Http { status, .. } => Trouble::Http(*status),
            Self::Proxy { source, .. } => source.trouble(),
            Self::Refused { code, .. } => Trouble::Closed(*code),
            Self::Build(_) => Trouble::Setting,
            Self::Tls { .. } => Trouble::Untrusted,
            Self::NotWebSocket { .. } | Self::NotConcierge { .. } | Self::NotHello(_) => Trouble::Foreign,
        }
    }

    /// What a client may do by itself after this.
    pub fn retry(&self) -> Retry {
        Retry::decide(self.trouble())
    }

    /// Whether trying again may help.
    pub fn is_temporary(&self) -> bool {
        self.retry().is_allowed()
    }

    /// How long the server, or a proxy before it, asked to be left alone: not before that may an attempt succeed. A year
    /// at most.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. }
            | Self::Proxy { source: ProxyError::Status { retry_after, .. }, .. } => *retry_after,
            _ => None,
        }
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Build(error) => return error.hint(),
            Self::Proxy { source, .. } => return source.hint(),
            Self::Tls { source, .. } => return source.hint(),
            Self::Resolve { .. } => "is the host spelled right?",
            Self::Unreachable { .. } => {
                "is a gateway running there? Its port is 64209 unless it was told another; \
                 `concierge server` starts one"
            }
            Self::Connector { .. } => "look at where this program has its connections from",
            Self::Secret { .. } | Self::Timeout { stage: Stage::Secret, .. } => {
                "look at where this program has its secret from"
            }
            Self::Timeout { stage: Stage::Resolve | Stage::Connect, .. } => {
                "is the host right, and does a firewall let you through?"
            }
            Self::Http { status: 421, .. } => {
                "the server does not go by this host name; a gateway on a loopback address is called localhost"
            }
            Self::Http { status: 401 | 403, .. } => {
                "the server, or a proxy before it, does not let this client in"
            }
            Self::Http { status: 408 | 425 | 429 | 500..=599, .. } => "try again later",
            Self::Http { .. } => "is this the URL of a gateway? Its path is /ws unless a proxy changes it",
            Self::Timeout { stage: Stage::Proxy, .. } => {
                "is this the right proxy, and can it reach the gateway?"
            }
            Self::Timeout { .. }
            | Self::NotWebSocket { .. }
            | Self::NotConcierge { .. }
            | Self::NotHello(_)
            | Self::HungUp { .. } => "is this the URL of a gateway? It looks like ws://127.0.0.1:64209/ws",
            Self::Refused { code, .. } => match code {
                CloseCode::DuplicateAuth => "choose another name, or wait until the other client has left",
                CloseCode::BadSecret => "check the secret this gateway was started with",
                CloseCode::BadVersion => "update the gateway or this program",
                CloseCode::BadAuth => {
                    "a name has letters, digits and _ only; this gateway may allow only those of ASCII"
                }
                code if Retry::after(*code).is_allowed() => "try again later",
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> ConnectError {
        ConnectError::Http { status, retry_after: None }
    }

    #[test]
    fn a_client_error_at_the_upgrade_is_final_and_a_server_error_is_not() {
        for (status, temporary) in
            [(400, false), (403, false), (404, false), (408, true), (425, true), (429, true)]
        {
            assert_eq!(answered(status).is_temporary(), temporary, "{status}");
        }
        assert!(answered(503).is_temporary());
        assert!(!answered(200).is_temporary());
    }

    #[test]
    fn a_refusal_at_the_door_says_what_to_try() {
        let error = ConnectError::Refused { code: CloseCode::DuplicateAuth, reason: String::new() };
        assert_eq!(error.to_string(), "the gateway already has a client of this name");
        assert!(error.hint().is_some());
        assert!(!error.is_temporary());
        let error = ConnectError::Refused { code: CloseCode::Other(4999), reason: "\u{1b}[2J".to_owned() };
        assert_eq!(error.to_string(), r#"the gateway closed the connection with 4999 OTHER, "\u{1b}[2J""#);
    }
}
