//! What a builder is told about the way to the gateway: its secret, its headers, its proxy, whom it trusts.

use std::time::Duration;

use crate::{
    builder::ClientBuilder,
    milestone::{Milestone, Observer},
    net::{LONGEST, ProviderError, SecretSource},
    payload::Secret,
};

impl ClientBuilder {
    /// Asks this function for the secret at each attempt to connect: at the first one, and at each one after a lost
    /// connection. For secrets that change: from a vault, from a file that is rotated, with an expiry.
    ///
    /// It is asked before the gateway is dialed, and its time counts towards that of connecting. When it fails, the
    /// attempt fails with [`ConnectError::Secret`](crate::ConnectError::Secret), which counts as temporary. What it gives
    /// is never shown or logged by this crate; what it fails with is.
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

    /// Sends a header with the request for a WebSocket, of each attempt: a token for a proxy before the gateway, a
    /// cookie, an `Origin`. The same name may be given more than once, and all of its values are sent. `User-Agent` takes
    /// the place of the one that is sent otherwise.
    ///
    /// What belongs to the handshake itself is refused when connecting, with
    /// [`BuildError::Header`](crate::BuildError::Header): `Host`, `Connection`, `Upgrade`, all of `Sec-WebSocket-*`, what
    /// is about a body, and `Proxy-Authorization`, which a proxy's URL is for. Values are never shown or logged.
    ///
    /// ```
    /// # fn main() -> Result<(), concierge_client::BuildError> {
    /// use concierge_client::Client;
    ///
    /// let builder = Client::builder("ws://gateway.example/ws", "alice")?
    ///     .header("Authorization", "Bearer open-sesame")
    ///     .header("Origin", "https://app.example");
    /// assert!(!format!("{builder:?}").contains("sesame"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.route.add_header(name.as_ref(), value.as_ref()) {
            self.mistaken(error);
        }
        self
    }

    /// Connects through this proxy, whatever the environment says: `http://` is asked to `CONNECT`, for `ws://` and
    /// `wss://` alike; `socks5h://` looks up the gateway's name itself; for `socks5://` it is looked up here. A user and a
    /// password stand in the URL, percent-encoded; they are never shown or logged.
    ///
    /// Without this, and without [`no_proxy`](Self::no_proxy), the environment decides, looked at anew by each attempt:
    /// `https_proxy` for `wss://`, `http_proxy` for `ws://`, else `all_proxy`, each also in upper case
    /// (but `HTTP_PROXY` not in a CGI program, where `REQUEST_METHOD` is set: there it is a header of whoever asks).
    /// `no_proxy` or `NO_PROXY` lists what is connected to directly, with commas between: `*` is everything, a name is
    /// itself and all below it, an address or a block like `10.0.0.0/8` is just that, and `:64209` at the end of a name or
    /// an address is for that port only. This machine itself (`localhost`, 127.0.0.0/8, `::1`) is always connected to directly then.
    ///
    /// ```
    /// # fn main() -> Result<(), concierge_client::BuildError> {
    /// use concierge_client::Client;
    ///
    /// let builder = Client::builder("ws://gateway.example/ws", "alice")?
    ///     .proxy("socks5h://alice:open%20sesame@proxy.example:1080");
    /// assert!(!format!("{builder:?}").contains("sesame"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        if let Err(error) = self.route.set_proxy(url.as_ref()) {
            self.mistaken(error);
        }
        self
    }

    /// Connects directly, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.route.set_no_proxy();
        self
    }

    /// Trusts this authority, and no longer those of the platform: `wss://` then takes only a gateway whose certificate it
    /// has signed. For a private authority, or one's own in a test. The text is PEM, and may hold several certificates;
    /// given more than once, each of them is trusted.
    ///
    /// Without this, the authorities of the platform are trusted: on Linux and the BSDs the files there are, or those that
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name; elsewhere what the system itself would say. There is no way to trust
    /// everyone: a gateway whose certificate signed itself is trusted by giving that certificate here, if it does not
    /// claim to be an authority (`CA:TRUE`).
    ///
    /// What is no certificate is an error of connecting:
    /// [`BuildError::RootCertificate`](crate::BuildError::RootCertificate).
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// use concierge_client::{Client, ConnectError, TlsError};
    ///
    /// let authority = std::fs::read("/etc/our-authority.pem")?;
    /// let builder = Client::builder("wss://gateway.example/ws", "alice")?.root_certificate(authority);
    /// match builder.connect().await {
    ///     Err(ConnectError::Tls { source: TlsError::Expired, .. }) => println!("renew the gateway's certificate"),
    ///     connected => drop(connected?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "rustls")]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        if let Err(error) = self.route.trust.add(pem.as_ref()) {
            self.mistaken(error);
        }
        self
    }

    /// Tells this function how far each attempt to connect has come: the addresses, the proxy, TLS with the server's
    /// certificates, the server's answer to the request for a WebSocket. For diagnosis: a program that shows its user where
    /// a connection fails. It is asked on the attempt's own task, and must be quick.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, Milestone};
    /// use std::sync::mpsc;
    ///
    /// let (sender, milestones) = mpsc::channel();
    /// let builder = Client::builder(&url, "alice")?.observe(move |milestone| drop(sender.send(milestone.clone())));
    /// let client = builder.connect().await?;
    /// assert!(matches!(milestones.recv()?, Milestone::Connected { address } if address.ip().is_loopback()));
    /// assert!(matches!(milestones.recv()?, Milestone::Answered(answer) if answer.status == 101));
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn observe(mut self, observe: impl Fn(&Milestone) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// How long one address of the gateway, or of a proxy, may take to accept a connection. The default is as long as
    /// connecting may take at all ([`connect_timeout`](Self::connect_timeout)).
    ///
    /// Where a name has several addresses, no one of them holds up the others: the next is tried beside it after 250 ms,
    /// and at once when it refuses; the first to answer is taken (RFC 8305).
    pub fn address_timeout(mut self, within: Duration) -> Self {
        self.route.address_within = Some(within.min(LONGEST));
        self
    }
}
