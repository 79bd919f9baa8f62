//! What is in the file, version after version.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::super::error::OpenError;
use super::file::refused;

/// What says in a file's head that it is a store: `tlgy`.
const APPLICATION_ID: u32 = 0x746c_6779;

/// What makes each version out of the one before: the first out of nothing. One that was released is never changed again.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// Whether the file is a store that this gateway can use, or nothing yet. It is only looked at.
pub(super) fn recognise(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    recognise_up_to(MIGRATIONS.len(), connection, path)
}

fn recognise_up_to(known: usize, connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let ask = || {
        let objects: u64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma(connection, "application_id")?, pragma(connection, "user_version")?, objects))
    };
    let (application, found, objects) = ask().map_err(|error| refused(path, &error))?;
    let known = u32::try_from(known).unwrap_or(u32::MAX);
    if (application, found, objects) == (0, 0, 0) {
        return Ok(());
    }
    if application != APPLICATION_ID {
        let cause = "it is a database of another program".to_owned();
        return Err(OpenError::Foreign { path: path.to_owned(), cause });
    }
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| refused(path, &error))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Damaged { path: path.to_owned(), cause: verdict }) }
}

/// Brings a store to the newest version, in whole or not at all.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    migrate_by(MIGRATIONS, connection).map_err(|error| refused(path, &error))
}

fn migrate_by(migrations: &[&str], connection: &Connection) -> rusqlite::Result<()> {
    let found = pragma(connection, "user_version")? as usize;
    if found == migrations.len() {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for migration in migrations.iter().skip(found) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", migrations.len())?;
    transaction.commit()
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_store_is_brought_to_the_newest_version_and_keeps_what_it_has() {
        let connection = Connection::open_in_memory().unwrap();
        let path = Path::new("a.db");
        let (one, two) = ("CREATE TABLE t (a INTEGER)", "ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 2");
        migrate_by(&[one], &connection).unwrap();
        connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
        recognise_up_to(2, &connection, path).unwrap();
        migrate_by(&[one, two], &connection).unwrap();
        let row = connection.query_row("SELECT a, b FROM t", [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(row, Ok((1, 2)));
        assert_eq!(
            recognise_up_to(1, &connection, path),
            Err(OpenError::Newer { path: path.to_owned(), found: 2, known: 1 })
        );
    }

    #[test]
    fn a_migration_that_fails_leaves_what_was() {
        let connection = Connection::open_in_memory().unwrap();
        migrate_by(&["CREATE TABLE t (a INTEGER)"], &connection).unwrap();
        let broken = ["", "DROP TABLE t", "CREATE NONSENSE"];
        assert!(migrate_by(&broken, &connection).is_err());
        assert_eq!(pragma(&connection, "user_version"), Ok(1));
        assert!(connection.execute("INSERT INTO t VALUES (1)", []).is_ok());
    }
}
