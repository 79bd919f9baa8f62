//! What holds for every connection of a gateway.

use std::{collections::BTreeMap, time::Duration};

use concierge_client::payload::{ClientName, Data, Feature, Features, Limits, Nickname, Secret, ServiceName};

/// What a gateway asks of its clients and tells them.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What a client must know to come in; `None`: everybody may.
    pub secret: Option<Secret>,
    /// Names that only who knows their own secrets can have; those take the place of the one above.
    pub reserved: BTreeMap<ClientName, Secret>,
    /// Whether client names are restricted to `[A-Za-z0-9_]`.
    pub ascii_names: bool,
    /// How long a client has for its `IDENTIFY`.
    pub identify_timeout: Duration,
    /// How long a client may be silent before it is pinged.
    pub heartbeat_interval: Duration,
    /// How long a client may be silent before the connection is closed with 4009.
    pub heartbeat_timeout: Duration,
    /// What is told in `HELLO.limits`; those on names may be smaller than the protocol's.
    pub limits: Limits,
    /// Whether files are served: then who asks for it gets a secret file key.
    pub files: bool,
    /// The gateway's program and version, as told in `HELLO.server`.
    pub server: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            secret: None,
            reserved: BTreeMap::new(),
            ascii_names: false,
            identify_timeout: Duration::from_secs(5),
            heartbeat_interval: Duration::from_secs(5),
            heartbeat_timeout: Duration::from_secs(10),
            limits: Limits {
                name: ClientName::MAX_CHARACTERS,
                service: ServiceName::MAX_BYTES,
                nickname: Nickname::MAX_CHARACTERS,
                message: 1024 * 1024,
                depth: Data::MAX_DEPTH,
                subscriptions: Some(128),
                services: Some(64),
            },
            files: false,
            server: concat!("concierge-server ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Rules {
    /// Which features are granted to those who ask for them.
    pub(super) fn features(&self) -> Features {
        let features = Features::NONE.with(Feature::Compact);
        if self.files { features.with(Feature::FsKey) } else { features }
    }
}
