//! Changes as statements.

use concierge_client::telegraphy::{Epoch, UserId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::medium::OVERHEAD;
use crate::events::record::{Change, DefinitionRecord, EventRecord, SessionRecord, SubscriptionRecord};

/// Applies a change within a transaction.
pub(super) fn apply(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Define(record) => define(connection, record),
        Change::Undefine(name) => {
            execute(connection, "DELETE FROM definition WHERE name = ?1", [name.as_str()])
        }
        Change::KeepSession(record) => keep_session(connection, record),
        Change::ForgetSession(id) => {
            execute(connection, "DELETE FROM subscription WHERE session = ?1", [id.0.as_bytes()])?;
            execute(connection, "DELETE FROM session WHERE id = ?1", [id.0.as_bytes()])
        }
        Change::KeepSubscription(record) => keep_subscription(connection, record),
        Change::ForgetSubscription(session, id) => execute(
            connection,
            "DELETE FROM subscription WHERE session = ?1 AND id = ?2",
            params![session.0.as_bytes(), id.0],
        ),
        Change::Append(event) => append(connection, event),
    }
}

fn define(connection: &Connection, record: &DefinitionRecord) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT OR REPLACE INTO definition (name, source, version, epoch, definition) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            record.definition.name.as_str(),
            record.source,
            record.version,
            record.epoch.as_ref().map(Epoch::as_str),
            json(serde_json::to_string(&record.definition))?,
        ],
    )
}

fn keep_session(connection: &Connection, record: &SessionRecord) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT OR REPLACE INTO session (id, token, user, host, grants, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            record.id.0.as_bytes(),
            record.token.0,
            record.user.as_ref().map(UserId::as_str),
            record.host.map(|host| host.to_string()),
            json(serde_json::to_string(&record.grants))?,
            record.expires.micros(),
        ],
    )
}

fn keep_subscription(connection: &Connection, record: &SubscriptionRecord) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT OR REPLACE INTO subscription (session, id, event, filters, lazy, since_epoch, since_offset) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            record.session.0.as_bytes(),
            record.id.0,
            record.event.as_str(),
            record.filters,
            record.lazy,
            record.since.epoch.as_str(),
            record.since.offset,
        ],
    )
}

/// An event goes to the end of its log, which begins with its first. One that is not after the last breaks a rule of the table.
fn append(connection: &Connection, event: &EventRecord) -> rusqlite::Result<()> {
    let bytes = event.len() + OVERHEAD;
    let (name, epoch) = (event.event.as_str(), event.epoch.as_str());
    let known: Option<i64> = connection
        .prepare_cached(
            "UPDATE log SET last = ?3, bytes = bytes + ?4 WHERE event = ?1 AND epoch = ?2 AND last < ?3 RETURNING number",
        )?
        .query_row(params![name, epoch, event.offset, bytes], |row| row.get(0))
        .optional()?;
    let log = match known {
        Some(log) => log,
        None => connection
            .prepare_cached(
                "INSERT INTO log (event, epoch, last, bytes) VALUES (?1, ?2, ?3, ?4) RETURNING number",
            )?
            .query_row(params![name, epoch, event.offset, bytes], |row| row.get(0))?,
    };
    if event.is_publishers {
        execute(
            connection,
            "INSERT INTO publisher_id (log, \"offset\", published, id) VALUES (?1, ?2, ?3, ?4)",
            params![log, event.offset, event.published.micros(), event.id],
        )?;
    }
    execute(
        connection,
        "INSERT INTO event (log, \"offset\", bytes, expires, published, is_publishers, id, meta, data, previous) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            log,
            event.offset,
            bytes,
            event.expires.micros(),
            event.published.micros(),
            event.is_publishers,
            event.id,
            event.meta,
            event.data,
            event.previous,
        ],
    )
}

pub(super) fn execute(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values).map(drop)
}

/// Nothing of it fails: the keys of all maps are texts.
fn json(text: serde_json::Result<String>) -> rusqlite::Result<String> {
    text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
