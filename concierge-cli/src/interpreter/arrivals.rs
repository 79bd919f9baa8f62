//! What has arrived since something was last expected: kept so that nothing can come too early to be noticed.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use concierge_client::Event;
use tokio::sync::{Notify, futures::Notified};

/// How many events are kept, and about how many bytes of messages.
const MOST_EVENTS: usize = 8 * 1024;
const MOST_BYTES: usize = 64 << 20;

/// Events that nothing has expected yet, in order.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    /// The number of the first of them.
    first: u64,
    bytes: usize,
    /// How many were given up since something was last expected.
    lost: u64,
    ended: bool,
}

/// What comes after what was looked at.
#[derive(Debug)]
pub(super) enum Next {
    /// This event, of this number.
    Event(u64, Box<Event>),
    /// Nothing yet.
    Nothing,
    /// So many were given up: nobody knows what they were.
    Lost(u64),
    /// Nothing any more: the connection has ended.
    Ended,
}

impl Arrivals {
    /// An event has arrived.
    pub(crate) fn push(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Closed(_) => state.ended = true,
            Event::Lagged { missed } => state.lost += missed,
            event => {
                state.bytes += size(event);
                state.events.push_back(event.clone());
                while state.events.len() > MOST_EVENTS || state.bytes > MOST_BYTES {
                    state.give_up_first();
                    state.lost += 1;
                }
            }
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// A new connection begins.
    pub(crate) fn begin(&self) {
        self.lock().ended = false;
    }

    /// The first event that is not before this number.
    pub(super) fn next_from(&self, number: u64) -> Next {
        let mut state = self.lock();
        if state.lost > 0 {
            return Next::Lost(std::mem::take(&mut state.lost));
        }
        let number = number.max(state.first);
        let event = usize::try_from(number - state.first).ok().and_then(|index| state.events.get(index));
        match event {
            Some(event) => Next::Event(number, Box::new(event.clone())),
            None if state.ended => Next::Ended,
            None => Next::Nothing,
        }
    }

    /// Everything up to the event of this number was expected.
    pub(super) fn consume(&self, number: u64) {
        let mut state = self.lock();
        while state.first <= number && !state.events.is_empty() {
            state.give_up_first();
        }
    }

    /// Waits until something arrives, from when it is enabled.
    pub(super) fn more(&self) -> Notified<'_> {
        self.arrived.notified()
    }

    /// The number that the next one will have.
    pub(super) fn end(&self) -> u64 {
        let state = self.lock();
        state.first + state.events.len() as u64
    }

    /// What is there.
    pub(super) fn all(&self) -> Vec<Event> {
        self.lock().events.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn give_up_first(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= size(&event);
            self.first += 1;
        }
    }
}

/// About how much an event takes, in bytes.
fn size(event: &Event) -> usize {
    match event {
        Event::Message(message) => message.data.as_str().len(),
        Event::Unknown { raw, .. } => raw.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(kind: &str) -> Event {
        Event::Unknown { kind: kind.into(), raw: "{}".into() }
    }

    fn kind(next: &Next) -> String {
        match next {
            Next::Event(_, event) => event.kind().unwrap_or_default().to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_was_expected_is_gone_with_all_before_it() {
        let arrivals = Arrivals::default();
        for name in ["A", "B", "C"] {
            arrivals.push(&unknown(name));
        }
        assert_eq!(kind(&arrivals.next_from(0)), "A");
        assert_eq!(kind(&arrivals.next_from(1)), "B");
        arrivals.consume(1);
        assert_eq!(kind(&arrivals.next_from(0)), "C");
        assert!(matches!(arrivals.next_from(3), Next::Nothing));
        arrivals.consume(2);
        assert!(arrivals.all().is_empty());
    }

    #[test]
    fn what_is_given_up_is_told_once() {
        let arrivals = Arrivals::default();
        for _ in 0..MOST_EVENTS + 3 {
            arrivals.push(&unknown("A"));
        }
        assert!(matches!(arrivals.next_from(0), Next::Lost(3)));
        assert!(matches!(arrivals.next_from(0), Next::Event(3, _)));
        assert_eq!(arrivals.all().len(), MOST_EVENTS);
    }
}
