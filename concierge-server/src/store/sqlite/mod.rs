//! The file: a database of SQLite's, in WAL mode, synced with every commit. One connection writes, a few others read.
//!
//! [`file`] takes it into use, [`schema`] says what is in it, [`write`] and [`clean`] are the two kinds of transactions, [`read`] looks
//! at it.

mod clean;
mod file;
mod read;
mod schema;
mod write;

use std::path::Path;

use concierge_client::telegraphy::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, MAIN_DB, Transaction, TransactionBehavior};

use self::file::Lock;
pub(super) use self::read::Readers;
use super::error::OpenError;
use super::medium::{Cleaned, Failure, Medium, Written};
use crate::events::record::Change;

/// So many pages of the WAL are brought to where they belong at a time.
const CHECKPOINT_PAGES: i32 = 1000;

/// From how many pages on the WAL is begun anew, which waits for those who read: else it would grow for as long as there is always
/// somebody.
const RESTART_PAGES: i32 = 16 * CHECKPOINT_PAGES;

/// The connection that writes.
pub(super) struct Sqlite {
    connection: Connection,
    log_max_bytes: u64,
    /// From how many pages in the WAL on it is begun anew, whoever reads.
    restart_at: i32,
    is_broken: bool,
    /// Held for as long as the file is used; the system gives it back when the process ends, however.
    _lock: Lock,
}

/// Opens the store in a file, or begins one there.
pub(super) fn open(path: &Path, log_max_bytes: u64) -> Result<(Sqlite, Readers), OpenError> {
    let (connection, lock) = file::open(path)?;
    let readers = Readers::open(path)
        .map_err(|error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() })?;
    let medium =
        Sqlite { connection, log_max_bytes, restart_at: RESTART_PAGES, is_broken: false, _lock: lock };
    Ok((medium, readers))
}

impl Medium for Sqlite {
    fn write(&mut self, lists: &[Vec<Change>]) -> Result<Written, Failure> {
        let log_max_bytes = self.log_max_bytes;
        self.transact(|transaction| {
            for change in lists.iter().flatten() {
                write::apply(transaction, change)?;
            }
            let trimmed = clean::trim(transaction, log_max_bytes)?;
            Ok(Written { trimmed, log_bytes: clean::log_bytes(transaction)? })
        })
    }

    fn clean(&mut self, now: Timestamp) -> Result<Cleaned, Failure> {
        let log_max_bytes = self.log_max_bytes;
        self.transact(|transaction| clean::clean(transaction, now, log_max_bytes))
    }

    fn settle(&mut self) -> Result<(), Failure> {
        let outcome = self.checkpoint().map_err(|error| failure(&error));
        self.is_broken |= matches!(outcome, Err(Failure::Broken(_)));
        outcome
    }
}

impl Sqlite {
    /// The file may have so many pages and no more, as on a disk that is full.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    }

    /// Brings pages of the WAL to where they belong, when there are many. A commit does not do it by itself: whoever waits for one
    /// would wait for this too, and nobody would hear that it failed.
    fn checkpoint(&mut self) -> rusqlite::Result<()> {
        let (pages, in_place) = self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::NOOP)?;
        if pages >= self.restart_at {
            // In vain when somebody goes on reading: tried again when there is that much more.
            self.restart_at = pages.saturating_add(RESTART_PAGES);
            self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::RESTART)?;
            self.restart_at = RESTART_PAGES;
        } else if pages - in_place >= CHECKPOINT_PAGES {
            self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE)?;
        }
        Ok(())
    }

    /// Does something in whole or not at all. When it returns, it is synced.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let outcome = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            })
            .map_err(|error| failure(&error));
        self.is_broken |= matches!(outcome, Err(Failure::Broken(_)));
        outcome
    }
}

/// What an error of SQLite's means for what was to be written.
fn failure(error: &rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Failure::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Busy,
        _ => Failure::Broken(error.to_string().into()),
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if !self.is_broken {
            // The file alone is everything then. What cannot be moved is found in the WAL by the next start.
            let _left = self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::TRUNCATE);
        }
        // After a failure nothing is moved any more: the WAL is left for the next start to recover from.
        let _hint = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self.is_broken);
    }
}
