//! A client of a simulation: the session of the SDK, driven as the SDK drives it, and what its user was told.

use std::{
    cell::Cell,
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use concierge_client::payload::{ClientName, CloseCode, Event, Identify, Reply, Seq, ServiceName};
use concierge_client::session::{
    AnswerError, Change, Connection, Encoded, Heard, KeepAlive, Next, Reconnect, ReconnectPolicy, Restore,
    Restored, Role, Status, Step, Trouble, Waiting,
};
use uuid::Uuid;

use super::world::LinkId;

/// What a call must be answered with, if it is answered.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    /// `INVALID_UUID` with the id that was asked for, which no client has.
    Nobody(Uuid),
    /// `OK`, or why there is no such receiver.
    Delivered,
    /// `OK` with this number.
    Sequence,
    /// Something about this service.
    About(ServiceName),
}

impl Expected {
    fn is_met_by(&self, reply: &Reply) -> bool {
        match (self, reply) {
            (Self::Nobody(asked), Reply::InvalidUuid { uuid }) => uuid == asked,
            (
                Self::Delivered,
                Reply::Ok | Reply::Bad { .. } | Reply::InvalidUuid { .. } | Reply::InvalidService { .. },
            )
            | (Self::Sequence, Reply::Ok)
            | (Self::About(_), Reply::Bad { .. }) => true,
            (Self::About(asked), Reply::InvalidService { service }) => *asked == service.as_str(),
            (Self::About(asked), reply) => service_of(reply).is_some_and(|service| service == asked),
            _ => false,
        }
    }
}

fn service_of(reply: &Reply) -> Option<&ServiceName> {
    Some(match reply {
        Reply::ServiceCreateResult(result) => &result.service.name,
        Reply::ServiceDeleteResult(result) => &result.service.name,
        Reply::SelfSubscribeResult(result) => &result.service.name,
        Reply::SelfUnsubscribeResult(result) => &result.service.name,
        _ => return None,
    })
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an answer.
    Answered,
    /// Its caller stopped waiting.
    TimedOut,
    /// With its connection.
    Lost,
}

/// A call of the user. Shared with the session, which hands it back with the answer.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u64,
    expected: Expected,
    ended: Cell<Option<Ended>>,
}

impl Call {
    pub(super) fn end(&self, how: Ended) {
        let before = self.ended.replace(Some(how));
        assert_eq!(before, None, "call {} ended twice, the second time {how:?}", self.number);
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.ended.get()
    }
}

/// What a request leaves behind.
#[derive(Debug)]
pub(super) enum Left {
    Call(Rc<Call>),
    Step(Step),
}

impl Waiting for Left {
    fn is_abandoned(&self) -> bool {
        matches!(self, Self::Call(call) if call.ended().is_some())
    }
}

/// A message that reached a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Received {
    pub(super) receiver: Uuid,
    pub(super) sender: Uuid,
    pub(super) number: u64,
}

/// What a text led to, beside what the client now knows.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The call that was answered with `OK`.
    pub(super) delivered: Option<u64>,
    pub(super) received: Option<Received>,
}

/// A connection of a client, from its attempt to its end.
#[derive(Debug)]
pub(super) struct Online {
    pub(super) link: LinkId,
    pub(super) session: Connection<Left>,
    pub(super) keepalive: KeepAlive,
    pub(super) heard: Duration,
    /// Once it is identified.
    pub(super) uuid: Option<Uuid>,
    /// Once everything is restored: the user's requests go out.
    pub(super) is_open: bool,
}

#[derive(Debug)]
pub(super) struct SimulatedClient {
    pub(super) name: ClientName,
    pub(super) online: Option<Online>,
    pub(super) calls: Vec<Rc<Call>>,
    pub(super) connections: u64,
    pub(super) restorations: Vec<Restored>,
    reconnect: Reconnect,
    restore: Restore,
    /// What the user was told of each thing it wants to have.
    status: BTreeMap<(Role, ServiceName), Status>,
    zero: Instant,
}

impl SimulatedClient {
    pub(super) fn new(name: ClientName, zero: Instant) -> Self {
        Self {
            name,
            online: None,
            calls: Vec::new(),
            connections: 0,
            restorations: Vec::new(),
            reconnect: Reconnect::new(Some(ReconnectPolicy::default()), zero),
            restore: Restore::new(true),
            status: BTreeMap::new(),
            zero,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.online.as_ref().is_some_and(|online| online.is_open)
    }

    pub(super) fn uuid(&self) -> Option<Uuid> {
        self.online.as_ref().and_then(|online| online.uuid)
    }

    /// Begins a connection on a link.
    pub(super) fn begin(&mut self, link: LinkId, now: Duration) {
        let session = Connection::new(&Identify::new(&self.name));
        let keepalive = KeepAlive::new(Duration::from_secs(5), Duration::from_secs(15));
        self.online = Some(Online { link, session, keepalive, heard: now, uuid: None, is_open: false });
    }

    /// Makes a call, if requests go out now.
    pub(super) fn call(&mut self, number: u64, request: Encoded, expected: Expected) -> Option<Rc<Call>> {
        let online = self.online.as_mut().filter(|online| online.is_open)?;
        let call = Rc::new(Call { number, expected, ended: Cell::new(None) });
        online.session.request(request, Left::Call(Rc::clone(&call))).expect("it is identified");
        self.calls.push(Rc::clone(&call));
        Some(call)
    }

    /// Sets the counter, if requests go out now.
    pub(super) fn texts(&mut self) -> Vec<String> {
        let Some(online) = self.online.as_mut() else { return Vec::new() };
        std::iter::from_fn(|| online.session.poll_transmit()).collect()
    }

    /// Takes a text of the gateway.
    pub(super) fn handle_text(&mut self, text: &str, now: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(online) = self.online.as_mut() else { return outcome };
        online.heard = now;
        match online.session.handle_text(text) {
            Heard::Hello(hello) => self.handle_hello(hello.uuid, now),
            Heard::Event(event) => outcome.received = self.handle_event(&event),
            Heard::Answer { token: Left::Call(call), reply } => {
                let reply = reply.expect("the gateway answers as it should");
                assert!(call.expected.is_met_by(&reply), "{call:?} was answered with {reply:?}");
                call.end(Ended::Answered);
                outcome.delivered = (reply == Reply::Ok).then_some(call.number);
                self.take_note(&Ok(reply));
            }
            Heard::Answer { token: Left::Step(step), reply } => {
                let me = self.uuid().expect("an answer comes after HELLO");
                let (change, next) = self.restore.handle_step(&step, reply, me);
                self.apply(change);
                if let Some(next) = next {
                    self.ask(next);
                }
                self.open_when_restored();
            }
            Heard::Late { reply, .. } => self.take_note(&reply),
            unexpected => panic!("{} heard {unexpected:?} in {text}", self.name),
        }
        outcome
    }

    fn handle_hello(&mut self, uuid: Uuid, now: Duration) {
        self.reconnect.handle_connected(self.zero + now);
        self.connections += 1;
        let Some(online) = self.online.as_mut() else { return };
        online.uuid = Some(uuid);
        if self.connections == 1 {
            online.is_open = true;
            return;
        }
        for step in self.restore.begin() {
            self.ask(step);
        }
        self.open_when_restored();
    }

    fn ask(&mut self, step: Step) {
        let Some(online) = self.online.as_mut() else { return };
        let request = step.encode().expect("names are JSON");
        online.session.request(request, Left::Step(step)).expect("it is identified");
    }

    fn open_when_restored(&mut self) {
        if let Some(restored) = self.restore.poll_restored() {
            self.restorations.push(restored);
            if let Some(online) = self.online.as_mut() {
                online.is_open = true;
            }
        }
    }

    fn handle_event(&mut self, event: &Event) -> Option<Received> {
        let me = self.uuid()?;
        if let Event::Message(message) = event {
            let number = message.data.parse::<u64>().expect("messages of a simulation are numbers");
            return Some(Received { receiver: me, sender: message.origin.uuid, number });
        }
        let (changes, step) = self.restore.handle_event(event, me);
        self.apply(changes);
        if let Some(step) = step {
            self.ask(step);
        }
        None
    }

    /// What an answer says is so, whoever asked.
    fn take_note(&mut self, reply: &Result<Reply, AnswerError>) {
        if let (Ok(reply), Some(me)) = (reply, self.uuid()) {
            let changes = self.restore.handle_reply(reply, me);
            self.apply(changes);
        }
    }

    fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        for Change { role, service, status } in changes {
            if status.is_final() {
                self.status.remove(&(role, service));
            } else {
                self.status.insert((role, service), status);
            }
        }
    }

    /// What its user was told that the gateway has, in order of name.
    pub(super) fn live(&self, role: Role) -> Vec<ServiceName> {
        let live = self.status.iter().filter(|((of, _), status)| *of == role && status.is_live());
        live.map(|((_, service), _)| service.clone()).collect()
    }

    /// What its user waits for.
    pub(super) fn pending(&self) -> Vec<ServiceName> {
        let pending = self.status.iter().filter(|(_, status)| **status == Status::Pending);
        pending.map(|((_, service), _)| service.clone()).collect()
    }

    /// The connection is gone, or could not be had. When the next attempt begins.
    pub(super) fn handle_gone(&mut self, trouble: Trouble, now: Duration, random: u64) -> Duration {
        let was_in = self.online.as_ref().is_some_and(|online| online.uuid.is_some());
        if let Some(mut online) = self.online.take() {
            for left in online.session.handle_closed() {
                if let Left::Call(call) = left
                    && call.ended().is_none()
                {
                    call.end(Ended::Lost);
                }
            }
        }
        let next = if was_in {
            let changes = self.restore.handle_lost();
            self.apply(changes);
            self.reconnect.handle_lost(trouble, self.zero + now, random)
        } else {
            self.reconnect.handle_failed(trouble, None, self.zero + now, random)
        };
        match next {
            Next::Retry { at, .. } => at.saturating_duration_since(self.zero),
            Next::GiveUp => panic!("{} gave up after {trouble:?} at {now:?}", self.name),
        }
    }
}

/// A close code as what went wrong.
pub(super) fn trouble(code: CloseCode) -> Trouble {
    match code {
        CloseCode::Lost => Trouble::Broken,
        code => Trouble::Closed(code),
    }
}

/// A number for the counter, which has room for every request that follows.
pub(super) fn sequence(number: u64) -> Seq {
    Seq::new(number % (1 << 40)).expect("it is small")
}
