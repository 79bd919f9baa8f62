//! Which events there are: sets of definitions, each of one source, compared with what was there before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use concierge_client::telegraphy::{Definition, EventName, RegistryAction, SystemEvent, Timestamp};
use serde_json::json;

use super::{
    Events,
    alarms::Alarm,
    effect::{ConnectionId, Defined, Effect, Refusal, Reply},
    filter::Subject,
    input::CallId,
    publish::invalid,
    record::Change,
    stored::Waiting,
    topic::{Registered, Standing, Topic},
};

/// The most fields of an event.
const FIELDS: usize = 256;
/// The most operations of an event.
const OPERATIONS: usize = 64;
/// The longest text of a definition, in bytes.
const TEXT: usize = 1024;
/// The most events of one name that are kept in memory.
const RETAINED: u32 = 10_000;

impl Events {
    pub(super) fn define(
        &mut self,
        call: CallId,
        source: &Arc<str>,
        definitions: Vec<Definition>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.check_set(source, &definitions) {
            effects.push(Effect::Reply { call, reply: Reply::Refused(refusal) });
            return;
        }
        let mut defined = Defined::default();
        let named: BTreeSet<_> = definitions.iter().map(|definition| definition.name.clone()).collect();
        let of_source = self
            .topics
            .iter()
            .filter(|(_, topic)| topic.registered().is_some_and(|registered| registered.source == *source));
        let gone: Vec<_> =
            of_source.map(|(name, _)| name).filter(|name| !named.contains(*name)).cloned().collect();
        let mut changes = Vec::new();
        for name in gone {
            changes.append(&mut self.suspend(&name, now, effects));
            defined.removed.push(name);
        }
        for definition in definitions {
            let name = definition.name.clone();
            let action = self.register(source, definition, now, &mut changes, effects);
            match action {
                Some(RegistryAction::Registered) => defined.added.push(name),
                Some(_) => defined.changed.push(name),
                None => {}
            }
        }
        self.save_set(call, source, changes, defined, effects);
    }

    pub(super) fn undefine(
        &mut self,
        call: CallId,
        name: EventName,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(registered) = self.topics.get(&name).and_then(Topic::registered) else {
            effects.push(Effect::Reply { call, reply: Reply::Refused(Refusal::UnknownEvent(name)) });
            return;
        };
        let source = registered.source.clone();
        let changes = self.suspend(&name, now, effects);
        let defined = Defined { removed: vec![name], ..Defined::default() };
        self.save_set(call, &source, changes, defined, effects);
    }

    /// Answers when everything is durable, that what was not before included.
    fn save_set(
        &mut self,
        call: CallId,
        source: &Arc<str>,
        mut changes: Vec<Change>,
        defined: Defined,
        effects: &mut Vec<Effect>,
    ) {
        if self.unsaved.contains(source) {
            let of_source = self.topics.values().filter_map(Topic::record);
            changes.extend(of_source.filter(|record| record.source == *source).map(Change::Define));
        }
        if changes.is_empty() {
            effects.push(Effect::Reply { call, reply: Reply::Defined(defined) });
            return;
        }
        self.store(changes, Waiting::Define { call, source: source.clone(), defined }, effects);
    }

    fn check_set(&self, source: &Arc<str>, definitions: &[Definition]) -> Result<(), Refusal> {
        let mut names = BTreeSet::new();
        let mut added = 0;
        for (number, definition) in definitions.iter().enumerate() {
            let name = &definition.name;
            let place = || format!("events.{number}");
            let refuse = |message: String| Err(invalid(place(), message));
            if !name.is_publishable() {
                let prefix = EventName::SYSTEM_PREFIX;
                return refuse(format!("'{name}': what begins with '{prefix}' is the gateway's own"));
            }
            if !names.insert(name) {
                return refuse(format!("'{name}' is given twice"));
            }
            match self.topics.get(name).and_then(Topic::registered) {
                Some(registered) if registered.source != *source => {
                    let message = format!("'{name}' belongs to another source");
                    return Err(Refusal::Conflict { path: place(), message });
                }
                Some(_) => {}
                None => added += 1,
            }
            if let Some(rule) = broken_rule(definition) {
                return refuse(format!("'{name}': {rule}"));
            }
        }
        let limit = self.settings.events;
        if self.topics.len() + added > limit {
            return Err(Refusal::LimitExceeded {
                message: format!("at most {limit} events may be known"),
                retry_after: None,
            });
        }
        Ok(())
    }

    /// An event is defined so from now on. Nothing happens if it is already.
    fn register(
        &mut self,
        source: &Arc<str>,
        definition: Definition,
        now: Timestamp,
        changes: &mut Vec<Change>,
        effects: &mut Vec<Effect>,
    ) -> Option<RegistryAction> {
        let name = definition.name.clone();
        let was_active = self.active_sessions(&name);
        let is_new = self.know(&name);
        let topic = self.topics.get_mut(&name)?;
        let (before, was_registered) = match &topic.standing {
            Standing::Registered(before) => (Some(before.clone()), true),
            Standing::Suspended(before, until) => {
                self.alarms.cancel(*until, Alarm::Grace(name.clone()));
                (Some(before.clone()), false)
            }
            Standing::Unregistered | Standing::System => (None, false),
        };
        let definition = Arc::new(definition);
        let is_same = before.as_ref().is_some_and(|before| before.definition == definition);
        if is_same && was_registered {
            return None;
        }
        let version = before.as_ref().map_or(1, |before| before.version + u64::from(!is_same));
        let is_other_log =
            !is_new && before.as_ref().is_none_or(|before| before.definition.delivery != definition.delivery);
        let is_shown_otherwise =
            before.as_ref().is_some_and(|before| before.definition.fields != definition.fields);
        let registered = Registered { source: source.clone(), definition: definition.clone(), version };
        let standing_before = std::mem::replace(&mut topic.standing, Standing::Registered(registered));
        topic.keep_no_more();
        if is_shown_otherwise {
            topic.show_otherwise(&definition);
        }
        if is_other_log {
            self.begin_log(&name, effects);
        }
        changes.extend(self.topics.get(&name).and_then(Topic::record).map(Change::Define));
        for (session, was_active) in was_active {
            changes.append(&mut self.settle(session, &name, was_active, now, effects));
        }
        let action = if was_registered { RegistryAction::Updated } else { RegistryAction::Registered };
        self.tell_registry(action, &name, version, &standing_before, effects);
        Some(action)
    }

    /// An event is registered no more, but may be again in a moment.
    fn suspend(&mut self, name: &EventName, now: Timestamp, effects: &mut Vec<Effect>) -> Vec<Change> {
        let was_active = self.active_sessions(name);
        let until = now.after(self.settings.registry_grace);
        let Some(topic) = self.topics.get_mut(name) else { return Vec::new() };
        let Some(registered) = topic.registered().cloned() else { return Vec::new() };
        let version = registered.version;
        let before = std::mem::replace(&mut topic.standing, Standing::Suspended(registered, until));
        self.alarms.set(until, Alarm::Grace(name.clone()));
        let mut changes = vec![Change::Undefine(name.clone())];
        for (session, was_active) in was_active {
            changes.append(&mut self.settle(session, name, was_active, now, effects));
        }
        self.tell_registry(RegistryAction::Unregistered, name, version, &before, effects);
        changes
    }

    /// Tells those who asked, and may see the event as it is or as it was.
    fn tell_registry(
        &self,
        action: RegistryAction,
        name: &EventName,
        version: u64,
        before: &Standing,
        effects: &mut Vec<Effect>,
    ) {
        let (Some(registry), Some(topic)) = (self.topics.get(SystemEvent::REGISTRY), self.topics.get(name))
        else {
            return;
        };
        let data = json!({"action": action, "event_name": name, "version": version});
        let meta = json!({});
        let subject = Subject { data: &data, meta: &meta };
        let mut to: BTreeMap<_, ConnectionId> = BTreeMap::new();
        for (id, number) in registry.receivers() {
            let Some(session) = self.sessions.get(id) else { continue };
            let may_see =
                Self::may_see(session, name, before) || Self::may_see(session, name, &topic.standing);
            let wants = session.subscriptions.get(&number).is_some_and(|known| known.filter.matches(subject));
            if may_see && wants {
                to.extend(session.connection().map(|connection| (id, connection)));
            }
        }
        if !to.is_empty() {
            let event = SystemEvent::Registry { action, event_name: name.clone(), version };
            effects.push(Effect::System { to: to.into_values().collect(), event });
        }
    }
}

/// The rule that a definition breaks, if it breaks one.
fn broken_rule(definition: &Definition) -> Option<String> {
    let Definition { verbose_name, operations, fields, retain, .. } = definition;
    let texts = operations.iter().map(String::as_str).chain([verbose_name.as_str()]);
    let texts = texts.chain(fields.iter().flat_map(|(name, kind)| [name, kind]));
    if texts.into_iter().any(|text| text.len() > TEXT) {
        return Some(format!("a text has at most {TEXT} bytes"));
    }
    if fields.len() > FIELDS {
        return Some(format!("an event has at most {FIELDS} fields"));
    }
    if operations.len() > OPERATIONS {
        return Some(format!("an event has at most {OPERATIONS} operations"));
    }
    (retain.is_some_and(|retain| retain > RETAINED)).then(|| format!("retain is at most {RETAINED}"))
}
