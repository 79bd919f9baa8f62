//! What is counted of the events, in the form that Prometheus reads. There is no name of anybody in it, and none of an event.

use std::sync::atomic::Ordering;

use concierge_client::telegraphy::{RequestKind, Status, SystemEvent};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::exchange::Exchange;
use crate::events::{Cause, Reply};

/// The one label that some numbers have.
type Label = [(&'static str, &'static str); 1];

/// An answer to a client: what it asked, and the status.
type Answered = [(&'static str, &'static str); 2];

/// Counts the events of web applications. Clones count together.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Counted {
    answered: Family<Answered, Counter>,
    refused: Family<Label, Counter>,
    published: Counter,
    delivered: Counter,
    gaps: Counter,
    slow: Counter,
    connected: Gauge,
    sessions: Gauge,
    stored: Counter,
    syncs: Counter,
    expired: Counter,
    trimmed: Counter,
    log: Gauge,
    waiting: Gauge,
    failed: Gauge,
}

impl Counted {
    pub(in crate::net) fn register(registry: &mut Registry) -> Self {
        let counted = Self::default();
        for (name, help, counter) in [
            ("published", "Events that web applications published", &counted.published),
            ("delivered", "Events that were put into outboxes, once for each receiver", &counted.delivered),
            ("gaps", "How often a client was told that it has missed events", &counted.gaps),
            ("slow", "How often a client took less than it was sent and was left out", &counted.slow),
            ("store_changes", "Changes that are durable", &counted.stored),
            ("store_syncs", "Groups of changes that are durable, each with one sync", &counted.syncs),
            ("store_expired", "Events removed from the logs because they had expired", &counted.expired),
            ("store_trimmed", "Events removed from the logs for want of room", &counted.trimmed),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, gauge) in [
            ("connections", "Clients that are connected", &counted.connected),
            ("sessions", "Sessions, whether their clients are there or away", &counted.sessions),
            ("store_waiting", "Changes that wait to be durable", &counted.waiting),
            ("store_failed", "1 when nothing is stored any more until the next start", &counted.failed),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit(
            "store_log",
            "What the logs of guaranteed events hold",
            Unit::Bytes,
            counted.log.clone(),
        );
        registry.register(
            "answers",
            "Answers to requests of clients, by what they asked and the status they were answered with",
            counted.answered.clone(),
        );
        registry.register("tokens_refused", "Tokens that were refused, by cause", counted.refused.clone());
        counted
    }

    /// Somebody was answered; what it asked, where that came as far as to be asked.
    pub(super) fn answer(&self, message: Option<RequestKind>, status: Status) {
        let message = message.map_or("none", RequestKind::as_str);
        self.answered.get_or_create(&[("message", message), ("status", status.as_str())]).inc();
    }

    pub(super) fn reply(&self, reply: &Reply) {
        if let Reply::Published { is_duplicate: false, .. } = reply {
            self.published.inc();
        }
    }

    pub(super) fn deliver(&self, receivers: usize) {
        self.delivered.inc_by(receivers as u64);
    }

    pub(super) fn tell(&self, event: &SystemEvent, receivers: usize) {
        if let SystemEvent::Gap { .. } = event {
            self.gaps.inc_by(receivers as u64);
        }
    }

    pub(super) fn leave_out(&self) {
        self.slow.inc();
    }

    pub(super) fn refuse(&self, cause: Cause) {
        let cause = match cause {
            Cause::Anonymous => "anonymous",
            Cause::UnknownToken => "unknown_token",
            Cause::TokenAddress => "token_address",
            Cause::TokenOrigin => "token_origin",
            Cause::UnknownSession => "unknown_session",
            Cause::SessionHost => "session_host",
        };
        self.refused.get_or_create(&[("cause", cause)]).inc();
    }

    /// Asks for what is not counted while it happens.
    pub(in crate::net) fn ask(&self, exchange: &Exchange) {
        let (sessions, connected) = exchange.counts();
        self.sessions.set(signed(sessions));
        self.connected.set(signed(connected));
        let store = exchange.store();
        let counts = store.counts();
        self.waiting.set(signed(counts.waiting));
        self.log.set(i64::try_from(counts.log_bytes).unwrap_or(i64::MAX));
        self.failed.set(i64::from(store.failure().is_some()));
        for (counter, value) in [
            (&self.stored, counts.changes),
            (&self.syncs, counts.groups),
            (&self.expired, counts.expired),
            (&self.trimmed, counts.trimmed),
        ] {
            counter.inner().store(value, Ordering::Relaxed);
        }
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
