//! From arguments to exit code: what was typed decides which part of the program runs, and how its end is told.

use std::{ffi::OsString, process::ExitCode, time::Duration};

use clap::{FromArgMatches, error::ErrorKind};

use crate::{
    args::{self, AboutCommand, Cli, Command, Global, ShellCommand},
    command::{
        self,
        bench::BenchCommand,
        config::ConfigCommand,
        context::{AddArgs, ContextCommand},
        doctor::{DoctorArgs, Subject},
        event::{self, EventArgs},
        hold::HoldArgs,
        raw::RawArgs,
    },
    console::{Console, Terminals},
    early::early_output,
    exit::Exit,
    failure::Failure,
    help::rendered,
    hold::{self, Address},
    identity::NameChoice,
    interpreter::JOBS_END,
    offspring,
    output::{Output, Version},
    script::RunArgs,
    sessions::{at_a_terminal, run_script},
    settings::{Given, Origin, SecretSource, Settings, Source, ask},
    signals::{FINISH, Signals, Stop, output_closed},
    usage::{Grammar, explain},
};

/// Runs the command: `arguments` begin with the program's name, the exit code says how it ended.
///
/// It blocks until the command is done, on a runtime of its own.
///
/// # Panics
///
/// Within a tokio runtime.
///
/// # Example
///
/// ```
/// use concierge_cli::{Console, Exit, run};
/// let (mut console, captured) = Console::in_memory("", []);
/// assert_eq!(run(["concierge", "version"], &mut console), Exit::Done.into());
/// assert!(captured.stdout().starts_with("concierge "));
/// ```
pub fn run<A: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
    console: &mut Console,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let Cli { global, command } = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &arguments, console).into(),
    };
    let request = match command {
        Some(ShellCommand::Server(arguments)) => return concierge_server::cli::run(&arguments.gateway),
        Some(ShellCommand::Run(arguments)) => Task::Script(arguments).into(),
        Some(ShellCommand::Doctor(arguments)) => Task::Doctor(arguments).into(),
        Some(ShellCommand::Bench(command)) => Task::Bench(command).into(),
        Some(ShellCommand::Event(arguments)) => Task::Event(arguments).into(),
        Some(ShellCommand::Raw(arguments)) => Task::Raw(arguments).into(),
        Some(ShellCommand::Hold(arguments)) => Task::Hold(arguments).into(),
        Some(ShellCommand::Context(command)) => Request::Context(command),
        Some(ShellCommand::Config(command)) => Request::Config(command),
        Some(ShellCommand::Client(command)) => Task::Command(command).into(),
        Some(ShellCommand::About(command)) => return about(&command, &global, &arguments, console).into(),
        Some(ShellCommand::Repl) | None => Task::Converse.into(),
    };
    let source = Source { global, environment: console.environment.clone() };
    let settings = source.settings();
    let (format, color) = match &settings {
        Ok(settings) => (settings.output, settings.color),
        Err(_) => (source.format(), source.global.color.unwrap_or_default()),
    };
    let output = match source.global.output.form() {
        Ok(form) => Output::new(console, form.unwrap_or_else(|| format.into()), color, source.global.verbose),
        Err(failure) => return ended(Err(failure), &early_output(&arguments, console)).into(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::local(format!("cannot start: {error}")));
            return Exit::LocalIo.into();
        }
    };
    let exit =
        runtime.block_on(perform(request, settings, &source, &output, console)).unwrap_or_else(|failure| {
            output.failure(&failure);
            failure.exit()
        });
    // Nobody waits for tasks that have programs, nor for a thread that reads a line that never comes.
    if console.is_process {
        offspring::end_all();
    }
    runtime.shutdown_background();
    exit.into()
}

/// Reads the arguments.
fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut tree = args::command();
    let mut matches = tree.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut tree))
}

/// What the program tells about itself is told without settings, which may be what is wrong, and without a runtime, of which
/// completion has one of its own.
fn about(command: &AboutCommand, global: &Global, arguments: &[OsString], console: &Console) -> Exit {
    match global.output.form() {
        Ok(form) => {
            let output = Output::new(
                console,
                form.unwrap_or_default(),
                global.color.unwrap_or_default(),
                global.verbose,
            );
            ended(command::about(command, &output, console), &output)
        }
        Err(failure) => ended(Err(failure), &early_output(arguments, console)),
    }
}

/// Help and version are what was asked for; anything else is a usage error.
fn not_parsed(error: &clap::Error, arguments: &[OsString], console: &Console) -> Exit {
    let output = early_output(arguments, console);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let styled = output.is_terminal() && output.palette().is_colored();
            ended(output.text(&rendered(&error.render(), styled)), &output)
        }
        _ => {
            output.failure(&explain(error, Grammar::Shell));
            Exit::Usage
        }
    }
}

/// How something ended; a failure is told.
fn ended(result: Result<(), Failure>, output: &Output) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}

/// What there is to do on a runtime.
enum Request {
    /// What concerns contexts.
    Context(ContextCommand),
    /// What concerns the settings.
    Config(ConfigCommand),
    /// What the settings are for.
    Task(Task),
}

/// What the settings are for.
enum Task {
    /// Lines as they are typed, or from a pipe.
    Converse,
    /// Lines from a file.
    Script(RunArgs),
    /// The wire by hand.
    Raw(RawArgs),
    /// A look at the connection.
    Doctor(DoctorArgs),
    /// A measurement.
    Bench(BenchCommand),
    /// What a web application has to say.
    Event(Box<EventArgs>),
    /// A connection that stays.
    Hold(HoldArgs),
    /// One command.
    Command(Command),
}

impl Task {
    /// How long it may take to end by itself after a signal, if it does.
    fn ends_within(&self) -> Option<Duration> {
        match self {
            Self::Command(command) if command.ends_by_itself() => Some(FINISH),
            Self::Event(arguments) if arguments.ends_by_itself() => Some(FINISH),
            Self::Converse | Self::Script(_) => Some(JOBS_END),
            _ => None,
        }
    }
}

impl From<Task> for Request {
    fn from(task: Task) -> Self {
        Self::Task(task)
    }
}

async fn perform(
    request: Request,
    settings: Result<Settings, Failure>,
    source: &Source,
    output: &Output,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    // What concerns the settings themselves is there to mend them, too.
    let task = match request {
        Request::Config(command) => {
            let settings = settings.as_ref().map_err(Clone::clone);
            return command::config::run(command, settings, source, output).map(|()| Exit::Done);
        }
        Request::Context(ContextCommand::Add(arguments)) => {
            return add_context(&arguments, source, output, console, &mut signals).await;
        }
        Request::Context(ContextCommand::Kept(command)) => {
            return command::context::run(command, source, output).map(|()| Exit::Done);
        }
        Request::Task(Task::Doctor(_)) if settings.is_err() => {
            return command::doctor::without_settings(source, output).map(|()| Exit::Done);
        }
        Request::Task(Task::Command(Command::Version)) => {
            return output.record(&Version).map(|()| Exit::Done);
        }
        Request::Task(task) => task,
    };
    let mut settings = settings?;
    tell_origins(&settings, output);
    if settings.asks_for_secret() {
        let url = settings.url_or_default();
        tokio::select! {
            typed = ask(console, url.as_str()) => settings.answer_secret(typed?),
            exit = signals.next() => return Ok(exit),
        }
    }
    let task = match task {
        Task::Hold(arguments) => {
            // One in the environment is for other commands.
            if source.global.session.is_some() {
                return Err(not_on_a_session("hold"));
            }
            return command::hold::run(arguments, &settings, output, console, &mut signals).await;
        }
        task => task,
    };
    let session = hold::choose(source, &settings)?;
    if can_edit_lines(console) && matches!(task, Task::Converse) {
        return at_a_terminal(session, &settings, output, console, &mut signals).await;
    }
    // What was measured until then is still told: a measurement looks at signals itself.
    let insisting = !matches!(task, Task::Bench(_));
    let (asks, stop) = Stop::pair();
    let asks = task.ends_within().map(|span| (asks, span));
    let watched = console.is_process && !console.terminals.stdout;
    tokio::select! {
        result = without_terminal(task, session, &settings, output, console, &stop) => result.map(|()| Exit::Done),
        // Not before it is polled: else it would insist in any case.
        exit = async { signals.insist(asks).await }, if insisting => exit,
        () = output_closed(), if watched => Ok(Exit::Done),
    }
}

/// Adds a context, whose secret may have to be asked for first.
async fn add_context(
    arguments: &AddArgs,
    source: &Source,
    output: &Output,
    console: &mut Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let mut layer = source.flags()?.with_api(&arguments.api);
    let url = layer.url.as_ref().map(|url| url.value.to_string());
    if let (Some(Given { value: secret @ SecretSource::Asked, .. }), Some(url)) = (&mut layer.secret, url) {
        tokio::select! {
            typed = ask(console, &url) => *secret = SecretSource::Text(typed?),
            exit = signals.next() => return Ok(exit),
        }
    }
    command::context::add_one(arguments, &layer, source, output).map(|()| Exit::Done)
}

/// Tells what was noticed about the settings, and with `--verbose` where those come from that somebody gave.
fn tell_origins(settings: &Settings, output: &Output) {
    for note in settings.notes() {
        output.note(note);
    }
    for explained in settings.explain() {
        if explained.origin != Origin::Default {
            let value = explained.values.join(", ");
            output.detail(&format!("{} is {value}, from {}", explained.setting.name, explained.origin));
        }
    }
}

/// Whether there is a terminal on both sides, and one that can move its cursor. Elsewhere lines are read as they come.
fn can_edit_lines(console: &Console) -> bool {
    let Terminals { stdin, stdout, .. } = console.terminals;
    console.is_process && stdin && stdout && console.environment.terminal_is_able()
}

/// A command that has no use for a held session.
fn not_on_a_session(command: &str) -> Failure {
    Failure::usage(format!("`{command}` makes a connection of its own, and does not run on a session"))
        .hint("leave out --session, and unset CONCIERGE_SESSION or say --url")
}

async fn without_terminal(
    task: Task,
    session: Option<Address>,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
    stop: &Stop,
) -> Result<(), Failure> {
    match task {
        Task::Converse => {
            // At a keyboard, a slip is no reason to end.
            let keep_going = console.terminals.stdin;
            let input = RunArgs {
                file: "-".into(),
                keep_going,
                allow_shell: keep_going,
                embedded: settings.url.is_none() && session.is_none(),
            };
            run_script(&input, session, settings, output, console, stop).await
        }
        Task::Script(arguments) => run_script(&arguments, session, settings, output, console, stop).await,
        Task::Hold(_) => Err(not_on_a_session("hold")),
        Task::Raw(_) if session.is_some() => Err(not_on_a_session("raw")),
        Task::Raw(arguments) => command::raw::run(arguments, settings, output, console).await,
        Task::Doctor(_) if session.is_some() => Err(not_on_a_session("doctor")),
        Task::Bench(_) if session.is_some() => Err(not_on_a_session("bench")),
        Task::Doctor(arguments) => {
            let name = settings.name.clone().map_or_else(NameChoice::random, NameChoice::Given);
            let subject = Subject { settings, url: &settings.url_or_default(), name };
            command::doctor::run(arguments, subject, output).await
        }
        Task::Bench(command) => {
            let url = settings.url_or_default();
            command::bench::run(command, settings, &url, output, Some(Signals::listen()?)).await
        }
        Task::Event(arguments) => {
            event::run(*arguments, session.as_ref(), settings, output, console, stop).await
        }
        Task::Command(Command::Serve(_)) if session.is_some() => Err(not_on_a_session("serve")),
        Task::Command(command) => {
            command::run(command, session.as_ref(), settings, output, console, stop).await
        }
    }
}
