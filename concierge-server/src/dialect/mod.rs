//! The dialects: one WebSocket subprotocol each, text to the inputs of a core and its effects to text, with what is known of each
//! connection. The core of [`concierge`] is the [`hub`](crate::hub), that of [`telegraphy`] is [`events`](crate::events), which web
//! applications speak to over HTTP: [`telegraphy::web`]. A dialect never sees another one, nor a socket, nor a clock.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod concierge;
pub mod telegraphy;
