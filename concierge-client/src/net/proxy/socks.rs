//! Asking a SOCKS5 proxy (RFC 1928), with a user and a password where it wants them (RFC 1929).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::Host;

use super::{Spoken, proxy_url::Credentials};
use crate::{error::ProxyError, net::tcp::Endpoint};

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NOTHING_ACCEPTABLE: u8 = 0xFF;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks for a connection to the gateway: to its name, which the proxy looks up, or to its address.
///
/// Not cancel safe: the stream is of no use then.
pub(super) async fn ask<S>(
    stream: &mut S,
    gateway: Endpoint<'_>,
    credentials: Option<&Credentials>,
) -> Spoken<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(gateway)?;
    match credentials {
        None => send(stream, &[VERSION, 1, NO_CREDENTIALS]).await?,
        Some(_) => send(stream, &[VERSION, 2, NO_CREDENTIALS, USER_AND_PASSWORD]).await?,
    }
    let [version, method] = receive(stream).await?;
    check_version(version)?;
    match (method, credentials) {
        (NO_CREDENTIALS, _) => {}
        (USER_AND_PASSWORD, Some(credentials)) => authenticate(stream, credentials).await?,
        (NOTHING_ACCEPTABLE, credentials) => {
            return Err(ProxyError::Credentials { given: credentials.is_some() });
        }
        (other, _) => {
            return Err(not_a_proxy(format!("it chose the method {other}, which was not offered")));
        }
    }
    send(stream, &request).await?;
    let [version, reply, _reserved, kind] = receive(stream).await?;
    check_version(version)?;
    if reply != 0 {
        return Err(ProxyError::Reply { reply });
    }
    // Where the proxy connects from is of no interest, but in the way.
    match kind {
        IPV4 => skip(stream, 4 + 2).await,
        IPV6 => skip(stream, 16 + 2).await,
        NAME => {
            let [length] = receive(stream).await?;
            skip(stream, usize::from(length) + 2).await
        }
        other => Err(not_a_proxy(format!("it has an address of the kind {other}"))),
    }
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    credentials: &Credentials,
) -> Spoken<()> {
    let mut message = vec![1];
    for part in [&credentials.user, &credentials.password] {
        message.push(length(part.reveal())?);
        message.extend_from_slice(part.reveal().as_bytes());
    }
    send(stream, &message).await?;
    match receive(stream).await? {
        [_, 0] => Ok(()),
        _ => Err(ProxyError::Credentials { given: true }),
    }
}

fn request(gateway: Endpoint<'_>) -> Spoken<Vec<u8>> {
    let mut request = vec![VERSION, CONNECT, 0];
    match gateway.host {
        Host::Ipv4(address) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Host::Ipv6(address) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Host::Domain(name) => {
            request.extend_from_slice(&[NAME, length(name)?]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&gateway.port.to_be_bytes());
    Ok(request)
}

fn length(text: &str) -> Spoken<u8> {
    u8::try_from(text.len()).map_err(|_| {
        ProxyError::Resolve(io::Error::new(io::ErrorKind::InvalidInput, "the name has more than 255 bytes"))
    })
}

fn check_version(version: u8) -> Spoken<()> {
    if version == VERSION { Ok(()) } else { Err(not_a_proxy("it does not speak SOCKS5".to_owned())) }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Spoken<()> {
    stream.write_all(bytes).await.map_err(|error| ProxyError::HungUp(Some(error)))
}

async fn receive<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Spoken<[u8; N]> {
    let mut bytes = [0; N];
    match stream.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ProxyError::HungUp(None)),
        Err(error) => Err(ProxyError::HungUp(Some(error))),
    }
}

async fn skip<S: AsyncRead + Unpin>(stream: &mut S, bytes: usize) -> Spoken<()> {
    for _ in 0..bytes {
        let [_] = receive(stream).await?;
    }
    Ok(())
}

fn not_a_proxy(detail: String) -> ProxyError {
    ProxyError::NotAProxy { detail }
}
