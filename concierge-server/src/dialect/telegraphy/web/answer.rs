//! From the core's replies to what HTTP says.

use concierge_client::{
    payload::{Secret, encode},
    telegraphy::{
        EventList,
        web::{
            self, BatchResult, BatchResults, Concerned, IssuedToken, Problem, ProblemStatus, SessionInfo,
            SessionList,
        },
    },
};
use serde::Serialize;

use crate::events::{Refusal, Reply, SessionView, record::NotStored};

/// When a store that is busy may have room again, in seconds.
const SOON: u64 = 1;

/// What a request is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// JSON; empty when there is nothing to say.
    pub body: String,
    /// The methods there are, when it was another one.
    pub allow: Option<&'static str>,
    /// When to try again, in seconds.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// An answer of this body.
    pub fn json(code: u16, body: &(impl Serialize + ?Sized)) -> Self {
        Self { code, body: encode(body), ..Self::default() }
    }

    fn empty() -> Self {
        Self { code: 204, ..Self::default() }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self { retry_after: problem.retry_after, ..Self::json(problem.code(), &problem) }
    }
}

/// What the reply to a question is made into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The place of an event.
    Published,
    /// What a set of definitions changed.
    Defined,
    /// That an event is registered no more.
    Undefined,
    /// Every event.
    Events,
    /// One event.
    Event,
    /// This token. It is told here, and nowhere else.
    Token(Secret),
    /// Sessions.
    Sessions,
    /// That there was such a session.
    Ended,
    /// How many sessions there were.
    Concerned,
    /// Who listens.
    Presence,
}

impl Expected {
    /// The answer.
    pub fn answer(self, reply: Reply) -> Answer {
        match (self, reply) {
            (_, Reply::Refused(refusal)) => problem(refusal).into(),
            (Self::Published, reply @ Reply::Published { .. }) => match result(reply) {
                BatchResult::Published(published) => Answer::json(200, &published),
                BatchResult::Refused(problem) => problem.into(),
            },
            (Self::Defined, Reply::Defined(defined)) => {
                let crate::events::Defined { added, changed, removed } = defined;
                Answer::json(200, &web::Defined { added, changed, removed })
            }
            (Self::Event, Reply::Events(events)) if events.len() == 1 => {
                events.first().map_or_else(Answer::empty, |event| Answer::json(200, event))
            }
            (Self::Events, Reply::Events(events)) => Answer::json(200, &EventList { events, after: None }),
            (Self::Token(token), Reply::Issued { expires }) => {
                Answer::json(201, &IssuedToken { token, expires })
            }
            (Self::Sessions, Reply::Sessions { sessions, is_more }) => {
                let sessions: Vec<_> = sessions.into_iter().map(shown).collect();
                let last = sessions.last().filter(|_| is_more);
                let after = last.map(|last| last.session.clone());
                Answer::json(200, &SessionList { sessions, after })
            }
            (Self::Ended, Reply::Concerned(0)) => {
                Problem::new(ProblemStatus::UnknownSession, "there is no such session").into()
            }
            (Self::Undefined, Reply::Defined(_)) | (Self::Ended, Reply::Concerned(_)) => Answer::empty(),
            (Self::Concerned, Reply::Concerned(sessions)) => {
                let sessions = u64::try_from(sessions).unwrap_or(u64::MAX);
                Answer::json(200, &Concerned { sessions })
            }
            (Self::Presence, Reply::Presence(presence)) => Answer::json(200, &presence),
            (expected, _) => unexpected(&expected).into(),
        }
    }
}

/// What became of an event of a batch.
pub fn result(reply: Reply) -> BatchResult {
    match reply {
        Reply::Published { position, is_duplicate } => BatchResult::Published(web::Published {
            epoch: position.epoch,
            offset: position.offset,
            duplicate: is_duplicate,
        }),
        Reply::Refused(refusal) => BatchResult::Refused(problem(refusal)),
        _ => BatchResult::Refused(unexpected(&Expected::Published)),
    }
}

/// The answer to a batch.
pub fn results(results: Vec<BatchResult>) -> Answer {
    Answer::json(200, &BatchResults { results })
}

fn shown(session: SessionView) -> SessionInfo {
    SessionInfo {
        session: session.id.to_string().into(),
        user: session.user,
        connection: session.connection.map(|connection| connection.to_string()),
        subscriptions: u64::try_from(session.subscriptions).unwrap_or(u64::MAX),
        expires: session.expires,
    }
}

fn problem(refusal: Refusal) -> Problem {
    let message = refusal.to_string();
    let problem = |status| Problem::new(status, message.clone());
    match refusal {
        Refusal::UnknownEvent(_) => problem(ProblemStatus::UnknownEvent),
        Refusal::Invalid { path, .. } => problem(ProblemStatus::InvalidMessage).at(path),
        Refusal::InvalidFilters { path, .. } => problem(ProblemStatus::InvalidFilters).at(path),
        Refusal::Conflict { path, .. } => problem(ProblemStatus::Conflict).at(path),
        Refusal::TooLarge { .. } => problem(ProblemStatus::TooLarge),
        Refusal::LimitExceeded { retry_after, .. } => {
            Problem { retry_after, ..problem(ProblemStatus::LimitExceeded) }
        }
        Refusal::NotStored(why) => {
            let problem = |status| Problem::new(status, format!("{message}: {why}"));
            match why {
                NotStored::Full => problem(ProblemStatus::StoreFull),
                NotStored::Busy => problem(ProblemStatus::Unavailable).again_after(SOON),
                NotStored::ReadOnly => problem(ProblemStatus::Unavailable),
            }
        }
    }
}

/// The core answers each question with what it asks for: anything else is a bug.
fn unexpected(expected: &Expected) -> Problem {
    Problem::new(ProblemStatus::Internal, format!("the gateway failed at this: no {expected:?}"))
}
