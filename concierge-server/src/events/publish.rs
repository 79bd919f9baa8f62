//! Publishing: the place of an event in its log, and that the same one is published once.

use std::sync::Arc;

use concierge_client::telegraphy::{EventName, Position, Timestamp};

use super::{
    Events,
    alarms::before,
    effect::{Effect, Refusal, Reply},
    input::{CallId, Publish},
    published::{Parts, Published, publishers},
    record::{Change, NotStored},
    stored::Waiting,
    topic::{Known, Standing},
};

impl Events {
    pub(super) fn publish(
        &mut self,
        call: CallId,
        publish: Publish,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        match self.try_publish(call, publish, now, effects) {
            Ok(Some(reply)) => effects.push(Effect::Reply { call, reply }),
            Ok(None) => {}
            Err(refusal) => effects.push(Effect::Reply { call, reply: Reply::Refused(refusal) }),
        }
    }

    /// The reply, unless it waits for the store.
    fn try_publish(
        &mut self,
        call: CallId,
        publish: Publish,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, Refusal> {
        let Publish { event: name, data, meta, id, ttl, previous, fresh_id } = publish;
        let meta = publishers(meta).map_err(|error| invalid("meta", error.to_string()))?;
        let limit = self.settings.event_bytes;
        let largest = previous.iter().chain([&data]).map(|data| data.as_str().len()).max();
        if largest.is_some_and(|largest| largest > limit) {
            return Err(Refusal::TooLarge { limit });
        }
        if id.as_deref().is_some_and(|id| id.is_empty() || id.len() > MAX_ID) {
            return Err(invalid("id", format!("it takes a string of 1..{MAX_ID} bytes")));
        }
        self.known_for_publishing(&name)?;
        let window = before(now, self.settings.dedupe_window);
        let usual_ttl = self.settings.guaranteed_ttl;
        let unsaved = &self.unsaved;
        let Some(topic) = self.topics.get_mut(&name) else { return Err(Refusal::UnknownEvent(name)) };
        topic.ids.forget(window);
        if let Some(known) = id.as_deref().and_then(|id| topic.ids.find(id)) {
            if let Some(waiting) = &mut known.waiting {
                waiting.push(call);
                return Ok(None);
            }
            return Ok(Some(Reply::Published { position: known.position.clone(), is_duplicate: true }));
        }
        let is_guaranteed = topic.is_guaranteed();
        let definition = topic.definition().cloned();
        // Its log is one that a crash would forget.
        if is_guaranteed && topic.registered().is_some_and(|registered| unsaved.contains(&registered.source))
        {
            return Err(Refusal::NotStored(NotStored::Busy));
        }
        let ttl = ttl.or_else(|| definition.as_ref().and_then(|definition| definition.ttl()));
        let ttl = if is_guaranteed { Some(ttl.unwrap_or(usual_ttl)) } else { ttl };
        let expires = ttl.map(|ttl| now.after(ttl));
        let position = Position { epoch: topic.epoch.clone(), offset: topic.last + 1 };
        let parts = Parts {
            event: name.clone(),
            position: position.clone(),
            published: now,
            expires,
            id: id.clone().unwrap_or_else(|| fresh_id.to_string().into()),
            meta,
            data,
            previous,
        };
        let record = expires.filter(|_| is_guaranteed).map(|expires| parts.record(expires, id.is_some()));
        let event = Published::new(parts, definition.as_deref());
        let event = Arc::new(event.ok_or_else(|| invalid("data", "it is nested too deep".to_owned()))?);
        topic.last = position.offset;
        if let Some(id) = &id {
            let waiting = is_guaranteed.then(Vec::new);
            topic.ids.insert(id.clone(), now, Known { position: position.clone(), waiting });
        }
        if let Some(record) = record {
            self.store(vec![Change::Append(record)], Waiting::Publish { call, event, id }, effects);
            return Ok(None);
        }
        topic.head = position.offset;
        topic.keep(&event);
        self.deliver(&name, &event, effects);
        self.forget_if_idle(&name, now);
        Ok(Some(Reply::Published { position, is_duplicate: false }))
    }

    /// Sees to it that there is a topic to publish to.
    fn known_for_publishing(&mut self, name: &EventName) -> Result<(), Refusal> {
        if !name.is_publishable() {
            let message =
                format!("events that begin with '{}' are the gateway's own", EventName::SYSTEM_PREFIX);
            return Err(invalid("event", message));
        }
        let standing = self.topics.get(name).map(|topic| &topic.standing);
        let is_registered = matches!(standing, Some(Standing::Registered(_) | Standing::Suspended(..)));
        if !is_registered && !self.settings.unregistered {
            return Err(Refusal::UnknownEvent(name.clone()));
        }
        if standing.is_none() {
            let limit = self.settings.events;
            if self.topics.len() >= limit {
                return Err(Refusal::LimitExceeded {
                    message: format!("{limit} events are known already"),
                    retry_after: None,
                });
            }
            self.know(name);
        }
        Ok(())
    }

    /// A guaranteed event is durable: now everybody may have it.
    pub(super) fn published(
        &mut self,
        call: CallId,
        event: &Arc<Published>,
        id: Option<&str>,
        effects: &mut Vec<Effect>,
    ) {
        let position = event.position();
        let name = event.name();
        let mut waiting = Vec::new();
        if let Some(topic) = self.topics.get_mut(name) {
            if topic.epoch == position.epoch {
                topic.head = topic.head.max(position.offset);
            }
            let known = id.and_then(|id| topic.ids.find(id));
            waiting = known.and_then(|known| known.waiting.take()).unwrap_or_default();
        }
        let reply = Reply::Published { position: position.clone(), is_duplicate: false };
        effects.push(Effect::Reply { call, reply });
        effects.extend(waiting.into_iter().map(|call| {
            let reply = Reply::Published { position: position.clone(), is_duplicate: true };
            Effect::Reply { call, reply }
        }));
        self.deliver(name, event, effects);
    }

    /// A guaranteed event is not durable: it was never there.
    pub(super) fn not_published(
        &mut self,
        call: CallId,
        event: &Published,
        id: Option<&str>,
        why: NotStored,
        effects: &mut Vec<Effect>,
    ) {
        let topic = self.topics.get_mut(event.name());
        let waiting = topic.zip(id).map(|(topic, id)| topic.ids.remove(id)).unwrap_or_default();
        effects.extend([call].into_iter().chain(waiting).map(|call| {
            let reply = Reply::Refused(Refusal::NotStored(why));
            Effect::Reply { call, reply }
        }));
    }
}

/// The longest id of a publisher, in bytes.
const MAX_ID: usize = 200;

pub(super) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Refusal {
    Refusal::Invalid { path: path.into(), message: message.into() }
}
