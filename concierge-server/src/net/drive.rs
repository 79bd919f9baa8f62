//! Drives the pure halves: one short lock around the hub and the outboxes of its clients. Everything that reads or writes
//! JSON of a request is done before it is taken, and what the hub decided is handed out before it is released, so that
//! all clients see one order. It is never held across an await.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use concierge_client::payload::{Client, CloseCode};
use parking_lot::Mutex;
use uuid::Uuid;

use super::metrics::Metrics;
use super::outbox::{Outbox, Pressure, relieve};
use super::panics::Panics;
#[cfg(test)]
use super::panics::tests::Fault;
use super::payload::Payload;
use super::peer::Peer;
use super::seats::{Handed, Seat, Seats};
use crate::dialect::concierge::{Answer, Close, Connection, Deliveries, Ids, Input};
use crate::hub::{Change, ClientId, Hub, Limits};

/// The hub and who is connected to it.
#[derive(Debug)]
pub(super) struct Drive {
    core: Mutex<Core>,
    /// Bytes that wait in all outboxes; a large payload that waits in several counts once.
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
    metrics: Arc<Metrics>,
    panics: Panics,
}

#[derive(Debug)]
struct Core {
    hub: Hub,
    seats: Seats,
    next_client: u64,
    /// Nothing is decided any more.
    is_stopped: bool,
    /// Empty between two uses: kept for its room.
    deliveries: Deliveries,
}

/// A client that is here, for those who run the gateway.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) info: Client,
    pub(super) peer: Peer,
    pub(super) since: SystemTime,
    /// Bytes that wait for it.
    pub(super) outbox_bytes: usize,
    /// How many services it owns.
    pub(super) services: usize,
}

/// What came of an input.
#[derive(Debug)]
pub(super) struct Performed {
    /// The end of the connection, after what was delivered to it.
    pub(super) close: Option<Close>,
    /// Other clients whose outboxes are over half full by it.
    pub(super) pressed: Vec<Arc<Outbox>>,
    /// Whether the own one is.
    pub(super) is_own_high: bool,
}

impl Drive {
    pub(super) fn new(
        limits: Limits,
        most_waiting: Option<usize>,
        (metrics, panics): (Arc<Metrics>, Panics),
    ) -> Self {
        let core = Core {
            hub: Hub::new(limits),
            seats: Seats::default(),
            next_client: 0,
            is_stopped: false,
            deliveries: Deliveries::default(),
        };
        Self {
            core: Mutex::new(core),
            waiting: Arc::new(AtomicUsize::new(0)),
            most_waiting: most_waiting.unwrap_or(usize::MAX),
            metrics,
            panics,
        }
    }

    /// What counts the bytes that wait in all outboxes.
    pub(super) fn total(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.waiting)
    }

    /// A payload for one connection alone, which the hub need not know of. Whether its outbox is over half full.
    pub(super) fn answer(&self, answer: &Answer, outbox: &Outbox) -> bool {
        self.metrics.send(answer.kind, 1);
        outbox.push(&Payload::new(&answer.text, 1, &mut Vec::new(), &self.waiting)) != Pressure::Low
    }

    /// Has the hub decide, and delivers what follows. The address is where the connection comes from. How long it takes is observed
    /// if it is timed.
    pub(super) fn perform(
        &self,
        connection: &mut Connection,
        input: Input<'_>,
        (outbox, peer): (&Arc<Outbox>, Peer),
        now: Duration,
        is_timed: bool,
    ) -> Performed {
        let joins = !connection.is_identified();
        let fresh = || if joins { Uuid::new_v4() } else { Uuid::nil() };
        let (uuid, fs_key) = (fresh(), fresh());
        let mut core = self.core.lock();
        if core.is_stopped {
            return Performed { close: None, pressed: Vec::new(), is_own_high: false };
        }
        let begun = is_timed.then(Instant::now);
        let core = &mut *core;
        let ids = Ids { client: ClientId(core.next_client), uuid, fs_key };
        if joins {
            core.next_client += 1;
        }
        let performed = self.panics.contain(|| {
            #[cfg(test)]
            self.panics.inject(Fault::BeforeTheHub);
            let close = connection.perform(input, &mut core.hub, ids, now, &mut core.deliveries);
            #[cfg(test)]
            self.panics.inject(Fault::AfterTheHub);
            close
        });
        if joins {
            match performed {
                Some(_) if connection.client() == Some(ids.client) => {
                    let seat = Seat { outbox: Arc::clone(outbox), peer, since: SystemTime::now() };
                    core.seats.insert(ids.client, seat);
                }
                Some(_) => {}
                // Nobody has heard of it, and the connection may not know that it is in.
                None => core.evict(ids.client),
            }
        }
        let Handed { pressed, is_own_high, is_cut } = self.deliver(core, Some(outbox));
        if let Some(begun) = begun {
            self.metrics.observe_hub(begun.elapsed());
        }
        let failed = || Some(Close::new(CloseCode::InternalError));
        let close = performed.filter(|_| !is_cut).unwrap_or_else(failed);
        Performed { close, pressed, is_own_high }
    }

    /// From now on nothing is delivered, and nothing answered that the hub is asked for: connections end one after the other,
    /// and what is said to one that has ended would be lost with an `OK`.
    pub(super) fn stop(&self) {
        self.core.lock().is_stopped = true;
    }

    /// Takes the client of a connection out, if it was in. Returns whose outboxes are over half full by it.
    pub(super) fn leave(&self, connection: &Connection) -> Vec<Arc<Outbox>> {
        let Some(client) = connection.client() else { return Vec::new() };
        let core = &mut *self.core.lock();
        core.seats.remove(client);
        let mut leave = || {
            #[cfg(test)]
            self.panics.inject(Fault::Leave);
            connection.leave(&mut core.hub, &mut core.deliveries);
        };
        // A second time nothing is left to be done of what the hub has decided already.
        if self.panics.contain(&mut leave).is_none() && self.panics.contain(leave).is_none() {
            // Better that nobody is told than that it stays.
            core.evict(client);
        }
        self.deliver(core, None).pressed
    }

    /// Hands out what the hub decided, in that order. What fails is one payload, and the others arrive.
    fn deliver(&self, core: &mut Core, own: Option<&Arc<Outbox>>) -> Handed {
        let mut handed = Handed::default();
        let Core { seats, deliveries, .. } = core;
        let mut rest = deliveries.iter();
        let mut hand_out = || {
            for delivery in rest.by_ref() {
                #[cfg(test)]
                self.panics.inject(Fault::Deliver);
                seats.hand_out(delivery, own, &self.waiting, &mut handed);
                self.metrics.send(delivery.kind, delivery.to.as_slice().len());
            }
        };
        let mut is_cut = false;
        while self.panics.contain(&mut hand_out).is_none() {
            is_cut = true;
        }
        drop(rest);
        deliveries.clear();
        relieve(&self.waiting, self.most_waiting, || seats.outboxes());
        Handed { is_cut, ..handed }
    }

    /// How much waits in all outboxes, in bytes.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many clients and how many services there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        let core = self.core.lock();
        (core.hub.client_count(), core.hub.service_count())
    }

    /// Who is here, in order of joining.
    pub(super) fn present(&self) -> Vec<Present> {
        let Core { hub, seats, .. } = &*self.core.lock();
        let present = hub.present().filter_map(|(client, info, services)| {
            let Seat { outbox, peer, since } = seats.get(client)?;
            let (info, outbox_bytes) = (info.clone(), outbox.bytes());
            Some(Present { info, peer: *peer, since: *since, outbox_bytes, services })
        });
        present.collect()
    }

    /// Has a client go, for an operator. Whether there is one of that name.
    pub(super) fn kick(&self, name: &str) -> bool {
        let Core { hub, seats, .. } = &*self.core.lock();
        let seat = hub.client_named(name).and_then(|client| seats.get(client));
        seat.is_some_and(|seat| {
            seat.outbox.kick();
            true
        })
    }
}

impl Core {
    /// Takes a client out of the hub without a word, after a failure: that does not fail.
    fn evict(&mut self, client: ClientId) {
        self.deliveries.clear();
        self.hub.change(Change::Leave { client }, &mut Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::concierge::{Rules, Step};
    use crate::files::Address;
    use crate::net::batch::Batch;
    use crate::net::outbox::Bounds;

    const HOME: Peer = Peer { address: Address::User(7), port: None };

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(Bounds { bytes: 1 << 20, payloads: 100 }))
    }

    fn counted() -> (Arc<Metrics>, Panics) {
        let panics = Panics::default();
        (Arc::new(Metrics::new(&panics)), panics)
    }

    /// Gives a connection a text, as a session does.
    fn say(drive: &Drive, connection: &mut Connection, outbox: &Arc<Outbox>, text: &str) -> Option<Close> {
        match connection.handle_text(text, Duration::ZERO) {
            Step::Hub(input) => drive.perform(connection, input, (outbox, HOME), Duration::ZERO, true).close,
            other => panic!("{text} leads to {other:?}"),
        }
    }

    fn join(drive: &Drive, name: &str) -> (Connection, Arc<Outbox>, Option<Close>) {
        let (mut connection, outbox) =
            (Connection::new(Arc::new(Rules::default()), Duration::ZERO), outbox());
        let identify = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"}}"#);
        let close = say(drive, &mut connection, &outbox, &identify);
        (connection, outbox, close)
    }

    fn kinds(outbox: &Outbox) -> Vec<String> {
        let kind = |text: &str| text.split_once("\"type\":\"")?.1.split('"').next().map(str::to_owned);
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        batch.texts().iter().filter_map(|text| kind(text)).collect()
    }

    #[test]
    fn a_joiner_hears_hello_and_the_others_hear_of_it_until_it_leaves() {
        let drive = Drive::new(Limits::default(), None, counted());
        let (_alice, alice_outbox, _) = join(&drive, "alice");
        let (bob, bob_outbox, _) = join(&drive, "bob");
        assert_eq!((kinds(&bob_outbox), drive.counts()), (vec!["HELLO".to_owned()], (2, 0)));
        drive.leave(&bob);
        assert_eq!(kinds(&alice_outbox), ["HELLO", "CLIENT_JOINED", "CLIENT_LEFT"]);
        assert_eq!((kinds(&bob_outbox), drive.counts()), (Vec::new(), (1, 0)));
    }

    #[test]
    fn once_it_is_stopped_what_is_sent_is_neither_delivered_nor_answered() {
        let drive = Drive::new(Limits::default(), None, counted());
        let ((mut alice, alice_outbox, _), (_bob, bob_outbox, _)) =
            (join(&drive, "alice"), join(&drive, "bob"));
        let text = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"bob"},"data":1}"#;
        say(&drive, &mut alice, &alice_outbox, text);
        drive.stop();
        say(&drive, &mut alice, &alice_outbox, text);
        assert_eq!(kinds(&alice_outbox), ["HELLO", "CLIENT_JOINED", "OK"]);
        assert_eq!(kinds(&bob_outbox), ["HELLO", "MESSAGE"]);
    }

    #[test]
    fn who_is_present_is_told_and_removed_by_name() {
        let drive = Drive::new(Limits::default(), None, counted());
        let ((mut alice, alice_outbox, _), (bob, ..)) = (join(&drive, "alice"), join(&drive, "bob"));
        say(&drive, &mut alice, &alice_outbox, r#"{"type":"SERVICE_CREATE","service":"a"}"#);
        let told: Vec<_> =
            drive.present().into_iter().map(|one| (one.info.name, one.peer, one.services)).collect();
        assert_eq!(told, [("alice".parse().unwrap(), HOME, 1), ("bob".parse().unwrap(), HOME, 0)]);
        assert!(drive.kick("alice") && !drive.kick("carol"));
        assert_eq!(alice_outbox.bytes(), 0, "what waited for her is dropped");
        drive.leave(&alice);
        assert!(!drive.kick("alice"));
        drive.leave(&bob);
        assert!(drive.present().is_empty());
    }

    #[test]
    fn a_name_that_is_taken_leaves_no_outbox_behind() {
        let drive = Drive::new(Limits::default(), None, counted());
        let (_alice, ..) = join(&drive, "alice");
        let (_second, _, close) = join(&drive, "alice");
        assert!(close.is_some());
        let seats = drive.core.lock().seats.len();
        assert_eq!((seats, drive.counts()), (1, (1, 0)));
    }

    #[test]
    fn a_join_that_fails_leaves_nobody_behind_even_if_nobody_leaves() {
        let (metrics, panics) = counted();
        let drive = Drive::new(Limits::default(), None, (metrics, panics.clone()));
        panics.arm(Fault::AfterTheHub);
        let (connection, outbox, close) = join(&drive, "alice");
        assert_eq!(close, Some(Close::new(CloseCode::InternalError)));
        assert_eq!((drive.counts(), drive.core.lock().seats.len(), kinds(&outbox).len()), ((0, 0), 0, 0));
        let (_second, _, close) = join(&drive, "alice");
        assert_eq!((close, panics.counter().get()), (None, 1));
        drive.leave(&connection);
        assert_eq!(drive.counts(), (1, 0), "nobody leaves for another");
    }

    #[test]
    fn who_leaves_has_left_for_everybody_even_if_that_fails_at_first() {
        let (metrics, panics) = counted();
        let drive = Drive::new(Limits::default(), None, (metrics, panics.clone()));
        let (_alice, alice_outbox, _) = join(&drive, "alice");
        let (bob, ..) = join(&drive, "bob");
        panics.arm(Fault::Leave);
        drive.leave(&bob);
        assert_eq!((panics.counter().get(), drive.counts()), (1, (1, 0)));
        assert_eq!(kinds(&alice_outbox), ["HELLO", "CLIENT_JOINED", "CLIENT_LEFT"]);
    }

    #[test]
    fn over_the_total_the_fullest_outbox_is_given_up_first() {
        let drive = Drive::new(Limits::default(), Some(6000), counted());
        let (mut alice, alice_outbox, _) = join(&drive, "alice");
        let ((_bob, bob_outbox, _), (_carol, carol_outbox, _)) = (join(&drive, "bob"), join(&drive, "carol"));
        let message = |to: &str, size: usize| {
            let data = "x".repeat(size);
            format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"{to}"}},"data":"{data}"}}"#)
        };
        say(&drive, &mut alice, &alice_outbox, &message("bob", 3000));
        say(&drive, &mut alice, &alice_outbox, &message("carol", 1000));
        assert!(bob_outbox.bytes() > 3000 && carol_outbox.bytes() > 1000);
        say(&drive, &mut alice, &alice_outbox, &message("carol", 1500));
        assert_eq!(bob_outbox.bytes(), 0);
        assert!(carol_outbox.bytes() > 2500, "one is enough");
    }

    #[test]
    fn a_sender_is_told_whose_outbox_it_filled_but_not_of_its_own() {
        let drive = Drive::new(Limits::default(), None, counted());
        let (mut alice, alice_outbox, _) = join(&drive, "alice");
        let (_bob, bob_outbox, _) = join(&drive, "bob");
        let data = "x".repeat(600_000);
        let text = format!(r#"{{"type":"MESSAGE","target":{{"type":"ALL"}},"data":"{data}"}}"#);
        let Step::Hub(input) = alice.handle_text(&text, Duration::ZERO) else {
            panic!("a message is for the hub")
        };
        let performed = drive.perform(&mut alice, input, (&alice_outbox, HOME), Duration::ZERO, true);
        assert_eq!(performed.pressed.len(), 1);
        assert!(Arc::ptr_eq(&performed.pressed[0], &bob_outbox));
    }
}
