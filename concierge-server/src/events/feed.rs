//! How connections catch up with logs: after they were away, after they were slow, and for what they ask of the past.

use std::{collections::BTreeMap, sync::Arc};

use concierge_client::telegraphy::{EventName, Position, Subscription, SystemEvent, Timestamp};

use super::{
    Events,
    deliver::past_variant,
    effect::{ConnectionId, Effect},
    input::ReadTicket,
    interest::{Catchup, Feed, Interest},
    list::Fetch,
    published::Published,
    record::{Page, SessionId, SubscriptionId},
    session::Session,
    topic::Standing,
};

/// Who waits for a piece of a log.
#[derive(Debug)]
pub(super) enum Reading {
    /// A connection that catches up, with what is after this offset.
    Feed { session: SessionId, event: EventName, after: u64 },
    /// A `HISTORY`.
    History(Box<Fetch>),
}

/// Where to go on with each event, after the answer.
pub(super) type Feeds = Vec<(EventName, Resume)>;

/// How a connection goes on with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resume {
    /// With everything after this offset.
    After(u64),
    /// With what comes; those from here on may be missing.
    Gap(u64),
}

impl Session {
    pub(super) fn stop_feeds(&mut self) {
        self.interests.values_mut().for_each(Interest::stop);
    }
}

impl Events {
    /// What a session is subscribed to, as it is told when it comes back, and how it goes on.
    pub(super) fn resume(
        &mut self,
        id: SessionId,
        positions: &BTreeMap<EventName, Position>,
        now: Timestamp,
    ) -> (Vec<Subscription>, Feeds) {
        let mut told = self.told_subscriptions(id);
        let mut feeds = Feeds::new();
        let Some(session) = self.sessions.get_mut(id) else { return (told, feeds) };
        for (event, interest) in session.interests.iter_mut() {
            let Some(topic) = self.topics.get(event) else { continue };
            if !matches!(topic.standing, Standing::Registered(_)) {
                continue;
            }
            let said = positions.get(event);
            if !topic.has_log() {
                let known = said.filter(|said| said.epoch == topic.epoch).map(|said| said.offset);
                if known.is_none_or(|known| known < topic.head) {
                    feeds.push((event.clone(), Resume::Gap(known.map_or(0, |known| known + 1))));
                }
                continue;
            }
            let acknowledged = topic.is_guaranteed().then(|| interest.acknowledged.clone());
            let from = said.cloned().or(acknowledged).filter(|from| topic.reaches(from, now));
            let recovered = Some(from.is_some());
            match from {
                Some(from) => feeds.push((event.clone(), Resume::After(from.offset))),
                None => interest.start_at(topic),
            }
            for told in &mut told {
                if told.event_name == *event && told.registered {
                    told.recovered = recovered;
                }
            }
        }
        // Nothing is told of what a session may not see.
        feeds.retain(|(event, _)| self.is_active(id, event));
        (told, feeds)
    }

    /// Goes on, right after the answer that says so.
    pub(super) fn feed(&mut self, id: SessionId, feeds: Feeds, now: Timestamp, effects: &mut Vec<Effect>) {
        for (event, resume) in feeds {
            match resume {
                Resume::After(after) => self.catch_up(id, &event, after, now, effects),
                Resume::Gap(from) => {
                    let Some(connection) = self.sessions.get(id).and_then(Session::connection) else {
                        continue;
                    };
                    if let Some(topic) = self.topics.get(&event) {
                        effects.push(gap(connection, &event, &topic.position(), from));
                    }
                }
            }
        }
    }

    /// Sends what is after an offset to who was away, before anything newer.
    fn catch_up(
        &mut self,
        id: SessionId,
        event: &EventName,
        after: u64,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(topic) = self.topics.get(event) else { return };
        if !topic.is_guaranteed() {
            return self.replay(id, event, after, None, now, effects);
        }
        let (replay_until, redelivered_until) = (topic.head, topic.head);
        let catchup = Catchup { replay_until, redelivered_until, ..Catchup::late(after) };
        self.read_on(id, event, catchup, effects);
    }

    /// Sends what is after an offset to one subscription, before anything newer. The others go on as they do.
    pub(super) fn rewind(
        &mut self,
        id: SessionId,
        event: &EventName,
        only: SubscriptionId,
        after: u64,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(topic) = self.topics.get(event) else { return };
        if !topic.is_guaranteed() {
            return self.replay(id, event, after, Some(only), now, effects);
        }
        let interest = self.sessions.get_mut(id).and_then(|session| session.interests.get_mut(event));
        let Some(interest) = interest else { return };
        match &mut interest.feed {
            Feed::Live => {
                let mut catchup = Catchup::late(topic.head);
                catchup.rewind(&interest.subscriptions, only, after);
                let catchup = Catchup { replay_until: topic.head, ..catchup };
                self.read_on(id, event, catchup, effects);
            }
            // When what is being read arrives, it is seen whether it is what is wanted by then.
            Feed::Paused(catchup) | Feed::Reading(_, catchup) => {
                catchup.rewind(&interest.subscriptions, only, after);
                catchup.replay_until = topic.head;
            }
        }
    }

    /// Sends what is kept in memory after an offset, to one subscription or to all.
    fn replay(
        &mut self,
        id: SessionId,
        event: &EventName,
        after: u64,
        only: Option<SubscriptionId>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let (Some(topic), Some(session)) = (self.topics.get(event), self.sessions.get(id)) else { return };
        let Some(connection) = session.connection() else { return };
        let wants = |subscription| only.is_none_or(|only| only == subscription);
        let mut lost = Vec::new();
        for past in topic.since(after) {
            if past.is_expired(now) {
                continue;
            }
            let Some(variant) = past_variant(session, topic, past, wants) else { continue };
            if session.is_slow() {
                lost.push(past.position().clone());
            } else {
                let variant = super::Variant { is_replay: true, ..variant };
                effects.push(Effect::Event { to: vec![connection], event: past.clone(), variant });
            }
        }
        let interest = self.sessions.get_mut(id).and_then(|session| session.interests.get_mut(event));
        if let Some(interest) = interest {
            for position in &lost {
                interest.lose(position);
            }
        }
    }

    /// Asks for the next piece of a log, unless the connection has all or cannot take more.
    fn read_on(&mut self, id: SessionId, event: &EventName, mut catchup: Catchup, effects: &mut Vec<Effect>) {
        let ticket = ReadTicket(self.next_ticket());
        let limit = self.settings.history;
        let Some(topic) = self.topics.get(event) else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        let is_slow = session.is_slow();
        let Some(interest) = session.interests.get_mut(event) else { return };
        let after = catchup.after;
        catchup.starts.retain(|_, start| *start > after);
        if is_slow {
            interest.feed = Feed::Paused(catchup);
            return;
        }
        if after >= topic.head {
            interest.feed = Feed::Live;
            return;
        }
        let epoch = topic.epoch.clone();
        interest.feed = Feed::Reading(ticket, catchup);
        self.readings.insert(ticket, Reading::Feed { session: id, event: event.clone(), after });
        effects.push(Effect::Read { ticket, event: event.clone(), epoch, after, limit });
    }

    /// A piece of a log is there.
    pub(super) fn read(
        &mut self,
        ticket: ReadTicket,
        page: Option<Page>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        match self.readings.remove(&ticket) {
            Some(Reading::Feed { session, event, after }) => {
                let Some(catchup) = self.take_catchup(ticket, session, &event) else { return };
                if after == catchup.after {
                    self.read_for_feed(catchup, session, &event, page, now, effects);
                } else {
                    // A subscription has asked for what is before it.
                    self.read_on(session, &event, catchup, effects);
                }
            }
            Some(Reading::History(fetch)) => self.read_for_history(*fetch, page, now, effects),
            None => {}
        }
    }

    /// What a read is for; nothing if it was asked for by a connection of before.
    fn take_catchup(&mut self, ticket: ReadTicket, id: SessionId, event: &EventName) -> Option<Catchup> {
        let feed = &mut self.sessions.get_mut(id)?.interests.get_mut(event)?.feed;
        match std::mem::replace(feed, Feed::Live) {
            Feed::Reading(current, catchup) if current == ticket => Some(catchup),
            other => {
                *feed = other;
                None
            }
        }
    }

    fn read_for_feed(
        &mut self,
        catchup: Catchup,
        id: SessionId,
        event: &EventName,
        page: Option<Page>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(topic) = self.topics.get_mut(event) else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(connection) = session.connection() else { return };
        let Some(interest) = session.interests.get(event) else { return };
        let head = topic.head;
        // What cannot be read is lost to this connection, and so is what the log does not know of.
        let page = page.filter(|page| page.until > catchup.after);
        let page = page.unwrap_or_else(|| Page { trimmed: head, until: head, ..Page::default() });
        topic.trimmed = topic.trimmed.max(page.trimmed.min(head));
        let until = page.until.min(head);
        let mut sender = Sender { connection, event, epoch: topic.epoch.clone(), missing: None, effects };
        if page.trimmed > catchup.after {
            sender.miss(catchup.after + 1, page.trimmed.min(until));
        }
        let mut expired = page.expired.into_iter().filter(|offset| *offset <= until).peekable();
        let mut sent = interest.sent;
        for record in page.events {
            let offset = record.offset;
            // What is beyond is delivered when its publisher is answered.
            if offset > until {
                break;
            }
            while let Some(offset) = expired.next_if(|expired| *expired < offset) {
                sender.miss(offset, offset);
            }
            let published = Published::from_record(record, topic.definition().map(|known| &**known));
            let Some(published) = published.filter(|published| !published.is_expired(now)) else {
                sender.miss(offset, offset);
                continue;
            };
            let wants = |subscription| catchup.wants(subscription, offset);
            if let Some(variant) = past_variant(session, topic, &published, wants) {
                let is_replay = offset <= catchup.replay_until;
                let is_redelivered = offset <= catchup.redelivered_until;
                let variant = super::Variant { is_replay, is_redelivered, ..variant };
                sender.send(Arc::new(published), variant);
                sent = sent.max(offset);
            }
        }
        for offset in expired {
            sender.miss(offset, offset);
        }
        sender.tell_missing();
        if let Some(interest) = session.interests.get_mut(event) {
            interest.sent = sent;
        }
        self.read_on(id, event, Catchup { after: until, ..catchup }, effects);
    }

    /// A connection takes less than it is sent, or is quick enough again.
    pub(super) fn slow(&mut self, connection: ConnectionId, is_slow: bool, effects: &mut Vec<Effect>) {
        let Some(id) = self.sessions.of(connection).map(|session| session.id) else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.set_slow(is_slow);
        let mut paused = Vec::new();
        for (event, interest) in session.interests.iter_mut() {
            let Some(topic) = self.topics.get(event) else { continue };
            if !is_slow {
                if let Some((first, last)) = interest.lost.take() {
                    let to = Position { epoch: first.epoch, offset: last };
                    effects.push(gap(connection, event, &to, first.offset));
                }
                if matches!(interest.feed, Feed::Paused(_))
                    && let Feed::Paused(catchup) = std::mem::replace(&mut interest.feed, Feed::Live)
                {
                    paused.push((event.clone(), catchup));
                }
            } else if topic.is_guaranteed() && interest.feed == Feed::Live {
                interest.feed = Feed::Paused(Catchup::late(topic.head));
            }
        }
        for (event, catchup) in paused {
            self.read_on(id, &event, catchup, effects);
        }
    }
}

/// One connection that is sent events of the past, and told what is missing between them.
struct Sender<'s> {
    connection: ConnectionId,
    event: &'s EventName,
    epoch: concierge_client::telegraphy::Epoch,
    /// From where to where, without a hole.
    missing: Option<(u64, u64)>,
    effects: &'s mut Vec<Effect>,
}

impl Sender<'_> {
    fn miss(&mut self, from: u64, to: u64) {
        match &mut self.missing {
            Some((_, last)) if *last + 1 >= from => *last = to.max(*last),
            _ => {
                self.tell_missing();
                self.missing = Some((from, to));
            }
        }
    }

    fn tell_missing(&mut self) {
        if let Some((from, to)) = self.missing.take() {
            let to = Position { epoch: self.epoch.clone(), offset: to };
            self.effects.push(gap(self.connection, self.event, &to, from));
        }
    }

    fn send(&mut self, event: Arc<Published>, variant: super::Variant) {
        self.tell_missing();
        self.effects.push(Effect::Event { to: vec![self.connection], event, variant });
    }
}

/// Tells a connection that events up to a position may be missing.
pub(super) fn gap(connection: ConnectionId, event: &EventName, to: &Position, from: u64) -> Effect {
    let event = SystemEvent::Gap { event_name: event.clone(), epoch: to.epoch.clone(), from, to: to.offset };
    Effect::System { to: vec![connection], event }
}
