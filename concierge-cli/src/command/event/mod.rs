//! `event`: the web application's side of Telegraphy. It publishes events, says which there are, lets clients in, and shows who is
//! there. What is asked of the gateway is the SDK's business; where it is asked, and with which key, is found out in `api.rs`.

mod api;
mod batch;
mod listen;
mod publish;
mod records;
mod register;
mod registry;
mod sessions;
mod token;
mod trouble;

use std::{
    io::BufRead,
    path::{Path, PathBuf},
    sync::Mutex,
};

use clap::{Args, Subcommand};
use concierge_client::{GatewayUrl, telegraphy::EventName};
use futures_util::{FutureExt, future::BoxFuture};

use self::{
    listen::ListenArgs,
    publish::PublishArgs,
    register::RegisterArgs,
    registry::{LsArgs, ShowArgs, UnregisterArgs},
    sessions::SessionsArgs,
    token::TokenArgs,
};
use super::{
    Input,
    send::{read_ahead, text_of_file, whole_input},
    stream, taken,
};
use crate::{
    console::Console,
    embedded::Api,
    exit::Exit,
    failure::Failure,
    hold::Address,
    output::Output,
    repl::{Directory, Location},
    settings::{ApiFlags, Settings},
    signals::Stop,
};

/// What happens to a model: the types of most events.
pub(crate) const OPERATIONS: [&str; 3] = ["create", "update", "delete"];

/// What the help of `event` ends with.
const EXAMPLES: &str = "\
Examples:
  concierge event publish todo.Task id:=7 title='Buy milk'
  concierge event ls
  concierge event token 42 --grant todo.Task

The gateway has a side for web applications, with a key: `help telegraphy` tells how.";

/// `event`
#[derive(Debug, Clone, Args)]
#[command(arg_required_else_help = false, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct EventArgs {
    /// Where web applications ask, and with what.
    #[command(flatten)]
    pub api: ApiFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: EventCommand,
}

/// What a web application can have done.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EventCommand {
    /// Publish an event, or many
    Publish(PublishArgs),
    /// List the events that are registered
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Show an event, its fields, and who listens to it
    Show(ShowArgs),
    /// Say which events a source has
    Register(RegisterArgs),
    /// Print events as they come
    Listen(Box<ListenArgs>),
    /// Take an event back
    Unregister(UnregisterArgs),
    /// Let somebody in: a token that works once
    Token(TokenArgs),
    /// List who is connected or may come back, or end that
    Sessions(SessionsArgs),
}

impl EventArgs {
    /// The words of its payload, if it has one.
    pub(crate) fn payload(&mut self) -> Option<&mut Vec<String>> {
        match &mut self.command {
            EventCommand::Publish(arguments) => arguments.one(),
            _ => None,
        }
    }

    /// The paths on this machine that it names.
    pub(crate) fn paths(&mut self) -> Vec<&mut PathBuf> {
        let own: Vec<_> = match &mut self.command {
            EventCommand::Publish(arguments) => arguments.batch.iter_mut().collect(),
            EventCommand::Register(arguments) => vec![&mut arguments.file],
            EventCommand::Listen(arguments) => arguments.paths().collect(),
            _ => Vec::new(),
        };
        own.into_iter().chain(&mut self.api.api_key_file).collect()
    }

    /// Whether it finishes what it has begun when it is asked to end.
    pub(crate) fn ends_by_itself(&self) -> bool {
        match &self.command {
            EventCommand::Publish(arguments) => arguments.batch.is_some(),
            EventCommand::Listen(_) => true,
            _ => false,
        }
    }

    /// Whether it tells more than one thing, over time.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.command, EventCommand::Listen(_))
    }

    /// Whether it goes on until it is stopped.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(&self.command, EventCommand::Listen(arguments) if arguments.limits.is_endless())
    }
}

/// What an event command works with.
pub(crate) struct EventContext<'a> {
    /// Where web applications ask, and with what.
    pub settings: &'a Settings,
    /// The same as it was typed, which goes before.
    pub flags: ApiFlags,
    /// Where clients connect.
    pub url: &'a GatewayUrl,
    /// Where they ask the gateway in this process, if that is the one of the session.
    pub own: Option<&'a Api>,
    /// Who is told which events there are, for completion, in a session.
    pub directory: Option<&'a Directory>,
    /// Where results go.
    pub output: &'a Output,
    /// The input, in the shell. Elsewhere it holds lines.
    pub input: Option<&'a Input>,
    /// Where it learns that it is to end by itself, if it can.
    pub stop: Option<&'a Stop>,
}

impl EventContext<'_> {
    /// Waits until the command is asked to end by itself.
    async fn stopped(&self) -> Exit {
        stream::asked(self.stop).await
    }

    /// Whether it was asked to.
    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(Stop::is_asked)
    }

    fn take_input(&self) -> Result<Box<dyn BufRead + Send>, Failure> {
        taken(self.input)
    }

    /// Events have come and gone, which completion is to know.
    fn followed(&self, come: &[&EventName], gone: &[&EventName]) {
        let texts = |names: &[&EventName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        if let Some(directory) = self.directory {
            directory.follow_events(&texts(come), &texts(gone));
        }
    }

    /// What a file holds, or with `-` the input.
    async fn text(&self, file: &Path) -> Result<String, Failure> {
        if file != Path::new("-") {
            return text_of_file(file);
        }
        whole_input(self.take_input()?).await
    }
}

/// Runs a command of the shell.
pub(crate) async fn run(
    mut arguments: EventArgs,
    session: Option<&Address>,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
    stop: &Stop,
) -> Result<(), Failure> {
    if let Some(payload) = arguments.payload() {
        read_ahead(payload, console).await?;
    }
    let input = Mutex::new(console.stdin.take());
    let EventArgs { api: flags, command } = arguments;
    let url = match session {
        Some(session) if matches!(command, EventCommand::Listen(_)) => {
            session.join(settings.timeout).await?.url()?
        }
        _ => settings.url_or_default(),
    };
    let (input, stop) = (Some(&input), Some(stop));
    let (own, directory) = (None, None);
    let context = EventContext { settings, flags, url: &url, own, directory, output, input, stop };
    execute(command, &context).await
}

/// What a session has for an event command.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// What it was opened with.
    pub settings: &'a Settings,
    /// Where it is held.
    pub location: &'a Location,
    /// Who is there, for completion.
    pub directory: &'a Directory,
}

/// Runs a command of a session, or as a job beside it, which is asked to end.
pub(crate) fn run_beside<'a>(
    arguments: EventArgs,
    beside: Beside<'a>,
    output: &'a Output,
    stop: Option<&'a Stop>,
) -> BoxFuture<'a, Result<(), Failure>> {
    let EventArgs { api: flags, command } = arguments;
    let Beside { settings, location, directory } = beside;
    let Location { url, embedded, .. } = location;
    let (own, directory) = (embedded.as_ref(), Some(directory));
    let context = EventContext { settings, flags, url, own, directory, output, input: None, stop };
    async move { execute(command, &context).await }.boxed()
}

async fn execute(command: EventCommand, context: &EventContext<'_>) -> Result<(), Failure> {
    match command {
        EventCommand::Publish(arguments) => publish::publish(arguments, context).await,
        EventCommand::Ls(arguments) => registry::list(arguments, context).await,
        EventCommand::Show(arguments) => registry::show(arguments, context).await,
        EventCommand::Register(arguments) => register::register(arguments, context).await,
        EventCommand::Listen(arguments) => listen::listen(*arguments, context).await,
        EventCommand::Unregister(arguments) => registry::unregister(arguments, context).await,
        EventCommand::Token(arguments) => token::issue(arguments, context).await,
        EventCommand::Sessions(arguments) => sessions::sessions(arguments, context).await,
    }
}
