//! From arguments to exit code: what was typed decides which part of the program runs, and how its end is told.

use std::{ffi::OsString, fs::File, io::BufReader, path::Path, process::ExitCode, sync::Arc};

use clap::{Parser, error::ErrorKind};

use crate::{
    args::{Cli, Global, RunArgs, ShellCommand},
    command,
    console::Console,
    embedded::Embedded,
    exit::Exit,
    failure::Failure,
    identity::NameChoice,
    input::Lines,
    output::{ColorChoice, Format, Output},
    repl::{self, Audience, Location, Session, explain},
    script,
    settings::{Settings, history_file},
    signals::{Signals, output_closed},
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
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error, &arguments, console).into(),
    };
    if let Some(ShellCommand::Server(arguments)) = &cli.command {
        return concierge_server::cli::run(&arguments.gateway);
    }
    let global = &cli.global;
    let format = global.output.format().unwrap_or_default();
    let output = Output::new(console, format, global.color, global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::local(format!("cannot start: {error}")));
            return Exit::LocalIo.into();
        }
    };
    let exit = runtime.block_on(dispatch(cli, &output, console)).unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    });
    // A thread that reads the input may be waiting for a line that never comes.
    runtime.shutdown_background();
    exit.into()
}

/// Help and version are what was asked for; anything else is a usage error.
fn not_parsed(error: &clap::Error, arguments: &[OsString], console: &Console) -> Exit {
    let json = arguments.iter().any(|argument| argument == "--json");
    let output =
        Output::new(console, if json { Format::Json } else { Format::Human }, ColorChoice::Auto, false);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let text = if output.is_terminal() && output.palette().is_colored() {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            match output.text(&text) {
                Ok(()) => Exit::Done,
                Err(failure) => failure.exit(),
            }
        }
        _ => {
            output.failure(&explain(error));
            Exit::Usage
        }
    }
}

async fn dispatch(cli: Cli, output: &Output, console: &mut Console) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    let settings = Settings::resolve(&global, &console.environment)?;
    let mut signals = Signals::listen()?;
    let interactive = console.is_process && console.terminals.stdin && console.terminals.stdout;
    match command {
        None | Some(ShellCommand::Repl) if interactive => {
            at_a_terminal(&settings, output, console, &mut signals).await
        }
        command => {
            let watched = console.is_process && !console.terminals.stdout;
            tokio::select! {
                result = in_the_shell(command, &global, &settings, output, console) => result.map(|()| Exit::Done),
                exit = signals.next() => Ok(exit),
                () = output_closed(), if watched => Ok(Exit::Done),
            }
        }
    }
}

/// Everything that does not need somebody at a terminal.
async fn in_the_shell(
    command: Option<ShellCommand>,
    global: &Global,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
) -> Result<(), Failure> {
    match command {
        None | Some(ShellCommand::Repl) => {
            let input = RunArgs { file: "-".into(), keep_going: false, embedded: settings.url.is_none() };
            run_script(&input, settings, output, console).await
        }
        Some(ShellCommand::Run(arguments)) => run_script(&arguments, settings, output, console).await,
        Some(ShellCommand::Raw(limits)) => command::raw::run(limits, settings, output, console).await,
        Some(ShellCommand::Client(command)) => command::run(command, settings, output, console).await,
        Some(ShellCommand::Server(_)) => {
            let _ = global;
            Err(Failure::usage("the gateway runs on a runtime of its own"))
        }
    }
}

async fn at_a_terminal(
    settings: &Settings,
    output: &Output,
    console: &Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let embedded = match &settings.url {
        Some(_) => None,
        None => Some(Embedded::start().await?),
    };
    let location = location(settings, embedded.as_ref());
    let name = session_name(settings, console);
    let history = history_file(&console.environment, &location.short());
    let terminal = Arc::clone(&console.stdout);
    let result = repl::run(settings, location, name, output, terminal, history, signals).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

async fn run_script(
    arguments: &RunArgs,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
) -> Result<(), Failure> {
    let (lines, name) = open_script(&arguments.file, console)?;
    let embedded = if arguments.embedded { Some(Embedded::start().await?) } else { None };
    let location = location(settings, embedded.as_ref());
    if location.embedded {
        output.note(&format!("on a gateway of its own at {}", location.url));
    }
    let choice = session_name(settings, console);
    let session = Session::new(settings.clone(), location, choice, output.clone(), Audience::Script);
    let result = script::run(lines, &name, session, arguments.keep_going, output).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

fn open_script(path: &Path, console: &mut Console) -> Result<(Lines, String), Failure> {
    if path == Path::new("-") {
        let input = console.stdin.take().ok_or_else(|| Failure::local("there is no input to read"))?;
        return Ok((Lines::start(input), "input".to_owned()));
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Failure::local(format!("could not read {name}: {error}")))?;
    Ok((Lines::start(Box::new(BufReader::new(file))), name))
}

fn location(settings: &Settings, embedded: Option<&Embedded>) -> Location {
    match embedded {
        Some(embedded) => Location { url: embedded.url().clone(), embedded: true },
        None => Location { url: settings.url_or_default(), embedded: false },
    }
}

fn session_name(settings: &Settings, console: &Console) -> NameChoice {
    match &settings.name {
        Some(given) => NameChoice::Given(given.clone()),
        None => NameChoice::of_login(&console.environment),
    }
}
