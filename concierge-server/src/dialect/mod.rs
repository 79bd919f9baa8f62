//! The dialects: one WebSocket subprotocol each, text to hub inputs and hub effects to text, with what is known of each
//! connection. A dialect never sees another one, nor a socket, nor a clock.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod concierge;
