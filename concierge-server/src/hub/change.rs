//! The rules of what changes the registry: joining and leaving, services and subscriptions, and who is told in which order.

use concierge_client::payload::{
    Client, Event, Intent, Nickname, Reply, SelfSubscribeResult, SelfUnsubscribeResult, ServiceCreateResult,
    ServiceDeleteResult, ServiceName,
};

use super::{
    Hub,
    effect::{Audience, Effect, Recipients, tell_subscribers},
    input::{Change, ClientId, Form, Profile, Token},
    services::{Room, ServiceId, Subscriber},
};

impl Hub {
    /// Applies a change and appends what must happen, in order. A change of a client that is not here has no effect.
    pub fn change(&mut self, change: Change, effects: &mut Vec<Effect>) {
        match change {
            Change::Join { client, info, profile } => self.join(client, info, profile, effects),
            Change::Leave { client } => self.leave(client, effects),
            Change::Subscribe { client, token, service } => self.subscribe(client, token, &service, effects),
            Change::Unsubscribe { client, token, service } => {
                self.unsubscribe(client, token, &service, effects);
            }
            Change::Create { client, token, service, nickname } => {
                self.create(client, token, service, nickname, effects);
            }
            Change::Delete { client, token, service } => self.delete(client, token, &service, effects),
        }
    }

    fn join(&mut self, client: ClientId, info: Client, profile: Profile, effects: &mut Vec<Effect>) {
        if self.clients.named(&info.name).is_some() {
            effects.push(Effect::NameTaken { client });
            return;
        }
        self.clients.insert(client, info.clone(), profile);
        effects.push(Effect::Joined { client });
        self.tell_presence(effects, client, || Event::ClientJoined { client: info });
    }

    /// Its services go first, then its subscriptions, then it is gone. It is in no list any more from the start.
    fn leave(&mut self, client: ClientId, effects: &mut Vec<Effect>) {
        let Some(member) = self.clients.remove(client) else { return };
        for (service, subscription) in &member.subscriptions {
            if let Some(room) = self.services.room_mut(*service) {
                room.remove_subscriber(*subscription);
            }
        }
        for service in &member.services {
            self.remove_service(*service, effects);
        }
        for service in member.subscribed_services() {
            if let Some(room) = self.services.room(service) {
                tell_subscribers(effects, room, &member.info, |client, service| {
                    Event::ServiceClientUnsubscribed { client, service }
                });
            }
        }
        self.tell_presence(effects, client, || Event::ClientLeft { client: member.info.clone() });
    }

    fn subscribe(&mut self, client: ClientId, token: Token, name: &ServiceName, effects: &mut Vec<Effect>) {
        let Some(member) = self.clients.member(client) else { return };
        let Some((service, room)) = self.services.named(name) else {
            effects.push(Self::answer(client, token, unknown_service(name)));
            return;
        };
        if member.subscriptions.contains_key(&service) {
            let result = SelfSubscribeResult { successful: false, service: room.info(Form::Full) };
            effects.push(Self::answer(client, token, result));
            return;
        }
        if let Some(limit) = reached(self.limits.subscriptions, member.subscriptions.len()) {
            let desc = format!("a client is subscribed to at most {limit} services");
            effects.push(Self::answer(client, token, Reply::Bad { desc: Some(desc) }));
            return;
        }
        let info = member.info.clone();
        let subscriber = Subscriber { client, uuid: info.uuid, profile: member.profile };
        let Some(subscription) = self.services.add_subscriber(service, subscriber) else { return };
        if let Some(member) = self.clients.member_mut(client) {
            member.subscriptions.insert(service, subscription);
        }
        let Some(room) = self.services.room(service) else { return };
        let result = SelfSubscribeResult { successful: true, service: room.info(Form::Full) };
        effects.push(Self::answer(client, token, result));
        tell_subscribers(effects, room, &info, |client, service| Event::ServiceClientSubscribed {
            client,
            service,
        });
    }

    fn unsubscribe(&mut self, client: ClientId, token: Token, name: &ServiceName, effects: &mut Vec<Effect>) {
        let Some(member) = self.clients.member_mut(client) else { return };
        let Some((service, _)) = self.services.named(name) else {
            effects.push(Self::answer(client, token, unknown_service(name)));
            return;
        };
        let subscription = member.subscriptions.remove(&service);
        let info = member.info.clone();
        if let (Some(subscription), Some(room)) = (subscription, self.services.room_mut(service)) {
            room.remove_subscriber(subscription);
        }
        let Some(room) = self.services.room(service) else { return };
        let successful = subscription.is_some();
        let result = SelfUnsubscribeResult { successful, service: room.info(Form::Full) };
        effects.push(Self::answer(client, token, result));
        if successful {
            tell_subscribers(effects, room, &info, |client, service| Event::ServiceClientUnsubscribed {
                client,
                service,
            });
        }
    }

    fn create(
        &mut self,
        client: ClientId,
        token: Token,
        name: ServiceName,
        nickname: Option<Nickname>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(member) = self.clients.member_mut(client) else { return };
        if let Some((_, room)) = self.services.named(&name) {
            let result = ServiceCreateResult { successful: false, service: room.info(Form::Full) };
            effects.push(Self::answer(client, token, result));
            return;
        }
        let refusal = if let Some(limit) = reached(self.limits.services, member.services.len()) {
            Some(format!("a client owns at most {limit} services"))
        } else {
            reached(self.limits.services_total, self.services.len())
                .map(|limit| format!("there are at most {limit} services"))
        };
        if refusal.is_some() {
            effects.push(Self::answer(client, token, Reply::Bad { desc: refusal }));
            return;
        }
        let service = self.services.insert(name, nickname, client, member.info.uuid);
        member.services.insert(service);
        let Some(room) = self.services.room(service) else { return };
        let created = ServiceCreateResult { successful: true, service: room.info(Form::Full) };
        // A new service has no subscribers: both forms are the same.
        let told = self.clients.with_intent(Intent::Services).map(|(client, _)| client);
        let to = Recipients::new(told.collect());
        effects.extend(to.map(|to| Effect::Event { to, event: Event::ServiceCreateResult(created.clone()) }));
        effects.push(Self::answer(client, token, created));
    }

    fn delete(&mut self, client: ClientId, token: Token, name: &ServiceName, effects: &mut Vec<Effect>) {
        if self.clients.member(client).is_none() {
            return;
        }
        let Some((service, room)) = self.services.named(name) else {
            effects.push(Self::answer(client, token, unknown_service(name)));
            return;
        };
        if room.owner != client {
            effects.push(Self::answer(client, token, Reply::Bad { desc: None }));
            return;
        }
        if let Some(room) = self.remove_service(service, effects) {
            let result = ServiceDeleteResult { service: room.info(Form::Full) };
            effects.push(Self::answer(client, token, result));
        }
    }

    /// Takes a service away on all sides and tells everyone; its subscribers in any case.
    fn remove_service(&mut self, service: ServiceId, effects: &mut Vec<Effect>) -> Option<Room> {
        let room = self.services.remove(service)?;
        for subscriber in room.subscribers() {
            if let Some(member) = self.clients.member_mut(subscriber.client) {
                member.subscriptions.remove(&service);
            }
        }
        if let Some(owner) = self.clients.member_mut(room.owner) {
            owner.services.remove(&service);
        }
        let mut audience = Audience::default();
        for (client, form) in self.clients.with_intent(Intent::Services) {
            audience.add(client, form);
        }
        for subscriber in room.subscribers() {
            if !subscriber.profile.intents.contains(Intent::Services) {
                audience.add(subscriber.client, subscriber.profile.form);
            }
        }
        audience.effects(effects, |to, form| Effect::Event {
            to,
            event: Event::ServiceDeleteResult(ServiceDeleteResult { service: room.info(form) }),
        });
        Some(room)
    }
}

pub(super) fn unknown_service(name: &ServiceName) -> Reply {
    Reply::InvalidService { service: name.to_string() }
}

/// The limit, when there is one and no room is left under it.
fn reached(limit: Option<usize>, count: usize) -> Option<usize> {
    limit.filter(|limit| count >= *limit)
}
