//! The file: whose it is, what is no store, and what comes back when it is opened again.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::OpenError;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, AMPLE)
}

/// Why a file is refused; it is the same as before.
fn refusal(path: &Path) -> OpenError {
    let before = fs::read(path).ok();
    let error = open(path).expect_err("it is no store");
    assert_eq!(fs::read(path).ok(), before, "{error}");
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    error
}

#[test]
fn what_was_kept_is_there_when_it_is_opened_again() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let mut changes: Vec<_> = (1..=5).map(append).collect();
    changes.push(Change::Define(definition("app.Order", Some("e1"))));
    changes.push(Change::KeepSession(session(1)));
    keep(&store, changes).unwrap();
    let (records, page) = (store.records(START), store.page(&whole(0, START)));
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!((store.records(START), store.page(&whole(0, START))), (records, page));
    keep(&store, vec![append(6)]).unwrap();
    assert_eq!(store.counts().log_bytes, 6 * (event(1).len() as u64 + 64));
}

#[test]
fn nobody_else_reads_what_a_store_writes() {
    let (folder, path) = place();
    let store = open(&path).unwrap();
    keep(&store, vec![append(1)]).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["store.db", "store.db-lock", "store.db-shm", "store.db-wal"]);
    drop(store);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let error = refusal(&path);
    assert!(error.to_string().ends_with(": `chmod 600` it"), "{error}");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    open(&path).unwrap();
}

#[test]
fn two_gateways_do_not_share_a_store() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    assert_eq!(open(&path).unwrap_err(), OpenError::InUse { path: path.clone() });
    // Whoever was refused has not taken the locks of who has it.
    keep(&store, vec![append(1)]).unwrap();
    drop(store);
    assert_eq!(offsets(&open(&path).unwrap().page(&whole(0, START)).unwrap()), [1]);
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let (folder, path) = place();
    fs::write(&path, "events:\n  - app.Order\n".repeat(100)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(refusal(&path), OpenError::Foreign { .. }));

    let path = folder.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT); PRAGMA user_version = 1").unwrap();
    drop(other);
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let error = refusal(&path);
    assert!(error.to_string().ends_with("is no store of a gateway: it is a database of another program"));

    let path = folder.path().join("folder");
    fs::create_dir(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::Unusable { .. })));
    let path = folder.path().join("nowhere").join("store.db");
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("No such file or directory"), "{error}");
}

#[test]
fn a_store_of_a_newer_gateway_is_refused() {
    let (_folder, path) = place();
    drop(open(&path).unwrap());
    // The version of the schema, as it stands in the head of a file of SQLite's.
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0, 0, 0, 9], 60).unwrap();
    let error = refusal(&path);
    assert_eq!(error, OpenError::Newer { path: path.clone(), found: 9, known: 1 });
    assert!(
        error
            .to_string()
            .ends_with("is of a newer gateway: its schema is version 9, and this gateway knows 1")
    );
}

#[test]
fn a_damaged_store_is_refused() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    keep(&store, (1..=500).map(append).collect()).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(refusal(&path), OpenError::Damaged { .. }));
    let mut torn = whole.clone();
    let middle = torn.len() / 2 / 4096 * 4096;
    torn[middle..middle + 4096].fill(0x5a);
    fs::write(&path, &torn).unwrap();
    assert!(matches!(refusal(&path), OpenError::Damaged { .. }));
    fs::write(&path, &whole).unwrap();
    assert_eq!(open(&path).unwrap().page(&super::whole(0, START)).unwrap().events.len(), 500);
}

#[test]
fn a_record_that_no_gateway_writes_is_told() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    keep(&store, vec![Change::KeepSession(session(1))]).unwrap();
    drop(store);
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE session SET grants = '{\"app.Order\":1}'", []).unwrap();
    drop(other);
    let error = open(&path).unwrap().records(START).unwrap_err().to_string();
    assert!(error.contains("a grant is true or"), "{error}");
}

#[test]
fn while_another_program_has_it_locked_a_store_is_busy_and_not_broken() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(keep(&store, vec![append(1)]), Err(StoreError::Busy));
    assert_eq!(store.page(&whole(0, START)).map(|page| page.events.len()), Ok(0), "it can be read");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(keep(&store, vec![append(2)]), Ok(()));
}

#[test]
fn the_log_of_writes_does_not_grow_for_ever() {
    let (_folder, path) = place();
    let store = open(&path).unwrap();
    let data: Arc<str> = Arc::from("x".repeat(60_000));
    let large = |offset| Change::Append(EventRecord { data: Arc::clone(&data), ..event(offset) });
    for round in 0..40 {
        keep(&store, (1..=10).map(|offset| large(10 * round + offset)).collect()).unwrap();
    }
    let wal = fs::metadata(path.with_extension("db-wal")).unwrap().len();
    assert!(wal < 12_000_000, "{wal} bytes of 24,000,000 that were written");
}
