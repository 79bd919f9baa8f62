//! What arrives while somebody types or a script runs: shown as it comes, in order, by one thread that may wait for the terminal.
//! Commands that wait for events see each one after it was shown.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use concierge_client::{
    CloseCause, Event,
    payload::{ClientFetchAll, ServiceFetchAll},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{mpsc, oneshot};

use super::{
    directory::Directory,
    filter::Filter,
    prompt::{Standing, State},
};
use crate::{
    command::{Shown, Watch},
    exit::Exit,
    failure::Failure,
    interpreter::Arrivals,
    link::{Link, Told},
    output::Output,
};

/// How many events may wait for somebody who watches.
const UNWATCHED_EVENTS: usize = 1024;

/// The events of one connection, as they are shown.
pub(super) struct Live {
    shared: Arc<Shared>,
    barriers: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

/// What events are shown on and change, which outlives a connection.
#[derive(Clone)]
pub(super) struct Scene {
    /// Where they are shown.
    pub output: Output,
    /// Who is there.
    pub directory: Arc<Directory>,
    /// How the connection stands.
    pub standing: Standing,
    /// Which are shown.
    pub filter: Arc<Filter>,
    /// What has arrived and was not expected yet.
    pub arrivals: Arc<Arrivals>,
    /// Who sees them.
    pub audience: Audience,
}

struct Shared {
    scene: Scene,
    link: Link,
    ended: AtomicBool,
    watchers: Mutex<Vec<Watcher>>,
    failed: Mutex<Option<Failure>>,
}

/// Who sees the events, which decides who tells that the connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Somebody at the prompt, who is told at once.
    Person,
    /// A script, whose next line fails.
    Script,
}

struct Watcher {
    events: mpsc::Sender<Event>,
    output: Output,
    /// Whether events are for it to show.
    claims: bool,
}

/// Whoever takes the events from a [`Live`], and gives back those that it does not want: they are shown as all others.
pub(super) struct Claim<'a>(&'a Live);

impl Live {
    /// Shows these events from now on, on a thread of its own: a terminal that is slow holds up nothing else. `capacity` is how
    /// many of them can be waiting.
    pub(super) fn start(link: Link, events: Told, capacity: usize, scene: Scene) -> Self {
        let shared = Arc::new(Shared {
            scene,
            link,
            ended: AtomicBool::new(false),
            watchers: Mutex::default(),
            failed: Mutex::default(),
        });
        let (barriers, requests) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || runtime.block_on(shared.show_all(events, capacity, requests))
        });
        Self { shared, barriers }
    }

    /// Waits until everything that has arrived is shown. Fails when showing failed.
    pub(super) async fn caught_up(&self) -> Result<(), Failure> {
        let (done, reached) = oneshot::channel();
        if self.barriers.send(done).is_ok() {
            // A thread that is gone has shown everything.
            let _ = reached.await;
        }
        let mut failed = self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // A filter that does not fit is told once; a terminal that is gone stays so.
        let once = failed.take_if(|failure| failure.exit() == Exit::Usage);
        once.or_else(|| failed.clone()).map_or(Ok(()), Err)
    }

    /// Whether the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }
}

impl Shown for Live {
    fn watch(&self, output: &Output) -> Box<dyn Watch> {
        Box::new(Receiver(self.shared.watch(output, false)))
    }

    fn claim(&self, output: &Output) -> Box<dyn Watch> {
        Box::new(Claimed { events: self.shared.watch(output, true), shared: Arc::clone(&self.shared) })
    }

    fn learn(&self, client: &str, paths: &[String]) {
        let is_own = self.shared.link.who().name == client;
        self.shared.scene.directory.learn(client, paths, is_own);
    }
}

impl Live {
    /// The same events, for a stream that goes somewhere else.
    pub(super) fn claim(&self) -> Claim<'_> {
        Claim(self)
    }
}

impl Shown for Claim<'_> {
    fn watch(&self, output: &Output) -> Box<dyn Watch> {
        self.claim(output)
    }

    fn claim(&self, output: &Output) -> Box<dyn Watch> {
        Shown::claim(self.0, output)
    }

    fn goes_apart(&self) -> bool {
        true
    }

    fn learn(&self, client: &str, paths: &[String]) {
        self.0.learn(client, paths);
    }
}

struct Receiver(mpsc::Receiver<Event>);

impl Watch for Receiver {
    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        self.0.recv().boxed()
    }
}

/// Events that nobody else shows.
struct Claimed {
    events: mpsc::Receiver<Event>,
    shared: Arc<Shared>,
}

impl Watch for Claimed {
    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        self.events.recv().boxed()
    }

    fn were_shown(&self) -> bool {
        false
    }

    fn give_back(&self, event: &Event) {
        self.shared.write(event, &self.shared.scene.output);
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // Nothing else is shown meanwhile: what was not looked at keeps its place.
        let _watchers = self.shared.lock_watchers();
        self.events.close();
        while let Ok(event) = self.events.try_recv() {
            if !matches!(event, Event::Closed(_)) {
                self.give_back(&event);
            }
        }
    }
}

/// Tells those who have waited long enough.
fn reached(waiting: &mut Vec<(usize, oneshot::Sender<()>)>, enough: impl Fn(usize) -> bool) {
    for (_, barrier) in waiting.extract_if(.., |(since, _)| enough(*since)) {
        // Whoever waited may have been cancelled.
        let _ = barrier.send(());
    }
}

impl Shared {
    async fn show_all(
        self: Arc<Self>,
        mut events: Told,
        capacity: usize,
        mut barriers: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    ) {
        let mut waiting = Vec::new();
        let mut shown = 0_usize;
        loop {
            tokio::select! {
                // Events first: who waits is told when there are none, or when all that could have been there are shown.
                biased;
                event = events.next() => {
                    let Some(event) = event else { break };
                    self.room_for_one().await;
                    self.show(&event);
                    if matches!(event, Event::Closed(_)) {
                        break;
                    }
                    shown = shown.wrapping_add(1);
                    waiting.extend(std::iter::from_fn(|| barriers.try_recv().ok()).map(|barrier| (shown, barrier)));
                    reached(&mut waiting, |since| shown.wrapping_sub(since) >= capacity);
                }
                () = std::future::ready(()), if !waiting.is_empty() => reached(&mut waiting, |_| true),
                barrier = barriers.recv() => match barrier {
                    Some(barrier) => waiting.push((shown, barrier)),
                    None => break,
                },
            }
        }
        self.lock_watchers().clear();
        // Who asks at this moment is answered, too: dropping the channel would lose what is being put into it.
        barriers.close();
        while let Some(barrier) = barriers.recv().await {
            // Whoever waited may have been cancelled.
            let _ = barrier.send(());
        }
    }

    /// Waits until every watcher can take another event: more wait where they come from, and are counted there.
    async fn room_for_one(&self) {
        let senders: Vec<_> = self.lock_watchers().iter().map(|watcher| watcher.events.clone()).collect();
        for sender in senders {
            // One that is gone needs no room.
            let _ = sender.reserve().await;
        }
    }

    fn show(&self, event: &Event) {
        self.scene.directory.follow(event);
        self.follow_connection(event);
        let mut watchers = self.lock_watchers();
        watchers.retain(|watcher| !watcher.events.is_closed());
        let form = watchers.last().map(|watcher| watcher.output.form().clone());
        let claimed = watchers.last().is_some_and(|watcher| watcher.claims);
        if let Event::Closed(cause) = event {
            self.ended.store(true, Ordering::Release);
            self.tell_end(cause);
        } else if !claimed {
            let own = &self.scene.output;
            let output = form.map_or_else(|| own.clone(), |form| own.with_form(form));
            self.write(event, &output);
        }
        self.scene.arrivals.push(event);
        for watcher in watchers.iter() {
            // There is room, and a watcher that has seen enough is gone with the next event.
            let _ = watcher.events.try_send(event.clone());
        }
    }

    /// What an event says about the connection: how it stands, and whether somebody came or went unnoticed.
    fn follow_connection(&self, event: &Event) {
        let Scene { standing, .. } = &self.scene;
        match event {
            Event::Disconnected { retry_in, .. } | Event::Reconnecting { retry_in, .. } => {
                let now = Instant::now();
                standing.set(State::Waiting(now.checked_add(*retry_in).unwrap_or(now)));
            }
            Event::Resumed(_) => {
                standing.set(State::Connected);
                self.ask_who_is_there();
            }
            Event::Lagged { .. } => self.ask_who_is_there(),
            Event::Closed(_) => standing.set(State::Closed),
            _ => {}
        }
    }

    /// Fills the directory anew, on a task of its own. Where that fails the connection is lost once more, and what follows asks again.
    fn ask_who_is_there(&self) {
        let (link, directory) = (self.link.clone(), Arc::clone(&self.scene.directory));
        directory.begin();
        tokio::spawn(async move {
            let (clients, services) =
                tokio::join!(link.call(ClientFetchAll {}), link.call(ServiceFetchAll {}));
            if let (Ok(clients), Ok(services)) = (clients, services) {
                directory.fill(&clients.clients, &services.services);
            }
        });
    }

    fn write(&self, event: &Event, output: &Output) {
        // The prompt counts down to each attempt; a line for each would bury what was shown before.
        if matches!(event, Event::Reconnecting { .. }) {
            return;
        }
        if self.scene.filter.takes(event)
            && let Err(failure) = output.record(event)
            // Whoever interrupts a filter knows that.
            && failure.exit() != Exit::Interrupted
        {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }

    fn watch(&self, output: &Output, claims: bool) -> mpsc::Receiver<Event> {
        let (sender, events) = mpsc::channel(UNWATCHED_EVENTS);
        let mut watchers = self.lock_watchers();
        if !self.ended.load(Ordering::Acquire) {
            watchers.push(Watcher { events: sender, output: output.clone(), claims });
        }
        events
    }

    fn lock_watchers(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_end(&self, cause: &CloseCause) {
        if self.scene.audience == Audience::Person && *cause != CloseCause::ByClient {
            self.scene.output.failure(&ended(cause));
        }
    }
}

/// The end of a connection, as whoever sits at the prompt is told.
fn ended(cause: &CloseCause) -> Failure {
    let message = match cause {
        CloseCause::Lost { .. } => cause.to_string(),
        _ => format!("the connection has ended: {cause}"),
    };
    Failure::from(cause.clone())
        .because(&message)
        .hint("`connect` connects again, `exit` leaves; services and subscriptions are gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_connection_is_told_once() {
        let lost = ended(&CloseCause::Lost { detail: "the gateway hung up".into() });
        assert_eq!(lost.message(), "the connection was lost: the gateway hung up");
        let silence = std::time::Duration::from_secs(5);
        let silent = ended(&CloseCause::Silent { silence });
        assert_eq!(silent.message(), "the connection has ended: the gateway has been silent for 5 s");
    }
}
