//! The rules once more, as simply as they can be said: lists that are searched from the front. `properties` holds the hub
//! against this.

use concierge_client::payload::{
    Client, ClientFetchAllResult, ClientFetchResult, Event, Intent, Nickname, Reply, SelfFetchResult,
    SelfSubscribeResult, SelfUnsubscribeResult, Service, ServiceCreateResult, ServiceDeleteResult,
    ServiceFetchAllResult, ServiceFetchResult, ServiceName, Target,
};
use uuid::Uuid;

use super::{Change, ClientId, Fetch, Form, Limits, Profile, Token};

/// One thing that one client is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Joined,
    NameTaken,
    Answer(Token, Reply),
    Event(Event),
    Message(Option<Service>),
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Change(Change),
    Fetch(ClientId, Fetch),
    Route(ClientId, Target),
}

pub(super) struct Person {
    id: ClientId,
    info: Client,
    profile: Profile,
}

pub(super) struct Place {
    name: ServiceName,
    nickname: Option<Nickname>,
    owner: ClientId,
    owner_uuid: Uuid,
}

pub(super) struct Model {
    limits: Limits,
    pub(super) people: Vec<Person>,
    pub(super) places: Vec<Place>,
    /// Every subscription there is, the oldest first.
    subscriptions: Vec<(ClientId, ServiceName)>,
    pub(super) sent: Vec<(ClientId, Sent)>,
}

pub(super) const TOKEN: Token = Token(7);

impl Model {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, people: vec![], places: vec![], subscriptions: vec![], sent: vec![] }
    }

    fn person(&self, id: ClientId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.name == *name)
    }

    fn subscribed(&self, id: ClientId, name: &str) -> bool {
        self.subscriptions.iter().any(|(client, service)| *client == id && *service == *name)
    }

    fn info(&self, name: &str, uuids: &[(ClientId, Uuid)], form: Form) -> Service {
        let place = self.place(name).unwrap();
        let subscribers = self
            .subscriptions
            .iter()
            .filter(|(_, service)| form == Form::Full && *service == *name)
            .map(|(client, _)| uuids.iter().find(|(id, _)| id == client).unwrap().1)
            .collect();
        Service {
            name: place.name.clone(),
            nickname: place.nickname.clone(),
            owner_uuid: place.owner_uuid,
            subscribers,
        }
    }

    fn uuids(&self) -> Vec<(ClientId, Uuid)> {
        self.people.iter().map(|person| (person.id, person.info.uuid)).collect()
    }

    fn show(&self, name: &str, form: Form) -> Service {
        self.info(name, &self.uuids(), form)
    }

    fn send(&mut self, to: ClientId, sent: Sent) {
        self.sent.push((to, sent));
    }

    fn answer(&mut self, to: ClientId, reply: impl Into<Reply>) {
        self.send(to, Sent::Answer(TOKEN, reply.into()));
    }

    /// Sends to everyone the test lets through, each in the form it wants.
    fn tell(&mut self, wants: impl Fn(&Person) -> bool, what: impl Fn(&Self, Form) -> Sent) {
        let receivers: Vec<_> = self
            .people
            .iter()
            .filter(|person| wants(person))
            .map(|person| (person.id, person.profile.form))
            .collect();
        for (id, form) in receivers {
            let sent = what(self, form);
            self.send(id, sent);
        }
    }

    pub(super) fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Change(Change::Join { client, info, profile }) => {
                if self.people.iter().any(|person| person.info.name == info.name) {
                    return self.send(client, Sent::NameTaken);
                }
                self.tell(
                    |person| person.profile.intents.contains(Intent::Presence),
                    |_, _| Sent::Event(Event::ClientJoined { client: info.clone() }),
                );
                self.send(client, Sent::Joined);
                self.people.push(Person { id: client, info, profile });
            }
            Operation::Change(Change::Leave { client }) => self.leave(client),
            Operation::Change(
                Change::Subscribe { client, .. }
                | Change::Unsubscribe { client, .. }
                | Change::Create { client, .. }
                | Change::Delete { client, .. },
            )
            | Operation::Fetch(client, _)
            | Operation::Route(client, _)
                if self.person(client).is_none() => {}
            Operation::Change(Change::Subscribe { client, service, .. }) => self.subscribe(client, &service),
            Operation::Change(Change::Unsubscribe { client, service, .. }) => {
                self.unsubscribe(client, &service);
            }
            Operation::Change(Change::Create { client, service, nickname, .. }) => {
                self.create(client, &service, nickname);
            }
            Operation::Change(Change::Delete { client, service, .. }) => {
                let Some(place) = self.place(&service) else { return self.unknown_service(client, &service) };
                if place.owner != client {
                    return self.answer(client, Reply::Bad { desc: None });
                }
                let answer = ServiceDeleteResult { service: self.show(&service, Form::Full) };
                self.delete(&service);
                self.answer(client, answer);
            }
            Operation::Fetch(client, fetch) => {
                let reply = self.fetch(client, &fetch);
                self.answer(client, reply);
            }
            Operation::Route(client, target) => {
                let reply = self.route(client, &target);
                self.answer(client, reply);
            }
        }
    }

    fn unknown_service(&mut self, client: ClientId, service: &ServiceName) {
        self.answer(client, Reply::InvalidService { service: service.to_string() });
    }

    fn leave(&mut self, client: ClientId) {
        let Some(position) = self.people.iter().position(|person| person.id == client) else { return };
        let gone = self.people.remove(position);
        let left: Vec<_> =
            self.subscriptions.iter().filter(|(id, _)| *id == client).map(|(_, name)| name.clone()).collect();
        self.subscriptions.retain(|(id, _)| *id != client);
        let owned: Vec<_> = self
            .places
            .iter()
            .filter(|place| place.owner == client)
            .map(|place| place.name.clone())
            .collect();
        for name in owned {
            self.delete(&name);
        }
        for name in left {
            if self.place(&name).is_some() {
                self.tell_subscribers(&name, |service| Event::ServiceClientUnsubscribed {
                    client: gone.info.clone(),
                    service,
                });
            }
        }
        self.tell(
            |person| person.profile.intents.contains(Intent::Presence),
            |_, _| Sent::Event(Event::ClientLeft { client: gone.info.clone() }),
        );
    }

    fn tell_subscribers(&mut self, name: &ServiceName, event: impl Fn(Service) -> Event) {
        let subscribers: Vec<_> = self
            .subscriptions
            .iter()
            .filter(|(_, service)| service == name)
            .map(|(client, _)| *client)
            .collect();
        self.tell(
            |person| subscribers.contains(&person.id) && person.profile.intents.contains(Intent::Subscribers),
            |model, form| Sent::Event(event(model.show(name, form))),
        );
    }

    fn delete(&mut self, name: &ServiceName) {
        let subscribers: Vec<_> = self
            .subscriptions
            .iter()
            .filter(|(_, service)| service == name)
            .map(|(client, _)| *client)
            .collect();
        self.tell(
            |person| person.profile.intents.contains(Intent::Services) || subscribers.contains(&person.id),
            |model, form| {
                Sent::Event(Event::ServiceDeleteResult(ServiceDeleteResult {
                    service: model.show(name, form),
                }))
            },
        );
        self.places.retain(|place| place.name != *name);
        self.subscriptions.retain(|(_, service)| service != name);
    }

    fn subscribe(&mut self, client: ClientId, name: &ServiceName) {
        if self.place(name).is_none() {
            return self.unknown_service(client, name);
        }
        let count = self.subscriptions.iter().filter(|(id, _)| *id == client).count();
        if self.subscribed(client, name) {
            let service = self.show(name, Form::Full);
            return self.answer(client, SelfSubscribeResult { successful: false, service });
        }
        if self.limits.subscriptions.is_some_and(|limit| count >= limit) {
            let desc = Some(format!("a client is subscribed to at most {count} services"));
            return self.answer(client, Reply::Bad { desc });
        }
        self.subscriptions.push((client, name.clone()));
        self.answer(client, SelfSubscribeResult { successful: true, service: self.show(name, Form::Full) });
        let who = self.person(client).unwrap().info.clone();
        self.tell_subscribers(name, |service| Event::ServiceClientSubscribed {
            client: who.clone(),
            service,
        });
    }

    fn unsubscribe(&mut self, client: ClientId, name: &ServiceName) {
        if self.place(name).is_none() {
            return self.unknown_service(client, name);
        }
        let successful = self.subscribed(client, name);
        self.subscriptions.retain(|(id, service)| !(*id == client && service == name));
        self.answer(client, SelfUnsubscribeResult { successful, service: self.show(name, Form::Full) });
        if successful {
            let who = self.person(client).unwrap().info.clone();
            self.tell_subscribers(name, |service| Event::ServiceClientUnsubscribed {
                client: who.clone(),
                service,
            });
        }
    }

    fn create(&mut self, client: ClientId, name: &ServiceName, nickname: Option<Nickname>) {
        if self.place(name).is_some() {
            let service = self.show(name, Form::Full);
            return self.answer(client, ServiceCreateResult { successful: false, service });
        }
        let owned = self.places.iter().filter(|place| place.owner == client).count();
        if self.limits.services.is_some_and(|limit| owned >= limit) {
            let desc = Some(format!("a client owns at most {owned} services"));
            return self.answer(client, Reply::Bad { desc });
        }
        if self.limits.services_total.is_some_and(|limit| self.places.len() >= limit) {
            let desc = Some(format!("there are at most {} services", self.places.len()));
            return self.answer(client, Reply::Bad { desc });
        }
        let owner_uuid = self.person(client).unwrap().info.uuid;
        self.places.push(Place { name: name.clone(), nickname, owner: client, owner_uuid });
        let result = ServiceCreateResult { successful: true, service: self.show(name, Form::Full) };
        self.tell(
            |person| person.profile.intents.contains(Intent::Services),
            |_, _| Sent::Event(Event::ServiceCreateResult(result.clone())),
        );
        self.answer(client, result);
    }

    fn fetch(&self, client: ClientId, fetch: &Fetch) -> Reply {
        let subscriptions = |id: ClientId| {
            self.subscriptions
                .iter()
                .filter(|(client, _)| *client == id)
                .map(|(_, name)| self.show(name, Form::Full))
                .collect()
        };
        match fetch {
            Fetch::Own => Reply::SelfFetchResult(SelfFetchResult {
                client: self.person(client).unwrap().info.clone(),
                subscriptions: subscriptions(client),
            }),
            Fetch::Client(uuid) => match self.people.iter().find(|person| person.info.uuid == *uuid) {
                Some(person) => Reply::ClientFetchResult(ClientFetchResult {
                    client: person.info.clone(),
                    subscriptions: subscriptions(person.id),
                }),
                None => Reply::InvalidUuid { uuid: *uuid },
            },
            Fetch::Clients => Reply::ClientFetchAllResult(ClientFetchAllResult {
                clients: self.people.iter().map(|person| person.info.clone()).collect(),
            }),
            Fetch::Service(name) => match self.place(name) {
                Some(_) => {
                    Reply::ServiceFetchResult(ServiceFetchResult { service: self.show(name, Form::Full) })
                }
                None => Reply::InvalidService { service: name.to_string() },
            },
            Fetch::Services => Reply::ServiceFetchAllResult(ServiceFetchAllResult {
                services: self.places.iter().map(|place| self.show(&place.name, Form::Full)).collect(),
            }),
        }
    }

    fn route(&mut self, from: ClientId, target: &Target) -> Reply {
        let plain = Sent::Message(None);
        let by = |model: &Self, name: &str, form| Sent::Message(Some(model.show(name, form)));
        match target {
            Target::Name { name } => match self.people.iter().find(|person| person.info.name == **name) {
                Some(person) => self.send(person.id, plain),
                None => return Reply::InvalidName { name: name.to_string() },
            },
            Target::Uuid { uuid } => match self.people.iter().find(|person| person.info.uuid == *uuid) {
                Some(person) => self.send(person.id, plain),
                None => return Reply::InvalidUuid { uuid: *uuid },
            },
            Target::All => {
                self.tell(|person| person.profile.intents.contains(Intent::Broadcasts), |_, _| plain.clone());
            }
            Target::Service { service } => {
                let Some(place) = self.place(service) else {
                    return Reply::InvalidService { service: service.to_string() };
                };
                let owner = place.owner;
                if owner == from {
                    let subscribers: Vec<_> = self
                        .subscriptions
                        .iter()
                        .filter(|(client, name)| name == service && *client != owner)
                        .map(|(client, _)| *client)
                        .collect();
                    self.tell(
                        |person| subscribers.contains(&person.id),
                        |model, form| by(model, service, form),
                    );
                } else if self.subscribed(from, service) {
                    self.tell(|person| person.id == owner, |model, form| by(model, service, form));
                } else {
                    return Reply::Bad { desc: None };
                }
            }
            Target::ServiceClientUuid { service, uuid } => {
                let Some(place) = self.place(service) else {
                    return Reply::InvalidService { service: service.to_string() };
                };
                if place.owner != from {
                    return Reply::Bad { desc: None };
                }
                if !self.people.iter().any(|person| person.info.uuid == *uuid) {
                    return Reply::InvalidUuid { uuid: *uuid };
                }
                self.tell(|person| person.info.uuid == *uuid, |model, form| by(model, service, form));
            }
        }
        Reply::Ok
    }
}
