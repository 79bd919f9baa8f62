//! One that listens: what it heard, what it was told that it may be missing, and how far it is.

use std::collections::{BTreeMap, BTreeSet};

use concierge_client::telegraphy::{
    EventName, Incoming, Outcome, Position, Reconnected, SubscriptionState, SystemEvent,
};
use serde_json::json;

use crate::events::ConnectionId;

/// One that listens, and knows what it heard.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub user: String,
    pub token: Option<String>,
    pub connection: Option<ConnectionId>,
    pub next: u64,
    /// What it says when it comes back: the last of each event.
    pub positions: BTreeMap<EventName, Position>,
    /// What it received.
    pub heard: BTreeSet<(String, String, u64)>,
    /// What it was told that it may be missing: up to this offset of an epoch.
    pub missing: Vec<(String, String, u64, u64)>,
    /// Since when each event is wanted, by how much was published.
    pub wanted: BTreeMap<String, usize>,
    pub asked: BTreeMap<u64, String>,
}

impl Client {
    pub(super) fn take(&mut self, message: Incoming, published: usize) {
        match message {
            Incoming::Event(event) => {
                let meta = event.meta.unwrap();
                let (epoch, offset) = (meta.epoch.unwrap(), meta.offset.unwrap());
                self.heard.insert((event.event.to_string(), epoch.to_string(), offset));
                self.at(event.event, Position { epoch, offset });
            }
            Incoming::System(frame) => match frame.event {
                SystemEvent::Gap { event_name, epoch, from, to } => {
                    self.missing.push((event_name.to_string(), epoch.to_string(), from, to));
                    self.at(event_name, Position { epoch, offset: to });
                }
                SystemEvent::Subscription { event_name, state, .. } => {
                    // What comes after it is another matter than what came before.
                    if state == SubscriptionState::Active {
                        self.wanted.entry(event_name.to_string()).and_modify(|since| *since = published);
                    } else {
                        self.wanted.remove(&*event_name);
                    }
                }
                SystemEvent::Ping {} | SystemEvent::Registry { .. } | SystemEvent::Closing { .. } => {}
            },
            Incoming::Response(response) => match response.outcome {
                Outcome::Connected(connected) => {
                    *self = Self {
                        user: self.user.clone(),
                        connection: self.connection,
                        next: self.next,
                        token: connected.session_token.map(|token| token.reveal().to_owned()),
                        ..Self::default()
                    };
                }
                Outcome::Reconnected(Reconnected { subscriptions, .. }) => {
                    let told = subscriptions.iter().filter(|told| told.registered);
                    // Only those without filters count; they may be gone where others are left.
                    let whole = told.clone().filter(|told| told.filters == json!({}));
                    let there: BTreeSet<_> = whole.map(|told| told.event_name.to_string()).collect();
                    self.wanted.retain(|event, _| there.contains(event));
                    for told in told.filter(|told| told.recovered == Some(false)) {
                        let position = Position::new(told.epoch.clone().unwrap(), told.offset.unwrap());
                        let epoch = position.epoch.to_string();
                        self.missing.push((told.event_name.to_string(), epoch, 0, position.offset));
                        self.positions.insert(told.event_name.clone(), position);
                    }
                }
                Outcome::NotReconnected(_) => self.token = None,
                Outcome::Subscribed(subscription) => {
                    let id = response.id.unwrap().value();
                    if let Some(event) = self.asked.remove(&id).filter(|_| subscription.registered) {
                        self.wanted.entry(event).or_insert(published);
                    }
                }
                _ => {}
            },
        }
    }

    /// How far it is: epochs are never mixed, and never left behind for an old one.
    fn at(&mut self, event: EventName, position: Position) {
        let known = self.positions.entry(event).or_insert_with(|| position.clone());
        if known.epoch != position.epoch || known.offset < position.offset {
            *known = position;
        }
    }

    /// Whether it heard of an event, or was told that it may be missing. From 0 means: and of everything before this epoch.
    pub(super) fn knows(&self, event: &str, epoch: &str, offset: u64) -> bool {
        self.heard.contains(&(event.to_owned(), epoch.to_owned(), offset))
            || self.missing.iter().any(|(of, in_epoch, from, to)| {
                of == event
                    && ((in_epoch == epoch && (*from..=*to).contains(&offset))
                        || (in_epoch != epoch && *from == 0))
            })
    }
}
