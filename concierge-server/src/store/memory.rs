//! The twin in memory: the same as the file, but for surviving anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use concierge_client::telegraphy::{Epoch, EventName, Timestamp};
use parking_lot::Mutex;

use super::error::ReadError;
use super::medium::{CHUNK, Cleaned, Failure, Medium, OVERHEAD, Query, REMEMBERED, Reads, Written};
use crate::events::record::{
    Change, DedupeRecord, DefinitionRecord, EventRecord, LogRecord, Page, Records, SessionId, SessionRecord,
    SubscriptionId, SubscriptionRecord,
};

/// A medium, and where it is read.
pub(super) fn new(log_max_bytes: u64) -> (Memory, Shared) {
    let state = Arc::new(Mutex::new(State::default()));
    (Memory { state: Arc::clone(&state), log_max_bytes }, Shared(state))
}

/// What is written to.
pub(super) struct Memory {
    state: Arc<Mutex<State>>,
    log_max_bytes: u64,
}

/// What is read from.
pub(super) struct Shared(Arc<Mutex<State>>);

type LogKey = (EventName, Epoch);

#[derive(Default)]
struct State {
    definitions: BTreeMap<EventName, DefinitionRecord>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    subscriptions: BTreeMap<(SessionId, SubscriptionId), SubscriptionRecord>,
    logs: BTreeMap<LogKey, Log>,
    /// Every event of every log, in the order in which they came.
    order: BTreeMap<u64, (LogKey, u64)>,
    /// Those that have not expired, by when they do.
    expiring: BTreeSet<(Timestamp, u64)>,
    ids: VecDeque<DedupeRecord>,
    next: u64,
    bytes: u64,
}

#[derive(Default)]
struct Log {
    last: u64,
    trimmed: u64,
    entries: BTreeMap<u64, Entry>,
}

struct Entry {
    place: u64,
    expires: Timestamp,
    /// None when it expired, and something older in its log has not.
    event: Option<EventRecord>,
}

impl Medium for Memory {
    fn write(&mut self, lists: &[Vec<Change>]) -> Result<Written, Failure> {
        let mut state = self.state.lock();
        for change in lists.iter().flatten() {
            state.apply(change);
        }
        let trimmed = state.trim(self.log_max_bytes);
        Ok(Written { trimmed, log_bytes: state.bytes })
    }

    fn clean(&mut self, now: Timestamp) -> Result<Cleaned, Failure> {
        let mut state = self.state.lock();
        let expired = state.expire(now);
        let trimmed = state.trim(self.log_max_bytes);
        state.forget(now);
        let has_more = expired >= CHUNK as u64 || state.bytes > self.log_max_bytes;
        Ok(Cleaned { expired, trimmed, log_bytes: state.bytes, has_more })
    }

    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl State {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Define(record) => {
                self.definitions.insert(record.definition.name.clone(), record.clone());
            }
            Change::Undefine(name) => drop(self.definitions.remove(name)),
            Change::KeepSession(record) => drop(self.sessions.insert(record.id, record.clone())),
            Change::ForgetSession(id) => {
                self.sessions.remove(id);
                let theirs = (*id, SubscriptionId(0))..=(*id, SubscriptionId(u32::MAX));
                let gone: Vec<_> = self.subscriptions.range(theirs).map(|(key, _)| *key).collect();
                for key in gone {
                    self.subscriptions.remove(&key);
                }
            }
            Change::KeepSubscription(record) => {
                self.subscriptions.insert((record.session, record.id), record.clone());
            }
            Change::ForgetSubscription(session, id) => drop(self.subscriptions.remove(&(*session, *id))),
            Change::Append(event) => self.append(event),
        }
    }

    fn append(&mut self, event: &EventRecord) {
        let place = self.next;
        self.next += 1;
        self.bytes += cost(event);
        let key = (event.event.clone(), event.epoch.clone());
        self.order.insert(place, (key.clone(), event.offset));
        self.expiring.insert((event.expires, place));
        if event.is_publishers {
            self.ids.push_back(DedupeRecord {
                event: event.event.clone(),
                id: Arc::clone(&event.id),
                epoch: event.epoch.clone(),
                offset: event.offset,
                published: event.published,
            });
        }
        let log = self.logs.entry(key).or_default();
        log.last = event.offset;
        log.entries.insert(event.offset, Entry { place, expires: event.expires, event: Some(event.clone()) });
    }

    /// Removes what expired: from the beginning of a log in whole, and elsewhere all but its place.
    fn expire(&mut self, now: Timestamp) -> u64 {
        let due: Vec<_> =
            self.expiring.iter().take_while(|(expires, _)| *expires <= now).take(CHUNK).copied().collect();
        for (expires, place) in &due {
            self.expiring.remove(&(*expires, *place));
            let Some((key, offset)) = self.order.get(place) else { continue };
            let entry = self.logs.get_mut(key).and_then(|log| log.entries.get_mut(offset));
            if let Some(event) = entry.and_then(|entry| entry.event.take()) {
                self.bytes -= cost(&event) - OVERHEAD as u64;
            }
        }
        self.cut();
        due.len() as u64
    }

    /// Removes places without an event from the beginnings of all logs.
    fn cut(&mut self) {
        for log in self.logs.values_mut() {
            while let Some(first) = log.entries.first_entry().filter(|entry| entry.get().event.is_none()) {
                log.trimmed = *first.key();
                self.order.remove(&first.remove().place);
                self.bytes -= OVERHEAD as u64;
            }
        }
    }

    /// Removes the oldest events until the others fit, a bit at a time.
    fn trim(&mut self, log_max_bytes: u64) -> u64 {
        let mut trimmed = 0;
        for _ in 0..CHUNK {
            if self.bytes <= log_max_bytes {
                break;
            }
            let Some((place, (key, offset))) = self.order.pop_first() else { break };
            let Some(log) = self.logs.get_mut(&key) else { continue };
            log.trimmed = offset;
            let Some(entry) = log.entries.remove(&offset) else { continue };
            self.expiring.remove(&(entry.expires, place));
            self.bytes -= entry.event.as_ref().map_or(OVERHEAD as u64, cost);
            trimmed += u64::from(entry.event.is_some());
        }
        trimmed
    }

    /// Forgets publishers' ids in time, and logs that are empty and not written any more.
    fn forget(&mut self, now: Timestamp) {
        while self.ids.front().is_some_and(|id| now.since(id.published) >= REMEMBERED) {
            self.ids.pop_front();
        }
        let (definitions, ids) = (&self.definitions, &self.ids);
        self.logs.retain(|(event, epoch), log| {
            let current = definitions.get(event).and_then(|definition| definition.epoch.as_ref());
            let is_known = |id: &DedupeRecord| (&id.event, &id.epoch) == (event, epoch);
            !log.entries.is_empty() || current == Some(epoch) || ids.iter().any(is_known)
        });
    }
}

fn cost(event: &EventRecord) -> u64 {
    (event.len() + OVERHEAD) as u64
}

impl Reads for Shared {
    fn records(&self, now: Timestamp) -> Result<Records, ReadError> {
        let state = self.0.lock();
        let logs = state.logs.iter().map(|((event, epoch), log)| LogRecord {
            event: event.clone(),
            epoch: epoch.clone(),
            last: log.last,
            trimmed: log.trimmed,
        });
        let is_remembered = |id: &&DedupeRecord| now.since(id.published) < REMEMBERED;
        Ok(Records {
            definitions: state.definitions.values().cloned().collect(),
            sessions: state.sessions.values().cloned().collect(),
            subscriptions: state.subscriptions.values().cloned().collect(),
            logs: logs.collect(),
            ids: state.ids.iter().filter(is_remembered).cloned().collect(),
        })
    }

    fn page(&self, query: &Query) -> Result<Page, ReadError> {
        let state = self.0.lock();
        let Some(log) = state.logs.get(&(query.event.clone(), query.epoch.clone())) else {
            return Ok(Page { until: query.after, ..Page::default() });
        };
        let mut page = Page { trimmed: log.trimmed, until: log.last, ..Page::default() };
        let mut bytes = 0;
        let mut passed = query.after;
        let after = query.after.saturating_add(1)..;
        for (count, (offset, entry)) in log.entries.range(after).enumerate() {
            let event = entry.event.as_ref().filter(|event| event.expires > query.now);
            bytes += event.map_or(0, EventRecord::len);
            if count >= query.most || (bytes > query.most_bytes && !page.events.is_empty()) {
                page.until = passed;
                break;
            }
            match event {
                Some(event) => page.events.push(event.clone()),
                None => page.expired.push(*offset),
            }
            passed = *offset;
        }
        Ok(page)
    }
}
