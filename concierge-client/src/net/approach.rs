//! From nothing to a connection that is identified: the same way each time.

use super::{
    identify::identify,
    link::Waiter,
    patience::Patience,
    way::{ByteStream, Socket, Way},
};
use crate::{
    error::{ConnectError, Stage},
    payload::{Hello, Identify, Secret},
    session::Connection,
};

/// The way to a connection that is identified, taken anew by each attempt.
#[derive(Debug, Clone)]
pub(crate) struct Approach {
    /// To a stream of bytes.
    pub(crate) way: Way,
    /// All but the secret, which is asked for each time.
    pub(crate) identify: Identify,
}

/// A connection that is identified.
pub(crate) struct Established {
    pub(super) socket: Socket,
    pub(super) connection: Connection<Waiter>,
    pub(super) hello: Hello,
}

impl Approach {
    /// Connects and identifies.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(crate) async fn attempt(&self) -> Result<Established, ConnectError> {
        let patience = self.way.patience();
        let secret = self.way.route.secret(&patience).await?;
        let stream = self.way.dial(&patience).await?;
        self.establish(stream, secret, &patience).await
    }

    /// Identifies over a stream that is there.
    ///
    /// Cancel safe: dropping the future closes the stream.
    pub(crate) async fn over(&self, stream: Box<dyn ByteStream>) -> Result<Established, ConnectError> {
        let patience = self.way.patience();
        let secret = self.way.route.secret(&patience).await?;
        self.establish(stream, secret, &patience).await
    }

    async fn establish(
        &self,
        stream: Box<dyn ByteStream>,
        secret: Option<Secret>,
        patience: &Patience,
    ) -> Result<Established, ConnectError> {
        let mut socket = self.way.route.upgrade(stream, patience).await?;
        let mut identity = self.identify.clone();
        identity.secret = secret;
        let mut connection = Connection::new(&identity);
        let hello = patience.bound(Stage::Identify, identify(&mut socket, &mut connection)).await?;
        tracing::debug!(name = %identity.name, uuid = %hello.uuid, "connected");
        Ok(Established { socket, connection, hello })
    }
}
