//! What each command does with a connected client. The shell and the REPL come here with the same [`Command`]; how it was typed,
//! how a connection comes about and how results look is decided elsewhere.

pub(crate) mod bench;
pub(crate) mod clients;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod hold;
mod limits;
pub(crate) mod listen;
pub(crate) mod man;
mod membership;
mod missing;
pub(crate) mod ping;
pub(crate) mod raw;
pub(crate) mod request;
pub(crate) mod schema;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod services;
mod stream;
mod wait;
mod whoami;
mod writing;

pub(crate) use stream::{Shown, Watch};

use std::{
    io::BufRead,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use concierge_client::{
    GatewayUrl,
    payload::{Intent, Intents},
};

use self::{clients::ClientsCommand, services::ServicesCommand};
use crate::{
    args::{self, AboutCommand, Command},
    connect::{Introduction, Purpose, connect},
    console::Console,
    exit::Exit,
    failure::Failure,
    help,
    hold::Address,
    identity::NameChoice,
    link::{Link, Told, WAITING_EVENTS},
    output::{Output, Version},
    settings::Settings,
    signals::Stop,
};

/// What a command works with.
pub(crate) struct Context<'a> {
    /// The connection.
    pub link: &'a Link,
    /// Where it leads.
    pub url: &'a GatewayUrl,
    /// Where results go.
    pub output: &'a Output,
    /// Where the command runs.
    pub place: Place<'a>,
    /// How long an answer may take, and whatever else a command waits for where it was not told.
    pub timeout: Duration,
}

impl Context<'_> {
    /// Waits until the command is asked to end by itself: by a signal in the shell, as a job in a session. In front it is just dropped.
    async fn stopped(&self) -> Exit {
        match self.place {
            Place::Shell { stop, .. } => stop.asked().await,
            Place::Session(shown) => stream::asked(shown.stop()).await,
        }
    }
}

/// The input of a command, for the first who takes it.
pub(crate) type Input = Mutex<Option<Box<dyn BufRead + Send>>>;

/// Where a command runs, which decides how long what it makes lasts and who shows events.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In the shell: the connection ends with the command, unless it is a held session.
    Shell {
        /// The connection's events, from its beginning; whoever shows them takes them.
        events: &'a Mutex<Option<Told>>,
        /// Where it learns that it is to end.
        stop: &'a Stop,
        /// The input, for whoever reads it while it works.
        input: &'a Input,
    },
    /// In the REPL or a script: the connection stays, and events are shown as they come.
    Session(&'a dyn Shown),
}

impl Place<'_> {
    /// What comes in, for whoever reads it first.
    fn take_input(self) -> Result<Box<dyn BufRead + Send>, Failure> {
        match self {
            Self::Shell { input, .. } => taken(Some(input)),
            Self::Session(_) => taken(None),
        }
    }
}

/// What comes in, if that is a command's at all, for whoever takes it first.
fn taken(input: Option<&Input>) -> Result<Box<dyn BufRead + Send>, Failure> {
    let input = input.ok_or_else(|| Failure::usage("`-` is for the shell: here the input holds commands"))?;
    let taken = input.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or_else(|| Failure::local("there is no input to read"))
}

/// Tells what the program knows about itself.
pub(crate) fn about(command: &AboutCommand, output: &Output, console: &Console) -> Result<(), Failure> {
    match command {
        AboutCommand::Schema(arguments) => schema::run(arguments, output),
        AboutCommand::Completion(arguments) => completion::run(arguments, output, console),
        AboutCommand::Man(arguments) => man::run(arguments, output, console),
        AboutCommand::Help(arguments) => help::run(arguments, args::command(), output),
    }
}

/// Runs a command of the shell: connects, does it, leaves.
pub(crate) async fn run(
    command: Command,
    session: Option<&Address>,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
    stop: &Stop,
) -> Result<(), Failure> {
    let mut command = command;
    // What can fail without a gateway fails before one is asked.
    if let Command::Send(arguments) = &command {
        arguments.check()?;
    }
    if !command.reads_for_itself()
        && let Some(payload) = command.payload()
    {
        send::read_ahead(payload, console).await?;
    }
    let purpose = Purpose { intents: intents(&command), capacity: WAITING_EVENTS, lasting: lasts(&command) };
    let name = match (&settings.name, &command) {
        (Some(given), _) => NameChoice::Given(given.clone()),
        (None, Command::Serve(_)) => NameChoice::of_login(&console.environment),
        (None, _) => NameChoice::random(),
    };
    let connecting = async {
        match session {
            Some(session) => join(session, purpose, settings).await,
            None => connect_alone(&name, purpose, settings, output).await,
        }
    };
    let (link, events, url) = tokio::select! {
        connected = connecting => connected?,
        exit = stop.asked() => return Err(Failure::silent(exit)),
    };
    let (events, input) = (Mutex::new(Some(events)), Mutex::new(console.stdin.take()));
    let place = Place::Shell { events: &events, stop, input: &input };
    let context = Context { link: &link, url: &url, output, place, timeout: settings.timeout };
    let result = execute(command, &context).await;
    link.close().await;
    result
}

/// A held session, for one command.
async fn join(
    session: &Address,
    purpose: Purpose,
    settings: &Settings,
) -> Result<(Link, Told, GatewayUrl), Failure> {
    let held = session.join(settings.timeout).await?;
    let url = held.url()?;
    let link = Link::held(held);
    let events = link.events_of(purpose.intents);
    Ok((link, events, url))
}

/// A connection for one command.
async fn connect_alone(
    name: &NameChoice,
    purpose: Purpose,
    settings: &Settings,
    output: &Output,
) -> Result<(Link, Told, GatewayUrl), Failure> {
    let url = settings.url_or_default();
    let introduction = Introduction::of(settings, &url, output)?;
    let (client, events) = connect(&introduction, &url, name, purpose, output).await?;
    Ok((Link::own(client), Told::Own(events), url))
}

/// Does what a command says, on a connection that is there.
pub(crate) async fn execute(command: Command, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Send(arguments) => send::send(arguments, context).await,
        Command::Request(arguments) => request::request(arguments, context).await,
        Command::Serve(arguments) => serve::serve(*arguments, context).await,
        Command::Listen(arguments) => listen::listen(arguments, context).await,
        Command::Events(arguments) => events::events(arguments, context).await,
        Command::Services(command) => services::services(command, context).await,
        Command::Clients(command) => clients::clients(command, context).await,
        Command::Files(command) => files::files(command, context).await,
        Command::Whoami => whoami::whoami(context).await,
        Command::Ping(arguments) => ping::ping(arguments, context).await,
        Command::Version => context.output.record(&Version),
    }
}

/// What a one-shot command needs to be told without asking: most need nothing.
fn intents(command: &Command) -> Intents {
    match command {
        Command::Events(_) => Intents::ALL,
        // Whoever may answer may answer to all.
        Command::Request(_) => Intents::NONE.with(Intent::Broadcasts),
        Command::Listen(arguments) if arguments.services.is_empty() => Intents::NONE.with(Intent::Broadcasts),
        // A service that goes and comes back is subscribed to as soon as it is told of.
        Command::Listen(_) | Command::Services(ServicesCommand::Wait(_)) => {
            Intents::NONE.with(Intent::Services)
        }
        Command::Clients(ClientsCommand::Wait(_)) => Intents::NONE.with(Intent::Presence),
        _ => Intents::NONE,
    }
}

/// Whether a command outlives its connection. What is done once is not done again.
fn lasts(command: &Command) -> bool {
    match command {
        Command::Events(arguments) => !arguments.persistence.no_reconnect,
        Command::Listen(arguments) => !arguments.persistence.no_reconnect,
        Command::Serve(arguments) => !arguments.persistence.no_reconnect,
        _ => false,
    }
}
