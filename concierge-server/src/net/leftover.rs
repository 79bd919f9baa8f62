//! What is left of a request's body when the request is answered. It is read and discarded for a while: to close while the client
//! still sends would reset the connection, and with it the answer, which clients that send everything first would never see.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use hyper::{Request, Version};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// How many connections of a gateway discard at the same time. Those beyond are closed as they are.
pub(super) const DISCARDING: usize = 64;

/// How long a client may go on with a body of which nothing is made.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may send nothing of it.
const SILENCE: Duration = Duration::from_secs(2);

/// The body of a request. What is not read of it when this is dropped is left over.
#[derive(Debug)]
pub(super) struct Arriving {
    body: Option<Incoming>,
    /// Whether the client sends it at all: it may have asked first whether it is wanted.
    is_sent: bool,
    leftover: Leftover,
}

/// What is left of the bodies of a connection, of which there is one at a time. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Leftover(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    /// What is to be discarded.
    body: Mutex<Option<Incoming>>,
    came: Notify,
    /// Whether the last request was not read to its end.
    is_unread: AtomicBool,
}

impl Leftover {
    /// A request whose body leaves here what is not read of it.
    pub(super) fn follow(&self, request: Request<Incoming>) -> Request<Arriving> {
        self.0.is_unread.store(false, Ordering::Relaxed);
        let expects = request.headers().get(EXPECT);
        let asks = expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let is_sent = !asks || request.version() < Version::HTTP_11;
        request.map(|body| Arriving { body: Some(body), is_sent, leftover: self.clone() })
    }

    /// Whether the body of the last request was not read to its end.
    pub(super) fn is_unread(&self) -> bool {
        self.0.is_unread.load(Ordering::Relaxed)
    }

    /// Discards whatever is left over, as long as the connection is there and one of these permits is to be had.
    pub(super) async fn discard(&self, permits: &Semaphore) -> Infallible {
        loop {
            self.0.came.notified().await;
            let left = self.0.body.lock().take();
            if let (Some(body), Ok(_permit)) = (left, permits.try_acquire()) {
                // When the time is over the connection is closed, whatever the client is at.
                let _over = timeout(PATIENCE, discard(body)).await;
            }
        }
    }
}

async fn discard(mut body: Incoming) {
    while let Ok(Some(Ok(_))) = timeout(SILENCE, body.frame()).await {}
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let arriving = self.get_mut();
        let Some(body) = &mut arriving.body else { return Poll::Ready(None) };
        arriving.is_sent = true;
        let frame = ready!(Pin::new(body).poll_frame(context));
        if frame.is_none() {
            arriving.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if self.is_end_stream() {
            return;
        }
        let Slot { body, came, is_unread } = &*self.leftover.0;
        is_unread.store(true, Ordering::Relaxed);
        if self.is_sent {
            *body.lock() = self.body.take();
            came.notify_one();
        }
    }
}
