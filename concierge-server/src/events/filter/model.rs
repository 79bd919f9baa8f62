//! What a filter means, said once more and in the plainest way: no canonical form, no terms, only the JSON as it stands.

use std::cmp::Ordering;

use concierge_client::telegraphy::LOOKUPS;
use serde_json::{Number, Value};

use super::Subject;

/// Whether an event fulfils a filter that is known to be one.
pub(super) fn matches(filter: &Value, subject: Subject<'_>) -> bool {
    let Some(entries) = filter.as_object() else { return true };
    entries.iter().all(|(key, value)| match key.as_str() {
        "$and" => value.as_array().unwrap().iter().all(|filter| matches(filter, subject)),
        "$or" => value.as_array().unwrap().iter().any(|filter| matches(filter, subject)),
        "$not" => !matches(value, subject),
        key => holds(key, value, subject),
    })
}

fn holds(key: &str, wanted: &Value, subject: Subject<'_>) -> bool {
    let (mut place, key) = match key.strip_prefix('@') {
        Some(key) => (Some(subject.meta), key),
        None => (Some(subject.data), key),
    };
    let names: Vec<_> = key.split("__").collect();
    let (names, word) = match names.split_last().unwrap() {
        (last, names) if LOOKUPS.contains(last) => (names, *last),
        _ => (&names[..], "exact"),
    };
    for name in names {
        place = place.and_then(|place| place.get(name));
    }
    if word == "isnull" {
        return place.is_none_or(Value::is_null) == wanted.as_bool().unwrap();
    }
    let Some(value) = place else { return false };
    let lower = |value: &Value| value.as_str().map(str::to_lowercase);
    let texts = || Some((lower(value)?, lower(wanted)?));
    match word {
        "exact" => same(value, wanted),
        "in" => wanted.as_array().unwrap().iter().any(|wanted| same(value, wanted)),
        "contains" => match (value, wanted) {
            (Value::String(value), Value::String(wanted)) => value.contains(wanted.as_str()),
            (Value::Array(elements), wanted) => elements.iter().any(|element| same(element, wanted)),
            _ => false,
        },
        "gt" => compare(value, wanted).is_some_and(Ordering::is_gt),
        "gte" => compare(value, wanted).is_some_and(Ordering::is_ge),
        "lt" => compare(value, wanted).is_some_and(Ordering::is_lt),
        "lte" => compare(value, wanted).is_some_and(Ordering::is_le),
        "range" => {
            compare(value, &wanted[0]).is_some_and(Ordering::is_ge)
                && compare(value, &wanted[1]).is_some_and(Ordering::is_le)
        }
        "startswith" => value.as_str().is_some_and(|value| value.starts_with(wanted.as_str().unwrap())),
        "endswith" => value.as_str().is_some_and(|value| value.ends_with(wanted.as_str().unwrap())),
        "iexact" => texts().is_some_and(|(value, wanted)| value == wanted),
        "icontains" => texts().is_some_and(|(value, wanted)| value.contains(&wanted)),
        "istartswith" => texts().is_some_and(|(value, wanted)| value.starts_with(&wanted)),
        "iendswith" => texts().is_some_and(|(value, wanted)| value.ends_with(&wanted)),
        "regex" | "iregex" => value.as_str().is_some_and(|value| {
            let pattern = wanted.as_str().unwrap();
            let pattern = if word == "regex" { pattern.to_owned() } else { format!("(?i){pattern}") };
            regex::Regex::new(&pattern).unwrap().is_match(value)
        }),
        word => panic!("no lookup {word}"),
    }
}

/// The numbers here are small, so this is exact.
fn number(number: &Number) -> f64 {
    number.as_f64().unwrap()
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number(one).total_cmp(&number(other)).is_eq(),
        (Value::Array(_) | Value::Object(_), _) => false,
        (one, other) => one == other,
    }
}

fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some(number(one).total_cmp(&number(other))),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}
