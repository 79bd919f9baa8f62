//! Records as JSON: `v`, `ts`, `type`, and the payload's own fields beside them. What a client sent stays byte for byte as it
//! was, but for line ends between values (a record is one line) and, on a terminal, characters that would act on it.

use concierge_client::payload::{Reply, encode};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde_json::{Value, json};

use super::{
    escape::{escape_json, one_line},
    length::bounded,
};
use crate::failure::Failure;

/// The version of the form of records.
pub(super) const FORM: u8 = 1;

/// An object of a type that is none of the protocol's.
pub(crate) fn object(kind: &str, fields: &[(&str, Value)]) -> String {
    with(&format!("{{\"type\":{}}}", json!(kind)), fields)
}

/// More fields at the end of an object.
pub(crate) fn with(object: &str, more: &[(&str, Value)]) -> String {
    let start = object.strip_suffix('}').unwrap_or(object).to_owned();
    more.iter().fold(start, |text, (key, value)| format!("{text},{}:{value}", json!(key))) + "}"
}

/// A gateway's answer as it is on the wire, without its number.
pub(super) fn reply(reply: impl Into<Reply>) -> String {
    encode(&reply.into())
}

/// An object as one line.
pub(super) fn line(object: &str, terminal: bool) -> String {
    shown(&document(object), terminal) + "\n"
}

/// JSON on one line, and on a terminal without what would act on it.
pub(super) fn shown(json: &str, terminal: bool) -> String {
    if terminal { escape_json(json).into_owned() } else { one_line(json).into_owned() }
}

/// Something by the way, as one line.
pub(super) fn note(message: &str, terminal: bool) -> String {
    line(&object("note", &[("message", json!(bounded(message)))]), terminal)
}

/// A failure as one line.
pub(super) fn failure(failure: &Failure, terminal: bool) -> String {
    let mut fields =
        vec![("exit", json!(failure.exit().code())), ("message", json!(bounded(failure.message())))];
    fields.extend(failure.hinted().map(|hint| ("hint", json!(bounded(hint)))));
    line(&object("error", &fields), terminal)
}

/// An object with `v` and `ts` before its own fields.
pub(crate) fn document(object: &str) -> String {
    let fields = object.strip_prefix('{').unwrap_or(object);
    format!("{{\"v\":{FORM},\"ts\":\"{}\",{fields}", now())
}

/// The time as records have it: RFC 3339, in milliseconds.
pub(crate) fn now() -> String {
    DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&Timestamp::now())
}
