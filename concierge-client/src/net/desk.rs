//! Where what comes in on a connection meets what goes out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{
    activity::Activity,
    chores::Chore,
    hold::Held,
    link::{Command, Link, Outcome, Waiter},
    pings::Pings,
};
use crate::{
    error::Wire,
    payload::{self, Reply, Seq},
    session::{
        AnswerError, CloseCause, Connection, Encoded, Event, Heard, NotReady, Restored, Resumed, Session,
        Waiting,
    },
    state::State,
};

/// What a client that comes back was away for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absence {
    /// The id it had.
    pub(super) previous: Uuid,
    /// Since when it was away.
    pub(super) since: Instant,
    /// How many attempts it took.
    pub(super) attempts: u32,
}

/// Where requests come from: those that waited for a connection go before those that are made now.
pub(super) struct Source<'a> {
    pub(super) held: &'a mut Held,
    pub(super) commands: &'a mut mpsc::Receiver<Command>,
}

/// Where what comes in on a connection meets what goes out. Dropped, it fails every request that has no answer.
pub(super) struct Desk {
    pub(super) link: Arc<Link>,
    pub(super) activity: Arc<Activity>,
    connection: Mutex<Connection<Waiter>>,
    pings: Mutex<Pings>,
    session: Arc<Session>,
    /// Whether requests of the user go out: not before everything is restored.
    open: AtomicBool,
    absence: Option<Absence>,
}

impl Desk {
    /// A desk of a connection that is identified. One after an absence begins with the restoration.
    pub(super) fn new(
        link: Arc<Link>,
        activity: Arc<Activity>,
        connection: Connection<Waiter>,
        session: Arc<Session>,
        absence: Option<Absence>,
    ) -> Self {
        link.chores.begin();
        link.counters.begin(Arc::clone(&activity));
        // IDENTIFY and HELLO.
        link.counters.sent.count();
        link.counters.received.count();
        let desk = Self {
            link,
            activity,
            connection: Mutex::new(connection),
            pings: Mutex::default(),
            session,
            open: AtomicBool::new(absence.is_none()),
            absence,
        };
        if absence.is_some() {
            for step in desk.link.ledger.begin() {
                desk.link.chores.add(Chore::Step(step));
            }
            desk.open_when_restored();
        }
        desk
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn handle_text(&self, text: &str) {
        tracing::trace!(%text, "received");
        let counters = &self.link.counters;
        counters.received.count();
        let heard = self.connection.lock().handle_text(text);
        match heard {
            Heard::Event(event) => self.handle_event(event),
            Heard::Answer { token, reply } => self.handle_answer(token, reply),
            Heard::Late { seq, reply } => {
                counters.late.count();
                tracing::debug!(%seq, "an answer that nobody waits for any more");
                self.take_note(&reply);
            }
            Heard::Unknown { kind } => self.publish_unknown(kind, text),
            Heard::Malformed { kind, error } => {
                tracing::debug!(%error, "a payload that cannot be read");
                self.publish_unknown(kind, text);
            }
            Heard::Stray(seq) => self.handle_stray(seq),
            Heard::Resynchronized { unmatched, stray, .. } => self.handle_resynchronized(stray, unmatched),
            Heard::Hello(_) | Heard::NotHello(_) | Heard::Nothing => {}
        }
    }

    fn handle_event(&self, event: payload::Event) {
        use payload::Event::{ServiceCreateResult, ServiceDeleteResult};
        if matches!(event, ServiceCreateResult(_) | ServiceDeleteResult(_))
            && let Some(step) = self.link.ledger.handle_event(&event, self.session.uuid())
        {
            self.link.chores.add(Chore::Step(step));
        }
        self.link.fanout.gather(event.into());
    }

    /// Whoever reads events gets those that were heard so far. To be called before waiting for more.
    pub(super) fn deliver(&self) {
        self.link.fanout.deliver();
    }

    fn handle_answer(&self, token: Waiter, reply: Result<Reply, AnswerError>) {
        match token {
            Waiter::Caller { .. } => {
                self.take_note(&reply);
                // What was heard before an answer is there when the answer is.
                self.deliver();
                token.settle(Outcome::Answered(reply));
            }
            Waiter::Step(step) => {
                if let Some(next) = self.link.ledger.handle_step(&step, reply, self.session.uuid()) {
                    self.link.chores.add(Chore::Step(next));
                }
                self.open_when_restored();
            }
            Waiter::Resynchronization => {}
        }
    }

    /// What an answer says about what this client owns and subscribes to holds whether or not anybody waits for it.
    fn take_note(&self, reply: &Result<Reply, AnswerError>) {
        if let Ok(
            reply @ (Reply::ServiceCreateResult(_)
            | Reply::ServiceDeleteResult(_)
            | Reply::SelfSubscribeResult(_)
            | Reply::SelfUnsubscribeResult(_)),
        ) = reply
        {
            self.link.ledger.handle_reply(reply, self.session.uuid());
        }
    }

    fn handle_stray(&self, seq: Seq) {
        self.link.counters.stray.count();
        tracing::warn!(%seq, "an answer to nothing that was asked");
        if self.connection.lock().may_resynchronize() {
            self.link.chores.add(Chore::Resynchronize(seq));
        }
    }

    fn handle_resynchronized(&self, stray: Seq, unmatched: Vec<Waiter>) {
        self.link.counters.resynchronized.count();
        let failed = unmatched.iter().filter(|waiter| waiter.is_wanted()).count();
        tracing::warn!(%stray, failed, "the gateway miscounted; the sequence number is set anew");
        for waiter in unmatched {
            match waiter {
                // To ask for what is there already is no error, and this time the answer will be known.
                Waiter::Step(step) => self.link.chores.add(Chore::Step(step)),
                waiter => waiter.settle(Outcome::Answered(Err(AnswerError::Miscounted))),
            }
        }
        self.link.fanout.publish(Event::Resynchronized { stray, failed });
    }

    fn publish_unknown(&self, kind: String, text: &str) {
        self.link.counters.unknown.count();
        self.link.fanout.gather(Event::Unknown { kind, raw: text.to_owned() });
    }

    pub(super) fn handle_pong(&self, payload: &[u8]) {
        self.pings.lock().handle_pong(payload);
    }

    /// Lets the requests of the user out, once everything is restored.
    fn open_when_restored(&self) {
        if let (Some(absence), Some(restored)) = (self.absence, self.link.ledger.poll_restored()) {
            self.link.counters.reconnects.count();
            self.open.store(true, Ordering::Release);
            self.link.set_state(State::Connected(Arc::clone(&self.session)));
            // Whoever reads this may call at once.
            self.link.fanout.publish(Event::Resumed(Arc::new(self.resumed(absence, restored))));
            self.link.chores.wake();
        }
    }

    fn resumed(&self, absence: Absence, restored: Restored) -> Resumed {
        Resumed {
            uuid: self.session.uuid(),
            previous: absence.previous,
            epoch: self.session.epoch,
            gap: absence.since.elapsed(),
            attempts: absence.attempts,
            restored,
        }
    }

    /// The next message that must go out; none when there is nothing to do now.
    pub(super) fn poll_message(&self, source: &mut Source<'_>) -> Option<Message> {
        loop {
            let prepared = if let Some(chore) = self.link.chores.take() {
                self.prepare_chore(chore)
            } else if !self.is_open() {
                return None;
            } else if let Some((request, waiter)) = source.held.take() {
                self.prepare_request(request, waiter)
            } else {
                self.prepare(source.commands.try_recv().ok()?)
            };
            if prepared.is_some() {
                return prepared;
            }
        }
    }

    /// The message that does what was asked; none when whoever asked has left.
    pub(super) fn prepare(&self, command: Command) -> Option<Message> {
        match command {
            Command::Request(request, waiter) => self.prepare_request(request, waiter),
            Command::Ping(sender) => Some(self.ping(Some(sender))),
        }
    }

    fn prepare_request(&self, request: Encoded, waiter: Waiter) -> Option<Message> {
        if waiter.is_abandoned() {
            return None;
        }
        self.link.counters.calls.count();
        self.transmit(|connection| connection.request(request, waiter))
    }

    fn prepare_chore(&self, chore: Chore) -> Option<Message> {
        match chore {
            Chore::Ping => Some(self.ping(None)),
            Chore::Step(step) => match step.encode() {
                Ok(request) => self.transmit(|connection| connection.request(request, Waiter::Step(step))),
                Err(error) => {
                    tracing::error!(%error, "a name cannot be written as JSON");
                    None
                }
            },
            Chore::Resynchronize(stray) => self.transmit(|connection| {
                if connection.may_resynchronize() {
                    connection.resynchronize(stray, Waiter::Resynchronization)
                } else {
                    Err(NotReady { token: Waiter::Resynchronization })
                }
            }),
        }
    }

    fn transmit(
        &self,
        request: impl FnOnce(&mut Connection<Waiter>) -> Result<Seq, NotReady<Waiter>>,
    ) -> Option<Message> {
        let mut connection = self.connection.lock();
        match request(&mut connection) {
            Ok(_) => {
                self.link.counters.sent.count();
                connection.poll_transmit().map(Message::text)
            }
            Err(NotReady { token }) => {
                token.settle(Outcome::Lost(Wire::NotSent, CloseCause::ByClient));
                None
            }
        }
    }

    fn ping(&self, sender: Option<oneshot::Sender<std::time::Duration>>) -> Message {
        Message::Ping(self.pings.lock().begin(sender))
    }

    /// Fails every request that has no answer. How many somebody waited for.
    pub(super) fn settle(&self, cause: &CloseCause) -> usize {
        self.link.chores.end();
        let sent: Vec<Waiter> = self.connection.lock().handle_closed().collect();
        let mut unanswered = 0;
        for waiter in sent {
            unanswered += usize::from(waiter.is_wanted());
            waiter.settle(Outcome::Lost(Wire::MaybeSent, cause.clone()));
        }
        self.pings.lock().clear();
        unanswered
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.settle(&CloseCause::Abandoned);
    }
}
