//! Which services there are, in order of creation, and who subscribed to each, in order of subscription.

use std::collections::{BTreeMap, BTreeSet};

use concierge_client::payload::{Intent, Nickname, Service, ServiceName};
use uuid::Uuid;

use super::{
    index::Index,
    input::{ClientId, Form, Profile},
};

/// A service, from its creation to its deletion: one created later under the same name is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServiceId(u64);

/// A subscription, from its begin to its end. The order of ids is the order of subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriptionId(u64);

/// A subscriber, with what is needed to send to it without looking it up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscriber {
    pub(super) client: ClientId,
    pub(super) uuid: Uuid,
    pub(super) profile: Profile,
}

/// A service and who is in it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: ServiceName,
    pub(super) owner: ClientId,
    nickname: Option<Nickname>,
    owner_uuid: Uuid,
    subscribers: BTreeMap<SubscriptionId, Subscriber>,
    /// Those of them who want to hear who comes and goes.
    told: BTreeMap<SubscriptionId, (ClientId, Form)>,
}

impl Room {
    pub(super) fn subscribers(&self) -> impl Iterator<Item = &Subscriber> {
        self.subscribers.values()
    }

    /// Who wants to hear of subscribers that come and go, in order of subscription.
    pub(super) fn told(&self) -> impl Iterator<Item = (ClientId, Form)> {
        self.told.values().copied()
    }

    fn add_subscriber(&mut self, subscription: SubscriptionId, subscriber: Subscriber) {
        if subscriber.profile.intents.contains(Intent::Subscribers) {
            self.told.insert(subscription, (subscriber.client, subscriber.profile.form));
        }
        self.subscribers.insert(subscription, subscriber);
    }

    pub(super) fn remove_subscriber(&mut self, subscription: SubscriptionId) {
        self.subscribers.remove(&subscription);
        self.told.remove(&subscription);
    }

    /// How payloads describe it.
    pub(super) fn info(&self, form: Form) -> Service {
        let subscribers = match form {
            Form::Full => self.subscribers().map(|subscriber| subscriber.uuid).collect(),
            Form::Compact => Vec::new(),
        };
        Service {
            name: self.name.clone(),
            nickname: self.nickname.clone(),
            owner_uuid: self.owner_uuid,
            subscribers,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Services {
    rooms: Index<ServiceId, Box<Room>>,
    /// In order of creation.
    order: BTreeSet<ServiceId>,
    by_name: Index<ServiceName, ServiceId>,
    created: u64,
    subscriptions: u64,
}

impl Services {
    pub(super) fn insert(
        &mut self,
        name: ServiceName,
        nickname: Option<Nickname>,
        owner: ClientId,
        owner_uuid: Uuid,
    ) -> ServiceId {
        self.created += 1;
        let service = ServiceId(self.created);
        self.by_name.insert(name.clone(), service);
        let (subscribers, told) = (BTreeMap::new(), BTreeMap::new());
        let room = Room { name, owner, nickname, owner_uuid, subscribers, told };
        self.rooms.insert(service, Box::new(room));
        self.order.insert(service);
        service
    }

    pub(super) fn remove(&mut self, service: ServiceId) -> Option<Room> {
        let room = *self.rooms.remove(&service)?;
        self.order.remove(&service);
        self.by_name.remove(&room.name);
        Some(room)
    }

    pub(super) fn add_subscriber(
        &mut self,
        service: ServiceId,
        subscriber: Subscriber,
    ) -> Option<SubscriptionId> {
        let room = self.rooms.find_mut(&service)?;
        self.subscriptions += 1;
        let subscription = SubscriptionId(self.subscriptions);
        room.add_subscriber(subscription, subscriber);
        Some(subscription)
    }

    pub(super) fn named(&self, name: &str) -> Option<(ServiceId, &Room)> {
        let service = *self.by_name.find(name)?;
        Some((service, self.room(service)?))
    }

    pub(super) fn room(&self, service: ServiceId) -> Option<&Room> {
        self.rooms.find(&service).map(Box::as_ref)
    }

    pub(super) fn room_mut(&mut self, service: ServiceId) -> Option<&mut Room> {
        self.rooms.find_mut(&service).map(Box::as_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.order.iter().filter_map(|service| self.room(*service))
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
