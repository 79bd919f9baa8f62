//! Why events cannot be listened to: what the gateway says to a client, as exit codes and with what to try.

use concierge_client::{
    GatewayUrl,
    telegraphy::{
        self, AskError, CloseCode, ComeInError, Status, SubscribeError,
        session::{Ending, NotTaken, Over},
    },
};

use super::{ListenArgs, condition};
use crate::{
    exit::Exit,
    failure::{Failure, with_sources},
};

/// There is no connection, or nobody was let in.
pub(super) fn not_in(error: &ComeInError, url: &GatewayUrl) -> Failure {
    let failure = match error {
        ComeInError::Unreached(error) => error.into(),
        ComeInError::Ended(ending @ (Ending::Foreign { .. } | Ending::Closed { .. }))
            if is_foreign(ending) =>
        {
            Failure::new(Exit::Unreachable, with_sources(ending))
                .hint("does this gateway speak Telegraphy there? its setting telegraphy.serve says so")
        }
        ComeInError::Ended(ending) => over(ending, Exit::Unreachable),
        error => Failure::new(Exit::Unreachable, error.to_string()),
    };
    failure.about(url)
}

/// Whether an end says that this protocol is not spoken there.
fn is_foreign(ending: &Ending) -> bool {
    match ending {
        Ending::Foreign { .. } => true,
        // Codes below 4400 belong to others.
        Ending::Closed { code } => u16::from(*code) < 4400 && u16::from(*code) >= 4000,
        _ => false,
    }
}

/// A connection, or the whole client, has ended. What else it was than refused is `otherwise`.
fn over(ending: &Ending, otherwise: Exit) -> Failure {
    let fresh_token = "a token works once, and not for long: have the web application issue another one";
    match ending {
        Ending::Refused { failure } => match failure.status {
            Status::InvalidToken => Failure::new(Exit::NotAdmitted, ending.to_string()).hint(fresh_token),
            Status::Unavailable => Failure::new(otherwise, ending.to_string()).hint("try again in a moment"),
            Status::ConnectTimeout => Failure::new(Exit::TimedOut, ending.to_string()),
            _ => Failure::new(Exit::Rejected, ending.to_string())
                .hint("whoever runs the gateway can raise its bounds: `telegraphy.*`"),
        },
        Ending::Closed { code: CloseCode::InvalidToken } | Ending::TokenSpent => {
            Failure::new(Exit::NotAdmitted, ending.to_string()).hint(fresh_token)
        }
        Ending::Closed { code: CloseCode::TakenOver } => Failure::new(Exit::Lost, ending.to_string())
            .hint("somebody else has come back to the same session: give each a --resume file of its own"),
        Ending::Unanswered { .. } => Failure::new(Exit::TimedOut, ending.to_string()),
        _ => Failure::new(otherwise, with_sources(ending)),
    }
}

/// A stream of an event has ended.
pub(super) fn ended(over_: &Over) -> Failure {
    match over_ {
        Over::Ended(ending) => over(ending, Exit::Lost),
        Over::Refused(refused) => refusal(refused),
        other => Failure::new(Exit::Rejected, other.to_string()),
    }
}

/// An event was not subscribed to.
pub(super) fn not_subscribed(error: &SubscribeError, event: &str, arguments: &ListenArgs) -> Failure {
    let failure = match error {
        SubscribeError::Name(error) => Failure::usage(error.to_string()),
        SubscribeError::Ask(AskError::Refused(refused)) => match pointed_at(refused, arguments) {
            Some(failure) => return failure,
            None => refusal(refused),
        },
        SubscribeError::Ask(AskError::Closed(ending)) => over(ending, Exit::Lost),
        SubscribeError::Ask(error @ AskError::Timeout { .. }) => {
            Failure::new(Exit::TimedOut, error.to_string())
        }
        SubscribeError::Ask(error @ AskError::NotTaken(NotTaken::Full)) => {
            Failure::new(Exit::Rejected, error.to_string())
        }
        error => Failure::new(Exit::Lost, error.to_string()),
    };
    failure.within(event)
}

fn refusal(refused: &telegraphy::Failure) -> Failure {
    let (exit, hint) = match refused.status {
        Status::UnknownEvent => {
            (Exit::NotFound, "`event ls` lists those there are; --lazy waits until it is registered")
        }
        Status::NotAuthorized => {
            (Exit::Rejected, "it takes a token that allows it: --token-file, or CONCIERGE_EVENT_TOKEN")
        }
        Status::LimitExceeded => {
            (Exit::Rejected, "whoever runs the gateway can raise its bounds: `telegraphy.*`")
        }
        Status::Unavailable | Status::TooManyRequests => (Exit::Rejected, "try again in a moment"),
        _ => return Failure::new(Exit::Rejected, refused.message.clone()),
    };
    Failure::new(exit, refused.message.clone()).hint(hint)
}

/// Filters that the gateway does not take, with what of them was typed.
fn pointed_at(refused: &telegraphy::Failure, arguments: &ListenArgs) -> Option<Failure> {
    let path = refused.path.as_deref().filter(|_| refused.status == Status::InvalidFilters)?;
    let ListenArgs { wanted, excluded, .. } = arguments;
    let [wanted, excluded] = [(wanted, "--where"), (excluded, "--exclude")]
        .map(|(typed, flag)| typed.iter().find(|typed| typed.is_at(path)).map(|typed| (typed, flag)));
    let Some((condition, flag)) = wanted.or(excluded) else {
        let place = if path.is_empty() { "the filters".to_owned() } else { format!("--filters, {path}") };
        return Some(Failure::new(Exit::Rejected, format!("{place}: {}", refused.message)));
    };
    let failure = Failure::new(Exit::Rejected, format!("{flag} {}: {}", condition.typed(), refused.message));
    // Else it is about the field, which only the gateway knows.
    if !refused.message.contains("lookup") {
        return Some(failure);
    }
    Some(match condition.meant() {
        Some(meant) => failure.hint(format!("did you mean {meant}?")),
        None => failure.hint(format!("lookups are {}", condition::lookups())),
    })
}
