//! A file that is read: as long as this is there it is on the disk, and counts, whatever happens to it meanwhile.

use std::sync::Arc;

use super::Files;
use crate::files::{FileId, FilePath, Lease, StoredFile};
use crate::hub::ClientId;

/// The right to read a file, given back when dropped.
#[derive(Debug)]
pub(super) struct Leased {
    files: Arc<Files>,
    /// Gone once it is given back.
    lease: Option<Lease>,
}

impl Leased {
    /// The file that is at a path right now.
    pub(super) fn find(files: &Arc<Files>, owner: ClientId, path: &FilePath) -> Option<(StoredFile, Self)> {
        let (stored, lease) = files.lock().store.lease(owner, path)?;
        Some((stored, Self { files: Arc::clone(files), lease: Some(lease) }))
    }

    /// Of which store it is.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let discard: Option<FileId> = self.files.lock().store.release(lease);
            self.files.discard(discard);
        }
    }
}
