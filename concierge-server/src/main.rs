//! Runs the gateway: arguments in, exit code out. Everything between is in the library.

use std::process::ExitCode;

use clap::Parser;
use concierge_server::cli;
use mimalloc::MiMalloc;

/// What many clients took at once is given back to the system when they are gone; the allocator of the GNU C library keeps most of
/// it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
