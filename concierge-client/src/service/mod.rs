//! Services as handles: the owner's, the subscriber's, and serving requests.
//!
//! Owns what programs hold of a service: typed messages in and out, where it stands, who subscribes, and the answering of
//! requests with many at a time. What is brought back on a new connection, and when, is the session's.

mod messages;
mod open;
mod options;
mod owner;
mod roster;
mod serve;
mod serving;
mod statuses;
mod subscription;

pub use messages::{MessageError, Messages, TypedMessage};
pub use open::OpenError;
pub use options::ServeOptions;
pub use owner::Service;
pub use serving::{Served, Serving, Unfinished};
pub use statuses::Statuses;
pub use subscription::{OpenSubscription, Subscription};

pub(crate) use open::open;
