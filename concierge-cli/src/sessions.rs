//! Sessions as they begin: where they are held, under which name, and what is around them, at a terminal and for a script. What happens
//! in one is in `repl/` and `interpreter/`.

use std::{path::Path, sync::Arc};

use crate::{
    console::Console,
    embedded::Embedded,
    exit::Exit,
    failure::Failure,
    hold::Address,
    identity::NameChoice,
    input::Lines,
    interpreter::{Interpreter, Rules, Sharing, Shell},
    output::Output,
    repl::{self, Audience, Location, Marks, Session, Surroundings},
    script::{self, RunArgs, Script},
    settings::Settings,
    signals::{Signals, Stop},
};

/// The REPL, at a terminal that can edit lines.
pub(crate) async fn at_a_terminal(
    session: Option<Address>,
    settings: &Settings,
    output: &Output,
    console: &Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let embedded = match (&settings.url, &session) {
        (None, None) => Some(Embedded::start().await?),
        _ => None,
    };
    let location = location(session, settings, embedded.as_ref()).await?;
    let name = session_name(settings, console);
    let surroundings = Surroundings {
        terminal: Arc::clone(&console.stdout),
        marks: Marks::of(&console.environment),
        history: settings.history_file(&location.short()),
        shell: Shell::new(&console.environment, Sharing::Terminal),
    };
    let result = repl::run(settings, location, name, output, surroundings, signals).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

/// The lines of a script.
pub(crate) async fn run_script(
    arguments: &RunArgs,
    session: Option<Address>,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
    stop: &Stop,
) -> Result<(), Failure> {
    let script = open_script(&arguments.file, console)?;
    // What was typed wins over the environment.
    let session = session.filter(|_| !arguments.embedded);
    let embedded = if arguments.embedded { Some(Embedded::start().await?) } else { None };
    let location = location(session, settings, embedded.as_ref()).await?;
    if location.embedded.is_some() {
        output.note(&format!("on a gateway of its own at {}", location.url));
    }
    let choice = session_name(settings, console);
    let session = Session::new(settings.clone(), location, choice, output.clone(), Audience::Script);
    let sharing = if console.is_process { Sharing::Outputs } else { Sharing::Nothing };
    let shell = Shell::new(&console.environment, sharing);
    let rules = Rules { keep_going: arguments.keep_going, shell: arguments.allow_shell };
    let result = script::run(script, Interpreter::new(session, shell, rules), stop).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    result
}

fn open_script<'a>(path: &'a Path, console: &mut Console) -> Result<Script<'a>, Failure> {
    if path != Path::new("-") {
        return Ok(Script::File(path));
    }
    let input = console.stdin.take().ok_or_else(|| Failure::local("there is no input to read"))?;
    Ok(Script::Input(Lines::start("the input", input)))
}

async fn location(
    session: Option<Address>,
    settings: &Settings,
    embedded: Option<&Embedded>,
) -> Result<Location, Failure> {
    let url = match (embedded, &session) {
        (Some(embedded), _) => embedded.url().clone(),
        (None, Some(session)) => session.join(settings.timeout).await?.url()?,
        (None, None) => settings.url_or_default(),
    };
    Ok(Location { url, embedded: embedded.map(|embedded| embedded.api().clone()), session })
}

fn session_name(settings: &Settings, console: &Console) -> NameChoice {
    match &settings.name {
        Some(given) => NameChoice::Given(given.clone()),
        None => NameChoice::of_login(&console.environment),
    }
}
