//! What a web application says to the gateway over HTTP, and what it is answered: JSON below [`PREFIX`].
//!
//! Every request has an API key in `Authorization: Bearer …`. Keys that this version does not know are ignored in both directions.
//!
//! | request | its body | the answer's |
//! | --- | --- | --- |
//! | `POST /publish` | [`Publish`] | 200 [`Published`] |
//! | `POST /publish/batch` | an array of [`Publish`], or a line each ([`NDJSON`]) | 200 [`BatchResults`] |
//! | `PUT /events` | [`DefineEvents`] | 200 [`Defined`] |
//! | `GET /events` | | 200 [`EventList`](super::EventList) |
//! | `GET /events/{name}` | | 200 [`ListedEvent`](super::ListedEvent) |
//! | `DELETE /events/{name}` | | 204 |
//! | `GET /events/{name}/presence` | | 200 [`Presence`](super::Presence) |
//! | `POST /tokens` | [`IssueToken`] | 201 [`IssuedToken`] |
//! | `GET /sessions?user=&after=&limit=` | | 200 [`SessionList`] |
//! | `DELETE /sessions/{id}` | | 204 |
//! | `DELETE /users/{id}/sessions` | | 200 [`Concerned`] |
//! | `POST /users/{id}/grants` | [`ChangeGrants`] | 200 [`Concerned`] |
//! | `POST /subscriptions` | [`SubscribeUser`] | 200 [`Concerned`] |
//! | `GET /openapi.json` | | 200 the same as this table, for programs |
//!
//! What is not done is answered with a [`Problem`] and its [code](Problem::code).

mod problem;
mod publish;
mod registry;
mod session;
mod token;

pub use problem::{Problem, ProblemStatus};
pub use publish::{BatchResult, BatchResults, Publish, Published};
pub use registry::{DefineEvents, Defined};
pub use session::{ChangeGrants, Concerned, SessionInfo, SessionList, SubscribeUser};
pub use token::{IssueToken, IssuedToken};

/// What the path of every request begins with.
pub const PREFIX: &str = "/api/v1";

/// The type of a body that has one JSON object on each line.
pub const NDJSON: &str = "application/x-ndjson";

/// The most events of a batch.
pub const MAX_BATCH: usize = 1_000;

/// The longest that a token may wait to be used, in seconds.
pub const MAX_TOKEN_TTL: u64 = 86_400;

/// The most sessions of an answer.
pub const MAX_SESSIONS: u32 = 1_000;

/// How many sessions there are in an answer when nobody says.
pub const USUAL_SESSIONS: u32 = 100;
