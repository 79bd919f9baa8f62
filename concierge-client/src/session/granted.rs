//! What the handshake established.

use uuid::Uuid;

use crate::payload::{ClientName, Features, Hello, Intents, Limits};

/// The largest message an original gateway takes, in bytes: what is assumed of one that tells no limits.
pub const ASSUMED_MESSAGE_LIMIT: usize = 65_536;

/// Who this client is on this connection, and what the gateway granted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The name it was let in with.
    pub name: ClientName,
    /// What the gateway answered.
    pub hello: Hello,
    /// How many connections this client had before this one.
    pub epoch: u64,
}

impl Session {
    /// What follows from a name and the gateway's answer to it, on the first connection of a client.
    pub fn new(name: ClientName, hello: Hello) -> Self {
        Self { name, hello, epoch: 0 }
    }

    /// What follows from another answer, on the connection after this one.
    #[must_use]
    pub fn renewed(&self, hello: Hello) -> Self {
        Self { name: self.name.clone(), hello, epoch: self.epoch + 1 }
    }

    /// The id of this connection.
    pub fn uuid(&self) -> Uuid {
        self.hello.uuid
    }

    /// The key by which the file store knows this client, on this connection. It is a secret, but with a gateway that knows no such
    /// keys: there it is the public id.
    pub fn file_key(&self) -> Uuid {
        self.hello.fs_key.unwrap_or(self.hello.uuid)
    }

    /// The features that were granted; none by a gateway that knows no features.
    pub fn features(&self) -> Features {
        self.hello.features.unwrap_or(Features::NONE)
    }

    /// The intents in force; all with a gateway that knows no intents.
    pub fn intents(&self) -> Intents {
        self.hello.intents.unwrap_or(Intents::ALL)
    }

    /// The gateway's program and version, when it tells: `"concierge-server 0.3.0"`.
    pub fn server(&self) -> Option<&str> {
        self.hello.server.as_deref()
    }

    /// The gateway's limits, when it tells.
    pub fn limits(&self) -> Option<Limits> {
        self.hello.limits
    }

    /// The largest message the gateway takes, in bytes; 65,536 is assumed of one that does not tell.
    pub fn message_limit(&self) -> usize {
        self.hello.limits.map_or(ASSUMED_MESSAGE_LIMIT, |limits| limits.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_original_gateway_is_assumed_where_nothing_is_told() {
        let session = Session::new("al".parse().unwrap(), Hello::new(Uuid::nil()));
        assert_eq!(session.message_limit(), 65_536);
        assert_eq!(session.features(), Features::NONE);
        assert_eq!(session.intents(), Intents::ALL);
    }
}
