//! Each lookup, each bound, and each form, by example.

use serde_json::{Value, json};

use super::{Filter, FilterIndex, Subject, TooManyResidual};

fn filter(json: &Value) -> Filter {
    Filter::from_json(json).unwrap_or_else(|error| panic!("{json}: {error:?}"))
}

fn matches(json: &Value, data: &Value) -> bool {
    let meta = json!({"event_type": "update"});
    filter(json).matches(Subject { data, meta: &meta })
}

#[test]
fn each_lookup_tells_what_it_wants_from_what_it_does_not() {
    let data = json!({
        "title": "Ärger im Haus", "count": 7, "big": 9_007_199_254_740_993_u64, "done": false, "none": null,
        "tags": ["red", 3, null], "author": {"name": "Al", "in": 1}, "due": "2026-11-21T10:00:00Z",
    });
    for (json, is_so) in [
        (json!(null), true),
        (json!({}), true),
        (json!({"count": 7}), true),
        (json!({"count": 7.0}), true),
        (json!({"count": "7"}), false),
        (json!({"count__exact": 8}), false),
        (json!({"big": 9_007_199_254_740_993_u64}), true),
        (json!({"big": 9_007_199_254_740_992_u64}), false),
        (json!({"big__gt": 9_007_199_254_740_992_u64}), true),
        (json!({"done": false}), true),
        (json!({"done": 0}), false),
        (json!({"none": null}), true),
        (json!({"missing": null}), false),
        (json!({"none__isnull": true}), true),
        (json!({"missing__isnull": true}), true),
        (json!({"count__isnull": false}), true),
        (json!({"missing__isnull": false}), false),
        (json!({"missing__in": [null]}), false),
        (json!({"missing__lt": 5}), false),
        (json!({"$not": {"missing": 5}}), true),
        (json!({"count__in": [1, 7]}), true),
        (json!({"count__in": []}), false),
        (json!({"tags__contains": 3}), true),
        (json!({"tags__contains": "re"}), false),
        (json!({"tags": "red"}), false),
        (json!({"title__contains": "im"}), true),
        (json!({"title__contains": 1}), false),
        (json!({"title__icontains": "ÄRGER"}), true),
        (json!({"title__contains": "ÄRGER"}), false),
        (json!({"title__iexact": "ärger IM haus"}), true),
        (json!({"title__startswith": "Är"}), true),
        (json!({"title__istartswith": "är"}), true),
        (json!({"title__endswith": "haus"}), false),
        (json!({"title__iendswith": "HAUS"}), true),
        (json!({"count__startswith": "7"}), false),
        (json!({"title__regex": "^.rger\\b"}), true),
        (json!({"title__regex": "HAUS"}), false),
        (json!({"title__iregex": "HAUS$"}), true),
        (json!({"count__gt": 6.5}), true),
        (json!({"count__gt": 7}), false),
        (json!({"count__gte": 7}), true),
        (json!({"count__lt": "8"}), false),
        (json!({"count__lte": 6}), false),
        (json!({"due__gte": "2026-11-21"}), true),
        (json!({"due__range": ["2026-11-21T10:00:00Z", "2026-11-22"]}), true),
        (json!({"count__range": [8, 6]}), false),
        (json!({"author__name": "Al"}), true),
        (json!({"author__in__exact": 1}), true),
        (json!({"author__in": [1]}), false),
        (json!({"author": "Al"}), false),
        (json!({"count__deeper": 7}), false),
        (json!({"@event_type__in": ["create", "update"]}), true),
        (json!({"@event_type": "delete"}), false),
        (json!({"count": 7, "done": true}), false),
        (json!({"$or": [{"count": 8}, {"done": false}]}), true),
        (json!({"$or": [{"count": 8}, {"done": true}]}), false),
        (json!({"$and": [{"count__gt": 6}, {"count__lt": 8}]}), true),
        (json!({"$not": {"count": 7, "done": true}}), true),
        (json!({"$not": {}}), false),
    ] {
        assert_eq!(matches(&json, &data), is_so, "{json}");
    }
}

#[test]
fn what_is_no_object_has_no_paths() {
    for data in [json!(null), json!([{"a": 1}]), json!("a")] {
        assert!(!matches(&json!({"a": 1}), &data));
        assert!(matches(&json!({}), &data));
    }
}

#[test]
fn what_means_the_same_has_one_form() {
    for (json, canonical) in [
        (json!(null), "{}"),
        (json!({"b": 1, "a__exact": 2}), r#"{"a":2,"b":1}"#),
        (json!({"a__in": [2, 1, 2.0]}), r#"{"a__in":[1,2]}"#),
        (json!({"a__in": ["x"]}), r#"{"a":"x"}"#),
        (json!({"in__exact": 1}), r#"{"in__exact":1}"#),
        (json!({"in__in": [1]}), r#"{"in__exact":1}"#),
        (json!({"$and": [{"a": 1}]}), r#"{"a":1}"#),
        (json!({"$or": [{"a": 1}], "b": 2}), r#"{"a":1,"b":2}"#),
        (json!({"$or": [{"a": 1}, {"a": 1}]}), r#"{"a":1}"#),
        (json!({"$or": [{"b": 1}, {"a": 1}]}), r#"{"$or":[{"a":1},{"b":1}]}"#),
        (json!({"$or": [{"a": 1}, {"$or": [{"b": 1}, {"c": 1}]}]}), r#"{"$or":[{"a":1},{"b":1},{"c":1}]}"#),
        (json!({"$or": [{"a": 1}, {}]}), "{}"),
        (
            json!({"$and": [{"a": 1}, {"a": 2}, {"$and": [{"a": 1}, {"b": 3}]}]}),
            r#"{"$and":[{"a":2}],"a":1,"b":3}"#,
        ),
        (
            json!({"$and": [{"$not": {"a": 1}}, {"$not": {"b": 1}}]}),
            r#"{"$and":[{"$not":{"b":1}}],"$not":{"a":1}}"#,
        ),
        (json!({"@b": 1, "a": 2}), r#"{"@b":1,"a":2}"#),
        (json!({"a__range": [1.0, 2]}), r#"{"a__range":[1,2]}"#),
        (json!({"a__iregex": "X\""}), r#"{"a__iregex":"X\""}"#),
    ] {
        assert_eq!(filter(&json).canonical(), canonical, "{json}");
        let again: Value = serde_json::from_str(canonical).unwrap();
        assert_eq!(filter(&again).canonical(), canonical);
    }
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    let nested = |depth| (0..depth).fold(json!({"a": 1}), |inner, _| json!({"$not": inner}));
    let object = |count: usize| Value::Object((0..count).map(|key| (format!("k{key}"), json!(1))).collect());
    let long = "x".repeat(Filter::MAX_STRING);
    assert!(Filter::from_json(&nested(4)).is_ok());
    assert!(Filter::from_json(&object(32)).is_ok());
    assert!(Filter::from_json(&json!({"a": long})).is_ok());
    assert!(Filter::from_json(&json!({"a__regex": "x".repeat(256)})).is_ok());
    assert!(Filter::from_json(&json!({"a__in": vec![1; 256]})).is_ok());
    for (json, path, message) in [
        (json!(7), "", "a filter is an object"),
        (json!([]), "", "a filter is an object"),
        (nested(5), "$not.$not.$not.$not.$not", "filters are nested at most 4 deep"),
        (object(33), "k9", "a filter has at most 32 lookups"),
        (json!({"a": format!("{long}x")}), "a", "a string has at most 1024 bytes"),
        (json!({format!("{long}x"): 1}), "", "a key has at most 1024 bytes"),
        (json!({"a__in": vec![&long; 8]}), "", "a filter has at most 8192 bytes, this has 8227"),
        (json!({"a__in": vec![1; 257]}), "a__in", "in takes at most 256 values"),
        (json!({"a__in": 1}), "a__in", "in takes a list"),
        (json!({"a__in": [[1]]}), "a__in", "it takes a string, a number, true, false or null"),
        (json!({"a": {"b": 1}}), "a", "it takes a string, a number, true, false or null"),
        (json!({"": 1}), "", "a key is names with \"__\" between them, and a lookup"),
        (json!({"@": 1}), "@", "a key is names with \"__\" between them, and a lookup"),
        (json!({"a__": 1}), "a__", "a key is names with \"__\" between them, and a lookup"),
        (json!({"__a": 1}), "__a", "a key is names with \"__\" between them, and a lookup"),
        (
            json!({"in": [1]}),
            "in",
            "a key is names with \"__\" between them, and a lookup; a field of this name is \"in__exact\"",
        ),
        (json!({"$nor": []}), "$nor", "unknown operator; there are $and, $or and $not"),
        (json!({"$or": []}), "$or", "it takes a list of filters, at least one"),
        (json!({"$or": {"a": 1}}), "$or", "it takes a list of filters, at least one"),
        (json!({"$or": [{"a": 1}, {"b__gt": null}]}), "$or.1.b__gt", "gt takes a number or a string"),
        (json!({"$not": [{"a": 1}]}), "$not", "a filter is an object"),
        (json!({"a__gte": true}), "a__gte", "gte takes a number or a string"),
        (json!({"a__range": [1]}), "a__range", "range takes a list of two numbers or of two strings"),
        (json!({"a__range": [1, "2"]}), "a__range", "range takes a list of two numbers or of two strings"),
        (json!({"a__range": [null, 2]}), "a__range", "range takes a number or a string"),
        (json!({"a__isnull": 1}), "a__isnull", "isnull takes true or false"),
        (json!({"a__startswith": 1}), "a__startswith", "it takes a string"),
        (json!({"a__regex": "x".repeat(257)}), "a__regex", "a regular expression has at most 256 characters"),
        (json!({"a__regex": "\\w{200}"}), "a__regex", "the regular expression is too large when compiled"),
        (
            json!({"a__regex": "x", "b__regex": "x", "c__iregex": "x"}),
            "c__iregex",
            "a filter has at most 2 regular expressions",
        ),
    ] {
        let error = Filter::from_json(&json).expect_err(&json.to_string());
        assert_eq!(
            (error.path.as_str(), error.message.as_str()),
            (path, message),
            "{:.80}",
            json.to_string()
        );
    }
    let error = Filter::from_json(&json!({"a__regex": "("})).unwrap_err();
    assert!(error.message.starts_with("no regular expression: "), "{error}");
}

#[test]
fn an_index_keeps_a_filter_for_as_long_as_somebody_wants_it() {
    let mut index = FilterIndex::default();
    let one = index.intern(filter(&json!({"room": 1}))).unwrap();
    assert_eq!(index.intern(filter(&json!({"room__in": [1]}))), Ok(one));
    assert_eq!((index.len(), index.find(r#"{"room":1}"#)), (1, Some(one)));
    let (data, meta) = (json!({"room": 1}), json!({}));
    let subject = Subject { data: &data, meta: &meta };
    index.release(one);
    assert_eq!(index.matching(subject), [one]);
    index.release(one);
    assert!(index.matching(subject).is_empty() && index.is_empty());
    assert!(index.filter(one).is_none());
    index.release(one);
}

#[test]
fn filters_without_an_exact_value_are_bounded() {
    let mut index = FilterIndex::default();
    let residual = |number: usize| filter(&json!({"count__gt": number}));
    for number in 0..FilterIndex::MAX_RESIDUAL {
        index.intern(residual(number)).unwrap();
    }
    let first = index.find(r#"{"count__gt":0}"#).unwrap();
    assert_eq!(index.intern(residual(FilterIndex::MAX_RESIDUAL)), Err(TooManyResidual));
    assert_eq!(index.intern(residual(0)), Ok(first), "one that is there takes no more room");
    assert!(index.intern(filter(&json!({"count__gt": 5, "room": 1}))).is_ok());
    index.release(first);
    index.release(first);
    assert!(index.intern(residual(FilterIndex::MAX_RESIDUAL)).is_ok());
}
