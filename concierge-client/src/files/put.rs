//! Storing a file.

use std::{future::IntoFuture, pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Method, StatusCode,
    body::Frame,
    header::{CONTENT_LENGTH, HeaderName},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{
    error::FileError,
    exchange::{Exchange, read_digest},
    place,
    progress::{Progress, Told, Watch},
    source::Source,
};
use crate::payload::ClientName;

/// What is sent without asking first, in bytes: it is gone before an answer comes.
const SMALL: u64 = 64 * 1024;

/// How long the gateway's leave to send is waited for. One that does not know of that gives none.
const LEAVE: Duration = Duration::from_secs(1);

/// A file on its way to the gateway, when it is awaited.
///
/// # Errors
///
/// [`FileError`]. Until the gateway has the whole file, nobody sees anything of it, and one that was there stays.
///
/// # Cancel safety
///
/// Dropping the future breaks the upload off: the gateway keeps what was there before.
#[must_use = "a file is not stored unless this is awaited"]
pub struct Put {
    exchange: Exchange,
    owner: ClientName,
    path: String,
    source: Source,
    told: Option<Told>,
}

/// A file that the gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// How large it is, in bytes.
    pub size: u64,
    /// The SHA-256 of what was sent, and of what the gateway has, where that tells it.
    pub sha256: [u8; 32],
    /// Whether another one was there before.
    pub replaced: bool,
}

/// What went out so far.
#[derive(Default)]
struct Sent {
    bytes: u64,
    digest: Sha256,
}

impl Put {
    pub(super) fn new(exchange: Exchange, owner: ClientName, path: String, source: Source) -> Self {
        Self { exchange, owner, path, source, told: None }
    }

    /// Calls this function with how far the upload has come: at the beginning with how much there is, then as bytes go out. It must
    /// be quick.
    pub fn progress(mut self, told: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.told = Some(Arc::new(told));
        self
    }

    async fn run(self) -> Result<Stored, FileError> {
        let Self { mut exchange, owner, path, source, told } = self;
        let place = place::file(&owner, &path)?;
        let (bytes, length) = source.open().await?;
        let watch = Watch::new(told);
        watch.moved(0, length);
        let sent = Arc::new(Mutex::new(Sent::default()));
        let counted = {
            let (watch, sent) = (watch.clone(), Arc::clone(&sent));
            bytes.map(move |piece| {
                let piece = piece?;
                let mut sent = sent.lock();
                sent.bytes += piece.len() as u64;
                sent.digest.update(&piece);
                watch.moved(sent.bytes, length);
                Ok(Frame::data(piece))
            })
        };
        let is_small = length.is_some_and(|length| length <= SMALL);
        // What is refused while it is sent may look like a connection that broke off.
        let leave = (!is_small).then(|| exchange.ask_first());
        // Nothing at all comes of waiting; it is over, or it was long enough.
        let waiting = stream::once(async move {
            if let Some(leave) = leave {
                let _ = tokio::time::timeout(LEAVE, leave.notified()).await;
            }
        });
        let waiting = waiting.filter_map(|()| async { None });
        let body = StreamBody::new(waiting.chain(counted)).boxed_unsync();
        let length = length.map(|length| length.to_string());
        let headers: Vec<(HeaderName, &str)> =
            length.as_deref().map(|length| (CONTENT_LENGTH, length)).into_iter().collect();
        let answer = exchange.ask(Method::PUT, &place, &headers, body, &watch).await?;
        let Sent { bytes, digest } = std::mem::take(&mut *sent.lock());
        let sha256 = digest.finalize().into();
        if read_digest(answer.headers()).is_some_and(|told| told != sha256) {
            return Err(FileError::Checksum);
        }
        Ok(Stored { size: bytes, sha256, replaced: answer.status() == StatusCode::NO_CONTENT })
    }
}

impl IntoFuture for Put {
    type Output = Result<Stored, FileError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
