//! One connection, from its upgrade to its end.

use std::{borrow::Cow, sync::Arc, time::Duration};

use concierge_client::payload::{
    Client, CloseCode, Feature, Features, Hello, Intents, MessageEncoder, Reply, RequestKind, Seq, Target,
    encode, encode_sequenced,
};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    heartbeat::{Heartbeat, Silence},
    identify,
    refusals::Refusals,
    request::{self, Asked},
    rules::Rules,
    step::{Answer, Close, Delivery, Ids, Input, Join, Joined, Recipients, Step, Timer},
};
use crate::hub::{Change, ClientId, Effect, Form, Hub, Profile, Token};

/// What the gateway knows of one WebSocket that speaks `ert-concierge`.
#[derive(Debug)]
pub struct Connection {
    rules: Arc<Rules>,
    phase: Phase,
    heartbeat: Heartbeat,
    refusals: Refusals,
    /// Until somebody asks, which is at once: it costs those nothing that are in.
    joined: Option<Box<Joined>>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing but `IDENTIFY` is taken, until this moment.
    Waiting { deadline: Duration },
    /// The client is in, this is the number of its next text payload, and what is the same in all its messages.
    Identified { client: ClientId, next: Seq, messages: MessageEncoder },
    /// Nothing is taken any more.
    Over,
}

/// The message that an input carried, for the effects that deliver it.
type Carried<'t> = (Target, Cow<'t, RawValue>);

impl Connection {
    /// A connection that was just upgraded.
    pub fn new(rules: Arc<Rules>, now: Duration) -> Self {
        let deadline = now.saturating_add(rules.identify_timeout);
        Self {
            rules,
            phase: Phase::Waiting { deadline },
            heartbeat: Heartbeat::new(now),
            refusals: Refusals::default(),
            joined: None,
        }
    }

    /// Any frame arrived, of whatever kind: a sign of life.
    pub fn handle_activity(&mut self, now: Duration) {
        self.heartbeat.handle_activity(now);
    }

    /// A text message arrived. Needs no hub: what it says is read before anybody else has to wait.
    pub fn handle_text<'t>(&mut self, text: &'t str, now: Duration) -> Step<'t> {
        self.handle_activity(now);
        match &mut self.phase {
            Phase::Waiting { .. } => match identify::check(text, &self.rules) {
                Ok(join) => Step::Hub(Input::Join(Box::new(join))),
                Err(close) => self.close(close),
            },
            Phase::Identified { client, next, .. } => {
                let seq = *next;
                *next = seq.next();
                match request::read(text, *client, seq, &self.rules) {
                    Asked::Hub(input) => Step::Hub(input),
                    Asked::SetSeq(seq) => {
                        *next = seq.next();
                        Step::Answer(answer(Some(RequestKind::SelfSetSeq), seq, &Reply::Ok))
                    }
                    Asked::Refused(reply) => Step::Answer(answer(None, seq, &reply)),
                }
            }
            Phase::Over => Step::Nothing,
        }
    }

    /// A binary message arrived: no `IDENTIFY` if it is the first, otherwise ignored.
    pub fn handle_binary(&mut self) -> Step<'static> {
        match self.phase {
            Phase::Waiting { .. } => self.close(Close::new(CloseCode::NoAuth)),
            Phase::Identified { .. } | Phase::Over => Step::Nothing,
        }
    }

    /// Has the hub decide, and encodes each of its effects once. The ids are used for a join only.
    ///
    /// A close that is returned ends the connection after what was delivered to it.
    pub fn perform(
        &mut self,
        input: Input<'_>,
        hub: &mut Hub,
        ids: Ids,
        now: Duration,
        deliveries: &mut Vec<Delivery>,
    ) -> Option<Close> {
        // Nearly always there is one for the receivers, and the answer.
        let mut effects = Vec::with_capacity(2);
        match input {
            Input::Join(join) => return self.join(*join, hub, ids, deliveries),
            Input::Change(change) => hub.change(change, &mut effects),
            Input::Fetch { token, fetch } => hub.fetch(self.client()?, token, &fetch, &mut effects),
            Input::Message { token, target, data } => {
                hub.route(self.client()?, token, &target, &mut effects);
                return self.deliver(effects, Some(&(target, data)), now, deliveries);
            }
        }
        self.deliver(effects, None, now, deliveries)
    }

    /// The connection is gone, for whatever reason: so is its client.
    pub fn leave(&self, hub: &mut Hub, deliveries: &mut Vec<Delivery>) {
        if let Some(client) = self.client() {
            let mut effects = Vec::new();
            hub.change(Change::Leave { client }, &mut effects);
            deliveries.extend(effects.into_iter().filter_map(|effect| self.encode(effect, None)));
        }
    }

    /// When [`Connection::handle_deadline`] wants to be called; `None` when the connection is over.
    pub fn next_deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { deadline } => Some(deadline),
            Phase::Identified { .. } => Some(self.heartbeat.next_deadline(&self.rules)),
            Phase::Over => None,
        }
    }

    /// Time has passed. May be called at any time: early, nothing happens.
    pub fn handle_deadline(&mut self, now: Duration) -> Timer {
        let close = match self.phase {
            Phase::Waiting { deadline } if now >= deadline => Close::new(CloseCode::AuthFailed),
            Phase::Identified { .. } => match self.heartbeat.handle_deadline(now, &self.rules) {
                Silence::Short => return Timer::Nothing,
                Silence::Ping => return Timer::Ping,
                Silence::Dead => Close::new(CloseCode::HeartbeatFailed),
            },
            Phase::Waiting { .. } | Phase::Over => return Timer::Nothing,
        };
        Timer::Close(close)
    }

    /// The client, once it is in.
    pub fn client(&self) -> Option<ClientId> {
        match self.phase {
            Phase::Identified { client, .. } => Some(client),
            Phase::Waiting { .. } | Phase::Over => None,
        }
    }

    /// Who came in, once and right after it did.
    pub fn joined(&mut self) -> Option<Joined> {
        self.joined.take().map(|joined| *joined)
    }

    /// Whether the client is in.
    pub fn is_identified(&self) -> bool {
        self.client().is_some()
    }

    fn join(&mut self, join: Join, hub: &mut Hub, ids: Ids, deliveries: &mut Vec<Delivery>) -> Option<Close> {
        let Join { name, nickname, tags, features, intents } = join;
        let granted = features.unwrap_or(Features::NONE).and(self.rules.features());
        let form = if granted.contains(Feature::Compact) { Form::Compact } else { Form::Full };
        let profile = Profile { form, intents: intents.unwrap_or(Intents::ALL) };
        let asked = features.is_some() || intents.is_some();
        let info = Client { name, nickname, uuid: ids.uuid, tags };
        let messages = MessageEncoder::new(&info);

        let mut effects = Vec::new();
        hub.change(Change::Join { client: ids.client, info, profile }, &mut effects);
        for effect in effects {
            match effect {
                Effect::Joined { client } => {
                    self.phase = Phase::Identified { client, next: Seq::ZERO, messages: messages.clone() };
                    let fs_key = granted.contains(Feature::FsKey).then_some(ids.fs_key);
                    self.joined = Some(Box::new(Joined { client, uuid: ids.uuid, fs_key }));
                    let hello = if asked {
                        Hello { fs_key, ..self.extended_hello(ids.uuid, granted, profile.intents) }
                    } else {
                        Hello::new(ids.uuid)
                    };
                    deliveries.push(Delivery {
                        to: Recipients::One(client),
                        kind: "HELLO",
                        text: encode(&hello),
                    });
                }
                Effect::NameTaken { .. } => {
                    self.phase = Phase::Over;
                    return Some(Close::new(CloseCode::DuplicateAuth));
                }
                effect => deliveries.extend(self.encode(effect, None)),
            }
        }
        None
    }

    fn extended_hello(&self, uuid: Uuid, granted: Features, intents: Intents) -> Hello {
        Hello {
            features: Some(granted),
            intents: Some(intents),
            server: Some(self.rules.server.clone()),
            limits: Some(self.rules.limits),
            ..Hello::new(uuid)
        }
    }

    fn deliver(
        &mut self,
        effects: Vec<Effect>,
        carried: Option<&Carried<'_>>,
        now: Duration,
        deliveries: &mut Vec<Delivery>,
    ) -> Option<Close> {
        let mut close = None;
        for effect in effects {
            // Only a limit on counts is refused with a description.
            if let Effect::Answer { reply: Reply::Bad { desc: Some(_) }, .. } = &effect
                && self.refusals.count(now)
            {
                close = Some(Close::new(CloseCode::LimitExceeded));
            }
            deliveries.extend(self.encode(effect, carried));
        }
        close
    }

    /// The text of an effect. Those about joining are written where somebody joins.
    fn encode(&self, effect: Effect, carried: Option<&Carried<'_>>) -> Option<Delivery> {
        match effect {
            Effect::Answer { to, token: Token(number), reply } => {
                let seq = Seq::new(number).expect("the token is the request's sequence number");
                let (kind, text) = (reply.kind(), encode_sequenced(seq, &reply));
                Some(Delivery { to: Recipients::One(to), kind, text })
            }
            Effect::Event { to, event } => {
                Some(Delivery { to: recipients(to), kind: event.kind(), text: encode(&event) })
            }
            Effect::Message { to, from: _, service } => {
                let (Phase::Identified { messages, .. }, Some((target, data))) = (&self.phase, carried)
                else {
                    return None;
                };
                let text = messages.encode(service.as_ref(), target, data);
                Some(Delivery { to: recipients(to), kind: RequestKind::Message.as_str(), text })
            }
            Effect::Joined { .. } | Effect::NameTaken { .. } => None,
        }
    }

    fn close(&mut self, close: Close) -> Step<'static> {
        self.phase = Phase::Over;
        Step::Close(close)
    }
}

fn answer(request: Option<RequestKind>, seq: Seq, reply: &Reply) -> Answer {
    Answer { request, kind: reply.kind(), text: encode_sequenced(seq, reply) }
}

fn recipients(clients: Vec<ClientId>) -> Recipients {
    match clients.as_slice() {
        [client] => Recipients::One(*client),
        _ => Recipients::Many(clients),
    }
}
