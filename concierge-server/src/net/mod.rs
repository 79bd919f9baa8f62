//! The outer half of the gateway: sockets, HTTP, WebSocket frames, outboxes and timers. It drives the pure halves and
//! performs their effects; what a payload means and who receives what is not decided here.
//!
//! The way of a connection: `listener` accepts it, `admission` counts it, `tls` makes it a `wire` that nobody listens in on where
//! there is a certificate, `guesses` and `overload` may have it come later, `http` and `upgrade` make it a WebSocket, `session`
//! serves it by way of `drive`, `ending` closes it. What asks for files goes from `http` to `files`. Web applications
//! have listeners of their own, and come by `api`.

mod administration;
mod admission;
mod answers;
mod api;
mod batch;
mod bearer;
mod descriptors;
mod drive;
mod ending;
mod files;
mod forwarded;
mod frames;
mod gateway;
mod guesses;
mod http;
mod inbox;
mod leftover;
mod lifetime;
mod listener;
mod member;
mod metrics;
mod operations;
mod origin;
mod outbox;
mod overload;
mod pacing;
mod panics;
mod payload;
mod peer;
mod seats;
mod server;
mod session;
mod socket;
mod sockets;
mod telegraphy;
mod throttle;
mod tls;
mod upgrade;
mod wire;

pub use self::server::{Counts, FileCounts, ServeError, Server, ServerHandle};
