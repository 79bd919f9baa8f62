//! The pings that somebody waits for.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};
use tokio_tungstenite::tungstenite::Bytes;

/// The pings of a connection, and who waits for which.
#[derive(Debug, Default)]
pub(super) struct Pings {
    next: u64,
    waiting: VecDeque<(u64, Instant, oneshot::Sender<Duration>)>,
}

impl Pings {
    /// What a new ping carries.
    pub(super) fn begin(&mut self, sender: Option<oneshot::Sender<Duration>>) -> Bytes {
        let number = self.next;
        self.next += 1;
        if let Some(sender) = sender {
            self.waiting.retain(|(.., sender)| !sender.is_closed());
            self.waiting.push_back((number, Instant::now(), sender));
        }
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    /// A pong answers the pings before its own too: a peer may answer only the last (RFC 6455, section 5.5.3).
    pub(super) fn handle_pong(&mut self, payload: &[u8]) {
        let Ok(number) = payload.try_into().map(u64::from_be_bytes) else { return };
        while let Some((.., began, sender)) = self.waiting.pop_front_if(|(waiting, ..)| *waiting <= number) {
            // Whoever asked may have left.
            sender.send(began.elapsed()).ok();
        }
    }

    /// No pong will come any more.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
