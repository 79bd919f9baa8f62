//! Which events somebody wants: lookups as Django has them, in JSON.
//!
//! ```text
//! filters := null | {} | { entry, … }                     all of them hold
//! entry   := key: value | "$or": [filters, …] | "$and": [filters, …] | "$not": filters
//! key     := path [ "__" lookup ]                         without a lookup: exact
//! path    := [ "@" ] name ( "__" name )*                  "__" goes into objects, "@" begins in `meta`
//! lookup  := exact iexact contains icontains in gt gte lt lte startswith istartswith endswith iendswith
//!            range regex iregex isnull
//! ```
//!
//! A last name that is a lookup's word is that lookup: a field `in` is written `in__exact`. Types are not mixed: `exact` tells `1`
//! from `"1"`, but numbers are numbers, whole ones exactly, so `1` is `1.0`. `gt` and its like compare two numbers or two strings,
//! these by their characters' code points, as ISO timestamps want it. `contains` is a part of a string or an element of an array.
//! What ignores case compares the lower-case forms. For a path that is not there no lookup holds, but for `isnull: true`, which
//! `null` fulfils as well. `$not` is the opposite and nothing more, so what is not there fulfils it.
//!
//! ```
//! use concierge_server::events::filter::{Filter, Subject};
//! use serde_json::json;
//!
//! let filter = Filter::from_json(&json!({"room": 42, "author__name__istartswith": "al"})).unwrap();
//! let (data, meta) = (json!({"room": 42, "author": {"name": "Alice"}}), json!({}));
//! assert!(filter.matches(Subject { data: &data, meta: &meta }));
//! let again = Filter::from_json(&json!({"$and": [{"author__name__istartswith": "al"}, {"room__exact": 42}]})).unwrap();
//! assert_eq!(filter, again);
//! ```
//!
//! Many filters on one event are kept in a [`FilterIndex`], which finds those that match without asking each.

mod canonical;
mod condition;
mod index;
#[cfg(test)]
mod model;
mod parse;
mod path;
#[cfg(test)]
mod properties;
mod scalar;
#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Display, Formatter},
    hash::{Hash, Hasher},
    sync::Arc,
};

use serde_json::Value;

use self::condition::Condition;
pub use self::{
    index::{FilterId, FilterIndex, TooManyResidual},
    parse::FilterError,
    path::Subject,
};

/// What an event must be like. Two are equal when their canonical forms are. A clone shares everything.
#[derive(Debug, Clone)]
pub struct Filter {
    terms: Arc<[Term]>,
    canonical: Arc<str>,
}

/// One of several things that must all hold.
#[derive(Debug, Clone)]
enum Term {
    /// A lookup holds.
    Condition(Condition),
    /// One of these, of each of which all holds.
    Any(Vec<Vec<Term>>),
    /// Not all of these hold.
    Not(Vec<Term>),
}

impl Filter {
    /// The most lookups in a filter.
    pub const MAX_CONDITIONS: usize = 32;
    /// How deep `$or`, `$and` and `$not` stand within each other at most.
    pub const MAX_DEPTH: usize = 4;
    /// The most values of an `in`.
    pub const MAX_VALUES: usize = 256;
    /// The longest string, also as a key, in bytes.
    pub const MAX_STRING: usize = 1024;
    /// The largest filter, as JSON without spaces, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;
    /// The longest regular expression, in characters.
    pub const MAX_PATTERN: usize = 256;
    /// What a regular expression may take when it is compiled, in bytes.
    pub const MAX_PATTERN_BYTES: usize = 64 * 1024;
    /// The most regular expressions in a filter.
    pub const MAX_PATTERNS: usize = 2;

    /// Reads a filter; `null` and `{}` are the one that everything fulfils.
    ///
    /// # Errors
    ///
    /// When it breaks the grammar or a bound; the error says where.
    pub fn from_json(json: &Value) -> Result<Self, FilterError> {
        let mut terms = canonical::arrange(parse::read(json)?);
        let canonical = canonical::text(&terms).into();
        cheapest_first(&mut terms);
        Ok(Self { terms: terms.into(), canonical })
    }

    /// Whether an event fulfils it.
    pub fn matches(&self, subject: Subject<'_>) -> bool {
        all(&self.terms, subject)
    }

    /// The paths in `data` that it looks at, as the names in each.
    pub fn paths(&self) -> Vec<Vec<&str>> {
        let mut paths = Vec::new();
        paths_of(&self.terms, &mut paths);
        paths
    }

    /// Its canonical form, as JSON: keys sorted, `__exact` left out, the values of `in` sorted and each there once, nothing nested
    /// that need not be. It means the same, and is its own canonical form.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl Display for Filter {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.canonical)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Filter {}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl Term {
    fn holds(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::Condition(condition) => condition.holds(subject),
            Self::Any(branches) => branches.iter().any(|terms| all(terms, subject)),
            Self::Not(terms) => !all(terms, subject),
        }
    }

    /// About what it costs to ask.
    fn cost(&self) -> usize {
        match self {
            Self::Condition(condition) => condition.cost(),
            Self::Any(branches) => branches.iter().map(|terms| cost(terms)).sum(),
            Self::Not(terms) => cost(terms),
        }
    }
}

fn paths_of<'t>(terms: &'t [Term], paths: &mut Vec<Vec<&'t str>>) {
    for term in terms {
        match term {
            Term::Condition(condition) => paths.extend(condition.path.in_data()),
            Term::Any(branches) => branches.iter().for_each(|terms| paths_of(terms, paths)),
            Term::Not(terms) => paths_of(terms, paths),
        }
    }
}

fn all(terms: &[Term], subject: Subject<'_>) -> bool {
    terms.iter().all(|term| term.holds(subject))
}

fn cost(terms: &[Term]) -> usize {
    terms.iter().map(Term::cost).sum()
}

/// What is asked in vain has then cost the least.
fn cheapest_first(terms: &mut [Term]) {
    for term in &mut *terms {
        match term {
            Term::Condition(_) => {}
            Term::Any(branches) => branches.iter_mut().for_each(|terms| cheapest_first(terms)),
            Term::Not(terms) => cheapest_first(terms),
        }
    }
    terms.sort_by_key(Term::cost);
}
