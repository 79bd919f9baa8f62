//! What waits to be written to one client: bounded, shared with whoever delivers to it. Who waits for it to empty is
//! decided in `pacing`; what becomes of a client whose outbox is full, in `session`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::batch::{Batch, FRAMES};
use super::payload::Payload;

/// How many bytes are taken out to be written at once; the last payload may exceed it.
const BYTES_AT_ONCE: usize = 64 * 1024;

/// How much may wait for one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    pub(super) payloads: usize,
}

/// What the connection has to do besides writing what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// The client does not keep up: what waited for it is gone.
    Overflow,
    /// The gateway stops.
    Stop,
    /// An operator has removed the client: what waited for it is gone.
    Kicked,
}

/// Whether the one who caused a delivery should wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
    /// No.
    Low,
    /// The outbox is over half full, and its client was not found slow yet.
    High,
}

/// The outbox of a connection.
#[derive(Debug)]
pub(super) struct Outbox {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Payload>>,
    /// Bytes that wait, and those that were taken out to be written until the socket has them.
    bytes: usize,
    /// Payloads that were taken out, and their bytes.
    writing: usize,
    bytes_writing: usize,
    signal: Option<Signal>,
    /// Nothing is taken in any more.
    closed: bool,
    /// Nobody waits for this client until its outbox is below a quarter.
    slow: bool,
    /// The connection, when it is asleep.
    writer: Option<Waker>,
    /// Who waits for the outbox to be below a quarter.
    waiting: Vec<Waker>,
}

impl Outbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default() }
    }

    /// Takes in a payload: always into an empty outbox, whatever its size.
    pub(super) fn push(&self, payload: Arc<Payload>) -> Pressure {
        let mut state = self.state.lock();
        if state.closed {
            return Pressure::Low;
        }
        let length = payload.len();
        let has_room = state.payloads() < self.bounds.payloads
            && length.saturating_add(state.bytes) <= self.bounds.bytes;
        if !has_room && state.payloads() > 0 {
            return state.end(Signal::Overflow);
        }
        // A connection that has something to write already needs no second call.
        if state.queue.is_empty()
            && let Some(writer) = state.writer.take()
        {
            writer.wake();
        }
        state.bytes += length;
        state.queue.push_back(payload);
        if self.is_half_full(&state) && !state.slow { Pressure::High } else { Pressure::Low }
    }

    /// Gives up on the client: what waits for it is dropped.
    pub(super) fn overflow(&self) {
        let mut state = self.state.lock();
        if !state.closed {
            state.end(Signal::Overflow);
        }
    }

    /// Removes the client, for an operator: what waits for it is dropped.
    pub(super) fn kick(&self) {
        let mut state = self.state.lock();
        if !state.closed {
            state.end(Signal::Kicked);
        }
    }

    /// Tells the connection that the gateway stops. What waits stays.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.signal.get_or_insert(Signal::Stop);
        if let Some(writer) = state.writer.take() {
            writer.wake();
        }
    }

    /// Takes nothing in any more; what waits can still be taken out.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.wake_waiting();
    }

    /// The oldest payloads, to be written. They count until [`Outbox::handle_written`].
    pub(super) fn take(&self) -> Batch {
        let mut state = self.state.lock();
        let mut bytes = 0;
        let goes_along = |payload: &&Arc<Payload>| {
            let has_room = bytes < BYTES_AT_ONCE;
            bytes += if has_room { payload.len() } else { 0 };
            has_room
        };
        let count = state.queue.iter().take(FRAMES).take_while(goes_along).count();
        let rest = state.queue.split_off(count);
        let taken = std::mem::replace(&mut state.queue, rest);
        state.writing += count;
        state.bytes_writing += bytes;
        Batch::new(taken)
    }

    /// The socket has taken everything that was taken out.
    pub(super) fn handle_written(&self) {
        let mut state = self.state.lock();
        state.bytes -= std::mem::take(&mut state.bytes_writing);
        state.writing = 0;
        if self.is_relieved(&state) {
            state.slow = false;
            state.wake_waiting();
        }
    }

    /// What the connection has to do; until then it is woken when something comes into an empty outbox.
    pub(super) fn poll_signal(&self, context: &Context<'_>) -> Poll<Signal> {
        let mut state = self.state.lock();
        if let Some(signal) = state.signal {
            return Poll::Ready(signal);
        }
        match &mut state.writer {
            Some(writer) => writer.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits until the outbox is below a quarter, or will never be.
    pub(super) fn poll_relieved(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.closed || state.slow || self.is_relieved(&state) {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Nobody waits for it any more until it is below a quarter.
    pub(super) fn mark_slow(&self) {
        let mut state = self.state.lock();
        state.slow = !self.is_relieved(&state);
        state.wake_waiting();
    }

    /// Bytes that wait, or are being written.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Whether it is over half full.
    pub(super) fn is_high(&self) -> bool {
        self.is_half_full(&self.state.lock())
    }

    /// Whether it is below a quarter.
    pub(super) fn is_low(&self) -> bool {
        self.is_relieved(&self.state.lock())
    }

    /// Whether nothing is left to be taken out.
    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }

    fn is_half_full(&self, state: &State) -> bool {
        state.bytes > self.bounds.bytes / 2 || state.payloads() > self.bounds.payloads / 2
    }

    fn is_relieved(&self, state: &State) -> bool {
        state.bytes <= self.bounds.bytes / 4 && state.payloads() <= self.bounds.payloads / 4
    }
}

impl State {
    fn payloads(&self) -> usize {
        self.queue.len() + self.writing
    }

    fn end(&mut self, signal: Signal) -> Pressure {
        self.queue = VecDeque::new();
        (self.bytes, self.bytes_writing, self.writing) = (0, 0, 0);
        self.closed = true;
        self.signal = Some(signal);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        self.wake_waiting();
        Pressure::Low
    }

    fn wake_waiting(&mut self) {
        for waker in std::mem::take(&mut self.waiting) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use super::*;

    /// An outbox, and what makes payloads for it.
    fn outbox(bytes: usize, payloads: usize) -> (Outbox, Arc<AtomicUsize>) {
        (Outbox::new(Bounds { bytes, payloads }), Arc::new(AtomicUsize::new(0)))
    }

    /// Writes what waits.
    fn written(outbox: &Outbox) {
        drop(outbox.take());
        outbox.handle_written();
    }

    fn signal(outbox: &Outbox) -> Option<Signal> {
        match outbox.poll_signal(&Context::from_waker(Waker::noop())) {
            Poll::Ready(signal) => Some(signal),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_empty_outbox_takes_a_payload_of_any_size() {
        let (outbox, total) = outbox(4, 0);
        outbox.push(Payload::new("longer than four", &total));
        assert_eq!(signal(&outbox), None);
        drop(outbox.take());
        assert!(outbox.is_empty());
    }

    #[test]
    fn one_byte_too_many_overflows_and_frees_what_waited() {
        let (outbox, total) = outbox(8, 100);
        outbox.push(Payload::new("1234", &total));
        outbox.push(Payload::new("5678", &total));
        assert_eq!((signal(&outbox), outbox.bytes()), (None, 8));
        outbox.push(Payload::new("9", &total));
        assert_eq!((signal(&outbox), outbox.bytes()), (Some(Signal::Overflow), 0));
        assert_eq!(total.load(Ordering::Relaxed), 0);
        outbox.push(Payload::new("more", &total));
        assert!(outbox.is_empty(), "an outbox that overflowed takes nothing in");
    }

    #[test]
    fn one_payload_too_many_overflows() {
        let (outbox, total) = outbox(1000, 2);
        for _ in 0..2 {
            outbox.push(Payload::new("", &total));
        }
        assert_eq!(signal(&outbox), None);
        outbox.push(Payload::new("", &total));
        assert_eq!(signal(&outbox), Some(Signal::Overflow));
    }

    #[test]
    fn a_payload_for_many_counts_once_among_all_that_waits() {
        let (first, total) = outbox(100, 100);
        let (second, _) = outbox(100, 100);
        let payload = Payload::new("12345", &total);
        first.push(Arc::clone(&payload));
        second.push(payload);
        assert_eq!((total.load(Ordering::Relaxed), first.bytes(), second.bytes()), (5, 5, 5));
        written(&first);
        assert_eq!(total.load(Ordering::Relaxed), 5);
        written(&second);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn pressure_is_high_over_half_and_relieved_below_a_quarter() {
        let (outbox, total) = outbox(8, 100);
        let context = &Context::from_waker(Waker::noop());
        let push = || outbox.push(Payload::new("12", &total));
        assert_eq!([push(), push()], [Pressure::Low, Pressure::Low]);
        let _batch = outbox.take();
        assert_eq!([push(), push()], [Pressure::High, Pressure::High]);
        outbox.handle_written();
        assert_eq!(outbox.poll_relieved(context), Poll::Pending);
        written(&outbox);
        assert_eq!(outbox.poll_relieved(context), Poll::Ready(()));
    }

    #[test]
    fn what_is_being_written_counts_until_the_socket_has_it() {
        let (outbox, total) = outbox(8, 100);
        outbox.push(Payload::new("123456", &total));
        let _batch = outbox.take();
        assert_eq!((outbox.bytes(), total.load(Ordering::Relaxed)), (6, 6));
        outbox.push(Payload::new("789", &total));
        assert_eq!(signal(&outbox), Some(Signal::Overflow), "an outbox that is being written is not empty");
    }

    #[test]
    fn nobody_waits_for_a_slow_client_until_it_caught_up() {
        let (outbox, total) = outbox(8, 100);
        let push = || outbox.push(Payload::new("123456", &total));
        assert_eq!(push(), Pressure::High);
        outbox.mark_slow();
        assert_eq!(outbox.push(Payload::new("1", &total)), Pressure::Low);
        assert_eq!(outbox.poll_relieved(&Context::from_waker(Waker::noop())), Poll::Ready(()));
        written(&outbox);
        assert_eq!(push(), Pressure::High, "it caught up");
    }

    #[test]
    fn stopping_leaves_what_waits() {
        let (outbox, total) = outbox(8, 100);
        outbox.push(Payload::new("last", &total));
        outbox.stop();
        assert_eq!(signal(&outbox), Some(Signal::Stop));
        assert!(!outbox.take().is_empty());
    }

    #[test]
    fn what_is_taken_out_at_once_is_bounded_and_in_order() {
        let (outbox, total) = outbox(1 << 20, 1000);
        for size in [BYTES_AT_ONCE, 1, 2] {
            outbox.push(Payload::new(&"x".repeat(size), &total));
        }
        drop(outbox.take());
        outbox.handle_written();
        assert_eq!(outbox.bytes(), 3, "the first was enough");
        for _ in 0..FRAMES {
            outbox.push(Payload::new("", &total));
        }
        drop(outbox.take());
        assert!(!outbox.is_empty());
        drop(outbox.take());
        assert!(outbox.is_empty());
    }
}
