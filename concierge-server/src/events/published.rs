//! An event that was published: what everybody is shown of it, and what only grant filters see.

use std::sync::Arc;

use concierge_client::{
    payload::Data,
    telegraphy::{Definition, Epoch, Event, EventName, Meta, Position, Timestamp, Transition},
};
use serde_json::{Map, Value};

use super::{
    filter::Subject,
    record::{EventRecord, SubscriptionId},
};

/// An event, parsed once and shared by all who receive it.
#[derive(Debug, PartialEq)]
pub struct Published {
    event: EventName,
    position: Position,
    expires: Option<Timestamp>,
    meta: Meta,
    data: Data,
    meta_value: Value,
    now: Values,
    before: Option<Values>,
}

/// What an event says of something at one time.
#[derive(Debug, PartialEq)]
struct Values {
    /// With what is not published.
    whole: Value,
    /// What is published, when that is not all.
    shown: Option<Value>,
}

impl Values {
    fn new(whole: Value, definition: Option<&Definition>) -> Self {
        let shown = definition.and_then(|definition| shown(&whole, definition));
        Self { whole, shown }
    }

    fn shown(&self) -> &Value {
        self.shown.as_ref().unwrap_or(&self.whole)
    }
}

/// The published fields of an object, if it has others.
fn shown(whole: &Value, definition: &Definition) -> Option<Value> {
    let fields = &definition.fields;
    let object = whole.as_object().filter(|_| !fields.is_empty())?;
    if object.keys().all(|name| fields.contains(name)) {
        return None;
    }
    let shown = object.iter().filter(|(name, _)| fields.contains(name));
    Some(Value::Object(shown.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

/// How an event looks to those whose subscriptions it came for: one encoded form each.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// The subscriptions that it came for, unless it came for all there are to its event.
    pub subscriptions: Option<Vec<SubscriptionId>>,
    /// Whether it came into what they want, taken together.
    pub transition: Option<Transition>,
    /// The same for each, when they differ.
    pub transitions: Vec<(SubscriptionId, Transition)>,
    /// Whether it is one of the past.
    pub is_replay: bool,
    /// Whether it may have arrived before.
    pub is_redelivered: bool,
}

/// The `event_type` of an event whose publisher said none.
const EVENT_TYPE: &str = "custom";

impl Published {
    pub(super) fn new(record: Parts, definition: Option<&Definition>) -> Option<Self> {
        let Parts { event, position, published, expires, id, mut meta, data, previous } = record;
        let verbose_name = definition.map_or(event.as_str(), Definition::verbose_name);
        meta.event_type.get_or_insert_with(|| EVENT_TYPE.into());
        meta.verbose_name.get_or_insert_with(|| verbose_name.into());
        meta.timestamp.get_or_insert(published);
        meta = Meta {
            id: Some(id),
            offset: Some(position.offset),
            epoch: Some(position.epoch.clone()),
            expires,
            transition: None,
            transitions: None,
            replay: None,
            redelivered: None,
            ..meta
        };
        let now = Values::new(data.parse().ok()?, definition);
        let data = match &now.shown {
            Some(shown) => Data::from_value(shown).ok()?,
            None => data,
        };
        let before = previous.map(|previous| previous.parse()).transpose().ok()?;
        let before = before.map(|before| Values::new(before, definition));
        let meta_value = serde_json::to_value(&meta).ok()?;
        Some(Self { event, position, expires, meta, data, meta_value, now, before })
    }

    /// The same event, of which other fields are published.
    pub(super) fn shown_as(&self, definition: &Definition) -> Option<Self> {
        let values = |values: &Values| Values::new(values.whole.clone(), Some(definition));
        let now = values(&self.now);
        Some(Self {
            event: self.event.clone(),
            position: self.position.clone(),
            expires: self.expires,
            meta: self.meta.clone(),
            data: Data::from_value(now.shown()).ok()?,
            meta_value: self.meta_value.clone(),
            before: self.before.as_ref().map(values),
            now,
        })
    }

    /// The event that a log has kept, as it is defined now.
    pub(super) fn from_record(record: EventRecord, definition: Option<&Definition>) -> Option<Self> {
        let meta = serde_json::from_str(&record.meta).ok()?;
        let data = Data::from_json(&*record.data).ok()?;
        let previous = record.previous.map(|previous| Data::from_json(&*previous)).transpose().ok()?;
        let parts = Parts {
            event: record.event,
            position: Position { epoch: record.epoch, offset: record.offset },
            published: record.published,
            expires: Some(record.expires),
            id: record.id,
            meta,
            data,
            previous,
        };
        Self::new(parts, definition)
    }

    /// Its name.
    pub fn name(&self) -> &EventName {
        &self.event
    }

    /// Its place in its log.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The log it is in.
    pub fn epoch(&self) -> &Epoch {
        &self.position.epoch
    }

    /// Whether it means nothing any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// As it goes over the wire.
    pub fn event(&self, variant: &Variant) -> Event {
        let Variant { subscriptions, transition, transitions, is_replay, is_redelivered } = variant;
        let each =
            transitions.iter().map(|(subscription, transition)| (subscription.to_string(), *transition));
        let meta = Meta {
            transition: *transition,
            transitions: (!transitions.is_empty()).then(|| each.collect()),
            replay: is_replay.then_some(true),
            redelivered: is_redelivered.then_some(true),
            ..self.meta.clone()
        };
        let subscriptions = subscriptions.as_ref();
        Event {
            event: self.event.clone(),
            meta: Some(meta),
            data: Some(self.data.clone()),
            subscriptions: subscriptions.map(|ids| ids.iter().map(ToString::to_string).collect()),
        }
    }

    /// What the filters of clients see.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject { data: self.now.shown(), meta: &self.meta_value }
    }

    /// What the filters of clients see of the values before.
    pub(super) fn subject_before(&self) -> Option<Subject<'_>> {
        self.before.as_ref().map(|before| Subject { data: before.shown(), meta: &self.meta_value })
    }

    /// What grant filters see.
    pub(super) fn whole(&self) -> Subject<'_> {
        Subject { data: &self.now.whole, meta: &self.meta_value }
    }

    /// What grant filters see of the values before.
    pub(super) fn whole_before(&self) -> Option<Subject<'_>> {
        self.before.as_ref().map(|before| Subject { data: &before.whole, meta: &self.meta_value })
    }
}

/// What an event is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub event: EventName,
    pub position: Position,
    pub published: Timestamp,
    pub expires: Option<Timestamp>,
    pub id: Arc<str>,
    pub meta: Meta,
    pub data: Data,
    pub previous: Option<Data>,
}

impl Parts {
    /// The same for a log.
    pub(super) fn record(&self, expires: Timestamp, is_publishers: bool) -> EventRecord {
        EventRecord {
            event: self.event.clone(),
            epoch: self.position.epoch.clone(),
            offset: self.position.offset,
            id: self.id.clone(),
            is_publishers,
            published: self.published,
            expires,
            meta: concierge_client::payload::encode(&self.meta).into(),
            data: self.data.as_str().into(),
            previous: self.previous.as_ref().map(|previous| previous.as_str().into()),
        }
    }
}

/// What a publisher may say in `meta`: what the gateway says itself is not the publisher's to say.
pub(super) fn publishers(meta: Map<String, Value>) -> Result<Meta, serde_json::Error> {
    let meta: Meta = serde_json::from_value(Value::Object(meta))?;
    Ok(Meta {
        id: None,
        offset: None,
        epoch: None,
        expires: None,
        transition: None,
        transitions: None,
        replay: None,
        redelivered: None,
        ..meta
    })
}
