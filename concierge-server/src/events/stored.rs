//! What waits for the store, and what becomes of it.

use std::sync::Arc;

use concierge_client::telegraphy::{CloseCode, Failure, Outcome, RequestId, Status, Timestamp};

use super::{
    Asker, Events,
    connect::{Arrival, Newcomer},
    effect::{ConnectionId, Defined, Effect, Refusal, Reply},
    input::{CallId, StoreTicket},
    published::Published,
    record::{Change, NotStored, SubscriptionId},
    session::Session,
    subscribe::Wish,
};

/// What waits for the store.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Nobody: what was stored is good to have, but nobody is told.
    Nobody,
    /// A `CONNECT` that takes up an earlier session.
    Adopt { arrival: Arrival, newcomer: Box<Newcomer> },
    /// An answer of which everything is done.
    Answer { connection: ConnectionId, id: RequestId, outcome: Box<Outcome> },
    /// A `DISCONNECT` that ended the session.
    Disconnected { connection: ConnectionId, id: RequestId },
    /// A subscription.
    Subscribe { asker: Asker, wish: Box<Wish> },
    /// Subscriptions of several sessions, for the web application.
    SubscribeAll { call: CallId, wishes: Vec<Wish>, concerned: usize },
    /// The end of subscriptions.
    Unsubscribe { asker: Asker, ids: Vec<SubscriptionId> },
    /// A guaranteed event.
    Publish { call: CallId, event: Arc<Published>, id: Option<Arc<str>> },
    /// A set of definitions, which are in force.
    Define { call: CallId, source: Arc<str>, defined: Defined },
    /// A reply of which everything is done.
    Reply { call: CallId, reply: Reply },
}

/// When to try again what could not be stored, in seconds.
const RETRY_AFTER: u64 = 2;

impl Events {
    pub(super) fn stored(
        &mut self,
        ticket: StoreTicket,
        outcome: Result<(), NotStored>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(waiting) = self.waiting.remove(&ticket) else { return };
        match outcome {
            Ok(()) => self.durable(waiting, now, effects),
            Err(why) => self.not_durable(waiting, why, effects),
        }
    }

    fn durable(&mut self, waiting: Waiting, now: Timestamp, effects: &mut Vec<Effect>) {
        match waiting {
            Waiting::Nobody => {}
            Waiting::Adopt { arrival, newcomer } => {
                // It may be gone by now, and so may the session.
                if !self.arriving.remove(&arrival.connection) {
                    return;
                }
                if self.sessions.get(arrival.session).is_some() {
                    self.adopt(arrival, *newcomer, now, effects);
                } else {
                    unavailable_at_the_door(arrival, "the session has ended", effects);
                }
            }
            Waiting::Answer { connection, id, outcome } => {
                effects.push(Effect::Answer { to: connection, id, outcome: *outcome });
            }
            Waiting::Disconnected { connection, id } => {
                effects.push(Effect::Answer { to: connection, id, outcome: Outcome::Disconnected });
                effects.push(Effect::Close { connection, code: CloseCode::Normal });
            }
            Waiting::Subscribe { asker: Asker { connection, id, .. }, mut wish } => {
                let mut later = Vec::new();
                if self.sessions.get(wish.session).and_then(Session::connection) != Some(connection) {
                    // Who has come back meanwhile has said where it is.
                    (wish.subscribe.since, wish.subscribe.history) = (None, None);
                }
                let outcome = self.subscribed(*wish, now, &mut later);
                effects.push(Effect::Answer { to: connection, id, outcome });
                effects.append(&mut later);
            }
            Waiting::SubscribeAll { call, wishes, concerned } => {
                effects.push(Effect::Reply { call, reply: Reply::Concerned(concerned) });
                for wish in wishes {
                    self.subscribed(wish, now, effects);
                }
            }
            Waiting::Unsubscribe { asker, ids } => {
                let outcome = self.unsubscribe_now(asker.session, &ids, now);
                effects.push(Effect::Answer { to: asker.connection, id: asker.id, outcome });
            }
            Waiting::Publish { call, event, id } => self.published(call, &event, id.as_deref(), effects),
            Waiting::Define { call, source, defined } => {
                self.unsaved.remove(&source);
                effects.push(Effect::Reply { call, reply: Reply::Defined(defined) });
            }
            Waiting::Reply { call, reply } => effects.push(Effect::Reply { call, reply }),
        }
    }

    fn not_durable(&mut self, waiting: Waiting, why: NotStored, effects: &mut Vec<Effect>) {
        let refused = |call| Effect::Reply { call, reply: Reply::Refused(Refusal::NotStored(why)) };
        match waiting {
            Waiting::Nobody => {}
            Waiting::Adopt { arrival, .. } => {
                if self.arriving.remove(&arrival.connection) {
                    unavailable_at_the_door(arrival, why.to_string(), effects);
                }
            }
            Waiting::Answer { connection, id, .. }
            | Waiting::Unsubscribe { asker: Asker { connection, id, .. }, .. } => {
                effects.push(Effect::Answer { to: connection, id, outcome: unavailable(why) });
            }
            Waiting::Disconnected { connection, id } => {
                effects.push(Effect::Answer { to: connection, id, outcome: unavailable(why) });
                effects.push(Effect::Close { connection, code: CloseCode::Unavailable });
            }
            Waiting::Subscribe { asker: Asker { connection, id, .. }, wish } => {
                self.sessions.wait_no_more(wish.session);
                effects.push(Effect::Answer { to: connection, id, outcome: unavailable(why) });
            }
            Waiting::SubscribeAll { call, wishes, .. } => {
                for wish in &wishes {
                    self.sessions.wait_no_more(wish.session);
                }
                effects.push(refused(call));
            }
            Waiting::Publish { call, event, id } => {
                self.not_published(call, &event, id.as_deref(), why, effects);
            }
            Waiting::Define { call, source, .. } => {
                self.unsaved.insert(source);
                effects.push(refused(call));
            }
            Waiting::Reply { call, .. } => effects.push(refused(call)),
        }
    }

    /// A permanent subscription is durable: now it is there, unless the event or the right to see it has gone meanwhile.
    fn subscribed(&mut self, wish: Wish, now: Timestamp, later: &mut Vec<Effect>) -> Outcome {
        let (id, number) = (wish.session, wish.id);
        self.sessions.wait_no_more(id);
        let outcome = match self.check(id, &wish.subscribe, &wish.filter) {
            Ok(()) => self.grant_wish(wish, now, later),
            Err(outcome) => outcome,
        };
        if let Some(session) = self.sessions.get(id)
            && !session.subscriptions.contains_key(&number)
        {
            // What the store has under this number is not there, or is under another one.
            let known = session.subscriptions.iter().filter(|(_, known)| known.is_permanent);
            let mut changes: Vec<_> = known
                .filter_map(|(number, _)| session.record_of(*number))
                .map(Change::KeepSubscription)
                .collect();
            if session.is_kept() {
                changes.push(Change::ForgetSubscription(id, number));
            } else {
                changes.push(Change::ForgetSession(id));
            }
            self.store_unasked(changes, later);
        }
        outcome
    }
}

fn unavailable_failure(message: impl Into<String>) -> Failure {
    Failure { retry_after: Some(RETRY_AFTER), ..Failure::new(Status::Unavailable, message) }
}

fn unavailable(why: NotStored) -> Outcome {
    Outcome::Failed(unavailable_failure(why.to_string()))
}

fn unavailable_at_the_door(arrival: Arrival, message: impl Into<String>, effects: &mut Vec<Effect>) {
    let Arrival { connection, id, .. } = arrival;
    let outcome = Outcome::Failed(unavailable_failure(message));
    effects.push(Effect::Answer { to: connection, id, outcome });
    effects.push(Effect::Close { connection, code: CloseCode::Unavailable });
}
