//! Why something was not done: what the gateway says to a web application, as exit codes and with what to try.

use concierge_client::telegraphy::{
    EventName, PublishError,
    web::{Problem, ProblemStatus},
};

use crate::{
    exit::Exit,
    failure::{Failure, with_sources},
    suggest::nearest,
};

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused { problem } => problem.into(),
            PublishError::Connect(error) => error.into(),
            error @ PublishError::Lost { .. } => Self::new(Exit::Lost, with_sources(&error))
                .hint("look whether it was done before asking again"),
            error @ PublishError::Timeout { .. } => Self::new(Exit::TimedOut, error.to_string())
                .hint("it may have been done all the same; --timeout waits longer"),
            error @ PublishError::Foreign { .. } => Self::new(Exit::Unreachable, error.to_string())
                .hint("--api is where the gateway says that web applications ask: telegraphy.bind"),
            error @ PublishError::TooMany { .. } => Self::usage(error.to_string()),
            error => Self::new(Exit::Rejected, format!("the answer cannot be read: {error}"))
                .hint("is this a gateway of another version?"),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.status {
            ProblemStatus::InvalidToken => Exit::NotAdmitted,
            ProblemStatus::UnknownEvent | ProblemStatus::UnknownSession => Exit::NotFound,
            ProblemStatus::NotFound => Exit::Unreachable,
            ProblemStatus::Timeout => Exit::TimedOut,
            _ => Exit::Rejected,
        };
        let failure = Self::new(exit, problem.to_string());
        match hint(&problem) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Why something was not done with an event; of one that is not there, the nearest of those that are.
pub(super) async fn unknown_event(
    error: PublishError,
    name: &EventName,
    known: impl AsyncFnOnce() -> Vec<EventName>,
) -> Failure {
    let is_unknown = error.problem().is_some_and(|problem| problem.status == ProblemStatus::UnknownEvent);
    let failure = Failure::from(error);
    if !is_unknown {
        return failure;
    }
    match nearest(name.as_str(), known().await.iter().map(EventName::as_str)) {
        Some(near) => failure.hint(format!("did you mean {near:?}?")),
        None => failure,
    }
}

/// What to try.
fn hint(problem: &Problem) -> Option<String> {
    let later = match problem.retry_after {
        Some(seconds) => format!("try again in {seconds} s"),
        None => "try again later".to_owned(),
    };
    Some(match problem.status {
        ProblemStatus::InvalidToken => {
            "is it a key of this gateway's telegraphy.api_keys_file? It reads that when it starts".to_owned()
        }
        ProblemStatus::UnknownEvent => "`event ls` lists those there are".to_owned(),
        ProblemStatus::UnknownSession => "`event sessions` lists those there are".to_owned(),
        ProblemStatus::NotFound => {
            "is --api where the gateway says that web applications ask, and the gateway of this version?"
                .to_owned()
        }
        ProblemStatus::Conflict => "events of one name have one source: --source says which".to_owned(),
        ProblemStatus::TooLarge => "whoever runs the gateway can raise telegraphy.event_bytes".to_owned(),
        ProblemStatus::InvalidFilters => "`help telegraphy` tells what filters there are".to_owned(),
        ProblemStatus::LimitExceeded => {
            format!("{later}, or have whoever runs the gateway raise the bound: `telegraphy.*`")
        }
        ProblemStatus::TooManyRequests | ProblemStatus::Unavailable | ProblemStatus::Timeout => later,
        ProblemStatus::StoreFull => format!("the gateway's disk is full: make room there; {later}"),
        ProblemStatus::Internal => "the gateway's log tells why".to_owned(),
        _ => return None,
    })
}
