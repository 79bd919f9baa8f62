//! The way to a gateway: addresses, TCP, and the upgrade to a WebSocket (RFC 6455, section 4).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
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

use super::{activity::Watched, url::GatewayUrl};
use crate::{
    error::{ConnectError, Stage, UrlError},
    payload::SUBPROTOCOL,
};

/// What bounds a connection attempt and what comes in after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long the whole attempt may take.
    pub(crate) within: Duration,
    /// The largest message that is taken, in bytes.
    pub(crate) max_message: usize,
}

/// How much is read and written at a time, in bytes.
const BUFFER: usize = 32 * 1024;

/// Opens a TCP connection. The addresses are tried in turn; none may use up the time of those after it.
pub(crate) async fn dial(url: &GatewayUrl, limits: &Limits) -> Result<TcpStream, ConnectError> {
    let deadline = Instant::now() + limits.within;
    let addresses = resolve(url, limits).await?;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failure = None;
    for address in addresses {
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small messages are not held back to be sent together; those that are queued are written at once anyway.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY is not available");
                }
                return Ok(stream);
            }
            Ok(Err(source)) => failure = Some(ConnectError::Unreachable { address, source }),
            Err(_) => {
                failure.get_or_insert(ConnectError::Timeout { stage: Stage::Connect, after: limits.within });
            }
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::Resolve {
        host: url.host(),
        source: io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"),
    }))
}

async fn resolve(url: &GatewayUrl, limits: &Limits) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match url.parsed_host() {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::from(*address), url.port()).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::from(*address), url.port()).into()]),
        Host::Domain(name) => name,
    };
    match tokio::time::timeout(limits.within, lookup_host((name.as_str(), url.port()))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(source)) => Err(ConnectError::Resolve { host: name.clone(), source }),
        Err(_) => Err(ConnectError::Timeout { stage: Stage::Resolve, after: limits.within }),
    }
}

/// Makes a stream of bytes a WebSocket that speaks `ert-concierge`.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    url: &GatewayUrl,
    limits: &Limits,
) -> Result<WebSocketStream<Watched<S>>, ConnectError> {
    let uri: Uri = url.as_str().parse().map_err(|error| invalid_uri(url, &error))?;
    let request = ClientRequestBuilder::new(uri)
        .with_sub_protocol(SUBPROTOCOL)
        .with_header("User-Agent", concat!("concierge-client/", env!("CARGO_PKG_VERSION")));
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(limits.max_message))
        .max_frame_size(Some(limits.max_message));
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
        WebSocketError::Http(response) => ConnectError::Http { status: response.status().as_u16() },
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
