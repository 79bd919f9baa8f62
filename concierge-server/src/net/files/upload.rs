//! Bodies that bring files: raw ones, and forms with parts.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Body as _;
use multer::Field;
use tokio::time::{Instant, timeout_at};

use super::super::leftover::Arriving;
use super::super::lifetime::Lifetime;
use super::Files;
use super::intake::{Intake, Taken, place};
use super::parts::{Broken, Parts};
use super::refusal::Refused;
use crate::files::FilePath;
use crate::hub::ClientId;

/// The slowest that a body may be on the whole, in bytes a second.
const SLOWEST: u64 = 1024;

/// The place of a request among the uploads, given back when it is over.
pub(super) struct Upload {
    files: Arc<Files>,
    client: ClientId,
}

/// One file that has its place.
pub(super) struct Placed {
    /// Whether there was another before.
    pub(super) replaced: bool,
    pub(super) sha256: [u8; 32],
}

impl Upload {
    pub(super) fn open(files: &Arc<Files>, client: ClientId) -> Result<Self, Refused> {
        files.lock().store.open(client)?;
        Ok(Self { files: Arc::clone(files), client })
    }

    /// A raw body, which is one file.
    pub(super) async fn raw(
        &self,
        path: FilePath,
        body: Arriving,
        lifetime: Lifetime,
    ) -> Result<Placed, Refused> {
        let mut intake = Intake::begin(&self.files, self.client, path, body.size_hint().exact())?;
        let mut bytes = std::pin::pin!(read(body.into_data_stream(), self.files.patience, lifetime));
        while let Some(piece) = bytes.next().await {
            intake.take(&piece.map_err(|error| broken(&error))?).await?;
        }
        self.place(intake.finish().await?)
    }

    /// A form whose parts are one file: those without a file name, and those of one and the same.
    pub(super) async fn form_of_one(
        &self,
        path: FilePath,
        (boundary, body): (String, Arriving),
        lifetime: Lifetime,
    ) -> Result<Placed, Refused> {
        let mut intake = Intake::begin(&self.files, self.client, path, None)?;
        let mut name: Option<String> = None;
        let mut parts =
            Parts::new(boundary, Box::pin(read(body.into_data_stream(), self.files.patience, lifetime)));
        let mut count = 0;
        while let Some(part) = parts.next().await? {
            count += 1;
            match (&name, part.file_name()) {
                (Some(first), Some(other)) if first != other => {
                    return Err(Refused::new(
                        StatusCode::PRECONDITION_FAILED,
                        "several_files",
                        "here goes one file: the parts have different file names",
                    ));
                }
                (None, Some(first)) => name = Some(first.to_owned()),
                _ => {}
            }
            pour(&mut parts, part, &mut intake).await?;
        }
        if count == 0 {
            return Err(no_parts());
        }
        self.place(intake.finish().await?)
    }

    fn place(&self, taken: Taken) -> Result<Placed, Refused> {
        let sha256 = taken.sha256;
        let replaced = place(&self.files, vec![taken], now())?.contains(&true);
        Ok(Placed { replaced, sha256 })
    }

    /// A form whose parts are files, each under its own file name; parts of the same name are one file. Either all of them take
    /// their places or none.
    pub(super) async fn form(
        &self,
        (boundary, body): (String, Arriving),
        lifetime: Lifetime,
    ) -> Result<(), Refused> {
        let mut parts =
            Parts::new(boundary, Box::pin(read(body.into_data_stream(), self.files.patience, lifetime)));
        let mut intakes: Vec<(FilePath, Intake)> = Vec::new();
        let mut current = 0;
        while let Some(part) = parts.next().await? {
            let name = part.file_name().ok_or_else(|| {
                Refused::new(
                    StatusCode::PRECONDITION_REQUIRED,
                    "no_file_name",
                    "every part has a file name here",
                )
            })?;
            let path = FilePath::from_text(name)?;
            let known = intakes.iter().position(|(other, _)| *other == path);
            if known != Some(current)
                && let Some((_, open)) = intakes.get_mut(current)
            {
                open.pause().await?;
            }
            current = known.unwrap_or(intakes.len());
            if known.is_none() {
                intakes.push((path.clone(), Intake::begin(&self.files, self.client, path, None)?));
            }
            if let Some((_, intake)) = intakes.get_mut(current) {
                pour(&mut parts, part, intake).await?;
            }
        }
        if intakes.is_empty() {
            return Err(no_parts());
        }
        let mut taken = Vec::with_capacity(intakes.len());
        for (_, intake) in intakes {
            taken.push(intake.finish().await?);
        }
        place(&self.files, taken, now())?;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.files.lock().store.close(self.client);
    }
}

/// Takes all of a part in.
async fn pour(
    parts: &mut Parts<impl Stream<Item = io::Result<Bytes>> + Unpin>,
    mut part: Field<'static>,
    intake: &mut Intake,
) -> Result<(), Refused> {
    while let Some(bytes) = parts.chunk(&mut part).await? {
        intake.take(&bytes).await?;
    }
    Ok(())
}

/// The bytes of a body, as long as they come fast enough. The connection is kept for as long.
fn read<E: Into<Box<dyn Error + Send + Sync>>>(
    bytes: impl Stream<Item = Result<Bytes, E>> + Unpin + Send,
    patience: Duration,
    lifetime: Lifetime,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let start = Instant::now();
    stream::unfold(Some((bytes, 0_u64)), move |state| {
        let lifetime = lifetime.clone();
        async move {
            let (mut bytes, received) = state?;
            let by =
                (Instant::now() + patience).min(start + patience + Duration::from_secs(received / SLOWEST));
            lifetime.allow(patience);
            let next = match timeout_at(by, bytes.next()).await {
                Ok(next) => next?.map_err(io::Error::other),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            match next {
                Ok(piece) => {
                    let received = received + piece.len() as u64;
                    Some((Ok(piece), Some((bytes, received))))
                }
                Err(error) => Some((Err(error), None)),
            }
        }
    })
}

fn broken(error: &io::Error) -> Refused {
    if error.kind() == io::ErrorKind::TimedOut {
        Refused::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body came too slowly")
    } else {
        Refused::new(StatusCode::BAD_REQUEST, "broken_body", "the body broke off")
    }
}

impl From<Broken> for Refused {
    fn from(why: Broken) -> Self {
        match why {
            Broken::Body(error) => broken(&error),
            Broken::Form => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "broken_form",
                "the body is not multipart/form-data as RFC 7578 has it",
            ),
        }
    }
}

fn no_parts() -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "broken_form", "the form has no parts")
}

/// Seconds since 1970. A clock before that is as good as 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// Reads a body that ends after so many pieces, each of which takes its time. Returns how many came before it, or its connection,
    /// was given up.
    async fn pieces(count: usize, each: Duration, patience: Duration) -> usize {
        let lifetime = Lifetime::new();
        // Large enough to be fast on the whole.
        let piece = Bytes::from(vec![0; 4 << 20]);
        let pieces = stream::repeat(piece).take(count).then(move |piece| async move {
            sleep(each).await;
            Ok::<_, io::Error>(piece)
        });
        let bytes = read(Box::pin(pieces), patience, lifetime.clone());
        let bytes = bytes.take_while(|piece| std::future::ready(piece.is_ok()));
        tokio::select! {
            biased;
            came = bytes.count() => came,
            () = lifetime.over() => 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_waited_for_as_long_as_the_settings_say() {
        for patience in [1, 59, 60, 61, 3600].map(Duration::from_secs) {
            let (just_in_time, too_late) = (patience * 9 / 10, patience * 11 / 10);
            assert_eq!(pieces(3, just_in_time, patience).await, 3, "{patience:?}");
            assert_eq!(pieces(3, too_late, patience).await, 0, "{patience:?}");
        }
    }
}
