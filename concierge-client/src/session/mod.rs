//! What one client connection knows: the handshake, the sequence numbers and the requests that wait for an answer.
//!
//! Owns every decision of a client: what goes out in which order, which answer belongs to which request, when a peer
//! counts as dead, whether and when an end is worth another try, what is restored then. It does not own the socket, the clock or the streams that users
//! read: text and times come in as arguments, text and outputs go out as values.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod cause;
mod connection;
mod encoded;
mod event;
mod granted;
mod heard;
mod keepalive;
mod pending;
mod reconnect;
mod restore;
mod restored;
mod retry;
mod status;
mod step;

pub use cause::CloseCause;
pub use connection::{Connection, Counts, NotReady, Phase};
pub use encoded::Encoded;
pub use event::{Event, Resumed};
pub use granted::{ASSUMED_MESSAGE_LIMIT, Session};
pub use heard::{AnswerError, Heard, NotHello};
pub use keepalive::{KeepAlive, Vigil};
pub use pending::Waiting;
pub use reconnect::{Next, Reconnect, ReconnectPolicy};
pub use restore::Restore;
pub use restored::{Lost, Restored};
pub use retry::{Retry, Trouble};
pub use status::{Change, Loss, Role, Status};
pub use step::Step;
