//! What waits to be written: bounded, and taken in groups by one writer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use concierge_client::telegraphy::Timestamp;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::error::StoreError;
use super::medium::OVERHEAD;
use crate::events::record::Change;

/// The most changes that are written with one sync, unless one list alone has more.
pub(super) const GROUP: usize = 256;

/// For how long a group waits for more.
const PATIENCE: Duration = Duration::from_millis(2);

/// The most changes that wait, unless one list alone has more.
pub(super) const MOST_CHANGES: usize = 4096;

/// The most bytes that wait, unless one list alone has more.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// What is called once when it is known what became of a list of changes.
pub(super) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A list of changes, and who waits for it.
pub(super) struct Waiting {
    pub(super) changes: Vec<Change>,
    /// Whether there was no room for them. Whoever waits hears it in turn.
    pub(super) is_refused: bool,
    pub(super) done: Done,
}

/// What is to be done next.
#[derive(Default)]
pub(super) struct Work {
    /// What is to be written with one sync.
    pub(super) group: Vec<Waiting>,
    /// What has expired by then is to be removed.
    pub(super) sweep: Option<Timestamp>,
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    changes: usize,
    bytes: usize,
    /// With how many changes the writer wants to be woken.
    wanted: usize,
    sweep: Option<Timestamp>,
    is_closed: bool,
    failure: Option<StoreError>,
}

impl Queue {
    /// Changes line up. For those that would be too many, and after a failure, only who waits does.
    pub(super) fn push(&self, mut changes: Vec<Change>, done: Done) {
        let mut state = self.state.lock();
        let (more_changes, more_bytes) = (changes.len(), bytes(&changes));
        let fits = state.changes + more_changes <= MOST_CHANGES && state.bytes + more_bytes <= MOST_BYTES;
        let is_refused = state.failure.is_some() || !(fits || state.changes == 0);
        if is_refused {
            changes = Vec::new();
        } else {
            state.changes += more_changes;
            state.bytes += more_bytes;
        }
        state.waiting.push_back(Waiting { changes, is_refused, done });
        let is_enough = state.changes >= state.wanted;
        drop(state);
        if is_enough {
            self.arrived.notify_one();
        }
    }

    /// What has expired by now is to be removed when there is time.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.state.lock().sweep = Some(now);
        self.arrived.notify_one();
    }

    /// Waits for something to do, unless there is something anyway. `expected` changes are worth a short wait. None when all is done
    /// and nothing more comes.
    pub(super) fn take(&self, is_idle: bool, expected: usize) -> Option<Work> {
        let mut state = self.state.lock();
        while is_idle && state.is_without_work() && !state.is_closed {
            self.arrived.wait(&mut state);
        }
        if !state.waiting.is_empty() {
            self.gather(&mut state, expected.min(GROUP));
        }
        let work = Work { group: state.group(), sweep: state.sweep.take() };
        let is_over = state.is_closed && work.group.is_empty();
        (!is_over).then_some(work)
    }

    /// Gives those a moment who have just heard of the last group and come again.
    fn gather(&self, state: &mut MutexGuard<'_, State>, expected: usize) {
        let end = Instant::now() + PATIENCE;
        state.wanted = expected;
        while state.changes < expected && !state.is_closed {
            if self.arrived.wait_until(state, end).timed_out() {
                break;
            }
        }
        state.wanted = 0;
    }

    /// Nothing more comes; what waits is still written.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// Nothing is written any more: what waits and what comes is refused. The first cause stays.
    pub(super) fn fail(&self, failure: StoreError) {
        let mut state = self.state.lock();
        state.failure.get_or_insert(failure);
        (state.changes, state.bytes) = (0, 0);
        for waiting in &mut state.waiting {
            (waiting.changes, waiting.is_refused) = (Vec::new(), true);
        }
    }

    /// Why nothing is written any more.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.state.lock().failure.clone()
    }

    /// How many changes wait.
    pub(super) fn len(&self) -> usize {
        self.state.lock().changes
    }
}

impl State {
    fn is_without_work(&self) -> bool {
        self.waiting.is_empty() && self.sweep.is_none()
    }

    /// The first lists, as many as go together.
    fn group(&mut self) -> Vec<Waiting> {
        let mut group = Vec::new();
        let mut changes = 0;
        while let Some(next) = self.waiting.front() {
            changes += next.changes.len();
            if changes > GROUP && !group.is_empty() {
                break;
            }
            self.changes -= next.changes.len();
            self.bytes -= bytes(&next.changes);
            group.extend(self.waiting.pop_front());
        }
        group
    }
}

/// About how much room changes take, in bytes.
fn bytes(changes: &[Change]) -> usize {
    let texts = changes.iter().map(|change| match change {
        Change::Append(event) => event.len(),
        _ => 0,
    });
    changes.len() * OVERHEAD + texts.sum::<usize>()
}
