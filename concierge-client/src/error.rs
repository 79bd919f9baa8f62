//! What can go wrong, a type per thing one does: naming a gateway, connecting, calling, waiting, draining.
//!
//! Owns the errors of the connected half and what each means for a caller: whether it may pass, whether a request may be
//! repeated, what a person could try. The refusals of the gateway are [`Rejection`]s and belong to the payloads.

use std::{io, net::SocketAddr, time::Duration};

use crate::{
    payload::{CloseCode, InvalidName, Rejection},
    session::{AnswerError, CloseCause, NotHello, Retry},
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
            Self::Resolve => "the host's name was not resolved",
            Self::Connect => "nothing accepted the connection",
            Self::Upgrade => "the server did not answer the request for a WebSocket",
            Self::Identify => "the gateway did not answer IDENTIFY",
        }
    }

    /// What the server did not finish, when it is here that it hung up.
    const fn broken_off(self) -> &'static str {
        match self {
            Self::Resolve | Self::Connect | Self::Upgrade => {
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
            Self::Resolve { .. }
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

/// Whether a request that got no answer may have reached the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// It never left this process.
    NotSent,
    /// It was written, or part of it: the gateway may have done what it asked.
    MaybeSent,
}

/// Why a call has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The gateway refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The gateway did not answer in time. It may still do what was asked.
    #[error("no answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the answer came.
    #[error("{cause}, {}", match wire {
        Wire::NotSent => "before the request was sent",
        Wire::MaybeSent => "before the request was answered",
    })]
    Lost {
        /// Whether the request may have reached the gateway.
        wire: Wire,
        /// Why the connection ended.
        cause: CloseCause,
    },
    /// The connection had ended before the call.
    #[error("the connection has ended: {cause}")]
    Closed {
        /// Why.
        cause: CloseCause,
    },
    /// As many requests are waiting for an answer as may; only calls that never wait fail so.
    #[error("{in_flight} requests are waiting for an answer, the most at one time")]
    Full {
        /// How many.
        in_flight: usize,
    },
    /// The request is larger than what the gateway takes; it was not sent.
    #[error("the request has {size} bytes, the gateway takes {limit}")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// The most this gateway takes, in bytes.
        limit: usize,
    },
    /// What was to be named has no valid name; nothing was sent.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The request cannot be written as JSON; nothing was sent.
    #[error("the request cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The gateway's answer cannot be used.
    #[error(transparent)]
    Decode(#[from] UselessReply),
}

/// Why an answer is of no use to the call it answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UselessReply {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] AnswerError),
    /// It is the answer to another kind of request.
    #[error("the gateway's answer does not belong to this request: {answer}")]
    Mismatched {
        /// The answer, as JSON.
        answer: String,
    },
}

impl CallError {
    /// Whether the same call may succeed later on this client.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Full { .. } | Self::Rejected(Rejection::Internal { .. }) => true,
            Self::Lost { .. }
            | Self::Closed { .. }
            | Self::Rejected(_)
            | Self::TooLarge { .. }
            | Self::InvalidName(_)
            | Self::Encode(_)
            | Self::Decode(_) => false,
        }
    }

    /// Whether it is certain that the gateway did not do what was asked, so that asking again does nothing twice.
    pub fn safe_to_repeat(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Lost { wire: Wire::MaybeSent, .. }
            | Self::Decode(_)
            | Self::Rejected(Rejection::Internal { .. }) => false,
            Self::Lost { wire: Wire::NotSent, .. }
            | Self::Rejected(_)
            | Self::Closed { .. }
            | Self::Full { .. }
            | Self::TooLarge { .. }
            | Self::InvalidName(_)
            | Self::Encode(_) => true,
        }
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Timeout { .. } => "the gateway may be busy; a longer timeout may help",
            Self::Lost { wire: Wire::MaybeSent, .. } => "look whether it was done before asking again",
            Self::Lost { .. } | Self::Closed { .. } => "connect again",
            Self::Full { .. } => "wait for some answers first",
            Self::TooLarge { .. } => "send less at a time, or raise the gateway's limit",
            Self::Rejected(_) | Self::InvalidName(_) | Self::Encode(_) | Self::Decode(_) => return None,
        })
    }
}

/// Why what was waited for did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// Not in this time.
    #[error("it did not happen within {} s", within.as_secs_f32())]
    Timeout {
        /// How long was waited.
        within: Duration,
    },
    /// The connection ended first.
    #[error("the connection ended first: {0}")]
    Closed(CloseCause),
}

/// A drain ran out of time: the connection was closed with requests that had no answer yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{unanswered} requests had no answer when the time was up")]
pub struct DrainError {
    /// How many.
    pub unanswered: usize,
}

/// Why a raw connection sent nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text was not sent: {cause}")]
pub struct RawError {
    /// How the connection ended.
    pub cause: CloseCause,
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
    fn only_what_certainly_did_not_happen_is_safe_to_repeat() {
        let cause = CloseCause::ByClient;
        assert!(CallError::Lost { wire: Wire::NotSent, cause: cause.clone() }.safe_to_repeat());
        assert!(!CallError::Lost { wire: Wire::MaybeSent, cause }.safe_to_repeat());
        assert!(!CallError::Timeout { after: Duration::from_secs(1) }.safe_to_repeat());
        assert!(CallError::Rejected(Rejection::Unsupported).safe_to_repeat());
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
