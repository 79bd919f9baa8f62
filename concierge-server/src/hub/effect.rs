//! What must happen next, in this order.

use std::slice;

use concierge_client::payload::{Client, Event, Intent, Reply, Service};

use super::{
    Hub,
    input::{ClientId, Form, Token},
    services::Room,
};

/// One payload to be sent, to one client or to many. An effect is encoded once, whatever the number of receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The client is in: it is told before anything else reaches it.
    Joined {
        /// Who.
        client: ClientId,
    },
    /// The client is not in: its name is taken.
    NameTaken {
        /// Who.
        client: ClientId,
    },
    /// The one answer to a request.
    Answer {
        /// Who asked.
        to: ClientId,
        /// What came with the request.
        token: Token,
        /// The answer.
        reply: Reply,
    },
    /// News for these clients.
    Event {
        /// Who.
        to: Recipients,
        /// The news.
        event: Event,
    },
    /// The message that was routed, from the client that had it routed to these.
    Message {
        /// Who.
        to: Recipients,
        /// The service it came by, for the two targets that name one.
        service: Option<Service>,
    },
}

/// Who is to have a payload: nobody twice, and never nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// One client.
    One(ClientId),
    /// Several.
    Many(Vec<ClientId>),
}

impl Recipients {
    /// Those; none when it is nobody.
    pub(super) fn new(clients: Vec<ClientId>) -> Option<Self> {
        match clients.as_slice() {
            [] => None,
            [client] => Some(Self::One(*client)),
            _ => Some(Self::Many(clients)),
        }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[ClientId] {
        match self {
            Self::One(client) => slice::from_ref(client),
            Self::Many(clients) => clients,
        }
    }
}

/// Who receives something that shows a service: a payload has two forms at most.
#[derive(Debug, Default)]
pub(super) struct Audience {
    full: Vec<ClientId>,
    compact: Vec<ClientId>,
}

impl Audience {
    pub(super) fn add(&mut self, client: ClientId, form: Form) {
        match form {
            Form::Full => self.full.push(client),
            Form::Compact => self.compact.push(client),
        }
    }

    /// The effects for both forms: none for a form that nobody receives.
    pub(super) fn effects(self, effects: &mut Vec<Effect>, payload: impl Fn(Recipients, Form) -> Effect) {
        for (to, form) in [(self.full, Form::Full), (self.compact, Form::Compact)] {
            effects.extend(Recipients::new(to).map(|to| payload(to, form)));
        }
    }
}

/// What all the rules need to say: answers, and news to those who want them.
impl Hub {
    pub(super) fn answer(to: ClientId, token: Token, reply: impl Into<Reply>) -> Effect {
        Effect::Answer { to, token, reply: reply.into() }
    }

    /// Tells of a client, which looks the same to everyone.
    pub(super) fn tell_presence(
        &self,
        effects: &mut Vec<Effect>,
        except: ClientId,
        event: impl FnOnce() -> Event,
    ) {
        let told = self.clients.with_intent(Intent::Presence).map(|(client, _)| client);
        let to = Recipients::new(told.filter(|client| *client != except).collect());
        effects.extend(to.map(|to| Effect::Event { to, event: event() }));
    }
}

/// Tells the subscribers of a service that somebody came or went.
pub(super) fn tell_subscribers(
    effects: &mut Vec<Effect>,
    room: &Room,
    who: &Client,
    event: impl Fn(Client, Service) -> Event,
) {
    let mut audience = Audience::default();
    for (client, form) in room.told() {
        audience.add(client, form);
    }
    audience.effects(effects, |to, form| Effect::Event { to, event: event(who.clone(), room.info(form)) });
}
