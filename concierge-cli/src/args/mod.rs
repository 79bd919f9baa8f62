//! What can be typed: the tree of commands. The shell and the REPL share [`Command`]. What a command takes stands beside what it
//! does, in `command/`; what a value means is in `grammar/` and in the settings.

mod global;

pub(crate) use global::{Global, OutputArgs};

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::{
    command::{
        self,
        bench::BenchCommand,
        clients::ClientsCommand,
        completion::CompletionArgs,
        config::ConfigCommand,
        context::{ContextCommand, KeptCommand},
        doctor::DoctorArgs,
        event::EventArgs,
        events::EventsArgs,
        files::FilesCommand,
        hold::HoldArgs,
        listen::{ListenArgs, UnlistenArgs},
        man::ManArgs,
        ping::PingArgs,
        raw::RawArgs,
        request::RequestArgs,
        schema::SchemaArgs,
        send::SendArgs,
        serve::ServeArgs,
        services::ServicesCommand,
    },
    help::{self, HelpArgs},
    interpreter::LanguageCommand,
    repl::OnlyArgs,
    script::RunArgs,
};

/// Talk to a Concierge gateway: send, listen, look around.
#[derive(Debug, Parser)]
#[command(name = "concierge", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<ShellCommand>,
}

/// What the shell can be told: everything, and what only makes sense there.
#[derive(Debug, Subcommand)]
pub(crate) enum ShellCommand {
    /// Everything that a connected client can do.
    #[command(flatten)]
    Client(Command),
    /// Speak for a web application: publish events, say which there are, let clients in
    Event(Box<EventArgs>),
    /// Open the REPL
    #[command(
        after_help = "Examples:\n  concierge repl\n  concierge -u ws://192.0.2.7:64209/ws -N alice repl"
    )]
    Repl,
    /// Run a script of REPL lines
    Run(RunArgs),
    /// Run a gateway, as `concierge-server` does
    Server(Box<GatewayArgs>),
    /// Keep a connection in the background, for commands with --session
    Hold(HoldArgs),
    /// Speak the wire: a JSON payload per line in, one per line out
    Raw(RawArgs),
    /// Measure a gateway: throughput, latency, and whether everything arrives
    #[command(subcommand, disable_help_subcommand = true, after_help = command::bench::BENCH_EXAMPLES)]
    Bench(BenchCommand),
    /// Check the connection step by step, and what is around it
    Doctor(DoctorArgs),
    /// Keep gateways under names, and choose among them
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::context::EXAMPLES)]
    Context(ContextCommand),
    /// Show the settings and where they come from
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::config::help())]
    Config(ConfigCommand),
    /// What the program tells about itself.
    #[command(flatten)]
    About(AboutCommand),
}

/// What the program tells about itself, without a gateway and without settings.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AboutCommand {
    /// Show what records look like, as JSON Schema
    Schema(SchemaArgs),
    /// Print the script by which a shell completes commands and names
    Completion(CompletionArgs),
    /// Show the manual
    Man(ManArgs),
    /// Explain a command or a topic
    #[command(after_help = help::EXAMPLES)]
    Help(HelpArgs),
}

/// The tree of the shell's commands, with everything its help shows.
pub(crate) fn command() -> clap::Command {
    help::dressed(Cli::command())
}

/// The tree of what a line of the REPL may be, with everything its help shows.
pub(crate) fn lines() -> clap::Command {
    help::flowing(ReplLine::command())
}

/// What a connected client can do, from the shell and in the REPL.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Send a message
    Send(SendArgs),
    /// Send, and wait for what comes back
    Request(RequestArgs),
    /// Open a service, and answer what is sent to it
    Serve(Box<ServeArgs>),
    /// Print messages: those of services, or what is sent to this client
    Listen(ListenArgs),
    /// Print everything the gateway tells: messages, joins, services
    Events(EventsArgs),
    /// Look at services, open and delete them
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::services::SERVICES_EXAMPLES)]
    Services(ServicesCommand),
    /// Look at who is connected
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::clients::CLIENTS_EXAMPLES)]
    Clients(ClientsCommand),
    /// Store files for others, and fetch theirs
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::files::EXAMPLES)]
    Files(FilesCommand),
    /// Show what the gateway knows about this client
    #[command(after_help = "Examples:\n  concierge whoami\n  concierge whoami --json")]
    Whoami,
    /// Ask the gateway for a sign of life, and take the time
    Ping(PingArgs),
    /// Show the version of this program and of the protocol
    #[command(after_help = "Examples:\n  concierge version\n  concierge version --json")]
    Version,
}

impl Command {
    /// The words of its payload, if it has one.
    pub(crate) fn payload(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Send(arguments) => Some(&mut arguments.payload),
            Self::Request(arguments) => Some(&mut arguments.payload),
            Self::Serve(arguments) => arguments.reply.as_mut(),
            _ => None,
        }
    }

    /// The paths on this machine that it names.
    pub(crate) fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Files(FilesCommand::Put(arguments)) => arguments.paths.iter_mut().collect(),
            Self::Files(FilesCommand::Get(arguments)) => {
                arguments.fetched_as.iter_mut().chain(&mut arguments.into).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether its payload is read while it is carried out, and not before.
    pub(crate) fn reads_for_itself(&self) -> bool {
        matches!(self, Self::Send(arguments) if arguments.reads_for_itself())
    }

    /// Whether it runs programs of this machine.
    pub(crate) fn runs_programs(&self) -> bool {
        matches!(self, Self::Serve(arguments) if arguments.exec.is_some())
    }

    /// Whether it finishes what it has begun when a signal asks it to end.
    pub(crate) fn ends_by_itself(&self) -> bool {
        match self {
            Self::Serve(_) => true,
            Self::Send(arguments) => arguments.is_many(),
            _ => false,
        }
    }
}

/// `server`
#[derive(Debug, Clone, Args)]
pub(crate) struct GatewayArgs {
    /// What `concierge-server` takes.
    #[command(flatten)]
    pub gateway: concierge_server::Args,
}

/// `server` in a session.
#[derive(Debug, Clone, Args)]
#[command(disable_help_subcommand = true, after_help = SERVER_EXAMPLES)]
pub(crate) struct ServerArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: Option<ServerCommand>,
}

/// What can be done with the gateway of a session.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ServerCommand {
    /// Where the gateway is, what runs there, and how web applications reach it
    #[command(after_help = SERVER_EXAMPLES)]
    Info,
}

const SERVER_EXAMPLES: &str = "\
Examples:
  server info
  server | jq .url
  let key = server | jq -r .api_key

A gateway that runs in this process has a side for web applications, too: where it is, and the key that opens it, until it ends.";

/// A line of the REPL.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "",
    bin_name = "",
    no_binary_name = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct ReplLine {
    /// What to do.
    #[command(subcommand)]
    pub command: ReplCommand,
    /// How results are written.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What can be done in the REPL and in scripts: everything a connected client can do, and what only makes sense there.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReplCommand {
    /// Everything that a connected client can do.
    #[command(flatten)]
    Client(Command),
    /// Speak for a web application: publish events, say which there are, let clients in
    Event(Box<EventArgs>),
    /// What a script says besides.
    #[command(flatten)]
    Language(LanguageCommand),
    /// Show the gateway: where it is, and how many are there
    Server(ServerArgs),
    /// Measure the gateway: throughput, latency, and whether everything arrives
    #[command(subcommand, disable_help_subcommand = true, after_help = command::bench::BENCH_EXAMPLES)]
    Bench(BenchCommand),
    /// Check the connection step by step, and what is around it
    Doctor(DoctorArgs),
    /// End subscriptions
    Unlisten(UnlistenArgs),
    /// Connect again, after the connection was lost
    #[command(after_help = "Examples:\n  connect")]
    Connect,
    /// Stop showing what arrives
    #[command(after_help = "Examples:\n  mute")]
    Mute,
    /// Show again what arrives
    #[command(after_help = "Examples:\n  unmute")]
    Unmute,
    /// Show only what comes from a client or concerns a service, or of one type
    Only(OnlyArgs),
    /// Look at the contexts, and choose among them
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::context::EXAMPLES)]
    Context(KeptCommand),
    /// Show the settings and where they come from
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false, after_help = command::config::help())]
    Config(ConfigCommand),
    /// Show the commands, or how one is used
    #[command(after_help = "Examples:\n  help\n  help services create\n  help targets")]
    Help(HelpArgs),
    /// Leave, as Ctrl-D does
    #[command(visible_alias = "quit", after_help = "Examples:\n  exit")]
    Exit,
}

impl ReplCommand {
    /// The words of its payload, if it has one.
    pub(crate) fn payload(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Client(command) => command.payload(),
            Self::Event(arguments) => arguments.payload(),
            _ => None,
        }
    }

    /// The paths on this machine that it names.
    pub(crate) fn paths(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Client(command) => command.paths(),
            Self::Event(arguments) => arguments.paths(),
            Self::Language(LanguageCommand::Source(arguments)) => vec![&mut arguments.file],
            _ => Vec::new(),
        }
    }
}
