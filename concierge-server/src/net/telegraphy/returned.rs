//! What comes back to the core from elsewhere, from the store above all: it lines up here, and waits for nobody.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::events::Input;

/// Inputs in the order in which they came. How many there are is bounded by what the core has asked for.
#[derive(Debug, Default)]
pub(super) struct Returned {
    inputs: Mutex<VecDeque<Input>>,
    arrived: Notify,
}

impl Returned {
    /// Never waits: the store's own thread may say it.
    pub(super) fn push(&self, input: Input) {
        self.inputs.lock().push_back(input);
        self.arrived.notify_one();
    }

    pub(super) fn take(&self) -> Option<Input> {
        self.inputs.lock().pop_front()
    }

    /// Whoever waits looks again.
    pub(super) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Waits until there may be something.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
