//! `doctor`: looks at a connection step by step, and at what is around it.
//!
//! Owns what is looked at and how it is judged. It goes the way that every command goes and looks on, so that what it finds is what
//! commands meet.

mod certificate;
mod check;
mod configured;
mod inside;
mod surroundings;
mod way;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Args;
use concierge_client::{Client, ConnectError, Events, GatewayUrl, payload::Intents};
use jiff::Timestamp;

use self::{
    check::{Check, Report},
    way::{Attempt, Seen},
};
use crate::{
    connect::{Introduction, Purpose, builder},
    console::Environment,
    descriptors::Descriptors,
    exit::Exit,
    failure::Failure,
    identity::NameChoice,
    output::{Output, Progress},
    settings::{Settings, Source},
};

/// `doctor`
#[derive(Debug, Clone, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct DoctorArgs {}

/// Where to look, and as whom.
pub(crate) struct Subject<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The gateway.
    pub url: &'a GatewayUrl,
    /// The name to connect under.
    pub name: NameChoice,
}

/// Checks everything, and tells it. The exit code is that of the first check that failed.
pub(crate) async fn run(_: DoctorArgs, subject: Subject<'_>, output: &Output) -> Result<(), Failure> {
    let Subject { settings, url, .. } = subject;
    let mut checks = configured::files(settings.source());
    checks.push(configured::values(settings, url));
    {
        let mut progress = Progress::start(output, "connecting", 2);
        progress.advance(0, || url.to_string());
        let looked = look(&subject, output).await?;
        checks.extend(looked.checks);
        progress.advance(1, || "asking the gateway".to_owned());
        match looked.connected {
            Some((client, events)) => {
                checks.extend(inside::checks(&client, events, settings.timeout).await);
                client.close().await;
            }
            None => checks.extend(inside::unreached()),
        }
    }
    tell(url.to_string(), checks, &settings.source().environment, output)
}

/// The same where the settings make no sense: what is wrong with them, and what is around.
pub(crate) fn without_settings(source: &Source, output: &Output) -> Result<(), Failure> {
    let mut checks = configured::files(source);
    checks.extend(way::unreached());
    checks.extend(inside::unreached());
    tell(String::new(), checks, &source.environment, output)
}

/// Adds what is around the command, and tells everything.
fn tell(
    url: String,
    mut checks: Vec<Check>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    checks.push(surroundings::descriptors(Descriptors::of_process()));
    checks.push(surroundings::terminal(environment, output.is_terminal(), output.palette().is_colored()));
    checks.push(surroundings::completions(environment));
    let report = Report { url, checks, unicode: surroundings::is_utf8(environment) };
    output.record(&report)?;
    match report.exit() {
        Exit::Done => Ok(()),
        exit => Err(Failure::silent(exit)),
    }
}

/// What was seen on the way, and what came of it.
struct Looked {
    checks: Vec<Check>,
    connected: Option<(Client, Events)>,
}

/// Goes the way of every command, once, and looks on.
async fn look(subject: &Subject<'_>, output: &Output) -> Result<Looked, Failure> {
    let Subject { settings, url, name } = subject;
    let Some(name) = name.candidates().next() else {
        return Err(Failure::usage("there is no name to connect under"));
    };
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let seeing = Arc::clone(&seen);
    let begin = Instant::now();
    let purpose = Purpose { intents: Intents::NONE, capacity: 64, lasting: false };
    let introduction = Introduction::of(settings, url, output)?;
    let builder = builder(&introduction, url, &name, purpose)?.observe(move |milestone| {
        let seen = Seen { at: begin.elapsed(), time: Timestamp::now(), milestone: milestone.clone() };
        seeing.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    });
    let connected = builder.connect_with_events().await;
    let at = begin.elapsed();
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(judged(settings, url, seen, at, connected))
}

fn judged(
    settings: &Settings,
    url: &GatewayUrl,
    seen: Vec<Seen>,
    at: Duration,
    connected: Result<(Client, Events), ConnectError>,
) -> Looked {
    let session = connected.as_ref().map(|(client, _)| client.session());
    let outcome = session.as_deref().map_err(|error| *error);
    let attempt = Attempt { url, secret: settings.sends_secret(url), seen, ended: (at, outcome) };
    let mut checks = attempt.checks();
    checks.push(attempt.clock());
    Looked { checks, connected: connected.ok() }
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  concierge doctor
  concierge doctor --url ws://192.0.2.7:64209/ws --timeout 3s
  concierge doctor -o json

It connects as any command does, and says of each step whether it is well. The exit code is that of the first
check that failed; warnings are none.";
