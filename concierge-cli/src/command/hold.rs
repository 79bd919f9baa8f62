//! `hold`: keeps one connection in the background for other commands, shows such sessions and ends them.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json, to_value};

use crate::{
    connect::Introduction,
    console::Console,
    exit::Exit,
    failure::Failure,
    grammar::parse_span,
    hold::{self, Plan, Status},
    identity::NameChoice,
    output::{Cell, Output, Record, Role, Table, View, escape, json::object},
    settings::{Label, Settings},
    signals::Signals,
};

const EXAMPLES: &str = "\
Examples:
  concierge hold bot
  concierge --session bot services create lobby
  concierge hold --status bot
  concierge hold ls --json
  concierge hold --stop bot
  concierge -u ws://192.0.2.7:64209/ws -N alice hold lab --idle 1h

Services, subscriptions and files belong to a connection, and a command in a shell leaves when it is done.
A session stays, connects again when it loses the gateway, and brings them back.";

/// `hold`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", hold::HELP))]
#[expect(clippy::struct_excessive_bools, reason = "they are flags, each typed on its own")]
pub(crate) struct HoldArgs {
    /// The session's name, by which `--session` finds it; `ls` lists all sessions
    #[arg(value_name = "NAME", required_unless_present = "status")]
    // Not `name`: that is everywhere the name to join under.
    pub label: Option<Label>,
    /// Show how it stands; without a name, list all
    #[arg(long, conflicts_with_all = ["stop", "foreground", "idle"])]
    pub status: bool,
    /// End it, and wait until it has ended
    #[arg(long, conflicts_with_all = ["foreground", "idle"])]
    pub stop: bool,
    /// Stay in the foreground, and tell what happens
    #[arg(long)]
    pub foreground: bool,
    /// End when no command has used it for this time, such as 1h
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub idle: Option<Duration>,
    /// How it starts itself in the background
    #[arg(long, hide = true, conflicts_with_all = ["status", "stop", "foreground", "idle"])]
    pub detached: bool,
}

/// One session.
struct Session {
    status: Status,
    /// Whether it has just begun.
    begun: bool,
}

/// All sessions.
struct Sessions(Vec<Status>);

/// A session that has ended.
struct Stopped(Label);

/// Does what is asked for; holding a session in this process, it returns when that ends.
pub(crate) async fn run(
    arguments: HoldArgs,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let name = arguments.label.as_ref();
    if arguments.detached {
        let name = name.ok_or_else(|| Failure::usage("a session has a name"))?;
        return hold::run_detached(name, output, console, signals).await;
    }
    if !arguments.status && !arguments.stop && name.is_none_or(|name| name.as_str() != "ls") {
        let name = name.ok_or_else(|| Failure::usage("a session has a name"))?;
        return start(name, &arguments, settings, output, console, signals).await;
    }
    let looking = look(&arguments, settings.timeout, output, console);
    tokio::select! {
        looked = looking => looked.map(|()| Exit::Done),
        exit = signals.next() => Ok(exit),
    }
}

async fn look(
    arguments: &HoldArgs,
    timeout: Duration,
    output: &Output,
    console: &Console,
) -> Result<(), Failure> {
    let environment = &console.environment;
    match &arguments.label {
        Some(name) if arguments.stop => {
            hold::stop(name, environment, timeout).await?;
            output.record(&Stopped(name.clone()))
        }
        Some(name) if arguments.status => {
            let status = hold::status(name, environment, timeout).await?;
            output.record(&Session { status, begun: false })
        }
        _ => {
            let (sessions, silent) = hold::all(environment, timeout).await?;
            for failure in &silent {
                output.note(failure.message());
            }
            if sessions.is_empty() && silent.is_empty() {
                output.note("there are no sessions; `concierge hold NAME` starts one");
            }
            output.record(&Sessions(sessions))
        }
    }
}

async fn start(
    session: &Label,
    arguments: &HoldArgs,
    settings: &Settings,
    output: &Output,
    console: &Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let url = settings.url_or_default();
    let name = match &settings.name {
        Some(given) => NameChoice::Given(given.clone()),
        None => NameChoice::of_session(session),
    };
    let introduction = Introduction::of(settings, &url, output)?;
    let log = hold::journal_path(&console.environment, session);
    let plan = Plan {
        session,
        url: &url,
        name: &name,
        introduction: &introduction,
        idle: arguments.idle,
        log: log.as_deref(),
    };
    let show = |status: &Status| output.record(&Session { status: status.clone(), begun: true });
    if arguments.foreground {
        return plan.keep(&console.environment, output, signals, show).await;
    }
    if !console.is_process {
        return Err(Failure::local("only a program can go to the background").hint("add --foreground"));
    }
    tokio::select! {
        status = plan.start() => show(&status?).map(|()| Exit::Done),
        exit = signals.next() => Ok(exit),
    }
}

/// The state of a session in a word.
fn state(status: &Status) -> &'static str {
    if status.connected { "connected" } else { "connecting" }
}

fn value(status: &Status) -> Value {
    // Its own type can always be written.
    to_value(Status { commands: others(status), ..status.clone() }).unwrap_or_default()
}

impl Record for Session {
    fn object(&self) -> String {
        one(&self.status)
    }

    fn human(&self, view: View) -> String {
        let Status { session, name, url, uuid, .. } = &self.status;
        if self.begun {
            let client = view.palette.paint(Role::Client, &escape(name));
            let uuid = view.palette.paint(Role::Dim, &uuid.to_string());
            return format!("{} is held: {client} at {}, {uuid}\n", escape(session), escape(url));
        }
        let mut table = Table::default();
        for (label, text) in fields(&self.status) {
            table.row([Cell::new(Role::Dim, label), Cell::plain(escape(&text))]);
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(&self.status)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.status.session.clone()]
    }
}

impl Record for Sessions {
    fn object(&self) -> String {
        object("sessions", &[("sessions", Value::Array(self.0.iter().map(value).collect()))])
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal && !self.0.is_empty() {
            table.heading(&["SESSION", "NAME", "GATEWAY", "STATE", "COMMANDS", "SINCE"]);
        }
        for status in &self.0 {
            let role = if status.connected { Role::Joined } else { Role::Left };
            table.row([
                Cell::plain(escape(&status.session)),
                Cell::new(Role::Client, escape(&status.name)),
                Cell::plain(escape(&status.url)),
                Cell::new(role, state(status)),
                Cell::plain(others(status).to_string()),
                Cell::new(Role::Dim, escape(&status.since)),
            ]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(one).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.0.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|status| status.session.clone()).collect()
    }
}

impl Record for Stopped {
    fn object(&self) -> String {
        object("session_stopped", &[("session", json!(self.0.as_str()))])
    }

    fn human(&self, _: View) -> String {
        format!("stopped {}\n", self.0)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.0.to_string()]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }
}

fn one(status: &Status) -> String {
    let fields = value(status);
    let fields = fields.as_object().into_iter().flatten();
    let fields: Vec<_> = fields.map(|(key, value)| (key.as_str(), value.clone())).collect();
    object("session", &fields)
}

/// The commands besides the one that asks.
fn others(status: &Status) -> usize {
    status.commands.saturating_sub(1)
}

fn row(status: &Status) -> Vec<String> {
    vec![
        status.session.clone(),
        status.name.clone(),
        status.uuid.to_string(),
        status.url.clone(),
        state(status).to_owned(),
        status.since.clone(),
        status.pid.to_string(),
    ]
}

fn fields(status: &Status) -> Vec<(&'static str, String)> {
    let trouble = status.trouble.as_ref().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
    let mut fields = vec![
        ("session", status.session.clone()),
        ("name", status.name.clone()),
        ("uuid", status.uuid.to_string()),
        ("gateway", status.url.clone()),
        ("state", state(status).to_owned() + &trouble),
        ("reconnects", status.reconnects.to_string()),
        ("commands", others(status).to_string()),
        ("since", status.since.clone()),
        ("process", status.pid.to_string()),
    ];
    fields.extend(status.log.as_ref().map(|log| ("log", log.clone())));
    fields
}
