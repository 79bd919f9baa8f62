//! Who is there: the names of clients and services, kept current from events, for completion without asking the gateway.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use concierge_client::{
    Event,
    payload::{Client, Service},
};
use uuid::Uuid;

/// The names of those who are there now.
#[derive(Debug, Default)]
pub(crate) struct Directory(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    clients: BTreeMap<Uuid, String>,
    services: BTreeSet<String>,
}

impl Directory {
    /// Starts over from what the gateway listed.
    pub(crate) fn fill(&self, clients: &[Client], services: &[Service]) {
        let mut names = self.lock();
        names.clients = clients.iter().map(|client| (client.uuid, client.name.to_string())).collect();
        names.services = services.iter().map(|service| service.name.to_string()).collect();
    }

    /// Takes note of what an event tells about who is there.
    pub(crate) fn follow(&self, event: &Event) {
        let mut names = self.lock();
        match event {
            Event::ClientJoined { client } => {
                names.clients.insert(client.uuid, client.name.to_string());
            }
            Event::ClientLeft { client } => {
                names.clients.remove(&client.uuid);
            }
            Event::ServiceCreated { service } => {
                names.services.insert(service.name.to_string());
            }
            Event::ServiceDeleted { service } => {
                names.services.remove(service.name.as_str());
            }
            Event::Closed(_) => *names = Names::default(),
            _ => {}
        }
    }

    /// The names of all clients, in order.
    pub(crate) fn clients(&self) -> Vec<String> {
        let mut clients: Vec<_> = self.lock().clients.values().cloned().collect();
        clients.sort();
        clients
    }

    /// The names of all services, in order.
    pub(crate) fn services(&self) -> Vec<String> {
        self.lock().services.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, number: u128) -> Client {
        Client {
            name: name.parse().unwrap(),
            nickname: None,
            uuid: Uuid::from_u128(number),
            tags: concierge_client::payload::Tags::default(),
        }
    }

    #[test]
    fn names_come_and_go_with_events() {
        let directory = Directory::default();
        directory.fill(&[client("bob", 1)], &[]);
        directory.follow(&Event::ClientJoined { client: client("alice", 2) });
        assert_eq!(directory.clients(), ["alice", "bob"]);
        directory.follow(&Event::ClientLeft { client: client("bob", 1) });
        assert_eq!(directory.clients(), ["alice"]);
    }

    #[test]
    fn a_name_taken_again_at_once_stays() {
        let directory = Directory::default();
        directory.follow(&Event::ClientJoined { client: client("bob", 1) });
        directory.follow(&Event::ClientJoined { client: client("bob", 2) });
        directory.follow(&Event::ClientLeft { client: client("bob", 1) });
        assert_eq!(directory.clients(), ["bob"]);
    }
}
