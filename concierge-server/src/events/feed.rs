//! How connections catch up with logs: after they were away, after they were slow, and for what they ask of the past.

use std::{collections::BTreeMap, sync::Arc};

use concierge_client::telegraphy::{EventName, Position, Subscription, SystemEvent, Timestamp};

use super::{
    Events,
    deliver::past_variant,
    effect::{ConnectionId, Effect},
    input::ReadTicket,
    list::Fetch,
    published::Published,
    record::{Page, SessionId, SubscriptionId},
    session::{Catchup, Feed, Interest, Session},
    topic::{Standing, Topic},
};

/// Who waits for a piece of a log.
#[derive(Debug)]
pub(super) enum Reading {
    /// A connection that catches up.
    Feed { session: SessionId, event: EventName },
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

impl Interest {
    /// Nobody is there to be sent anything.
    fn stop(&mut self) {
        self.feed = Feed::Live;
        self.lost = None;
    }

    /// An event of best effort was not sent.
    pub(super) fn lose(&mut self, position: &Position) {
        match &mut self.lost {
            Some((first, last)) if first.epoch == position.epoch => *last = position.offset,
            lost => *lost = Some((position.clone(), position.offset)),
        }
    }
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
        for (event, interest) in &mut session.interests {
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
                Resume::After(after) => self.catch_up(id, &event, after, None, now, effects),
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

    /// Sends what is after an offset, to one subscription or to all, before anything newer.
    pub(super) fn catch_up(
        &mut self,
        id: SessionId,
        event: &EventName,
        after: u64,
        only: Option<SubscriptionId>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(topic) = self.topics.get(event) else { return };
        if topic.is_guaranteed() {
            let catchup = Catchup { after, replay_until: topic.head, only };
            return self.read_on(id, event, catchup, effects);
        }
        let Some(session) = self.sessions.get(id) else { return };
        let Some(connection) = session.connection() else { return };
        let mut lost = Vec::new();
        for past in topic.since(after) {
            if past.is_expired(now) {
                continue;
            }
            let Some(variant) = past_variant(session, topic, past, only) else { continue };
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
    fn read_on(&mut self, id: SessionId, event: &EventName, catchup: Catchup, effects: &mut Vec<Effect>) {
        let ticket = ReadTicket(self.next_ticket());
        let limit = self.settings.history;
        let Some(topic) = self.topics.get(event) else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        let is_slow = session.is_slow();
        let Some(interest) = session.interests.get_mut(event) else { return };
        if catchup.after >= topic.head && !is_slow {
            interest.feed = Feed::Live;
            return;
        }
        if is_slow {
            interest.feed = Feed::Paused(catchup);
            return;
        }
        let (epoch, after) = (topic.epoch.clone(), catchup.after);
        interest.feed = Feed::Reading(ticket, catchup);
        self.readings.insert(ticket, Reading::Feed { session: id, event: event.clone() });
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
            Some(Reading::Feed { session, event }) => {
                self.read_for_feed(ticket, session, &event, page, now, effects);
            }
            Some(Reading::History(fetch)) => self.read_for_history(*fetch, page, now, effects),
            None => {}
        }
    }

    fn read_for_feed(
        &mut self,
        ticket: ReadTicket,
        id: SessionId,
        event: &EventName,
        page: Option<Page>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(topic) = self.topics.get_mut(event) else { return };
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(connection) = session.connection() else { return };
        let Some(interest) = session.interests.get_mut(event) else { return };
        let catchup = match &interest.feed {
            Feed::Reading(current, catchup) if *current == ticket => catchup.clone(),
            // It was asked for by a connection of before.
            _ => return,
        };
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
            let is_past = offset <= catchup.replay_until;
            let only = catchup.only.filter(|_| is_past);
            let published = Published::from_record(record, topic.definition().map(|known| &**known));
            let Some(published) = published.filter(|published| !published.is_expired(now)) else {
                sender.miss(offset, offset);
                continue;
            };
            if let Some(variant) = past_variant(session, topic, &published, only) {
                let is_redelivered = is_past && catchup.only.is_none();
                let variant = super::Variant { is_replay: is_past, is_redelivered, ..variant };
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
        for (event, interest) in &mut session.interests {
            let Some(topic) = self.topics.get(event) else { continue };
            if !is_slow {
                if let Some((first, last)) = interest.lost.take() {
                    let to = Position { epoch: first.epoch, offset: last };
                    effects.push(gap(connection, event, &to, first.offset));
                }
                if let Feed::Paused(catchup) = &interest.feed {
                    paused.push((event.clone(), catchup.clone()));
                }
            } else if topic.is_guaranteed() && interest.feed == Feed::Live {
                let catchup = Catchup { after: topic.head, replay_until: 0, only: None };
                interest.feed = Feed::Paused(catchup);
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

impl Interest {
    /// The event has another log, and all of it is new.
    pub(super) fn restart(&mut self, topic: &Topic) {
        self.acknowledged = Position { epoch: topic.epoch.clone(), offset: 0 };
        self.sent = 0;
        self.feed = Feed::Live;
    }

    /// Everything up to now is dealt with.
    pub(super) fn start_at(&mut self, topic: &Topic) {
        self.acknowledged = topic.position();
        self.sent = topic.head;
    }
}

/// Tells a connection that events up to a position may be missing.
fn gap(connection: ConnectionId, event: &EventName, to: &Position, from: u64) -> Effect {
    let event = SystemEvent::Gap { event_name: event.clone(), epoch: to.epoch.clone(), from, to: to.offset };
    Effect::System { to: vec![connection], event }
}
