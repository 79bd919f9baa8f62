//! A WebSocket client written by hand over a blocking TCP socket: it can say anything, and it hears exactly what was sent.
//!
//! It does not answer pings, does not put fragments together and does not close by itself: the test does.

mod crowd;
mod frame;
mod http;
mod socket;

pub use crowd::{Arrival, CrowdSocket, Heard, Speaker};
pub use frame::{Close, Frame, Opcode};
pub use http::{Handshake, Response};
pub use socket::RawSocket;
