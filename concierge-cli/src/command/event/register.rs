//! `event register`: says which events a source has.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use concierge_client::telegraphy::{Definition, web::DefineEvents};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{EventContext, records::EventsRegistered};
use crate::{failure::Failure, suggest::nearest};

const EXAMPLES: &str = r#"Examples:
  concierge event register events.json --source shop
  echo '[{"name": "todo.Task"}]' | concierge event register - --source todo

The file has a JSON array of definitions, or the object {"source": …, "events": […]}. They are all that the source has: what it had
before and has no more is unregistered. Nobody is disconnected; `event unregister` says what becomes of subscriptions.

A definition has a name, and may have verbose_name, kind (model, custom), operations, fields (name to type), audience (public,
authenticated, private), delivery (best_effort, guaranteed), ttl in seconds, retain and presence (none, count, users)."#;

/// What a definition may say. The version is the gateway's own, and passed over, so that what `event ls` tells can be registered.
const KEYS: [&str; 11] = [
    "name",
    "verbose_name",
    "kind",
    "operations",
    "fields",
    "audience",
    "delivery",
    "ttl",
    "retain",
    "presence",
    "version",
];

/// `event register`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RegisterArgs {
    /// The definitions, as JSON; `-` for the input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whose events they are: what the web application calls itself
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
}

/// What a file may be.
#[derive(Deserialize)]
struct Whole<'a> {
    source: Option<String>,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

pub(super) async fn register(arguments: RegisterArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    let shown = arguments.file.display().to_string();
    let text = context.text(&arguments.file).await?;
    let Whole { source, events } = whole(&text).map_err(|failure| failure.within(&shown))?;
    let mut definitions = Vec::new();
    for (number, event) in events.into_iter().enumerate() {
        let (definition, unknown) = definition(event.get())
            .map_err(|failure| failure.within(&format!("{shown}: definition {}", number + 1)))?;
        for key in unknown {
            let meant = nearest(&key, KEYS).map(|meant| format!(": did you mean {meant:?}?"));
            let name = definition.name.as_str();
            context.output.note(&format!("{name}: {key:?} says nothing{}", meant.unwrap_or_default()));
        }
        definitions.push(definition);
    }
    let source = arguments.source.or(source).ok_or_else(|| {
        Failure::usage("nobody says whose events they are")
            .hint("give --source NAME: all events that the gateway has of it are replaced")
    })?;
    let define = DefineEvents { source: source.as_str().into(), events: definitions };
    let defined = context.publisher()?.define(&define).await?;
    let come: Vec<_> = define.events.iter().map(|event| &event.name).collect();
    context.followed(&come, &defined.removed.iter().collect::<Vec<_>>());
    context.output.record(&EventsRegistered { source, defined })
}

fn whole(text: &str) -> Result<Whole<'_>, Failure> {
    let not_these = |error: serde_json::Error| Failure::usage(format!("these are no definitions: {error}"));
    if text.trim_start().starts_with('[') {
        let events = serde_json::from_str(text).map_err(not_these)?;
        return Ok(Whole { source: None, events });
    }
    serde_json::from_str(text).map_err(not_these)
}

/// A definition, and what it says that means nothing.
fn definition(text: &str) -> Result<(Definition, Vec<String>), Failure> {
    // One line, of which only the column would be told, which is none of the file's.
    let not_one = |error: serde_json::Error| {
        let told = error.to_string();
        let told = told.split_once(" at line ").map_or(told.as_str(), |(what, _)| what);
        Failure::usage(told)
    };
    let definition = serde_json::from_str(text).map_err(not_one)?;
    let said: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(not_one)?;
    let unknown = said.into_keys().filter(|key| !KEYS.contains(&key.as_str()));
    Ok((definition, unknown.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_stand_in_an_array_or_beside_their_source() {
        let array = whole(r#" [{"name":"a"}] "#).unwrap();
        assert_eq!((array.source, array.events.len()), (None, 1));
        let object = whole(r#"{"source":"shop","events":[]}"#).unwrap();
        assert_eq!((object.source.as_deref(), object.events.len()), (Some("shop"), 0));
        for text in ["", "7", "{}", r#"{"name":"a"}"#, "[1"] {
            assert!(whole(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_definition_says_in_vain_is_found() {
        let (read, unknown) = definition(r#"{"name":"a","audiance":"public","version":3}"#).unwrap();
        assert_eq!((read.name.as_str(), unknown), ("a", vec!["audiance".to_owned()]));
        assert_eq!(definition("{}").unwrap_err().message(), "missing field `name`");
        assert!(definition(r#"{"name":"a","kind":"other"}"#).is_err());
    }

    #[test]
    fn every_key_of_a_definition_is_known() {
        let full = r#"{"name":"a","presence":"count"}"#;
        let written = serde_json::to_value(serde_json::from_str::<Definition>(full).unwrap()).unwrap();
        let keys: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len() + 1, KEYS.len());
        assert!(keys.iter().all(|key| KEYS.contains(key)), "{keys:?}");
    }
}
