//! What an attempt to connect comes past, for whoever wants to look at the way and not only at its end.

use std::{fmt, net::SocketAddr, sync::Arc};

/// Something that an attempt to connect has behind it. They come in this order; those that the way does not have, a proxy or
/// TLS for example, do not come. What [`ClientBuilder::observe`](crate::ClientBuilder::observe) was given is told of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Milestone {
    /// The way leads through a proxy.
    Proxy {
        /// The proxy's URL, without the user and the password.
        proxy: String,
    },
    /// A name was looked up: the gateway's, or the proxy's. An address has no name to look up.
    Resolved {
        /// The name.
        host: String,
        /// Its addresses, in the resolver's order; at least one.
        addresses: Vec<SocketAddr>,
    },
    /// A TCP connection is there: to the gateway, or to the proxy.
    Connected {
        /// The address that answered.
        address: SocketAddr,
    },
    /// The proxy has connected to the gateway.
    Proxied,
    /// Both sides agreed on TLS, and the certificate is one that this client trusts.
    Secured(Secured),
    /// The server answered the request for a WebSocket, whatever it answered.
    Answered(Answer),
}

/// What TLS came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Secured {
    /// The version of the protocol: `TLS 1.3`.
    pub version: String,
    /// The cipher suite, by its name in the registry of IANA.
    pub cipher: String,
    /// The server's certificates as DER (RFC 5280), its own one first.
    pub certificates: Vec<Vec<u8>>,
}

/// A server's answer to the request for a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status; 101 is a WebSocket.
    pub status: u16,
    /// The headers, in the order of the answer. Text from elsewhere: escape it before showing it.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// An answer with these headers, for the tests of whoever looks at answers.
    pub fn new<N, V>(status: u16, headers: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let headers = headers.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { status, headers: headers.collect() }
    }

    /// The first value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

type Observe = dyn Fn(&Milestone) + Send + Sync;

/// Who is told of milestones; possibly nobody.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Observe>>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&Milestone) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    /// Tells of a milestone, which is only made when there is somebody to tell.
    pub(crate) fn tell(&self, milestone: impl FnOnce() -> Milestone) {
        if let Some(observe) = &self.0 {
            observe(&milestone());
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Observer" } else { "Nobody" })
    }
}
