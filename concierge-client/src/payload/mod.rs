//! The contract: every payload of the `ert-concierge` protocol, in both directions, as types.
//!
//! No IO, no clock, no randomness. Each payload's documentation shows its JSON, and a doc-test round-trips it, so the
//! documentation is the contract. What a payload *means* is decided elsewhere: by the gateway's hub and by the SDK's
//! session.
//!
//! | direction | type | decoded by |
//! | --- | --- | --- |
//! | client to gateway | [`AnyRequest`] | [`Envelope::parse`], then [`Envelope::decode`] |
//! | gateway to client | [`Incoming`]: [`Hello`], [`Reply`] or [`Event`] | [`Incoming::decode`], or [`Recurring`] for one connection |
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod close;
pub(crate) mod close_codes;
mod codec;
mod data;
mod entity;
mod event;
mod extension;
mod fields;
mod incoming;
mod message;
pub(crate) mod name;
mod recurring;
mod rejection;
mod reply;
mod request;
mod secret;
mod seq;
mod usual;

pub use close::CloseCode;
pub use codec::{DecodeError, Envelope};
pub use data::{Data, DataError};
pub use entity::{Client, Origin, Service};
pub use event::Event;
pub use extension::{Feature, Features, Intent, Intents, Limits};
pub use incoming::Incoming;
pub use message::{Message, MessageEncoder, SendMessage, Target};
pub use name::{ClientName, InvalidName, Nickname, ServiceName, Tag, Tags};
pub use recurring::Recurring;
pub use rejection::Rejection;
pub use reply::{
    Acknowledged, ClientFetchAllResult, ClientFetchResult, Hello, Reply, SelfFetchResult,
    SelfSubscribeResult, SelfUnsubscribeResult, ServiceCreateResult, ServiceDeleteResult,
    ServiceFetchAllResult, ServiceFetchResult,
};
pub use request::{
    AnyRequest, ClientFetch, ClientFetchAll, Identify, Request, RequestKind, SelfFetch, SelfSetSeq,
    SelfSubscribe, SelfUnsubscribe, ServiceCreate, ServiceDelete, ServiceFetch, ServiceFetchAll,
};
pub use secret::Secret;
pub use seq::{Seq, SeqTooLarge};

use std::fmt::Write as _;

use serde::Serialize;

/// The version of the protocol, as `IDENTIFY` and `HELLO` carry it. Never a crate's version.
pub const PROTOCOL_VERSION: &str = "0.2.0";

/// The WebSocket subprotocol of [RFC 6455, section 1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9) that both
/// sides name in the handshake.
pub const SUBPROTOCOL: &str = "ert-concierge";

/// The port a gateway listens on when nothing else was said.
pub const DEFAULT_PORT: u16 = 64209;

/// The JSON of a payload, as it goes over the wire: compact, raw UTF-8, fields in the order of the protocol.
///
/// # Panics
///
/// When the value's own `Serialize` fails, which those of this module never do.
///
/// # Example
///
/// ```
/// use concierge_client::payload::{SelfFetch, encode};
/// assert_eq!(encode(&SelfFetch {}), r#"{"type":"SELF_FETCH"}"#);
/// ```
pub fn encode<P: Serialize + ?Sized>(payload: &P) -> String {
    let mut text = Vec::with_capacity(USUAL_BYTES);
    write(&mut text, payload);
    finish(text)
}

/// What most payloads fit into.
const USUAL_BYTES: usize = 128;

fn write<P: Serialize + ?Sized>(text: &mut Vec<u8>, payload: &P) {
    serde_json::to_writer(text, payload).expect("payloads have string keys and serialize without failing");
}

fn finish(text: Vec<u8>) -> String {
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// The JSON of an answer: `seq` first, then the payload's own fields.
///
/// # Example
///
/// ```
/// use concierge_client::payload::{Reply, Seq, encode_sequenced};
/// assert_eq!(encode_sequenced(Seq::ZERO.next(), &Reply::Ok), r#"{"seq":1,"type":"OK"}"#);
/// ```
pub fn encode_sequenced(seq: Seq, reply: &Reply) -> String {
    if matches!(reply, Reply::Ok) {
        let mut text = String::with_capacity(USUAL_BYTES);
        write_ok(&mut text, seq);
        return text;
    }
    let mut text = Vec::with_capacity(USUAL_BYTES);
    text.extend_from_slice(b"{\"seq\":");
    write(&mut text, &seq);
    let end = text.len();
    write(&mut text, reply);
    // The number goes on where the payload's own object began.
    if let Some(brace) = text.get_mut(end) {
        *brace = b',';
    }
    finish(text)
}

/// Writes [`Reply::Ok`] at the end of a text: by far the most frequent answer.
///
/// # Example
///
/// ```
/// use concierge_client::payload::{Reply, Seq, encode_sequenced, write_ok};
/// let mut text = String::new();
/// write_ok(&mut text, Seq::MAX);
/// assert_eq!(text, encode_sequenced(Seq::MAX, &Reply::Ok));
/// ```
pub fn write_ok(text: &mut String, seq: Seq) {
    write!(text, r#"{{"seq":{seq},"type":"OK"}}"#).expect("a text takes whatever is written to it");
}
