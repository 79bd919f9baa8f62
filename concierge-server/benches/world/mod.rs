//! What the benchmarks measure: a hub with many clients and services in it, and a client that sends messages to another.

mod talk;

pub(crate) use talk::Talk;

use std::sync::Arc;

use concierge_client::payload::{Client, ClientName, Intents, InvalidName, ServiceName, Tags, Target};
use concierge_server::hub::{Change, ClientId, Effect, Form, Hub, Limits, Profile, Token};
use uuid::Uuid;

/// How many listen to the first service, and how many want to hear of whatever happens.
const AUDIENCE: usize = 10;

/// So far apart are those who are asked for one after the other: none of them is at hand because of the one before.
const STRIDE: usize = 7919;

/// Something that the hub is asked to do. What it changes it changes back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    /// A client comes, and goes.
    JoinAndLeave,
    /// A client makes another service, and deletes it.
    CreateAndDelete,
    /// A client subscribes to somebody's service, and ends that.
    SubscribeAndUnsubscribe,
    /// A message to a name.
    RouteToName,
    /// A message of an owner to ten subscribers.
    RouteToService,
    /// A message to everyone; ten want such.
    RouteToEveryone,
}

/// A hub with as many services as clients.
#[derive(Debug)]
pub(crate) struct World {
    hub: Hub,
    effects: Vec<Effect>,
    names: Vec<Arc<str>>,
    services: Vec<ServiceName>,
    newcomer: Client,
    another: ServiceName,
    turn: usize,
}

impl World {
    /// So many clients, at least as many as an audience, who own a service each. The first ten subscribe to the first service,
    /// the last ten declared every intent, the others none.
    pub(crate) fn new(population: usize) -> Result<Self, InvalidName> {
        let limits = Limits { subscriptions: None, services: None, services_total: None };
        let mut world = Self {
            hub: Hub::new(limits),
            effects: Vec::new(),
            names: Vec::with_capacity(population),
            services: Vec::with_capacity(population),
            newcomer: client(population)?,
            another: ServiceName::new("another")?,
            turn: 0,
        };
        for number in 0..population {
            let (client, info) = (id(number), client(number)?);
            let intents = if number + AUDIENCE < population { Intents::NONE } else { Intents::ALL };
            let service = ServiceName::new(format!("service {number}"))?;
            world.names.push((*info.name).into());
            world.services.push(service.clone());
            world.apply(Change::Join { client, info, profile: Profile { form: Form::Compact, intents } });
            world.apply(Change::Create { client, token: Token(0), service, nickname: None });
            world.effects.clear();
        }
        for number in 0..AUDIENCE {
            let (client, service) = (id(number), world.service(0));
            world.apply(Change::Subscribe { client, token: Token(0), service });
        }
        Ok(world)
    }

    /// Does it once, and tells how many effects it had.
    pub(crate) fn perform(&mut self, operation: Operation) -> usize {
        self.effects.clear();
        self.turn += 1;
        let number = self.turn * STRIDE % self.names.len();
        let (client, token) = (id(number), Token(1));
        match operation {
            Operation::JoinAndLeave => {
                let (client, info) = (id(self.names.len()), self.newcomer.clone());
                let profile = Profile { form: Form::Compact, intents: Intents::NONE };
                self.apply(Change::Join { client, info, profile });
                self.apply(Change::Leave { client });
            }
            Operation::CreateAndDelete => {
                let service = self.another.clone();
                self.apply(Change::Create { client, token, service: service.clone(), nickname: None });
                self.apply(Change::Delete { client, token, service });
            }
            Operation::SubscribeAndUnsubscribe => {
                // Not the first one, which some are subscribed to already.
                let service = self.service(1 + number % (self.services.len() - 1));
                self.apply(Change::Subscribe { client, token, service: service.clone() });
                self.apply(Change::Unsubscribe { client, token, service });
            }
            Operation::RouteToName => {
                let name = self.names.get(number).expect("everybody has a name").clone();
                self.hub.route(id(0), token, &Target::Name { name }, &mut self.effects);
            }
            Operation::RouteToService => {
                self.hub.route(
                    id(0),
                    token,
                    &Target::Service { service: self.service(0) },
                    &mut self.effects,
                );
            }
            Operation::RouteToEveryone => self.hub.route(client, token, &Target::All, &mut self.effects),
        }
        self.effects.len()
    }

    fn apply(&mut self, change: Change) {
        self.hub.change(change, &mut self.effects);
    }

    fn service(&self, number: usize) -> ServiceName {
        self.services.get(number).expect("everybody has a service").clone()
    }
}

fn id(number: usize) -> ClientId {
    ClientId(number as u64)
}

fn client(number: usize) -> Result<Client, InvalidName> {
    let name = ClientName::new(format!("client_{number}"))?;
    Ok(Client { name, nickname: None, uuid: Uuid::from_u128(number as u128 + 1), tags: Tags::default() })
}
