//! What a text of the gateway turns out to be.

use crate::payload::{DecodeError, Event, Hello, Reply, Seq};

/// What a text of the gateway turned out to be.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Heard<T> {
    /// The gateway let this client in.
    Hello(Hello),
    /// The first text was not `HELLO`: this is no gateway to talk to.
    NotHello(NotHello),
    /// An answer to a request that waits for it.
    Answer {
        /// What the request left behind.
        token: T,
        /// The answer.
        reply: Result<Reply, AnswerError>,
    },
    /// What answers nothing.
    Event(Event),
    /// A payload of a type this version does not know.
    Unknown {
        /// Its `type`.
        kind: String,
    },
    /// A payload that cannot be read. It concerns no request that waits.
    Malformed {
        /// Its `type`; empty when it has none.
        kind: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// An answer to a request that nobody waits for any more.
    Late {
        /// The request's number.
        seq: Seq,
        /// The answer.
        reply: Result<Reply, AnswerError>,
    },
    /// An answer to nothing that was asked: the gateway does not count as this client does.
    Stray(Seq),
    /// The answer to [`Connection::resynchronize`](super::Connection::resynchronize): from here on numbers match.
    Resynchronized {
        /// What it left behind.
        token: T,
        /// The number that belonged to no request.
        stray: Seq,
        /// The requests before it that got no answer with their number, and will get none: the gateway answers in order.
        unmatched: Vec<T>,
    },
    /// Something after the end.
    Nothing,
}

/// Why a first text is not `HELLO`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotHello {
    /// It is no payload.
    #[error("its first message is no payload")]
    Malformed(#[source] DecodeError),
    /// It is another payload.
    #[error("its first payload is not HELLO")]
    Other,
}

/// Why an answer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It lacks what its type has.
    #[error("the gateway's answer cannot be read: {0}")]
    Malformed(DecodeError),
    /// Its type is not known.
    #[error("the gateway's answer is of a type this version does not know, {kind:?}")]
    Unknown {
        /// Its `type`.
        kind: String,
    },
    /// It came with a number that belongs to no request.
    #[error("the gateway answered with a number that belongs to no request")]
    Miscounted,
}
