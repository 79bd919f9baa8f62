//! Why there is no connection.

use std::{io, net::SocketAddr, time::Duration};

use crate::{
    payload::{CloseCode, InvalidName},
    session::{NotHello, Retry},
};

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
    #[error("the URL of a gateway starts with ws://, this with {scheme:?}")]
    Scheme {
        /// What it starts with.
        scheme: String,
    },
    /// `wss://`, which this version cannot speak.
    #[error("wss:// needs TLS, which this version cannot speak")]
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
            Self::Tls => "use ws:// on this machine or on a network you trust",
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
}

/// How far a connection had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Asking the secret provider for the secret.
    Secret,
    /// Looking up the host's addresses.
    Resolve,
    /// Opening a TCP connection.
    Connect,
    /// Asking for a WebSocket.
    Upgrade,
    /// Saying who one is.
    Identify,
}

impl Stage {
    /// What did not happen, when it is here that time ran out.
    const fn missed(self) -> &'static str {
        match self {
            Self::Secret => "the secret provider did not answer",
            Self::Resolve => "the host's name was not resolved",
            Self::Connect => "nothing accepted the connection",
            Self::Upgrade => "the server did not answer the request for a WebSocket",
            Self::Identify => "the gateway did not answer IDENTIFY",
        }
    }

    /// What the server did not finish, when it is here that it hung up.
    const fn broken_off(self) -> &'static str {
        match self {
            Self::Secret | Self::Resolve | Self::Connect | Self::Upgrade => {
                "the server hung up without answering the request for a WebSocket"
            }
            Self::Identify => "the gateway hung up without answering IDENTIFY",
        }
    }
}

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
    /// The server answered as a web server does, instead of opening a WebSocket.
    #[error("the server answered with HTTP status {status} instead of opening a WebSocket")]
    Http {
        /// The status.
        status: u16,
    },
    /// What answered does not speak HTTP, or not the part of it that opens a WebSocket.
    #[error("what answers there opens no WebSocket: {detail}")]
    NotWebSocket {
        /// What it did.
        detail: String,
    },
    /// The server speaks WebSocket, but not for `ert-concierge`.
    #[error("what answers there speaks WebSocket, but not ert-concierge: {detail}")]
    NotConcierge {
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
    /// What a client may do by itself after this.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Secret { .. }
            | Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::HungUp { .. }
            | Self::Http { status: 408 | 425 | 429 | 500..=599 } => Retry::Backoff,
            Self::Refused { code, .. } => Retry::after(*code),
            Self::Build(_)
            | Self::Http { .. }
            | Self::NotWebSocket { .. }
            | Self::NotConcierge { .. }
            | Self::NotHello(_) => Retry::Never,
        }
    }

    /// Whether trying again may help.
    pub fn is_temporary(&self) -> bool {
        self.retry().is_allowed()
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Build(BuildError::Url(error)) => return error.hint(),
            Self::Resolve { .. } => "is the host spelled right?",
            Self::Unreachable { .. } => {
                "is a gateway running there? Its port is 64209 unless it was told another; \
                 `concierge server` starts one"
            }
            Self::Secret { .. } | Self::Timeout { stage: Stage::Secret, .. } => {
                "look at where this program has its secret from"
            }
            Self::Timeout { stage: Stage::Resolve | Stage::Connect, .. } => {
                "is the host right, and does a firewall let you through?"
            }
            Self::Http { status: 401 | 403 } => {
                "the server, or a proxy before it, does not let this client in"
            }
            Self::Http { status: 408 | 425 | 429 | 500..=599 } => "try again later",
            Self::Http { .. } => "is this the URL of a gateway? Its path is /ws unless a proxy changes it",
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
            Self::Build(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_error_at_the_upgrade_is_final_and_a_server_error_is_not() {
        for (status, temporary) in
            [(400, false), (403, false), (404, false), (408, true), (425, true), (429, true)]
        {
            assert_eq!(ConnectError::Http { status }.is_temporary(), temporary, "{status}");
        }
        assert!(ConnectError::Http { status: 503 }.is_temporary());
        assert!(!ConnectError::Http { status: 200 }.is_temporary());
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
