//! One request over HTTP/1.1, on a connection of its own.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;

use super::way::ByteStream;

/// What is sent with a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Asks, and waits for the head of the answer.
///
/// Cancel safe: dropping the future closes the connection.
pub(crate) async fn exchange(
    stream: Box<dyn ByteStream>,
    request: Request<Body>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer's body, or when that is dropped.
    tokio::spawn(connection);
    sender.send_request(request).await
}
