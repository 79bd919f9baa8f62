//! What a file is made of: bytes, a file on this side, a stream.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, Stream},
};
use tokio::{fs::File, io::AsyncReadExt};

use super::error::FileError;

/// How much of a file is read at once.
const PIECE: usize = 256 * 1024;

/// What a file is made of.
///
/// ```
/// use concierge_client::files::Source;
/// let text: Source = "hello".into();
/// let file = Source::path("map.json");
/// let stream = Source::stream(futures_util::stream::iter([Ok("some".into()), Ok("bytes".into())]), Some(9));
/// ```
pub struct Source(Kind);

enum Kind {
    Bytes(Bytes),
    Path(PathBuf),
    Stream(BoxStream<'static, io::Result<Bytes>>, Option<u64>),
}

/// The bytes of a source, and how many they are, when that is known.
pub(super) type Flow = (BoxStream<'static, io::Result<Bytes>>, Option<u64>);

impl Source {
    /// A file on this side. It is read as it is sent.
    pub fn path(path: impl AsRef<Path>) -> Self {
        Self(Kind::Path(path.as_ref().to_owned()))
    }

    /// A stream of bytes, and how many they are together, where that is known: then the gateway can refuse what does not fit before
    /// it is sent. A stream that turns out to have another length is an error.
    pub fn stream(
        bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self(Kind::Stream(bytes.boxed(), length))
    }

    pub(super) async fn open(self) -> Result<Flow, FileError> {
        Ok(match self.0 {
            Kind::Bytes(bytes) => {
                let length = bytes.len() as u64;
                // In pieces, so that progress is told in between.
                let pieces = (0..bytes.len())
                    .step_by(PIECE)
                    .map(move |from| Ok(bytes.slice(from..bytes.len().min(from + PIECE))));
                (stream::iter(pieces).boxed(), Some(length))
            }
            Kind::Path(path) => {
                let failed = FileError::local("reading the file");
                let file = File::open(path).await.map_err(&failed)?;
                let metadata = file.metadata().await.map_err(&failed)?;
                if metadata.is_dir() {
                    return Err(failed(io::ErrorKind::IsADirectory.into()));
                }
                // A pipe has no length that means something.
                let length = metadata.is_file().then_some(metadata.len());
                (read(file, length).boxed(), length)
            }
            Kind::Stream(bytes, None) => (bytes, None),
            Kind::Stream(mut bytes, Some(0)) => {
                end(&mut bytes).await.map_err(FileError::local("reading the file"))?;
                (bytes, Some(0))
            }
            Kind::Stream(bytes, Some(length)) => (exactly(bytes, length).boxed(), Some(length)),
        })
    }
}

/// A stream that must have as many bytes as were announced, so that neither a part of it nor more than a file is stored.
fn exactly(
    bytes: BoxStream<'static, io::Result<Bytes>>,
    length: u64,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((bytes, length), move |(mut bytes, left)| async move {
        let Some(piece) = bytes.next().await.transpose()? else {
            return if left == 0 { Ok(None) } else { Err(of_another_length()) };
        };
        let left = left.checked_sub(piece.len() as u64).ok_or_else(of_another_length)?;
        if left == 0 {
            // Nobody asks for more once everything has gone out: whether there is more is found out before.
            end(&mut bytes).await?;
        }
        Ok(Some((piece, (bytes, left))))
    })
}

/// A stream that must have nothing more.
async fn end(bytes: &mut BoxStream<'static, io::Result<Bytes>>) -> io::Result<()> {
    while let Some(more) = bytes.next().await.transpose()? {
        if !more.is_empty() {
            return Err(of_another_length());
        }
    }
    Ok(())
}

fn of_another_length() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the stream has another length than was announced")
}

/// A file in pieces, not beyond the length that was announced: a file that grows meanwhile is sent as it was.
fn read(file: File, length: Option<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, length), async |(mut file, left)| {
        let most = left.map_or(PIECE, |left| usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        if most == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; most];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return match left {
                Some(_) => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file became shorter while it was sent",
                )),
                None => Ok(None),
            };
        }
        piece.truncate(read);
        Ok(Some((Bytes::from(piece), (file, left.map(|left| left - read as u64)))))
    })
}

impl From<Bytes> for Source {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        Self(Kind::Bytes(text.into()))
    }
}

impl From<&'static str> for Source {
    fn from(text: &'static str) -> Self {
        Self(Kind::Bytes(Bytes::from_static(text.as_bytes())))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, length) = match &self.0 {
            Kind::Bytes(bytes) => ("Bytes", Some(bytes.len() as u64)),
            Kind::Path(_) => ("Path", None),
            Kind::Stream(_, length) => ("Stream", *length),
        };
        formatter.debug_struct(kind).field("length", &length).finish_non_exhaustive()
    }
}
