//! The gateway as a library: bind, look where, run until told to stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{timeout, timeout_at};
use tracing::{info, warn};

use super::files::{Disk, Files};
use super::gateway::Gateway;
use super::sockets::{self, Listener, Listening, SocketFile};
use super::telegraphy::Kept;
use super::tls::Tls;
use super::{api, listener, operations};
use crate::config::{self, BindAddress, Config, ConfigError};
use crate::files::{Tally, Totals};
use crate::store::OpenError;

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration is refused.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The folder of the files cannot be used.
    #[error("cannot keep files in {}", path.display())]
    CannotKeepFiles {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The store of the events cannot be used.
    #[error(transparent)]
    CannotKeepEvents(#[from] OpenError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    CannotBind {
        /// The address.
        address: BindAddress,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl ServeError {
    /// The exit code of a program that ends for it: 78 for the configuration, 10 for an address, a folder or a store.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => 78,
            Self::CannotBind { .. } | Self::CannotKeepFiles { .. } | Self::CannotKeepEvents(_) => 10,
        }
    }
}

/// A gateway that listens. It answers once it is run.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use concierge_server::{Config, Server};
/// use tokio::sync::oneshot;
///
/// let server = Server::bind(Config::from_toml("bind = \"127.0.0.1:0\"")?).await?;
/// println!("clients connect to {}", server.url());
/// assert!(server.local_addr().is_some_and(|address| address.port() != 0));
///
/// let (stop, stopped) = oneshot::channel::<()>();
/// let running = tokio::spawn(server.run(async { drop(stopped.await) }));
/// // ... until it has been enough:
/// drop(stop);
/// running.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    doors: Doors,
    metrics_doors: Doors,
    api_doors: Doors,
    handle: ServerHandle,
}

/// What can be asked of a gateway from elsewhere, also while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    gateway: Arc<Gateway>,
    addresses: Arc<[BindAddress]>,
    metrics_addresses: Arc<[BindAddress]>,
    api_addresses: Arc<[BindAddress]>,
}

/// How much there is in a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections of any kind, those included that have not said who they are.
    pub connections: usize,
    /// Clients that joined.
    pub clients: usize,
    /// Services.
    pub services: usize,
}

/// How much there is in a file store, and what it has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileCounts {
    /// What there is right now.
    pub now: Totals,
    /// What was done since the gateway started.
    pub ever: Tally,
}

impl Server {
    /// Listens on the addresses of the configuration. From then on clients can connect; they are answered by
    /// [`Server::run`].
    ///
    /// # Errors
    ///
    /// [`ServeError::Configuration`] when the configuration is refused, [`ServeError::CannotBind`] when an address cannot
    /// be listened on, [`ServeError::CannotKeepFiles`] when the folder of the files cannot be used, [`ServeError::CannotKeepEvents`] when the store of the
    /// events cannot.
    ///
    /// # Cancel safety
    ///
    /// Nothing is listened on when it is dropped before it is ready.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        config.check()?;
        let tls = config.certificate()?.map(Tls::new);
        let (doors, addresses) = listen(&config.bind).await?;
        let (metrics_doors, metrics_addresses) = listen(&config.metrics.bind).await?;
        let telegraphy = &config.telegraphy;
        let for_applications = if telegraphy.is_open() { telegraphy.bind.as_slice() } else { &[] };
        let (api_doors, api_addresses) = listen(for_applications).await?;
        let files = open_files(&config.files)?;
        let kept = open_store(&config.telegraphy).await?;
        let gateway = Gateway::new(config, files, tls, kept);
        let handle = ServerHandle { gateway, addresses, metrics_addresses, api_addresses };
        Ok(Self { doors, metrics_doors, api_doors, handle })
    }

    /// Where it listens, in the order of the configuration, with the ports that were picked.
    pub fn addresses(&self) -> &[BindAddress] {
        self.handle.addresses()
    }

    /// Where it tells its metrics, in the order of the configuration.
    pub fn metrics_addresses(&self) -> &[BindAddress] {
        &self.handle.metrics_addresses
    }

    /// Where it listens for web applications, in the order of the configuration; nowhere without a key for them.
    pub fn api_addresses(&self) -> &[BindAddress] {
        &self.handle.api_addresses
    }

    /// Where it listens first over TCP; nowhere when on Unix sockets alone.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.handle.local_addr()
    }

    /// Where a client on this machine connects: `ws://127.0.0.1:64209/ws`, or `wss://` with TLS. For a gateway on Unix sockets alone it is what a
    /// client that brings its own connection asks for, `ws://localhost/ws`.
    pub fn url(&self) -> String {
        self.handle.url()
    }

    /// What can be asked of it while it runs.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves clients until `until` is ready; then accepts nobody any more, writes what is queued, closes every connection
    /// with 1001, and is done within `shutdown_timeout`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it stops the gateway, too, without waiting for the connections to close.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let Self { doors, metrics_doors, api_doors, handle } = self;
        let ServerHandle { gateway, addresses, metrics_addresses, api_addresses } = handle;
        if gateway.tls().is_none() && addresses.iter().any(BindAddress::is_public) {
            warn!("listening on a public address without TLS: whoever is on the way can read everything");
        }
        let has_token = gateway.config().metrics.admin_secret.is_some();
        if has_token && metrics_addresses.iter().any(BindAddress::is_public) {
            warn!("administration on a public address without TLS: whoever is on the way can read its token");
        }
        if api_addresses.iter().any(BindAddress::is_public) {
            warn!(
                "web applications on a public address without TLS: whoever is on the way can read their keys"
            );
        }
        let _stopping = StopWhenDropped(Arc::clone(&gateway));
        let (stop, stopping) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for listener in doors.listeners {
            let (gateway, stopping) = (Arc::clone(&gateway), stopping.clone());
            accepting.spawn(async move {
                let accept = || listener::accept(&listener, &gateway, &stopping);
                while gateway.panics().watch(accept()).await.is_none() {}
            });
        }
        for listener in api_doors.listeners {
            let Some(exchange) = gateway.exchange().cloned() else { break };
            let (gateway, stopping) = (Arc::clone(&gateway), stopping.clone());
            accepting.spawn(async move {
                let serve = || api::serve(&listener, &gateway, &exchange, &stopping);
                while gateway.panics().watch(serve()).await.is_none() {}
            });
        }
        // They tell of the stop, too, and end with it.
        let mut operations = JoinSet::new();
        if let Some(exchange) = gateway.exchange().cloned() {
            let panics = gateway.panics().clone();
            operations.spawn(async move { while panics.watch(exchange.run()).await.is_none() {} });
        }
        for listener in metrics_doors.listeners {
            let gateway = Arc::clone(&gateway);
            operations.spawn(async move {
                let serve = || operations::serve(&listener, &gateway);
                while gateway.panics().watch(serve()).await.is_none() {}
            });
        }
        // Dropped before the listeners, however this ends.
        let (files, _metrics_files) = ((doors.files, api_doors.files), metrics_doors.files);
        let listed: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        info!(addresses = listed.join(", "), "serving");
        until.await;
        info!(connections = gateway.admission().connections(), "stopping");
        drop(files);
        accepting.shutdown().await;
        // Nobody listens to it when every connection is a WebSocket.
        let _listening = stop.send(true);
        gateway.stop();
        let emptied = match gateway.stop_by() {
            Some(by) => {
                let over = join(gateway.admission().emptied(), gateway.applications_are_served());
                timeout_at(by, over).await.map(drop)
            }
            None => Ok(()),
        };
        if emptied.is_err() {
            let connections = gateway.admission().connections();
            warn!(connections, "stopped with connections that did not take what was queued for them");
        }
        operations.shutdown().await;
        if let Some(exchange) = gateway.exchange().cloned()
            && timeout(CLOSING, spawn_blocking(move || exchange.close())).await.is_err()
        {
            warn!("stopped while the disk under the store of events was busy");
        }
    }
}

/// How long the disk may take at the end to have everything in one file; if it takes longer, the next start finds it all the same.
const CLOSING: Duration = Duration::from_secs(2);

impl ServerHandle {
    #[cfg(test)]
    pub(super) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[BindAddress] {
        &self.addresses
    }

    /// Where it listens first over TCP; nowhere when on Unix sockets alone.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(BindAddress::tcp)
    }

    /// Where a client on this machine connects.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure() { "wss" } else { "ws" };
        match self.local_addr() {
            Some(address) => format!("{scheme}://{}/ws", reachable(address)),
            None => "ws://localhost/ws".to_owned(),
        }
    }

    /// Whether clients connect over TLS.
    pub fn is_secure(&self) -> bool {
        self.gateway.tls().is_some()
    }

    /// Reads the certificate and its key again, for connections from now on; those there are go on as they were. It waits for
    /// the disk. Without TLS there is nothing to read.
    ///
    /// ```no_run
    /// # async fn renewed(handle: concierge_server::ServerHandle) {
    /// if let Err(error) = tokio::task::spawn_blocking(move || handle.reload()).await.unwrap() {
    ///     eprintln!("the old certificate stays: {error}");
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When they cannot be used: the old ones stay.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let Some(tls) = self.gateway.tls() else { return Ok(()) };
        tls.replace(|| self.gateway.config().certificate())
    }

    /// How much there is in it right now.
    pub fn counts(&self) -> Counts {
        let (clients, services) = self.gateway.drive().counts();
        Counts { connections: self.gateway.admission().connections(), clients, services }
    }

    /// How much there is in its file store, and what that has done; nothing where no files are served.
    pub fn file_counts(&self) -> Option<FileCounts> {
        self.gateway.files().map(|files| files.counts()).map(|(now, ever)| FileCounts { now, ever })
    }
}

/// What is listened on for one purpose. The files of sockets come first: they are removed while they are still listened on.
#[derive(Debug, Default)]
struct Doors {
    files: Vec<SocketFile>,
    listeners: Vec<Listener>,
}

/// Listens on each of them; with the ports that were picked.
async fn listen(wanted: &[BindAddress]) -> Result<(Doors, Arc<[BindAddress]>), ServeError> {
    let (mut doors, mut addresses) = (Doors::default(), Vec::new());
    for address in wanted {
        let cannot = |cause| ServeError::CannotBind { address: address.clone(), cause };
        let Listening { file, listener, address } = sockets::listen(address).await.map_err(cannot)?;
        doors.files.extend(file);
        doors.listeners.push(listener);
        addresses.push(address);
    }
    Ok((doors, addresses.into()))
}

/// The file store, unless it is switched off.
fn open_files(config: &config::Files) -> Result<Option<Files>, ServeError> {
    if !config.serve {
        return Ok(None);
    }
    let opened = config.dir.as_deref().map_or_else(Disk::temporary, Disk::open);
    let cannot_keep = |cause| ServeError::CannotKeepFiles {
        path: config.dir.clone().unwrap_or_else(std::env::temp_dir),
        cause,
    };
    let disk = opened.map_err(cannot_keep)?;
    Files::new(config, disk).map(Some).map_err(cannot_keep)
}

/// The store of the events, unless they are switched off.
async fn open_store(config: &config::Telegraphy) -> Result<Option<Kept>, ServeError> {
    if !config.serve {
        return Ok(None);
    }
    let config = config.clone();
    let opened = spawn_blocking(move || Kept::open(&config)).await;
    let opened =
        opened.map_err(|error| OpenError::Unusable { path: "the store".into(), cause: error.to_string() });
    Ok(Some(opened.flatten()?))
}

/// Nobody can connect to "every address of this machine"; its loopback address is one of them.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

struct StopWhenDropped(Arc<Gateway>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_configuration_that_is_refused_ends_with_78_and_a_port_in_use_with_10() {
        let mut config = Config::from_toml("bind = \"127.0.0.1:0\"").unwrap();
        let server = Server::bind(config.clone()).await.unwrap();
        let address = server.local_addr().unwrap();
        config.bind = vec![address.into()];
        let taken = Server::bind(config.clone()).await.unwrap_err();
        assert_eq!((taken.exit_code(), taken.to_string()), (10, format!("cannot listen on {address}")));
        config.bind = vec!["0.0.0.0:0".parse().unwrap()];
        assert_eq!(Server::bind(config).await.unwrap_err().exit_code(), 78);
    }

    #[tokio::test]
    async fn the_url_of_every_address_is_one_that_can_be_reached() {
        let config =
            Config::from_toml("bind = [\"0.0.0.0:0\", \"[::1]:0\"]\nallow_anonymous = true").unwrap();
        let server = Server::bind(config).await.unwrap();
        assert_eq!(server.url(), format!("ws://127.0.0.1:{}/ws", server.local_addr().unwrap().port()));
        assert_eq!(server.addresses().len(), 2);
        assert_eq!(server.handle().counts(), Counts { connections: 0, clients: 0, services: 0 });
    }
}
