//! Fetching a file, in as many attempts as it takes.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    Method, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, IF_RANGE, RANGE},
};
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, OpenOptions},
    io::{AsyncWrite, AsyncWriteExt},
    time::sleep,
};
use uuid::Uuid;

use super::{
    error::FileError,
    exchange::{Exchange, lost, no_body, read_digest},
    place,
    progress::{Progress, Told, Watch},
};

/// How often a download that breaks off is taken up again without a byte more.
const ATTEMPTS: u32 = 5;

/// How long before the first time, doubled with each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// A file of a client, to be fetched in one of several ways.
///
/// A download that breaks off goes on where it was, as long as the file is still the same. Where the gateway tells the checksum, it
/// is compared.
#[must_use = "a file is not fetched unless it is told where to"]
pub struct Get {
    exchange: Exchange,
    client: String,
    path: String,
    told: Option<Told>,
}

/// What an attempt found out about the file.
struct Known {
    size: u64,
    etag: Option<String>,
    sha256: Option<Vec<u8>>,
}

impl Get {
    pub(super) fn new(exchange: Exchange, client: String, path: String) -> Self {
        Self { exchange, client, path, told: None }
    }

    /// Calls this function with how far the download has come. It must be quick.
    pub fn progress(mut self, told: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.told = Some(Arc::new(told));
        self
    }

    /// Fetches it into memory, if it has at most so many bytes.
    ///
    /// # Errors
    ///
    /// [`FileError::MoreThanWanted`], [`FileError::NotFound`] and all others.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the download.
    pub async fn bytes(self, most: u64) -> Result<Bytes, FileError> {
        let mut memory = Memory(BytesMut::new());
        self.fetch(&mut memory, Some(most)).await?;
        Ok(memory.0.freeze())
    }

    /// Fetches it into a writer, and flushes that.
    ///
    /// # Errors
    ///
    /// [`FileError`]; what has been written until then stays written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the download in the middle of what is written.
    pub async fn to_writer(self, mut writer: impl AsyncWrite + Send + Unpin) -> Result<u64, FileError> {
        let size = self.fetch(&mut Writer(&mut writer), None).await?;
        writer.flush().await.map_err(FileError::local("writing the file"))?;
        Ok(size)
    }

    /// Fetches it into a file on this side, which must not be there yet: it is, once it is there in whole. Until then it has
    /// another name beside it.
    ///
    /// # Errors
    ///
    /// [`FileError::Local`] when it is there already or cannot be written, and all others; then nothing is left behind.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the download; what was written is removed.
    pub async fn to_path(self, path: impl AsRef<Path>) -> Result<u64, FileError> {
        self.into_file(path.as_ref(), false).await
    }

    /// As [`to_path`](Self::to_path), in the place of a file that is there.
    ///
    /// # Errors
    ///
    /// As [`to_path`](Self::to_path); the file that is there stays then.
    ///
    /// # Cancel safety
    ///
    /// As [`to_path`](Self::to_path).
    pub async fn replace_path(self, path: impl AsRef<Path>) -> Result<u64, FileError> {
        self.into_file(path.as_ref(), true).await
    }

    async fn into_file(self, target: &Path, replace: bool) -> Result<u64, FileError> {
        let failed = FileError::local("writing the file");
        if !replace && fs::try_exists(target).await.map_err(&failed)? {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        let part = Part::beside(target);
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&part.0).await.map_err(&failed)?;
        let size = self.fetch(&mut Writer(&mut file), None).await?;
        file.sync_all().await.map_err(&failed)?;
        drop(file);
        if replace {
            fs::rename(&part.0, target).await.map_err(&failed)?;
        } else {
            part.settle(target).await.map_err(&failed)?;
        }
        Ok(size)
    }

    async fn fetch(&self, sink: &mut impl Sink, most: Option<u64>) -> Result<u64, FileError> {
        let place = place::file(&self.client, &self.path)?;
        let watch = Watch::new(self.told.clone());
        let mut digest = Sha256::new();
        let (mut received, mut futile) = (0_u64, 0_u32);
        let mut known: Option<Known> = None;
        loop {
            let before = received;
            let attempt =
                self.attempt(&place, &mut known, (&mut received, &mut digest), (&mut *sink, most), &watch);
            match attempt.await {
                Ok(()) => break,
                Err(error) if !may_go_on(&error, known.as_ref()) => return Err(error),
                Err(error) => {
                    futile = if received > before { 0 } else { futile + 1 };
                    if futile >= ATTEMPTS {
                        return Err(error);
                    }
                    sleep(PAUSE * 2_u32.pow(futile)).await;
                }
            }
        }
        if let Some(sha256) = known.and_then(|known| known.sha256)
            && *digest.finalize() != *sha256
        {
            return Err(FileError::Checksum);
        }
        Ok(received)
    }

    /// Fetches what is missing.
    async fn attempt(
        &self,
        place: &str,
        known: &mut Option<Known>,
        (received, digest): (&mut u64, &mut Sha256),
        (sink, most): (&mut impl Sink, Option<u64>),
        watch: &Watch,
    ) -> Result<(), FileError> {
        let range = format!("bytes={received}-");
        let etag = known.as_ref().and_then(|known| known.etag.as_deref());
        let headers: Vec<(HeaderName, &str)> = match etag {
            Some(etag) if *received > 0 => vec![(RANGE, &range), (IF_RANGE, etag)],
            _ => Vec::new(),
        };
        let answer = self.exchange.ask(Method::GET, place, &headers, no_body(), watch).await?;
        if *received > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(FileError::Changed);
        }
        let (from, told) = read_head(&answer)?;
        if *received == 0 {
            // Nothing has come yet: what an earlier attempt was told may have been replaced.
            *known = None;
        }
        let is_what_was_asked_for =
            from == *received && known.as_ref().is_none_or(|known| known.size == told.size);
        if !is_what_was_asked_for {
            return Err(FileError::Answer { detail: "it is another part than was asked for".to_owned() });
        }
        let now = known.get_or_insert(told);
        if let Some(most) = most.filter(|most| now.size > *most) {
            return Err(FileError::MoreThanWanted { size: now.size, most });
        }
        let size = now.size;
        let mut body = answer.into_body();
        watch.moved(*received, Some(size));
        while *received < size {
            let frame = async { body.frame().await.transpose().map_err(lost) };
            let Some(frame) = watch.bound(self.exchange.patience, frame).await? else {
                return Err(FileError::Lost { source: "it ended before the file did".into() });
            };
            let Ok(bytes) = frame.into_data() else { continue };
            *received += bytes.len() as u64;
            if *received > size {
                return Err(FileError::Answer { detail: "there is more than was announced".to_owned() });
            }
            digest.update(&bytes);
            sink.take(&bytes).await?;
            watch.moved(*received, Some(size));
        }
        Ok(())
    }
}

/// Whether another attempt can take up where this one ended.
fn may_go_on(error: &FileError, known: Option<&Known>) -> bool {
    let is_of_the_way = match error {
        FileError::Lost { .. } | FileError::Stalled { .. } => true,
        FileError::Connect(error) => error.is_temporary(),
        _ => false,
    };
    is_of_the_way && known.is_some_and(|known| known.etag.is_some())
}

/// Where in the file the body begins, and what the head tells about the whole.
fn read_head(answer: &Response<Incoming>) -> Result<(u64, Known), FileError> {
    let text = |name: HeaderName| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let place = match text(CONTENT_RANGE) {
        Some(range) => read_range(range),
        None => text(CONTENT_LENGTH).and_then(|length| Some((0, length.parse().ok()?))),
    };
    let (from, size) = place
        .ok_or_else(|| FileError::Answer { detail: "it does not say how large the file is".to_owned() })?;
    let sha256 = read_digest(answer.headers());
    let etag = text(ETAG).filter(|etag| !etag.starts_with("W/")).map(str::to_owned);
    Ok((from, Known { size, etag, sha256 }))
}

/// The first byte and the size of the whole, of a range that goes to the end of it.
fn read_range(range: &str) -> Option<(u64, u64)> {
    let (part, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = part.split_once('-')?;
    let (from, to, size): (u64, u64, u64) = (from.parse().ok()?, to.parse().ok()?, size.parse().ok()?);
    (from <= to && to.checked_add(1) == Some(size)).then_some((from, size))
}

/// Where bytes go.
trait Sink {
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), FileError>> + Send;
}

struct Memory(BytesMut);

impl Sink for Memory {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

struct Writer<'w, W>(&'w mut W);

impl<W: AsyncWrite + Send + Unpin> Sink for Writer<'_, W> {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.0.write_all(bytes).await.map_err(FileError::local("writing the file"))
    }
}

/// A file that is not whole yet, gone when this is.
struct Part(PathBuf);

impl Part {
    fn beside(target: &Path) -> Self {
        Self(target.with_file_name(format!(".{}.part", Uuid::new_v4().simple())))
    }

    /// Takes a name that nobody has: unlike a rename it does not replace what came there meanwhile.
    async fn settle(&self, target: &Path) -> io::Result<()> {
        match fs::hard_link(&self.0, target).await {
            // A file system without links, such as that of a memory stick.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
            {
                rename_to_free(&self.0, target)
            }
            linked => linked,
        }
    }
}

/// Renames a file, unless there is one of that name already. Where that cannot be told apart, it is refused.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{CWD, RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
    }
    let message =
        format!("the file system renames only by replacing: {} to {}", from.display(), to.display());
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a rename it is not there any more.
        let _gone = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    #[test]
    fn where_there_are_no_links_what_is_there_stays() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for name in ["new", "mine"] {
            std::fs::write(at(name), name).unwrap();
        }
        let refused = rename_to_free(&at("new"), &at("mine")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(at("mine")).unwrap(), "mine");
        rename_to_free(&at("new"), &at("free")).unwrap();
        assert_eq!((at("new").exists(), std::fs::read_to_string(at("free")).unwrap()), (false, "new".into()));
    }
}
