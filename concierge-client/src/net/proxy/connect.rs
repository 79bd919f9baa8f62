//! Asking an HTTP proxy: `CONNECT` (RFC 9110, section 9.3.6).

use data_encoding::BASE64;
use httparse::{EMPTY_HEADER, Response, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Spoken, proxy_url::Credentials};
use crate::{
    error::ProxyError,
    net::{dial::USER_AGENT, retry_after::retry_after, tcp::Endpoint},
};

/// The longest head of an answer that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// How many headers an answer may have.
const MAX_HEADERS: usize = 64;

/// Asks for a tunnel to the gateway. When it is there, nothing that came through it has been read.
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
    // What is read next decides: a proxy may refuse and close before it has read everything.
    let written = stream.write_all(request(gateway, credentials).as_bytes()).await;
    let mut head = Vec::with_capacity(512);
    loop {
        match stream.read_buf(&mut head).await {
            Ok(0) => return Err(ProxyError::HungUp(written.err())),
            Ok(_) => {}
            Err(error) => return Err(ProxyError::HungUp(Some(error))),
        }
        if let Some(answer) = read(&head)? {
            return answer.decide(head.len(), credentials.is_some());
        }
        if head.len() >= MAX_HEAD {
            return Err(not_a_proxy("its answer has no end"));
        }
    }
}

fn request(gateway: Endpoint<'_>, credentials: Option<&Credentials>) -> String {
    let (host, port) = (gateway.host, gateway.port);
    let authorization = credentials.map_or_else(String::new, |Credentials { user, password }| {
        let encoded = BASE64.encode(format!("{}:{}", user.reveal(), password.reveal()).as_bytes());
        format!("Proxy-Authorization: Basic {encoded}\r\n")
    });
    format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {USER_AGENT}\r\n{authorization}\r\n"
    )
}

/// The head of an answer.
struct Answer {
    status: u16,
    retry_after: Option<std::time::Duration>,
    length: usize,
}

/// Reads a head; none when it is not complete yet.
fn read(head: &[u8]) -> Spoken<Option<Answer>> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    match response.parse(head) {
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(length)) => {
            let named =
                |name: &str| response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            Ok(Some(Answer {
                status: response.code.unwrap_or_default(),
                retry_after: named("Retry-After").and_then(|header| retry_after(header.value)),
                length,
            }))
        }
        Err(httparse::Error::TooManyHeaders) => Err(not_a_proxy("its answer has too many headers")),
        Err(_) => Err(not_a_proxy("it does not speak HTTP/1.1")),
    }
}

impl Answer {
    fn decide(self, received: usize, credentials_given: bool) -> Spoken<()> {
        match self.status {
            // Neither TLS nor HTTP begins with the server.
            200..=299 if received > self.length => Err(not_a_proxy("it sends more than its answer")),
            200..=299 => Ok(()),
            407 => Err(ProxyError::Credentials { given: credentials_given }),
            status => Err(ProxyError::Status { status, retry_after: self.retry_after }),
        }
    }
}

fn not_a_proxy(detail: &str) -> ProxyError {
    ProxyError::NotAProxy { detail: detail.to_owned() }
}
