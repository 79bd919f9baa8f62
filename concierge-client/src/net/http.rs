//! Requests over HTTP/1.1.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::way::ByteStream;

/// What is sent with a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Makes a stream of bytes a connection for requests, one at a time. It ends with its sender, or with the body of the answer that is under way.
pub(crate) async fn connection(stream: Box<dyn ByteStream>) -> Result<SendRequest<Body>, hyper::Error> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
