//! What waits to be written to one client: bounded, shared with whoever delivers to it. Who waits for it to empty is
//! decided in `pacing`; what becomes of a client whose outbox is full, in `session`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::batch::{Batch, CHUNKS, Chunk};
use super::payload::Payload;

/// How many bytes are taken out to be written at once; the last chunk may exceed it.
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

/// How full the outbox is after a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Up to its half.
    Low,
    /// Over half, and its client was not found slow yet: the one who caused the delivery should wait.
    High,
    /// Over half, and nobody waits for its client any more.
    Slow,
}

/// The outbox of a connection.
#[derive(Debug)]
pub(super) struct Outbox {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Chunk>,
    /// What waits, and what was taken out to be written until the socket has it.
    held: Amount,
    /// What was taken out.
    writing: Amount,
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

/// Payloads, and the bytes of their texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amount {
    payloads: usize,
    bytes: usize,
}

impl Outbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default() }
    }

    /// Takes in a payload: always into an empty outbox, whatever its size.
    pub(super) fn push(&self, payload: &Payload<'_>) -> Pressure {
        let state = &mut *self.state.lock();
        if state.closed {
            return Pressure::Low;
        }
        let length = payload.len();
        let has_room = state.held.payloads < self.bounds.payloads
            && length.saturating_add(state.held.bytes) <= self.bounds.bytes;
        if !has_room && state.held.payloads > 0 {
            return state.end(Signal::Overflow);
        }
        // A connection that has something to write already needs no second call.
        if state.queue.is_empty()
            && let Some(writer) = state.writer.take()
        {
            writer.wake();
        }
        state.held.payloads += 1;
        state.held.bytes += length;
        if !state.queue.back_mut().is_some_and(|last| last.add(payload)) {
            state.queue.push_back(Chunk::new(payload));
        }
        match (self.is_half_full(state), state.slow) {
            (false, _) => Pressure::Low,
            (true, false) => Pressure::High,
            (true, true) => Pressure::Slow,
        }
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

    /// What was taken out has been written: takes out what comes next, if anything waits. It counts until this is called again. Until
    /// then, the connection is woken when something comes into an empty outbox, or when it has something else to do, which goes first.
    pub(super) fn poll_take(&self, batch: &mut Batch, context: &Context<'_>) -> Result<(), Signal> {
        let state = &mut *self.state.lock();
        self.settle(state);
        if let Some(signal) = state.signal {
            return Err(signal);
        }
        state.take(batch);
        state.register(context);
        Ok(())
    }

    /// What the connection has to do, while it is writing what was taken out.
    pub(super) fn poll_signal(&self, context: &Context<'_>) -> Result<(), Signal> {
        let mut state = self.state.lock();
        state.register(context);
        state.signal.map_or(Ok(()), Err)
    }

    /// The same as [`Outbox::poll_take`], for one that does nothing any more but write what waits.
    pub(super) fn take(&self, batch: &mut Batch) {
        let state = &mut *self.state.lock();
        self.settle(state);
        state.take(batch);
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

    /// Nobody waits for it any more until something was written and it is below a quarter: its client takes nothing.
    pub(super) fn give_up(&self) {
        let mut state = self.state.lock();
        state.slow = true;
        state.wake_waiting();
    }

    /// Bytes that wait, or are being written.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().held.bytes
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
        state.held.bytes > self.bounds.bytes / 2 || state.held.payloads > self.bounds.payloads / 2
    }

    fn is_relieved(&self, state: &State) -> bool {
        state.held.bytes <= self.bounds.bytes / 4 && state.held.payloads <= self.bounds.payloads / 4
    }

    /// What was taken out is gone.
    fn settle(&self, state: &mut State) {
        if state.writing.payloads == 0 {
            return;
        }
        let Amount { payloads, bytes } = std::mem::take(&mut state.writing);
        state.held.payloads -= payloads;
        state.held.bytes -= bytes;
        if self.is_relieved(state) {
            state.slow = false;
            state.wake_waiting();
        }
    }
}

/// Gives up those that hold the most, one after the other, until no more waits in all of them together than may.
pub(super) fn relieve<'o, O: Iterator<Item = &'o Arc<Outbox>>>(
    waiting: &AtomicUsize,
    most: usize,
    outboxes: impl Fn() -> O,
) {
    while waiting.load(Ordering::Relaxed) > most {
        let fullest = outboxes().max_by_key(|outbox| outbox.bytes());
        let Some(fullest) = fullest.filter(|outbox| outbox.bytes() > 0) else { break };
        fullest.overflow();
    }
}

impl State {
    /// Moves the oldest chunks into a batch.
    fn take(&mut self, batch: &mut Batch) {
        let mut taken = Amount::default();
        for _ in 0..CHUNKS {
            let Some(chunk) = self.queue.pop_front_if(|_| taken.bytes < BYTES_AT_ONCE) else { break };
            taken.payloads += chunk.payloads();
            taken.bytes += chunk.text_bytes();
            batch.push(chunk);
        }
        if self.queue.is_empty() {
            // An idle client keeps no room for what it was sent once.
            self.queue = VecDeque::new();
        }
        self.writing = taken;
    }

    fn register(&mut self, context: &Context<'_>) {
        match &mut self.writer {
            Some(writer) => writer.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }

    fn end(&mut self, signal: Signal) -> Pressure {
        self.queue = VecDeque::new();
        (self.held, self.writing) = (Amount::default(), Amount::default());
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
    use std::task::Waker;

    use super::*;

    fn outbox(bytes: usize, payloads: usize) -> Outbox {
        Outbox::new(Bounds { bytes, payloads })
    }

    fn push(outbox: &Outbox, text: &str) -> Pressure {
        outbox.push(&Payload::new(text, 1, &mut Vec::new(), &Arc::default()))
    }

    /// Takes out what is to be written next.
    fn take(outbox: &Outbox) -> Batch {
        let mut batch = Batch::default();
        outbox.take(&mut batch);
        batch
    }

    /// Writes what waits, and finds nothing more.
    fn written(outbox: &Outbox) {
        drop(take(outbox));
        assert!(take(outbox).is_empty());
    }

    fn signal(outbox: &Outbox) -> Option<Signal> {
        outbox.poll_signal(&Context::from_waker(Waker::noop())).err()
    }

    #[test]
    fn an_empty_outbox_takes_a_payload_of_any_size() {
        let outbox = outbox(4, 0);
        push(&outbox, "longer than four");
        assert_eq!(signal(&outbox), None);
        drop(take(&outbox));
        assert!(outbox.is_empty());
    }

    #[test]
    fn one_byte_too_many_overflows_and_frees_what_waited() {
        let outbox = outbox(8, 100);
        let total = Arc::default();
        for text in ["1234", "5678"] {
            outbox.push(&Payload::new(text, 1, &mut Vec::new(), &total));
        }
        assert_eq!((signal(&outbox), outbox.bytes(), total.load(Ordering::Relaxed)), (None, 8, 8));
        outbox.push(&Payload::new("9", 1, &mut Vec::new(), &total));
        assert_eq!((signal(&outbox), outbox.bytes()), (Some(Signal::Overflow), 0));
        assert_eq!(total.load(Ordering::Relaxed), 0);
        push(&outbox, "more");
        assert!(outbox.is_empty(), "an outbox that overflowed takes nothing in");
    }

    #[test]
    fn one_payload_too_many_overflows() {
        let outbox = outbox(1000, 2);
        for _ in 0..2 {
            push(&outbox, "");
        }
        assert_eq!(signal(&outbox), None);
        push(&outbox, "");
        assert_eq!(signal(&outbox), Some(Signal::Overflow));
    }

    #[test]
    fn a_large_payload_for_many_counts_once_among_all_that_waits_and_a_small_one_for_each() {
        let total = Arc::default();
        let outboxes = [outbox(1 << 20, 100), outbox(1 << 20, 100)];
        for (text, counted) in [("small".to_owned(), 10), ("x".repeat(5000), 5010)] {
            let mut room = Vec::new();
            let payload = Payload::new(&text, outboxes.len(), &mut room, &total);
            for outbox in &outboxes {
                outbox.push(&payload);
            }
            assert_eq!(total.load(Ordering::Relaxed), counted);
        }
        for (outbox, left) in outboxes.iter().zip([5005, 0]) {
            assert_eq!(outbox.bytes(), 5005);
            written(outbox);
            assert_eq!(total.load(Ordering::Relaxed), left);
        }
    }

    #[test]
    fn pressure_is_high_over_half_and_relieved_below_a_quarter() {
        let outbox = outbox(8, 100);
        let context = &Context::from_waker(Waker::noop());
        assert_eq!([push(&outbox, "12"), push(&outbox, "12")], [Pressure::Low; 2]);
        let _batch = take(&outbox);
        assert_eq!([push(&outbox, "12"), push(&outbox, "12")], [Pressure::High; 2]);
        let _second = take(&outbox);
        assert_eq!(outbox.poll_relieved(context), Poll::Pending);
        assert!(take(&outbox).is_empty());
        assert_eq!(outbox.poll_relieved(context), Poll::Ready(()));
    }

    #[test]
    fn what_is_being_written_counts_until_the_socket_has_it() {
        let outbox = outbox(8, 100);
        push(&outbox, "123456");
        let _batch = take(&outbox);
        assert_eq!(outbox.bytes(), 6);
        push(&outbox, "789");
        assert_eq!(signal(&outbox), Some(Signal::Overflow), "an outbox that is being written is not empty");
    }

    #[test]
    fn nobody_waits_for_a_slow_client_until_it_caught_up() {
        let outbox = outbox(8, 100);
        assert_eq!(push(&outbox, "123456"), Pressure::High);
        outbox.mark_slow();
        assert_eq!(push(&outbox, "1"), Pressure::Slow);
        assert_eq!(outbox.poll_relieved(&Context::from_waker(Waker::noop())), Poll::Ready(()));
        written(&outbox);
        assert_eq!(push(&outbox, "123456"), Pressure::High, "it caught up");
    }

    #[test]
    fn nobody_waits_for_a_client_that_takes_nothing_until_it_took_something() {
        let outbox = outbox(8, 100);
        push(&outbox, "1");
        let _batch = take(&outbox);
        outbox.give_up();
        assert_eq!(push(&outbox, "23456"), Pressure::Slow);
        written(&outbox);
        assert_eq!(push(&outbox, "123456"), Pressure::High, "it reads again");
    }

    #[test]
    fn stopping_leaves_what_waits() {
        let outbox = outbox(8, 100);
        push(&outbox, "last");
        outbox.stop();
        let context = Context::from_waker(Waker::noop());
        assert_eq!(outbox.poll_take(&mut Batch::default(), &context), Err(Signal::Stop));
        assert!(!take(&outbox).is_empty());
    }

    #[test]
    fn what_is_taken_out_at_once_is_bounded_and_in_order() {
        let outbox = outbox(1 << 20, 1000);
        for size in [BYTES_AT_ONCE, 1, 2] {
            push(&outbox, &"x".repeat(size));
        }
        drop(take(&outbox));
        drop(take(&outbox));
        assert_eq!(outbox.bytes(), 3, "the first was enough");
        assert!(take(&outbox).is_empty());
        for _ in 0..=CHUNKS {
            push(&outbox, &"x".repeat(5000));
        }
        while !outbox.is_empty() {
            assert!(!take(&outbox).is_empty());
        }
    }
}
