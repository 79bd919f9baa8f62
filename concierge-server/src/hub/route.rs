//! The rules of messages: who receives one, and who may send it. Routing changes nothing.

use concierge_client::payload::{Intent, Reply, ServiceName, Target};

use super::{
    Hub,
    change::unknown_service,
    clients::Member,
    effect::{Audience, Effect},
    input::{ClientId, Form, Token},
    services::Room,
};

impl Hub {
    /// Routes a message: delivered first, then answered. One of a client that is not here has no effect.
    pub fn route(&self, from: ClientId, token: Token, target: &Target, effects: &mut Vec<Effect>) {
        let Some(sender) = self.clients.member(from) else { return };
        let reply = match self.deliver(from, sender, target, effects) {
            Ok(()) => Reply::Ok,
            Err(refusal) => refusal,
        };
        effects.push(Self::answer(from, token, reply));
    }

    fn deliver(
        &self,
        from: ClientId,
        sender: &Member,
        target: &Target,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Reply> {
        match target {
            Target::Name { name } => {
                let unknown = || Reply::InvalidName { name: name.to_string() };
                let receiver = self.clients.named(name).ok_or_else(unknown)?;
                effects.push(direct(from, vec![receiver]));
            }
            Target::Uuid { uuid } => {
                let receiver = self.clients.with_uuid(*uuid).ok_or(Reply::InvalidUuid { uuid: *uuid })?;
                effects.push(direct(from, vec![receiver]));
            }
            Target::All => {
                let to: Vec<_> =
                    self.clients.with_intent(Intent::Broadcasts).map(|(client, _)| client).collect();
                if !to.is_empty() {
                    effects.push(direct(from, to));
                }
            }
            Target::Service { service } => {
                let audience = self.service_audience(from, sender, service)?;
                by_service(from, audience.0, audience.1, effects);
            }
            Target::ServiceClientUuid { service, uuid } => {
                let (_, room) = self.services.named(service).ok_or_else(|| unknown_service(service))?;
                if room.owner != from {
                    return Err(Reply::Bad { desc: None });
                }
                let unknown = Reply::InvalidUuid { uuid: *uuid };
                let receiver = self.clients.with_uuid(*uuid).ok_or(unknown)?;
                by_service(from, room, self.one(receiver), effects);
            }
        }
        Ok(())
    }

    /// From the owner: the subscribers, but never the owner itself. From a subscriber: the owner.
    fn service_audience(
        &self,
        from: ClientId,
        sender: &Member,
        name: &ServiceName,
    ) -> Result<(&Room, Audience), Reply> {
        let (service, room) = self.services.named(name).ok_or_else(|| unknown_service(name))?;
        if room.owner == from {
            let mut audience = Audience::default();
            for subscriber in room.subscribers().filter(|subscriber| subscriber.client != from) {
                audience.add(subscriber.client, subscriber.profile.form);
            }
            Ok((room, audience))
        } else if sender.subscriptions.contains_key(&service) {
            Ok((room, self.one(room.owner)))
        } else {
            Err(Reply::Bad { desc: None })
        }
    }

    fn one(&self, receiver: ClientId) -> Audience {
        let mut audience = Audience::default();
        if let Some(member) = self.clients.member(receiver) {
            audience.add(receiver, member.profile.form);
        }
        audience
    }
}

/// A message that came by no service looks the same to every receiver.
fn direct(from: ClientId, to: Vec<ClientId>) -> Effect {
    Effect::Message { to, from, service: None }
}

fn by_service(from: ClientId, room: &Room, audience: Audience, effects: &mut Vec<Effect>) {
    audience.effects(effects, |to, form: Form| Effect::Message { to, from, service: Some(room.info(form)) });
}
