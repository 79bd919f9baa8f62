//! From JSON to terms, with every bound.

use concierge_client::telegraphy::LOOKUPS;
use regex::RegexBuilder;
use serde_json::Value;

use super::{
    Filter, Term,
    condition::{Comparison, Condition, Lookup, PatternLookup, TextLookup, Where},
    path::Path,
    scalar::Scalar,
};

/// One of several filters.
pub(super) const OR: &str = "$or";
/// All of several filters.
pub(super) const AND: &str = "$and";
/// The opposite of a filter.
pub(super) const NOT: &str = "$not";

/// The lookup of a key that has none.
const EXACT: &str = "exact";

/// Why something is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// The key where it is wrong, with the operators around it: `$or.1.count__gt`. Empty for the filter as a whole.
    pub path: String,
    /// What is wrong, in English.
    pub message: String,
}

/// Reads all terms of a filter.
pub(super) fn read(json: &Value) -> Result<Vec<Term>, FilterError> {
    let mut reader = Reader::default();
    let size = json.to_string().len();
    if size > Filter::MAX_BYTES {
        return Err(
            reader.error(format!("a filter has at most {} bytes, this has {size}", Filter::MAX_BYTES))
        );
    }
    match json {
        Value::Null => Ok(Vec::new()),
        json => reader.all(json, 0),
    }
}

/// Reads, and counts what is bounded.
#[derive(Default)]
struct Reader {
    /// Where it is.
    place: Vec<String>,
    conditions: usize,
    patterns: usize,
}

impl Reader {
    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError { path: self.place.join("."), message: message.into() }
    }

    /// Reads what stands at that step of the way.
    fn at<T>(
        &mut self,
        step: impl Into<String>,
        read: impl FnOnce(&mut Self) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        self.place.push(step.into());
        let outcome = read(self);
        self.place.pop();
        outcome
    }

    /// Everything that an object demands.
    fn all(&mut self, json: &Value, depth: usize) -> Result<Vec<Term>, FilterError> {
        if depth > Filter::MAX_DEPTH {
            return Err(self.error(format!("filters are nested at most {} deep", Filter::MAX_DEPTH)));
        }
        let entries = json.as_object().ok_or_else(|| self.error("a filter is an object"))?;
        let mut terms = Vec::new();
        for (key, value) in entries {
            if key.len() > Filter::MAX_STRING {
                return Err(self.error(format!("a key has at most {} bytes", Filter::MAX_STRING)));
            }
            self.at(key, |reader| reader.entry(key, value, depth, &mut terms))?;
        }
        Ok(terms)
    }

    fn entry(
        &mut self,
        key: &str,
        value: &Value,
        depth: usize,
        terms: &mut Vec<Term>,
    ) -> Result<(), FilterError> {
        match key {
            AND => terms.extend(self.several(value, depth)?.into_iter().flatten()),
            OR => terms.push(Term::Any(self.several(value, depth)?)),
            NOT => terms.push(Term::Not(self.all(value, depth + 1)?)),
            operator if operator.starts_with('$') => {
                return Err(self.error(format!("unknown operator; there are {AND}, {OR} and {NOT}")));
            }
            key => terms.push(Term::Condition(self.condition(key, value)?)),
        }
        Ok(())
    }

    /// A list of filters.
    fn several(&mut self, json: &Value, depth: usize) -> Result<Vec<Vec<Term>>, FilterError> {
        let filters = json.as_array().filter(|filters| !filters.is_empty());
        let filters = filters.ok_or_else(|| self.error("it takes a list of filters, at least one"))?;
        let numbered = filters.iter().enumerate();
        numbered
            .map(|(number, filter)| self.at(number.to_string(), |reader| reader.all(filter, depth + 1)))
            .collect()
    }

    fn condition(&mut self, key: &str, value: &Value) -> Result<Condition, FilterError> {
        self.conditions += 1;
        if self.conditions > Filter::MAX_CONDITIONS {
            return Err(self.error(format!("a filter has at most {} lookups", Filter::MAX_CONDITIONS)));
        }
        let (in_meta, names) = match key.strip_prefix(Path::META) {
            Some(rest) => (true, rest),
            None => (false, key),
        };
        let mut names: Vec<_> = names.split(Path::SEPARATOR).collect();
        let word = names.pop_if(|last| LOOKUPS.contains(last)).unwrap_or(EXACT);
        let path = Path::new(in_meta, &names).ok_or_else(|| {
            let hint = if names.is_empty() {
                format!("; a field of this name is \"{word}__exact\"")
            } else {
                String::new()
            };
            self.error(format!("a key is names with \"__\" between them, and a lookup{hint}"))
        })?;
        Ok(Condition { path, lookup: self.lookup(word, value)? })
    }

    fn lookup(&mut self, word: &str, value: &Value) -> Result<Lookup, FilterError> {
        let text = |word, place, ignores_case| {
            self.text(value).map(|text| Lookup::Text(TextLookup::new(word, place, ignores_case, text)))
        };
        let compare =
            |comparison| self.ordered(value, word).map(|scalar| Lookup::Compare(comparison, scalar));
        match word {
            "exact" => Ok(Lookup::Exact(self.scalar(value)?)),
            "contains" => Ok(Lookup::Contains(self.scalar(value)?)),
            "in" => self.any_of(value),
            "gt" => compare(Comparison::Greater),
            "gte" => compare(Comparison::GreaterOrEqual),
            "lt" => compare(Comparison::Less),
            "lte" => compare(Comparison::LessOrEqual),
            "range" => self.range(value),
            "iexact" => text("iexact", Where::Whole, true),
            "icontains" => text("icontains", Where::Anywhere, true),
            "startswith" => text("startswith", Where::Start, false),
            "istartswith" => text("istartswith", Where::Start, true),
            "endswith" => text("endswith", Where::End, false),
            "iendswith" => text("iendswith", Where::End, true),
            "regex" => self.pattern(value, false),
            "iregex" => self.pattern(value, true),
            _ => value.as_bool().map(Lookup::IsNull).ok_or_else(|| self.error("isnull takes true or false")),
        }
    }

    fn text<'v>(&self, value: &'v Value) -> Result<&'v str, FilterError> {
        let text = value.as_str().ok_or_else(|| self.error("it takes a string"))?;
        if text.len() > Filter::MAX_STRING {
            return Err(self.error(format!("a string has at most {} bytes", Filter::MAX_STRING)));
        }
        Ok(text)
    }

    fn scalar(&self, value: &Value) -> Result<Scalar, FilterError> {
        if value.is_string() {
            self.text(value)?;
        }
        Scalar::from_json(value).ok_or_else(|| self.error("it takes a string, a number, true, false or null"))
    }

    fn ordered(&self, value: &Value, word: &str) -> Result<Scalar, FilterError> {
        let scalar = self.scalar(value).ok().filter(Scalar::has_order);
        scalar.ok_or_else(|| self.error(format!("{word} takes a number or a string")))
    }

    fn any_of(&self, value: &Value) -> Result<Lookup, FilterError> {
        let values = value.as_array().ok_or_else(|| self.error("in takes a list"))?;
        if values.len() > Filter::MAX_VALUES {
            return Err(self.error(format!("in takes at most {} values", Filter::MAX_VALUES)));
        }
        let mut scalars = values.iter().map(|value| self.scalar(value)).collect::<Result<Vec<_>, _>>()?;
        scalars.sort();
        scalars.dedup();
        Ok(match <[Scalar; 1]>::try_from(scalars) {
            Ok([scalar]) => Lookup::Exact(scalar),
            Err(scalars) => Lookup::In(scalars),
        })
    }

    fn range(&self, value: &Value) -> Result<Lookup, FilterError> {
        let error = || self.error("range takes a list of two numbers or of two strings");
        let [first, last] = value.as_array().map(Vec::as_slice).ok_or_else(error)? else {
            return Err(error());
        };
        if first.is_string() != last.is_string() {
            return Err(error());
        }
        Ok(Lookup::Range(self.ordered(first, "range")?, self.ordered(last, "range")?))
    }

    fn pattern(&mut self, value: &Value, ignores_case: bool) -> Result<Lookup, FilterError> {
        self.patterns += 1;
        if self.patterns > Filter::MAX_PATTERNS {
            return Err(
                self.error(format!("a filter has at most {} regular expressions", Filter::MAX_PATTERNS))
            );
        }
        let pattern = self.text(value)?;
        if pattern.chars().count() > Filter::MAX_PATTERN {
            return Err(
                self.error(format!("a regular expression has at most {} characters", Filter::MAX_PATTERN))
            );
        }
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(ignores_case)
            .size_limit(Filter::MAX_PATTERN_BYTES)
            .dfa_size_limit(Filter::MAX_PATTERN_BYTES)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    self.error("the regular expression is too large when compiled")
                }
                error => self.error(format!("no regular expression: {error}")),
            })?;
        Ok(Lookup::Pattern(PatternLookup { ignores_case, regex }))
    }
}
