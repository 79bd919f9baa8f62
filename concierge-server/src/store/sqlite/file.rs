//! The file itself: whose it is, whether it is a store, and the one gateway that uses it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::super::error::OpenError;
use super::schema;

/// Only the owner may read and write.
const PRIVATE: u32 = 0o600;

/// What is locked beside the store. SQLite's own locks cannot tell gateways apart from their own readers.
const LOCK_SUFFIX: &str = "-lock";

/// For how long another program may keep the store locked, with a tool of SQLite's for example.
const BUSY: Duration = Duration::from_secs(1);

/// What keeps other gateways away.
pub(super) struct Lock(#[expect(dead_code, reason = "it is locked for as long as it is open")] File);

/// Takes a file into use. Nothing is written before it is known to be a store, whole, and nobody else's.
pub(super) fn open(path: &Path) -> Result<(Connection, Lock), OpenError> {
    // A relative one could be taken for a URI.
    let path = &std::path::absolute(path).map_err(|error| unusable(path, &error))?;
    let lock = lock(path)?;
    make_private(path)?;
    let connection = connect(path, false).map_err(|error| refused(path, &error))?;
    schema::recognise(&connection, path)?;
    prepare(&connection).map_err(|error| refused(path, &error))?;
    schema::migrate(&connection, path)?;
    sync_folder(path).map_err(|error| unusable(path, &error))?;
    Ok((connection, lock))
}

/// A connection to a store that is there.
pub(super) fn connect(path: &Path, is_reader: bool) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "query_only", is_reader)?;
    Ok(connection)
}

/// Has the file written as a store's is.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some("a write-ahead log is not possible there, as on a file system of another machine".into()),
        ));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    // A checkpoint of its own has it: see `checkpoint`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(LOCK_SUFFIX);
    let lock_path = PathBuf::from(name);
    let file = private_file(&lock_path).map_err(|error| unusable(path, &error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK => OpenError::InUse { path: path.to_owned() },
        error => unusable(path, &error.into()),
    })?;
    Ok(Lock(file))
}

/// The file is there, and nobody else's to read. SQLite gives those beside it the same permissions.
fn make_private(path: &Path) -> Result<(), OpenError> {
    // Closed before SQLite opens it: closing it later would give up SQLite's locks.
    let file = private_file(path).map_err(|error| unusable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unusable(path, &error))?;
    if !metadata.is_file() {
        let cause = "it is no regular file".to_owned();
        return Err(OpenError::Foreign { path: path.to_owned(), cause });
    }
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(OpenError::Exposed { path: path.to_owned() });
    }
    Ok(())
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE).open(path)
}

/// That there is such a file is to survive as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()
}

fn unusable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), cause: error.to_string() }
}

/// What an error means for a store that is being opened.
pub(super) fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, cause) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path, cause },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, cause },
        _ => OpenError::Unusable { path, cause },
    }
}
