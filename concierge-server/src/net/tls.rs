//! TLS: the certificate that is shown to those who connect, which may be replaced while the gateway runs, and the handshake.
//! Where a certificate comes from is the configuration's affair.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::ending::linger;
use super::wire::Wire;
use crate::ConfigError;

/// What TLS keeps of what is written until the system takes it: one record. More would only hide how much waits for a client.
const BUFFER_BYTES: usize = 16 * 1024;

/// What connections are secured with.
#[derive(Debug)]
pub(super) struct Tls {
    current: RwLock<Arc<ServerConfig>>,
    /// Held while one is replaced: who was asked last reads last.
    replacing: Mutex<()>,
}

impl Tls {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        Self { current: RwLock::new(config), replacing: Mutex::new(()) }
    }

    /// Shows another certificate from now on, where one can be had; otherwise it stays as it is.
    pub(super) fn replace(
        &self,
        read: impl FnOnce() -> Result<Option<Arc<ServerConfig>>, ConfigError>,
    ) -> Result<(), ConfigError> {
        let _replacing = self.replacing.lock();
        if let Some(config) = read()? {
            *self.current.write() = config;
        }
        Ok(())
    }

    /// Agrees on TLS with a client, within that time.
    ///
    /// Cancel safe: dropping the future closes the connection.
    pub(super) async fn secure(&self, stream: TcpStream, within: Duration) -> io::Result<Wire> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.read()));
        let handshake = acceptor
            .accept_with(stream, |connection| connection.set_buffer_limit(Some(BUFFER_BYTES)))
            .into_fallible();
        match timeout(within, handshake).await? {
            Ok(stream) => Ok(Wire::Secure(Box::new(stream))),
            Err((error, stream)) => {
                // It has been told what was wrong, and is to hear it.
                linger(stream).await;
                Err(error)
            }
        }
    }
}
