//! Where in an event a value stands.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

/// An event as filters see it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'e> {
    /// Its `data`.
    pub data: &'e Value,
    /// Its `meta`, for paths that begin with `@`.
    pub meta: &'e Value,
}

/// The way to a value: names, one within the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    in_meta: bool,
    names: Box<[Box<str>]>,
}

impl Path {
    /// Between two names.
    pub(super) const SEPARATOR: &'static str = "__";
    /// Before a path that begins in `meta`.
    pub(super) const META: char = '@';

    /// The path of these names; none if one of them is empty, or there is none.
    pub(super) fn new(in_meta: bool, names: &[&str]) -> Option<Self> {
        let is_path = !names.is_empty() && names.iter().all(|name| !name.is_empty());
        is_path.then(|| Self { in_meta, names: names.iter().map(|name| (*name).into()).collect() })
    }

    /// The value there, if there is one.
    pub(super) fn find<'e>(&self, subject: Subject<'e>) -> Option<&'e Value> {
        let whole = if self.in_meta { subject.meta } else { subject.data };
        self.names.iter().try_fold(whole, |value, name| value.as_object()?.get(&**name))
    }

    /// Its names; none if it begins in `meta`.
    pub(super) fn in_data(&self) -> Option<Vec<&str>> {
        (!self.in_meta).then(|| self.names.iter().map(|name| &**name).collect())
    }

    /// The name that stands last.
    pub(super) fn last(&self) -> &str {
        self.names.last().map_or("", |name| name)
    }
}

impl Display for Path {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.in_meta {
            write!(formatter, "{}", Self::META)?;
        }
        formatter.write_str(&self.names.join(Self::SEPARATOR))
    }
}
