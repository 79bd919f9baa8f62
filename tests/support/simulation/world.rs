//! The world of a simulation: time, links, what users do, and what breaks.
#![expect(clippy::indexing_slicing, reason = "clients are numbered by the world itself")]

use std::{
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, Instant},
};

use concierge_client::payload::{
    ClientFetch, ClientName, CloseCode, SelfSetSeq, SelfSubscribe, SelfUnsubscribe, ServiceCreate,
    ServiceDelete, ServiceName, Target,
};
use concierge_client::session::{Encoded, Trouble, Vigil};
use uuid::Uuid;

use super::{
    client::{Call, Ended, Expected, Received, SimulatedClient, sequence, trouble},
    gateway::{Gateway, Output},
    judgement::Report,
    random::Random,
};

/// One connection between a client and the gateway, from its begin to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(u64);

/// A connection, as the network sees it.
#[derive(Debug)]
pub(super) struct Link {
    client: usize,
    /// Nothing passes any more, and nobody is told.
    pub(super) is_cut: bool,
    /// Everything takes long.
    pub(super) is_slow: bool,
    /// When the last thing arrives that is on its way: nothing overtakes.
    arrives_at_gateway: Duration,
    arrives_at_client: Duration,
}

/// Something that happens at its time.
#[derive(Debug)]
pub(super) enum Happening {
    Attempt(usize),
    AttemptTimesOut(LinkId),
    TextAtGateway(LinkId, String),
    TextAtClient(LinkId, String),
    /// A ping that the client answers, and any other frame that says nothing.
    PingAtClient(LinkId),
    SignOfLifeAtGateway(LinkId),
    PingAtGateway(LinkId),
    SignOfLifeAtClient(LinkId),
    CloseAtClient(LinkId, CloseCode),
    HangUpAtGateway(LinkId),
    DeadlineAtGateway(LinkId),
    VigilAtClient(LinkId),
    Act(usize),
    CallTimesOut(Rc<Call>),
    Fault,
    GatewayStarts,
}

/// When the users stop acting and the faults end.
const CALM_FROM: Duration = Duration::from_mins(2);

/// How long everything has to come to rest after that.
const REST: Duration = Duration::from_mins(2);

/// How long a call waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many clients and services there are.
pub(super) const CLIENTS: usize = 4;
const SERVICES: u64 = 3;

/// A gateway, its clients, and what is between them.
#[derive(Debug)]
pub struct World {
    /// Whether what happens is written to stderr.
    is_told: bool,
    pub(super) random: Random,
    pub(super) now: Duration,
    zero: Instant,
    agenda: BTreeMap<(Duration, u64), Happening>,
    happened: u64,
    pub(super) gateway: Option<Gateway>,
    pub(super) links: BTreeMap<LinkId, Link>,
    links_made: u64,
    pub(super) clients: Vec<SimulatedClient>,
    numbers: u64,
    pub(super) received: Vec<Received>,
    /// Messages to a client by its uuid that were answered with `OK`: sender's uuid, number and target.
    pub(super) promised: Vec<Received>,
    asked: BTreeMap<u64, Received>,
    pub(super) report: Report,
}

impl World {
    /// Runs the world of a seed to its end.
    ///
    /// # Panics
    ///
    /// When something does not hold that must.
    pub fn run(seed: u64) -> Report {
        Self::new(seed).run_to_its_end()
    }

    /// Runs the world of a seed, and tells on stderr what passes over the links.
    ///
    /// # Panics
    ///
    /// When something does not hold that must.
    pub fn tell(seed: u64) -> Report {
        Self { is_told: true, ..Self::new(seed) }.run_to_its_end()
    }

    fn run_to_its_end(mut self) -> Report {
        let world = &mut self;
        world.until(CALM_FROM);
        world.calm_down();
        world.until(CALM_FROM + REST);
        world.check();
        self.close()
    }

    fn new(seed: u64) -> Self {
        let zero = Instant::now();
        let name = |number| ClientName::new(format!("client_{number}")).expect("it is a name");
        let mut world = Self {
            is_told: false,
            random: Random::new(seed),
            now: Duration::ZERO,
            zero,
            agenda: BTreeMap::new(),
            happened: 0,
            gateway: Some(Gateway::new()),
            links: BTreeMap::new(),
            links_made: 0,
            clients: (0..CLIENTS).map(|number| SimulatedClient::new(name(number), zero)).collect(),
            numbers: 0,
            received: Vec::new(),
            promised: Vec::new(),
            asked: BTreeMap::new(),
            report: Report::default(),
        };
        for client in 0..CLIENTS {
            world.at(Duration::ZERO, Happening::Attempt(client));
            world.at(Duration::from_secs(1), Happening::Act(client));
        }
        world.at(Duration::from_secs(2), Happening::Fault);
        world
    }

    fn at(&mut self, time: Duration, happening: Happening) {
        self.happened += 1;
        self.agenda.insert((time.max(self.now), self.happened), happening);
    }

    pub(super) fn after(&mut self, shortest: u64, longest: u64, happening: Happening) {
        let pause = self.random.between(Duration::from_millis(shortest), Duration::from_millis(longest));
        self.at(self.now + pause, happening);
    }

    #[expect(clippy::print_stderr, reason = "told to whoever looks at a failure")]
    pub(super) fn note(&self, what: std::fmt::Arguments<'_>) {
        if self.is_told {
            eprintln!("{:>12?} {what}", self.now);
        }
    }

    fn until(&mut self, end: Duration) {
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((time, _), happening) = entry.remove_entry();
            self.now = time;
            self.happen(happening);
        }
        self.now = end;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Attempt(client) => self.attempt(client),
            Happening::AttemptTimesOut(link) => {
                let is_in = self.client_of(link).is_none_or(|client| self.clients[client].uuid().is_some());
                if !is_in {
                    self.client_gone(link, Trouble::Timeout);
                    self.send_to_gateway(link, Happening::HangUpAtGateway);
                }
            }
            Happening::TextAtGateway(link, text) => {
                self.numbers += 1;
                let (uuid, now) = (Uuid::from_u128(u128::from(self.numbers)), self.now);
                self.note(format_args!("gateway <- {link:?} {text}"));
                self.gateway_does(|gateway| gateway.handle_text(link, &text, uuid, now));
            }
            Happening::TextAtClient(link, text) => self.text_at_client(link, &text),
            Happening::PingAtClient(link) => {
                self.heard_at_client(link);
                self.send_to_gateway(link, Happening::SignOfLifeAtGateway);
            }
            Happening::PingAtGateway(link) => {
                self.heard_at_gateway(link);
                self.send_to_client(link, Happening::SignOfLifeAtClient);
            }
            Happening::SignOfLifeAtGateway(link) => self.heard_at_gateway(link),
            Happening::SignOfLifeAtClient(link) => self.heard_at_client(link),
            Happening::CloseAtClient(link, code) => {
                self.report.ghosts += usize::from(code == CloseCode::DuplicateAuth);
                self.client_gone(link, trouble(code));
            }
            Happening::HangUpAtGateway(link) => self.gateway_does(|gateway| gateway.handle_gone(link)),
            Happening::DeadlineAtGateway(link) => {
                let now = self.now;
                self.gateway_does(|gateway| gateway.handle_deadline(link, now));
                if let Some(next) = self.gateway.as_ref().and_then(|gateway| gateway.deadline(link)) {
                    self.at(next, Happening::DeadlineAtGateway(link));
                }
            }
            Happening::VigilAtClient(link) => self.vigil(link),
            Happening::Act(client) if self.now < CALM_FROM => {
                self.act(client);
                self.after(10, 1200, Happening::Act(client));
            }
            Happening::CallTimesOut(call) => {
                if call.ended().is_none() {
                    call.end(Ended::TimedOut);
                }
            }
            Happening::Fault if self.now < CALM_FROM => {
                self.fault();
                self.after(500, 15_000, Happening::Fault);
            }
            // It has grown calm.
            Happening::Act(_) | Happening::Fault => {}
            Happening::GatewayStarts => self.gateway = Some(Gateway::new()),
        }
    }

    fn client_of(&self, link: LinkId) -> Option<usize> {
        let client = self.links.get(&link)?.client;
        let online = self.clients.get(client)?.online.as_ref()?;
        (online.link == link).then_some(client)
    }

    fn delay(&mut self, is_slow: bool) -> Duration {
        let longest = if is_slow { 12_000 } else { 60 };
        self.random.between(Duration::from_millis(1), Duration::from_millis(longest))
    }

    pub(super) fn send_to_gateway(&mut self, link: LinkId, happening: impl FnOnce(LinkId) -> Happening) {
        let Some(is_slow) = self.links.get(&link).filter(|link| !link.is_cut).map(|link| link.is_slow) else {
            return;
        };
        let arrival = self.now + self.delay(is_slow);
        let Some(state) = self.links.get_mut(&link) else { return };
        state.arrives_at_gateway = state.arrives_at_gateway.max(arrival);
        let arrival = state.arrives_at_gateway;
        self.at(arrival, happening(link));
    }

    pub(super) fn send_to_client(&mut self, link: LinkId, happening: impl FnOnce(LinkId) -> Happening) {
        let Some(is_slow) = self.links.get(&link).filter(|link| !link.is_cut).map(|link| link.is_slow) else {
            return;
        };
        let arrival = self.now + self.delay(is_slow);
        let Some(state) = self.links.get_mut(&link) else { return };
        state.arrives_at_client = state.arrives_at_client.max(arrival);
        let arrival = state.arrives_at_client;
        self.at(arrival, happening(link));
    }

    fn attempt(&mut self, client: usize) {
        let Some(gateway) = self.gateway.as_mut() else { return self.attempt_failed(client) };
        self.links_made += 1;
        let link = LinkId(self.links_made);
        gateway.open(link, self.now);
        let nothing_yet = self.now;
        self.links.insert(
            link,
            Link {
                client,
                is_cut: false,
                is_slow: false,
                arrives_at_gateway: nothing_yet,
                arrives_at_client: nothing_yet,
            },
        );
        self.clients[client].begin(link, self.now);
        self.flush(client);
        self.at(self.now, Happening::DeadlineAtGateway(link));
        self.at(self.now + Duration::from_secs(10), Happening::AttemptTimesOut(link));
    }

    fn attempt_failed(&mut self, client: usize) {
        let random = self.random.number();
        let next = self.clients[client].handle_gone(Trouble::Broken, self.now, random);
        self.at(next, Happening::Attempt(client));
    }

    /// Sends what a client has to send.
    fn flush(&mut self, client: usize) {
        let Some(link) = self.clients[client].online.as_ref().map(|online| online.link) else { return };
        for text in self.clients[client].texts() {
            self.send_to_gateway(link, |link| Happening::TextAtGateway(link, text));
        }
    }

    fn gateway_does(&mut self, does: impl FnOnce(&mut Gateway) -> Vec<Output>) {
        let Some(gateway) = self.gateway.as_mut() else { return };
        for output in does(gateway) {
            match output {
                Output::Text(link, text) => {
                    self.send_to_client(link, |link| Happening::TextAtClient(link, text));
                }
                Output::Ping(link) => self.send_to_client(link, Happening::PingAtClient),
                Output::Close(link, close) => {
                    self.send_to_client(link, |link| Happening::CloseAtClient(link, close.code));
                }
            }
        }
    }

    fn heard_at_gateway(&mut self, link: LinkId) {
        let now = self.now;
        if let Some(gateway) = self.gateway.as_mut() {
            gateway.handle_activity(link, now);
        }
    }

    fn heard_at_client(&mut self, link: LinkId) {
        let now = self.now;
        if let Some(client) = self.client_of(link)
            && let Some(online) = self.clients[client].online.as_mut()
        {
            online.heard = now;
        }
    }

    fn text_at_client(&mut self, link: LinkId, text: &str) {
        let Some(client) = self.client_of(link) else { return };
        let was_in = self.clients[client].uuid().is_some();
        self.note(format_args!("client_{client} <- {text}"));
        let outcome = self.clients[client].handle_text(text, self.now);
        if !was_in && self.clients[client].uuid().is_some() {
            self.at(self.now, Happening::VigilAtClient(link));
        }
        if let Some(promised) = outcome.delivered.and_then(|number| self.asked.remove(&number)) {
            self.promised.push(promised);
        }
        self.received.extend(outcome.received);
        self.flush(client);
    }

    fn vigil(&mut self, link: LinkId) {
        let Some(client) = self.client_of(link) else { return };
        let (zero, now) = (self.zero, self.now);
        let Some(online) = self.clients[client].online.as_mut() else { return };
        match online.keepalive.poll(zero + now, zero + online.heard) {
            Vigil::Wait { until } => {
                self.at(until.saturating_duration_since(zero), Happening::VigilAtClient(link));
            }
            Vigil::Ping => {
                self.send_to_gateway(link, Happening::PingAtGateway);
                self.at(self.now, Happening::VigilAtClient(link));
            }
            Vigil::Dead { .. } => {
                self.client_gone(link, Trouble::Timeout);
                self.send_to_gateway(link, Happening::HangUpAtGateway);
            }
        }
    }

    /// The client of a link sees that it is gone.
    fn client_gone(&mut self, link: LinkId, trouble: Trouble) {
        let Some(client) = self.client_of(link) else { return };
        let random = self.random.number();
        let next = self.clients[client].handle_gone(trouble, self.now, random);
        self.at(next, Happening::Attempt(client));
    }

    /// A user does something, if it can.
    fn act(&mut self, client: usize) {
        if !self.clients[client].is_open() {
            return;
        }
        self.numbers += 1;
        let number = self.numbers;
        let service = format!("service {}", self.random.below(SERVICES));
        let service: ServiceName = service.parse().expect("it is a name");
        let other = usize::try_from(self.random.below(CLIENTS as u64)).unwrap_or_default();
        let about = Expected::About(service.clone());
        let (request, expected) = match self.random.below(10) {
            0 | 1 => (Encoded::new(&ServiceCreate { service, nickname: None }), about),
            2 => (Encoded::new(&ServiceDelete { service }), about),
            3 | 4 => (Encoded::new(&SelfSubscribe { service }), about),
            5 => (Encoded::new(&SelfUnsubscribe { service }), about),
            6 => {
                let nobody = Uuid::from_u64_pair(u64::MAX, number);
                (Encoded::new(&ClientFetch { uuid: nobody }), Expected::Nobody(nobody))
            }
            7 => {
                let seq = sequence(self.random.number());
                (Encoded::new(&SelfSetSeq { seq }), Expected::Sequence)
            }
            8 => (Encoded::message(&Target::service(service), &number), Expected::Delivered),
            _ => {
                let (Some(sender), Some(receiver)) =
                    (self.clients[client].uuid(), self.clients[other].uuid())
                else {
                    return;
                };
                self.asked.insert(number, Received { receiver, sender, number });
                (Encoded::message(&Target::from(receiver), &number), Expected::Delivered)
            }
        };
        let request = request.expect("it is JSON");
        if let Some(call) = self.clients[client].call(number, request, expected) {
            self.at(self.now + PATIENCE, Happening::CallTimesOut(call));
            self.flush(client);
        }
    }
}
