//! Requests between clients: one asks, another answers, and the gateway knows nothing of it.
//!
//! Owns the convention by which an answer finds its question (an id in the `data` of both messages), the asking side, and
//! what the answering side needs to take a question and answer it. Serving many at a time is the service's.

mod ask;
mod asked;
mod error;
mod replies;
mod wire;

pub use ask::Ask;
pub use asked::Asked;
pub use error::RequestError;
pub use wire::{Answered, Question};

pub(crate) use replies::Replies;
