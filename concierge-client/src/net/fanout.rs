//! The bounded queues between the connection's task and those who read events: one a stream, none waits for another.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use crate::session::{CloseCause, Event};

/// Says which events a stream is for.
pub(crate) type Predicate = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// All queues of a connection.
#[derive(Debug)]
pub(crate) struct Fanout {
    state: Mutex<Queues>,
    /// What is for all queues and not in them yet.
    gathered: Mutex<Vec<Event>>,
    lagged: Arc<AtomicU64>,
}

/// What a stream of events loses when it is read too slowly. It is told how much, where it is missing:
/// [`Event::Lagged`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest events: what is there is the latest.
    #[default]
    DropOldest,
    /// The newest events: what is there is without a gap until then.
    DropNewest,
    /// Everything from then on: the stream ends after what it holds, without [`Event::Closed`]. The client goes on.
    Disconnect,
}

#[derive(Debug)]
struct Queues {
    // A copy for each change, so that publishing holds no lock while it asks the users' filters.
    open: Arc<[Arc<Queue>]>,
    closed: Option<CloseCause>,
}

impl Fanout {
    pub(super) fn new() -> Self {
        let state = Mutex::new(Queues { open: Arc::new([]), closed: None });
        Self { state, gathered: Mutex::default(), lagged: Arc::default() }
    }

    /// How many events all streams together have lost.
    pub(super) fn lagged(&self) -> u64 {
        self.lagged.load(Ordering::Relaxed)
    }

    /// A queue that receives every event from now on.
    pub(crate) fn open(&self, capacity: usize) -> Arc<Queue> {
        let mut state = self.state.lock();
        let queue = Arc::new(Queue::new(capacity, state.closed.clone(), Arc::clone(&self.lagged)));
        if state.closed.is_none() {
            state.open = state.open.iter().cloned().chain([Arc::clone(&queue)]).collect();
        }
        queue
    }

    /// No event goes into this queue any more.
    pub(crate) fn forget(&self, queue: &Arc<Queue>) {
        let mut state = self.state.lock();
        state.open = state.open.iter().filter(|open| !Arc::ptr_eq(open, queue)).cloned().collect();
    }

    /// Puts an event into every queue that wants it, behind those that were gathered.
    pub(super) fn publish(&self, event: Event) {
        self.gather(event);
        self.deliver();
    }

    /// Takes an event that goes into the queues together with those that come right behind it: a burst wakes whoever reads it
    /// once. Whoever gathers delivers before it waits.
    pub(super) fn gather(&self, event: Event) {
        self.gathered.lock().push(event);
    }

    /// Puts what was gathered into the queues.
    pub(super) fn deliver(&self) {
        let events = std::mem::take(&mut *self.gathered.lock());
        if events.is_empty() {
            return;
        }
        let queues = Arc::clone(&self.state.lock().open);
        if let Some((last, others)) = queues.split_last() {
            for queue in others {
                queue.push_copies(&events);
            }
            last.push_all(events);
        }
    }

    pub(super) fn close(&self, cause: &CloseCause) {
        self.deliver();
        let queues = {
            let mut state = self.state.lock();
            state.closed = Some(cause.clone());
            std::mem::replace(&mut state.open, Arc::new([]))
        };
        for queue in queues.iter() {
            queue.close(cause.clone());
        }
    }
}

/// The events one stream has not read yet.
pub(crate) struct Queue {
    state: Mutex<QueueState>,
}

struct QueueState {
    events: VecDeque<Event>,
    capacity: usize,
    overflow: Overflow,
    /// How many are missing before the first one there is.
    missed: u64,
    /// How many are missing after the last one there is.
    missing: u64,
    /// Whether it receives nothing any more.
    cut_off: bool,
    /// How many all streams together have lost.
    lagged: Arc<AtomicU64>,
    filter: Option<Predicate>,
    closed: Option<CloseCause>,
    ended: bool,
    waker: Option<Waker>,
}

impl Queue {
    fn new(capacity: usize, closed: Option<CloseCause>, lagged: Arc<AtomicU64>) -> Self {
        Self {
            state: Mutex::new(QueueState {
                events: VecDeque::new(),
                capacity: capacity.max(1),
                overflow: Overflow::DropOldest,
                missed: 0,
                missing: 0,
                cut_off: false,
                lagged,
                filter: None,
                closed,
                ended: false,
                waker: None,
            }),
        }
    }

    /// Keeps at most this many unread events, at least one.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        let mut state = self.state.lock();
        state.capacity = capacity.max(1);
        while state.events.len() > state.capacity {
            state.drop_oldest();
        }
    }

    pub(crate) fn set_overflow(&self, overflow: Overflow) {
        self.state.lock().overflow = overflow;
    }

    /// Takes only these events, and drops what is queued of others.
    pub(crate) fn set_filter(&self, filter: &Predicate) {
        let mut queued = {
            let mut state = self.state.lock();
            state.filter = Some(Arc::clone(filter));
            std::mem::take(&mut state.events)
        };
        queued.retain(|event| filter(event));
        let mut state = self.state.lock();
        queued.append(&mut state.events);
        state.events = queued;
    }

    fn push_all(&self, mut events: Vec<Event>) {
        if let Some(filter) = self.filter() {
            events.retain(|event| is_wanted(&filter, event));
        }
        self.push(events);
    }

    fn push_copies(&self, events: &[Event]) {
        match self.filter() {
            // The users' filters are asked while no lock is held.
            Some(filter) => {
                let wanted = events.iter().filter(|event| is_wanted(&filter, event)).cloned();
                self.push(wanted.collect::<Vec<_>>());
            }
            None => self.push(events.iter().cloned()),
        }
    }

    fn filter(&self) -> Option<Predicate> {
        self.state.lock().filter.clone()
    }

    fn push(&self, events: impl IntoIterator<Item = Event>) {
        let mut events = events.into_iter().peekable();
        if events.peek().is_none() {
            return;
        }
        let waker = {
            let mut state = self.state.lock();
            events.for_each(|event| state.push(event));
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn close(&self, cause: CloseCause) {
        let waker = {
            let mut state = self.state.lock();
            state.closed = Some(cause);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next event: what was missed first, what is queued then, why it ended last.
    pub(crate) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.state.lock();
        if state.ended {
            return Poll::Ready(None);
        }
        if let Some(event) = state.next() {
            state.ended = state.is_cut_off();
            return Poll::Ready(Some(event));
        }
        if let Some(cause) = state.closed.clone() {
            state.ended = true;
            return Poll::Ready(Some(Event::Closed(cause)));
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// The next event that is there already.
    pub(crate) fn try_next(&self) -> Option<Event> {
        let mut state = self.state.lock();
        if state.ended {
            return None;
        }
        let event = state.next();
        state.ended |= state.is_cut_off();
        event
    }
}

/// A filter that panics has said so already; it must not take the connection with it.
fn is_wanted(filter: &Predicate, event: &Event) -> bool {
    catch_unwind(AssertUnwindSafe(|| filter(event))).unwrap_or(true)
}

impl QueueState {
    fn push(&mut self, event: Event) {
        let full = self.events.len() >= self.capacity;
        match self.overflow {
            _ if self.cut_off => return self.drop_newest(),
            Overflow::DropOldest if full => self.drop_oldest(),
            Overflow::DropNewest if full => return self.drop_newest(),
            Overflow::Disconnect if full => {
                self.cut_off = true;
                return self.drop_newest();
            }
            _ => {}
        }
        if self.missing > 0 {
            self.events.push_back(Event::Lagged { missed: std::mem::take(&mut self.missing) });
        }
        self.events.push_back(event);
    }

    /// Whether nothing is left of a stream that receives nothing any more.
    fn is_cut_off(&self) -> bool {
        self.cut_off && self.missed == 0 && self.missing == 0 && self.events.is_empty()
    }

    fn drop_newest(&mut self) {
        self.missing += 1;
        self.lagged.fetch_add(1, Ordering::Relaxed);
    }

    fn drop_oldest(&mut self) {
        if self.events.pop_front().is_some() {
            self.missed += 1;
            self.lagged.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next(&mut self) -> Option<Event> {
        if self.missed > 0 {
            return Some(Event::Lagged { missed: std::mem::take(&mut self.missed) });
        }
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        match std::mem::take(&mut self.missing) {
            0 => None,
            missed => Some(Event::Lagged { missed }),
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        formatter
            .debug_struct("Queue")
            .field("queued", &state.events.len())
            .field("capacity", &state.capacity)
            .field("missed", &state.missed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u32) -> Event {
        Event::Unknown { kind: number.to_string(), raw: String::new() }
    }

    fn drain(queue: &Queue) -> Vec<Event> {
        std::iter::from_fn(|| queue.try_next()).collect()
    }

    #[test]
    fn a_slow_stream_loses_the_oldest_and_is_told_once() {
        let fanout = Fanout::new();
        let (slow, fast) = (fanout.open(2), fanout.open(100));
        for number in 0..5 {
            fanout.publish(numbered(number));
        }
        assert_eq!(drain(&slow), [Event::Lagged { missed: 3 }, numbered(3), numbered(4)]);
        assert_eq!(drain(&fast).len(), 5);
        fanout.publish(numbered(5));
        assert_eq!(drain(&slow), [numbered(5)]);
    }

    #[test]
    fn what_is_gathered_comes_in_order_before_what_is_published_and_before_the_end() {
        let fanout = Fanout::new();
        let queues = [fanout.open(8), fanout.open(8)];
        fanout.gather(numbered(1));
        fanout.gather(numbered(2));
        assert_eq!(queues.each_ref().map(|queue| drain(queue)), [[], []]);
        fanout.publish(numbered(3));
        let all = [numbered(1), numbered(2), numbered(3)];
        assert_eq!(queues.each_ref().map(|queue| drain(queue)), [all.clone(), all]);
        fanout.gather(numbered(4));
        fanout.close(&CloseCause::ByClient);
        let context = Context::from_waker(Waker::noop());
        for queue in queues {
            assert_eq!(queue.poll_next(&context), Poll::Ready(Some(numbered(4))));
            assert_eq!(queue.poll_next(&context), Poll::Ready(Some(Event::Closed(CloseCause::ByClient))));
        }
    }

    #[test]
    fn a_burst_that_is_longer_than_a_queue_loses_as_much_as_event_by_event() {
        let fanout = Fanout::new();
        let (slow, picky) = (fanout.open(2), fanout.open(2));
        let seventh: Predicate =
            Arc::new(|event| matches!(event, Event::Unknown { kind, .. } if kind == "7"));
        picky.set_filter(&seventh);
        for number in 0..10 {
            fanout.gather(numbered(number));
        }
        fanout.deliver();
        assert_eq!(drain(&slow), [Event::Lagged { missed: 8 }, numbered(8), numbered(9)]);
        assert_eq!(drain(&picky), [numbered(7)]);
    }

    #[test]
    fn a_filter_keeps_others_out_and_does_not_count_them_as_missed() {
        let fanout = Fanout::new();
        let queue = fanout.open(1);
        fanout.publish(numbered(1));
        let seventh: Predicate =
            Arc::new(|event| matches!(event, Event::Unknown { kind, .. } if kind == "7"));
        queue.set_filter(&seventh);
        for number in 2..10 {
            fanout.publish(numbered(number));
        }
        assert_eq!(drain(&queue), [numbered(7)]);
    }

    #[test]
    fn the_last_event_says_why_there_are_no_more() {
        let fanout = Fanout::new();
        let before = fanout.open(8);
        fanout.publish(numbered(1));
        fanout.close(&CloseCause::ByClient);
        let after = fanout.open(8);
        let context = Context::from_waker(Waker::noop());
        let closed = Poll::Ready(Some(Event::Closed(CloseCause::ByClient)));
        assert_eq!(before.poll_next(&context), Poll::Ready(Some(numbered(1))));
        for queue in [before, after] {
            assert_eq!(queue.poll_next(&context), closed);
            assert_eq!(queue.poll_next(&context), Poll::Ready(None));
        }
    }

    #[test]
    fn a_filter_that_panics_harms_nobody() {
        let fanout = Fanout::new();
        let (careless, other) = (fanout.open(8), fanout.open(8));
        let mistaken: Predicate = Arc::new(|_| panic!("a mistake of the user"));
        careless.set_filter(&mistaken);
        fanout.publish(numbered(1));
        assert_eq!(drain(&other), [numbered(1)]);
    }
}
