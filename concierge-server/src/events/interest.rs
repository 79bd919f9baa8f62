//! What a session wants of one event, and what of its log it is still to have.

use std::collections::{BTreeMap, BTreeSet};

use concierge_client::telegraphy::Position;

use super::{input::ReadTicket, record::SubscriptionId, topic::Topic};

/// What a session wants of one event.
#[derive(Debug)]
pub(super) struct Interest {
    pub subscriptions: BTreeSet<SubscriptionId>,
    pub feed: Feed,
    /// Up to where the client has dealt with everything, in the log of this epoch.
    pub acknowledged: Position,
    /// Up to where it was sent something.
    pub sent: u64,
    /// What of best effort was not sent because the client is slow: the first and the last.
    pub lost: Option<(Position, u64)>,
}

/// How events of a log reach a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Feed {
    /// As they are published.
    Live,
    /// Not now: what it lacks waits in the log.
    Paused(Catchup),
    /// A piece of the log is being read.
    Reading(ReadTicket, Catchup),
}

/// What is read of a log until live events can follow. There is one for all subscriptions, so that they stay in step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Catchup {
    /// From where on it is read.
    pub after: u64,
    /// Up to here it is of the past; later ones are only late.
    pub replay_until: u64,
    /// Up to here the client may have had it before: it was away.
    pub redelivered_until: u64,
    /// Which subscriptions want less than all that is read: what is after their offsets.
    pub starts: BTreeMap<SubscriptionId, u64>,
}

impl Interest {
    /// Of who has had everything up to here.
    pub(super) fn new(at: Position) -> Self {
        let sent = at.offset;
        Self { subscriptions: BTreeSet::new(), feed: Feed::Live, acknowledged: at, sent, lost: None }
    }

    /// Nobody is there to be sent anything.
    pub(super) fn stop(&mut self) {
        self.feed = Feed::Live;
        self.lost = None;
    }

    /// An event of best effort was not sent.
    pub(super) fn lose(&mut self, position: &Position) {
        match &mut self.lost {
            Some((first, last)) if first.epoch == position.epoch => {
                first.offset = first.offset.min(position.offset);
                *last = position.offset.max(*last);
            }
            lost => *lost = Some((position.clone(), position.offset)),
        }
    }

    /// A subscription wants what comes after this offset, whatever the others are still to have.
    pub(super) fn join(&mut self, subscription: SubscriptionId, after: u64) {
        if let Feed::Paused(catchup) | Feed::Reading(_, catchup) = &mut self.feed {
            catchup.starts.insert(subscription, after);
        }
        self.subscriptions.insert(subscription);
    }

    /// A subscription wants nothing any more.
    pub(super) fn leave(&mut self, subscription: SubscriptionId) {
        if let Feed::Paused(catchup) | Feed::Reading(_, catchup) = &mut self.feed {
            catchup.starts.remove(&subscription);
        }
        self.subscriptions.remove(&subscription);
    }

    /// What of a log that ends there it is still to be sent, or was not: the first and the last.
    pub(super) fn lacking(&self, end: &Position) -> Option<(Position, u64)> {
        match &self.feed {
            Feed::Live => self.lost.clone(),
            Feed::Paused(catchup) | Feed::Reading(_, catchup) => {
                let first = Position { epoch: end.epoch.clone(), offset: catchup.after + 1 };
                (first.offset <= end.offset).then_some((first, end.offset))
            }
        }
    }

    /// The event has another log, and all of it is new.
    pub(super) fn restart(&mut self, topic: &Topic) {
        self.acknowledged = Position { epoch: topic.epoch.clone(), offset: 0 };
        self.sent = 0;
        self.stop();
    }

    /// Everything up to now is dealt with.
    pub(super) fn start_at(&mut self, topic: &Topic) {
        self.acknowledged = topic.position();
        self.sent = topic.head;
    }
}

impl Catchup {
    /// Of who has had everything up to here.
    pub(super) fn late(after: u64) -> Self {
        Self { after, replay_until: 0, redelivered_until: 0, starts: BTreeMap::new() }
    }

    /// Whether a subscription is to have what is at this offset.
    pub(super) fn wants(&self, subscription: SubscriptionId, offset: u64) -> bool {
        self.starts.get(&subscription).is_none_or(|after| *after < offset)
    }

    /// One subscription is to have what is after an offset as well, and each of the others still only what it lacks.
    pub(super) fn rewind(
        &mut self,
        subscriptions: &BTreeSet<SubscriptionId>,
        only: SubscriptionId,
        after: u64,
    ) {
        let had = self.after;
        for subscription in subscriptions {
            let start = self.starts.entry(*subscription).or_default();
            *start = had.max(*start);
        }
        let start = self.starts.entry(only).or_insert(had);
        *start = after.min(*start);
        self.after = after.min(had);
    }
}
