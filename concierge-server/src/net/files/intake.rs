//! One file on its way in: every byte is asked for, then written, and counted into its fingerprint. Whatever ends it early, what it
//! took is given back.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

#[cfg(test)]
use super::super::panics::tests::Fault;
use super::Files;
use super::refusal::Refused;
use crate::files::{FilePath, Ticket};
use crate::hub::ClientId;

/// How much is gathered before it is written. Two of these are in memory for each upload: one that fills, one that is written.
const PIECE: usize = 32 * 1024;

/// About as many bytes come at once.
const READ: usize = 16 * 1024;

/// A file on its way in.
#[derive(Debug)]
pub(super) struct Intake {
    files: Arc<Files>,
    /// Gone once the file has its place.
    ticket: Option<Ticket>,
    /// A copy of what came: what comes may be a byte of a large buffer, which it would keep.
    gathered: Vec<u8>,
    /// What the disk is at. None when nobody waits for it.
    writing: Option<JoinHandle<io::Result<Written>>>,
}

/// What has been written so far.
#[derive(Debug)]
struct Written {
    /// Closed while another file of the same request comes.
    file: Option<File>,
    fingerprint: Sha256,
}

/// A file that is on the disk in whole and has no place yet.
#[derive(Debug)]
pub(super) struct Taken {
    intake: Intake,
    pub(super) sha256: [u8; 32],
}

impl Intake {
    /// Begins with a file of a client. `announced` is how large the body says it is.
    pub(super) fn begin(
        files: &Arc<Files>,
        client: ClientId,
        path: FilePath,
        announced: Option<u64>,
    ) -> Result<Self, Refused> {
        let ticket = files.lock().store.begin(client, path, announced)?;
        let (disk, id, reserve) = (Arc::clone(&files.disk), ticket.id(), files.reserve);
        let writing = files.work(move || {
            if disk.free()? < reserve.saturating_add(announced.unwrap_or(0)) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(Written { file: Some(disk.create(id)?), fingerprint: Sha256::new() })
        });
        Ok(Self {
            files: Arc::clone(files),
            ticket: Some(ticket),
            gathered: Vec::new(),
            writing: Some(writing),
        })
    }

    /// Takes some bytes. Waits for the disk when it is behind.
    pub(super) async fn take(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if let Some(ticket) = &mut self.ticket {
            let mut rules = self.files.lock();
            rules.store.grow(ticket, bytes.len() as u64)?;
            rules.tally.received += bytes.len() as u64;
        }
        if self.gathered.capacity() == 0 {
            // Room for the bytes that go over a piece, too: to grow for them would be to double.
            self.gathered.reserve_exact(PIECE + bytes.len().max(READ));
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE { self.write().await } else { Ok(()) }
    }

    /// Another file of the same request comes first: gives back what this one need not hold meanwhile.
    pub(super) async fn pause(&mut self) -> Result<(), Refused> {
        self.write().await?;
        let written = Written { file: None, ..self.written().await? };
        self.writing = Some(self.files.work(|| Ok(written)));
        Ok(())
    }

    /// Everything is here. Waits until the disk has it.
    pub(super) async fn finish(mut self) -> Result<Taken, Refused> {
        self.write().await?;
        let Written { fingerprint, .. } = self.written().await?;
        Ok(Taken { intake: self, sha256: fingerprint.finalize().into() })
    }

    async fn write(&mut self) -> Result<(), Refused> {
        let mut written = self.written().await?;
        let piece = std::mem::take(&mut self.gathered);
        let (disk, reserve) = (Arc::clone(&self.files.disk), self.files.reserve);
        let id = self.ticket.as_ref().map(Ticket::id);
        #[cfg(test)]
        let panics = self.files.panics.clone();
        let writing = self.files.work(move || {
            #[cfg(test)]
            panics.inject(Fault::Disk);
            let mut file = match (written.file.take(), id) {
                (None, Some(id)) => disk.append(id)?,
                (file, _) => file.ok_or(io::ErrorKind::NotFound)?,
            };
            file.write_all(&piece)?;
            written.fingerprint.update(&piece);
            written.file = Some(file);
            if disk.free()? < reserve {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(written)
        });
        self.writing = Some(writing);
        Ok(())
    }

    async fn written(&mut self) -> Result<Written, Refused> {
        let writing =
            self.writing.as_mut().expect("whoever waits for the disk gives it the next thing to do");
        let written = writing.await.map_err(io::Error::other).flatten();
        self.writing = None;
        written.map_err(|error| Refused::of_disk(&error))
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let id = ticket.id();
            self.files.lock().store.abort(ticket);
            self.files.discard_after(self.writing.take(), id);
        }
    }
}

/// Gives files their places, all at once. Returns for each whether there was another before.
pub(super) fn place(files: &Files, taken: Vec<Taken>, modified: u64) -> Result<Vec<bool>, Refused> {
    let (mut intakes, mut uploads) = (Vec::with_capacity(taken.len()), Vec::with_capacity(taken.len()));
    for Taken { mut intake, sha256 } in taken {
        uploads.extend(intake.ticket.take().map(|ticket| (ticket, sha256)));
        intakes.push(intake);
    }
    let committed = {
        let mut rules = files.lock();
        let committed = rules.store.commit(uploads, modified);
        rules.tally.stored += committed.as_ref().map_or(0, |committed| committed.len() as u64);
        committed
    };
    match committed {
        Ok(committed) => {
            let retired = committed.iter().filter_map(|committed| committed.replaced);
            files.discard(retired.filter_map(|retired| retired.discard));
            Ok(committed.into_iter().map(|committed| committed.replaced.is_some()).collect())
        }
        Err((refusal, tickets)) => {
            // Each goes back to its own, which gives everything back.
            for (intake, ticket) in intakes.iter_mut().zip(tickets) {
                intake.ticket = Some(ticket);
            }
            Err(refusal.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use bytes::Bytes;

    use super::super::tests::{ALICE, files, let_the_disk_pass, until_it_is_gone};
    use super::*;

    fn begin(files: &Arc<Files>) -> Intake {
        Intake::begin(files, ALICE, FilePath::from_text("file").unwrap(), None).unwrap()
    }

    #[tokio::test]
    async fn an_upload_given_up_before_its_file_is_there_leaves_none() {
        let files = files();
        let mut intake = begin(&files);
        let id = intake.ticket.as_ref().unwrap().id();
        drop(intake.written().await.unwrap());
        files.disk.remove(id).unwrap();
        // The disk takes its time to make the file.
        let ((let_on, told), (made, is_made)) = (mpsc::channel::<()>(), tokio::sync::oneshot::channel());
        let disk = Arc::clone(&files.disk);
        intake.writing = Some(files.work(move || {
            told.recv().unwrap();
            let written = Written { file: Some(disk.create(id)?), fingerprint: Sha256::new() };
            made.send(()).unwrap();
            Ok(written)
        }));
        drop(intake);
        let_the_disk_pass(&files, 1).await;
        let_on.send(()).unwrap();
        is_made.await.unwrap();
        until_it_is_gone(&files, id).await;
    }

    #[tokio::test]
    async fn what_is_gathered_keeps_nothing_of_the_buffers_it_came_in() {
        let files = files();
        let mut intake = begin(&files);
        let buffer = Bytes::from(vec![b'x'; 1 << 20]);
        for byte in 0..10 {
            intake.take(&buffer.slice(byte..=byte)).await.unwrap();
        }
        assert!(buffer.is_unique() && intake.gathered == b"xxxxxxxxxx");
        assert!(intake.gathered.capacity() <= PIECE + READ);
    }
}
