//! The `concierge` command.

use std::process::ExitCode;

use concierge_cli::{Console, run};

fn main() -> ExitCode {
    run(std::env::args_os(), &mut Console::of_process())
}
