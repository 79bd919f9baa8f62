//! What happens by itself, when its time comes.

use std::collections::BTreeSet;

use concierge_client::telegraphy::{EventName, Timestamp};

use super::{Events, effect::Effect, record::SessionId, session::Presence, topic::Standing};

/// What may be due. Whether it still is, is seen then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A session has lived long enough.
    Expiry(SessionId),
    /// A lost connection's subscriptions need not be kept any longer.
    ResumeWindow(SessionId),
    /// An event that is registered no more may be forgotten.
    Grace(EventName),
}

/// What is due when.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeSet<(Timestamp, Alarm)>);

impl Alarms {
    pub(super) fn set(&mut self, at: Timestamp, alarm: Alarm) {
        self.0.insert((at, alarm));
    }

    pub(super) fn cancel(&mut self, at: Timestamp, alarm: Alarm) {
        self.0.remove(&(at, alarm));
    }

    fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    fn due(&mut self, now: Timestamp) -> Option<Alarm> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, alarm)| alarm)
    }
}

impl Events {
    /// When [`Events::handle_deadline`] wants to be called.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.alarms.next()
    }

    /// Time has passed. May be called at any time: early, nothing happens.
    pub fn handle_deadline(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some(alarm) = self.alarms.due(now) {
            match alarm {
                Alarm::Expiry(session) => self.expire(session, now, effects),
                Alarm::ResumeWindow(session) => self.give_up(session, now),
                Alarm::Grace(event) => self.forget(&event, now, effects),
            }
        }
    }

    fn expire(&mut self, id: SessionId, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.expires > now {
            return;
        }
        match session.presence {
            // Whoever is there lives on.
            Presence::Connected { .. } => {
                session.expires = now.after(self.settings.session_ttl);
                self.alarms.set(session.expires, Alarm::Expiry(id));
            }
            Presence::Away { .. } => {
                let changes = self.end(id, now);
                self.store_unasked(changes, effects);
            }
        }
    }

    /// A session that nobody came back to keeps only what is permanent.
    fn give_up(&mut self, id: SessionId, now: Timestamp) {
        let Some(session) = self.sessions.get(id) else { return };
        let Presence::Away { since } = session.presence else { return };
        if since.after(self.settings.resume_window) > now {
            return;
        }
        let subscriptions = session.subscriptions.iter();
        let given_up: Vec<_> =
            subscriptions.filter(|(_, subscription)| !subscription.is_permanent).map(|(id, _)| *id).collect();
        for subscription in given_up {
            self.remove_subscription(id, subscription, now);
        }
    }

    fn forget(&mut self, event: &EventName, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(topic) = self.topics.get_mut(event) else { return };
        topic.ids.forget(before(now, self.settings.dedupe_window));
        if let Standing::Suspended(_, until) = &topic.standing {
            if *until > now {
                return;
            }
            topic.standing = Standing::Unregistered;
            self.begin_log(event, effects);
            self.let_go(event, now, effects);
        }
        self.forget_if_idle(event, now);
    }

    /// Nobody may need an event any more that is not registered.
    pub(super) fn forget_if_idle(&mut self, event: &EventName, now: Timestamp) {
        let Some(topic) = self.topics.get(event) else { return };
        if topic.is_idle() {
            self.topics.remove(event);
        } else if matches!(topic.standing, Standing::Unregistered) && !topic.ids.is_empty() {
            let window = self.settings.dedupe_window;
            self.alarms.set(now.after(window), Alarm::Grace(event.clone()));
        }
    }
}

/// That much earlier, or the beginning of time.
pub(super) fn before(now: Timestamp, time: std::time::Duration) -> Timestamp {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Timestamp::from_micros(now.micros().saturating_sub(micros))
}
