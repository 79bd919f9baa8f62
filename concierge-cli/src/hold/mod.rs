//! Held sessions: one connection that a process of its own keeps, for many commands to use, one after the other or at one time.
//!
//! The protocol ties files, services, subscriptions and ids to a connection, and a command in a shell joins and leaves. `keeper` holds a
//! session, `attendant` serves one command each, `held` is the command's side of it; `protocol` and `happening` are what they say to
//! each other, and pure. What `concierge hold` takes and shows is not decided here, and neither is what a command does with a session.

mod attendant;
mod background;
mod choice;
mod desk;
mod happening;
mod held;
mod journal;
mod keeper;
mod lines;
mod place;
mod protocol;
mod queue;
mod visit;

pub(crate) use choice::choose;
pub(crate) use held::{Held, HeldEvents};
pub(crate) use journal::path as journal_path;
pub(crate) use keeper::Plan;
pub(crate) use protocol::Status;
pub(crate) use visit::Address;

use std::time::Duration;

use futures_util::future::join_all;

use self::{
    background::Brief,
    place::Place,
    visit::{Visit, foreign, visit},
};
use crate::{
    console::{Console, Environment},
    exit::Exit,
    failure::Failure,
    output::Output,
    settings::Label,
    signals::Signals,
};

/// What there is to know about sessions, for whoever asks for help.
pub(crate) const HELP: &str = "\
Held sessions

Services, subscriptions, files and the id that others send to belong to a connection. A command
in a shell joins, does one thing and leaves: what it made is gone. `hold` keeps one connection in
the background, and `--session`, or CONCIERGE_SESSION, lets other commands use it:

  concierge hold bot                          joins as `bot`, and stays
  concierge --session bot services create chat
  concierge --session bot send all hello
  concierge --session bot listen -n 1         what is sent to `bot`
  concierge --session bot repl                the REPL on it
  concierge hold --status bot                 where it is, under which name, how it stands
  concierge hold ls                           all sessions
  concierge hold --stop bot

A session connects again by itself when it loses the gateway, and brings its services and
subscriptions back; meanwhile commands fail with 3, as nothing was sent. `--idle 1h` ends it when
no command has used it for that long. When it ends, commands that use it end with 7.

`listen SERVICE` subscribes while it runs, and leaves a subscription that was there before as it
was; with `--keep` the session stays subscribed, so that it may send to the service.

A session is found by its socket, $XDG_RUNTIME_DIR/concierge/NAME.sock, which belongs to you
alone. Without XDG_RUNTIME_DIR the folder is concierge-UID in TMPDIR or /tmp. What happens to a
session stands in $XDG_STATE_HOME/concierge/hold/NAME.log, by default below ~/.local/state.
";

/// How long a session may take that is only asked how it stands.
const GLANCE: Duration = Duration::from_secs(2);

impl Plan<'_> {
    /// Holds it in this process until its end, telling what happens.
    pub(crate) async fn keep(
        &self,
        environment: &Environment,
        output: &Output,
        signals: &mut Signals,
        ready: impl FnOnce(&Status) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        keeper::keep(self, &Place::of(environment), output, Some(output.clone()), signals, ready).await
    }

    /// Has it held by a process in the background, and waits until it is.
    pub(crate) async fn start(&self) -> Result<Status, Failure> {
        let (session, brief) = (self.session.clone(), Brief::of(self));
        let starting = tokio::task::spawn_blocking(move || background::start(&session, &brief));
        starting.await.map_err(|error| Failure::local(format!("could not start: {error}")))?
    }
}

/// This process is the one in the background.
pub(crate) async fn run_detached(
    session: &Label,
    output: &Output,
    console: &mut Console,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    background::run(session, output, console, signals).await
}

/// How a session stands.
pub(crate) async fn status(
    session: &Label,
    environment: &Environment,
    within: Duration,
) -> Result<Status, Failure> {
    Address::new(session.clone(), environment).join(within).await.map(|held| held.status())
}

/// How all sessions stand; of those that do not tell, why. What dead ones left behind is removed.
pub(crate) async fn all(
    environment: &Environment,
    within: Duration,
) -> Result<(Vec<Status>, Vec<Failure>), Failure> {
    let place = Place::of(environment);
    let names = place.names()?;
    let glance = within.min(GLANCE);
    let visits = names.iter().map(async |name| (name, visit(&place, name, glance).await));
    let (mut standing, mut silent) = (Vec::new(), Vec::new());
    for (name, visited) in join_all(visits).await {
        match visited {
            Ok(Visit::Greeted(held)) => standing.push(held.status()),
            Ok(Visit::Nobody { .. }) => place.clean(name),
            Ok(Visit::Foreign { theirs, program, .. }) => silent.push(foreign(name, theirs, &program)),
            Err(failure) => silent.push(failure),
        }
    }
    Ok((standing, silent))
}

/// The names of the sessions that are held, or were when their processes died.
pub(crate) fn names(environment: &Environment) -> Result<Vec<Label>, Failure> {
    Place::of(environment).names()
}

/// Ends a session, and waits until its name is free again.
pub(crate) async fn stop(
    session: &Label,
    environment: &Environment,
    within: Duration,
) -> Result<(), Failure> {
    visit::stop(&Place::of(environment), session, within).await
}
