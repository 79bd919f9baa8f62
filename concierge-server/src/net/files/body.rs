//! What is answered: a text that is there already, or a file that is read as it is sent.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use rustix::buffer::spare_capacity;
use rustix::io::pread;
use tokio::task::JoinHandle;

use super::super::lifetime::Lifetime;
use super::leased::Leased;

/// How much is read at once. Two of these are in memory for each download: one on its way, one that is read ahead.
const PIECE: u64 = 64 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(in crate::net) enum Body {
    /// It is there already.
    Whole(Option<Bytes>),
    /// It is read as it is sent.
    File(FileBody),
}

/// A part of a file, from where it stands to an end.
#[derive(Debug)]
pub(in crate::net) struct FileBody {
    leased: Leased,
    /// Where that begins which is being read.
    from: u64,
    /// What is still to be sent.
    left: u64,
    reading: JoinHandle<io::Result<(File, Bytes)>>,
    /// A download that goes on keeps its connection.
    lifetime: Lifetime,
}

impl FileBody {
    /// So many bytes of a file, from a place on.
    pub(super) fn new(leased: Leased, file: File, (from, length): (u64, u64), lifetime: Lifetime) -> Self {
        let reading = leased.files().work(move || read(file, from, length));
        Self { leased, from, left: length, reading, lifetime }
    }
}

fn read(file: File, from: u64, left: u64) -> io::Result<(File, Bytes)> {
    let size = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
    let mut piece = Vec::with_capacity(size);
    while piece.len() < size {
        let place = from + piece.len() as u64;
        if pread(&file, spare_capacity(&mut piece), place)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    // A vector may have room for more than it was asked for.
    piece.truncate(size);
    Ok((file, piece.into()))
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(None)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File(file) => {
                file.poll_piece(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::File(file) => file.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::File(file) => file.left,
        })
    }
}

impl FileBody {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let read_ahead = ready!(Pin::new(&mut self.reading).poll(context));
        let (file, piece) = match read_ahead.map_err(io::Error::other).flatten() {
            Ok(read) => read,
            Err(error) => {
                // The connection breaks off: what was announced cannot be sent.
                self.left = 0;
                return Poll::Ready(Some(Err(error)));
            }
        };
        self.from += piece.len() as u64;
        self.left -= piece.len() as u64;
        self.leased.files().lock().tally.send(piece.len() as u64, self.left == 0);
        self.lifetime.extend();
        if self.left > 0 {
            let (from, left) = (self.from, self.left);
            self.reading = self.leased.files().work(move || read(file, from, left));
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
