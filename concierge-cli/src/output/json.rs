//! Records as JSON: `v`, `ts`, `type`, and the payload's own fields beside them. What a client sent stays byte for byte as it
//! was, but for line ends between values (a record is one line) and, on a terminal, characters that would act on it.

use concierge_client::{
    Event,
    payload::{Data, PROTOCOL_VERSION, Reply, encode},
};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde::Serialize;
use serde_json::json;

use super::{
    escape::{escape_json, one_line},
    record::Record,
};
use crate::failure::Failure;

/// The version of the form of records.
const FORM: u8 = 1;

/// A record as one line.
pub(super) fn render(record: &Record, terminal: bool) -> String {
    let line = line(&fields(record));
    let line = if terminal {
        escape_json(line.trim_end()).into_owned()
    } else {
        one_line(line.trim_end()).into_owned()
    };
    line + "\n"
}

/// Something by the way, as one line.
pub(super) fn note(message: &str) -> String {
    line(&json!({"type": "note", "message": message}).to_string())
}

/// A failure as one line.
pub(super) fn failure(failure: &Failure) -> String {
    #[derive(Serialize)]
    struct Error<'a> {
        r#type: &'static str,
        exit: u8,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
    }
    let (exit, message) = (failure.exit().code(), failure.message());
    line(&encode(&Error { r#type: "error", exit, message, hint: failure.hinted() }))
}

/// Puts `v` and `ts` before the fields of an object.
fn line(object: &str) -> String {
    let printer = DateTimePrinter::new().precision(Some(3));
    let now = printer.timestamp_to_string(&Timestamp::now());
    let fields = object.strip_prefix('{').unwrap_or(object);
    format!("{{\"v\":{FORM},\"ts\":\"{now}\",{fields}\n")
}

/// The JSON object of a record, its `type` first.
fn fields(record: &Record) -> String {
    match record {
        Record::Event(event) => event_fields(event),
        Record::Sent { target } => json!({"type": "OK", "target": target}).to_string(),
        Record::Whoami { result, url, server } => {
            let payload = encode(&Reply::from(result.clone()));
            with(&payload, &[("url", json!(url)), ("server", json!(server))])
        }
        Record::Clients(result) => encode(&Reply::from(result.clone())),
        Record::Client(result) => encode(&Reply::from(result.clone())),
        Record::Services { result, .. } => encode(&Reply::from(result.clone())),
        Record::Service { result, .. } => encode(&Reply::from(result.clone())),
        Record::ServiceCreated(result) => encode(&Reply::from(result.clone())),
        Record::ServiceDeleted(result) => encode(&Reply::from(result.clone())),
        Record::Subscribed(result) => encode(&Reply::from(result.clone())),
        Record::Unsubscribed(result) => encode(&Reply::from(result.clone())),
        Record::Pong { url, rtt } => {
            json!({"type": "pong", "url": url, "rtt_us": u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)})
                .to_string()
        }
        Record::Version => {
            json!({"type": "version", "version": env!("CARGO_PKG_VERSION"), "protocol": PROTOCOL_VERSION})
                .to_string()
        }
        Record::Gateway { url, embedded, server, clients, services } => json!({
            "type": "gateway", "url": url, "embedded": embedded, "server": server, "clients": clients,
            "services": services,
        })
        .to_string(),
    }
}

fn event_fields(event: &Event) -> String {
    #[derive(Serialize)]
    struct Raw<'a> {
        r#type: &'a str,
        raw: &'a Data,
    }
    if let Some(payload) = event.payload() {
        return encode(&payload);
    }
    match event {
        Event::Unknown { kind, raw } => {
            let raw = Data::from_json(raw.as_str()).or_else(|_| Data::from_value(raw));
            let r#type = if kind.is_empty() { "unknown" } else { kind };
            raw.map(|raw| encode(&Raw { r#type, raw: &raw })).unwrap_or_default()
        }
        Event::Lagged { missed } => json!({"type": "lagged", "missed": missed}).to_string(),
        Event::Closed(cause) => {
            let code = cause.code().map(u16::from);
            json!({"type": "closed", "code": code, "message": cause.to_string()}).to_string()
        }
        other => json!({"type": other.kind()}).to_string(),
    }
}

/// More fields at the end of an object.
fn with(object: &str, more: &[(&str, serde_json::Value)]) -> String {
    let mut text = object.strip_suffix('}').unwrap_or(object).to_owned();
    for (key, value) in more {
        text.push_str(&format!(",{}:{value}", json!(key)));
    }
    text.push('}');
    text
}
