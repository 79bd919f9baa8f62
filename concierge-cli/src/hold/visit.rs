//! Finding a held session and being greeted by it: whose it is, which version it speaks, how it stands.

use std::{io, time::Duration};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio::{net::UnixStream, time::timeout};

use super::{
    held::{Held, silent},
    lines::Lines,
    place::Place,
    protocol::{Greeting, MAX_ANSWER, Misunderstood, VERSION},
};
use crate::{
    console::Environment,
    exit::Exit,
    failure::{Failure, without_number},
    settings::Label,
    suggest::nearest,
};

/// Where a session is to be found.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    name: Label,
    place: Place,
}

/// What came of looking for a session.
pub(super) enum Visit {
    /// It is there.
    Greeted(Held),
    /// There is none of this name; whether there was one that died.
    Nobody {
        /// Whether its socket is still there.
        died: bool,
    },
    /// It is there, and speaks another version.
    Foreign {
        /// The version it speaks.
        theirs: u32,
        /// The version of its program.
        program: String,
        /// The process that holds it.
        pid: Option<i32>,
    },
}

/// Looks for a session, and waits for its greeting for at most this long; the same goes for each answer afterwards.
pub(super) async fn visit(place: &Place, name: &Label, within: Duration) -> Result<Visit, Failure> {
    let socket = place.socket(name)?;
    if !place.check()? {
        return Ok(Visit::Nobody { died: false });
    }
    let connected = timeout(within, UnixStream::connect(&socket)).await;
    let stream = match connected.map_err(|_| silent(name, within, None))? {
        Ok(stream) => stream,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound => Ok(Visit::Nobody { died: false }),
                io::ErrorKind::ConnectionRefused => Ok(Visit::Nobody { died: true }),
                _ => Err(Failure::new(
                    Exit::Unreachable,
                    format!("could not connect to {}: {}", socket.display(), without_number(&error)),
                )),
            };
        }
    };
    let pid = check_owner(&stream, name)?;
    let (reader, writer) = stream.into_split();
    let mut lines = Lines::new(reader, MAX_ANSWER);
    let known = pid.and_then(|pid| u32::try_from(pid).ok());
    let greeted = timeout(within, lines.next()).await.map_err(|_| silent(name, within, known))?;
    let Ok(Some(line)) = greeted else { return Ok(Visit::Nobody { died: true }) };
    match Greeting::decode(&line) {
        Ok(Greeting { session, .. }) => {
            Ok(Visit::Greeted(Held::start(name.clone(), session, lines, writer, within)))
        }
        Err(Misunderstood::Version { theirs, program }) => Ok(Visit::Foreign { theirs, program, pid }),
        Err(Misunderstood::Nonsense(_)) => {
            let message = format!("what answers at {} is no held session", socket.display());
            Err(Failure::new(Exit::Unreachable, message))
        }
    }
}

impl Address {
    /// Where a session of this name would be.
    pub(crate) fn new(name: Label, environment: &Environment) -> Self {
        Self { name, place: Place::of(environment) }
    }

    /// The name.
    pub(crate) fn name(&self) -> &Label {
        &self.name
    }

    /// A connection to the session, for a command that needs it.
    pub(crate) async fn join(&self, within: Duration) -> Result<Held, Failure> {
        let Self { name, place } = self;
        match visit(place, name, within).await? {
            Visit::Greeted(held) => Ok(held),
            Visit::Nobody { died } => Err(nobody(place, name, died)),
            Visit::Foreign { theirs, program, .. } => Err(foreign(name, theirs, &program)),
        }
    }
}

/// There is no session of this name.
pub(super) fn nobody(place: &Place, name: &Label, died: bool) -> Failure {
    if died {
        return Failure::new(Exit::Unreachable, format!("the session {name} has died"))
            .hint(format!("`concierge hold {name}` starts it again"));
    }
    let names = place.names().unwrap_or_default();
    let meant = nearest(name.as_str(), names.iter().map(Label::as_str));
    let hint = match meant {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("`concierge hold {name}` starts it, `concierge hold ls` lists those there are"),
    };
    Failure::new(Exit::Unreachable, format!("there is no session named {:?}", name.as_str())).hint(hint)
}

/// What a session of another version is told about.
pub(super) fn foreign(name: &Label, theirs: u32, program: &str) -> Failure {
    let message = format!(
        "the session {name} is held by concierge {program}, which speaks version {theirs} of the protocol of sessions; \
         this program speaks version {VERSION}"
    );
    Failure::new(Exit::NotAdmitted, message)
        .hint(format!("`concierge hold --stop {name}` ends it, `concierge hold {name}` starts it anew"))
}

/// Ends a session, and waits until its name is free again. One of another version is told to end, and not waited for.
pub(super) async fn stop(place: &Place, name: &Label, within: Duration) -> Result<(), Failure> {
    match visit(place, name, within).await? {
        Visit::Greeted(held) => {
            let stopped = timeout(within, held.stop()).await;
            stopped.map_err(|_| silent(name, within, Some(held.status().pid)))
        }
        Visit::Nobody { died } => {
            place.clean(name);
            Err(nobody(place, name, died))
        }
        // Every version understands this.
        Visit::Foreign { theirs, program, pid } => {
            let pid = pid.and_then(Pid::from_raw).ok_or_else(|| foreign(name, theirs, &program))?;
            kill_process(pid, Signal::TERM).map_err(|error| {
                Failure::local(format!("could not end the process {}: {error}", pid.as_raw_nonzero()))
            })
        }
    }
}

/// Whether the process on the other side is this user's; which it is.
fn check_owner(stream: &UnixStream, name: &Label) -> Result<Option<i32>, Failure> {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == geteuid().as_raw() => Ok(peer.pid()),
        Ok(_) => Err(Failure::new(Exit::Unreachable, format!("the session {name} is held by somebody else"))),
        Err(error) => Err(Failure::local(format!("cannot tell who holds the session {name}: {error}"))),
    }
}
