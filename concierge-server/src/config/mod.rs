//! What a gateway can be told, and what it does when told nothing. Not here: where settings come from (`layers`), how a
//! text becomes a value (`value`), and which combinations are refused (`check`).
//!
//! A setting is taken from the first of these that has it: a flag, a variable `CONCIERGE_SERVER_<KEY>` (dots as `__`), the
//! file given with `--config`, the default.

mod bind;
mod certificate;
mod check;
mod error;
mod layers;
mod nearest;
mod network;
mod proxy;
mod rate;
mod secrets;
mod settings;
mod shown;
mod telegraphy;
mod value;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use concierge_client::payload::{ClientName, DEFAULT_PORT, Nickname, Secret, ServiceName};

pub use self::bind::{BindAddress, NotABindAddress};
pub use self::error::{ConfigError, Source};
pub use self::layers::Sources;
pub use self::network::{Network, NotANetwork};
pub use self::proxy::TrustedProxy;
pub use self::rate::Rate;
pub use self::telegraphy::Telegraphy;
pub use self::value::{ConnectionLimit, LogFormat, LogLevel, NamePolicy};

pub use crate::files::LegacyKeys;

pub(crate) use self::layers::CONFIG_VARIABLE;
use self::layers::Origins;

/// The configuration of a gateway. [`Config::default`] is what a gateway does that was told nothing.
///
/// ```
/// use concierge_server::Config;
/// let config = Config::from_toml("bind = \"127.0.0.1:0\"\nheartbeat.interval = \"2s\"")?;
/// assert_eq!(config.heartbeat.interval.as_secs(), 2);
/// let unknown = Config::from_toml("hartbeat.interval = \"2s\"").unwrap_err();
/// assert_eq!(
///     unknown.to_string(),
///     "unknown key `hartbeat.interval` in the configuration; did you mean `heartbeat.interval`?",
/// );
/// # Ok::<(), concierge_server::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen.
    pub bind: Vec<BindAddress>,
    /// What every client must present.
    pub secret: Option<Secret>,
    /// Whether to listen on public addresses without a secret.
    pub allow_anonymous: bool,
    /// Names that only who knows their own secrets can have.
    pub reserved: Vec<Reserved>,
    /// What it shows to clients that connect over TLS.
    pub tls: Tls,
    /// Which letters a client's name may have.
    pub names: NamePolicy,
    /// How long a connection may take to identify itself.
    pub identify_timeout: Duration,
    /// When silence is answered with a ping, and when with a close.
    pub heartbeat: Heartbeat,
    /// How long a stop may take to write what is queued.
    pub shutdown_timeout: Duration,
    /// Bounds.
    pub limits: Limits,
    /// Bounds of an HTTP request's head.
    pub head: Head,
    /// Which web pages may connect, beside those from the gateway's own host. `*` is every one.
    pub allowed_origins: Vec<String>,
    /// Names by which the gateway may be called over the loopback address, beside those of the loopback address: that of a
    /// proxy on the same machine. Without a port.
    pub allowed_hosts: Vec<String>,
    /// Proxies that are believed when they say whom they ask for: then that is where a request comes from.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The file store.
    pub files: Files,
    /// The events of web applications.
    pub telegraphy: Telegraphy,
    /// What those who run it can ask.
    pub metrics: Metrics,
    /// What the program logs.
    pub log: Log,
    origins: Origins,
}

/// A name that only who knows its own secret can have, also while nobody has it. A secret for everybody does not do for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reserved {
    /// The name.
    pub name: ClientName,
    /// What opens it.
    pub secret: Secret,
}

/// TLS, for every address that clients connect to. Without files there is none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Tls {
    /// The certificate, and those that lead from it to an authority, as PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, as PEM, not readable by every user of the machine.
    pub key_file: Option<PathBuf>,
}

/// When silence is answered.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Heartbeat {
    /// Silence before a ping.
    pub interval: Duration,
    /// Silence before the connection is closed.
    pub timeout: Duration,
}

/// Bounds; `None` is no bound.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Limits {
    /// The longest client name, in characters.
    pub name: usize,
    /// The longest service name, in bytes.
    pub service: usize,
    /// The longest nickname, in characters.
    pub nickname: usize,
    /// The largest message, in bytes.
    pub message: usize,
    /// The largest first message, in bytes.
    pub first_message: usize,
    /// The largest frame, in bytes.
    pub frame: usize,
    /// Fragments a message may have.
    pub fragments: Option<usize>,
    /// Services a client may be subscribed to.
    pub subscriptions: Option<usize>,
    /// Services a client may own.
    pub services: Option<usize>,
    /// Services there may be.
    pub services_total: Option<usize>,
    /// How often a client may send messages.
    pub messages: Option<Rate>,
    /// How many bytes a client may send, those around its messages included.
    pub bytes: Option<Rate>,
    /// How often a client may send control frames: pings, and pongs.
    pub control_frames: Option<Rate>,
    /// Bytes that may wait for a client.
    pub outbox_bytes: usize,
    /// Payloads that may wait for a client.
    pub outbox_payloads: Option<usize>,
    /// Bytes that may wait for all clients together; what waits for several counts once.
    pub outbox_total_bytes: Option<usize>,
    /// Connections there may be.
    pub connections: ConnectionLimit,
    /// Connections there may be that have not identified themselves.
    pub unidentified: Option<usize>,
    /// The same, from one address.
    pub unidentified_per_address: Option<usize>,
    /// Wrong secrets and unknown file keys from one address in a minute, until it has to wait.
    pub wrong_secrets: Option<usize>,
}

/// Bounds of an HTTP request's head.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Head {
    /// Its size, in bytes.
    pub bytes: usize,
    /// How many headers it may have.
    pub headers: usize,
    /// How long it may take to arrive.
    pub timeout: Duration,
}

/// The file store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Files {
    /// Whether there is one.
    pub serve: bool,
    /// The folder that files are kept in, of this gateway alone. Without one it is a temporary one, gone when the gateway stops.
    pub dir: Option<PathBuf>,
    /// What the public id of a client without a secret key may do.
    pub legacy_key: LegacyKeys,
    /// Whether public ids may read.
    pub public_read_key: bool,
    /// How long a body may bring nothing.
    pub body_timeout: Duration,
    /// Bytes on the disk that are left to others.
    pub reserve: u64,
    /// How much there may be.
    pub limits: crate::files::Limits,
}

/// Metrics, health, readiness and administration, for those who run the gateway.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Metrics {
    /// Where to listen for them; nowhere by default.
    pub bind: Vec<BindAddress>,
    /// The token that administration asks for; without one there is none.
    pub admin_secret: Option<Secret>,
}

/// What the program logs on stderr. A gateway that is embedded logs by `tracing` and leaves this to its host.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Log {
    /// From which level on.
    pub level: LogLevel,
    /// Lines for people or JSON.
    pub format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)).into()],
            secret: None,
            allow_anonymous: false,
            reserved: Vec::new(),
            tls: Tls::default(),
            names: NamePolicy::Unicode,
            identify_timeout: Duration::from_secs(5),
            heartbeat: Heartbeat { interval: Duration::from_secs(5), timeout: Duration::from_secs(10) },
            shutdown_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            head: Head { bytes: 16 * 1024, headers: 64, timeout: Duration::from_secs(5) },
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            files: Files::default(),
            telegraphy: Telegraphy::default(),
            metrics: Metrics { bind: Vec::new(), admin_secret: None },
            log: Log { level: LogLevel::Info, format: LogFormat::Text },
            origins: Origins::default(),
        }
    }
}

impl Default for Files {
    fn default() -> Self {
        Self {
            serve: true,
            dir: None,
            legacy_key: LegacyKeys::Bound,
            public_read_key: true,
            body_timeout: Duration::from_secs(10),
            reserve: 256 << 20,
            limits: crate::files::Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            name: ClientName::MAX_CHARACTERS,
            service: ServiceName::MAX_BYTES,
            nickname: Nickname::MAX_CHARACTERS,
            message: 1024 * 1024,
            first_message: 64 * 1024,
            frame: 1024 * 1024,
            fragments: Some(1024),
            subscriptions: Some(128),
            services: Some(64),
            services_total: Some(10_000),
            messages: None,
            bytes: None,
            control_frames: Rate::new(20, 40),
            outbox_bytes: 4 * 1024 * 1024,
            outbox_payloads: Some(16_384),
            outbox_total_bytes: Some(512 * 1024 * 1024),
            connections: ConnectionLimit::Automatic,
            unidentified: Some(4096),
            unidentified_per_address: Some(256),
            wrong_secrets: Some(10),
        }
    }
}

impl Config {
    /// Reads a configuration as its file would have it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the text is not TOML, has an unknown key or a value that is not one, or is refused.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Sources::new().text(text).and_then(Sources::resolve)
    }

    /// Refuses what is unsafe or contradicts itself. [`Server::bind`](crate::Server::bind) asks this by itself.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Refused`] says what to change.
    pub fn check(&self) -> Result<(), ConfigError> {
        check::check(self)
    }

    /// Where a setting comes from; `Source::Default` for a key that does not exist.
    pub fn source(&self, key: &str) -> Source {
        self.origins.of(key)
    }
}
