//! Records as JSON: `v`, `ts`, `type`, and the payload's own fields beside them. What a client sent stays byte for byte as it
//! was, but for line ends between values (a record is one line) and, on a terminal, characters that would act on it.

use std::{borrow::Cow, fmt::Write as _};

use concierge_client::payload::{Reply, encode};
use serde_json::{Value, json};

use super::{
    escape::{escape_json, one_line},
    length::bounded,
    time::now,
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
    let mut text = String::new();
    push_line(&mut text, object, terminal);
    text
}

/// Adds an object as one line.
pub(super) fn push_line(text: &mut String, object: &str, terminal: bool) {
    // What is put before it has nothing to escape.
    push_document(text, &in_line(object, terminal));
    text.push('\n');
}

/// JSON on one line, and on a terminal without what would act on it.
pub(super) fn shown(json: &str, terminal: bool) -> String {
    in_line(json, terminal).into_owned()
}

fn in_line(json: &str, terminal: bool) -> Cow<'_, str> {
    if terminal { escape_json(json) } else { one_line(json) }
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
    let mut text = String::new();
    push_document(&mut text, object);
    text
}

fn push_document(text: &mut String, object: &str) {
    let fields = object.strip_prefix('{').unwrap_or(object);
    // A text takes whatever is written to it.
    let _ = write!(text, "{{\"v\":{FORM},\"ts\":\"{}\",{fields}", now());
}
