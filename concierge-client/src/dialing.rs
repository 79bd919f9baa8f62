//! What a builder is told about the way to the gateway: its secret, its headers, its proxy, whom it trusts.

use crate::{
    builder::ClientBuilder,
    net::{ProviderError, SecretSource},
    payload::Secret,
};

impl ClientBuilder {
    /// Asks this function for the secret at each attempt to connect: at the first one, and at each one after a lost
    /// connection. For secrets that change: from a vault, from a file that is rotated, with an expiry.
    ///
    /// It is asked before the gateway is dialed, and its time counts towards that of connecting. When it fails, the
    /// attempt fails with [`ConnectError::Secret`](crate::ConnectError::Secret), which counts as temporary. What it gives
    /// is never shown or logged; what it fails with is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"\nsecret = \"open sesame\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// # async fn ask_the_vault() -> Result<String, std::io::Error> { Ok("open sesame".to_owned()) }
    /// use concierge_client::Client;
    ///
    /// let client = Client::builder(&url, "alice")?.secret_provider(|| ask_the_vault()).connect().await?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The future it returns is dropped where it stands when the attempt is dropped or out of time.
    pub fn secret_provider<F, A, S, E>(mut self, provider: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<Secret>,
        E: Into<ProviderError>,
    {
        self.route.secret = SecretSource::provider(provider);
        self
    }
}
