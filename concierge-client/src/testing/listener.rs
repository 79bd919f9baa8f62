//! A scripted gateway behind a URL: for what connects by itself, and connects again.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use super::gateway::ScriptedGateway;

/// Takes connections on a free port of this machine, each of them a [`ScriptedGateway`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use concierge_client::{Client, testing::ScriptedListener};
///
/// let listener = ScriptedListener::bind().await?;
/// let builder = Client::builder(listener.url(), "alice")?;
/// let (connected, gateway) = tokio::join!(builder.connect(), listener.welcome());
/// assert_eq!(connected?.uuid(), gateway.uuid());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptedListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl ScriptedListener {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// When the operating system has none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Waits for the next connection, opens its WebSocket, and says nothing yet.
    ///
    /// # Panics
    ///
    /// When the connection cannot be taken, or asks for no WebSocket.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a connection may have been taken, and is closed then.
    pub async fn accept(&self) -> ScriptedGateway {
        let (stream, _address) = self.listener.accept().await.expect("a connection can be taken");
        ScriptedGateway::accept(stream).await
    }

    /// Waits for the next connection, and lets the client in as an original gateway does.
    ///
    /// # Panics
    ///
    /// When the client does something else than to identify.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a connection may have been taken, and is closed then.
    pub async fn welcome(&self) -> ScriptedGateway {
        let mut gateway = self.accept().await;
        gateway.welcome().await;
        gateway
    }
}
