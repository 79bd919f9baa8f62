//! Decoding what a gateway sends.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use super::{
    codec::DecodeError,
    entity::{Client, Service},
    event::Event,
    reply::{Hello, Reply},
    seq::Seq,
};

/// Any payload of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming {
    /// The answer to `IDENTIFY`.
    Hello(Hello),
    /// The answer to the request of this number.
    Reply {
        /// The request's number.
        seq: Seq,
        /// What it is answered with.
        reply: Reply,
    },
    /// What answers nothing.
    Event(Event),
    /// A `type` this version does not know, or one it knows as an answer without the number an answer has.
    Unknown {
        /// Its `type`.
        kind: String,
        /// Its number, when it has one: then it answers a request.
        seq: Option<Seq>,
    },
}

/// What is looked at first: the rest depends on it.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    seq: Option<Seq>,
}

/// The fields of those payloads that are no types of their own.
#[derive(Deserialize)]
struct Described<T> {
    desc: T,
}

#[derive(Deserialize)]
struct About {
    client: Client,
}

#[derive(Deserialize)]
struct Subscription {
    client: Client,
    service: Service,
}

#[derive(Deserialize)]
struct UnknownName {
    name: String,
}

#[derive(Deserialize)]
struct UnknownUuid {
    uuid: Uuid,
}

#[derive(Deserialize)]
struct UnknownService {
    service: String,
}

impl Incoming {
    /// Decodes a text payload of a gateway. Unknown fields are ignored, unknown types are [`Incoming::Unknown`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is not a JSON object with a string `type`, or lacks a field its type has.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let head: Head<'_> = read("payload", text)?;
        let kind = head.kind.as_ref();
        if kind == "HELLO" {
            return read(kind, text).map(Self::Hello);
        }
        let known = match head.seq {
            Some(seq) => decode_reply(kind, text)?.map(|reply| Self::Reply { seq, reply }),
            None => decode_event(kind, text)?.map(Self::Event),
        };
        Ok(known.unwrap_or_else(|| Self::Unknown { kind: kind.to_owned(), seq: head.seq }))
    }
}

fn decode_reply(kind: &str, text: &str) -> Result<Option<Reply>, DecodeError> {
    Ok(Some(match kind {
        "OK" => Reply::Ok,
        "BAD" => {
            #[derive(Deserialize)]
            struct Bad {
                #[serde(default)]
                desc: Option<String>,
            }
            Reply::Bad { desc: read::<Bad>(kind, text)?.desc }
        }
        "SELF_SUBSCRIBE_RESULT" => Reply::SelfSubscribeResult(read(kind, text)?),
        "SELF_UNSUBSCRIBE_RESULT" => Reply::SelfUnsubscribeResult(read(kind, text)?),
        "SELF_FETCH_RESULT" => Reply::SelfFetchResult(read(kind, text)?),
        "SERVICE_CREATE_RESULT" => Reply::ServiceCreateResult(read(kind, text)?),
        "SERVICE_DELETE_RESULT" => Reply::ServiceDeleteResult(read(kind, text)?),
        "SERVICE_FETCH_RESULT" => Reply::ServiceFetchResult(read(kind, text)?),
        "SERVICE_FETCH_ALL_RESULT" => Reply::ServiceFetchAllResult(read(kind, text)?),
        "CLIENT_FETCH_RESULT" => Reply::ClientFetchResult(read(kind, text)?),
        "CLIENT_FETCH_ALL_RESULT" => Reply::ClientFetchAllResult(read(kind, text)?),
        "ERROR_INTERNAL" => Reply::ErrorInternal { desc: read::<Described<_>>(kind, text)?.desc },
        "ERROR_UNSUPPORTED" => Reply::ErrorUnsupported,
        "ERROR_PROTOCOL" => Reply::ErrorProtocol { desc: read::<Described<_>>(kind, text)?.desc },
        "INVALID_NAME" => Reply::InvalidName { name: read::<UnknownName>(kind, text)?.name },
        "INVALID_UUID" => Reply::InvalidUuid { uuid: read::<UnknownUuid>(kind, text)?.uuid },
        "INVALID_SERVICE" => Reply::InvalidService { service: read::<UnknownService>(kind, text)?.service },
        _ => return Ok(None),
    }))
}

fn decode_event(kind: &str, text: &str) -> Result<Option<Event>, DecodeError> {
    Ok(Some(match kind {
        "MESSAGE" => Event::Message(read(kind, text)?),
        "CLIENT_JOINED" => Event::ClientJoined { client: read::<About>(kind, text)?.client },
        "CLIENT_LEFT" => Event::ClientLeft { client: read::<About>(kind, text)?.client },
        "SERVICE_CREATE_RESULT" => Event::ServiceCreateResult(read(kind, text)?),
        "SERVICE_DELETE_RESULT" => Event::ServiceDeleteResult(read(kind, text)?),
        "SERVICE_CLIENT_SUBSCRIBED" => {
            let Subscription { client, service } = read(kind, text)?;
            Event::ServiceClientSubscribed { client, service }
        }
        "SERVICE_CLIENT_UNSUBSCRIBED" => {
            let Subscription { client, service } = read(kind, text)?;
            Event::ServiceClientUnsubscribed { client, service }
        }
        _ => return Ok(None),
    }))
}

/// Reads fields from a text. Only when that fails is it read again, to learn where.
fn read<'a, T: Deserialize<'a>>(kind: &str, text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| {
        let deserializer = &mut serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(deserializer) {
            Err(located) => DecodeError::in_payload(kind, &located.path().to_string(), &located.into_inner()),
            Ok(_) => DecodeError::in_payload(kind, "", &error),
        }
    })
}
