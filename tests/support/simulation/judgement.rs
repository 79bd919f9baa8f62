//! What must hold in a world, and what happened in it.

use std::collections::{BTreeMap, BTreeSet};

use concierge_client::payload::Service;
use concierge_client::session::{Role, Trouble};

use super::{
    client::{Ended, Received, SimulatedClient},
    world::World,
};

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

impl World {
    /// What must hold when everything has come to rest.
    pub(super) fn check(&self) {
        let gateway = self.gateway.as_ref().expect("the gateway is up again");
        for client in &self.clients {
            let name = &client.name;
            assert!(client.is_open(), "{name} did not come back");
            let online = client.online.as_ref().expect("it is open");
            let uuid = online.uuid.expect("it is open");
            assert_eq!(online.session.waiting(), 0, "{name} still waits for an answer");
            assert_eq!(online.session.counts().stray, 0, "{name} was answered what it did not ask");
            let (owned, subscribed) = gateway.truth(online.link, uuid).expect("the gateway has it");
            let names = |services: Vec<Service>| {
                services.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
            };
            let told = |role| client.live(role).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(
                told(Role::Owner),
                names(owned),
                "what {name} was told that it owns, and what it owns"
            );
            let subscribed = names(subscribed);
            assert_eq!(
                told(Role::Subscriber),
                subscribed,
                "what {name} was told that it subscribes to, and does"
            );
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
    pub(super) fn close(mut self) -> Report {
        for client in &mut self.clients {
            let _never = client.handle_gone(Trouble::Broken, self.now, 0);
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
