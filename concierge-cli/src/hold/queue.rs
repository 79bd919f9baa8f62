//! The events of a session as a command reads them: a bounded queue that counts what it had to leave out, like the SDK's own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use concierge_client::Event;
use tokio::sync::Notify;

/// What has come and was not read yet.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    missed: u64,
    ended: bool,
}

impl Queue {
    /// A queue in which at most this many events wait, at least one.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), changed: Notify::new(), capacity: capacity.max(1) })
    }

    /// Puts an event behind the others. When there is no room, the oldest one goes.
    pub(super) fn push(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.events.len() >= self.capacity {
            let missed = match waiting.events.pop_front() {
                Some(Event::Lagged { missed }) => missed,
                Some(_) => 1,
                None => 0,
            };
            waiting.missed = waiting.missed.saturating_add(missed);
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.changed.notify_one();
    }

    /// No more will come.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_one();
    }

    /// Waits for the next one; none when no more will come. For one reader. Cancel safe.
    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut waiting = self.lock();
                if waiting.missed > 0 {
                    return Some(Event::Lagged { missed: std::mem::take(&mut waiting.missed) });
                }
                match waiting.events.pop_front() {
                    None if waiting.ended => return None,
                    None => {}
                    event => return event,
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(kind: &str) -> Event {
        Event::Unknown { kind: kind.to_owned(), raw: String::new() }
    }

    #[tokio::test]
    async fn what_there_was_no_room_for_is_counted_where_it_is_missing() {
        let queue = Queue::new(2);
        for event in [Event::Lagged { missed: 5 }, unknown("a"), unknown("b"), unknown("c")] {
            queue.push(event);
        }
        queue.end();
        assert_eq!(queue.next().await, Some(Event::Lagged { missed: 6 }));
        assert_eq!(queue.next().await, Some(unknown("b")));
        assert_eq!(queue.next().await, Some(unknown("c")));
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn whoever_waits_is_told_of_what_comes() {
        let queue = Queue::new(1);
        let (event, ()) = tokio::join!(queue.next(), async { queue.push(unknown("a")) });
        assert_eq!(event, Some(unknown("a")));
    }
}
