//! Records as JSON: `v`, `ts`, `type`, and the payload's own fields beside them. What a client sent stays byte for byte as it
//! was, but for line ends between values (a record is one line) and, on a terminal, characters that would act on it.

use concierge_client::{
    Event,
    payload::{Data, PROTOCOL_VERSION, Reply, Target, encode},
};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    escape::{escape_json, one_line},
    record::Record,
};
use crate::failure::Failure;

/// The version of the form of records.
const FORM: u8 = 1;

/// The gateway's answer to a message, with whom that was for.
#[derive(Serialize)]
struct Sent<'a> {
    r#type: &'static str,
    target: &'a Target,
}

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
    line(&object("note", &[("message", json!(message))]))
}

/// A failure as one line.
pub(super) fn failure(failure: &Failure) -> String {
    let mut fields = vec![("exit", json!(failure.exit().code())), ("message", json!(failure.message()))];
    fields.extend(failure.hinted().map(|hint| ("hint", json!(hint))));
    line(&object("error", &fields))
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
        Record::Sent { target } => encode(&Sent { r#type: "OK", target }),
        Record::Whoami { result, url, server } => {
            with(&encode(&Reply::from(result.clone())), &[("url", json!(url)), ("server", json!(server))])
        }
        Record::Clients(result) => encode(&Reply::from(result.clone())),
        Record::Client(result) => encode(&Reply::from(result.clone())),
        Record::Services { result, .. } => encode(&Reply::from(result.clone())),
        Record::Service { result, .. } => encode(&Reply::from(result.clone())),
        Record::ServiceCreated { result, .. } => encode(&Reply::from(result.clone())),
        Record::ServiceDeleted(result) => encode(&Reply::from(result.clone())),
        Record::Subscribed(result) => encode(&Reply::from(result.clone())),
        Record::Unsubscribed(result) => encode(&Reply::from(result.clone())),
        Record::Pong { url, rtt } => {
            let microseconds = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
            object("pong", &[("url", json!(url)), ("rtt_us", json!(microseconds))])
        }
        Record::Version => object(
            "version",
            &[("version", json!(env!("CARGO_PKG_VERSION"))), ("protocol", json!(PROTOCOL_VERSION))],
        ),
        Record::Gateway { url, embedded, server, clients, services } => object(
            "gateway",
            &[
                ("url", json!(url)),
                ("embedded", json!(embedded)),
                ("server", json!(server)),
                ("clients", json!(clients)),
                ("services", json!(services)),
            ],
        ),
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
        Event::Lagged { missed } => object("lagged", &[("missed", json!(missed))]),
        Event::Closed(cause) => {
            let code = cause.code().map(u16::from);
            object("closed", &[("code", json!(code)), ("message", json!(cause.to_string()))])
        }
        other => object(other.kind().unwrap_or("unknown"), &[]),
    }
}

/// An object of a type that is none of the protocol's.
fn object(kind: &str, fields: &[(&str, Value)]) -> String {
    with(&format!("{{\"type\":{}}}", json!(kind)), fields)
}

/// More fields at the end of an object.
fn with(object: &str, more: &[(&str, Value)]) -> String {
    let start = object.strip_suffix('}').unwrap_or(object).to_owned();
    more.iter().fold(start, |text, (key, value)| format!("{text},{}:{value}", json!(key))) + "}"
}
