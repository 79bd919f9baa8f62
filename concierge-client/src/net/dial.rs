//! The way to a gateway: addresses, TCP, and the upgrade to a WebSocket (RFC 6455, section 4).

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        ClientRequestBuilder, Error as WebSocketError,
        error::{CapacityError, ProtocolError},
        http::Uri,
        protocol::WebSocketConfig,
    },
};
use url::Host;

use super::{
    activity::Watched, patience::Patience, retry_after::retry_after, secret_source::SecretSource,
    url::GatewayUrl,
};
use crate::{
    error::{ConnectError, Stage, UrlError},
    payload::{SUBPROTOCOL, Secret},
};

/// How much is read and written at a time, in bytes.
const BUFFER: usize = 32 * 1024;

/// The largest message that is taken unless something else is said, in bytes.
pub(crate) const MAX_MESSAGE: usize = 64 << 20;

/// The way to a gateway, taken anew by each attempt: nothing of an earlier one is kept.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Where the gateway is.
    pub(crate) url: GatewayUrl,
    /// Where the secret comes from.
    pub(crate) secret: SecretSource,
    /// The largest message that is taken, in bytes.
    pub(crate) max_message: usize,
}

impl Route {
    /// The way to this URL, with the defaults.
    pub(crate) fn new(url: GatewayUrl) -> Self {
        Self { url, secret: SecretSource::Nowhere, max_message: MAX_MESSAGE }
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
    pub(crate) async fn dial(&self, patience: &Patience) -> Result<TcpStream, ConnectError> {
        let addresses = patience.bound(Stage::Resolve, resolve(&self.url)).await?;
        patience.bound(Stage::Connect, connect(&self.url, addresses)).await
    }

    /// Makes a stream of bytes a WebSocket that speaks `ert-concierge`.
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
        patience.bound(Stage::Upgrade, upgrade(stream, self)).await
    }
}

async fn connect(url: &GatewayUrl, addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
    let mut failure = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Small messages are not held back to be sent together; those that are queued are written at once anyway.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY is not available");
                }
                return Ok(stream);
            }
            Err(source) => failure = Some(ConnectError::Unreachable { address, source }),
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::Resolve {
        host: url.host(),
        source: io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"),
    }))
}

async fn resolve(url: &GatewayUrl) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match url.parsed_host() {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::from(*address), url.port()).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::from(*address), url.port()).into()]),
        Host::Domain(name) => name,
    };
    match lookup_host((name.as_str(), url.port())).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(source) => Err(ConnectError::Resolve { host: name.clone(), source }),
    }
}

async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    route: &Route,
) -> Result<WebSocketStream<Watched<S>>, ConnectError> {
    let uri: Uri = route.url.as_str().parse().map_err(|error| invalid_uri(&route.url, &error))?;
    let request = ClientRequestBuilder::new(uri)
        .with_sub_protocol(SUBPROTOCOL)
        .with_header("User-Agent", concat!("concierge-client/", env!("CARGO_PKG_VERSION")));
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(route.max_message))
        .max_frame_size(Some(route.max_message));
    match client_async_with_config(request, Watched::new(stream), Some(config)).await {
        Ok((socket, _response)) => Ok(socket),
        Err(error) => Err(describe(error)),
    }
}

fn invalid_uri(url: &GatewayUrl, error: &dyn std::error::Error) -> ConnectError {
    let url = url.as_str().to_owned();
    ConnectError::Build(UrlError::Syntax { url, detail: error.to_string() }.into())
}

fn describe(error: WebSocketError) -> ConnectError {
    match error {
        WebSocketError::Http(response) => ConnectError::Http {
            status: response.status().as_u16(),
            retry_after: response
                .headers()
                .get("Retry-After")
                .and_then(|value| retry_after(value.as_bytes())),
        },
        WebSocketError::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => {
            ConnectError::NotConcierge { detail: lower_first(&error.to_string()) }
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
