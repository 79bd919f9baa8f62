//! What can be typed: the commands, their arguments and their help. The shell and the REPL share [`Command`]; what a value means
//! is in `grammar/` and `settings.rs`, what a command does in `command/`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use concierge_client::payload::{ClientName, Nickname, ServiceName, Tag, Target};

use crate::{
    exit::exit_codes,
    grammar::{parse_name, parse_span, parse_target},
    output::{ColorChoice, Format},
};

/// Talk to a Concierge gateway: send, listen, look around.
#[derive(Debug, Parser)]
#[command(name = "concierge", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<ShellCommand>,
}

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
        help = "The name to join under [env: CONCIERGE_NAME] [default: cli_ and 8 digits; in the REPL your login name]",
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
    /// How long connecting, and each answer, may take [default: 10s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_span, help_heading = "Connection")]
    pub timeout: Option<Duration>,
    /// How results are written
    #[command(flatten)]
    pub output: OutputArgs,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub color: ColorChoice,
    /// Tell more about what is done
    #[arg(long, short, global = true, help_heading = "Output")]
    pub verbose: bool,
}

/// How results are written.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct OutputArgs {
    /// Write JSON: one document, or one a line for a stream
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
}

impl OutputArgs {
    /// The format that was asked for.
    pub(crate) fn format(self) -> Option<Format> {
        if self.json { Some(Format::Json) } else { self.output }
    }
}

/// What the shell can be told: everything, and what only makes sense there.
#[derive(Debug, Subcommand)]
pub(crate) enum ShellCommand {
    /// Open the REPL
    #[command(
        after_help = "Examples:\n  concierge repl\n  concierge -u ws://192.0.2.7:64209/ws -N alice repl"
    )]
    Repl,
    /// Run a script of REPL lines
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Run a gateway, as `concierge-server` does
    Server(Box<GatewayArgs>),
    /// Speak the wire: a JSON payload per line in, one per line out
    #[command(after_help = RAW_EXAMPLES)]
    Raw(Limits),
    /// Everything that a connected client can do.
    #[command(flatten)]
    Client(Command),
}

/// What a connected client can do, from the shell and in the REPL.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Send a message
    #[command(after_help = SEND_EXAMPLES)]
    Send(SendArgs),
    /// Print messages: those of services, or what is sent to this client
    #[command(after_help = LISTEN_EXAMPLES)]
    Listen(ListenArgs),
    /// Print everything the gateway tells: messages, joins, services
    #[command(
        after_help = "Examples:\n  concierge events\n  concierge events --type CLIENT_JOINED -n 1 --json"
    )]
    Events(EventsArgs),
    /// Look at services, open and delete them
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false)]
    Services(ServicesCommand),
    /// Look at who is connected
    #[command(subcommand, disable_help_subcommand = true, arg_required_else_help = false)]
    Clients(ClientsCommand),
    /// Show what the gateway knows about this client
    #[command(after_help = "Examples:\n  concierge whoami\n  concierge whoami --json")]
    Whoami,
    /// Ask the gateway for a sign of life, and take the time
    #[command(after_help = "Examples:\n  concierge ping\n  concierge ping -n 5 --json")]
    Ping(PingArgs),
    /// Show the version of this program and of the protocol
    Version,
}

/// `server`
#[derive(Debug, Clone, Args)]
pub(crate) struct GatewayArgs {
    /// What `concierge-server` takes.
    #[command(flatten)]
    pub gateway: concierge_server::Args,
}

/// A line of the REPL.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "",
    bin_name = "",
    no_binary_name = true,
    disable_help_subcommand = true,
    max_term_width = 110
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
    /// Show the gateway: where it is, and how many are there
    Server,
    /// End subscriptions
    Unlisten(UnlistenArgs),
    /// Connect again, after the connection was lost
    Connect,
    /// Stop showing what arrives
    Mute,
    /// Show again what arrives
    Unmute,
    /// Show the commands, or how one is used
    Help(HelpArgs),
    /// Leave, as Ctrl-D does
    #[command(visible_alias = "quit")]
    Exit,
}

/// `unlisten`
#[derive(Debug, Clone, Args)]
pub(crate) struct UnlistenArgs {
    /// The services to unsubscribe from
    #[arg(value_name = "SERVICE", required = true, value_parser = parse_service)]
    pub services: Vec<ServiceName>,
}

/// `help`
#[derive(Debug, Clone, Args)]
pub(crate) struct HelpArgs {
    /// A command, or `targets`, `payloads`, `keys`
    pub topic: Vec<String>,
}

/// `run`
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// The script, or `-` for the input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Go on after a line that failed; the exit code is then 9
    #[arg(long)]
    pub keep_going: bool,
    /// Run it on a gateway embedded in this process
    #[arg(long, conflicts_with = "url")]
    pub embedded: bool,
}

/// `send`
#[derive(Debug, Clone, Args)]
pub(crate) struct SendArgs {
    /// Whom to: `bob` or `@bob`, a uuid, `svc:NAME`, `svc:NAME/UUID`, `all`
    #[arg(value_parser = parse_target)]
    pub target: Target,
    /// JSON, `key=value key:=json`, plain text, `@FILE`, or `-` for the input
    #[arg(allow_negative_numbers = true)]
    pub payload: Vec<String>,
}

/// `listen`
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenArgs {
    /// The services to subscribe to
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    pub services: Vec<ServiceName>,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
}

/// `events`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EventsArgs {
    /// Only payloads of this type, such as `MESSAGE` or `CLIENT_JOINED`; may be repeated
    #[arg(long, value_name = "TYPE")]
    pub r#type: Vec<String>,
    /// Only what comes from or concerns this client: a name or a uuid
    #[arg(long, value_name = "CLIENT")]
    pub from: Option<String>,
    /// Only what concerns this service
    #[arg(long, value_parser = parse_service)]
    pub service: Option<ServiceName>,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
}

/// When a stream ends by itself, which is success.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Limits {
    /// End after this many
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time, such as 10s
    #[arg(long = "for", value_name = "TIME", value_parser = parse_span)]
    pub span: Option<Duration>,
}

/// `services`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ServicesCommand {
    /// List all services
    #[command(
        visible_alias = "list",
        after_help = "Examples:\n  concierge services ls\n  concierge services ls --json"
    )]
    Ls,
    /// Show a service, its owner and its subscribers
    #[command(after_help = "Examples:\n  concierge services show chat")]
    Show(ServiceArgs),
    /// Open a service; it is there as long as the client that opened it
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// Delete a service of one's own
    #[command(visible_alias = "delete", after_help = "Examples, in the REPL:\n  services rm chat")]
    Rm(ServiceArgs),
}

/// A service's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// The service's name
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    pub service: ServiceName,
}

/// `services create`
#[derive(Debug, Clone, Args)]
pub(crate) struct CreateArgs {
    /// The service's name
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    pub service: ServiceName,
    /// How the service is shown to people
    #[arg(long = "title", value_name = "TEXT", value_parser = parse_name::<Nickname>)]
    pub title: Option<Nickname>,
    /// Keep it open until interrupted
    #[arg(long)]
    pub hold: bool,
}

/// `clients`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List everybody who is connected
    #[command(
        visible_alias = "list",
        after_help = "Examples:\n  concierge clients ls\n  concierge clients ls --json"
    )]
    Ls,
    /// Show a client and what it subscribes to
    #[command(after_help = "Examples:\n  concierge clients show bob")]
    Show(ClientArgs),
}

/// A client.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    /// A name or a uuid
    #[arg(value_name = "CLIENT")]
    pub client: String,
}

/// `ping`
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PingArgs {
    /// How often
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,
    /// The pause between two
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_span)]
    pub interval: Duration,
}

/// A service may be written with the mark it has as a target.
fn parse_service(word: &str) -> Result<ServiceName, String> {
    let name = word.strip_prefix("svc:").or_else(|| word.strip_prefix('#')).unwrap_or(word);
    parse_name(name).map_err(|error| error.to_string())
}

const AFTER_HELP: &str = concat!(
    "\
Without a command: the REPL in a terminal, a script from a pipe; both on a gateway embedded in this
process, unless a URL is given.

",
    exit_codes!()
);

const RUN_EXAMPLES: &str = "\
Examples:
  concierge run morning.concierge
  echo 'clients ls' | concierge run -
  concierge run --embedded --keep-going tests.concierge

A script has the REPL's lines; `#` and a space start a comment. It stops at the first line that fails.";

const RAW_EXAMPLES: &str = r#"Examples:
  echo '{"type":"IDENTIFY","name":"bob","version":"0.2.0"}' | concierge raw
  concierge raw -n 2 < payloads.ndjson

Nothing is added: the first payload must be IDENTIFY. At the end of the input, it ends when everything is answered."#;

const SEND_EXAMPLES: &str = r#"Examples:
  concierge send bob '{"text": "hi"}'     JSON, byte for byte
  concierge send all text=hello n:=1      the object {"text":"hello","n":1}
  concierge send svc:chat good morning    other text is sent as a JSON string
  concierge send bob @message.json        from a file
  date | concierge send bob -             from the input

In the REPL, `@bob hi` and `#chat {"text":"hi"}` are short for `send`."#;

const LISTEN_EXAMPLES: &str = "\
Examples:
  concierge listen chat news
  concierge --name bob listen -n 1 --json
  concierge listen chat --for 10s";

const CREATE_EXAMPLES: &str = "\
Examples:
  concierge services create chat --hold
  concierge services create chat --title 'The chat' --hold";
