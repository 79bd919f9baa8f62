//! From the bodies of requests to questions.

use std::time::Duration;

use concierge_client::{
    payload::{Data, Secret},
    telegraphy::{
        UserId,
        web::{
            ChangeGrants, DefineEvents, IssueToken, MAX_SESSIONS, MAX_TOKEN_TTL, NDJSON, Problem,
            ProblemStatus, Publish, USUAL_SESSIONS,
        },
    },
};
use data_encoding::BASE64URL_NOPAD;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_path_to_error::{Path, Segment};
use uuid::{Builder, Uuid};

use super::{answer::Expected, batch, query, route::Route};
use crate::events::{self, Question, record::SessionId};

/// What of the head of a request matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head<'h> {
    /// What follows the path.
    pub query: Option<&'h str>,
    /// `Content-Type`
    pub content_type: Option<&'h str>,
    /// `Content-Encoding`
    pub content_encoding: Option<&'h str>,
}

/// What a request asks.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Nothing of the core: for [`DESCRIPTION`](super::DESCRIPTION).
    Description,
    /// This, and what becomes of the reply.
    One(Box<Question>, Expected),
    /// That each of these is published, in this order, as far as it is an event.
    Batch(Vec<Result<Question, Problem>>),
}

/// The most bytes of what is told about an event.
const META_BYTES: usize = 8 * 1024;
/// The most bytes of a batch, or of the events of a source.
const LARGE_BODY: usize = 8 * 1024 * 1024;
/// The most bytes of a token's grants, and of anything else that is kept.
const SMALL_BODY: usize = 64 * 1024;
/// The longest name of a source, in characters.
const SOURCE_CHARACTERS: usize = 200;
/// The longest origin, in bytes.
const ORIGIN_BYTES: usize = 1024;
/// How much of a text from elsewhere an error repeats, in characters.
const QUOTED_CHARACTERS: usize = 64;

impl Route {
    /// The most bytes of its body, where events have at most so many; none when it takes no body.
    pub fn most_bytes(&self, event_bytes: usize) -> Option<usize> {
        match self {
            Self::Publish => Some(event_bytes.saturating_mul(2).saturating_add(META_BYTES + SMALL_BODY)),
            Self::PublishBatch | Self::Define => Some(LARGE_BODY),
            Self::Issue | Self::Grant(_) | Self::Subscribe => Some(SMALL_BODY),
            Self::Description
            | Self::Events
            | Self::Event(_)
            | Self::Undefine(_)
            | Self::Presence(_)
            | Self::Sessions
            | Self::End(_)
            | Self::EndAll(_) => None,
        }
    }

    /// The answer to a body that has more.
    pub fn too_large(most_bytes: usize) -> Problem {
        Problem::new(ProblemStatus::TooLarge, format!("the body has at most {most_bytes} bytes here"))
    }

    /// Whether it takes a body of this type. One whose type nobody says is JSON.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn check(&self, head: Head<'_>) -> Result<(), Problem> {
        let refuse = |message: String| Err(Problem::new(ProblemStatus::UnsupportedMediaType, message));
        if self.most_bytes(0).is_none() {
            return Ok(());
        }
        if head.content_encoding.is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
            return refuse("bodies are taken as they are, without a Content-Encoding".to_owned());
        }
        let Some(given) = head.essence() else { return Ok(()) };
        let is_batch = *self == Self::PublishBatch;
        if given.eq_ignore_ascii_case("application/json") || (is_batch && head.is_of_lines()) {
            return Ok(());
        }
        let lines = if is_batch { format!(" or {NDJSON}") } else { String::new() };
        let given: String = given.chars().take(QUOTED_CHARACTERS).flat_map(char::escape_debug).collect();
        refuse(format!("Content-Type is application/json{lines} here, not '{given}'"))
    }

    /// What is asked. Random bytes are for a token, or for the ids of events that have none.
    ///
    /// # Errors
    ///
    /// When the request is not what it should be.
    pub fn read(
        self,
        head: Head<'_>,
        body: &[u8],
        random: &mut dyn FnMut() -> [u8; 32],
    ) -> Result<Asked, Problem> {
        let (question, expected) = match self {
            Self::Description => return Ok(Asked::Description),
            Self::PublishBatch => {
                let items = if head.is_of_lines() { batch::lines(body) } else { batch::array(body) }?;
                return Ok(Asked::Batch(items.into_iter().map(|item| publish(item, random)).collect()));
            }
            Self::Publish => (publish(body, random)?, Expected::Published),
            Self::Define => (define(body)?, Expected::Defined),
            Self::Events => (Question::Events, Expected::Events),
            Self::Event(name) => (Question::Event(name), Expected::Event),
            Self::Undefine(name) => (Question::Undefine(name), Expected::Undefined),
            Self::Presence(name) => (Question::Presence(name), Expected::Presence),
            Self::Issue => {
                let token = Secret::from(BASE64URL_NOPAD.encode(&random()));
                (issue(body, token.clone())?, Expected::Token(token))
            }
            Self::Sessions => (sessions(head.query)?, Expected::Sessions),
            Self::End(session) => (Question::End(session), Expected::Ended),
            Self::EndAll(user) => (Question::EndAll(user), Expected::Concerned),
            Self::Grant(user) => {
                let ChangeGrants { grants } = read_object(body)?;
                (Question::Grant { user, grants }, Expected::Concerned)
            }
            Self::Subscribe => {
                // One after the other: of what is flattened it is not said where something is wrong.
                let Whose { user } = read_object(body)?;
                let subscribe = read_object(body)?;
                (Question::Subscribe { user, subscribe }, Expected::Concerned)
            }
        };
        Ok(Asked::One(Box::new(question), expected))
    }
}

impl<'h> Head<'h> {
    /// The type without what is said about it.
    fn essence(self) -> Option<&'h str> {
        let essence = self.content_type?.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then_some(essence)
    }

    fn is_of_lines(self) -> bool {
        self.essence().is_some_and(|essence| essence.eq_ignore_ascii_case(NDJSON))
    }
}

/// The other part of a [`SubscribeUser`](concierge_client::telegraphy::web::SubscribeUser).
#[derive(Deserialize)]
struct Whose {
    user: UserId,
}

fn publish(body: &[u8], random: &mut dyn FnMut() -> [u8; 32]) -> Result<Question, Problem> {
    let Publish { event, data, meta, id, ttl, previous } = read_object(body)?;
    if !meta.is_empty() {
        let meta = Data::from_value(&meta).map_err(|error| invalid("meta", error.to_string()))?;
        meta.check().map_err(|error| invalid("meta", error.to_string()))?;
        if meta.as_str().len() > META_BYTES {
            return Err(invalid("meta", format!("it has at most {META_BYTES} bytes")));
        }
    }
    let ttl = ttl.map(Duration::from_secs);
    let fresh_id = fresh_id(random());
    Ok(Question::Publish(events::Publish { event, data, meta, id, ttl, previous, fresh_id }))
}

fn fresh_id(random: [u8; 32]) -> Uuid {
    let (bytes, _) = random.split_first_chunk().unwrap_or((&[0; 16], &[]));
    Builder::from_random_bytes(*bytes).into_uuid()
}

fn define(body: &[u8]) -> Result<Question, Problem> {
    let DefineEvents { source, events } = read_object(body)?;
    let characters = source.chars().count();
    if characters == 0 || characters > SOURCE_CHARACTERS || source.chars().any(char::is_control) {
        let rule = format!("it takes 1 to {SOURCE_CHARACTERS} characters, none of them a control character");
        return Err(invalid("source", rule));
    }
    Ok(Question::Define { source, definitions: events })
}

fn issue(body: &[u8], token: Secret) -> Result<Question, Problem> {
    let IssueToken { user, grants, ip, origin, ttl } = read_object(body)?;
    if ttl.is_some_and(|ttl| ttl == 0 || ttl > MAX_TOKEN_TTL) {
        return Err(invalid("ttl", format!("it takes 1 to {MAX_TOKEN_TTL} seconds")));
    }
    if origin.as_ref().is_some_and(|origin| origin.len() > ORIGIN_BYTES) {
        return Err(invalid("origin", format!("it has at most {ORIGIN_BYTES} bytes")));
    }
    Ok(Question::Issue { token, user, grants, host: ip, origin, ttl: ttl.map(Duration::from_secs) })
}

fn sessions(query: Option<&str>) -> Result<Question, Problem> {
    let user = query::value(query, "user").map(|user| UserId::new(&*user)).transpose();
    let user = user.map_err(|error| invalid("user", error.to_string()))?;
    let after = query::value(query, "after").map(|after| Uuid::try_parse(&after)).transpose();
    let after = after.map_err(|_| invalid("after", "it takes the id of a session, which is a UUID"))?;
    let limit = query::value(query, "limit").map(|limit| limit.parse()).transpose();
    let limit = limit.ok().filter(|limit| limit.is_none_or(|limit| (1..=MAX_SESSIONS).contains(&limit)));
    let limit = limit.ok_or_else(|| invalid("limit", format!("it takes 1 to {MAX_SESSIONS}")))?;
    let limit = usize::try_from(limit.unwrap_or(USUAL_SESSIONS)).unwrap_or(usize::MAX);
    Ok(Question::Sessions { user, after: after.map(SessionId), limit })
}

/// Reads a body that must be an object: what is derived would take an array too.
fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let begins = body.trim_ascii_start().first();
    if begins.is_some_and(|byte| *byte != b'{') {
        read::<IgnoredAny>(body)?;
        return Err(invalid("", "expected an object"));
    }
    read(body)
}

/// Reads a body: one that is no JSON is told from one that is not what was asked for.
pub(super) fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Problem> {
    if is_blank(body) {
        return Err(Problem::new(ProblemStatus::InvalidMessage, "the body is empty: it takes JSON"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() { invalid(place(error.path()), plain(inner)) } else { not_json(inner) }
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

pub(super) fn is_blank(body: &[u8]) -> bool {
    body.trim_ascii().is_empty()
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(ProblemStatus::InvalidMessage, format!("not JSON: {error}"))
}

fn invalid(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem::new(ProblemStatus::InvalidMessage, message).at(path)
}

/// Names and numbers with dots between them, as paths in filters are.
fn place(path: &Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.chars().take(QUOTED_CHARACTERS).collect()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    });
    segments.collect::<Vec<_>>().join(".")
}

/// What a parser says, without where.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
