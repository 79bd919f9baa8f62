//! Drives the core of the events: one short lock around it and the outboxes of who is connected. What it decided is handed out before the
//! lock is released, so that all see one order, and what follows from that is handled in order. It is never held across an await.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use concierge_client::telegraphy::{CloseCode, Timestamp};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, error, warn};

use super::clock::Clock;
use super::counted::Counted;
use super::kept::Kept;
use super::post::Post;
use super::random;
use super::reads::Reads;
use super::returned::Returned;
use crate::config::Telegraphy;
use crate::dialect::telegraphy::{Rules, encode};
use crate::events::record::NotStored;
use crate::events::{CallId, ConnectionId, Doors, Effect, Events, Input, Question, Refusal, Reply};
use crate::net::outbox::{Outbox, Pressure, relieve};
use crate::net::panics::Panics;
#[cfg(test)]
use crate::net::panics::tests::Fault;
use crate::net::payload::Payload;
use crate::net::seats::Drawn;
use crate::store::{Query, Store, StoreError};

/// How often the store removes what has expired.
const SWEEP: Duration = Duration::from_secs(5);

/// How many outcomes are handled in a row before others get their turn.
const OUTCOMES_IN_A_ROW: usize = 64;

/// How much may wait for who is connected.
#[derive(Debug, Clone)]
pub(in crate::net) struct Room {
    /// Bytes that wait in all outboxes of the gateway.
    pub(in crate::net) waiting: Arc<AtomicUsize>,
    /// How many may.
    pub(in crate::net) most_waiting: usize,
    /// Bytes that may wait for one connection.
    pub(in crate::net) outbox: usize,
}

/// The events of web applications, who is connected to them, and what is durable.
#[derive(Debug)]
pub(in crate::net) struct Exchange {
    core: Mutex<Core>,
    store: Arc<Store>,
    rules: Arc<Rules>,
    returned: Arc<Returned>,
    reads: Arc<Reads>,
    room: Room,
    counted: Counted,
    panics: Panics,
}

#[derive(Debug)]
struct Core {
    events: Events,
    clock: Clock,
    seats: HashMap<ConnectionId, Seat, Drawn>,
    next_connection: u64,
    calls: HashMap<CallId, oneshot::Sender<Reply>, Drawn>,
    next_call: u64,
    doors: Doors,
    /// Nothing is asked any more.
    is_stopped: bool,
    /// For which moment the next call of the core's deadline is planned.
    planned: Option<Timestamp>,
    /// What follows from what was handled.
    inputs: VecDeque<Input>,
    /// Empty between two uses: kept for their room.
    effects: Vec<Effect>,
    frame: Vec<u8>,
}

/// Where a connection is reached.
#[derive(Debug)]
struct Seat {
    /// That of the post, without the way over it: events go to many.
    outbox: Arc<Outbox>,
    post: Arc<Post>,
}

impl Exchange {
    /// Begins with what the store has kept. What is read later is read on the blocking threads of the runtime in which this is called.
    pub(in crate::net) fn new(
        kept: Kept,
        config: &Telegraphy,
        room: Room,
        (counted, panics): (Counted, Panics),
    ) -> Arc<Self> {
        let Kept { store, records, mut clock } = kept;
        let mut events = Events::new(config.rules_within(room.outbox), random::incarnation());
        let left_out = events.restore(records, clock.now());
        if left_out > 0 {
            warn!(left_out, "subscriptions that break a rule of this version are left out");
        }
        let core = Core {
            events,
            clock,
            seats: HashMap::default(),
            next_connection: 0,
            calls: HashMap::default(),
            next_call: 0,
            doors: Doors::Open,
            is_stopped: false,
            planned: None,
            inputs: VecDeque::new(),
            effects: Vec::new(),
            frame: Vec::new(),
        };
        let rules =
            Rules { connect_timeout: config.connect_timeout, ping_interval: config.rules.ping_interval };
        let returned = Arc::new(Returned::default());
        let reads = Reads::new(Arc::clone(&store), Arc::clone(&returned), panics.clone());
        Arc::new(Self {
            core: Mutex::new(core),
            store,
            rules: Arc::new(rules),
            returned,
            reads,
            room,
            counted,
            panics,
        })
    }

    /// Asks something for the web application. It has its place among what others ask when this returns the future, which hears the one
    /// reply; also when the gateway stops.
    pub(in crate::net) fn call(&self, question: Question) -> impl Future<Output = Reply> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        let mut core = self.core.lock();
        if !core.is_stopped {
            let call = CallId(core.next_call);
            core.next_call += 1;
            core.calls.insert(call, sender);
            self.follow(&mut core, Input::Call { call, question });
        }
        async move { receiver.await.unwrap_or(Reply::Refused(Refusal::NotStored(NotStored::Busy))) }
    }

    /// A connection begins, over this outbox.
    pub(super) fn enter(&self, outbox: Arc<Outbox>) -> (ConnectionId, Arc<Post>) {
        let post = Arc::new(Post::new(Arc::clone(&outbox)));
        let mut core = self.core.lock();
        let connection = ConnectionId(core.next_connection);
        core.next_connection += 1;
        core.seats.insert(connection, Seat { outbox, post: Arc::clone(&post) });
        (connection, post)
    }

    /// A connection asks something.
    pub(super) fn ask(&self, input: Input) {
        let mut core = self.core.lock();
        if !core.is_stopped {
            self.follow(&mut core, input);
        }
    }

    /// A connection that was slow takes what it is sent again.
    pub(super) fn relieve(&self, connection: ConnectionId) {
        let mut core = self.core.lock();
        let Some(Seat { post, .. }) = core.seats.get(&connection) else { return };
        if post.is_relieved() && post.set_slow(false) {
            self.follow(&mut core, Input::Slow { connection, is_slow: false });
        }
    }

    /// A connection is over.
    pub(super) fn leave(&self, connection: ConnectionId) {
        let mut core = self.core.lock();
        let was_there = core.seats.remove(&connection).is_some();
        // While the gateway stops they all are leaving.
        if was_there && !core.is_stopped {
            self.follow(&mut core, Input::Closed { connection });
        }
    }

    /// Whether anybody may connect.
    pub(super) fn set_doors(&self, doors: Doors) {
        let mut core = self.core.lock();
        if core.doors != doors {
            core.doors = doors.clone();
            self.follow(&mut core, Input::Doors(doors));
        }
    }

    /// From now on nothing is asked any more; what waits for the store is still answered.
    pub(in crate::net) fn stop(&self) {
        self.core.lock().is_stopped = true;
    }

    /// Waits until what was asked is durable, and closes the store. Blocks. Nobody runs it any more.
    pub(in crate::net) fn close(&self) {
        self.store.close();
    }

    /// What holds for every connection.
    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What counts the bytes that wait in all outboxes.
    pub(super) fn waiting(&self) -> &Arc<AtomicUsize> {
        &self.room.waiting
    }

    /// The moment that it is.
    pub(super) fn moment(&self) -> Timestamp {
        self.core.lock().clock.now()
    }

    /// What is durable, and how.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Why nothing is made durable any more, if so.
    pub(in crate::net) fn failure(&self) -> Option<StoreError> {
        self.store.failure()
    }

    /// How many sessions there are, and how many connections that are connected.
    pub(super) fn counts(&self) -> (usize, usize) {
        let core = self.core.lock();
        (core.events.session_count(), core.events.connection_count())
    }

    /// Keeps the deadlines, and handles what comes back from the store. Until it is dropped.
    pub(in crate::net) async fn run(&self) {
        let mut sweeps = interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_failed = false;
        loop {
            let wait = self.pass_time();
            tokio::select! {
                () = self.returned.arrived() => {}
                () = sleep(wait) => {}
                _ = sweeps.tick() => self.sweep(&mut has_failed),
            }
            let mut in_a_row = 0;
            while let Some(input) = self.returned.take() {
                self.follow(&mut self.core.lock(), input);
                in_a_row += 1;
                if in_a_row % OUTCOMES_IN_A_ROW == 0 {
                    yield_now().await;
                }
            }
        }
    }

    fn sweep(&self, has_failed: &mut bool) {
        let now = self.core.lock().clock.now();
        self.store.sweep(now);
        if let Some(failure) = self.store.failure().filter(|_| !*has_failed) {
            error!(%failure, "nothing is stored any more until the gateway is started again");
            *has_failed = true;
        }
    }

    /// Does what is due. How long there is nothing to do, at most.
    fn pass_time(&self) -> Duration {
        let core = &mut *self.core.lock();
        let now = core.clock.now();
        let passed = self.panics.contain(|| core.events.handle_deadline(now, &mut core.effects));
        debug_assert!(passed.is_some());
        self.perform(core, now);
        core.planned = core.events.next_deadline();
        // The system's clock may go faster than this waits.
        core.planned.map_or(SWEEP, |next| next.since(now).min(SWEEP))
    }

    /// Has the core handle something, and what follows from it.
    fn follow(&self, core: &mut Core, input: Input) {
        core.inputs.push_back(input);
        while let Some(input) = core.inputs.pop_front() {
            let now = core.clock.now();
            let (asker, call) = concerned(&input);
            let handled = self.panics.contain(|| {
                #[cfg(test)]
                if asker.is_some() {
                    self.panics.inject(Fault::Events);
                }
                core.events.handle(input, now, &mut core.effects);
            });
            if handled.is_none() {
                core.close(asker.as_slice(), CloseCode::Internal);
                // Whoever waits hears of it.
                call.map(|call| core.calls.remove(&call));
            }
            self.perform(core, now);
        }
        let next = core.events.next_deadline();
        if next.is_some_and(|next| core.planned.is_none_or(|planned| next < planned)) {
            core.planned = next;
            self.returned.wake();
        }
    }

    /// Does what the core decided, in order.
    fn perform(&self, core: &mut Core, now: Timestamp) {
        let mut effects = std::mem::take(&mut core.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Answer { to, id, outcome } => {
                    let status = outcome.status();
                    self.say(core, &[to], || encode::answer(id, outcome));
                    if let Some(Seat { post, .. }) = core.seats.get(&to) {
                        post.answer(status);
                    }
                }
                Effect::Event { to, event, variant } => {
                    self.counted.deliver(to.len());
                    self.say(core, &to, || encode::event(&event, &variant));
                }
                Effect::System { to, event } => {
                    self.counted.tell(&event, to.len());
                    self.say(core, &to, || encode::system(event, now));
                }
                Effect::Close { connection, code } => core.close(&[connection], code),
                Effect::Store { ticket, changes } => {
                    let returned = Arc::clone(&self.returned);
                    self.store.submit(changes, move |outcome| {
                        returned.push(Input::Stored { ticket, outcome: outcome.map_err(NotStored::from) });
                    });
                }
                Effect::Read { ticket, event, epoch, after, limit } => {
                    let most = usize::try_from(limit).unwrap_or(usize::MAX);
                    // Together with what waits already, a few pieces leave an outbox its other half.
                    let most_bytes = self.room.outbox / 16;
                    self.reads.ask(ticket, Query { event, epoch, after, most, most_bytes, now });
                }
                Effect::Reply { call, reply } => {
                    self.counted.reply(&reply);
                    if let Some(caller) = core.calls.remove(&call) {
                        // Whoever does not wait any more does not want to know.
                        let _waits = caller.send(reply);
                    }
                }
                Effect::Refused { connection, cause } => {
                    debug!(%connection, ?cause, "refused a token");
                    self.counted.refuse(cause);
                }
            }
        }
        core.effects = effects;
        relieve(&self.room.waiting, self.room.most_waiting, || core.seats.values().map(|seat| &seat.outbox));
    }

    /// Hands a text out. Who cannot have it for a failure of the gateway's own is told that it has missed something.
    fn say(&self, core: &mut Core, to: &[ConnectionId], text: impl FnOnce() -> String) {
        let Some(text) = self.panics.contain(text) else { return core.close(to, CloseCode::Internal) };
        let payload = Payload::new(&text, to.len(), &mut core.frame, &self.room.waiting);
        for connection in to {
            let Some(Seat { outbox, post }) = core.seats.get(connection) else { continue };
            if outbox.push(&payload) != Pressure::Low && post.set_slow(true) {
                self.counted.leave_out();
                core.inputs.push_back(Input::Slow { connection: *connection, is_slow: true });
            }
        }
    }
}

impl Core {
    fn close(&self, connections: &[ConnectionId], code: CloseCode) {
        for connection in connections {
            if let Some(Seat { post, .. }) = self.seats.get(connection) {
                post.close(code);
            }
        }
    }
}

/// Who asks.
fn concerned(input: &Input) -> (Option<ConnectionId>, Option<CallId>) {
    match input {
        Input::Connect { connection, .. }
        | Input::Reconnect { connection, .. }
        | Input::Request { connection, .. } => (Some(*connection), None),
        Input::Call { call, .. } => (None, Some(*call)),
        Input::Closed { .. }
        | Input::Slow { .. }
        | Input::Stored { .. }
        | Input::Read { .. }
        | Input::Doors(_) => (None, None),
    }
}

#[cfg(test)]
mod tests;
