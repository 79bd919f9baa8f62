//! `completion`: the script by which a shell completes this command, and the answers that script asks for.

use std::ffi::OsString;

use clap::Args;

use crate::{completion::Shell, console::Console, failure::Failure, output::Output};

const EXAMPLES: &str = "\
In the file that your shell reads when it starts:
  bash        source <(concierge completion bash)
  zsh         source <(concierge completion zsh)         # after compinit
  fish        concierge completion fish | source
  PowerShell  concierge completion powershell | Out-String | Invoke-Expression

Commands, options, files and the names of who is there are completed; for those, the gateway that the line names is
asked, for 0.3 s at most.

Examples:
  concierge completion bash
  concierge completion fish | wc -l";

/// `completion`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
    // What a script passes on: then what could come next is printed.
    #[arg(last = true, hide = true)]
    pub typed: Vec<OsString>,
}

pub(crate) fn run(arguments: &CompletionArgs, output: &Output, console: &Console) -> Result<(), Failure> {
    let CompletionArgs { shell, typed } = arguments;
    if typed.is_empty() {
        return output.text(shell.script());
    }
    let answers = shell.complete(typed, console);
    if answers.is_empty() { Ok(()) } else { output.text(&answers) }
}
