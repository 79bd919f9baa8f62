//! What the connection's task is to send on its own account, before anything of the user.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{payload::Seq, session::Step};

/// Something the connection's task is to send on its own account.
#[derive(Debug)]
pub(super) enum Chore {
    /// A ping into a silence.
    Ping,
    /// A step of the session.
    Step(Step),
    /// A `SELF_SET_SEQ`, because this number answered nothing that was asked.
    Resynchronize(Seq),
}

/// The chores that wait, in the order they were given. They belong to one connection: the next one begins without, and between
/// two connections there are none.
#[derive(Debug, Default)]
pub(super) struct Chores {
    queue: Mutex<Option<VecDeque<Chore>>>,
    due: Notify,
}

impl Chores {
    pub(super) fn add(&self, chore: Chore) {
        if let Some(queue) = &mut *self.queue.lock() {
            queue.push_back(chore);
            self.due.notify_one();
        }
    }

    pub(super) fn take(&self) -> Option<Chore> {
        self.queue.lock().as_mut()?.pop_front()
    }

    /// There is a connection to do chores on.
    pub(super) fn begin(&self) {
        *self.queue.lock() = Some(VecDeque::new());
    }

    /// There is no connection any more.
    pub(super) fn end(&self) {
        *self.queue.lock() = None;
    }

    /// Makes whoever waits for chores look again.
    pub(super) fn wake(&self) {
        self.due.notify_one();
    }

    /// Waits until there may be some.
    pub(super) async fn due(&self) {
        self.due.notified().await;
    }
}
