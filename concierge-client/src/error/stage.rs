//! How far an attempt to connect had come.

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
    /// Asking a proxy to connect to the gateway.
    Proxy,
    /// Agreeing on TLS.
    Tls,
    /// Asking for a WebSocket.
    Upgrade,
    /// Saying who one is.
    Identify,
}

impl Stage {
    /// What did not happen, when it is here that time ran out.
    pub(super) const fn missed(self) -> &'static str {
        match self {
            Self::Secret => "the secret provider did not answer",
            Self::Resolve => "the host's name was not resolved",
            Self::Connect => "nothing accepted the connection",
            Self::Proxy => "the proxy did not answer",
            Self::Tls => "the server did not finish the TLS handshake",
            Self::Upgrade => "the server did not answer the request for a WebSocket",
            Self::Identify => "the gateway did not answer IDENTIFY",
        }
    }

    /// What the server did not finish, when it is here that it hung up.
    pub(super) const fn broken_off(self) -> &'static str {
        match self {
            Self::Tls => "the server hung up during the TLS handshake",
            Self::Secret | Self::Resolve | Self::Connect | Self::Proxy | Self::Upgrade => {
                "the server hung up without answering the request for a WebSocket"
            }
            Self::Identify => "the gateway hung up without answering IDENTIFY",
        }
    }
}
