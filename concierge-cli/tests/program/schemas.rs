//! Records as the program itself describes them: whatever a test reads is compared with what `concierge schema` says of its type.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::gateway::run_in;

/// What the program says of a type.
struct Kind {
    columns: usize,
    schema: Value,
    validator: OnceLock<Validator>,
}

/// A record has everything its schema demands, all of it as it says, and nothing that it does not know.
pub(crate) fn check(record: &Value) {
    let kind = kind(record["type"].as_str().unwrap());
    let validator = kind.validator.get_or_init(|| {
        jsonschema::draft202012::options().should_validate_formats(true).build(&kind.schema).unwrap()
    });
    if let Err(error) = validator.validate(record) {
        panic!("{error} at {:?}: {record}", error.instance_path().to_string());
    }
    let known = kind.schema["properties"].as_object().unwrap();
    for field in record.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{field} is in no schema: {record}");
    }
}

/// How many fields a row of this type has.
pub(crate) fn columns(name: &str) -> usize {
    kind(name).columns
}

/// One of a type that nobody knows has its own name.
fn kind(name: &str) -> &'static Kind {
    static KINDS: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(kinds);
    KINDS.get(name).unwrap_or_else(|| &KINDS["unknown"])
}

fn kinds() -> BTreeMap<String, Kind> {
    let told = |arguments: &[&str]| {
        let outcome = run_in(arguments, "", &[]);
        assert!(&outcome == 0, "{outcome:?}");
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()
    };
    let mut document = told(&["schema"]);
    let definitions = document["$defs"].as_object_mut().unwrap();
    let listed = told(&["schema", "--list", "--json"]);
    let listed = listed["types"].as_array().unwrap();
    let described: Vec<_> = listed
        .iter()
        .map(|kind| {
            let name = kind["name"].as_str().unwrap();
            (name.to_owned(), kind["columns"].as_array().unwrap().len(), definitions.remove(name).unwrap())
        })
        .collect();
    // What is left is what several of them consist of.
    let shared = json!(definitions);
    let kind = |(name, columns, mut schema): (String, usize, Value)| {
        schema["$defs"] = shared.clone();
        (name, Kind { columns, schema, validator: OnceLock::new() })
    };
    described.into_iter().map(kind).collect()
}
