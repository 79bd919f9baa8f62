//! The task of a client: runs a connection, and when it ends, the next one, until there is to be none.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

use super::{
    approach::{Approach, Established},
    desk::{Absence, Source},
    driver::{Driver, Tuning},
    fanout::Queue,
    hold::{Held, Hold},
    ledger::Ledger,
    link::{Command, Link, Outcome},
};
use crate::{
    error::{ConnectError, Wire},
    payload::ClientName,
    session::{CloseCause, Event, Next, Reconnect, ReconnectPolicy, Session},
    state::{Interruption, State},
};

/// What a client does when its connection is gone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Persistence {
    /// How it connects again; none: it does not.
    pub(crate) policy: Option<ReconnectPolicy>,
    /// How requests wait meanwhile; none: they fail.
    pub(crate) hold: Option<Hold>,
}

/// Starts the task of a client that is connected. The queue has every event from the first on.
pub(crate) fn start(
    name: ClientName,
    established: Established,
    approach: Approach,
    persistence: Persistence,
    tuning: Tuning,
    events_capacity: usize,
) -> (Arc<Link>, Arc<Queue>) {
    let Persistence { policy, hold } = persistence;
    let (sender, commands) = mpsc::channel(tuning.max_in_flight);
    let session = Arc::new(Session::new(name, established.hello.clone()));
    let hold = hold.filter(|_| policy.is_some());
    let ledger = Ledger::new(policy.is_some());
    let link = Arc::new(Link::new(session, sender, tuning.max_in_flight, ledger, hold.is_some()));
    let queue = link.fanout.open(events_capacity);
    let supervisor = Supervisor {
        link: Arc::clone(&link),
        commands,
        held: Held::new(hold),
        reconnect: Reconnect::new(policy, Instant::now().into_std()),
        approach,
        tuning,
        finished: false,
    };
    tokio::spawn(supervisor.run(established));
    (link, queue)
}

/// The task of a client. However it ends, everyone is told, even when it is dropped with its runtime.
struct Supervisor {
    link: Arc<Link>,
    commands: mpsc::Receiver<Command>,
    held: Held,
    reconnect: Reconnect,
    approach: Approach,
    tuning: Tuning,
    finished: bool,
}

/// A pause before an attempt to connect.
struct Pause {
    attempt: u32,
    until: Instant,
}

impl Supervisor {
    async fn run(mut self, established: Established) {
        let mut established = established;
        let mut absence = None;
        while let Some(pause) = self.connection(established, absence).await {
            let (since, previous) = (Instant::now(), self.link.session().uuid());
            let Some(next) = self.absence(pause).await else { return };
            established = next;
            absence = Some(Absence { previous, since, attempts: self.reconnect.attempts() });
        }
    }

    /// Runs a connection to its end. What comes then; nothing when that was the last one.
    async fn connection(&mut self, established: Established, absence: Option<Absence>) -> Option<Pause> {
        let mut session = self.link.session();
        if absence.is_some() {
            session = Arc::new(session.renewed(established.hello.clone()));
            self.link.set_session(Arc::clone(&session));
        }
        self.reconnect.handle_connected(Instant::now().into_std());
        let mut driver = Driver::new(established, session, Arc::clone(&self.link), self.tuning, absence);
        let mut source = Source { held: &mut self.held, commands: &mut self.commands };
        let cause = driver.run(&mut source, self.approach.way.within).await;
        tracing::debug!(%cause, "connection ends");
        let Some(pause) = self.after(&cause) else {
            let unanswered = driver.desk.settle(&cause);
            self.settle(unanswered, &cause);
            driver.farewell(&cause).await;
            self.finish(cause);
            return None;
        };
        self.set_connecting(&pause, Interruption::Ended(cause.clone()));
        let retry_in = pause.until.saturating_duration_since(Instant::now());
        self.link.fanout.publish(Event::Disconnected { cause: cause.clone(), retry_in });
        self.link.ledger.handle_lost();
        driver.desk.settle(&cause);
        self.fail_queued(&cause);
        tokio::spawn(async move { driver.farewell(&cause).await });
        Some(pause)
    }

    /// What comes after a connection that ended so.
    fn after(&mut self, cause: &CloseCause) -> Option<Pause> {
        let now = Instant::now().into_std();
        match self.reconnect.handle_lost(cause.trouble(), now, random()) {
            Next::Retry { attempt, at } if !self.link.is_ending() => {
                Some(Pause { attempt, until: at.into() })
            }
            _ => None,
        }
    }

    /// Connects again. Nothing, when it is told to end or nothing helps.
    async fn absence(&mut self, mut pause: Pause) -> Option<Established> {
        loop {
            let attempted = tokio::select! {
                biased;
                () = self.link.asked_to_end() => {
                    self.end(CloseCause::ByClient);
                    return None;
                }
                attempted = attempt(&self.approach, &pause) => attempted,
                never = turn_away(&mut self.held, &mut self.commands, &self.link) => match never {},
            };
            let error = match attempted {
                Ok(established) => return Some(established),
                Err(error) => error,
            };
            tracing::debug!(%error, attempt = pause.attempt, "could not connect again");
            let now = Instant::now().into_std();
            match self.reconnect.handle_failed(error.trouble(), error.retry_after(), now, random()) {
                Next::Retry { attempt, at } => {
                    pause = Pause { attempt, until: at.into() };
                    let why = error.to_string().into();
                    self.set_connecting(&pause, Interruption::Failed(Arc::new(error)));
                    let retry_in = pause.until.saturating_duration_since(Instant::now());
                    self.link.fanout.publish(Event::Reconnecting { attempt, retry_in, why });
                }
                Next::GiveUp => {
                    self.end(gave_up(error));
                    return None;
                }
            }
        }
    }

    fn set_connecting(&self, pause: &Pause, cause: Interruption) {
        let Pause { attempt, until } = *pause;
        self.link.set_state(State::Connecting { attempt, cause, retry_at: until });
    }

    /// Ends without a connection.
    fn end(&mut self, cause: CloseCause) {
        self.settle(0, &cause);
        self.finish(cause);
    }

    /// Fails every request that was not sent, now that none will be any more.
    fn settle(&mut self, unanswered: usize, cause: &CloseCause) {
        self.link.set_ending(cause);
        self.commands.close();
        let mut unsent = self.fail_queued(cause);
        while let Some((_, waiter)) = self.held.take() {
            unsent += usize::from(waiter.is_wanted());
            waiter.settle(Outcome::Lost(Wire::NotSent, cause.clone()));
        }
        self.link.set_unanswered(unanswered + unsent);
    }

    /// Fails what was on its way to the connection that is gone. How many somebody waited for.
    fn fail_queued(&mut self, cause: &CloseCause) -> usize {
        let mut unsent = 0;
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Request(_, waiter) = command {
                unsent += usize::from(waiter.is_wanted());
                waiter.settle(Outcome::Lost(Wire::NotSent, cause.clone()));
            }
        }
        unsent
    }

    /// Fails what was being put into the queue while it closed. It would stay there, as every handle has a sender, and whoever waits
    /// for it would do so for ever.
    fn turn_away_stragglers(&mut self, cause: CloseCause) {
        let (_, nothing) = mpsc::channel(1);
        let mut commands = std::mem::replace(&mut self.commands, nothing);
        // Without a runtime there is nobody left who could be waiting.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                while let Some(command) = commands.recv().await {
                    if let Command::Request(_, waiter) = command {
                        waiter.settle(Outcome::Lost(Wire::NotSent, cause.clone()));
                    }
                }
            });
        }
    }

    fn finish(&mut self, cause: CloseCause) {
        self.finished = true;
        self.turn_away_stragglers(cause.clone());
        self.link.set_closed(cause);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if !self.finished {
            self.settle(0, &CloseCause::Abandoned);
            self.finish(CloseCause::Abandoned);
        }
    }
}

async fn attempt(approach: &Approach, pause: &Pause) -> Result<Established, ConnectError> {
    sleep_until(pause.until).await;
    approach.attempt().await
}

/// Answers requests while there is no connection: keeps those that may wait, and fails the others at once.
async fn turn_away(
    held: &mut Held,
    commands: &mut mpsc::Receiver<Command>,
    link: &Link,
) -> std::convert::Infallible {
    loop {
        let expires_at = held.expires_at();
        let expired = sleep_until(expires_at.unwrap_or_else(|| Instant::now() + Duration::from_hours(1)));
        tokio::select! {
            biased;
            // The link holds a sender: the channel does not close.
            Some(command) = commands.recv() => if let Command::Request(request, waiter) = command {
                held.keep(request, waiter, &link.interruption());
            },
            () = expired => held.expire(&link.interruption()),
        }
    }
}

/// Why a client ends that cannot come back.
fn gave_up(error: ConnectError) -> CloseCause {
    match error {
        ConnectError::Refused { code, reason } => CloseCause::ByGateway { code, reason: reason.into() },
        error => CloseCause::GaveUp { detail: with_sources(&error).into() },
    }
}

pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// Any number: what identifies something at random is as random as anything.
pub(crate) fn random() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}
