//! All streams of a client: which events are for which, what is asked of the gateway to have them, and what is acknowledged.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Ending,
    item::Item,
    stream::{Over, Standing, Stream},
};
use crate::telegraphy::{
    definition::Guarantee,
    event::Event,
    name::EventName,
    position::{Epoch, Position},
    request::{Ack, AnyRequest, Subscribe, Unsubscribe},
    response::Failure,
    status::Status,
    subscription::Subscription,
    system::SubscriptionState,
};

/// A stream of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

/// How many items are kept of a subscription that nobody reads.
const UNCLAIMED: usize = 256;

/// When a subscription is asked for again that the gateway could not take, unless it said so.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// All streams of a client.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: BTreeMap<StreamId, Stream>,
    next: u64,
    /// What the gateway has and nobody wants any more.
    leaving: Vec<(String, Unsubscribe)>,
    /// What was acknowledged, by event.
    acknowledged: BTreeMap<EventName, Position>,
    /// Events of which nothing is acknowledged: they are not guaranteed, as long as their log is this one, if they have any.
    unacknowledged: BTreeMap<EventName, Option<Epoch>>,
}

/// What the streams ask of the gateway.
#[derive(Debug)]
pub(super) enum Asked {
    Subscribe(StreamId),
    Unsubscribe,
    Acknowledge(EventName),
}

impl Streams {
    /// A stream that is to be subscribed.
    pub(super) fn open(&mut self, subscribe: Subscribe, capacity: usize) -> StreamId {
        self.insert(Stream::new(subscribe, capacity))
    }

    fn insert(&mut self, stream: Stream) -> StreamId {
        let id = StreamId(self.next);
        self.next += 1;
        self.all.insert(id, stream);
        id
    }

    /// Nobody reads it any more. A permanent subscription stays, and what it gets is kept, unless it is to be forgotten.
    pub(super) fn close(&mut self, id: StreamId, forget: bool) {
        let Some(mut stream) = self.all.remove(&id) else { return };
        let Some(told) = stream.id().map(str::to_owned) else { return };
        if self.all.values().any(|other| other.id() == Some(&told)) {
            return;
        }
        if stream.subscribe.permanent && !forget {
            stream.is_claimed = false;
            self.all.insert(id, stream);
            return;
        }
        let event_name = stream.event().clone();
        let filters = Some(stream.subscribe.filters.unwrap_or(Value::Null));
        self.leaving.push((told, Unsubscribe { event_name, filters }));
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.all.get(&id)
    }

    /// The next item of a stream, and then why it ended.
    pub(super) fn take(&mut self, id: StreamId) -> Option<Result<Item, Over>> {
        let stream = self.all.get_mut(&id)?;
        match (stream.take(), &stream.standing) {
            (Some(item), _) => Some(Ok(item)),
            (None, Standing::Over { why }) => {
                let why = why.clone();
                self.all.remove(&id);
                Some(Err(why))
            }
            (None, _) => None,
        }
    }

    pub(super) fn deal(&mut self, id: StreamId) {
        if let Some(stream) = self.all.get_mut(&id) {
            stream.deal();
        }
    }

    /// What is to be asked next of a gateway that has let the client in.
    pub(super) fn ask(&mut self, now: Instant, acknowledges: bool) -> Option<(Asked, AnyRequest)> {
        let wanted = self.all.iter().find(|(_, stream)| match &stream.standing {
            Standing::Wanted { not_before } => not_before.is_none_or(|moment| moment <= now),
            Standing::Live { .. } | Standing::Over { .. } => false,
        });
        if let Some((id, stream)) = wanted {
            return Some((Asked::Subscribe(*id), stream.request().into()));
        }
        while let Some((id, unsubscribe)) = self.leaving.pop() {
            // Another stream may have come to it since.
            if !self.all.values().any(|stream| stream.id() == Some(&id)) {
                return Some((Asked::Unsubscribe, unsubscribe.into()));
            }
        }
        if acknowledges { self.acknowledge() } else { None }
    }

    /// What is to be acknowledged next.
    pub(super) fn acknowledge(&mut self) -> Option<(Asked, AnyRequest)> {
        let (event, position) = self.to_acknowledge()?;
        self.acknowledged.insert(event.clone(), position.clone());
        let ack = Ack { event_name: event.clone(), epoch: position.epoch, offset: position.offset };
        Some((Asked::Acknowledge(event), ack.into()))
    }

    /// Up to where an event is dealt with by all of its streams, when that is more than was said.
    fn to_acknowledge(&self) -> Option<(EventName, Position)> {
        self.all.values().find_map(|stream| {
            let (event, last) = (stream.event(), stream.dealt_with.as_ref()?);
            let is_of_this_log = |position: &Position| position.epoch == last.epoch;
            let settled = self.of(event).filter_map(Stream::settled).filter(is_of_this_log);
            let offset = settled.map(|settled| settled.offset).min()?.min(last.offset);
            let said = self.acknowledged.get(event).filter(|said| is_of_this_log(said));
            let is_news = offset > said.map_or(0, |said| said.offset);
            let is_other = |epoch: &Option<Epoch>| epoch.as_ref().is_some_and(|epoch| *epoch != last.epoch);
            let is_guaranteed = self.unacknowledged.get(event).is_none_or(is_other);
            (is_news && is_guaranteed).then(|| (event.clone(), Position { offset, ..last.clone() }))
        })
    }

    fn of(&self, event: &str) -> impl Iterator<Item = &Stream> {
        self.all.values().filter(move |stream| *stream.event() == *event)
    }

    /// When a subscription is to be asked for again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let moments = self.all.values().filter_map(|stream| match stream.standing {
            Standing::Wanted { not_before } => not_before,
            Standing::Live { .. } | Standing::Over { .. } => None,
        });
        moments.min()
    }

    /// Where the client is with each event.
    pub(super) fn positions(&self) -> BTreeMap<EventName, Position> {
        let mut positions: BTreeMap<EventName, Position> = BTreeMap::new();
        for stream in self.all.values() {
            let Some(position) = stream.id().and(stream.position.as_ref()) else { continue };
            let least = positions.entry(stream.event().clone()).or_insert_with(|| position.clone());
            if least.epoch == position.epoch && least.offset > position.offset {
                least.offset = position.offset;
            }
        }
        positions
    }

    /// A session goes on, or begins, with these subscriptions. Those that have something to read are added.
    pub(super) fn connected(&mut self, told: &[Subscription], ready: &mut Vec<StreamId>) {
        self.unacknowledged.clear();
        for told in told {
            self.note_delivery(told);
        }
        self.leaving.retain(|(id, _)| told.iter().any(|told| told.subscription == *id));
        self.all.retain(|_, stream| {
            stream.is_claimed || told.iter().any(|told| stream.id() == Some(&told.subscription))
        });
        for (id, stream) in &mut self.all {
            match told.iter().find(|told| stream.id() == Some(&told.subscription)) {
                Some(told) => stream.resumed(told),
                None => stream.lost(),
            }
            ready.extend(stream.has_items().then_some(*id));
        }
        for told in told {
            if !self.all.values().any(|stream| stream.id() == Some(&told.subscription)) {
                let mut stream = Stream::unclaimed(told, UNCLAIMED);
                stream.resumed(told);
                self.insert(stream);
            }
        }
    }

    /// Nothing of an earlier session is there any more.
    pub(super) fn forget_session(&mut self) {
        self.leaving.clear();
        self.acknowledged.clear();
        self.connected(&[], &mut Vec::new());
    }

    /// The gateway took a subscription.
    pub(super) fn subscribed(&mut self, id: StreamId, told: &Subscription) {
        self.note_delivery(told);
        let kept =
            self.all.iter().find(|(_, stream)| !stream.is_claimed && stream.id() == Some(&told.subscription));
        let kept = kept.map(|(kept, _)| *kept).and_then(|kept| self.all.remove(&kept));
        if let Some(stream) = self.all.get_mut(&id) {
            return stream.subscribed(told, kept);
        }
        // Who wanted it has left in the meantime.
        let mut stream = kept.unwrap_or_else(|| Stream::unclaimed(told, UNCLAIMED));
        stream.subscribe.permanent = told.permanent;
        let unwanted = self.insert(stream);
        self.close(unwanted, false);
    }

    /// The gateway did not take a subscription. Whether that is final for a stream that was there before.
    pub(super) fn refused(&mut self, id: StreamId, failure: &Failure, now: Instant) -> bool {
        let Some(stream) = self.all.get_mut(&id) else { return false };
        if matches!(failure.status, Status::Unavailable | Status::TooManyRequests) {
            let pause = failure.retry_after.map_or(ASK_AGAIN, Duration::from_secs);
            stream.standing = Standing::Wanted { not_before: now.checked_add(pause) };
            return false;
        }
        stream.standing = Standing::Over { why: Over::Refused(failure.clone()) };
        true
    }

    /// The gateway did not take an acknowledgement.
    pub(super) fn not_acknowledged(&mut self, event: EventName, failure: &Failure) {
        if failure.status == Status::NotSubscribed
            && let Some(position) = self.acknowledged.get(&event)
        {
            self.unacknowledged.insert(event, Some(position.epoch.clone()));
        }
    }

    /// What the gateway tells of a subscription says whether its events are acknowledged at all.
    fn note_delivery(&mut self, told: &Subscription) {
        if told.registered && (told.delivery == Some(Guarantee::BestEffort) || told.epoch.is_none()) {
            self.unacknowledged.insert(told.event_name.clone(), told.epoch.clone());
        }
    }

    /// An event came. Those that have something to read are added.
    pub(super) fn handle_event(&mut self, event: &Event, ready: &mut Vec<StreamId>) {
        for (id, stream) in &mut self.all {
            if *stream.event() != event.event {
                continue;
            }
            let Some(told) = stream.id() else { continue };
            let is_wanted = match &event.subscriptions {
                Some(ids) => ids.iter().any(|id| id == told),
                None => true,
            };
            if stream.handle_event(event, is_wanted) {
                ready.push(*id);
            }
        }
    }

    /// Events did not come. Those that have something to read are added.
    pub(super) fn handle_gap(
        &mut self,
        event: &EventName,
        epoch: &Epoch,
        (from, to): (u64, u64),
        ready: &mut Vec<StreamId>,
    ) {
        for (id, stream) in &mut self.all {
            if stream.event() == event && stream.id().is_some() && stream.handle_gap(epoch, from, to) {
                ready.push(*id);
            }
        }
    }

    /// A subscription is not what it was. Those that have something to read are added.
    pub(super) fn handle_state(
        &mut self,
        told: &str,
        state: SubscriptionState,
        reason: Option<&String>,
        ready: &mut Vec<StreamId>,
    ) {
        for (id, stream) in &mut self.all {
            if stream.id() != Some(told) {
                continue;
            }
            match state {
                SubscriptionState::Active => stream.push(Item::Active),
                SubscriptionState::Suspended => stream.push(Item::Suspended { reason: reason.cloned() }),
                SubscriptionState::Revoked => {
                    stream.standing = Standing::Over { why: Over::Revoked { reason: reason.cloned() } };
                }
            }
            ready.push(*id);
        }
        self.all.retain(|_, stream| stream.is_claimed || !matches!(stream.standing, Standing::Over { .. }));
    }

    /// The client has ended. All of its streams end after what they hold.
    pub(super) fn end(&mut self, why: &Ending, ready: &mut Vec<StreamId>) {
        for (id, stream) in &mut self.all {
            if !matches!(stream.standing, Standing::Over { .. }) {
                stream.standing = Standing::Over { why: Over::Ended(why.clone()) };
            }
            ready.push(*id);
        }
    }
}
