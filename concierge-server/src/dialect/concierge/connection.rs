//! One connection, from its upgrade to its end.

use std::{sync::Arc, time::Duration};

use concierge_client::payload::{
    Client, CloseCode, Feature, Features, Hello, Intents, MessageEncoder, Reply, RequestKind, Seq, encode,
    encode_sequenced,
};
use uuid::Uuid;

use super::{
    deliveries::Deliveries,
    heartbeat::{Heartbeat, Silence},
    identify,
    refusals::Refusals,
    request::{self, Asked},
    rules::Rules,
    step::{Answer, Close, Ids, Input, Join, Joined, Step, Timer},
};
use crate::hub::{Change, ClientId, Effect, Form, Hub, Profile, Recipients};

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
        deliveries: &mut Deliveries,
    ) -> Option<Close> {
        let mut effects = std::mem::take(&mut deliveries.effects);
        let mut carried = None;
        match input {
            Input::Join(join) => return self.join(*join, hub, ids, deliveries),
            Input::Change(change) => hub.change(change, &mut effects),
            Input::Fetch { token, fetch } => hub.fetch(self.client()?, token, &fetch, &mut effects),
            Input::Message { token, target, data } => {
                hub.route(self.client()?, token, &target, &mut effects);
                carried = Some((target, data));
            }
        }
        let mut close = None;
        for effect in effects.drain(..) {
            // Only a limit on counts is refused with a description.
            if let Effect::Answer { reply: Reply::Bad { desc: Some(_) }, .. } = &effect
                && self.refusals.count(now)
            {
                close = Some(Close::new(CloseCode::LimitExceeded));
            }
            match (effect, &mut self.phase, &carried) {
                (
                    Effect::Message { to, service },
                    Phase::Identified { messages, .. },
                    Some((target, data)),
                ) => {
                    let write = |text: &mut String| messages.write(text, service.as_ref(), target, data);
                    deliveries.write(to, RequestKind::Message.as_str(), write);
                }
                (effect, ..) => deliveries.effect(effect),
            }
        }
        deliveries.effects = effects;
        close
    }

    /// The connection is gone, for whatever reason: so is its client.
    pub fn leave(&self, hub: &mut Hub, deliveries: &mut Deliveries) {
        if let Some(client) = self.client() {
            let mut effects = Vec::new();
            hub.change(Change::Leave { client }, &mut effects);
            for effect in effects {
                deliveries.effect(effect);
            }
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

    fn join(&mut self, join: Join, hub: &mut Hub, ids: Ids, deliveries: &mut Deliveries) -> Option<Close> {
        let Join { name, nickname, tags, features, intents } = join;
        let granted = features.unwrap_or(Features::NONE).and(self.rules.features());
        let form = if granted.contains(Feature::Compact) { Form::Compact } else { Form::Full };
        let profile = Profile { form, intents: intents.unwrap_or(Intents::ALL) };
        let info = Client { name, nickname, uuid: ids.uuid, tags };
        let messages = MessageEncoder::new(&info);

        let mut effects = Vec::new();
        hub.change(Change::Join { client: ids.client, info, profile }, &mut effects);
        if effects.iter().any(|effect| matches!(effect, Effect::NameTaken { .. })) {
            self.phase = Phase::Over;
            return Some(Close::new(CloseCode::DuplicateAuth));
        }
        self.phase = Phase::Identified { client: ids.client, next: Seq::ZERO, messages };
        let fs_key = granted.contains(Feature::FsKey).then_some(ids.fs_key);
        self.joined = Some(Box::new(Joined { client: ids.client, uuid: ids.uuid, fs_key }));
        for effect in effects {
            match effect {
                Effect::Joined { client } => {
                    let hello = if features.is_some() || intents.is_some() {
                        Hello { fs_key, ..self.extended_hello(ids.uuid, granted, profile.intents) }
                    } else {
                        Hello::new(ids.uuid)
                    };
                    deliveries.push(Recipients::One(client), "HELLO", encode(&hello));
                }
                effect => deliveries.effect(effect),
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

    fn close(&mut self, close: Close) -> Step<'static> {
        self.phase = Phase::Over;
        Step::Close(close)
    }
}

fn answer(request: Option<RequestKind>, seq: Seq, reply: &Reply) -> Answer {
    Answer { request, kind: reply.kind(), text: encode_sequenced(seq, reply) }
}
