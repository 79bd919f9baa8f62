//! The file store over HTTP: `/fs/{client}/{path}`. The rules are in [`crate::files`]; here are requests, bodies and the disk, which
//! is only ever waited for on threads of its own.

mod body;
mod disk;
mod download;
mod intake;
mod leased;
mod parts;
mod range;
mod refusal;
mod routes;
#[cfg(test)]
mod tests;
mod threads;
mod upload;

pub(super) use body::Body;
pub(super) use disk::Disk;
pub(super) use routes::{Asking, answer};

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tracing::warn;

use super::panics::Panics;
use crate::config;
use crate::files::{FileId, Holder, Keys, Store, Tally, Totals};
use crate::hub::ClientId;
use threads::Threads;

/// The file store of a gateway.
#[derive(Debug)]
pub(super) struct Files {
    rules: Mutex<Rules>,
    disk: Arc<Disk>,
    threads: Threads,
    panics: Panics,
    /// Bytes that others are to find free on the disk.
    reserve: u64,
    /// How long a body may bring nothing.
    patience: Duration,
}

/// Who may do what, what is there, and what was done.
#[derive(Debug)]
struct Rules {
    keys: Keys,
    store: Store,
    tally: Tally,
}

impl Files {
    pub(super) fn new(config: &config::Files, disk: Disk) -> io::Result<Self> {
        let rules = Rules {
            keys: Keys::new(config.legacy_key, config.public_read_key),
            store: Store::new(config.limits),
            tally: Tally::default(),
        };
        Ok(Self {
            rules: Mutex::new(rules),
            disk: Arc::new(disk),
            threads: Threads::start()?,
            panics: Panics::default(),
            reserve: config.reserve,
            patience: config.body_timeout,
        })
    }

    /// What there is right now, and what was done so far.
    pub(super) fn counts(&self) -> (Totals, Tally) {
        let rules = self.lock();
        (rules.store.totals(), rules.tally.clone())
    }

    /// What contains failures, here and in the rest of the gateway.
    pub(super) fn panics(&self) -> &Panics {
        &self.panics
    }

    /// Takes over a connection that moves files.
    pub(super) fn drive(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.threads.drive(connection);
    }

    /// A client is connected: it has a folder and a key.
    pub(super) fn join(&self, client: ClientId, holder: Holder) {
        let mut rules = self.lock();
        rules.keys.join(client, holder);
        rules.store.join(client);
    }

    /// A client is gone: at once nobody finds its files any more, and soon they are gone from the disk.
    pub(super) fn leave(&self, client: ClientId) {
        let files = {
            let mut rules = self.lock();
            rules.keys.leave(client);
            rules.store.leave(client)
        };
        self.discard(files);
    }

    /// Removes files from the disk, without being waited for.
    fn discard(&self, files: impl IntoIterator<Item = FileId>) {
        let files: Vec<_> = files.into_iter().collect();
        if !files.is_empty() {
            drop(self.work(self.removal(files)));
        }
    }

    /// Removes a file that may not even be there yet: what makes it ends first.
    fn discard_after<T: Send + 'static>(&self, making: Option<JoinHandle<T>>, file: FileId) {
        self.threads.work_after(making, self.removal(vec![file]));
    }

    fn removal(&self, files: Vec<FileId>) -> impl FnOnce() + Send + 'static {
        let (disk, panics) = (Arc::clone(&self.disk), self.panics.clone());
        move || {
            for id in files {
                if let Some(Err(error)) = panics.contain(|| disk.remove(id)) {
                    warn!(%error, ?id, "a file could not be removed");
                }
            }
        }
    }

    /// Does something that waits for the disk. Who waits for it learns of a failure.
    fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let panics = self.panics.clone();
        self.threads
            .work(move || panics.contain(work).unwrap_or_else(|| resume_unwind(Box::new("contained"))))
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock()
    }
}
