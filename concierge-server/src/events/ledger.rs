//! A store for tests: what must be durable, in memory.

use std::collections::BTreeMap;

use concierge_client::telegraphy::{Epoch, EventName, Timestamp};

use super::record::{
    Change, DedupeRecord, DefinitionRecord, EventRecord, LogRecord, Page, Records, SessionId, SessionRecord,
    SubscriptionId, SubscriptionRecord,
};

/// Everything that was stored.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    definitions: BTreeMap<EventName, DefinitionRecord>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    subscriptions: BTreeMap<(SessionId, SubscriptionId), SubscriptionRecord>,
    logs: BTreeMap<(EventName, Epoch), Vec<EventRecord>>,
    trimmed: BTreeMap<(EventName, Epoch), u64>,
}

impl Ledger {
    pub(crate) fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Define(record) => {
                    self.definitions.insert(record.definition.name.clone(), record);
                }
                Change::Undefine(name) => {
                    self.definitions.remove(&name);
                }
                Change::KeepSession(record) => {
                    self.sessions.insert(record.id, record);
                }
                Change::ForgetSession(id) => {
                    self.sessions.remove(&id);
                    self.subscriptions.retain(|(session, _), _| *session != id);
                }
                Change::KeepSubscription(record) => {
                    assert!(self.sessions.contains_key(&record.session), "a subscription of nobody");
                    self.subscriptions.insert((record.session, record.id), record);
                }
                Change::ForgetSubscription(session, id) => {
                    self.subscriptions.remove(&(session, id));
                }
                Change::Append(record) => {
                    let log = self.logs.entry((record.event.clone(), record.epoch.clone())).or_default();
                    assert!(log.last().is_none_or(|last| last.offset < record.offset), "offsets grow");
                    log.push(record);
                }
            }
        }
    }

    /// The oldest events of a log have to go.
    pub(crate) fn trim(&mut self, event: &EventName, count: usize) {
        for (key, log) in self.logs.iter_mut().filter(|((name, _), _)| name == event) {
            if let Some(last) = log.drain(..count.min(log.len())).next_back() {
                self.trimmed.insert(key.clone(), last.offset);
            }
        }
    }

    pub(crate) fn page(
        &self,
        event: &EventName,
        epoch: &Epoch,
        after: u64,
        limit: usize,
        now: Timestamp,
    ) -> Page {
        let key = (event.clone(), epoch.clone());
        let log = self.logs.get(&key).map(Vec::as_slice).unwrap_or_default();
        let later: Vec<_> = log.iter().filter(|record| record.offset > after).take(limit).cloned().collect();
        let until = later.last().map_or(after, |last| last.offset);
        let (events, expired): (Vec<_>, Vec<_>) = later.into_iter().partition(|record| record.expires > now);
        Page {
            trimmed: self.trimmed.get(&key).copied().unwrap_or(0),
            events,
            expired: expired.iter().map(|record| record.offset).collect(),
            until,
        }
    }

    pub(crate) fn records(&self) -> Records {
        let last = |(key, log): (&(EventName, Epoch), &Vec<EventRecord>)| {
            let trimmed = self.trimmed.get(key).copied().unwrap_or(0);
            let last = log.last().map_or(trimmed, |last| last.offset);
            LogRecord { event: key.0.clone(), epoch: key.1.clone(), last, trimmed }
        };
        let ids = self.logs.values().flatten().filter(|record| record.is_publishers);
        Records {
            definitions: self.definitions.values().cloned().collect(),
            sessions: self.sessions.values().cloned().collect(),
            subscriptions: self.subscriptions.values().cloned().collect(),
            logs: self.logs.iter().map(last).collect(),
            ids: ids
                .map(|record| DedupeRecord {
                    event: record.event.clone(),
                    id: record.id.clone(),
                    epoch: record.epoch.clone(),
                    offset: record.offset,
                    published: record.published,
                })
                .collect(),
        }
    }
}
