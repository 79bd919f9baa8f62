//! A scripted gateway that takes connections: for what connects by itself, and connects again.

use std::{io, net::SocketAddr};

use futures_util::future::BoxFuture;
use tokio::{
    io::DuplexStream,
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use super::gateway::{PIPE, ScriptedGateway};

/// Takes connections, each of them a [`ScriptedGateway`]: in memory, or on a free port of this machine where a URL is needed.
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
///
/// let listener = ScriptedListener::in_memory();
/// let builder = Client::builder(listener.url(), "alice")?.connect_through(listener.dialer());
/// let (connected, gateway) = tokio::join!(builder.connect(), listener.welcome());
/// assert_eq!(connected?.uuid(), gateway.uuid());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptedListener {
    door: Door,
}

#[derive(Debug)]
enum Door {
    Port(TcpListener, SocketAddr),
    Memory(mpsc::Sender<DuplexStream>, Mutex<mpsc::Receiver<DuplexStream>>),
}

impl ScriptedListener {
    /// Listens in memory: without a network, and on a clock that a test may stop. Clients come through
    /// [`dialer`](Self::dialer).
    pub fn in_memory() -> Self {
        let (sender, receiver) = mpsc::channel(16);
        Self { door: Door::Memory(sender, Mutex::new(receiver)) }
    }

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
        Ok(Self { door: Door::Port(listener, address) })
    }

    /// Where clients find it; in memory, a URL that leads nowhere without the [`dialer`](Self::dialer).
    pub fn url(&self) -> String {
        match &self.door {
            Door::Port(_, address) => format!("ws://{address}/ws"),
            Door::Memory(..) => "ws://gateway/ws".to_owned(),
        }
    }

    /// The way to a listener in memory, for [`ClientBuilder::connect_through`](crate::ClientBuilder::connect_through). When the
    /// listener is gone, it refuses.
    ///
    /// # Panics
    ///
    /// When the listener has a port, which needs no way of its own.
    pub fn dialer(&self) -> impl Fn() -> BoxFuture<'static, io::Result<DuplexStream>> + Send + Sync + use<> {
        let Door::Memory(sender, _) = &self.door else {
            panic!("a listener with a port is found by its URL")
        };
        let door = sender.downgrade();
        move || {
            let door = door.upgrade();
            Box::pin(async move {
                let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
                let (ours, theirs) = tokio::io::duplex(PIPE);
                door.ok_or_else(refused)?.send(theirs).await.map_err(|_| refused())?;
                Ok(ours)
            })
        }
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
        match &self.door {
            Door::Port(listener, _) => {
                let (stream, _address) = listener.accept().await.expect("a connection can be taken");
                ScriptedGateway::accept(stream).await
            }
            Door::Memory(_, receiver) => {
                let stream = receiver.lock().await.recv().await.expect("the sender lives as long as this");
                ScriptedGateway::accept(stream).await
            }
        }
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
