//! What a transcript names freely, and a gateway draws: tokens, connections, epochs, ids and moments. Each is bound where it is seen for
//! the first time, both ways, and is the same ever after.

use std::collections::BTreeMap;

use concierge_client::telegraphy::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// Under these keys stands what has a name.
const NAMED: [&str; 7] = ["session_token", "auth_token", "token", "connection", "epoch", "session", "after"];

/// What is said to be left of a session counts down while a test runs, and a test does not take that long, in seconds.
const SLACK: u64 = 300;

/// What a gateway calls what a transcript names.
#[derive(Debug, Default)]
pub(super) struct Names {
    drawn: BTreeMap<String, String>,
}

impl Names {
    /// A name is for that from now on, or has been before.
    pub(super) fn bind(&mut self, name: &str, drawn: &str) -> Result<(), String> {
        match self.drawn.get(name) {
            Some(known) if known == drawn => return Ok(()),
            Some(known) => return Err(format!("{name} was {known}, and is {drawn}")),
            None => {}
        }
        if let Some((other, _)) = self.drawn.iter().find(|(_, known)| *known == drawn) {
            return Err(format!("{drawn} was {other}, and is {name}"));
        }
        self.drawn.insert(name.to_owned(), drawn.to_owned());
        Ok(())
    }

    /// Another gateway begins: it numbers connections anew.
    pub(super) fn forget_connections(&mut self) {
        self.drawn.retain(|name, _| !name.starts_with("c-"));
    }

    /// A text as the gateway understands it. What is no JSON, or names nothing, goes as it is.
    pub(super) fn said(&self, text: &str) -> String {
        let Ok(mut json) = serde_json::from_str(text) else { return text.to_owned() };
        if self.replace(&mut json) { json.to_string() } else { text.to_owned() }
    }

    /// An address as the gateway understands it: ids of sessions stand in some.
    pub(super) fn target(&self, target: &str) -> String {
        let ids = self.drawn.iter().filter(|(name, _)| Uuid::try_parse(name).is_ok());
        ids.fold(target.to_owned(), |target, (name, drawn)| target.replace(name, drawn))
    }

    /// Whether anything was replaced.
    fn replace(&self, json: &mut Value) -> bool {
        let mut is_replaced = false;
        match json {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let drawn = value.as_str().and_then(|name| self.drawn.get(name));
                    is_replaced |= match drawn.filter(|_| NAMED.contains(&key.as_str())) {
                        Some(drawn) => {
                            *value = Value::from(drawn.as_str());
                            true
                        }
                        None => self.replace(value),
                    };
                }
            }
            Value::Array(items) => {
                for item in items {
                    is_replaced |= self.replace(item);
                }
            }
            _ => {}
        }
        is_replaced
    }

    /// Whether what came is what the transcript has.
    pub(super) fn same(&mut self, wanted: &Value, heard: &Value) -> Result<(), String> {
        self.same_at("", wanted, heard).map_err(|why| format!("{why}\n  it is   {heard}\n  and not {wanted}"))
    }

    fn same_at(&mut self, key: &str, wanted: &Value, heard: &Value) -> Result<(), String> {
        match (wanted, heard) {
            (Value::Object(wanted), Value::Object(heard)) => {
                // Browsers are told how to keep a token, which no transcript is about.
                let extra = heard.keys().find(|key| *key != "cookie" && !wanted.contains_key(*key));
                if let Some(extra) = extra {
                    return Err(format!("there is no {extra}"));
                }
                wanted.iter().try_for_each(|(key, wanted)| {
                    let heard = heard.get(key).ok_or_else(|| format!("{key} is missing"))?;
                    self.same_at(key, wanted, heard)
                })
            }
            (Value::Array(wanted), Value::Array(heard)) if wanted.len() == heard.len() => {
                wanted.iter().zip(heard).try_for_each(|(wanted, heard)| self.same_at(key, wanted, heard))
            }
            (Value::String(wanted), Value::String(heard)) if NAMED.contains(&key) => self.bind(wanted, heard),
            (Value::String(wanted), Value::String(heard)) if is_alike(key, wanted, heard) => Ok(()),
            (Value::Number(wanted), Value::Number(heard)) if key == "session_ttl" => {
                let (wanted, heard) = (wanted.as_u64().unwrap_or(0), heard.as_u64().unwrap_or(0));
                if wanted.abs_diff(heard) <= SLACK { Ok(()) } else { Err(format!("{heard} seconds")) }
            }
            (Value::String(wanted), Value::String(heard)) if key == "message" => {
                let told =
                    self.drawn.iter().fold(heard.clone(), |told, (name, drawn)| told.replace(drawn, name));
                if told == *wanted { Ok(()) } else { Err(format!("it says {heard:?}")) }
            }
            _ if wanted == heard => Ok(()),
            _ => Err(format!("{key} is {heard}, and not {wanted}")),
        }
    }
}

/// Whether two moments are moments, or two drawn ids of events ids.
fn is_alike(key: &str, wanted: &str, heard: &str) -> bool {
    match key {
        "timestamp" | "expires" => heard.parse::<Timestamp>().is_ok(),
        "id" => Uuid::try_parse(wanted).is_ok() && Uuid::try_parse(heard).is_ok(),
        _ => false,
    }
}
