//! HTTP as every listener of the gateway speaks it: the bounds of a request, and answers that are a line of text. What is answered to
//! what is decided elsewhere.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioTimer;

use crate::config::Head;

/// What serves a connection, with these bounds of a request's head.
pub(super) fn http1(head: Head) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head.timeout);
    // Who has finished sending still waits for its answer.
    builder.half_close(true);
    builder.max_headers(head.headers).max_header_size(head.bytes).max_buf_size(head.bytes.max(8192));
    builder
}

/// An answer without a body.
pub(super) fn empty<B: Default>(status: StatusCode) -> Response<B> {
    let mut answer = Response::new(B::default());
    *answer.status_mut() = status;
    answer
}

/// An answer for a person to read.
pub(super) fn text<B: From<Bytes>>(status: StatusCode, body: impl Into<Bytes>) -> Response<B> {
    let mut answer = Response::new(B::from(body.into()));
    *answer.status_mut() = status;
    let answer = with(answer, CONTENT_TYPE, "text/plain; charset=utf-8");
    with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// The gateway's own code failed. Nobody knows what is left of the request: the connection ends with it.
pub(super) fn failure<B: From<Bytes>>() -> Response<B> {
    let answer = text(StatusCode::INTERNAL_SERVER_ERROR, "the gateway failed at this; that is a bug\n");
    with(answer, CONNECTION, "close")
}

/// There is something, but it has only these methods.
pub(super) fn not_allowed<B: From<Bytes>>(methods: &'static str) -> Response<B> {
    with(text(StatusCode::METHOD_NOT_ALLOWED, format!("the methods here are {methods}\n")), ALLOW, methods)
}

/// The same answer with a header more, or another value of it.
pub(super) fn with<B>(mut answer: Response<B>, name: HeaderName, value: &'static str) -> Response<B> {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// A wait in whole seconds, so that who keeps to it does not come too early.
pub(super) fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}
