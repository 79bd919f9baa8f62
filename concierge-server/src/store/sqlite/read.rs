//! What is read, on connections of its own: nobody who reads waits for who writes.

use std::error::Error;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use concierge_client::telegraphy::{Epoch, Position, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::super::error::ReadError;
use super::super::medium::{Query, REMEMBERED, Reads};
use super::file;
use crate::events::record::{
    DedupeRecord, DefinitionRecord, EventRecord, LogRecord, Page, Records, SessionId, SessionRecord,
    SubscriptionId, SubscriptionRecord, TokenHash,
};

/// How many read at the same time; the others get their turn.
const READERS: usize = 4;

/// The connections that read.
pub(in crate::store) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connect = |_| {
            let connection = file::connect(path, true)?;
            // The last one that closes is one of these, and may not do what the writer would not.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            Ok(Mutex::new(connection))
        };
        let connections = (0..READERS).map(connect).collect::<rusqlite::Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }
}

impl Readers {
    /// One look at the store as it was at one moment.
    fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let connection = self.one();
        let outcome = connection.unchecked_transaction().and_then(|transaction| look(&transaction));
        outcome.map_err(|error| ReadError { cause: error.to_string() })
    }

    /// A connection that nobody uses, or the next one's turn.
    fn one(&self) -> MutexGuard<'_, Connection> {
        let turn = self.next.fetch_add(1, Relaxed);
        let mut in_turn = self.connections.iter().cycle().skip(turn % READERS).take(READERS);
        let next = in_turn.clone().next();
        in_turn
            .find_map(Mutex::try_lock)
            .or_else(|| next.map(Mutex::lock))
            .expect("there are as many as were opened")
    }
}

impl Reads for Readers {
    fn records(&self, now: Timestamp) -> Result<Records, ReadError> {
        self.look(|connection| {
            Ok(Records {
                definitions: all(
                    connection,
                    "SELECT source, version, epoch, definition FROM definition ORDER BY name",
                    definition,
                )?,
                sessions: all(
                    connection,
                    "SELECT id, token, user, host, grants, expires FROM session ORDER BY id",
                    session,
                )?,
                subscriptions: all(
                    connection,
                    "SELECT session, id, event, filters, lazy, since_epoch, since_offset FROM subscription ORDER BY session, id",
                    subscription,
                )?,
                logs: all(connection, "SELECT event, epoch, last, trimmed FROM log ORDER BY event, epoch", log)?,
                ids: publisher_ids(connection, now)?,
            })
        })
    }

    fn page(&self, query: &Query) -> Result<Page, ReadError> {
        self.look(|connection| page(connection, query))
    }
}

fn page(connection: &Connection, query: &Query) -> rusqlite::Result<Page> {
    let log: Option<(i64, u64, u64)> = connection
        .prepare_cached("SELECT number, trimmed, last FROM log WHERE event = ?1 AND epoch = ?2")?
        .query_row(params![query.event.as_str(), query.epoch.as_str()], |row| row.try_into())
        .optional()?;
    let Some((log, trimmed, last)) = log else {
        return Ok(Page { until: query.after, ..Page::default() });
    };
    let mut page = Page { trimmed, until: last, ..Page::default() };
    let mut statement = connection.prepare_cached(
        "SELECT \"offset\", is_gone OR expires <= ?2, published, expires, is_publishers, id, meta, data, previous \
         FROM event WHERE log = ?1 AND \"offset\" > ?3 ORDER BY \"offset\"",
    )?;
    // No offset is larger.
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![log, query.now.micros(), after])?;
    let (mut count, mut bytes, mut passed) = (0, 0, query.after);
    while let Some(row) = rows.next()? {
        let event = if row.get(1)? { None } else { Some(event(row, query)?) };
        bytes += event.as_ref().map_or(0, EventRecord::len);
        if count == query.most || (bytes > query.most_bytes && !page.events.is_empty()) {
            page.until = passed;
            break;
        }
        count += 1;
        passed = row.get(0)?;
        match event {
            Some(event) => page.events.push(event),
            None => page.expired.push(passed),
        }
    }
    Ok(page)
}

fn event(row: &Row<'_>, query: &Query) -> rusqlite::Result<EventRecord> {
    Ok(EventRecord {
        event: query.event.clone(),
        epoch: query.epoch.clone(),
        offset: row.get(0)?,
        published: moment(row, 2)?,
        expires: moment(row, 3)?,
        is_publishers: row.get(4)?,
        id: row.get(5)?,
        meta: row.get(6)?,
        data: row.get(7)?,
        previous: row.get(8)?,
    })
}

/// The ids of the last two minutes: the newest rows, in the order in which they came.
fn publisher_ids(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<DedupeRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT log.event, log.epoch, publisher_id.\"offset\", publisher_id.published, publisher_id.id \
         FROM publisher_id JOIN log ON log.number = publisher_id.log \
         WHERE published > ?1 ORDER BY place",
    )?;
    let earliest = now.before(REMEMBERED);
    let ids = statement.query_map([earliest.micros()], |row| {
        Ok(DedupeRecord {
            event: parsed(row, 0)?,
            epoch: epoch(row, 1)?,
            offset: row.get(2)?,
            published: moment(row, 3)?,
            id: row.get(4)?,
        })
    })?;
    ids.collect()
}

fn definition(row: &Row<'_>) -> rusqlite::Result<DefinitionRecord> {
    Ok(DefinitionRecord {
        source: row.get(0)?,
        version: row.get(1)?,
        epoch: row.get::<_, Option<String>>(2)?.map(Epoch::new),
        definition: serde_json::from_str(&text(row, 3)?).map_err(|error| unexpected(3, error.into()))?,
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        id: session_id(row, 0)?,
        token: TokenHash(row.get(1)?),
        user: optional(row, 2)?,
        host: optional(row, 3)?,
        grants: serde_json::from_str(&text(row, 4)?).map_err(|error| unexpected(4, error.into()))?,
        expires: moment(row, 5)?,
    })
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<SubscriptionRecord> {
    Ok(SubscriptionRecord {
        session: session_id(row, 0)?,
        id: SubscriptionId(row.get(1)?),
        event: parsed(row, 2)?,
        filters: row.get(3)?,
        lazy: row.get(4)?,
        since: Position::new(epoch(row, 5)?, row.get(6)?),
    })
}

fn log(row: &Row<'_>) -> rusqlite::Result<LogRecord> {
    Ok(LogRecord { event: parsed(row, 0)?, epoch: epoch(row, 1)?, last: row.get(2)?, trimmed: row.get(3)? })
}

fn all<T>(
    connection: &Connection,
    statement: &str,
    record: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(statement)?.query_map([], record)?.collect()
}

fn session_id(row: &Row<'_>, column: usize) -> rusqlite::Result<SessionId> {
    row.get(column).map(|bytes| SessionId(Uuid::from_bytes(bytes)))
}

fn epoch(row: &Row<'_>, column: usize) -> rusqlite::Result<Epoch> {
    row.get::<_, String>(column).map(Epoch::new)
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

/// A text that follows rules, which one of a store that is whole does.
fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    optional(row, column)?.ok_or_else(|| unexpected(column, "there is none".into()))
}

fn optional<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|error: T::Err| unexpected(column, error.into()))).transpose()
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    row.get(column)
}

fn unexpected(column: usize, error: Box<dyn Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}
