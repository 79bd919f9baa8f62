//! What tests from outside need: gateways to talk to, a socket that may misbehave, transcripts that are played, a terminal.
//!
//! Nothing here knows the inside of the gateway, and nothing here is a WebSocket library: what goes over the wire is
//! written and read by hand, so that a test can send what no library would.

pub mod application;
pub mod browser;
pub mod company;
pub mod disk;
pub mod emulator;
pub mod fuzz;
pub mod gateway;
pub mod latency;
pub mod network;
pub mod nginx;
pub mod peer;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod reader;
pub mod shell;
pub mod simulation;
pub mod terminal;
pub mod tls;
pub mod transcript;
pub mod transfer;
