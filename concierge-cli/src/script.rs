//! `run`: the REPL's lines from a file or a pipe. How they are carried out is in `interpreter/`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{exit::Exit, failure::Failure, input::Lines, interpreter::Interpreter, signals::Stop};

const EXAMPLES: &str = "\
Examples:
  concierge run morning.concierge
  echo 'clients ls' | concierge run -
  concierge run --embedded --keep-going tests.concierge

A script has the REPL's lines; `#` and a space start a comment. It stops at the first line that fails.";

/// `run`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// The script, or `-` for the input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Go on after a line that failed; the exit code is then 9
    #[arg(long)]
    pub keep_going: bool,
    /// Let the script run commands of a shell: `!date`, `| sort`
    #[arg(long)]
    pub allow_shell: bool,
    /// Run it on a gateway embedded in this process
    #[arg(long, conflicts_with_all = ["url", "session"])]
    pub embedded: bool,
}

/// Where the lines of a script come from.
pub(crate) enum Script<'a> {
    /// A file, which is read before any of it is carried out.
    File(&'a Path),
    /// The input, line by line.
    Input(Lines),
}

/// Carries out all lines of a script, and leaves. Asked to end, it carries out no more of them, and lets its jobs finish; asked while it
/// leaves, it waits for nothing.
pub(crate) async fn run(
    script: Script<'_>,
    mut interpreter: Interpreter,
    stop: &Stop,
) -> Result<(), Failure> {
    let result = tokio::select! {
        biased;
        exit = stop.asked() => Err(Failure::silent(exit)),
        result = carry_out(script, &mut interpreter) => result,
    };
    let is_stopped =
        stop.is_asked() || matches!(&result, Err(failure) if failure.exit() == Exit::Interrupted);
    if is_stopped && let Err(reason) = result {
        let abandoned = interpreter.abandon(reason).await;
        // What a signal has interrupted may tell before the signal itself does.
        return if stop.is_asked() { Err(Failure::silent(stop.asked().await)) } else { abandoned };
    }
    // What has arrived belongs to the script's output, whatever became of its lines.
    tokio::select! {
        left = interpreter.leave(result) => left,
        exit = stop.asked() => Err(Failure::silent(exit)),
    }
}

async fn carry_out(script: Script<'_>, interpreter: &mut Interpreter) -> Result<(), Failure> {
    match script {
        Script::File(path) => interpreter.run_file(path).await,
        Script::Input(mut lines) => interpreter.run_lines(&mut lines, "input").await,
    }
}
