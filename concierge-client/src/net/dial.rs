//! The way to a gateway, from its URL to a WebSocket (RFC 6455, section 4).
//!
//! Owns the order of the steps and the upgrade; what a step is, a proxy or TLS for example, is known beside it.

use std::time::Duration;

#[cfg(feature = "rustls")]
use super::tls::{Trust, secured};
use super::{
    activity::Watched,
    headers,
    patience::Patience,
    proxy::{ProxyChoice, unreached},
    retry_after::retry_after,
    secret_source::SecretSource,
    stream::Stream,
    tcp::{self, Endpoint},
    url::GatewayUrl,
};
use crate::{
    error::{BuildError, ConnectError, Stage, UrlError},
    milestone::{Answer, Milestone},
    payload::{SUBPROTOCOL, Secret},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        ClientRequestBuilder, Error as WebSocketError,
        client::IntoClientRequest,
        error::{CapacityError, ProtocolError},
        http::{HeaderMap, Response, Uri},
        protocol::WebSocketConfig,
    },
};

/// How much is read and written at a time, in bytes.
const BUFFER: usize = 32 * 1024;

/// What this client calls itself towards servers and proxies.
pub(crate) const USER_AGENT: &str = concat!("concierge-client/", env!("CARGO_PKG_VERSION"));

/// The largest message that is taken unless something else is said, in bytes.
pub(crate) const MAX_MESSAGE: usize = 64 << 20;

/// The way to a gateway, taken anew by each attempt: nothing of an earlier one is kept.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Where the gateway is.
    pub(crate) url: GatewayUrl,
    /// Where the secret comes from.
    pub(crate) secret: SecretSource,
    /// What is sent beside the headers of the handshake.
    pub(crate) headers: HeaderMap,
    /// Which proxy stands before the gateway.
    pub(crate) proxy: ProxyChoice,
    /// Whom `wss://` trusts.
    #[cfg(feature = "rustls")]
    pub(crate) trust: Trust,
    /// How long one address may take to accept a connection; as long as the whole attempt when there is none.
    pub(crate) address_within: Option<Duration>,
    /// The largest message that is taken, in bytes.
    pub(crate) max_message: usize,
    /// What is offered to be spoken over the WebSocket, the best first.
    pub(crate) subprotocols: &'static [&'static str],
}

impl Route {
    /// The way to this URL, with the defaults.
    pub(crate) fn new(url: GatewayUrl) -> Self {
        Self {
            url,
            secret: SecretSource::Nowhere,
            headers: HeaderMap::new(),
            proxy: ProxyChoice::Environment,
            #[cfg(feature = "rustls")]
            trust: Trust::default(),
            address_within: None,
            max_message: MAX_MESSAGE,
            subprotocols: &[SUBPROTOCOL],
        }
    }

    /// Sends this header with the request for a WebSocket.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Result<(), BuildError> {
        let (name, value) = headers::header(name, value)?;
        self.headers.append(name, value);
        Ok(())
    }

    /// Goes through this proxy, whatever the environment says.
    pub(crate) fn set_proxy(&mut self, url: &str) -> Result<(), BuildError> {
        let invalid = |reason| BuildError::Proxy { origin: "what was given as a proxy", reason };
        self.proxy = ProxyChoice::Given(url.parse().map_err(invalid)?);
        Ok(())
    }

    /// Goes directly, whatever the environment says.
    pub(crate) fn set_no_proxy(&mut self) {
        self.proxy = ProxyChoice::Direct;
    }

    /// The secret for one attempt; a provider is asked each time.
    ///
    /// Asked before dialing: a gateway does not wait long for `IDENTIFY`.
    pub(crate) async fn secret(&self, patience: &Patience) -> Result<Option<Secret>, ConnectError> {
        patience.bound(Stage::Secret, self.secret.ask()).await
    }

    /// Opens a stream of bytes to the gateway.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(crate) async fn dial(&self, patience: &Patience) -> Result<Stream, ConnectError> {
        let gateway = Endpoint { host: self.url.parsed_host(), port: self.url.port() };
        let within = self.address_within;
        let stream = match self.proxy.toward(&self.url)? {
            Some(proxy) => {
                tracing::debug!(%proxy, gateway = %self.url, "connecting through a proxy");
                patience.reached(|| Milestone::Proxy { proxy: proxy.to_string() });
                let stream = proxy.open(gateway, within, patience).await?;
                patience.reached(|| Milestone::Proxied);
                stream
            }
            None => tcp::connect(gateway, within, patience, |error| unreached(gateway.host, error)).await?,
        };
        #[cfg(feature = "rustls")]
        if self.url.is_tls() {
            let handshake = self.trust.handshake(stream, gateway.host);
            let stream = patience.bound(Stage::Tls, handshake).await?;
            patience.reached(|| Milestone::Secured(secured(&stream)));
            return Ok(Stream::Tls(stream));
        }
        Ok(Stream::Plain(stream))
    }

    /// Makes a stream of bytes a WebSocket that speaks one of the subprotocols.
    ///
    /// Cancel safe: dropping the future closes the stream.
    pub(crate) async fn upgrade<S>(
        &self,
        stream: S,
        patience: &Patience,
    ) -> Result<WebSocketStream<Watched<S>>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        patience.bound(Stage::Upgrade, upgrade(stream, self, patience)).await
    }
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    route: &Route,
    patience: &Patience,
) -> Result<WebSocketStream<Watched<S>>, ConnectError> {
    let uri: Uri = route.url.as_str().parse().map_err(|error| invalid_uri(&route.url, &error))?;
    let request = ClientRequestBuilder::new(uri).with_header("User-Agent", USER_AGENT);
    let request = route
        .subprotocols
        .iter()
        .fold(request, |request, subprotocol| request.with_sub_protocol(*subprotocol));
    let mut request = request.into_client_request().map_err(|error| describe(error, route.subprotocols))?;
    headers::extend(request.headers_mut(), &route.headers);
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(route.max_message))
        .max_frame_size(Some(route.max_message));
    match client_async_with_config(request, Watched::new(stream), Some(config)).await {
        Ok((socket, response)) => {
            patience.reached(|| answered(&response));
            Ok(socket)
        }
        Err(error) => {
            if let WebSocketError::Http(response) = &error {
                patience.reached(|| answered(response));
            }
            Err(describe(error, route.subprotocols))
        }
    }
}

fn answered<B>(response: &Response<B>) -> Milestone {
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Milestone::Answered(Answer::new(response.status().as_u16(), headers))
}

fn invalid_uri(url: &GatewayUrl, error: &dyn std::error::Error) -> ConnectError {
    let url = url.as_str().to_owned();
    ConnectError::Build(UrlError::Syntax { url, detail: error.to_string() }.into())
}

fn describe(error: WebSocketError, subprotocols: &[&'static str]) -> ConnectError {
    match error {
        WebSocketError::Http(response) => ConnectError::Http {
            status: response.status().as_u16(),
            retry_after: response
                .headers()
                .get("Retry-After")
                .and_then(|value| retry_after(value.as_bytes())),
        },
        WebSocketError::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => {
            let protocol = subprotocols.first().copied().unwrap_or(SUBPROTOCOL);
            ConnectError::NotConcierge { protocol, detail: lower_first(&error.to_string()) }
        }
        WebSocketError::Protocol(ProtocolError::HandshakeIncomplete) => {
            ConnectError::HungUp { stage: Stage::Upgrade, source: None }
        }
        WebSocketError::Protocol(ProtocolError::HttparseError(_) | ProtocolError::WrongHttpVersion) => {
            ConnectError::NotWebSocket { detail: "it does not speak HTTP/1.1".to_owned() }
        }
        WebSocketError::Protocol(error) => {
            ConnectError::NotWebSocket { detail: lower_first(&error.to_string()) }
        }
        WebSocketError::Capacity(CapacityError::TooManyHeaders) => {
            ConnectError::NotWebSocket { detail: "its answer has too many headers".to_owned() }
        }
        WebSocketError::AttackAttempt => {
            ConnectError::NotWebSocket { detail: "its answer has no end".to_owned() }
        }
        WebSocketError::Io(source) => ConnectError::HungUp { stage: Stage::Upgrade, source: Some(source) },
        error => ConnectError::NotWebSocket { detail: lower_first(&error.to_string()) },
    }
}

/// A sentence of a dependency, as part of one of ours.
fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
