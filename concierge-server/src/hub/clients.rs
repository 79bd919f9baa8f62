//! Who is here: the clients, in order of joining, found by id, name and uuid.

use std::collections::{BTreeMap, BTreeSet};

use concierge_client::payload::{Client, ClientName, Intent};
use uuid::Uuid;

use super::{
    index::Index,
    input::{ClientId, Form, Profile},
    services::{ServiceId, SubscriptionId},
};

/// A client and what it has a part in.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) info: Client,
    pub(super) profile: Profile,
    /// The services it owns, in order of creation.
    pub(super) services: BTreeSet<ServiceId>,
    /// The services it subscribed to.
    pub(super) subscriptions: BTreeMap<ServiceId, SubscriptionId>,
}

impl Member {
    /// The services it subscribed to, in order of subscription.
    pub(super) fn subscribed_services(&self) -> Vec<ServiceId> {
        let mut services: Vec<_> = self.subscriptions.iter().map(|(service, id)| (*id, *service)).collect();
        services.sort_unstable();
        services.into_iter().map(|(_, service)| service).collect()
    }
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Each in a place of its own: the map has room for more than there are.
    members: Index<ClientId, Box<Member>>,
    /// In order of joining.
    order: BTreeSet<ClientId>,
    by_name: Index<ClientName, ClientId>,
    by_uuid: Index<Uuid, ClientId>,
    /// Who declared each intent, in order of joining: news look at nobody else, however many there are.
    by_intent: BTreeMap<Intent, BTreeMap<ClientId, Form>>,
}

impl Clients {
    pub(super) fn insert(&mut self, client: ClientId, info: Client, profile: Profile) {
        self.by_name.insert(info.name.clone(), client);
        self.by_uuid.insert(info.uuid, client);
        for intent in profile.intents.iter() {
            self.by_intent.entry(intent).or_default().insert(client, profile.form);
        }
        let member = Member { info, profile, services: BTreeSet::new(), subscriptions: BTreeMap::new() };
        self.members.insert(client, Box::new(member));
        self.order.insert(client);
    }

    pub(super) fn remove(&mut self, client: ClientId) -> Option<Member> {
        let member = *self.members.remove(&client)?;
        self.order.remove(&client);
        self.by_name.remove(&member.info.name);
        self.by_uuid.remove(&member.info.uuid);
        for intent in member.profile.intents.iter() {
            self.by_intent.entry(intent).or_default().remove(&client);
        }
        Some(member)
    }

    pub(super) fn member_mut(&mut self, client: ClientId) -> Option<&mut Member> {
        self.members.find_mut(&client).map(Box::as_mut)
    }

    pub(super) fn member(&self, client: ClientId) -> Option<&Member> {
        self.members.find(&client).map(Box::as_ref)
    }

    pub(super) fn named(&self, name: &str) -> Option<ClientId> {
        self.by_name.find(name).copied()
    }

    pub(super) fn with_uuid(&self, uuid: Uuid) -> Option<ClientId> {
        self.by_uuid.find(&uuid).copied()
    }

    /// Every client that declared an intent, in order of joining.
    pub(super) fn with_intent(&self, intent: Intent) -> impl Iterator<Item = (ClientId, Form)> {
        self.by_intent.get(&intent).into_iter().flatten().map(|(client, form)| (*client, *form))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ClientId, &Member)> {
        self.order.iter().filter_map(|client| Some((*client, self.member(*client)?)))
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
