//! The reference gateway of the `ert-concierge` protocol: as a library, and as the program `concierge-server`.
//!
//! [`hub`] decides who is here and who receives what, [`dialect`] what a text means and which text follows, [`events`] which
//! events of web applications somebody wants. All are pure: no sockets, no clock, no randomness. What is around them needs
//! the feature `net`, which is on by default: [`Server`] with its [`Config`], what survives a restart in [`store`], and the program
//! in [`cli`].

pub mod hub;

pub mod dialect;

pub mod events;

pub mod files;

#[cfg(feature = "net")]
pub mod config;
#[cfg(feature = "net")]
pub mod store;

#[cfg(feature = "net")]
mod net;

#[cfg(feature = "net")]
pub mod cli;

#[cfg(feature = "net")]
pub use self::{
    cli::Args,
    config::{Config, ConfigError},
    net::{Counts, FileCounts, ServeError, Server, ServerHandle},
};
