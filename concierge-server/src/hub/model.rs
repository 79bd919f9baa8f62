//! The rules once more, as simply as they can be said: lists that are searched from the front. Random sequences of
//! operations must have the same effects on the hub as on this.

use concierge_client::payload::{
    Client, ClientFetchAllResult, ClientFetchResult, ClientName, Event, Intent, Intents, Nickname, Origin,
    Reply, SelfFetchResult, SelfSubscribeResult, SelfUnsubscribeResult, Service, ServiceCreateResult,
    ServiceDeleteResult, ServiceFetchAllResult, ServiceFetchResult, ServiceName, Tags, Target,
};
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::{Change, ClientId, Effect, Fetch, Form, Hub, Limits, Profile, Token};

/// One thing that one client is sent.
#[derive(Debug, Clone, PartialEq)]
enum Sent {
    Joined,
    NameTaken,
    Answer(Token, Reply),
    Event(Event),
    Message(Origin),
}

#[derive(Debug, Clone)]
enum Operation {
    Change(Change),
    Fetch(ClientId, Fetch),
    Route(ClientId, Target),
}

struct Person {
    id: ClientId,
    info: Client,
    profile: Profile,
}

struct Place {
    name: ServiceName,
    nickname: Option<Nickname>,
    owner: ClientId,
    owner_uuid: Uuid,
}

struct Model {
    limits: Limits,
    people: Vec<Person>,
    places: Vec<Place>,
    /// Every subscription there is, the oldest first.
    subscriptions: Vec<(ClientId, ServiceName)>,
    sent: Vec<(ClientId, Sent)>,
}

const TOKEN: Token = Token(7);

impl Model {
    fn new(limits: Limits) -> Self {
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

    fn apply(&mut self, operation: Operation) {
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
                self.unsubscribe(client, &service)
            }
            Operation::Change(Change::Create { client, service, nickname, .. }) => {
                self.create(client, service, nickname);
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

    fn create(&mut self, client: ClientId, name: ServiceName, nickname: Option<Nickname>) {
        if self.place(&name).is_some() {
            let service = self.show(&name, Form::Full);
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
        let result = ServiceCreateResult { successful: true, service: self.show(&name, Form::Full) };
        self.tell(
            |person| person.profile.intents.contains(Intent::Services),
            |_, _| Sent::Event(Event::ServiceCreateResult(result.clone())),
        );
        self.answer(client, result.clone());
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
        let sender = self.person(from).unwrap().info.clone();
        let plain = Sent::Message(Origin::new(sender.clone(), None));
        let by = |model: &Self, name: &str, form| {
            Sent::Message(Origin::new(sender.clone(), Some(model.show(name, form))))
        };
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
                self.tell(|person| person.profile.intents.contains(Intent::Broadcasts), |_, _| plain.clone())
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

/// The effects of an operation on the hub, taken apart by receiver.
fn sent_by_hub(hub: &mut Hub, operation: Operation) -> Vec<(ClientId, Sent)> {
    let mut effects = Vec::new();
    match operation {
        Operation::Change(change) => hub.change(change, &mut effects),
        Operation::Fetch(client, fetch) => hub.fetch(client, TOKEN, &fetch, &mut effects),
        Operation::Route(client, target) => hub.route(client, TOKEN, &target, &mut effects),
    }
    let to_all = |to: Vec<ClientId>, sent: Sent| {
        assert!(!to.is_empty(), "an effect without a receiver: {sent:?}");
        to.into_iter().map(move |client| (client, sent.clone())).collect::<Vec<_>>()
    };
    effects
        .into_iter()
        .flat_map(|effect| match effect {
            Effect::Joined { client } => vec![(client, Sent::Joined)],
            Effect::NameTaken { client } => vec![(client, Sent::NameTaken)],
            Effect::Answer { to, token, reply } => vec![(to, Sent::Answer(token, reply))],
            Effect::Event { to, event } => to_all(to, Sent::Event(event)),
            Effect::Message { to, origin } => to_all(to, Sent::Message(origin)),
        })
        .collect()
}

/// What each client was sent, in order. The order between clients is free.
fn by_receiver(mut sent: Vec<(ClientId, Sent)>) -> Vec<(ClientId, Sent)> {
    sent.sort_by_key(|(client, _)| *client);
    sent
}

fn uuid_of(client: ClientId) -> Uuid {
    Uuid::from_u128(u128::from(client.0) + 1)
}

fn profile() -> impl Strategy<Value = Profile> {
    let intents = prop::sample::subsequence(Intent::ALL.to_vec(), 0..=Intent::ALL.len());
    (any::<bool>(), intents).prop_map(|(compact, intents)| Profile {
        form: if compact { Form::Compact } else { Form::Full },
        intents: intents.into_iter().collect::<Intents>(),
    })
}

fn service() -> impl Strategy<Value = ServiceName> {
    (0..4_u8).prop_map(|number| ServiceName::new(format!("service {number}")).unwrap())
}

/// A client that joined at one of the first steps, or one that never did.
fn client() -> impl Strategy<Value = ClientId> {
    (0..14_u64).prop_map(ClientId)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (0..6_u8).prop_map(|number| Target::name(format!("client_{number}"))),
        client().prop_map(|client| Target::from(uuid_of(client))),
        service().prop_map(Target::service),
        (service(), client()).prop_map(|(service, client)| Target::service_client(service, uuid_of(client))),
        Just(Target::All),
    ]
}

/// An operation; joins are given their id, which grows, when it is their turn.
fn operation() -> impl Strategy<Value = Operation> {
    let join = (0..6_u8, profile()).prop_map(|(number, profile)| {
        let name = ClientName::new(format!("client_{number}")).unwrap();
        let info = Client { name, nickname: None, uuid: Uuid::nil(), tags: Tags::default() };
        Change::Join { client: ClientId(0), info, profile }
    });
    let token = TOKEN;
    let change = prop_oneof![
        4 => join,
        1 => client().prop_map(|client| Change::Leave { client }),
        4 => (client(), service()).prop_map(move |(client, service)| Change::Subscribe { client, token, service }),
        2 => (client(), service())
            .prop_map(move |(client, service)| Change::Unsubscribe { client, token, service }),
        3 => (client(), service(), any::<bool>()).prop_map(move |(client, service, named)| Change::Create {
            client,
            token,
            service,
            nickname: named.then(|| Nickname::new("nick").unwrap()),
        }),
        1 => (client(), service()).prop_map(move |(client, service)| Change::Delete { client, token, service }),
    ];
    let fetch = prop_oneof![
        Just(Fetch::Own),
        Just(Fetch::Clients),
        Just(Fetch::Services),
        service().prop_map(Fetch::Service),
        client().prop_map(|client| Fetch::Client(uuid_of(client))),
    ];
    prop_oneof![
        4 => change.prop_map(Operation::Change),
        1 => (client(), fetch).prop_map(|(client, fetch)| Operation::Fetch(client, fetch)),
        2 => (client(), target()).prop_map(|(client, target)| Operation::Route(client, target)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_hub_does_what_the_model_does(operations in vec(operation(), 1..80)) {
        let limits = Limits { subscriptions: Some(3), services: Some(2), services_total: Some(3) };
        let mut hub = Hub::new(limits);
        let mut model = Model::new(limits);
        let mut joins = 0;
        for mut operation in operations {
            if let Operation::Change(Change::Join { client, info, .. }) = &mut operation {
                *client = ClientId(joins);
                info.uuid = uuid_of(*client);
                joins += 1;
            }
            model.apply(operation.clone());
            let expected = by_receiver(std::mem::take(&mut model.sent));
            prop_assert_eq!(by_receiver(sent_by_hub(&mut hub, operation.clone())), expected, "{:?}", operation);
            prop_assert_eq!(hub.client_count(), model.people.len());
            prop_assert_eq!(hub.service_count(), model.places.len());
        }
    }

    #[test]
    fn the_same_inputs_have_the_same_effects(operations in vec(operation(), 1..60)) {
        let run = || {
            let mut hub = Hub::new(Limits::default());
            operations.iter().cloned().map(|operation| sent_by_hub(&mut hub, operation)).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn every_request_of_a_client_that_is_here_is_answered_once(operations in vec(operation(), 1..60)) {
        let mut hub = Hub::new(Limits::default());
        let mut joins = 0;
        for mut operation in operations {
            let asker = match &mut operation {
                Operation::Change(Change::Join { client, info, .. }) => {
                    *client = ClientId(joins);
                    info.uuid = uuid_of(*client);
                    joins += 1;
                    None
                }
                Operation::Change(Change::Leave { .. }) => None,
                Operation::Change(
                    Change::Subscribe { client, .. }
                    | Change::Unsubscribe { client, .. }
                    | Change::Create { client, .. }
                    | Change::Delete { client, .. },
                )
                | Operation::Fetch(client, _)
                | Operation::Route(client, _) => Some(*client),
            };
            let is_here = asker.is_some_and(|client| hub.clients.member(client).is_some());
            let sent = sent_by_hub(&mut hub, operation);
            let answers = sent.iter().filter(|(_, sent)| matches!(sent, Sent::Answer(..))).count();
            prop_assert_eq!(answers, usize::from(is_here));
        }
    }
}
