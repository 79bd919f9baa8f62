//! The commands of the language itself, and what they take.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::grammar::parse_span;

/// What a script says besides what it has the gateway do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LanguageCommand {
    /// Give a name to a value: `let NAME = JSON`, a text, or the result of a statement
    Let(LetArgs),
    /// Show the variables
    #[command(after_help = "Examples:\n  vars\n  vars --json")]
    Vars,
    /// Carry out a statement, and tell how long it took
    Time(TimeArgs),
    /// Repeat a statement until Ctrl-C: `watch [-n COUNT] TIME STATEMENT`
    Watch(WatchArgs),
    /// Show what runs besides
    #[command(after_help = "Examples:\n  listen chat &\n  jobs")]
    Jobs,
    /// End a job
    Stop(StopArgs),
    /// Wait until jobs have ended
    Wait(WaitArgs),
    /// Do nothing for a time
    Sleep(SleepArgs),
    /// Wait for something to arrive, if it has not yet
    Expect(ExpectArgs),
    /// Fail unless something is true of the last result
    Assert(AssertArgs),
    /// Carry out the lines of a file
    Source(SourceArgs),
}

/// `let`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  let who = bob
  let greeting = {\"text\": \"good morning\"}
  let names = clients ls | jq '.clients | map(.name)'
  let today = !date +%F

`help variables` tells how they are used.")]
pub(crate) struct LetArgs {
    /// A name, `=`, and a value
    #[arg(value_name = "NAME = VALUE", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// `time`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  time ping\n  time clients ls | jq .clients[].name")]
pub(crate) struct TimeArgs {
    /// What to do
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub statement: Vec<String>,
}

/// `watch`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  watch 2s clients ls\n  watch -n 3 500ms ping\n  watch 1m services ls >> services.log &"
)]
pub(crate) struct WatchArgs {
    /// The pause between two, and what to do; -n COUNT before it ends after so many
    #[arg(
        value_name = "TIME STATEMENT",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub words: Vec<String>,
}

/// `stop`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  stop 2\n  stop all")]
pub(crate) struct StopArgs {
    /// The number of a job, or `all`
    pub job: String,
}

/// `wait`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  wait\n  wait 2")]
pub(crate) struct WaitArgs {
    /// The number of a job; all of them without
    pub job: Option<u32>,
}

/// `sleep`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  sleep 500ms")]
pub(crate) struct SleepArgs {
    /// How long
    #[arg(value_parser = parse_span)]
    pub time: Duration,
}

/// `expect`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  expect MESSAGE
  expect MESSAGE from bob service chat within 2s
  expect MESSAGE where '.data.n > 1'
  expect CLIENT_JOINED from bob within 500ms

It looks at what has arrived since the last `expect`, so nothing can come too early. What it finds is $_.")]
pub(crate) struct ExpectArgs {
    /// A type such as MESSAGE, or `any`
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// `from CLIENT`, `service NAME`, `where FILTER`, `within TIME` (10s without)
    #[arg(value_name = "CONDITION", allow_hyphen_values = true)]
    pub conditions: Vec<String>,
}

/// `assert`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  assert '.clients | length == 2'
  assert .data.text == \"hi\"")]
pub(crate) struct AssertArgs {
    /// What must be true of $_, in the language of jq
    #[arg(required = true, allow_hyphen_values = true)]
    pub filter: Vec<String>,
}

/// `source`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  source setup.concierge")]
pub(crate) struct SourceArgs {
    /// The file; in a script, seen from there
    pub file: PathBuf,
}
