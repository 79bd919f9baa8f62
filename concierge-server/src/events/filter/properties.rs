//! What holds for every filter and every event.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::{Filter, FilterIndex, Subject, model};

fn name() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "in", "range", "ä"]).prop_map(str::to_owned)
}

/// Few enough that two are often equal.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-2..3_i64).prop_map(Value::from),
        (-2..3_i32).prop_map(|number| json!(f64::from(number) / 2.0)),
        text().prop_map(Value::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    select(vec!["", "a", "A", "ab", "BA", "Straße", "STRASSE", "x\"\u{1b}"]).prop_map(str::to_owned)
}

fn event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => scalar(), 1 => vec(scalar(), 0..3).prop_map(Value::from)];
    let object = leaf.prop_recursive(3, 12, 4, |inner| {
        vec((name(), inner), 0..4).prop_map(|entries| Value::Object(Map::from_iter(entries)))
    });
    vec((name(), object), 0..5).prop_map(|entries| Value::Object(Map::from_iter(entries)))
}

fn condition() -> impl Strategy<Value = (String, Value)> {
    let path = (any::<bool>(), vec(name(), 1..3))
        .prop_map(|(in_meta, names)| format!("{}{}", if in_meta { "@" } else { "" }, names.join("__")));
    let lookup = prop_oneof![
        4 => scalar().prop_map(|value| ("exact", value)),
        2 => vec(scalar(), 0..4).prop_map(|values| ("in", Value::from(values))),
        1 => scalar().prop_map(|value| ("contains", value)),
        1 => any::<bool>().prop_map(|wanted| ("isnull", json!(wanted))),
        1 => (select(vec!["gt", "gte", "lt", "lte"]), -2..3_i64).prop_map(|(word, number)| (word, json!(number))),
        1 => (select(vec!["gt", "lte"]), text()).prop_map(|(word, text)| (word, json!(text))),
        1 => (-2..3_i64, -2..3_i64).prop_map(|(first, last)| ("range", json!([first, last]))),
        2 => (
            select(vec!["iexact", "icontains", "startswith", "istartswith", "endswith", "iendswith"]),
            text()
        )
            .prop_map(|(word, text)| (word, json!(text))),
    ];
    (path, lookup, any::<bool>()).prop_map(|(path, (word, value), is_said)| {
        // Without `exact` a last name that is a lookup's word would be one.
        let may_be_left_out = word == "exact" && !path.ends_with("in") && !path.ends_with("range");
        if may_be_left_out && !is_said { (path, value) } else { (format!("{path}__{word}"), value) }
    })
}

fn filter() -> impl Strategy<Value = Value> {
    let object = |entries: Vec<(String, Value)>| Value::Object(Map::from_iter(entries));
    let leaf = vec(condition(), 0..3).prop_map(object);
    leaf.prop_recursive(3, 8, 3, move |inner| {
        let several = vec(inner.clone(), 1..4).prop_map(Value::from);
        let operator = prop_oneof![
            several.clone().prop_map(|filters| ("$or".to_owned(), filters)),
            several.prop_map(|filters| ("$and".to_owned(), filters)),
            inner.prop_map(|filter| ("$not".to_owned(), filter)),
        ];
        (vec(condition(), 0..2), vec(operator, 0..3))
            .prop_map(move |(conditions, operators)| object([conditions, operators].concat()))
    })
}

/// Filters within the bounds; what is beyond them has tests of its own.
fn read(json: &Value) -> Option<Filter> {
    Filter::from_json(json).ok()
}

proptest! {
    #[test]
    fn a_filter_means_what_it_says(json in filter(), data in event(), meta in event()) {
        let subject = Subject { data: &data, meta: &meta };
        if let Some(filter) = read(&json) {
            prop_assert_eq!(filter.matches(subject), model::matches(&json, subject), "{} of {}", filter, json);
        }
    }

    #[test]
    fn the_canonical_form_means_the_same_and_is_its_own(json in filter(), data in event(), meta in event()) {
        if let Some(filter) = read(&json) {
            let canonical: Value = serde_json::from_str(filter.canonical()).unwrap();
            prop_assert_eq!(filter.canonical(), canonical.to_string(), "it is as JSON writes it");
            let subject = Subject { data: &data, meta: &meta };
            prop_assert_eq!(model::matches(&canonical, subject), model::matches(&json, subject), "{}", filter);
            prop_assert_eq!(Filter::from_json(&canonical).unwrap(), filter);
        }
    }

    #[test]
    fn an_index_finds_what_asking_each_finds(
        filters in vec((filter(), any::<bool>()), 0..40),
        events in vec((event(), event()), 1..5),
    ) {
        let mut index = FilterIndex::default();
        let (mut kept, mut released) = (Vec::new(), Vec::new());
        for (json, is_kept) in &filters {
            if let Some(filter) = read(json) {
                let id = index.intern(filter.clone()).unwrap();
                if *is_kept { kept.push((id, filter)) } else { released.push(id) }
            }
        }
        for id in released {
            index.release(id);
        }
        for (data, meta) in &events {
            let subject = Subject { data, meta };
            let mut wanted: Vec<_> =
                kept.iter().filter(|(_, filter)| filter.matches(subject)).map(|(id, _)| *id).collect();
            wanted.sort();
            wanted.dedup();
            prop_assert_eq!(index.matching(subject), wanted);
        }
        for (id, _) in kept {
            index.release(id);
        }
        prop_assert_eq!(format!("{index:?}").replace(|character: char| character.is_ascii_digit(), ""),
            format!("{:?}", FilterIndex::default()).replace(|character: char| character.is_ascii_digit(), ""),
            "nothing is left of what nobody wants");
    }
}
