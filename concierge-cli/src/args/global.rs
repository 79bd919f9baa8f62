//! What every command takes: where to connect, as whom, and how results are written.

use std::time::Duration;

use clap::Args;
use concierge_client::payload::{ClientName, Nickname, Tag};

use crate::{
    failure::Failure,
    grammar::{parse_name, parse_span},
    output::{ColorChoice, Form, Format},
    settings::Label,
};

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// The gateway
    #[arg(
        long,
        short,
        global = true,
        help = "The gateway [env: CONCIERGE_URL] [default: ws://127.0.0.1:64209/ws]",
        help_heading = "Connection"
    )]
    pub url: Option<String>,
    /// The name to join under
    #[arg(
        long,
        short = 'N',
        global = true,
        value_parser = parse_name::<ClientName>,
        help = "The name to join under [env: CONCIERGE_NAME] [default: cli_ and 8 digits; in the REPL and `serve` your login name]",
        help_heading = "Connection"
    )]
    pub name: Option<ClientName>,
    /// How this client is shown to people
    #[arg(long, global = true, value_name = "TEXT", value_parser = parse_name::<Nickname>, help_heading = "Connection")]
    pub nickname: Option<Nickname>,
    /// A word about this client; may be repeated
    #[arg(long, global = true, value_name = "TEXT", value_parser = parse_name::<Tag>, help_heading = "Connection")]
    pub tag: Vec<Tag>,
    /// A file with the gateway's secret
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "A file with the gateway's secret, readable by you alone [env: CONCIERGE_SECRET, CONCIERGE_SECRET_FILE]",
        help_heading = "Connection"
    )]
    // A text, as the gateway's own option of this name is, because `server` takes both.
    pub secret_file: Option<String>,
    /// Ask for the gateway's secret, without showing what is typed
    #[arg(long, global = true, conflicts_with = "secret_file", help_heading = "Connection")]
    pub ask_secret: bool,
    /// The context: a gateway that has a name in the settings
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        help = "The context: a gateway that has a name in the settings [env: CONCIERGE_CONTEXT]",
        help_heading = "Connection"
    )]
    pub context: Option<Label>,
    /// The session of `concierge hold` to run on
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help = "The session of `concierge hold` to run on [env: CONCIERGE_SESSION]",
        help_heading = "Connection"
    )]
    pub session: Option<Label>,
    /// How long connecting, and each answer, may take [default: 10s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_span, help_heading = "Connection")]
    pub timeout: Option<Duration>,
    /// How results are written
    #[command(flatten)]
    pub output: OutputArgs,
    /// When to colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", help_heading = "Output")]
    pub color: Option<ColorChoice>,
    /// Tell more about what is done
    #[arg(long, short, global = true, help_heading = "Output")]
    pub verbose: bool,
}

/// How results are written.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutputArgs {
    /// Write JSON, as -o json does: one document, or one a line for a stream
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// How to write results
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        value_name = "FORMAT",
        conflicts_with = "json",
        help_heading = "Output"
    )]
    pub output: Option<Format>,
    /// Write what this jq filter makes of each record, as JSON; text without quotes with -o raw
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Output")]
    pub jq: Option<String>,
}

impl OutputArgs {
    /// The format that was asked for.
    pub(crate) fn format(&self) -> Option<Format> {
        if self.json { Some(Format::Json) } else { self.output }
    }

    /// The form that was asked for.
    pub(crate) fn form(&self) -> Result<Option<Form>, Failure> {
        Form::of(self.format(), self.jq.as_deref())
    }
}
