//! Who receives an event, and how it looks to each.

use std::{collections::BTreeMap, sync::Arc};

use concierge_client::telegraphy::{EventName, Transition};

use super::{
    Events,
    effect::{ConnectionId, Effect},
    interest::Feed,
    published::{Published, Variant},
    record::SubscriptionId,
    session::{Access, Session},
    topic::{Match, Topic},
};

impl Events {
    /// Has an event reach everybody who wants it, may see it and is there. What somebody cannot take now is noted.
    pub(super) fn deliver(&mut self, name: &EventName, event: &Arc<Published>, effects: &mut Vec<Effect>) {
        let Some(topic) = self.topics.get(name) else { return };
        let is_guaranteed = topic.is_guaranteed();
        let definition = topic.definition().cloned();
        let mut receivers: BTreeMap<Variant, Vec<ConnectionId>> = BTreeMap::new();
        let matching = topic.matching(event);
        for matches in matching.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((id, _)) = matches.first() else { continue };
            let Some(session) = self.sessions.get_mut(*id) else { continue };
            let Some(connection) = session.connection() else { continue };
            let variant = {
                let access = session.access(name, definition.as_deref());
                let matches = matches.iter().map(|(_, found)| *found);
                variant(session, name, access, event, matches)
            };
            let Some(variant) = variant else { continue };
            if is_guaranteed || session.is_slow() {
                let Some(interest) = session.interests.get_mut(name) else { continue };
                if !is_guaranteed {
                    interest.lose(event.position());
                    continue;
                }
                // Everybody else reads it from the log when it is its turn.
                if interest.feed != Feed::Live {
                    continue;
                }
                interest.sent = event.position().offset;
            }
            receivers.entry(variant).or_default().push(connection);
        }
        effects.extend(receivers.into_iter().map(|(variant, to)| Effect::Event {
            to,
            event: event.clone(),
            variant,
        }));
    }
}

/// How an event looks to a session with these matches; not at all if it may not see it, or does not want it.
pub(super) fn variant(
    session: &Session,
    name: &EventName,
    access: Access<'_>,
    event: &Published,
    matches: impl Iterator<Item = Match> + Clone,
) -> Option<Variant> {
    if !access.allows(event) {
        return None;
    }
    let has_before = event.subject_before().is_some();
    let allowed_before = has_before && access.allowed_before(event);
    // Gone through more than once, and kept only for those who are told each of them: there may be many sessions.
    let came = matches.filter_map(|Match { subscription, is_now, was_before }| {
        let transition = match (is_now, was_before && allowed_before) {
            (true, true) => Transition::Stay,
            (true, false) => Transition::Enter,
            (false, true) => Transition::Leave,
            (false, false) => return None,
        };
        Some((subscription, transition))
    });
    let (_, first) = came.clone().next()?;
    let is_one = came.clone().all(|(_, transition)| transition == first);
    // Together they want what any of them wants.
    let is_in = came.clone().any(|(_, transition)| transition != Transition::Leave);
    let was_in = came.clone().any(|(_, transition)| transition != Transition::Enter);
    let together = match (is_in, was_in) {
        (true, true) => Transition::Stay,
        (true, false) => Transition::Enter,
        (false, _) => Transition::Leave,
    };
    let all = session.interests.get(name).map_or(0, |interest| interest.subscriptions.len());
    Some(Variant {
        subscriptions: (came.clone().count() < all).then(|| came.clone().map(|(id, _)| id).collect()),
        transition: has_before.then_some(together),
        transitions: if has_before && !is_one { came.collect() } else { Vec::new() },
        is_replay: false,
        is_redelivered: false,
    })
}

/// What of an event of the past the subscriptions of a session want, as far as they are to have it.
fn past_matches(session: &Session, event: &Published, wants: impl Fn(SubscriptionId) -> bool) -> Vec<Match> {
    let interest = session.interests.get(event.name());
    let subscriptions = interest.into_iter().flat_map(|interest| interest.subscriptions.iter().copied());
    subscriptions
        .filter(|id| wants(*id))
        .filter_map(|id| {
            let filter = &session.subscriptions.get(&id)?.filter;
            let is_now = filter.matches(event.subject());
            let was_before = event.subject_before().is_some_and(|before| filter.matches(before));
            Some(Match { subscription: id, is_now, was_before })
        })
        .collect()
}

/// What of an event of the past reaches a session, and how it looks.
pub(super) fn past_variant(
    session: &Session,
    topic: &Topic,
    event: &Published,
    wants: impl Fn(SubscriptionId) -> bool,
) -> Option<Variant> {
    let access = session.access(event.name(), topic.definition().map(|definition| &**definition));
    let matches = past_matches(session, event, wants);
    variant(session, event.name(), access, event, matches.iter().copied())
}
