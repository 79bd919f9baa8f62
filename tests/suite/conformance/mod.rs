//! The gateway speaks WebSocket as RFC 6455 says: the cases of the Autobahn test suite that apply, by the numbers they have
//! there, over a raw socket.
//!
//! Each expectation is taken from the RFC. Where a case wants its text echoed, the text is the data of a message to oneself:
//! it comes back byte for byte, or it was not received intact. What is binary is ignored after `IDENTIFY`, so there a request
//! behind it shows that nothing broke. Not here: classes 12 and 13, which are about compression (none is negotiated).

mod case;
mod closing;
mod control;
mod fragments;
mod framing;
mod limits;
mod reserved;
mod utf8;
