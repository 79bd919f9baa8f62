//! Holding a session: one connection to the gateway that stays, and the socket by which commands use it. It ends when it is told to, by
//! a signal, when nobody has used it for long enough, or when the gateway does not want it any more.

use std::{path::Path, sync::Arc, time::Duration};

use concierge_client::{Event, Events, GatewayUrl, payload::Intents};
use rustix::process::geteuid;
use tokio::{
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    attendant::{attend, turn_away},
    desk::Desk,
    journal::Journal,
    place::{Claim, Place},
    protocol::{Fault, Status},
};
use crate::{
    connect::{Introduction, Purpose, connect},
    exit::Exit,
    failure::Failure,
    identity::NameChoice,
    output::Output,
    settings::Label,
    signals::Signals,
};

/// How many commands may use a session at one time.
const MAX_COMMANDS: usize = 64;

/// How long requests that are under way may take when the session ends.
const DRAIN: Duration = Duration::from_secs(5);

/// How long commands may take to hear of the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many events wait to be written to the journal.
const WAITING_EVENTS: usize = 256;

/// How often a name that is taken is tried, and the pause between: whoever looks after a dead session has its name for a moment.
const CLAIMS: (u32, Duration) = (5, Duration::from_millis(20));

/// A session that is to be held.
pub(crate) struct Plan<'a> {
    /// Under which name it is found.
    pub session: &'a Label,
    /// The gateway.
    pub url: &'a GatewayUrl,
    /// Under which name it joins.
    pub name: &'a NameChoice,
    /// What else it tells the gateway of itself.
    pub introduction: &'a Introduction,
    /// After which time without a command it ends.
    pub idle: Option<Duration>,
    /// Where it writes what happens.
    pub log: Option<&'a Path>,
}

/// Why a session ends.
enum End {
    /// A command said so.
    Stopped,
    /// A signal came.
    Signal(Exit),
    /// Nobody used it for this long.
    Idle(Duration),
    /// The gateway does not want it any more, or it cannot be found again.
    Gone(Failure),
}

/// Holds a session until its end. `ready` is told how it stands once it can be used.
pub(super) async fn keep(
    plan: &Plan<'_>,
    place: &Place,
    output: &Output,
    shown: Option<Output>,
    signals: &mut Signals,
    ready: impl FnOnce(&Status) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let claim = claim(place, plan.session).await?;
    let purpose = Purpose { intents: Intents::ALL, capacity: WAITING_EVENTS, lasting: true };
    let connecting = connect(plan.introduction, plan.url, plan.name, purpose, output);
    // Nobody knows of it yet: there is nothing to end but itself.
    let (client, events) = tokio::select! {
        connected = connecting => connected?,
        exit = signals.next() => return Ok(exit),
    };
    let listener = claim.listen()?;
    let listener = UnixListener::from_std(listener)
        .map_err(|error| Failure::local(format!("cannot listen for commands: {error}")))?;
    let journal = Journal::open(plan.log, shown);
    let desk = Arc::new(Desk::new(plan.session.clone(), plan.url.to_string(), client, journal));
    let status = desk.status();
    let Status { name, uuid, pid, .. } = &status;
    desk.journal().tell(&format!("connected to {} as {name}, {uuid}, in process {pid}", plan.url));
    ready(&status)?;
    let mut commands = JoinSet::new();
    let end = tokio::select! {
        () = serve(&listener, &desk, &mut commands) => End::Stopped,
        () = desk.stop.notified() => End::Stopped,
        () = follow(events, &desk) => End::Gone(desk.client().closed().await.into()),
        span = unused(&desk, plan.idle) => End::Idle(span),
        exit = signals.next() => End::Signal(exit),
    };
    drop(listener);
    Ok(finish(end, claim, &desk, commands).await)
}

async fn claim(place: &Place, name: &Label) -> Result<Claim, Failure> {
    let (attempts, pause) = CLAIMS;
    for _ in 1..attempts {
        match place.claim(name) {
            Err(failure) if failure.exit() == Exit::NotAdmitted => sleep(pause).await,
            claimed => return claimed,
        }
    }
    place.claim(name)
}

/// Lets commands in, and sends away those for whom there is no room and those of others.
async fn serve(listener: &UnixListener, desk: &Arc<Desk>, commands: &mut JoinSet<()>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, most likely: those who are there go on, and some of them go.
                desk.journal().tell(&format!("could not take a command: {error}"));
                sleep(FAREWELL).await;
                continue;
            }
        };
        while commands.try_join_next().is_some() {}
        if !is_own(&stream) {
            desk.journal().tell("sent away a process of another user");
        } else if desk.commands() >= MAX_COMMANDS || commands.len() >= MAX_COMMANDS {
            turn_away(stream, desk, MAX_COMMANDS).await;
        } else {
            commands.spawn(attend(stream, Arc::clone(desk)));
        }
    }
}

fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

/// Writes down what becomes of the connection, until that has ended for good.
async fn follow(events: Events, desk: &Desk) {
    let mut events = events.filter(|event| event.payload().is_none());
    while let Some(event) = events.next().await {
        let told = match event {
            Event::Disconnected { cause, .. } => format!("{cause}; connecting again"),
            Event::Reconnecting { attempt, why, .. } => {
                format!("not back yet: {why}; attempt {attempt} follows")
            }
            Event::Resumed(resumed) => {
                let restored = &resumed.restored;
                let lost = restored
                    .lost
                    .iter()
                    .map(|lost| format!("; {:?} is lost: {}", lost.service.as_str(), lost.loss));
                let pending =
                    restored.pending.iter().map(|service| format!("; {:?} is not there", service.as_str()));
                let missing: String = lost.chain(pending).collect();
                format!(
                    "connected again after {:.1} s as {}{missing}",
                    resumed.gap.as_secs_f64(),
                    resumed.uuid
                )
            }
            Event::Closed(cause) => format!("the connection has ended: {cause}"),
            _ => continue,
        };
        desk.journal().tell(&told);
    }
}

/// Waits until no command has used the session for this long.
async fn unused(desk: &Desk, idle: Option<Duration>) -> Duration {
    let Some(idle) = idle else { return std::future::pending().await };
    loop {
        let since = desk.unused_since().unwrap_or_else(Instant::now);
        let Some(end) = since.checked_add(idle) else { return std::future::pending().await };
        if Instant::now() >= end {
            return idle;
        }
        sleep_until(end).await;
    }
}

/// Ends in an order that whoever waits for the end can rely on: requests have their answers, the gateway knows, the name is free, and
/// then the commands are told.
async fn finish(end: End, claim: Claim, desk: &Desk, mut commands: JoinSet<()>) -> Exit {
    let name = claim.session().to_owned();
    let (why, exit) = match &end {
        End::Stopped => ("was stopped".to_owned(), Exit::Done),
        End::Signal(exit) => ("was ended by a signal".to_owned(), *exit),
        End::Idle(span) => (format!("was not used for {} s", span.as_secs_f32()), Exit::Done),
        End::Gone(failure) => (format!("has ended: {}", failure.message()), failure.exit()),
    };
    if desk.client().drain(DRAIN).await.is_err() {
        desk.journal().tell("some requests had no answer when the time was up");
    }
    desk.journal().tell(&format!("the session {why}"));
    drop(claim);
    let exit_of_commands = if matches!(end, End::Gone(_)) { exit } else { Exit::Lost };
    let failure = Failure::new(exit_of_commands, format!("the session {name} {why}"))
        .hint(format!("`concierge hold {name}` starts it again"));
    desk.ended.send_replace(Some(Fault::from(&failure)));
    let told = async { while commands.join_next().await.is_some() {} };
    // A command that does not read what it is told has had its time.
    let _ = timeout(FAREWELL, told).await;
    exit
}
