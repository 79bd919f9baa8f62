//! The parts of a form as they come. The parser is a library's and reads on as long as there is anything to read, so here it is
//! given a piece of the body only when it can make nothing more of what it has.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use multer::{Field, Multipart};
use parking_lot::Mutex;

/// How much the parser may take without making anything of it, in bytes: more than any head of a part needs. Each piece makes it look
/// through all of that again.
const HELD: usize = 32 * 1024;

/// The parts of a form, one after the other.
pub(super) struct Parts<S> {
    form: Multipart<'static>,
    body: Body<S>,
}

/// Why there are no more parts.
#[derive(Debug)]
pub(super) enum Broken {
    /// The body broke off, or came too slowly.
    Body(io::Error),
    /// It is no form.
    Form,
}

/// What has not been given to the parser.
struct Body<S> {
    bytes: S,
    hatch: Hatch,
    /// What the parser took since it last made something of it.
    held: usize,
    has_ended: bool,
}

/// What the parser reads: one piece, then nothing until there is another. Clones are the same hatch.
#[derive(Debug, Clone, Default)]
struct Hatch(Arc<Mutex<Given>>);

#[derive(Debug, Default)]
enum Given {
    #[default]
    Nothing,
    Piece(Bytes),
    End,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Parts<S> {
    pub(super) fn new(boundary: String, bytes: S) -> Self {
        let hatch = Hatch::default();
        let form = Multipart::new(hatch.clone(), boundary);
        Self { form, body: Body { bytes, hatch, held: 0, has_ended: false } }
    }

    /// The next part, once the one before it has been read.
    pub(super) async fn next(&mut self) -> Result<Option<Field<'static>>, Broken> {
        let Self { form, body } = self;
        poll_fn(|context| body.feed(context, |context| form.poll_next_field(context))).await
    }

    /// The next bytes of a part; none when it is over.
    pub(super) async fn chunk(&mut self, part: &mut Field<'static>) -> Result<Option<Bytes>, Broken> {
        let body = &mut self.body;
        poll_fn(|context| {
            body.feed(context, |context| Pin::new(&mut *part).poll_next(context).map(Option::transpose))
        })
        .await
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Body<S> {
    /// Asks the parser, and feeds it as long as it can make nothing of what it has.
    fn feed<T>(
        &mut self,
        context: &mut Context<'_>,
        mut parse: impl FnMut(&mut Context<'_>) -> Poll<multer::Result<T>>,
    ) -> Poll<Result<T, Broken>> {
        loop {
            if let Poll::Ready(parsed) = parse(context) {
                self.held = 0;
                return Poll::Ready(parsed.map_err(|_| Broken::Form));
            }
            if self.has_ended || self.held >= HELD {
                return Poll::Ready(Err(Broken::Form));
            }
            let given = match ready!(Pin::new(&mut self.bytes).poll_next(context)) {
                Some(Ok(piece)) => {
                    self.held += piece.len();
                    Given::Piece(piece)
                }
                Some(Err(error)) => return Poll::Ready(Err(Broken::Body(error))),
                None => {
                    self.has_ended = true;
                    Given::End
                }
            };
            *self.hatch.0.lock() = given;
        }
    }
}

impl Stream for Hatch {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Whoever asks the parser waits for the body itself.
        match std::mem::take(&mut *self.0.lock()) {
            Given::Nothing => Poll::Pending,
            Given::Piece(piece) => Poll::Ready(Some(Ok(piece))),
            Given::End => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;

    use super::*;

    /// A body that is there at once, in pieces of a size, and how many of its bytes were taken.
    fn body(
        text: impl Into<Bytes>,
        size: usize,
    ) -> (impl Stream<Item = io::Result<Bytes>> + Unpin, Arc<AtomicUsize>) {
        let (mut rest, taken) = (text.into(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&taken);
        let pieces = stream::iter(std::iter::from_fn(move || {
            let piece = rest.split_to(size.min(rest.len()));
            counter.fetch_add(piece.len(), Ordering::Relaxed);
            (!piece.is_empty()).then_some(Ok(piece))
        }));
        (pieces, taken)
    }

    fn part(name: &str, content: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
    }

    #[tokio::test]
    async fn no_more_of_a_body_is_taken_than_the_parts_that_are_asked_for_need() {
        const PIECE: usize = 1000;
        let pair = part("one", "1") + &part("two", "2");
        let (pieces, taken) = body(pair.repeat(5000) + "--b--\r\n", PIECE);
        let (mut parts, mut count) = (Parts::new("b".to_owned(), pieces), 0);
        while let Some(mut part) = parts.next().await.unwrap() {
            while parts.chunk(&mut part).await.unwrap().is_some() {}
            count += 1;
            let ahead = taken.load(Ordering::Relaxed).saturating_sub(count * pair.len() / 2);
            assert!(ahead <= 2 * PIECE, "after {count} parts {ahead} bytes are held");
        }
        assert_eq!(count, 10_000);
    }

    #[tokio::test]
    async fn a_part_is_as_long_as_it_likes_and_its_head_is_not() {
        let content = "x".repeat(10 * HELD);
        let (pieces, _) = body(part("long", &content) + &part(&content, "") + "--b--\r\n", 999);
        let mut parts = Parts::new("b".to_owned(), pieces);
        let (mut long, mut read) = (parts.next().await.unwrap().unwrap(), 0);
        while let Some(bytes) = parts.chunk(&mut long).await.unwrap() {
            read += bytes.len();
        }
        drop(long);
        assert_eq!(read, content.len());
        assert!(matches!(parts.next().await, Err(Broken::Form)));
    }

    #[tokio::test]
    async fn a_form_is_understood_wherever_it_is_cut() {
        let text = part("one", "\r\n--") + &part("two", "") + "--b--\r\n";
        for size in 1..text.len() {
            let mut parts = Parts::new("b".to_owned(), body(text.clone(), size).0);
            let mut read = Vec::new();
            while let Some(mut part) = parts.next().await.unwrap() {
                let mut content = Vec::new();
                while let Some(bytes) = parts.chunk(&mut part).await.unwrap() {
                    content.extend_from_slice(&bytes);
                }
                read.push((part.file_name().unwrap().to_owned(), content));
            }
            assert_eq!(read, [("one".to_owned(), b"\r\n--".to_vec()), ("two".to_owned(), Vec::new())]);
        }
    }

    #[tokio::test]
    async fn what_ends_too_early_is_told_from_what_broke_off() {
        let text = part("one", "1");
        for end in 0..text.len() {
            let mut parts = Parts::new("b".to_owned(), body(text.get(..end).unwrap().to_owned(), 7).0);
            let broken = async {
                while let Some(mut part) = parts.next().await? {
                    while parts.chunk(&mut part).await?.is_some() {}
                }
                Ok(())
            };
            assert!(matches!(broken.await, Err(Broken::Form)), "after {end} bytes");
        }
        let slow = stream::iter([Ok(text.into()), Err(io::ErrorKind::TimedOut.into())]);
        let mut parts = Parts::new("b".to_owned(), slow);
        let mut part = parts.next().await.unwrap().unwrap();
        // Its end may be the beginning of the line between parts.
        while !matches!(parts.chunk(&mut part).await, Err(Broken::Body(_))) {}
    }
}
