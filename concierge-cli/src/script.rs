//! Scripts: the REPL's lines from a file or a pipe. A script stops at its first failed line, or tells at the end that there were
//! some.

use std::path::PathBuf;

use clap::Args;

use crate::{
    exit::Exit,
    failure::Failure,
    input::Lines,
    output::Output,
    repl::{Flow, Session, is_open},
};

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
    /// Run it on a gateway embedded in this process
    #[arg(long, conflicts_with_all = ["url", "session"])]
    pub embedded: bool,
}

/// Runs all lines of a script on a session, and leaves it. `name` is what the script is called in messages.
pub(crate) async fn run(
    mut lines: Lines,
    name: &str,
    mut session: Session,
    keep_going: bool,
    output: &Output,
) -> Result<(), Failure> {
    session.connect().await?;
    let result = all(&mut lines, name, &mut session, keep_going, output).await;
    // What has arrived belongs to the script's output, whatever became of its lines.
    let left = session.leave().await;
    result.and(left)
}

async fn all(
    lines: &mut Lines,
    name: &str,
    session: &mut Session,
    keep_going: bool,
    output: &Output,
) -> Result<(), Failure> {
    let (mut number, mut failed) = (0_u64, 0_u64);
    loop {
        let mut statement = String::new();
        let mut first = number + 1;
        while let Some(line) = lines.next().await? {
            number += 1;
            if statement.is_empty() {
                first = number;
            } else {
                statement.push('\n');
            }
            statement.push_str(&line);
            if !is_open(&statement) {
                break;
            }
        }
        if number < first {
            break;
        }
        match session.execute(&statement).await {
            Ok(Flow::Continue) => {}
            Ok(Flow::Leave) => break,
            Err(failure) if failure.message().is_empty() => return Err(failure),
            Err(failure) => {
                let failure = failure.at(name, first);
                if !keep_going {
                    return Err(failure);
                }
                failed += 1;
                output.failure(&failure);
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Partly, "one line failed")),
        failed => Err(Failure::new(Exit::Partly, format!("{failed} lines failed"))),
    }
}
