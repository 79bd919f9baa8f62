//! What goes: what has expired, what there is no room for, and logs that nobody writes any more. All of it a bit at a time.

use std::collections::BTreeMap;

use concierge_client::telegraphy::Timestamp;
use rusqlite::{Connection, params};

use super::super::medium::{CHUNK, Cleaned, OVERHEAD, REMEMBERED};
use super::write::execute;

/// Removes what has expired, and what there is no room for.
pub(super) fn clean(
    connection: &Connection,
    now: Timestamp,
    log_max_bytes: u64,
) -> rusqlite::Result<Cleaned> {
    let expired = expire(connection, now)?;
    let has_places = cut(connection)?;
    let trimmed = trim(connection, log_max_bytes)?;
    forget(connection, now)?;
    let log_bytes = log_bytes(connection)?;
    let has_more = has_places || expired >= CHUNK as u64 || log_bytes > log_max_bytes;
    Ok(Cleaned { expired, trimmed, log_bytes, has_more })
}

/// How much the logs hold.
pub(super) fn log_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT coalesce(sum(bytes), 0) FROM log")?.query_row([], |row| row.get(0))
}

/// What a place takes whose event is gone.
const PLACE: u64 = OVERHEAD as u64;

/// Removes what expired: from the beginning of a log in whole, and elsewhere all but its place, so that it can be told.
fn expire(connection: &Connection, now: Timestamp) -> rusqlite::Result<u64> {
    let due: Vec<(i64, i64, u64)> = connection
        .prepare_cached(
            "SELECT place, log, bytes FROM event WHERE is_gone = 0 AND expires <= ?1 ORDER BY expires LIMIT ?2",
        )?
        .query_map(params![now.micros(), CHUNK], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut logs = BTreeMap::<i64, (u64, u64)>::new();
    for (place, log, bytes) in &due {
        execute(
            connection,
            "UPDATE event SET is_gone = 1, bytes = ?2, id = '', meta = '', data = '', previous = NULL WHERE place = ?1",
            params![place, PLACE],
        )?;
        let (gone, freed) = logs.entry(*log).or_default();
        (*gone, *freed) = (*gone + 1, *freed + bytes - PLACE);
    }
    for (log, (gone, freed)) in logs {
        execute(
            connection,
            "UPDATE log SET gone = gone + ?2, bytes = bytes - ?3 WHERE number = ?1",
            params![log, gone, freed],
        )?;
    }
    Ok(due.len() as u64)
}

/// Removes places without an event from the beginnings of all logs. Returns whether there may be more.
fn cut(connection: &Connection) -> rusqlite::Result<bool> {
    let logs: Vec<i64> = connection
        .prepare_cached("SELECT number FROM log WHERE gone > 0")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut has_more = false;
    for log in logs {
        has_more |= cut_one(connection, log)? == CHUNK;
    }
    Ok(has_more)
}

/// The same of one log. Returns how many.
fn cut_one(connection: &Connection, log: i64) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "SELECT \"offset\", is_gone FROM event WHERE log = ?1 ORDER BY \"offset\" LIMIT ?2",
    )?;
    let mut rows = statement.query(params![log, CHUNK])?;
    let (mut gone, mut last) = (0, None);
    while let Some(row) = rows.next()?
        && row.get(1)?
    {
        gone += 1;
        last = Some(row.get::<_, u64>(0)?);
    }
    drop(rows);
    let Some(last) = last else { return Ok(0) };
    execute(connection, "DELETE FROM event WHERE log = ?1 AND \"offset\" <= ?2", params![log, last])?;
    execute(
        connection,
        "UPDATE log SET trimmed = ?2, gone = gone - ?3, bytes = bytes - ?3 * ?4 WHERE number = ?1",
        params![log, last, gone, PLACE],
    )?;
    Ok(gone)
}

/// What goes of one log for want of room.
#[derive(Default)]
struct Trimmed {
    last: u64,
    gone: u64,
    bytes: u64,
}

/// Removes the oldest events until the others fit. Returns how many that were.
pub(super) fn trim(connection: &Connection, log_max_bytes: u64) -> rusqlite::Result<u64> {
    let mut surplus = log_bytes(connection)?.saturating_sub(log_max_bytes);
    if surplus == 0 {
        return Ok(0);
    }
    let mut statement = connection
        .prepare_cached("SELECT place, log, \"offset\", bytes, is_gone FROM event ORDER BY place LIMIT ?1")?;
    let mut rows = statement.query([CHUNK])?;
    let mut last = None;
    let mut logs = BTreeMap::<i64, Trimmed>::new();
    let mut trimmed = 0;
    while surplus > 0
        && let Some(row) = rows.next()?
    {
        let bytes: u64 = row.get(3)?;
        surplus = surplus.saturating_sub(bytes);
        last = Some(row.get::<_, i64>(0)?);
        let is_gone = u64::from(row.get::<_, bool>(4)?);
        let log = logs.entry(row.get(1)?).or_default();
        *log = Trimmed { last: row.get(2)?, gone: log.gone + is_gone, bytes: log.bytes + bytes };
        trimmed += 1 - is_gone;
    }
    drop(rows);
    execute(connection, "DELETE FROM event WHERE place <= ?1", [last])?;
    for (log, Trimmed { last, gone, bytes }) in logs {
        execute(
            connection,
            "UPDATE log SET trimmed = ?2, gone = gone - ?3, bytes = bytes - ?4 WHERE number = ?1",
            params![log, last, gone, bytes],
        )?;
    }
    Ok(trimmed)
}

/// Forgets publishers' ids in time, and logs that are empty and not written any more.
fn forget(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let latest = now.before(REMEMBERED).micros();
    execute(
        connection,
        "DELETE FROM publisher_id WHERE place IN (SELECT place FROM publisher_id ORDER BY place LIMIT ?2) AND published <= ?1",
        params![latest, 4 * CHUNK],
    )?;
    execute(
        connection,
        "DELETE FROM log WHERE bytes = 0 \
         AND NOT EXISTS (SELECT 1 FROM definition WHERE definition.name = log.event AND definition.epoch = log.epoch) \
         AND number NOT IN (SELECT log FROM publisher_id)",
        [],
    )
}
