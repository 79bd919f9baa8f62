//! A stream of a body's bytes for a parser that reads on as long as there is anything: here it is given no more than it has
//! made something of.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;

/// How much the parser may hold without making anything of it, in bytes: more than any head of a part needs.
const HELD: usize = 256 * 1024;

/// The way through for bytes.
pub(super) struct Gate<S> {
    bytes: S,
    credit: Credit,
}

/// How much more may pass. Clones are the same credit.
#[derive(Debug, Clone, Default)]
pub(super) struct Credit(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    held: AtomicUsize,
    was_full: AtomicBool,
}

impl Credit {
    /// The parser made something of what it was given.
    pub(super) fn renew(&self) {
        self.0.held.store(0, Ordering::Relaxed);
        self.0.was_full.store(false, Ordering::Relaxed);
    }
}

impl<S> Gate<S> {
    pub(super) fn new(bytes: S) -> (Self, Credit) {
        let credit = Credit::default();
        (Self { bytes, credit: credit.clone() }, credit)
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Gate<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let counts = &self.credit.0;
        if counts.held.load(Ordering::Relaxed) >= HELD {
            // Asked a second time, it has made nothing of what it has.
            if counts.was_full.swap(true, Ordering::Relaxed) {
                let error =
                    io::Error::new(io::ErrorKind::InvalidData, "a part of the body has an endless head");
                return Poll::Ready(Some(Err(error)));
            }
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(Pin::new(&mut self.bytes).poll_next(context));
        if let Some(Ok(bytes)) = &next {
            self.credit.0.held.fetch_add(bytes.len(), Ordering::Relaxed);
        }
        Poll::Ready(next)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::*;

    fn endless() -> impl Stream<Item = io::Result<Bytes>> + Unpin {
        stream::repeat_with(|| Ok(vec![b'x'; 64 * 1024].into()))
    }

    #[tokio::test]
    async fn what_is_made_use_of_goes_on_for_ever() {
        let (mut gate, credit) = Gate::new(endless());
        for _ in 0..1000 {
            gate.next().await.unwrap().unwrap();
            credit.renew();
        }
    }

    #[tokio::test]
    async fn what_is_only_gathered_ends() {
        let (mut gate, _credit) = Gate::new(endless());
        let mut gathered = 0;
        let error = loop {
            match gate.next().await.unwrap() {
                Ok(bytes) => gathered += bytes.len(),
                Err(error) => break error,
            }
        };
        assert_eq!((gathered, error.kind()), (HELD, io::ErrorKind::InvalidData));
    }
}
