//! What the gateway counts, in the form that Prometheus reads. There is no name and no key of anybody in it.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use concierge_client::payload::{CloseCode, RequestKind};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::admission::TooMany;
use super::forwarded::Unclear;
use super::gateway::Gateway;
use super::overload::Scarce;
use super::panics::Panics;
use super::telegraphy::Counted;
use super::throttle::Kept;
use crate::files::{Tally, Totals};

/// The one label that some numbers have: its name, and a value that is among a few words of this program.
type Label = [(&'static str, &'static str); 1];

/// An answer to a web application: what it asked, and the status code.
type Answered = [(&'static str, Cow<'static, str>); 2];

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    happened: Happened,
    there_is: ThereIs,
    files: Files,
    telegraphy: Counted,
}

/// What is counted while it happens.
#[derive(Debug)]
struct Happened {
    accepted: Counter,
    turned_away: Family<Label, Counter>,
    unclear: Family<Label, Counter>,
    applications: Family<Answered, Counter>,
    received: Family<Label, Counter>,
    sent: Family<Label, Counter>,
    often: Often,
    throttled: Family<Label, Counter>,
    closes: Family<Label, Counter>,
    closes_by_code: Family<[(&'static str, u16); 1], Counter>,
    traffic: Traffic,
    in_hub: Histogram,
    handling: Histogram,
}

/// What is counted with every message: looked up once, and not each time.
#[derive(Debug)]
struct Often {
    received_message: Counter,
    sent_message: Counter,
    sent_ok: Counter,
}

/// What the sockets of clients move, in bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic {
    pub(super) received: Counter,
    pub(super) sent: Counter,
}

/// What is asked for when somebody reads.
#[derive(Debug, Default)]
struct ThereIs {
    connections: Gauge,
    clients: Gauge,
    services: Gauge,
    waiting: Gauge,
    fullest: Gauge,
}

/// What the file store counts by itself.
#[derive(Debug, Default)]
struct Files {
    bytes: Gauge,
    there: Gauge,
    uploads: Gauge,
    stored: Counter,
    fetched: Counter,
    received: Counter,
    sent: Counter,
    refused: Family<Label, Counter>,
}

/// Why somebody was turned away before there was a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// There is no place for another connection.
    Full(TooMany),
    /// No TLS came about: what it said is none, or it took too long.
    Tls,
    /// For the name it called the gateway by.
    Host,
    /// For the page it comes from.
    Origin,
    /// What it asked for is no WebSocket.
    Handshake,
    /// Too many wrong secrets came from its address.
    Guesses,
    /// The gateway has too much to do.
    Scarce(Scarce),
}

/// How a WebSocket came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// The gateway closed it with this code.
    ByGateway(CloseCode),
    /// The client closed it.
    ByClient,
    /// It broke.
    Lost,
}

impl Metrics {
    pub(super) fn new(panics: &Panics) -> Self {
        let mut registry = Registry::with_prefix("concierge");
        registry.register("panics", "Failures of the gateway's own code", panics.counter().clone());
        let happened = Happened::register(&mut registry);
        let there_is = ThereIs::register(&mut registry);
        let files = Files::register(registry.sub_registry_with_prefix("files"));
        let telegraphy = Counted::register(registry.sub_registry_with_prefix("telegraphy"));
        Self { registry, happened, there_is, files, telegraphy }
    }

    /// What the events of web applications are counted with.
    pub(super) fn telegraphy(&self) -> &Counted {
        &self.telegraphy
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.happened.traffic.clone()
    }

    pub(super) fn accept(&self) {
        self.happened.accepted.inc();
    }

    pub(super) fn turn_away(&self, why: TurnedAway) {
        let why = match why {
            TurnedAway::Full(TooMany::InAll) => "full",
            TurnedAway::Full(TooMany::Unidentified) => "unidentified",
            TurnedAway::Full(TooMany::FromThere) => "address",
            TurnedAway::Tls => "tls",
            TurnedAway::Host => "host",
            TurnedAway::Origin => "origin",
            TurnedAway::Handshake => "handshake",
            TurnedAway::Guesses => "guesses",
            TurnedAway::Scarce(what) => what.as_str(),
        };
        self.happened.turned_away.get_or_create(&[("cause", why)]).inc();
    }

    /// A web application was answered.
    pub(super) fn answer_application(&self, route: &'static str, code: u16) {
        let answered = [("route", route.into()), ("code", code.to_string().into())];
        self.happened.applications.get_or_create(&answered).inc();
    }

    /// A trusted proxy did not say clearly whom it asks for.
    pub(super) fn miss_client(&self, why: Unclear) {
        let why = match why {
            Unclear::Hidden => "hidden",
            Unclear::Broken => "broken",
            Unclear::Contradiction => "contradiction",
        };
        self.happened.unclear.get_or_create(&[("cause", why)]).inc();
    }

    /// A text of a client came in and was carried out; none for one that is no valid request.
    pub(super) fn receive(&self, request: Option<RequestKind>) {
        match request {
            Some(RequestKind::Message) => self.happened.often.received_message.inc(),
            other => {
                let kind = other.map_or("invalid", RequestKind::as_str);
                self.happened.received.get_or_create(&[("type", kind)]).inc()
            }
        };
    }

    /// A text that was timed was handled.
    pub(super) fn observe_handling(&self, took: Duration) {
        self.happened.handling.observe(took.as_secs_f64());
    }

    /// A payload goes to so many clients.
    pub(super) fn send(&self, kind: &'static str, receivers: usize) {
        let receivers = receivers as u64;
        match kind {
            "MESSAGE" => self.happened.often.sent_message.inc_by(receivers),
            "OK" => self.happened.often.sent_ok.inc_by(receivers),
            kind => self.happened.sent.get_or_create(&[("type", kind)]).inc_by(receivers),
        };
    }

    /// The hub was busy for so long, with everybody else waiting.
    pub(super) fn observe_hub(&self, took: Duration) {
        self.happened.in_hub.observe(took.as_secs_f64());
    }

    /// A client came over this rate.
    pub(super) fn throttle(&self, rate: Kept) {
        let rate = match rate {
            Kept::Messages => "messages",
            Kept::Bytes => "bytes",
            Kept::ControlFrames => "control_frames",
        };
        self.happened.throttled.get_or_create(&[("rate", rate)]).inc();
    }

    pub(super) fn close(&self, closed: Closed) {
        let by = match closed {
            Closed::ByGateway(code) => {
                self.happened.closes_by_code.get_or_create(&[("code", u16::from(code))]).inc();
                "gateway"
            }
            Closed::ByClient => "client",
            Closed::Lost => "nobody",
        };
        self.happened.closes.get_or_create(&[("by", by)]).inc();
    }

    /// All of it as text, in the format of `OpenMetrics`.
    pub(super) fn read(&self, gateway: &Gateway) -> String {
        self.there_is.ask(gateway);
        if let Some((now, ever)) = gateway.files().map(|files| files.counts()) {
            self.files.take_over(&now, &ever);
        }
        if let Some(exchange) = gateway.exchange() {
            self.telegraphy.ask(exchange);
        }
        let mut text = String::new();
        // A text has room for whatever is written to it.
        let _written = encode(&mut text, &self.registry);
        text
    }
}

impl Happened {
    fn register(registry: &mut Registry) -> Self {
        // From a quarter of a microsecond to a quarter of a second.
        let histogram = || Histogram::new(exponential_buckets(250e-9, 2.0, 21));
        let (received, sent) = (Family::<Label, Counter>::default(), Family::<Label, Counter>::default());
        let of_kind = |family: &Family<Label, Counter>, kind| family.get_or_create(&[("type", kind)]).clone();
        let often = Often {
            received_message: of_kind(&received, "MESSAGE"),
            sent_message: of_kind(&sent, "MESSAGE"),
            sent_ok: of_kind(&sent, "OK"),
        };
        let happened = Self {
            accepted: Counter::default(),
            turned_away: Family::default(),
            unclear: Family::default(),
            applications: Family::default(),
            received,
            sent,
            often,
            throttled: Family::default(),
            closes: Family::default(),
            closes_by_code: Family::default(),
            traffic: Traffic::default(),
            in_hub: histogram(),
            handling: histogram(),
        };
        let Self {
            accepted,
            turned_away,
            unclear,
            applications,
            received,
            sent,
            throttled,
            closes,
            closes_by_code,
            ..
        } = &happened;
        registry.register("connections_accepted", "Connections that were accepted", accepted.clone());
        registry.register(
            "connections_refused",
            "Connections and requests that were turned away, by cause",
            turned_away.clone(),
        );
        registry.register(
            "proxied_unclear",
            "Requests of which a trusted proxy did not say clearly whose they are, by cause",
            unclear.clone(),
        );
        registry.register(
            "telegraphy_requests",
            "Requests of web applications, by what they asked and the status code they were answered with",
            applications.clone(),
        );
        registry.register("payloads_received", "Texts that clients sent, by type", received.clone());
        registry.register(
            "payloads_sent",
            "Payloads that were put into outboxes, by type, once for each receiver",
            sent.clone(),
        );
        registry.register(
            "throttled",
            "How often a client came over a rate and was not read from, by rate",
            throttled.clone(),
        );
        registry.register("closes", "WebSockets that ended, by who ended them", closes.clone());
        registry.register(
            "closes_by_code",
            "WebSockets that the gateway closed, by close code",
            closes_by_code.clone(),
        );
        let Traffic { received, sent } = &happened.traffic;
        registry.register_with_unit(
            "received",
            "What came in over WebSockets",
            Unit::Bytes,
            received.clone(),
        );
        registry.register_with_unit("sent", "What went out over WebSockets", Unit::Bytes, sent.clone());
        registry.register_with_unit(
            "hub",
            "How long the hub was busy with one request, the first of those that were read at once",
            Unit::Seconds,
            happened.in_hub.clone(),
        );
        registry.register_with_unit(
            "handling",
            "From a text that came in to its effects in outboxes, for the first of those that were read at once",
            Unit::Seconds,
            happened.handling.clone(),
        );
        happened
    }
}

impl ThereIs {
    fn register(registry: &mut Registry) -> Self {
        let there_is = Self::default();
        let Self { connections, clients, services, waiting, fullest } = &there_is;
        registry.register("connections", "Connections of any kind", connections.clone());
        registry.register("clients", "Clients that joined", clients.clone());
        registry.register("services", "Services", services.clone());
        registry.register_with_unit(
            "outboxes",
            "What waits for all clients, large payloads that they share once",
            Unit::Bytes,
            waiting.clone(),
        );
        registry.register_with_unit(
            "fullest_outbox",
            "What waits for the client that most waits for",
            Unit::Bytes,
            fullest.clone(),
        );
        there_is
    }

    fn ask(&self, gateway: &Gateway) {
        let (clients, services) = gateway.drive().counts();
        self.clients.set(signed(clients));
        self.services.set(signed(services));
        self.connections.set(signed(gateway.admission().connections()));
        self.waiting.set(signed(gateway.drive().waiting()));
        self.fullest.set(signed(gateway.fullest_outbox()));
    }
}

impl Files {
    fn register(registry: &mut Registry) -> Self {
        let counted = Self::default();
        let Self { bytes, there, uploads, stored, fetched, received, sent, refused } = &counted;
        registry.register_with_unit("stored", "What the files there are take", Unit::Bytes, bytes.clone());
        registry.register("there", "Files there are", there.clone());
        registry.register("uploads", "Uploads under way", uploads.clone());
        registry.register("puts", "Files that took their places", stored.clone());
        registry.register("gets", "Answers that brought a file to their end", fetched.clone());
        registry.register_with_unit("received", "What uploads brought", Unit::Bytes, received.clone());
        registry.register_with_unit("sent", "What downloads fetched", Unit::Bytes, sent.clone());
        registry.register("refused", "Requests that were refused, by cause", refused.clone());
        counted
    }

    fn take_over(&self, now: &Totals, ever: &Tally) {
        self.bytes.set(i64::try_from(now.bytes).unwrap_or(i64::MAX));
        self.there.set(signed(now.files));
        self.uploads.set(signed(now.uploads));
        for (counter, value) in [
            (&self.stored, ever.stored),
            (&self.fetched, ever.fetched),
            (&self.received, ever.received),
            (&self.sent, ever.sent),
        ] {
            counter.inner().store(value, Ordering::Relaxed);
        }
        for (error, count) in &ever.refused {
            self.refused.get_or_create(&[("cause", *error)]).inner().store(*count, Ordering::Relaxed);
        }
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
