//! A gateway for tests: it does what the test says, when it says so, right or wrong.
//!
//! Owns the other end of a client's connection, in memory or behind a URL of this machine. It has no rules of its own: what
//! a real gateway does is tested with a real one (`concierge-server` starts one in the same process), and this is for what
//! a real one never does, or not on demand.

mod gateway;
mod listener;

pub use gateway::ScriptedGateway;
pub use listener::ScriptedListener;
