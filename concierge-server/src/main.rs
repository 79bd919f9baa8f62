//! Runs the gateway: arguments in, exit code out. Everything between is in the library.

use std::process::ExitCode;

use clap::Parser;
use concierge_server::cli;

/// The gateway of the ert-concierge protocol: programs connect to it to find each other and talk
#[derive(Debug, Parser)]
#[command(name = "concierge-server", version)]
struct Program {
    #[command(flatten)]
    args: cli::Args,
}

fn main() -> ExitCode {
    cli::run(&Program::parse().args)
}
