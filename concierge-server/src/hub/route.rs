//! The rules of messages: who receives one, and who may send it. Routing changes nothing.

use concierge_client::payload::{Intent, Reply, Target};

use super::{
    Hub,
    change::unknown_service,
    clients::Member,
    effect::{Audience, Effect, Recipients},
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
                effects.push(direct(Recipients::One(receiver)));
            }
            Target::Uuid { uuid } => {
                let receiver = self.clients.with_uuid(*uuid).ok_or(Reply::InvalidUuid { uuid: *uuid })?;
                effects.push(direct(Recipients::One(receiver)));
            }
            Target::All => {
                let to = self.clients.with_intent(Intent::Broadcasts).map(|(client, _)| client);
                effects.extend(Recipients::new(to.collect()).map(direct));
            }
            Target::Service { service } => {
                let (id, room) = self.services.named(service).ok_or_else(|| unknown_service(service))?;
                if room.owner == from {
                    broadcast(from, room, effects);
                } else if sender.subscriptions.contains_key(&id) {
                    self.by_service(room, room.owner, effects);
                } else {
                    return Err(Reply::Bad { desc: None });
                }
            }
            Target::ServiceClientUuid { service, uuid } => {
                let (_, room) = self.services.named(service).ok_or_else(|| unknown_service(service))?;
                if room.owner != from {
                    return Err(Reply::Bad { desc: None });
                }
                let unknown = Reply::InvalidUuid { uuid: *uuid };
                let receiver = self.clients.with_uuid(*uuid).ok_or(unknown)?;
                self.by_service(room, receiver, effects);
            }
        }
        Ok(())
    }

    /// To one client, in the name of a service.
    fn by_service(&self, room: &Room, receiver: ClientId, effects: &mut Vec<Effect>) {
        if let Some(member) = self.clients.member(receiver) {
            effects.push(of_service(room, Recipients::One(receiver), member.profile.form));
        }
    }
}

/// From the owner to the subscribers, but never to the owner itself.
fn broadcast(owner: ClientId, room: &Room, effects: &mut Vec<Effect>) {
    let mut audience = Audience::default();
    for subscriber in room.subscribers().filter(|subscriber| subscriber.client != owner) {
        audience.add(subscriber.client, subscriber.profile.form);
    }
    audience.effects(effects, |to, form| of_service(room, to, form));
}

/// A message that came by no service looks the same to every receiver.
fn direct(to: Recipients) -> Effect {
    Effect::Message { to, service: None }
}

fn of_service(room: &Room, to: Recipients, form: Form) -> Effect {
    Effect::Message { to, service: Some(room.info(form)) }
}
