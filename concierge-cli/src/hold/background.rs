//! A session behind the shell's back: this program once more, as a process of its own. What it has to know goes through a pipe, so that
//! a secret stands neither in its arguments nor in its environment; how it went comes back through another.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use concierge_client::GatewayUrl;
use rustix::{
    process::setsid,
    stdio::{dup2_stdin, dup2_stdout},
};
use serde::{Deserialize, Serialize};

use super::{
    keeper::{Plan, keep},
    place::Place,
    protocol::{Fault, MAX_REQUEST, Status},
};
use crate::{
    connect::Introduction,
    console::Console,
    exit::Exit,
    failure::{Failure, without_number},
    identity::NameChoice,
    output::Output,
    settings::Label,
    signals::Signals,
};

/// What the process in the background has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Brief {
    url: String,
    name: NameChoice,
    introduction: Introduction,
    idle: Option<Duration>,
    log: Option<PathBuf>,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Beginning {
    Ready(Box<Status>),
    Failed(Fault),
}

impl Brief {
    /// What a plan says.
    pub(super) fn of(plan: &Plan<'_>) -> Self {
        Self {
            url: plan.url.to_string(),
            name: plan.name.clone(),
            introduction: plan.introduction.clone(),
            idle: plan.idle,
            log: plan.log.map(PathBuf::from),
        }
    }
}

/// Starts a process that holds a session, and waits until it does. It blocks. Dropping what waits for it does not end the process, but
/// the end of this one does: nobody is left to be told then.
pub(super) fn start(session: &Label, brief: &Brief) -> Result<Status, Failure> {
    let failed = |what: &str, error: &std::io::Error| {
        Failure::local(format!("could not {what} in the background: {}", without_number(error)))
    };
    let program = std::env::current_exe().map_err(|error| failed("find this program to start it", &error))?;
    let mut command = Command::new(program);
    command.args(["hold", session.as_str(), "--detached"]).current_dir("/");
    for (variable, _) in std::env::vars_os() {
        // All that is in them stands in what it is told, the secret among it.
        if variable.as_encoded_bytes().starts_with(b"CONCIERGE_") {
            command.env_remove(variable);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed("start this program", &error))?;
    if let Some(mut input) = child.stdin.take() {
        let text = serde_json::to_string(brief).map_err(|error| Failure::local(error.to_string()))?;
        // One that ended before it read this has something to tell, too.
        let _ = input.write_all(text.as_bytes());
    }
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        // What cannot be read is no answer, which is told below.
        let _ = BufReader::new(output.take(MAX_REQUEST as u64)).read_line(&mut line);
    }
    match serde_json::from_str(&line) {
        Ok(Beginning::Ready(status)) => Ok(*status),
        Ok(Beginning::Failed(fault)) => Err(fault.into()),
        Err(_) => Err(Failure::local(match child.wait() {
            Ok(status) => format!("the process in the background ended without a word, {status}"),
            Err(error) => format!("the process in the background cannot be waited for: {error}"),
        })),
    }
}

/// The process in the background: holds the session that it is told to, and tells how that began.
pub(super) async fn run(
    session: &Label,
    output: &Output,
    console: &mut Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    // Away from the terminal and its signals. It fails for one that leads a group already, which is away from them.
    let _ = setsid();
    let result = hold(session, output, console, signals).await;
    if let Err(failure) = &result {
        // Once it has begun this goes nowhere.
        let _ = tell(console, &Beginning::Failed(Fault::from(failure)));
    }
    result
}

async fn hold(
    session: &Label,
    output: &Output,
    console: &mut Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let brief = read_brief(console)?;
    let url = GatewayUrl::new(&brief.url).map_err(|error| Failure::usage(error.to_string()))?;
    let plan = Plan {
        session,
        url: &url,
        name: &brief.name,
        introduction: &brief.introduction,
        idle: brief.idle,
        log: brief.log.as_deref(),
    };
    let place = Place::of(&console.environment);
    let ready = |status: &Status| {
        tell(console, &Beginning::Ready(Box::new(status.clone())))?;
        let_go()
    };
    keep(&plan, &place, output, None, signals, ready).await
}

fn read_brief(console: &mut Console) -> Result<Brief, Failure> {
    let unclear = || {
        Failure::usage("`--detached` is how `concierge hold` starts itself; leave it out to hold a session")
    };
    let input = console.stdin.take().ok_or_else(unclear)?;
    let mut text = String::new();
    input.take(MAX_REQUEST as u64).read_to_string(&mut text).map_err(|_| unclear())?;
    serde_json::from_str(&text).map_err(|_| unclear())
}

fn tell(console: &Console, beginning: &Beginning) -> Result<(), Failure> {
    let text = serde_json::to_string(beginning).map_err(|error| Failure::local(error.to_string()))?;
    Ok(console.stdout.write_text(&(text + "\n"))?)
}

/// Lets go of the pipes: nobody is at their other ends any more.
fn let_go() -> Result<(), Failure> {
    let nowhere = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&nowhere).and_then(|()| dup2_stdout(&nowhere)).map_err(std::io::Error::from)?;
    Ok(())
}
