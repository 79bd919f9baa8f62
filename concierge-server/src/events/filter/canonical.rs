//! The one form that filters of the same making have.

use std::fmt::Display;

use concierge_client::telegraphy::LOOKUPS;
use serde_json::Value;

use super::{
    Term,
    condition::{Condition, Lookup},
    parse::{AND, NOT, OR},
    path::Path,
};

/// Takes away nesting that means nothing, and puts what is left in order, each once.
pub(super) fn arrange(terms: Vec<Term>) -> Vec<Term> {
    let mut arranged = Vec::new();
    for term in terms {
        match term {
            Term::Condition(_) => arranged.push(term),
            Term::Not(terms) => arranged.push(Term::Not(arrange(terms))),
            Term::Any(branches) => arranged.extend(arrange_any(branches)),
        }
    }
    sort_by_text(&mut arranged, entry);
    arranged
}

/// What is left of a choice.
fn arrange_any(branches: Vec<Vec<Term>>) -> Vec<Term> {
    let mut arranged = Vec::new();
    for branch in branches {
        let mut branch = arrange(branch);
        match branch.as_mut_slice() {
            // Everything fulfils this one, and so the choice.
            [] => return Vec::new(),
            // A choice in a choice is one choice.
            [Term::Any(branches)] => arranged.append(branches),
            _ => arranged.push(branch),
        }
    }
    sort_by_text(&mut arranged, |terms| text(terms));
    match arranged.len() {
        1 => arranged.remove(0),
        _ => vec![Term::Any(arranged)],
    }
}

fn sort_by_text<T, K: Ord>(items: &mut Vec<T>, text: impl Fn(&T) -> K) {
    let mut keyed: Vec<_> = items.drain(..).map(|item| (text(&item), item)).collect();
    keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
    keyed.dedup_by(|(one, _), (other, _)| one == other);
    items.extend(keyed.into_iter().map(|(_, item)| item));
}

/// Arranged terms as JSON. A key that occurs again has its place in an `$and`.
pub(super) fn text(terms: &[Term]) -> String {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut again = Vec::new();
    for (key, value) in terms.iter().map(entry) {
        if entries.last().is_some_and(|(last, _)| *last == key) {
            again.push(object(&[(key, value)]));
        } else {
            entries.push((key, value));
        }
    }
    if !again.is_empty() {
        // Before all others, which begin with a letter, an `@`, or a `$` and a later letter.
        entries.insert(0, (AND.to_owned(), list(&again)));
    }
    object(&entries)
}

/// What a term is in an object: its key, and its value as JSON.
fn entry(term: &Term) -> (String, String) {
    match term {
        Term::Condition(condition) => (key(condition), value(&condition.lookup)),
        Term::Any(branches) => {
            let branches: Vec<_> = branches.iter().map(|terms| text(terms)).collect();
            (OR.to_owned(), list(&branches))
        }
        Term::Not(terms) => (NOT.to_owned(), text(terms)),
    }
}

fn key(condition: &Condition) -> String {
    let Condition { path, lookup } = condition;
    let is_said = !matches!(lookup, Lookup::Exact(_)) || LOOKUPS.contains(&path.last());
    if is_said { format!("{path}{}{}", Path::SEPARATOR, lookup.word()) } else { path.to_string() }
}

fn value(lookup: &Lookup) -> String {
    match lookup {
        Lookup::Exact(scalar) | Lookup::Contains(scalar) | Lookup::Compare(_, scalar) => scalar.to_string(),
        Lookup::In(scalars) => list(scalars),
        Lookup::Range(first, last) => list(&[first, last]),
        Lookup::Text(text) => Value::from(text.given()).to_string(),
        Lookup::Pattern(pattern) => Value::from(pattern.regex.as_str()).to_string(),
        Lookup::IsNull(wanted) => wanted.to_string(),
    }
}

fn list(items: &[impl Display]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(","))
}

fn object(entries: &[(String, String)]) -> String {
    let entries: Vec<_> =
        entries.iter().map(|(key, value)| format!("{}:{value}", Value::from(key.as_str()))).collect();
    format!("{{{}}}", entries.join(","))
}
