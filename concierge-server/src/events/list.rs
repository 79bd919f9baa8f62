//! What a session may ask about: events, its subscriptions, the past, and who listens.

use std::collections::BTreeSet;

use concierge_client::telegraphy::{
    Ack, Acknowledged, Disclosure, EventList, EventName, FetchHistory, FetchPresence, History, ListEvents,
    Outcome, Position, Presence, Status, Subscription, SubscriptionList, Timestamp,
};
use serde_json::Value;

use super::{
    Answered, Asker, Events,
    effect::Effect,
    failed,
    feed::Reading,
    filter::Filter,
    input::ReadTicket,
    published::{Published, Variant},
    record::{Page, SessionId, SubscriptionId},
    session::Access,
    subscribe::invalid_filters,
    topic::{Standing, Topic},
};

/// The most events of an `EVENTS`.
const LISTED: u32 = 1_000;
/// How many there are when nobody says.
const USUALLY_LISTED: u32 = 100;

/// A `HISTORY` that waits for a piece of a log.
#[derive(Debug)]
pub(super) struct Fetch {
    asker: Asker,
    event: EventName,
    filter: Filter,
    from: Position,
    is_whole: bool,
}

impl Events {
    pub(super) fn list_events(&self, session: SessionId, list: &ListEvents) -> Outcome {
        let limit = list.limit.unwrap_or(USUALLY_LISTED).clamp(1, LISTED);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let wanted = |name: &EventName| match list.name.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => *name == *pattern,
            },
        };
        let visible = self.topics.iter().filter(|(name, _)| {
            list.after.as_ref().is_none_or(|after| *name > after)
                && wanted(name)
                && self.access(session, name).0.is_any()
        });
        let mut events: Vec<_> = visible.filter_map(|(_, topic)| topic.listed()).take(limit + 1).collect();
        let is_more = events.len() > limit;
        events.truncate(limit);
        let after = events.last().map(|listed| listed.definition.name.clone()).filter(|_| is_more);
        Outcome::Events(EventList { events, after })
    }

    pub(super) fn list_subscriptions(&self, session: SessionId) -> Outcome {
        Outcome::Subscriptions(SubscriptionList { subscriptions: self.told_subscriptions(session) })
    }

    /// Every subscription of a session, as it is told of them.
    pub(super) fn told_subscriptions(&self, id: SessionId) -> Vec<Subscription> {
        let session = self.sessions.get(id);
        let ids = session.into_iter().flat_map(|session| session.subscriptions.keys());
        ids.filter_map(|number| self.told_subscription(id, *number)).collect()
    }

    pub(super) fn told_subscription(&self, id: SessionId, number: SubscriptionId) -> Option<Subscription> {
        let subscription = self.sessions.get(id)?.subscriptions.get(&number)?;
        let registered = self.is_active(id, &subscription.event);
        let topic = self.topics.get(&subscription.event).filter(|topic| registered && topic.has_log());
        let position = topic.map(Topic::position);
        let (epoch, offset) = position.map(|position| (position.epoch, position.offset)).unzip();
        Some(Subscription {
            subscription: number.to_string(),
            event_name: subscription.event.clone(),
            filters: serde_json::from_str(subscription.filter.canonical()).unwrap_or(Value::Null),
            permanent: subscription.is_permanent,
            lazy: subscription.is_lazy,
            registered,
            existing: None,
            epoch,
            offset,
            delivery: topic.map(Topic::delivery),
            recovered: None,
        })
    }

    pub(super) fn acknowledge(&mut self, id: SessionId, ack: &Ack) -> Outcome {
        let Ack { event_name, epoch, offset } = ack;
        let interest = self.sessions.get_mut(id).and_then(|session| session.interests.get_mut(event_name));
        let topic = self.topics.get(event_name).filter(|topic| topic.is_guaranteed());
        let (Some(interest), Some(topic)) = (interest, topic) else {
            let message = format!("there is no guaranteed subscription to '{event_name}'");
            return failed(Status::NotSubscribed, message);
        };
        if *epoch != topic.epoch || interest.acknowledged.epoch != topic.epoch {
            return failed(Status::InvalidMessage, format!("the epoch of '{event_name}' is {}", topic.epoch));
        }
        if *offset > interest.sent.max(interest.acknowledged.offset) {
            return failed(Status::InvalidMessage, format!("offset {offset} was never sent"));
        }
        interest.acknowledged.offset = interest.acknowledged.offset.max(*offset);
        Outcome::Acknowledged(Acknowledged { offset: interest.acknowledged.offset })
    }

    /// The topic, if there is one that the session may see.
    fn visible(&self, session: SessionId, name: &EventName) -> Result<(Access<'_>, &Topic), Outcome> {
        let unknown = || failed(Status::UnknownEvent, format!("event '{name}' is not registered"));
        let (access, topic) = self.access(session, name);
        let topic = topic.filter(|topic| matches!(topic.standing, Standing::Registered(_)));
        match topic {
            None => Err(unknown()),
            Some(topic) if access.is_any() => Ok((access, topic)),
            topic if self.is_concealed(topic) => Err(unknown()),
            Some(_) => Err(failed(Status::NotAuthorized, format!("event '{name}' is not for this session"))),
        }
    }

    pub(super) fn history(
        &mut self,
        asker: Asker,
        history: &FetchHistory,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Answered {
        let limit = history.limit.unwrap_or(self.settings.history).clamp(1, self.settings.history);
        let filter = match Filter::from_json(history.filters.as_ref().unwrap_or(&Value::Null)) {
            Ok(filter) => filter,
            Err(error) => return Some(invalid_filters(error)),
        };
        let (access, topic) = match self.visible(asker.session, &history.event_name) {
            Ok(found) => found,
            Err(outcome) => return Some(outcome),
        };
        let last = || Position {
            epoch: topic.epoch.clone(),
            offset: topic.head.saturating_sub(u64::from(limit)).max(topic.trimmed),
        };
        let said = history.since.clone();
        let is_whole = said.as_ref().is_none_or(|said| topic.reaches(said, now));
        // Of another log, nothing is known but this one's beginning.
        let from = match said {
            Some(said) if said.epoch == topic.epoch => said,
            Some(_) => Position { epoch: topic.epoch.clone(), offset: topic.trimmed },
            None => last(),
        };
        let event = history.event_name.clone();
        if topic.is_guaranteed() && from.offset < topic.head {
            let (epoch, after) = (topic.epoch.clone(), from.offset);
            let ticket = ReadTicket(self.next_ticket());
            let fetch = Fetch { asker, event: event.clone(), filter, from, is_whole };
            self.readings.insert(ticket, Reading::History(Box::new(fetch)));
            effects.push(Effect::Read { ticket, event, epoch, after, limit });
            return None;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let past: Vec<_> = topic.since(from.offset).take(limit).collect();
        let is_all = past.len() < limit;
        let offset = past.last().filter(|_| !is_all).map_or(topic.head, |last| last.position().offset);
        let shown = past.into_iter().filter(|event| !event.is_expired(now));
        let events = shown.filter(|event| is_shown(event, access, &filter)).map(|event| as_past(event));
        Some(Outcome::History(History {
            epoch: topic.epoch.clone(),
            offset,
            recovered: is_whole,
            events: events.collect(),
        }))
    }

    pub(super) fn read_for_history(
        &mut self,
        fetch: Fetch,
        page: Option<Page>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Asker { connection, id, session } = fetch.asker;
        let outcome = match page {
            Some(page) => self.history_of(session, fetch, page, now),
            None => failed(Status::Unavailable, "the log cannot be read"),
        };
        effects.push(Effect::Answer { to: connection, id, outcome });
    }

    fn history_of(&self, session: SessionId, fetch: Fetch, page: Page, now: Timestamp) -> Outcome {
        // What the session may see, it may have to see no more.
        let (access, topic) = match self.visible(session, &fetch.event) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let until = page.until.min(topic.head).max(fetch.from.offset);
        let recovered = fetch.is_whole && page.trimmed <= fetch.from.offset && page.expired.is_empty();
        let definition = topic.definition().map(|definition| &**definition);
        let events = page.events.into_iter().filter(|record| record.offset <= until);
        let events = events.filter_map(|record| Published::from_record(record, definition));
        let events = events.filter(|event| !event.is_expired(now) && is_shown(event, access, &fetch.filter));
        let events = events.map(|event| as_past(&event)).collect();
        Outcome::History(History { epoch: fetch.from.epoch, offset: until, recovered, events })
    }

    pub(super) fn presence(&self, session: SessionId, fetch: &FetchPresence) -> Outcome {
        let filter = match fetch.filters.as_ref().map(Filter::from_json).transpose() {
            Ok(filter) => filter,
            Err(error) => return invalid_filters(error),
        };
        let topic = match self.visible(session, &fetch.event_name) {
            Ok((_, topic)) => topic,
            Err(outcome) => return outcome,
        };
        let disclosure = topic.definition().map(|definition| definition.presence).unwrap_or_default();
        if disclosure == Disclosure::None {
            let message = format!("who listens to '{}' is not told", fetch.event_name);
            return failed(Status::NotAuthorized, message);
        }
        let presence = self.listeners(&fetch.event_name, topic, filter.as_ref());
        let users = presence.users.filter(|_| disclosure == Disclosure::Users);
        Outcome::Presence(Presence { users, ..presence })
    }

    /// Who is connected and receives an event.
    pub(super) fn listeners(&self, name: &EventName, topic: &Topic, filter: Option<&Filter>) -> Presence {
        let receivers = match filter {
            Some(filter) => topic.receivers_of(filter),
            None => topic.receivers(),
        };
        let sessions: BTreeSet<_> = receivers.into_iter().map(|(session, _)| session).collect();
        let there = sessions.into_iter().filter(|id| self.is_active(*id, name));
        let there: Vec<_> = there
            .filter_map(|id| self.sessions.get(id))
            .filter(|session| session.connection().is_some())
            .collect();
        let users: BTreeSet<_> = there.iter().filter_map(|session| session.user.clone()).collect();
        Presence {
            sessions: u64::try_from(there.len()).unwrap_or(u64::MAX),
            users: Some(users.into_iter().collect()),
        }
    }
}

fn is_shown(event: &Published, access: Access<'_>, filter: &Filter) -> bool {
    access.allows(event) && filter.matches(event.subject())
}

fn as_past(event: &Published) -> concierge_client::telegraphy::Event {
    event.event(&Variant { is_replay: true, ..Variant::default() })
}
