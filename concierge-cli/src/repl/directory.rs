//! Who is there: the names of clients and services, kept current from events, for completion without asking the gateway. What else
//! can be named is told by whoever knows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use concierge_client::{
    Event,
    payload::{Client, Service},
};
use uuid::Uuid;

use super::{
    complete::{Known, Local},
    local::paths,
};

/// How many events are kept while the lists are asked for. After more the lists are what counts.
const NEWS: usize = 16 * 1024;

/// How many paths of files are remembered, of all clients.
const FILES: usize = 10_000;

/// How many events of web applications are remembered.
const EVENTS: usize = 10_000;

/// What an argument is called that is an event of a web application.
const EVENT: &str = "EVENT";

/// What an argument is called that is one of this client's files.
const OWN: &str = "PATH";

/// The names of those who are there now.
#[derive(Debug, Default)]
pub(crate) struct Directory(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    clients: BTreeMap<Uuid, String>,
    services: BTreeSet<String>,
    others: BTreeMap<String, Vec<String>>,
    /// What clients have stored, as it was last told.
    files: BTreeMap<String, Vec<String>>,
    /// What happened since the lists were asked for, while they are.
    news: Option<Vec<Event>>,
}

impl Names {
    fn follow(&mut self, event: &Event) {
        match event {
            Event::ClientJoined { client } => {
                self.clients.insert(client.uuid, client.name.to_string());
            }
            Event::ClientLeft { client } => {
                self.clients.remove(&client.uuid);
                // They go with whoever stored them.
                self.files.remove(client.name.as_str());
            }
            Event::ServiceCreated { service } => {
                self.services.insert(service.name.to_string());
            }
            Event::ServiceDeleted { service } => {
                self.services.remove(service.name.as_str());
            }
            Event::Closed(_) => self.forget(),
            _ => {}
        }
    }

    fn forget(&mut self) {
        self.clients.clear();
        self.services.clear();
        self.files.clear();
        self.others.remove(OWN);
    }
}

impl Directory {
    /// The lists are being asked for: what is told from now on comes on top of them.
    pub(crate) fn begin(&self) {
        self.lock().news = Some(Vec::new());
    }

    /// Starts over from what the gateway listed.
    pub(crate) fn fill(&self, clients: &[Client], services: &[Service]) {
        let mut names = self.lock();
        names.clients = clients.iter().map(|client| (client.uuid, client.name.to_string())).collect();
        names.services = services.iter().map(|service| service.name.to_string()).collect();
        for event in names.news.take().into_iter().flatten() {
            names.follow(&event);
        }
    }

    /// Takes note of what an event tells about who is there.
    pub(crate) fn follow(&self, event: &Event) {
        let mut names = self.lock();
        names.follow(event);
        if let Some(news) = names.news.as_mut().filter(|news| news.len() < NEWS)
            && is_news(event)
        {
            news.push(event.clone());
        }
    }

    /// Events of web applications have been told of: these are all there are.
    pub(crate) fn know_events(&self, names: Vec<String>) {
        let names = names.into_iter().take(EVENTS).collect();
        self.lock().others.insert(EVENT.to_owned(), names);
    }

    /// Events of web applications have come, and gone.
    pub(crate) fn follow_events(&self, come: &[String], gone: &[String]) {
        let mut names = self.lock();
        let events = names.others.entry(EVENT.to_owned()).or_default();
        let mut known: BTreeSet<String> = std::mem::take(events).into_iter().collect();
        known.extend(come.iter().cloned());
        for name in gone {
            known.remove(name);
        }
        events.extend(known.into_iter().take(EVENTS));
    }

    /// The files of a client have been listed; of this client, or of another.
    pub(crate) fn learn(&self, client: &str, paths: &[String], is_own: bool) {
        let mut names = self.lock();
        names.files.remove(client);
        let known: usize = names.files.values().map(Vec::len).sum();
        if known + paths.len() > FILES {
            names.files.clear();
        }
        let paths: Vec<_> = paths.iter().take(FILES).cloned().collect();
        if is_own {
            names.others.insert(OWN.to_owned(), paths.clone());
        }
        names.files.insert(client.to_owned(), paths);
    }

    /// Everything that can be named now.
    pub(super) fn known(&self) -> Known {
        let (clients, services) = (self.clients(), self.services());
        let names = self.lock();
        Known {
            clients,
            services,
            files: names.files.clone(),
            others: names.others.clone(),
            local: Local(paths),
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

/// Whether it changes who is there.
fn is_news(event: &Event) -> bool {
    matches!(
        event,
        Event::ClientJoined { .. }
            | Event::ClientLeft { .. }
            | Event::ServiceCreated { .. }
            | Event::ServiceDeleted { .. }
    )
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
    fn what_happens_while_the_lists_are_asked_for_comes_on_top() {
        let directory = Directory::default();
        directory.begin();
        directory.follow(&Event::ClientJoined { client: client("anna", 2) });
        directory.follow(&Event::ClientLeft { client: client("bob", 1) });
        directory.fill(&[client("bob", 1), client("carol", 3)], &[]);
        assert_eq!(directory.clients(), ["anna", "carol"]);
    }

    #[test]
    fn files_are_known_until_whoever_stored_them_leaves() {
        let directory = Directory::default();
        directory.fill(&[client("bob", 1)], &[]);
        directory.learn("bob", &["x".to_owned()], false);
        directory.learn("me", &["y".to_owned()], true);
        assert_eq!(directory.known().files["bob"], ["x"]);
        assert_eq!(directory.known().others["PATH"], ["y"]);
        directory.follow(&Event::ClientLeft { client: client("bob", 1) });
        assert!(!directory.known().files.contains_key("bob"));
        directory.learn("eve", &vec!["x".to_owned(); 20_000], false);
        assert_eq!(directory.known().files.values().map(Vec::len).sum::<usize>(), FILES);
    }

    #[test]
    fn events_of_web_applications_are_known_as_far_as_they_were_told() {
        let directory = Directory::default();
        directory.know_events(vec!["a".to_owned(), "b".to_owned()]);
        directory.follow_events(&["b".to_owned(), "c".to_owned()], &["a".to_owned()]);
        assert_eq!(directory.known().others["EVENT"], ["b", "c"]);
        let many: Vec<_> = (0..20_000).map(|number| number.to_string()).collect();
        directory.follow_events(&many, &[]);
        assert_eq!(directory.known().others["EVENT"].len(), EVENTS);
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
