//! One file on its way in: every byte is asked for, then written, and counted into its fingerprint. Whatever ends it early, what it
//! took is given back.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::Files;
use super::refusal::Refused;
use crate::files::{FilePath, Ticket};
use crate::hub::ClientId;

/// How much is gathered before it is written. Two of these are in memory for each upload: one that fills, one that is written.
const PIECE: usize = 64 * 1024;

/// A file on its way in.
#[derive(Debug)]
pub(super) struct Intake {
    files: Arc<Files>,
    /// Gone once the file has its place.
    ticket: Option<Ticket>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    writing: JoinHandle<io::Result<Written>>,
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
            gathered_bytes: 0,
            writing,
        })
    }

    /// Takes some bytes. Waits for the disk when it is behind.
    pub(super) async fn take(&mut self, bytes: Bytes) -> Result<(), Refused> {
        if let Some(ticket) = &mut self.ticket {
            let mut rules = self.files.lock();
            rules.store.grow(ticket, bytes.len() as u64)?;
            rules.tally.received += bytes.len() as u64;
        }
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_bytes >= PIECE { self.write().await } else { Ok(()) }
    }

    /// Another file of the same request comes first: gives back what this one need not hold meanwhile.
    pub(super) async fn pause(&mut self) -> Result<(), Refused> {
        self.write().await?;
        let written = Written { file: None, ..self.written().await? };
        self.writing = self.files.work(|| Ok(written));
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
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let (disk, reserve) = (Arc::clone(&self.files.disk), self.files.reserve);
        let id = self.ticket.as_ref().map(Ticket::id);
        self.writing = self.files.work(move || {
            let mut file = match (written.file.take(), id) {
                (None, Some(id)) => disk.append(id)?,
                (file, _) => file.ok_or(io::ErrorKind::NotFound)?,
            };
            for piece in &pieces {
                file.write_all(piece)?;
                written.fingerprint.update(piece);
            }
            written.file = Some(file);
            if disk.free()? < reserve {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(written)
        });
        Ok(())
    }

    async fn written(&mut self) -> Result<Written, Refused> {
        let written = (&mut self.writing).await.map_err(io::Error::other).flatten();
        written.map_err(|error| Refused::of_disk(&error))
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let id = ticket.id();
            self.files.lock().store.abort(ticket);
            // What is being written is written to a file without a name.
            self.files.discard(vec![id]);
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
            files.discard(committed.iter().filter_map(|committed| committed.replaced).collect());
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
