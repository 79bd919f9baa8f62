//! How a client stands with its gateway, and ending it.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::Client;
use crate::{
    error::{CallError, DrainError},
    net::{Command, Control, LONGEST},
    session::CloseCause,
    state::{State, States},
    stats::Stats,
};

impl Client {
    /// How the client stands with its gateway now.
    pub fn state(&self) -> State {
        self.link().state()
    }

    /// How the client stands with its gateway: now, and at each change.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, State};
    ///
    /// let client = Client::builder(&url, "alice")?.connect().await?;
    /// let mut states = client.states();
    /// assert!(matches!(states.next().await, Some(State::Connected(session)) if session.epoch == 0));
    /// client.close().await;
    /// assert!(matches!(states.next().await, Some(State::Closed(_))));
    /// assert!(states.next().await.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn states(&self) -> States {
        States::new(self.link().states())
    }

    /// What the client has counted so far, over all its connections.
    pub fn stats(&self) -> Stats {
        self.link().stats()
    }

    /// Pings the gateway (RFC 6455, section 5.5.2) and tells how long the answer took. It goes out after every request that
    /// was queued before it.
    ///
    /// # Errors
    ///
    /// [`CallError::Timeout`] when there is none in the time a call may take; [`CallError::Lost`] when the connection is lost
    /// before, [`CallError::NotConnected`] and [`CallError::Closed`] when there is none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer to a ping that nobody waits for any more is dropped.
    pub async fn ping(&self) -> Result<Duration, CallError> {
        let after = self.call_timeout();
        timeout(after, self.round_trip()).await.unwrap_or(Err(CallError::Timeout { after }))
    }

    async fn round_trip(&self) -> Result<Duration, CallError> {
        if !self.link().is_connected() {
            return Err(self.unavailable());
        }
        let (sender, receiver) = oneshot::channel();
        self.link().commands.send(Command::Ping(sender)).await.map_err(|_| self.unavailable())?;
        receiver.await.map_err(|_| self.unavailable())
    }

    /// Waits until the gateway has received everything that was queued before: a ping goes out after it, and comes back.
    /// Whether it did what was asked is what the answers tell.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, Target};
    ///
    /// let client = Client::builder(&url, "alice")?.connect().await?;
    /// client.to(Target::All).try_json("the last word")?;
    /// client.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was queued goes out all the same.
    pub async fn flush(&self) -> Result<(), CallError> {
        self.ping().await.map(|_| ())
    }

    /// Closes the connection with 1000, and waits until it is closed. Calls that wait for an answer fail. The client does not
    /// connect again. It may be called more than once.
    ///
    /// # Cancel safety
    ///
    /// The connection is closed whether or not the future is dropped.
    pub async fn close(&self) {
        self.link().end(Control::Close);
        self.closed().await;
    }

    /// Takes no further calls, waits until those there are have their answers, and closes the connection with 1000.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, CloseCause, Target};
    /// use std::time::Duration;
    ///
    /// let client = Client::builder(&url, "alice")?.connect().await?;
    /// let sent = client.to(Target::All).try_json("good bye")?;
    /// client.drain(Duration::from_secs(5)).await?;
    /// sent.await?;
    /// assert_eq!(client.closed().await, CloseCause::ByClient);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`DrainError`] when some had no answer `within` this time. The connection is closed then too.
    ///
    /// # Cancel safety
    ///
    /// The connection is drained and closed whether or not the future is dropped.
    pub async fn drain(&self, within: Duration) -> Result<(), DrainError> {
        self.link().end(Control::Drain(deadline(within)));
        self.closed().await;
        match self.link().unanswered() {
            0 => Ok(()),
            unanswered => Err(DrainError { unanswered }),
        }
    }

    /// Waits until the client has ended for good, and tells why. A connection that is lost and comes back is no such end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> CloseCause {
        self.link().closed().await
    }

    /// Why the client ended, if it did.
    pub fn close_cause(&self) -> Option<CloseCause> {
        self.link().cause()
    }
}

/// The moment when this time is up; of a time without end, some moment in a year.
fn deadline(within: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(within).unwrap_or(now + LONGEST)
}
