//! Everything about one event: how it is defined, its log, and who wants it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use concierge_client::telegraphy::{
    Definition, Epoch, EventName, Guarantee, ListedEvent, Position, Timestamp,
};

use super::{
    filter::{Filter, FilterId, FilterIndex, TooManyResidual},
    input::CallId,
    published::Published,
    record::{DefinitionRecord, SessionId, SubscriptionId},
};

/// An event that is registered, or that somebody waits for.
#[derive(Debug)]
pub(super) struct Topic {
    pub standing: Standing,
    pub epoch: Epoch,
    /// The last offset that was given out.
    pub last: u64,
    /// The last event that was delivered to those who were there.
    pub head: u64,
    /// Everything up to here is known to be gone from the log.
    pub trimmed: u64,
    /// The last events of best effort.
    pub retained: VecDeque<Arc<Published>>,
    pub ids: Ids,
    index: FilterIndex,
    receivers: BTreeMap<FilterId, BTreeSet<(SessionId, SubscriptionId)>>,
}

/// Whether an event is registered.
#[derive(Debug)]
pub(super) enum Standing {
    Unregistered,
    Registered(Registered),
    /// Not any more, but perhaps soon again: until then it is as if it were, but nobody can subscribe to it.
    Suspended(Registered, Timestamp),
    /// The gateway's own.
    System,
}

/// How an event is registered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Registered {
    pub source: Arc<str>,
    pub definition: Arc<Definition>,
    pub version: u64,
}

/// The ids that publishers may repeat.
#[derive(Debug, Default)]
pub(super) struct Ids {
    known: BTreeMap<Arc<str>, Known>,
    by_age: VecDeque<(Timestamp, Arc<str>)>,
}

/// An event whose publisher may repeat it.
#[derive(Debug)]
pub(super) struct Known {
    pub position: Position,
    /// Who repeated it before it was durable; none when it is.
    pub waiting: Option<Vec<CallId>>,
}

impl Ids {
    /// Forgets those that were published before that.
    pub(super) fn forget(&mut self, before: Timestamp) {
        while let Some((published, _)) = self.by_age.front()
            && *published < before
            && let Some((_, id)) = self.by_age.pop_front()
        {
            self.known.remove(&id);
        }
    }

    pub(super) fn find(&mut self, id: &str) -> Option<&mut Known> {
        self.known.get_mut(id)
    }

    pub(super) fn insert(&mut self, id: Arc<str>, published: Timestamp, known: Known) {
        self.by_age.push_back((published, id.clone()));
        self.known.insert(id, known);
    }

    /// The event was not published after all. Who repeated it is returned.
    pub(super) fn remove(&mut self, id: &str) -> Vec<CallId> {
        self.by_age.retain(|(_, known)| **known != *id);
        self.known.remove(id).and_then(|known| known.waiting).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// A subscription whose filter an event fulfils, or did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub subscription: SubscriptionId,
    pub is_now: bool,
    pub was_before: bool,
}

impl Topic {
    pub(super) fn new(standing: Standing, epoch: Epoch) -> Self {
        Self {
            standing,
            epoch,
            last: 0,
            head: 0,
            trimmed: 0,
            retained: VecDeque::new(),
            ids: Ids::default(),
            index: FilterIndex::default(),
            receivers: BTreeMap::new(),
        }
    }

    /// As it is defined, or was until a moment ago.
    pub(super) fn definition(&self) -> Option<&Arc<Definition>> {
        match &self.standing {
            Standing::Registered(registered) | Standing::Suspended(registered, _) => {
                Some(&registered.definition)
            }
            Standing::Unregistered | Standing::System => None,
        }
    }

    pub(super) fn registered(&self) -> Option<&Registered> {
        match &self.standing {
            Standing::Registered(registered) => Some(registered),
            Standing::Unregistered | Standing::Suspended(..) | Standing::System => None,
        }
    }

    pub(super) fn delivery(&self) -> Guarantee {
        self.definition().map_or(Guarantee::BestEffort, |definition| definition.delivery)
    }

    pub(super) fn is_guaranteed(&self) -> bool {
        self.delivery() == Guarantee::Guaranteed
    }

    /// How many of the last ones are kept in memory.
    pub(super) fn retain(&self) -> usize {
        let retain = self.definition().and_then(|definition| definition.retain).unwrap_or(0);
        if self.is_guaranteed() { 0 } else { usize::try_from(retain).unwrap_or(usize::MAX) }
    }

    /// Whether there is a past to come back to.
    pub(super) fn has_log(&self) -> bool {
        self.is_guaranteed() || self.retain() > 0
    }

    pub(super) fn position(&self) -> Position {
        Position { epoch: self.epoch.clone(), offset: self.head }
    }

    /// Whether everything after a position is still there.
    pub(super) fn reaches(&self, position: &Position, now: Timestamp) -> bool {
        if position.epoch != self.epoch || position.offset > self.head {
            return false;
        }
        if self.is_guaranteed() {
            return position.offset >= self.trimmed;
        }
        let missed = self.head - position.offset;
        let retained = self.since(position.offset).filter(|event| !event.is_expired(now)).count();
        u64::try_from(retained).is_ok_and(|retained| retained == missed)
    }

    /// What is kept in memory of the events after an offset.
    pub(super) fn since(&self, offset: u64) -> impl Iterator<Item = &Arc<Published>> {
        self.retained.iter().filter(move |event| event.position().offset > offset)
    }

    /// Keeps an event of best effort as long as the definition wants.
    pub(super) fn keep(&mut self, event: &Arc<Published>) {
        self.retained.push_back(event.clone());
        self.keep_no_more();
    }

    pub(super) fn keep_no_more(&mut self) {
        while self.retained.len() > self.retain() {
            self.retained.pop_front();
        }
    }

    /// What is kept shows other fields from now on.
    pub(super) fn show_otherwise(&mut self, definition: &Definition) {
        let retained = std::mem::take(&mut self.retained);
        self.retained =
            retained.iter().filter_map(|event| event.shown_as(definition)).map(Arc::new).collect();
    }

    /// A new log.
    pub(super) fn begin(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.last = 0;
        self.head = 0;
        self.trimmed = 0;
        self.retained.clear();
    }

    /// A subscription wants what fulfils a filter. Those that are equal are shared, which is why it is handed back.
    pub(super) fn enter(
        &mut self,
        filter: Filter,
        session: SessionId,
        subscription: SubscriptionId,
    ) -> Result<(FilterId, Filter), TooManyResidual> {
        let id = self.index.intern(filter.clone())?;
        self.receivers.entry(id).or_default().insert((session, subscription));
        Ok((id, self.index.filter(id).cloned().unwrap_or(filter)))
    }

    pub(super) fn leave(&mut self, filter: FilterId, session: SessionId, subscription: SubscriptionId) {
        let Some(receivers) = self.receivers.get_mut(&filter) else { return };
        if receivers.remove(&(session, subscription)) {
            if receivers.is_empty() {
                self.receivers.remove(&filter);
            }
            self.index.release(filter);
        }
    }

    /// Whether nobody wants it and nobody knows it.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.standing, Standing::Unregistered) && self.receivers.is_empty() && self.ids.is_empty()
    }

    /// Everybody who wants it, each subscription once, by session.
    pub(super) fn receivers(&self) -> BTreeSet<(SessionId, SubscriptionId)> {
        self.receivers.values().flatten().copied().collect()
    }

    /// Everybody who wants exactly that of it, by session.
    pub(super) fn receivers_of(&self, filter: &Filter) -> BTreeSet<(SessionId, SubscriptionId)> {
        let id = self.index.find(filter.canonical());
        id.and_then(|id| self.receivers.get(&id)).cloned().unwrap_or_default()
    }

    /// The subscriptions whose filters an event fulfils, or did before, by session.
    pub(super) fn matching(&self, event: &Published) -> Vec<(SessionId, Match)> {
        let now = self.index.matching(event.subject());
        let before = event.subject_before().map(|before| self.index.matching(before)).unwrap_or_default();
        let mut filters: BTreeMap<FilterId, (bool, bool)> = BTreeMap::new();
        for filter in now {
            filters.entry(filter).or_default().0 = true;
        }
        for filter in before {
            filters.entry(filter).or_default().1 = true;
        }
        let mut matches = Vec::new();
        for (filter, (is_now, was_before)) in filters {
            let receivers = self.receivers.get(&filter).into_iter().flatten();
            matches.extend(receivers.map(|(session, subscription)| {
                (*session, Match { subscription: *subscription, is_now, was_before })
            }));
        }
        matches.sort_unstable_by_key(|(session, found)| (*session, found.subscription));
        matches
    }

    pub(super) fn listed(&self) -> Option<ListedEvent> {
        let registered = self.registered()?;
        let definition = (*registered.definition).clone();
        let verbose_name = definition.verbose_name().to_owned();
        let definition = Definition { verbose_name, ..definition };
        Some(ListedEvent { definition, version: registered.version })
    }

    pub(super) fn record(&self) -> Option<DefinitionRecord> {
        self.registered().map(|registered| DefinitionRecord {
            source: registered.source.clone(),
            definition: (*registered.definition).clone(),
            version: registered.version,
            epoch: self.is_guaranteed().then(|| self.epoch.clone()),
        })
    }
}

/// How the core finds topics.
pub(super) type Topics = BTreeMap<EventName, Topic>;
