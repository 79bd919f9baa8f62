//! What is promised, tried from outside: one module a promise.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "every function here is part of a test, which a panic fails and whose figures are for whoever runs it"
)]

mod abuse;
mod administration;
mod applications;
mod architecture;
mod bad_input;
mod canary;
mod commands;
mod completion;
mod conformance;
mod conversation;
mod doctor;
mod drill;
mod durability;
mod ending;
mod examples;
mod faults;
mod files;
mod fuzz;
mod guessing;
mod help;
mod hostile;
mod manual;
mod memory;
mod metrics;
mod original;
mod outages;
mod proxied;
mod proxies;
mod published;
mod readme;
mod secrecy;
mod secured;
mod service_manager;
mod simulation;
mod slow;
mod start;
mod stop;
mod surroundings;
mod telegraphy;
mod terminal;
mod tls;
mod transcripts;
mod trials;
mod unix_sockets;
