//! The gateway of a simulation: the hub, and a dialect's state for each link.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use concierge_client::payload::{Reply, Service};
use concierge_server::dialect::concierge::{
    Close, Connection, Deliveries, Delivery, Ids, Rules, Step, Timer,
};
use concierge_server::hub::{ClientId, Effect, Fetch, Hub, Limits, Token};
use uuid::Uuid;

use super::world::LinkId;

/// What the gateway does on a link.
#[derive(Debug)]
pub(super) enum Output {
    Text(LinkId, String),
    Ping(LinkId),
    Close(LinkId, Close),
}

/// A gateway, from one start to the next.
#[derive(Debug)]
pub(super) struct Gateway {
    rules: Arc<Rules>,
    hub: Hub,
    connections: BTreeMap<LinkId, Connection>,
    links: BTreeMap<ClientId, LinkId>,
    next_client: u64,
}

impl Gateway {
    pub(super) fn new() -> Self {
        Self {
            rules: Arc::new(Rules::default()),
            hub: Hub::new(Limits::default()),
            connections: BTreeMap::new(),
            links: BTreeMap::new(),
            next_client: 0,
        }
    }

    pub(super) fn open(&mut self, link: LinkId, now: Duration) {
        self.connections.insert(link, Connection::new(Arc::clone(&self.rules), now));
    }

    /// When this link's connection wants to be asked about the time.
    pub(super) fn deadline(&self, link: LinkId) -> Option<Duration> {
        self.connections.get(&link)?.next_deadline()
    }

    pub(super) fn handle_activity(&mut self, link: LinkId, now: Duration) {
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.handle_activity(now);
        }
    }

    /// `uuid` is for the client if it joins by this text.
    pub(super) fn handle_text(&mut self, link: LinkId, text: &str, uuid: Uuid, now: Duration) -> Vec<Output> {
        let Some(connection) = self.connections.get_mut(&link) else { return Vec::new() };
        let mut deliveries = Deliveries::default();
        let close = match connection.handle_text(text, now) {
            Step::Nothing => None,
            Step::Answer(answer) => return vec![Output::Text(link, answer.text)],
            Step::Close(close) => Some(close),
            Step::Hub(input) => {
                let joins = !connection.is_identified();
                let ids = Ids { client: ClientId(self.next_client), uuid, fs_key: Uuid::nil() };
                let close = connection.perform(input, &mut self.hub, ids, now, &mut deliveries);
                if joins && connection.is_identified() {
                    self.next_client += 1;
                    self.links.insert(ids.client, link);
                }
                close
            }
        };
        let mut outputs = self.outputs(&deliveries);
        if let Some(close) = close {
            outputs.extend(self.close(link, close));
        }
        outputs
    }

    pub(super) fn handle_deadline(&mut self, link: LinkId, now: Duration) -> Vec<Output> {
        match self.connections.get_mut(&link).map(|connection| connection.handle_deadline(now)) {
            None | Some(Timer::Nothing) => Vec::new(),
            Some(Timer::Ping) => vec![Output::Ping(link)],
            Some(Timer::Close(close)) => self.close(link, close),
        }
    }

    /// The link is gone.
    pub(super) fn handle_gone(&mut self, link: LinkId) -> Vec<Output> {
        let Some(connection) = self.connections.remove(&link) else { return Vec::new() };
        if let Some(client) = connection.client() {
            self.links.remove(&client);
        }
        let mut deliveries = Deliveries::default();
        connection.leave(&mut self.hub, &mut deliveries);
        self.outputs(&deliveries)
    }

    fn close(&mut self, link: LinkId, close: Close) -> Vec<Output> {
        let mut outputs = vec![Output::Close(link, close)];
        outputs.extend(self.handle_gone(link));
        outputs
    }

    fn outputs(&self, deliveries: &Deliveries) -> Vec<Output> {
        let mut outputs = Vec::new();
        for Delivery { to, text, .. } in deliveries.iter() {
            let links = to.as_slice().iter().filter_map(|client| self.links.get(client));
            outputs.extend(links.map(|link| Output::Text(*link, text.to_owned())));
        }
        outputs
    }

    /// What the hub has of the client of a link: the services it owns, and those it subscribes to.
    pub(super) fn truth(&self, link: LinkId, uuid: Uuid) -> Option<(Vec<Service>, Vec<Service>)> {
        let client = self.connections.get(&link)?.client()?;
        let mut effects = Vec::new();
        self.hub.fetch(client, Token(0), &Fetch::Services, &mut effects);
        self.hub.fetch(client, Token(0), &Fetch::Own, &mut effects);
        let mut replies = effects.into_iter().filter_map(|effect| match effect {
            Effect::Answer { reply, .. } => Some(reply),
            _ => None,
        });
        match (replies.next()?, replies.next()?) {
            (Reply::ServiceFetchAllResult(all), Reply::SelfFetchResult(own)) => {
                let owned = all.services.into_iter().filter(|service| service.owner_uuid == uuid);
                Some((owned.collect(), own.subscriptions))
            }
            _ => None,
        }
    }
}
