//! One lookup: what a value at a path must be like.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::{
    path::{Path, Subject},
    scalar::Scalar,
};

/// A lookup at a path.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub path: Path,
    pub lookup: Lookup,
}

/// What a value must be like.
#[derive(Debug, Clone)]
pub(super) enum Lookup {
    /// `exact`
    Exact(Scalar),
    /// `in`: ascending, each once.
    In(Vec<Scalar>),
    /// `contains`: a part of a string, or an element of an array.
    Contains(Scalar),
    /// `gt`, `gte`, `lt`, `lte`
    Compare(Comparison, Scalar),
    /// `range`: from one to the other, both included.
    Range(Scalar, Scalar),
    /// `iexact`, `icontains`, `startswith`, `istartswith`, `endswith`, `iendswith`
    Text(TextLookup),
    /// `regex` and `iregex`
    Pattern(PatternLookup),
    /// `isnull`
    IsNull(bool),
}

/// How a value is to compare with a given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Where in a string a given one is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Whole,
    Anywhere,
    Start,
    End,
}

/// A string that a string must have.
#[derive(Debug, Clone)]
pub(super) struct TextLookup {
    word: &'static str,
    place: Where,
    given: Box<str>,
    /// Its lower-case form, where case is ignored.
    folded: Option<Box<str>>,
}

/// A regular expression that something in a string must fit.
#[derive(Debug, Clone)]
pub(super) struct PatternLookup {
    pub ignores_case: bool,
    pub regex: Regex,
}

impl Condition {
    pub(super) fn holds(&self, subject: Subject<'_>) -> bool {
        let value = self.path.find(subject);
        match (&self.lookup, value) {
            (Lookup::IsNull(wanted), value) => value.is_none_or(Value::is_null) == *wanted,
            (_, None) => false,
            (lookup, Some(value)) => lookup.holds(value),
        }
    }

    /// About what it costs to ask.
    pub(super) fn cost(&self) -> usize {
        match &self.lookup {
            Lookup::Exact(_) | Lookup::Compare(..) | Lookup::Range(..) | Lookup::IsNull(_) => 1,
            Lookup::In(_) | Lookup::Contains(_) => 2,
            Lookup::Text(text) => {
                if text.folded.is_some() {
                    8
                } else {
                    2
                }
            }
            Lookup::Pattern(_) => 32,
        }
    }
}

impl Lookup {
    /// The word for it in a key.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::In(_) => "in",
            Self::Contains(_) => "contains",
            Self::Compare(Comparison::Greater, _) => "gt",
            Self::Compare(Comparison::GreaterOrEqual, _) => "gte",
            Self::Compare(Comparison::Less, _) => "lt",
            Self::Compare(Comparison::LessOrEqual, _) => "lte",
            Self::Range(..) => "range",
            Self::Text(text) => text.word,
            Self::Pattern(pattern) => {
                if pattern.ignores_case {
                    "iregex"
                } else {
                    "regex"
                }
            }
            Self::IsNull(_) => "isnull",
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Exact(scalar) => scalar.is(value),
            Self::In(scalars) => scalars.iter().any(|scalar| scalar.is(value)),
            Self::Contains(scalar) => match (scalar, value) {
                (Scalar::Text(part), Value::String(whole)) => whole.contains(&**part),
                (scalar, Value::Array(elements)) => elements.iter().any(|element| scalar.is(element)),
                _ => false,
            },
            Self::Compare(comparison, scalar) => {
                scalar.order_of(value).is_some_and(|order| comparison.allows(order))
            }
            Self::Range(first, last) => {
                first.order_of(value).is_some_and(Ordering::is_ge)
                    && last.order_of(value).is_some_and(Ordering::is_le)
            }
            Self::Text(text) => value.as_str().is_some_and(|value| text.is_in(value)),
            Self::Pattern(pattern) => value.as_str().is_some_and(|value| pattern.regex.is_match(value)),
            Self::IsNull(wanted) => value.is_null() == *wanted,
        }
    }
}

impl Comparison {
    fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

impl TextLookup {
    pub(super) fn new(word: &'static str, place: Where, ignores_case: bool, given: &str) -> Self {
        let folded = ignores_case.then(|| given.to_lowercase().into());
        Self { word, place, given: given.into(), folded }
    }

    /// The string as it was given.
    pub(super) fn given(&self) -> &str {
        &self.given
    }

    fn is_in(&self, whole: &str) -> bool {
        match &self.folded {
            Some(folded) => self.place.has(&whole.to_lowercase(), folded),
            None => self.place.has(whole, &self.given),
        }
    }
}

impl Where {
    fn has(self, whole: &str, part: &str) -> bool {
        match self {
            Self::Whole => whole == part,
            Self::Anywhere => whole.contains(part),
            Self::Start => whole.starts_with(part),
            Self::End => whole.ends_with(part),
        }
    }
}
