//! What a stream of an event yields.

use std::fmt;

use crate::telegraphy::{event::Event, position::Position};

/// One thing that a stream of an event yields, in its order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// An event.
    Event(Box<Event>),
    /// Here events may be missing.
    Gap(Gap),
    /// The event is registered, and the session may see it, from now on.
    Active,
    /// The event is not registered any more. The subscription waits for it.
    Suspended {
        /// Why, in English. Text from elsewhere: escape it before showing it.
        reason: Option<String>,
    },
}

/// Events may be missing here: whoever keeps a state by them loads it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why.
    pub cause: GapCause,
    /// The last event before it; none when that is not known.
    pub after: Option<Position>,
    /// The last event that may be missing; none when that is not known.
    pub until: Option<Position>,
}

/// Why events may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GapCause {
    /// The gateway said so: it did not keep them, they expired, or this client read too slowly.
    Gateway,
    /// After a while without a connection, or for what was asked of the past, the gateway has not everything any more.
    NotRecovered,
    /// The stream was read too slowly, and its queue was full.
    Overflow,
}

impl fmt::Display for GapCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gateway => "the gateway did not send them",
            Self::NotRecovered => "the gateway has not kept them",
            Self::Overflow => "they were not read in time",
        })
    }
}

impl Gap {
    pub(super) fn new(cause: GapCause, after: Option<Position>, until: Option<Position>) -> Self {
        Self { cause, after, until }
    }
}
