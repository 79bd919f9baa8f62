//! One stream of an event: what it wants, where it is, and what nobody has read of it yet.

use std::{collections::VecDeque, time::Instant};

use super::item::{Gap, GapCause, Item};
use crate::telegraphy::{
    event::Event,
    name::EventName,
    position::{Epoch, Position},
    request::Subscribe,
    subscription::Subscription,
};

/// How a stream stands with the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is to be subscribed, not before this moment.
    Wanted { not_before: Option<Instant> },
    /// It is subscribed, under this id.
    Live { id: String },
    /// It has ended, and says why.
    Over { why: Over },
}

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Over {
    /// The session may not see the event any more.
    #[error("the event is not for this session any more{}", reason.as_deref().map(|reason| format!(": {reason:?}")).unwrap_or_default())]
    Revoked {
        /// Why, in English. Text from elsewhere: escape it before showing it.
        reason: Option<String>,
    },
    /// The gateway did not take the subscription again after a while without a connection.
    #[error("the subscription was refused: {} {:?}", .0.status, .0.message)]
    Refused(crate::telegraphy::Failure),
    /// The client has ended.
    #[error("{0}")]
    Ended(super::Ending),
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) subscribe: Subscribe,
    pub(super) standing: Standing,
    /// Whether somebody reads it. What is not read by anybody is kept for whoever subscribes to the same.
    pub(super) is_claimed: bool,
    /// Everything up to here came, or was no concern of this stream.
    pub(super) position: Option<Position>,
    /// Up to here the gateway sends events of the past for this stream alone.
    rewinds_until: Option<u64>,
    /// Whether it was subscribed before.
    was_live: bool,
    queue: VecDeque<Item>,
    capacity: usize,
    /// The first event that was taken and is not dealt with.
    in_hand: Option<Position>,
    /// The last event that was taken.
    taken: Option<Position>,
    /// The last event that is dealt with.
    pub(super) dealt_with: Option<Position>,
}

impl Stream {
    pub(super) fn new(subscribe: Subscribe, capacity: usize) -> Self {
        Self {
            position: subscribe.since.clone(),
            subscribe,
            standing: Standing::Wanted { not_before: None },
            is_claimed: true,
            rewinds_until: None,
            was_live: false,
            queue: VecDeque::new(),
            // One place is for the gap that says what did not fit.
            capacity: capacity.max(2),
            in_hand: None,
            taken: None,
            dealt_with: None,
        }
    }

    /// One that the gateway tells of and nobody reads yet.
    pub(super) fn unclaimed(told: &Subscription, capacity: usize) -> Self {
        let mut stream = Self::new(Subscribe::new(told.event_name.clone()), capacity);
        stream.is_claimed = false;
        stream.subscribe.filters = Some(told.filters.clone());
        stream.subscribe.permanent = told.permanent;
        stream.subscribe.lazy = told.lazy;
        stream.standing = Standing::Live { id: told.subscription.clone() };
        stream.was_live = true;
        stream
    }

    pub(super) fn event(&self) -> &EventName {
        &self.subscribe.event_name
    }

    pub(super) fn id(&self) -> Option<&str> {
        match &self.standing {
            Standing::Live { id } => Some(id),
            Standing::Wanted { .. } | Standing::Over { .. } => None,
        }
    }

    /// What is asked of the gateway to have it, now.
    pub(super) fn request(&self) -> Subscribe {
        let mut request = self.subscribe.clone();
        if self.was_live {
            request.since.clone_from(&self.position);
            request.history = None;
        }
        request
    }

    /// The gateway has it. What was kept of the same subscription becomes this one's.
    pub(super) fn subscribed(&mut self, told: &Subscription, kept: Option<Stream>) {
        let now = position_of(told);
        let asked = self.request();
        let returns = std::mem::replace(&mut self.was_live, true);
        self.standing = Standing::Live { id: told.subscription.clone() };
        self.rewinds_until = None;
        match (asked.since, asked.history, told.recovered) {
            (Some(since), _, Some(true)) => {
                self.position = Some(since);
                self.rewinds_until = told.offset;
            }
            (None, Some(last), Some(true)) => {
                let before =
                    |now: Position| Position { offset: now.offset.saturating_sub(u64::from(last)), ..now };
                self.position = now.map(before);
                self.rewinds_until = told.offset;
            }
            (Some(since), ..) => self.lose(Some(since), now),
            // What was published meanwhile is not known.
            (None, ..) if returns && told.registered => self.lose(None, now),
            (None, ..) => match kept {
                Some(kept) => self.continue_from(kept),
                None => self.position = now,
            },
        }
    }

    fn continue_from(&mut self, kept: Stream) {
        self.position = kept.position;
        self.rewinds_until = kept.rewinds_until;
        self.queue = kept.queue;
    }

    /// The gateway still has it, after a while without a connection.
    pub(super) fn resumed(&mut self, told: &Subscription) {
        if told.recovered == Some(false) {
            self.rewinds_until = None;
            let now = position_of(told);
            if self.position.is_none() || self.position != now {
                self.lose(self.position.clone(), now);
            }
        }
    }

    /// What is after one position, and not after another, is not coming.
    fn lose(&mut self, after: Option<Position>, until: Option<Position>) {
        self.push(Item::Gap(Gap::new(GapCause::NotRecovered, after, until.clone())));
        self.position = until;
    }

    /// The gateway does not have it any more.
    pub(super) fn lost(&mut self) {
        if matches!(self.standing, Standing::Live { .. }) {
            self.standing = Standing::Wanted { not_before: None };
        }
    }

    /// An event came, for this stream or for others of the same event. Whether there is something to read now.
    pub(super) fn handle_event(&mut self, event: &Event, is_wanted: bool) -> bool {
        let Some(position) = event_position(event) else {
            if is_wanted {
                self.push(Item::Event(Box::new(event.clone())));
            }
            return is_wanted;
        };
        if self.has(&position) {
            return false;
        }
        self.end_rewinding(&position);
        // What others are sent of the past says nothing about what this stream still gets.
        if is_wanted || self.rewinds_until.is_none() {
            self.position = Some(position);
        }
        if is_wanted {
            self.push(Item::Event(Box::new(event.clone())));
        }
        is_wanted
    }

    /// The gateway tells that events are missing. Whether any of them may have been for this stream.
    pub(super) fn handle_gap(&mut self, epoch: &Epoch, from: u64, to: u64) -> bool {
        let until = Position { epoch: epoch.clone(), offset: to };
        if self.has(&until) {
            return false;
        }
        let before = from.checked_sub(1).map(|offset| Position { epoch: epoch.clone(), offset });
        let after = match (&self.position, before) {
            (Some(known), Some(before)) if known.epoch == before.epoch && known.offset > before.offset => {
                Some(known.clone())
            }
            (_, before) => before,
        };
        self.end_rewinding(&until);
        self.position = Some(until.clone());
        self.push(Item::Gap(Gap::new(GapCause::Gateway, after, Some(until))));
        true
    }

    fn has(&self, position: &Position) -> bool {
        let known = self.position.as_ref();
        known.is_some_and(|known| known.epoch == position.epoch && known.offset >= position.offset)
    }

    fn end_rewinding(&mut self, position: &Position) {
        let is_of_this_log = self.position.as_ref().is_some_and(|known| known.epoch == position.epoch);
        if !is_of_this_log || self.rewinds_until.is_some_and(|until| position.offset > until) {
            self.rewinds_until = None;
        }
    }

    /// Puts something behind what is there. When that is too much, the oldest events go, and a gap says so in their place.
    pub(super) fn push(&mut self, item: Item) {
        self.queue.push_back(item);
        if self.queue.len() <= self.capacity {
            return;
        }
        let mut gap = Gap::new(GapCause::Overflow, self.taken.clone(), None);
        if let Some(Item::Gap(first)) = self.queue.front() {
            gap.after.clone_from(&first.after);
        }
        while self.queue.len() >= self.capacity {
            match self.queue.pop_front() {
                Some(Item::Event(event)) => gap.until = event_position(&event).or(gap.until),
                Some(Item::Gap(lost)) => gap.until = lost.until.or(gap.until),
                Some(Item::Active | Item::Suspended { .. }) => {}
                None => break,
            }
        }
        self.queue.push_front(Item::Gap(gap));
    }

    /// The next item; what was taken before is dealt with only when that is said.
    pub(super) fn take(&mut self) -> Option<Item> {
        let item = self.queue.pop_front()?;
        match &item {
            Item::Event(event) => {
                if let Some(position) = event_position(event) {
                    self.in_hand.get_or_insert_with(|| position.clone());
                    self.taken = Some(position);
                }
            }
            Item::Gap(gap) => self.taken = gap.until.clone().or_else(|| self.taken.take()),
            Item::Active | Item::Suspended { .. } => {}
        }
        Some(item)
    }

    /// Everything that was taken is dealt with.
    pub(super) fn deal(&mut self) {
        if self.in_hand.take().is_some() {
            self.dealt_with.clone_from(&self.taken);
        }
    }

    pub(super) fn has_items(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Up to where everything that came is dealt with.
    pub(super) fn settled(&self) -> Option<Position> {
        let queued = || {
            self.queue.iter().find_map(|item| match item {
                Item::Event(event) => event_position(event),
                _ => None,
            })
        };
        match self.in_hand.clone().or_else(queued) {
            Some(first) => Some(Position { offset: first.offset.saturating_sub(1), ..first }),
            None => self.position.clone(),
        }
    }
}

/// The end of an event's log, as the gateway told it.
pub(super) fn position_of(told: &Subscription) -> Option<Position> {
    Some(Position { epoch: told.epoch.clone()?, offset: told.offset? })
}

fn event_position(event: &Event) -> Option<Position> {
    let meta = event.meta.as_ref()?;
    Some(Position { epoch: meta.epoch.clone()?, offset: meta.offset? })
}
