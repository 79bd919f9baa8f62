//! Reads pieces of the logs on threads that may wait for the disk, a few at a time, in the order in which they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tracing::warn;

use super::returned::Returned;
use crate::events::{Input, ReadTicket};
use crate::net::panics::Panics;
use crate::store::{Query, Store};

/// How many are read at the same time: the store has as many connections for it.
const AT_ONCE: usize = 4;

/// What is to be read, and who reads. Each connection and event has one piece asked for at most.
#[derive(Debug)]
pub(super) struct Reads {
    store: Arc<Store>,
    returned: Arc<Returned>,
    panics: Panics,
    threads: Handle,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(ReadTicket, Query)>,
    readers: usize,
}

impl Reads {
    /// It reads on the blocking threads of the runtime in which this is called.
    pub(super) fn new(store: Arc<Store>, returned: Arc<Returned>, panics: Panics) -> Arc<Self> {
        let (threads, state) = (Handle::current(), Mutex::default());
        Arc::new(Self { store, returned, panics, threads, state })
    }

    /// Has a piece read. It comes back as an input.
    pub(super) fn ask(self: &Arc<Self>, ticket: ReadTicket, query: Query) {
        let mut state = self.state.lock();
        state.waiting.push_back((ticket, query));
        if state.readers < AT_ONCE {
            state.readers += 1;
            let reads = Arc::clone(self);
            drop(self.threads.spawn_blocking(move || reads.read()));
        }
    }

    /// Reads until nothing is left.
    fn read(&self) {
        while let Some((ticket, query)) = self.next() {
            let page = self.panics.contain(|| self.store.page(&query)).and_then(|page| {
                page.inspect_err(|error| warn!(event = %query.event, %error, "a log cannot be read")).ok()
            });
            self.returned.push(Input::Read { ticket, page });
        }
    }

    fn next(&self) -> Option<(ReadTicket, Query)> {
        let mut state = self.state.lock();
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.readers -= 1;
        }
        next
    }
}
