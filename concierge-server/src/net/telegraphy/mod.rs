//! Telegraphy over sockets: the [core of the events](crate::events), what must be durable of it, and who is connected to it. What a
//! request means and who receives what is decided there; how a text reads, in the [dialect](crate::dialect::telegraphy).

mod clock;
mod counted;
mod exchange;
mod kept;
mod post;
pub(super) mod random;
mod reads;
mod returned;
mod subscriber;
#[cfg(test)]
mod tests;

pub(super) use self::counted::Counted;
pub(super) use self::exchange::{Exchange, Room};
pub(super) use self::kept::Kept;
pub(super) use self::subscriber::Subscriber;
