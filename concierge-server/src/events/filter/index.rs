//! Many filters at once: those that match an event are found by what the event holds, not by asking each filter.
//!
//! A filter that demands a certain value somewhere, by `exact` or `in`, is entered under that path and value, and asked only
//! about events that have the value there. Filters that demand no such thing are the residual ones, and asked about each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Filter, Term,
    condition::{Condition, Lookup},
    path::{Path, Subject},
    scalar::Scalar,
};

/// A filter in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterId(u64);

/// The filters on one event, each there once however many want it.
#[derive(Debug, Default)]
pub struct FilterIndex {
    entries: BTreeMap<FilterId, Entry>,
    by_text: BTreeMap<Arc<str>, FilterId>,
    by_value: BTreeMap<Path, BTreeMap<Scalar, BTreeSet<FilterId>>>,
    residual: BTreeSet<FilterId>,
    next: u64,
}

/// There are [`FilterIndex::MAX_RESIDUAL`] filters already that have to be asked about each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has at most {} filters without an exact value", FilterIndex::MAX_RESIDUAL)]
pub struct TooManyResidual;

/// A filter with those who want it.
#[derive(Debug)]
struct Entry {
    filter: Filter,
    uses: usize,
    /// What it is entered under; none for a residual one.
    keys: Option<Vec<(Path, Scalar)>>,
}

impl FilterIndex {
    /// The most filters that have to be asked about each event.
    pub const MAX_RESIDUAL: usize = 5_000;

    /// Somebody wants this filter: it is entered, or found if it is there. Each time wants a [`FilterIndex::release`].
    ///
    /// # Errors
    ///
    /// [`TooManyResidual`]: there is no room for another one of its kind, and nothing has changed.
    pub fn intern(&mut self, filter: Filter) -> Result<FilterId, TooManyResidual> {
        if let Some(id) = self.find(filter.canonical())
            && let Some(entry) = self.entries.get_mut(&id)
        {
            entry.uses += 1;
            return Ok(id);
        }
        let keys = self.keys(&filter.terms);
        if keys.is_none() && self.residual.len() >= Self::MAX_RESIDUAL {
            return Err(TooManyResidual);
        }
        let id = FilterId(self.next);
        self.next += 1;
        self.by_text.insert(filter.canonical.clone(), id);
        match &keys {
            Some(keys) => {
                for (path, value) in keys {
                    let values = self.by_value.entry(path.clone()).or_default();
                    values.entry(value.clone()).or_default().insert(id);
                }
            }
            None => {
                self.residual.insert(id);
            }
        }
        self.entries.insert(id, Entry { filter, uses: 1, keys });
        Ok(id)
    }

    /// Somebody does not want it any more. When nobody does it is gone.
    pub fn release(&mut self, id: FilterId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.uses -= 1;
        if entry.uses > 0 {
            return;
        }
        let Some(Entry { filter, keys, .. }) = self.entries.remove(&id) else { return };
        self.by_text.remove(filter.canonical());
        self.residual.remove(&id);
        for (path, value) in keys.into_iter().flatten() {
            let Some(values) = self.by_value.get_mut(&path) else { continue };
            if let Some(ids) = values.get_mut(&value) {
                ids.remove(&id);
                if ids.is_empty() {
                    values.remove(&value);
                }
            }
            if values.is_empty() {
                self.by_value.remove(&path);
            }
        }
    }

    /// The filter that has this canonical form.
    pub fn find(&self, canonical: &str) -> Option<FilterId> {
        self.by_text.get(canonical).copied()
    }

    /// A filter that is there.
    pub fn filter(&self, id: FilterId) -> Option<&Filter> {
        self.entries.get(&id).map(|entry| &entry.filter)
    }

    /// How many different filters there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no filter.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The filters that an event fulfils, in the order in which they were entered first.
    pub fn matching(&self, subject: Subject<'_>) -> Vec<FilterId> {
        let mut candidates = BTreeSet::new();
        for (path, values) in &self.by_value {
            let value = path.find(subject).and_then(Scalar::from_json);
            candidates.extend(value.and_then(|value| values.get(&value)).into_iter().flatten().copied());
        }
        candidates.extend(self.residual.iter().copied());
        candidates.retain(|id| self.entries.get(id).is_some_and(|entry| entry.filter.matches(subject)));
        candidates.into_iter().collect()
    }

    /// What terms are entered under, if one of them demands that a value is one of some: the fewest, at the path that tells most
    /// filters apart.
    fn keys(&self, terms: &[Term]) -> Option<Vec<(Path, Scalar)>> {
        let apart = |keys: &[(Path, Scalar)]| {
            keys.first().and_then(|(path, _)| self.by_value.get(path)).map_or(0, BTreeMap::len)
        };
        let choices = terms.iter().filter_map(|term| self.keys_of(term));
        choices.min_by_key(|keys| (keys.len(), usize::MAX - apart(keys)))
    }

    fn keys_of(&self, term: &Term) -> Option<Vec<(Path, Scalar)>> {
        match term {
            Term::Condition(Condition { path, lookup: Lookup::Exact(value) }) => {
                Some(vec![(path.clone(), value.clone())])
            }
            Term::Condition(Condition { path, lookup: Lookup::In(values) }) => {
                Some(values.iter().map(|value| (path.clone(), value.clone())).collect())
            }
            Term::Condition(_) | Term::Not(_) => None,
            Term::Any(branches) => {
                let keys: Option<Vec<_>> = branches.iter().map(|terms| self.keys(terms)).collect();
                keys.map(|keys| keys.into_iter().flatten().collect())
            }
        }
    }
}
