//! Subscribing and unsubscribing.

use concierge_client::telegraphy::{
    Audience, Definition, Epoch, EventName, Failure, Outcome, Position, Status, Subscribe, SystemEvent,
    Timestamp, Unsubscribe, Unsubscribed,
};
use serde_json::Value;

use super::{
    Answered, Asker, Events,
    effect::Effect,
    failed,
    filter::{Filter, FilterError},
    interest::{Catchup, Feed, Interest},
    record::{Change, SessionId, SubscriptionId},
    session::{Access, Session, Subscription},
    stored::Waiting,
    topic::{Standing, Topic},
};

/// A subscription that is allowed, and may have to wait for the store.
#[derive(Debug)]
pub(super) struct Wish {
    pub session: SessionId,
    pub id: SubscriptionId,
    pub filter: Filter,
    pub subscribe: Subscribe,
}

pub(super) fn invalid_filters(error: FilterError) -> Outcome {
    Outcome::Failed(Failure { path: Some(error.path), ..Failure::new(Status::InvalidFilters, error.message) })
}

impl Events {
    pub(super) fn subscribe(
        &mut self,
        asker: Asker,
        subscribe: &Subscribe,
        now: Timestamp,
        effects: &mut Vec<Effect>,
        later: &mut Vec<Effect>,
    ) -> Answered {
        let wish = match self.wish(asker.session, subscribe) {
            Ok(wish) => wish,
            Err(outcome) => return Some(outcome),
        };
        let changes = self.changes_of(&wish);
        if changes.is_empty() {
            return Some(self.grant_wish(wish, now, later));
        }
        self.sessions.wait(asker.session);
        self.store(changes, Waiting::Subscribe { asker, wish: Box::new(wish) }, effects);
        None
    }

    /// Sees whether a session may have a subscription.
    pub(super) fn wish(&mut self, id: SessionId, subscribe: &Subscribe) -> Result<Wish, Outcome> {
        let filter = Filter::from_json(subscribe.filters.as_ref().unwrap_or(&Value::Null));
        let filter = filter.map_err(invalid_filters)?;
        self.check(id, subscribe, &filter)?;
        let limit = self.settings.subscriptions_per_session;
        let events = self.settings.events;
        let is_known = self.topics.contains_key(&subscribe.event_name);
        let gone = || failed(Status::NotConnected, "the session has ended");
        let session = self.sessions.get_mut(id).ok_or_else(gone)?;
        let existing = session.find(&subscribe.event_name, &filter);
        if existing.is_none() && session.subscriptions.len() + session.pending >= limit {
            return Err(failed(Status::LimitExceeded, format!("{limit} subscriptions per session")));
        }
        if !is_known && self.topics.len() >= events {
            return Err(failed(Status::LimitExceeded, format!("{events} events are known already")));
        }
        let number = existing.unwrap_or_else(|| {
            let number = SubscriptionId(session.next_subscription);
            session.next_subscription += 1;
            number
        });
        Ok(Wish { session: id, id: number, filter, subscribe: subscribe.clone() })
    }

    /// The same for one that has its number already.
    pub(super) fn check(&self, id: SessionId, subscribe: &Subscribe, filter: &Filter) -> Result<(), Outcome> {
        let name = &subscribe.event_name;
        let unknown = || failed(Status::UnknownEvent, format!("event '{name}' is not registered"));
        if !name.is_publishable() && *name != SystemEvent::REGISTRY {
            return Err(unknown());
        }
        let can_return = self.sessions.get(id).is_some_and(|session| session.token.is_some());
        if subscribe.permanent && !can_return {
            return Err(failed(Status::NotAuthorized, "permanent needs a session"));
        }
        let (access, topic) = self.access(id, name);
        let registered = topic.and_then(Topic::registered);
        let is_there =
            registered.is_some() || topic.is_some_and(|topic| matches!(topic.standing, Standing::System));
        match access {
            // Nothing leaks of what may not be seen, not even which fields it has.
            _ if subscribe.lazy && !(is_there && access.is_any()) => return Ok(()),
            _ if !is_there => return Err(unknown()),
            Access::Nothing if self.is_concealed(topic) => return Err(unknown()),
            Access::Nothing => {
                return Err(failed(Status::NotAuthorized, format!("event '{name}' is not for this session")));
            }
            Access::All | Access::Filtered(_) => {}
        }
        registered.map_or(Ok(()), |registered| check_fields(&registered.definition, filter))
    }

    /// Whether who may not see an event is not told that there is one.
    pub(super) fn is_concealed(&self, topic: Option<&Topic>) -> bool {
        let definition = topic.and_then(Topic::definition);
        let is_private = definition.is_some_and(|definition| definition.audience == Audience::Private);
        self.settings.conceal_private && is_private
    }

    /// What must be durable before a subscription is answered.
    pub(super) fn changes_of(&self, wish: &Wish) -> Vec<Change> {
        let Some(session) = self.sessions.get(wish.session) else { return Vec::new() };
        let existing = session.subscriptions.get(&wish.id);
        let was_permanent = existing.is_some_and(|existing| existing.is_permanent);
        if !wish.subscribe.permanent {
            return if was_permanent { session.forgetting(&[wish.id]) } else { Vec::new() };
        }
        if existing.is_some_and(|existing| existing.is_permanent && existing.is_lazy == wish.subscribe.lazy) {
            return Vec::new();
        }
        let since = match existing {
            Some(existing) => existing.since.clone(),
            None => self.position_of(&wish.subscribe.event_name),
        };
        let subscription = super::record::SubscriptionRecord {
            session: wish.session,
            id: wish.id,
            event: wish.subscribe.event_name.clone(),
            filters: wish.filter.canonical().into(),
            lazy: wish.subscribe.lazy,
            since,
        };
        let session = session.record().map(Change::KeepSession);
        session.into_iter().chain([Change::KeepSubscription(subscription)]).collect()
    }

    /// Where an event's log ends; nowhere when there is none yet.
    fn position_of(&self, event: &EventName) -> Position {
        let none = || Position { epoch: Epoch::new(""), offset: 0 };
        self.topics.get(event).map_or_else(none, Topic::position)
    }

    /// Subscribes. What it asks of the past follows the answer.
    pub(super) fn grant_wish(&mut self, wish: Wish, now: Timestamp, later: &mut Vec<Effect>) -> Outcome {
        let Wish { session: id, id: number, filter, subscribe } = wish;
        let name = &subscribe.event_name;
        self.know(name);
        let since = self.position_of(name);
        let (Some(session), Some(topic)) = (self.sessions.get_mut(id), self.topics.get_mut(name)) else {
            return failed(Status::NotConnected, "the session has ended");
        };
        // Another connection may have got there while this one waited for the store.
        let number = session.find(name, &filter).unwrap_or(number);
        let existing = session.subscriptions.get_mut(&number);
        let is_existing = existing.is_some();
        if let Some(existing) = existing {
            existing.is_permanent = subscribe.permanent;
            existing.is_lazy = subscribe.lazy;
        } else {
            let Ok((filter_id, filter)) = topic.enter(filter, id, number) else {
                let message = super::filter::TooManyResidual.to_string();
                self.forget_if_idle(name, now);
                return failed(Status::LimitExceeded, message);
            };
            let is_slow = session.is_slow();
            let interest = session.interests.remove(name);
            let mut interest = interest.unwrap_or_else(|| Interest::new(topic.position()));
            if is_slow && topic.is_guaranteed() && interest.feed == Feed::Live {
                interest.feed = Feed::Paused(Catchup::late(topic.head));
            }
            interest.join(number, topic.head);
            session.interests.insert(name.clone(), interest);
            let subscription = Subscription {
                event: name.clone(),
                filter,
                filter_id,
                is_permanent: subscribe.permanent,
                is_lazy: subscribe.lazy,
                since,
            };
            session.subscriptions.insert(number, subscription);
        }
        let recovered = self.past_wish(id, number, &subscribe, now, later);
        let told = self.told_subscription(id, number);
        let told = told.map(|told| concierge_client::telegraphy::Subscription {
            existing: Some(is_existing),
            recovered,
            ..told
        });
        told.map_or_else(
            || failed(Status::NotConnected, "the session has ended"),
            |told| Outcome::Subscribed(Box::new(told)),
        )
    }

    /// What a subscription asks of the past; whether it gets it, if it asks.
    fn past_wish(
        &mut self,
        id: SessionId,
        number: SubscriptionId,
        subscribe: &Subscribe,
        now: Timestamp,
        later: &mut Vec<Effect>,
    ) -> Option<bool> {
        let name = &subscribe.event_name;
        if !self.is_active(id, name) {
            return None;
        }
        let topic = self.topics.get(name).filter(|topic| topic.has_log())?;
        let from = match (&subscribe.since, subscribe.history) {
            (Some(since), _) => since.clone(),
            (None, Some(last)) => {
                // As many as there are, of what is kept.
                let first = topic.since(0).next().map_or(topic.trimmed, |first| first.position().offset - 1);
                let from = topic.head.saturating_sub(u64::from(last));
                let from = if topic.is_guaranteed() { from.max(topic.trimmed) } else { from.max(first) };
                Position { epoch: topic.epoch.clone(), offset: from }
            }
            (None, None) => return None,
        };
        let is_whole = topic.reaches(&from, now) || subscribe.since.is_none();
        if is_whole {
            self.rewind(id, name, number, from.offset, now, later);
        }
        Some(is_whole)
    }

    pub(super) fn unsubscribe(
        &mut self,
        asker: Asker,
        unsubscribe: &Unsubscribe,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Answered {
        let name = &unsubscribe.event_name;
        let filter = match unsubscribe.filters.as_ref().map(Filter::from_json).transpose() {
            Ok(filter) => filter,
            Err(error) => return Some(invalid_filters(error)),
        };
        let session = self.sessions.get(asker.session)?;
        let ids: Vec<_> = if let Some(filter) = &filter {
            session.find(name, filter).into_iter().collect()
        } else {
            let interest = session.interests.get(name);
            interest.into_iter().flat_map(|interest| interest.subscriptions.iter().copied()).collect()
        };
        if ids.is_empty() {
            return Some(failed(Status::NotSubscribed, format!("there is no such subscription to '{name}'")));
        }
        let changes = session.forgetting(&ids);
        if changes.is_empty() {
            return Some(self.unsubscribe_now(asker.session, &ids, now));
        }
        self.store(changes, Waiting::Unsubscribe { asker, ids }, effects);
        None
    }

    pub(super) fn unsubscribe_now(
        &mut self,
        session: SessionId,
        ids: &[SubscriptionId],
        now: Timestamp,
    ) -> Outcome {
        for id in ids {
            self.remove_subscription(session, *id, now);
        }
        Outcome::Unsubscribed(Unsubscribed { removed: ids.iter().map(ToString::to_string).collect() })
    }

    /// A subscription is no more.
    pub(super) fn remove_subscription(&mut self, id: SessionId, number: SubscriptionId, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(subscription) = session.subscriptions.remove(&number) else { return };
        let event = subscription.event;
        if let Some(interest) = session.interests.get_mut(&event) {
            interest.leave(number);
            if interest.subscriptions.is_empty() {
                session.interests.remove(&event);
            }
        }
        if let Some(topic) = self.topics.get_mut(&event) {
            topic.leave(subscription.filter_id, id, number);
        }
        self.forget_if_idle(&event, now);
    }
}

/// Types of fields that hold nothing a path could go on into.
const SCALARS: [&str; 11] = [
    "boolean", "date", "datetime", "decimal", "float", "integer", "number", "string", "text", "time", "uuid",
];

/// Sees whether a filter looks at published fields only.
fn check_fields(definition: &Definition, filter: &Filter) -> Result<(), Outcome> {
    let fields = &definition.fields;
    if fields.is_empty() {
        return Ok(());
    }
    for path in filter.paths() {
        let refuse = |message: String| Err(invalid_filters(FilterError { path: path.join("__"), message }));
        let Some((name, rest)) = path.split_first() else { continue };
        let Some((_, kind)) = fields.iter().find(|(field, _)| field == name) else {
            return refuse(format!("event '{}' has no field '{name}'", definition.name));
        };
        if let Some(word) = rest.first().filter(|_| SCALARS.contains(&kind)) {
            return refuse(format!("unknown lookup '{word}'"));
        }
    }
    Ok(())
}

impl Session {
    /// What the store forgets when these subscriptions are gone: those that it has, and the session if they are the last.
    pub(super) fn forgetting(&self, ids: &[SubscriptionId]) -> Vec<Change> {
        let permanent = self.subscriptions.iter().filter(|(_, known)| known.is_permanent).map(|(id, _)| *id);
        let (gone, left): (Vec<_>, Vec<_>) = permanent.partition(|id| ids.contains(id));
        if gone.is_empty() {
            return Vec::new();
        }
        if left.is_empty() && self.pending == 0 {
            return vec![Change::ForgetSession(self.id)];
        }
        gone.into_iter().map(|id| Change::ForgetSubscription(self.id, id)).collect()
    }
}
