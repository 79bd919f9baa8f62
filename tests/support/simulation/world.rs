//! The world of a simulation: time, links, faults, and what must hold whatever happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::{Duration, Instant},
};

use concierge_client::payload::{
    ClientFetch, ClientName, CloseCode, SelfSetSeq, SelfSubscribe, SelfUnsubscribe, ServiceCreate, ServiceDelete,
    ServiceName, Target,
};
use concierge_client::session::{Encoded, Role, Trouble, Vigil};
use uuid::Uuid;

use super::{
    client::{Call, Ended, Expected, Received, SimulatedClient, sequence, trouble},
    gateway::{Gateway, Output},
    random::Random,
};

/// One connection between a client and the gateway, from its begin to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(u64);

/// A connection, as the network sees it.
#[derive(Debug)]
struct Link {
    client: usize,
    /// Nothing passes any more, and nobody is told.
    is_cut: bool,
    /// Everything takes long.
    is_slow: bool,
    /// When the last thing arrives that is on its way: nothing overtakes.
    arrives_at_gateway: Duration,
    arrives_at_client: Duration,
}

/// Something that happens at its time.
#[derive(Debug)]
enum Happening {
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
const CALM_FROM: Duration = Duration::from_secs(120);

/// How long everything has to come to rest after that.
const REST: Duration = Duration::from_secs(120);

/// How long a call waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many clients and services there are.
const CLIENTS: usize = 4;
const SERVICES: u64 = 3;

/// What happened in a simulation, for those who want to know that something did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Report {
    /// Calls that were made, and how they ended.
    pub calls: usize,
    /// With an answer.
    pub answered: usize,
    /// Without: the caller stopped waiting.
    pub timed_out: usize,
    /// Without: the connection was lost.
    pub lost: usize,
    /// Messages that arrived.
    pub received: usize,
    /// Connections that were made again.
    pub reconnects: u64,
    /// Restorations that brought back everything, and those that could not.
    pub complete_restorations: usize,
    /// Restorations that reported something as pending or lost.
    pub partial_restorations: usize,
    /// Attempts that met their own ghost.
    pub ghosts: usize,
}

/// A gateway, its clients, and what is between them.
#[derive(Debug)]
pub struct World {
    /// Whether what happens is written to stderr.
    is_told: bool,
    random: Random,
    now: Duration,
    zero: Instant,
    agenda: BTreeMap<(Duration, u64), Happening>,
    happened: u64,
    gateway: Option<Gateway>,
    links: BTreeMap<LinkId, Link>,
    links_made: u64,
    clients: Vec<SimulatedClient>,
    numbers: u64,
    received: Vec<Received>,
    /// Messages to a client by its uuid that were answered with `OK`: sender's uuid, number and target.
    promised: Vec<Received>,
    asked: BTreeMap<u64, Received>,
    report: Report,
}

impl World {
    /// Runs the world of a seed to its end.
    ///
    /// # Panics
    ///
    /// When something does not hold that must.
    pub fn run(seed: u64) -> Report {
        Self::new(seed).to_its_end()
    }

    /// Runs the world of a seed, and tells on stderr what passes over the links.
    ///
    /// # Panics
    ///
    /// When something does not hold that must.
    pub fn tell(seed: u64) -> Report {
        Self { is_told: true, ..Self::new(seed) }.to_its_end()
    }

    fn to_its_end(self) -> Report {
        let mut world = self;
        world.until(CALM_FROM);
        world.calm_down();
        world.until(CALM_FROM + REST);
        world.check();
        world.close()
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

    fn after(&mut self, shortest: u64, longest: u64, happening: Happening) {
        let pause = self.random.between(Duration::from_millis(shortest), Duration::from_millis(longest));
        self.at(self.now + pause, happening);
    }

    #[expect(clippy::print_stderr, reason = "told to whoever looks at a failure")]
    fn note(&self, what: std::fmt::Arguments<'_>) {
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
                    self.to_gateway(link, Happening::HangUpAtGateway);
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
                self.to_gateway(link, Happening::SignOfLifeAtGateway);
            }
            Happening::PingAtGateway(link) => {
                self.heard_at_gateway(link);
                self.to_client(link, Happening::SignOfLifeAtClient);
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
            Happening::Act(client) => {
                self.act(client);
                if self.now < CALM_FROM {
                    self.after(10, 1200, Happening::Act(client));
                }
            }
            Happening::CallTimesOut(call) => {
                if call.ended().is_none() {
                    call.end(Ended::TimedOut);
                }
            }
            Happening::Fault => {
                self.fault();
                if self.now < CALM_FROM {
                    self.after(500, 15_000, Happening::Fault);
                }
            }
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

    fn to_gateway(&mut self, link: LinkId, happening: impl FnOnce(LinkId) -> Happening) {
        let Some(is_slow) = self.links.get(&link).filter(|link| !link.is_cut).map(|link| link.is_slow) else { return };
        let arrival = self.now + self.delay(is_slow);
        let Some(state) = self.links.get_mut(&link) else { return };
        state.arrives_at_gateway = state.arrives_at_gateway.max(arrival);
        let arrival = state.arrives_at_gateway;
        self.at(arrival, happening(link));
    }

    fn to_client(&mut self, link: LinkId, happening: impl FnOnce(LinkId) -> Happening) {
        let Some(is_slow) = self.links.get(&link).filter(|link| !link.is_cut).map(|link| link.is_slow) else { return };
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
            self.to_gateway(link, |link| Happening::TextAtGateway(link, text));
        }
    }

    fn gateway_does(&mut self, does: impl FnOnce(&mut Gateway) -> Vec<Output>) {
        let Some(gateway) = self.gateway.as_mut() else { return };
        for output in does(gateway) {
            match output {
                Output::Text(link, text) => self.to_client(link, |link| Happening::TextAtClient(link, text)),
                Output::Ping(link) => self.to_client(link, Happening::PingAtClient),
                Output::Close(link, close) => {
                    self.to_client(link, |link| Happening::CloseAtClient(link, close.code));
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
                self.to_gateway(link, Happening::PingAtGateway);
                self.at(self.now, Happening::VigilAtClient(link));
            }
            Vigil::Dead { .. } => {
                self.client_gone(link, Trouble::Timeout);
                self.to_gateway(link, Happening::HangUpAtGateway);
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
                let (Some(sender), Some(receiver)) = (self.clients[client].uuid(), self.clients[other].uuid()) else {
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

    /// Something breaks.
    fn fault(&mut self) {
        self.note(format_args!("something breaks"));
        let client = usize::try_from(self.random.below(CLIENTS as u64)).unwrap_or_default();
        let Some(link) = self.clients[client].online.as_ref().map(|online| online.link) else { return };
        match self.random.below(8) {
            // Both sides are told.
            0 | 1 => {
                self.to_client(link, |link| Happening::CloseAtClient(link, CloseCode::Lost));
                self.to_gateway(link, Happening::HangUpAtGateway);
                self.cut(link);
            }
            // Nobody is told: both must find out.
            2 => self.cut(link),
            // Only the client is told: the gateway holds its ghost.
            3 => {
                self.to_client(link, |link| Happening::CloseAtClient(link, CloseCode::Lost));
                self.cut(link);
            }
            // Only the gateway is told.
            4 => {
                self.to_gateway(link, Happening::HangUpAtGateway);
                self.cut(link);
            }
            5 | 6 => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.is_slow = !link.is_slow;
                }
            }
            _ => self.restart_gateway(),
        }
    }

    fn cut(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.is_cut = true;
        }
    }

    fn restart_gateway(&mut self) {
        if self.gateway.take().is_none() {
            return;
        }
        let is_orderly = self.random.percent(50);
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            let code = if is_orderly { CloseCode::GoingAway } else { CloseCode::Lost };
            self.to_client(link, |link| Happening::CloseAtClient(link, code));
            self.cut(link);
        }
        self.after(10, 12_000, Happening::GatewayStarts);
    }

    fn calm_down(&mut self) {
        for link in self.links.values_mut() {
            link.is_slow = false;
        }
    }

    /// What must hold when everything has come to rest.
    fn check(&self) {
        let gateway = self.gateway.as_ref().expect("the gateway is up again");
        for client in &self.clients {
            let name = &client.name;
            assert!(client.is_open(), "{name} did not come back");
            let online = client.online.as_ref().expect("it is open");
            let uuid = online.uuid.expect("it is open");
            assert_eq!(online.session.waiting(), 0, "{name} still waits for an answer");
            assert_eq!(online.session.counts().stray, 0, "{name} was answered what it did not ask");
            let (owned, subscribed) = gateway.truth(online.link, uuid).expect("the gateway has it");
            let names = |services: Vec<concierge_client::payload::Service>| {
                services.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
            };
            let told = |role| client.live(role).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(told(Role::Owner), names(owned), "what {name} was told that it owns, and what it owns");
            let subscribed = names(subscribed);
            assert_eq!(told(Role::Subscriber), subscribed, "what {name} was told that it subscribes to, and does");
            for pending in client.pending() {
                assert!(!subscribed.contains(&pending), "{name} waits for {pending}, which it has");
            }
        }
        self.check_messages();
    }

    fn check_messages(&self) {
        let mut last = BTreeMap::new();
        for Received { receiver, sender, number } in &self.received {
            let before = last.insert((receiver, sender), number);
            assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
        }
        let alive: BTreeSet<_> = self.clients.iter().filter_map(SimulatedClient::uuid).collect();
        let received: BTreeSet<_> = self.received.iter().collect();
        for promised in self.promised.iter().filter(|promised| alive.contains(&promised.receiver)) {
            assert!(received.contains(promised), "{promised:?} was answered with OK and never arrived");
        }
    }

    /// Ends what is left, and looks whether every call has ended.
    fn close(mut self) -> Report {
        for client in 0..CLIENTS {
            let _never = self.clients[client].handle_gone(Trouble::Broken, self.now, 0);
        }
        let mut report = self.report;
        report.received = self.received.len();
        for client in &self.clients {
            report.reconnects += client.connections - 1;
            let complete = client.restorations.iter().filter(|restored| restored.is_complete()).count();
            report.complete_restorations += complete;
            report.partial_restorations += client.restorations.len() - complete;
            for call in &client.calls {
                report.calls += 1;
                match call.ended() {
                    Some(Ended::Answered) => report.answered += 1,
                    Some(Ended::TimedOut) => report.timed_out += 1,
                    Some(Ended::Lost) => report.lost += 1,
                    None => panic!("{call:?} never ended"),
                }
            }
        }
        report
    }
}
