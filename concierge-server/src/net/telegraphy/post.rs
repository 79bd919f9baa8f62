//! What the exchange leaves for the one who serves a connection: that its request was answered, and that it is over. The texts
//! themselves go through the outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use concierge_client::telegraphy::{CloseCode, Status};
use parking_lot::Mutex;

use crate::net::outbox::Outbox;

/// Between the exchange and who serves one connection.
#[derive(Debug)]
pub(super) struct Post {
    outbox: Arc<Outbox>,
    is_slow: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answered: Option<Status>,
    close: Option<CloseCode>,
    /// Who serves the connection, when it is asleep.
    session: Option<Waker>,
}

/// What was left.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// The request that was asked is answered so.
    pub(super) answered: Option<Status>,
    /// The connection is over, after what it was sent so far.
    pub(super) close: Option<CloseCode>,
}

impl Post {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, is_slow: AtomicBool::new(false), state: Mutex::default() }
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// What was left since it was asked the last time. When there is more, whoever asked is woken.
    pub(super) fn poll(&self, context: &Context<'_>) -> News {
        let mut state = self.state.lock();
        match &mut state.session {
            Some(session) => session.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        News { answered: state.answered.take(), close: state.close }
    }

    /// Whether the core holds the client for slow.
    pub(super) fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Relaxed)
    }

    /// Whether the client was slow and is no more: then the exchange wants to know.
    pub(super) fn is_relieved(&self) -> bool {
        self.is_slow() && self.outbox.is_low()
    }

    pub(super) fn answer(&self, status: Status) {
        self.leave(|state| state.answered = Some(status));
    }

    /// The first reason stays.
    pub(super) fn close(&self, code: CloseCode) {
        self.leave(|state| _ = state.close.get_or_insert(code));
    }

    /// Whether that is new.
    pub(super) fn set_slow(&self, is_slow: bool) -> bool {
        self.is_slow.swap(is_slow, Ordering::Relaxed) != is_slow
    }

    fn leave(&self, news: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        news(&mut state);
        if let Some(session) = state.session.take() {
            session.wake();
        }
    }
}
