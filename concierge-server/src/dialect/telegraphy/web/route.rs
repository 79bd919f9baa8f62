//! What stands at which path, for which method.

use std::borrow::Cow;

use concierge_client::telegraphy::{
    EventName, UserId,
    web::{PREFIX, Problem, ProblemStatus},
};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::answer::Answer;
use crate::events::record::SessionId;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /openapi.json`
    Description,
    /// `POST /publish`
    Publish,
    /// `POST /publish/batch`
    PublishBatch,
    /// `PUT /events`
    Define,
    /// `GET /events`
    Events,
    /// `GET /events/{name}`
    Event(EventName),
    /// `DELETE /events/{name}`
    Undefine(EventName),
    /// `GET /events/{name}/presence`
    Presence(EventName),
    /// `POST /tokens`
    Issue,
    /// `GET /sessions`
    Sessions,
    /// `DELETE /sessions/{id}`
    End(SessionId),
    /// `DELETE /users/{id}/sessions`
    EndAll(UserId),
    /// `POST /users/{id}/grants`
    Grant(UserId),
    /// `POST /subscriptions`
    Subscribe,
}

impl Route {
    /// What is at a path for a method. `HEAD` asks for the head of what `GET` would bring.
    ///
    /// # Errors
    ///
    /// The answer, when there is nothing.
    pub fn find(method: &str, path: &str) -> Result<Self, Answer> {
        let below = path.strip_prefix(PREFIX).and_then(|path| path.strip_prefix('/'));
        let segments: Vec<_> = below.ok_or_else(nothing)?.split('/').collect();
        let method = if method == "HEAD" { "GET" } else { method };
        match (&*segments, method) {
            (["openapi.json"], "GET") => Ok(Self::Description),
            (["publish"], "POST") => Ok(Self::Publish),
            (["publish", "batch"], "POST") => Ok(Self::PublishBatch),
            (["events"], "GET") => Ok(Self::Events),
            (["events"], "PUT") => Ok(Self::Define),
            (["events", name], "GET") => named(name).map(Self::Event),
            (["events", name], "DELETE") => named(name).map(Self::Undefine),
            (["events", name, "presence"], "GET") => named(name).map(Self::Presence),
            (["tokens"], "POST") => Ok(Self::Issue),
            (["sessions"], "GET") => Ok(Self::Sessions),
            (["sessions", id], "DELETE") => session(id).map(Self::End),
            (["users", user, "sessions"], "DELETE") => named(user).map(Self::EndAll),
            (["users", user, "grants"], "POST") => named(user).map(Self::Grant),
            (["subscriptions"], "POST") => Ok(Self::Subscribe),
            (["openapi.json" | "sessions"] | ["events", _, "presence"], _) => Err(not_allowed("GET, HEAD")),
            (["publish" | "tokens" | "subscriptions"] | ["publish", "batch"] | ["users", _, "grants"], _) => {
                Err(not_allowed("POST"))
            }
            (["events"], _) => Err(not_allowed("GET, HEAD, PUT")),
            (["events", _], _) => Err(not_allowed("GET, HEAD, DELETE")),
            (["sessions", _] | ["users", _, "sessions"], _) => Err(not_allowed("DELETE")),
            _ => Err(nothing()),
        }
    }

    /// A word for it, for metrics: the path without the names in it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Description => "openapi",
            Self::Publish => "publish",
            Self::PublishBatch => "publish_batch",
            Self::Define => "define_events",
            Self::Events => "list_events",
            Self::Event(_) => "show_event",
            Self::Undefine(_) => "remove_event",
            Self::Presence(_) => "presence",
            Self::Issue => "issue_token",
            Self::Sessions => "list_sessions",
            Self::End(_) => "end_session",
            Self::EndAll(_) => "end_sessions_of_user",
            Self::Grant(_) => "change_grants",
            Self::Subscribe => "subscribe_user",
        }
    }
}

/// A name in a path. What cannot be one is nowhere.
fn named<N: for<'t> TryFrom<&'t str, Error: ToString>>(segment: &str) -> Result<N, Answer> {
    N::try_from(&*decoded(segment)?)
        .map_err(|error| Problem::new(ProblemStatus::NotFound, error.to_string()).into())
}

fn session(segment: &str) -> Result<SessionId, Answer> {
    let id = Uuid::try_parse(&decoded(segment)?).map_err(|_| {
        Problem::new(ProblemStatus::UnknownSession, "the id of a session is a UUID, as GET /sessions has it")
    })?;
    Ok(SessionId(id))
}

/// A part of a path, of which whoever asks may have encoded more than must be.
fn decoded(segment: &str) -> Result<Cow<'_, str>, Answer> {
    percent_decode_str(segment).decode_utf8().map_err(|_| nothing())
}

fn nothing() -> Answer {
    let message = format!("nothing is here: {PREFIX}/openapi.json has what there is");
    Problem::new(ProblemStatus::NotFound, message).into()
}

fn not_allowed(methods: &'static str) -> Answer {
    let problem = Problem::new(ProblemStatus::MethodNotAllowed, format!("the methods here are {methods}"));
    Answer { allow: Some(methods), ..problem.into() }
}
