//! What is wanted of an event, as it is typed: `--where priority__gte=3`. Pure: texts in, filters out. What a lookup means is for the gateway to
//! say.

use std::str::FromStr;

use concierge_client::telegraphy::LOOKUPS;
use serde_json::{Map, Value};

use crate::{grammar::json_or_text, suggest::nearest};

/// What stands between the parts of a field, and before a lookup.
const BETWEEN: &str = "__";

/// Those that take a text, whatever it looks like.
const OF_TEXT: [&str; 8] =
    ["iexact", "icontains", "startswith", "istartswith", "endswith", "iendswith", "regex", "iregex"];

/// Those that take a list.
const OF_LISTS: [&str; 2] = ["in", "range"];

/// A field and a lookup, with what is looked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    typed: String,
    key: String,
    value: Value,
}

/// Filters as JSON: an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filters(Map<String, Value>);

impl FromStr for Condition {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let example = "FIELD=VALUE or FIELD__LOOKUP=VALUE, such as priority__gte=3";
        let (key, text) = typed.split_once('=').ok_or_else(|| format!("expected {example}"))?;
        let key = key.trim();
        let instead = match key.chars().last() {
            None => return Err(format!("there is no field before the =: expected {example}")),
            Some('>') => Some("gte"),
            Some('<') => Some("lte"),
            _ => None,
        };
        if let Some(lookup) = instead {
            let field = key.trim_end_matches(['<', '>']).trim_end();
            return Err(format!("lookups are words: {field}{BETWEEN}{lookup}={text}"));
        }
        if let Some(field) = key.strip_suffix('!') {
            return Err(format!("there is no !=: --exclude {field}={text} wants all others"));
        }
        Ok(Self { typed: typed.to_owned(), key: key.to_owned(), value: value(lookup(key), text)? })
    }
}

impl FromStr for Filters {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let object = serde_json::from_str(typed).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => "filters are an object".to_owned(),
            _ => error.to_string(),
        });
        object.map(Self).map_err(|why| format!("{why}; expected JSON such as {{\"priority__gte\": 3}}"))
    }
}

impl Condition {
    /// What was typed.
    pub(super) fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether this is where the gateway found something in the filters.
    pub(super) fn is_at(&self, path: &str) -> bool {
        // What stands in `$and` or `$not` has that before it.
        path.rsplit('.').any(|key| key == self.key) || path == self.key
    }

    /// What was meant, if the lookup is none but nearly one.
    pub(super) fn meant(&self) -> Option<String> {
        let (field, lookup) = self.key.rsplit_once(BETWEEN)?;
        if LOOKUPS.contains(&lookup) {
            return None;
        }
        nearest(lookup, LOOKUPS).map(|meant| format!("{field}{BETWEEN}{meant}"))
    }
}

/// All of it as one filter, in which everything has to hold and nothing that is excluded may. None when nothing was said.
pub(super) fn all(filters: Option<Filters>, wanted: &[Condition], excluded: &[Condition]) -> Option<Value> {
    let has_any = filters.is_some() || !wanted.is_empty() || !excluded.is_empty();
    let mut whole = filters.unwrap_or_default().0;
    let mut others = Vec::new();
    let not = |condition: &Condition| {
        let excluded = Map::from_iter([(condition.key.clone(), condition.value.clone())]);
        ("$not".to_owned(), Value::Object(excluded))
    };
    let wanted = wanted.iter().map(|condition| (condition.key.clone(), condition.value.clone()));
    for (key, value) in wanted.chain(excluded.iter().map(not)) {
        // An object has each key once.
        if whole.contains_key(&key) {
            others.push(Value::Object(Map::from_iter([(key, value)])));
        } else {
            whole.insert(key, value);
        }
    }
    if !others.is_empty() {
        match whole.get_mut("$and").and_then(Value::as_array_mut) {
            Some(given) => given.append(&mut others),
            None => drop(whole.insert("$and".to_owned(), Value::Array(others))),
        }
    }
    has_any.then_some(Value::Object(whole))
}

/// The names of all lookups, for whoever took another one.
pub(super) fn lookups() -> String {
    LOOKUPS.join(", ")
}

fn lookup(key: &str) -> Option<&str> {
    key.rsplit_once(BETWEEN).map(|(_, lookup)| lookup)
}

/// The value that a text stands for where this lookup is: JSON as it is, other text as a text.
fn value(lookup: Option<&str>, text: &str) -> Result<Value, String> {
    let is_one_of = |lookups: &[&str]| lookup.is_some_and(|lookup| lookups.contains(&lookup));
    if is_one_of(&OF_LISTS) && !text.trim_start().starts_with('[') {
        return text.split(',').map(one).collect();
    }
    // `title__startswith=2026` is no number.
    if is_one_of(&OF_TEXT) && !text.trim_start().starts_with('"') {
        return Ok(Value::String(text.to_owned()));
    }
    one(text)
}

fn one(text: &str) -> Result<Value, String> {
    let data = json_or_text(text).map_err(|error| error.to_string())?;
    data.parse().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(typed: &[&str]) -> Vec<Condition> {
        typed.iter().map(|typed| typed.parse().expect(typed)).collect()
    }

    fn wanted(typed: &[&str]) -> Value {
        all(None, &conditions(typed), &[]).unwrap()
    }

    #[test]
    fn a_value_is_json_if_it_is_and_else_text() {
        assert_eq!(wanted(&["priority__gte=3", "state=open"]), json!({"priority__gte": 3, "state": "open"}));
        assert_eq!(wanted(&["a=true", "b=null", "c=\"3\""]), json!({"a": true, "b": null, "c": "3"}));
        assert_eq!(
            wanted(&["a=x=y", " b =", "c= two words"]),
            json!({"a": "x=y", "b": "", "c": " two words"})
        );
        assert_eq!(wanted(&["@event_type=update"]), json!({"@event_type": "update"}));
    }

    #[test]
    fn lists_are_typed_with_commas_and_texts_stay_texts() {
        assert_eq!(wanted(&["id__in=1,b,\"3\""]), json!({"id__in": [1, "b", "3"]}));
        assert_eq!(
            wanted(&["id__in=[\"a,b\"]", "n__range=1,5"]),
            json!({"id__in": ["a,b"], "n__range": [1, 5]})
        );
        assert_eq!(wanted(&["day__startswith=2026"]), json!({"day__startswith": "2026"}));
        assert_eq!(wanted(&["day__startswith=\"2026\""]), json!({"day__startswith": "2026"}));
        // A field may be called like that.
        assert_eq!(wanted(&["in=1,2"]), json!({"in": "1,2"}));
    }

    #[test]
    fn everything_has_to_hold() {
        assert_eq!(wanted(&["n__gt=1", "n__gt=2"]), json!({"n__gt": 1, "$and": [{"n__gt": 2}]}));
        let given: Filters = r#"{"$and": [{"a": 1}], "b": 2}"#.parse().unwrap();
        let whole = all(Some(given), &conditions(&["b=3"]), &conditions(&["c=4", "d=5"])).unwrap();
        let expected = json!({"$and": [{"a": 1}, {"b": 3}, {"$not": {"d": 5}}], "b": 2, "$not": {"c": 4}});
        assert_eq!(whole, expected);
        assert_eq!(all(None, &[], &[]), None);
        assert_eq!(all(Some(Filters::default()), &[], &[]), Some(json!({})));
    }

    #[test]
    fn a_slip_is_told_with_what_to_type() {
        let slip = |typed: &str| typed.parse::<Condition>().unwrap_err();
        assert_eq!(slip("priority"), "expected FIELD=VALUE or FIELD__LOOKUP=VALUE, such as priority__gte=3");
        assert!(slip("=3").starts_with("there is no field"));
        assert_eq!(slip("n>=3"), "lookups are words: n__gte=3");
        assert_eq!(slip("n<=3"), "lookups are words: n__lte=3");
        assert!(slip("state!=open").contains("--exclude state=open"));
        assert!(slip("a=[1").contains("JSON"), "{}", slip("a=[1"));
        for no_object in ["3", "{", "[]"] {
            assert!(no_object.parse::<Filters>().is_err(), "{no_object}");
        }
    }

    #[test]
    fn the_place_of_a_refusal_is_found() {
        let [condition] = &conditions(&["count__gtt=3"])[..] else { unreachable!("one was typed") };
        assert!(
            condition.is_at("count__gtt")
                && condition.is_at("$and.0.count__gtt")
                && !condition.is_at("count")
        );
        assert_eq!(condition.meant().as_deref(), Some("count__gt"));
        assert_eq!(conditions(&["a__b__gte=1"])[0].meant(), None);
    }
}
