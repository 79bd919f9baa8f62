//! What becomes of subscriptions when what a session may see changes, or what there is to see.

use std::collections::BTreeMap;

use concierge_client::telegraphy::{EventName, Position, SubscriptionState, SystemEvent, Timestamp};

use super::{
    Events,
    effect::Effect,
    feed::gap,
    record::{Change, SessionId, SubscriptionId},
    session::{Granted, Session},
    topic::{Standing, Topic},
};

/// Why a subscription is gone.
const FORBIDDEN: &str = "the session may not see the event any more";
const UNREGISTERED: &str = "the event is not registered any more";

impl Events {
    /// A session may see this from now on, and nothing else. What the store is to know of its subscriptions is returned.
    pub(super) fn regrant(
        &mut self,
        id: SessionId,
        grants: Granted,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Vec<Change> {
        let Some(session) = self.sessions.get(id) else { return Vec::new() };
        let events: Vec<_> = session.interests.keys().cloned().collect();
        let before: BTreeMap<_, _> =
            events.into_iter().map(|event| (event.clone(), self.is_active(id, &event))).collect();
        if let Some(session) = self.sessions.get_mut(id) {
            session.grants = grants;
        }
        let mut changes = Vec::new();
        for (event, was_active) in before {
            changes.append(&mut self.settle(id, &event, was_active, now, effects));
        }
        changes
    }

    /// Has a session's subscriptions to an event be what they must be now.
    pub(super) fn settle(
        &mut self,
        id: SessionId,
        event: &EventName,
        was_active: bool,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Vec<Change> {
        let is_active = self.is_active(id, event);
        let is_there = self.topics.get(event).is_some_and(|topic| topic.registered().is_some());
        let Some(session) = self.sessions.get(id) else { return Vec::new() };
        let connection = session.connection();
        let of_event = session.interests.get(event).into_iter().flat_map(|interest| &interest.subscriptions);
        let known = of_event.filter_map(|number| {
            let subscription = session.subscriptions.get(number)?;
            Some((*number, subscription.is_lazy))
        });
        let (mut told, mut revoked) = (Vec::new(), Vec::new());
        for (number, is_lazy) in known {
            if is_there && !is_active && !is_lazy {
                revoked.push(number);
                told.push((number, SubscriptionState::Revoked, Some(FORBIDDEN)));
            } else if is_active && !was_active {
                told.push((number, SubscriptionState::Active, None));
            } else if !is_active && was_active {
                let reason = if is_there { FORBIDDEN } else { UNREGISTERED };
                told.push((number, SubscriptionState::Suspended, Some(reason)));
            }
        }
        if let Some(connection) = connection {
            effects.extend(told.into_iter().map(|(number, state, reason)| {
                let event = SystemEvent::Subscription {
                    subscription: number.to_string(),
                    event_name: event.clone(),
                    state,
                    reason: reason.map(str::to_owned),
                };
                Effect::System { to: vec![connection], event }
            }));
        }
        self.revoke(id, &revoked, now)
    }

    fn revoke(&mut self, id: SessionId, numbers: &[SubscriptionId], now: Timestamp) -> Vec<Change> {
        let changes = self.sessions.get(id).map(|session| session.forgetting(numbers)).unwrap_or_default();
        for number in numbers {
            self.remove_subscription(id, *number, now);
        }
        changes
    }

    /// An event is not registered any more, and will not be soon: only those go on waiting that said they would.
    pub(super) fn let_go(&mut self, event: &EventName, now: Timestamp, effects: &mut Vec<Effect>) {
        let receivers = self.topics.get(event).map(Topic::receivers).unwrap_or_default();
        let mut changes = Vec::new();
        for (id, number) in receivers {
            let Some(session) = self.sessions.get_mut(id) else { continue };
            if session.subscriptions.get(&number).is_none_or(|subscription| subscription.is_lazy) {
                continue;
            }
            if let Some(connection) = session.connection() {
                let event = SystemEvent::Subscription {
                    subscription: number.to_string(),
                    event_name: event.clone(),
                    state: SubscriptionState::Revoked,
                    reason: Some(UNREGISTERED.to_owned()),
                };
                effects.push(Effect::System { to: vec![connection], event });
            }
            changes.append(&mut self.revoke(id, &[number], now));
        }
        self.store_unasked(changes, effects);
    }

    /// An event has another log: everything in it is new to everybody, and what was still to come of the one before is lost.
    pub(super) fn begin_log(&mut self, event: &EventName, effects: &mut Vec<Effect>) {
        let epoch = self.next_epoch();
        let Some(topic) = self.topics.get_mut(event) else { return };
        let end = topic.position();
        topic.begin(epoch);
        for (id, _) in topic.receivers() {
            let Some(session) = self.sessions.get_mut(id) else { continue };
            let connection = session.connection();
            let Some(interest) = session.interests.get_mut(event) else { continue };
            let lacking = interest.lacking(&end);
            interest.restart(topic);
            if let (Some(connection), Some((first, last))) = (connection, lacking) {
                let to = Position { epoch: first.epoch, offset: last };
                effects.push(gap(connection, event, &to, first.offset));
            }
        }
    }

    /// Which sessions an event reaches.
    pub(super) fn active_sessions(&self, event: &EventName) -> BTreeMap<SessionId, bool> {
        let receivers = self.topics.get(event).map(Topic::receivers).unwrap_or_default();
        receivers.into_iter().map(|(id, _)| (id, self.is_active(id, event))).collect()
    }

    /// Whether a session may see an event that is, or was, defined so.
    pub(super) fn may_see(session: &Session, event: &EventName, standing: &Standing) -> bool {
        match standing {
            Standing::Registered(registered) | Standing::Suspended(registered, _) => {
                session.access(event, Some(&*registered.definition)).is_any()
            }
            Standing::Unregistered | Standing::System => false,
        }
    }
}
