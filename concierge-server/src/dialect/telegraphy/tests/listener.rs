//! One that listens: what it heard, what it was told that it may be missing, and how far it is.

use std::collections::{BTreeMap, BTreeSet};

use concierge_client::telegraphy::{
    Event, EventName, Incoming, Outcome, Position, Reconnected, Subscription, SubscriptionState, SystemEvent,
};

use crate::events::ConnectionId;

/// An event that was published: which, and in which room it is and was.
#[derive(Debug)]
pub(super) struct Told {
    pub event: String,
    pub epoch: String,
    pub offset: u64,
    pub rooms: Vec<u8>,
}

/// What was asked by a `SUBSCRIBE` that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub room: Option<u8>,
    /// After which position the past is wanted.
    pub since: Option<Position>,
    /// Whether it is, in any other way.
    pub is_rewound: bool,
}

/// A subscription that brings something.
#[derive(Debug)]
pub(super) struct Wanted {
    event: EventName,
    room: Option<u8>,
    /// Since when, by how much was published.
    since: usize,
    /// What of the past was promised: of this epoch, after one offset up to another.
    promised: Option<(String, u64, u64)>,
    /// The last that it brought by this connection.
    last: Option<Position>,
}

/// One that listens, and knows what it heard.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub user: String,
    pub token: Option<String>,
    pub connection: Option<ConnectionId>,
    pub next: u64,
    /// What it says when it comes back: the last of each event.
    pub positions: BTreeMap<EventName, Position>,
    /// What it received, and which subscriptions brought it.
    pub heard: BTreeMap<(String, String, u64), BTreeSet<String>>,
    /// What it was told that it may be missing: up to this offset of an epoch.
    pub missing: Vec<(String, String, u64, u64)>,
    /// Its subscriptions that bring something.
    pub wanted: BTreeMap<String, Wanted>,
    pub asked: BTreeMap<u64, Asked>,
    /// What it received when it had later ones already.
    pub disorder: Vec<String>,
}

impl Client {
    pub(super) fn take(&mut self, message: Incoming, published: usize) {
        match message {
            Incoming::Event(event) => self.hear(*event),
            Incoming::System(frame) => match frame.event {
                SystemEvent::Gap { event_name, epoch, from, to } => {
                    self.missing.push((event_name.to_string(), epoch.to_string(), from, to));
                    self.at(event_name, Position { epoch, offset: to });
                }
                SystemEvent::Subscription { subscription, state, .. } => {
                    // What comes after it is another matter than what came before.
                    if state == SubscriptionState::Active {
                        self.wanted.entry(subscription).and_modify(|wanted| wanted.since = published);
                    } else {
                        self.wanted.remove(&subscription);
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
                    let there: BTreeSet<_> = told.clone().map(|told| &told.subscription).collect();
                    self.wanted.retain(|subscription, _| there.contains(subscription));
                    for wanted in self.wanted.values_mut() {
                        // It goes on where the client says, or was when it last said so.
                        (wanted.promised, wanted.last) = (None, None);
                    }
                    for told in told.filter(|told| told.recovered == Some(false)) {
                        let position = Position::new(told.epoch.clone().unwrap(), told.offset.unwrap());
                        let epoch = position.epoch.to_string();
                        self.missing.push((told.event_name.to_string(), epoch, 0, position.offset));
                        self.positions.insert(told.event_name.clone(), position);
                    }
                }
                Outcome::NotReconnected(_) => self.token = None,
                Outcome::Subscribed(subscription) => {
                    let asked = self.asked.remove(&response.id.unwrap().value()).unwrap();
                    if subscription.registered {
                        self.subscribed(*subscription, asked, published);
                    }
                }
                _ => {}
            },
        }
    }

    fn hear(&mut self, event: Event) {
        let meta = event.meta.unwrap();
        let position = Position { epoch: meta.epoch.unwrap(), offset: meta.offset.unwrap() };
        let key = (event.event.to_string(), position.epoch.to_string(), position.offset);
        let of_event = self.wanted.iter_mut().filter(|(_, wanted)| wanted.event == event.event);
        let by: Vec<_> = of_event
            .filter(|(id, _)| event.subscriptions.as_ref().is_none_or(|ids| ids.contains(id)))
            .collect();
        for (id, wanted) in by {
            let is_late = |last: &Position| last.epoch == position.epoch && last.offset >= position.offset;
            if let Some(last) = wanted.last.replace(position.clone()).filter(is_late) {
                self.disorder.push(format!("{id}: {key:?} after {last:?}"));
            }
            self.heard.entry(key.clone()).or_default().insert(id.clone());
        }
        self.heard.entry(key).or_default();
        self.at(event.event, position);
    }

    fn subscribed(&mut self, told: Subscription, asked: Asked, published: usize) {
        let Asked { room, since, is_rewound } = asked;
        let wanted = self.wanted.entry(told.subscription).or_insert_with(|| Wanted {
            event: told.event_name,
            room,
            since: published,
            promised: None,
            last: None,
        });
        if since.is_some() || is_rewound {
            wanted.last = None;
        }
        if let Some(since) = since.filter(|_| told.recovered == Some(true)) {
            wanted.promised = Some((since.epoch.to_string(), since.offset, told.offset.unwrap()));
        }
    }

    /// How far it is: epochs are never mixed, and never left behind for an old one.
    fn at(&mut self, event: EventName, position: Position) {
        let known = self.positions.entry(event).or_insert_with(|| position.clone());
        if known.epoch != position.epoch || known.offset < position.offset {
            *known = position;
        }
    }

    /// What of all that was published it should have heard, and was not told that it may be missing.
    pub(super) fn holes(&self, published: &[Told]) -> Vec<String> {
        let mut holes = Vec::new();
        for (id, wanted) in &self.wanted {
            for (number, told) in published.iter().enumerate() {
                let is_wanted =
                    *wanted.event == *told.event && wanted.room.is_none_or(|room| told.rooms.contains(&room));
                let is_promised = wanted.promised.as_ref().is_some_and(|(epoch, after, until)| {
                    *epoch == told.epoch && *after < told.offset && told.offset <= *until
                });
                let heard = self.heard.get(&(told.event.clone(), told.epoch.clone(), told.offset));
                // What is new may have come before the connection was another, and the subscription as well.
                let is_heard = heard.is_some_and(|by| !is_promised || by.contains(id));
                let is_due = is_promised || number >= wanted.since;
                if is_wanted && is_due && !is_heard && !self.is_missing(told) {
                    holes.push(format!("{id}: {told:?}"));
                }
            }
        }
        holes
    }

    /// Whether it was told that it may be missing an event. From 0 means: and everything before this epoch.
    fn is_missing(&self, told: &Told) -> bool {
        self.missing.iter().any(|(event, epoch, from, to)| {
            *event == told.event
                && ((*epoch == told.epoch && (*from..=*to).contains(&told.offset))
                    || (*epoch != told.epoch && *from == 0))
        })
    }
}
