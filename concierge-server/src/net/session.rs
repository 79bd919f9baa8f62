//! One WebSocket, from the upgrade to its end: reads and writes at the same time, keeps the deadlines, and leaves by the
//! one way out. What the texts mean is the dialect's affair.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::debug;

use super::batch::Batch;
use super::ending::{Ending, Reason, finish};
use super::frames::{FrameLimits, Piece as Frame};
use super::gateway::Gateway;
use super::member::Outcome;
use super::outbox::{Outbox, Signal};
use super::pacing::{PATIENCE, Pause};
#[cfg(test)]
use super::panics::tests::Fault;
use super::peer::Peer;
use super::socket::{End, Socket};
use super::throttle::{Counted, Piece, Throttle};
use super::wire::Wire;
use crate::dialect::concierge::{Close, Timer};

/// How many messages are read in a row before what they led to is written: the answers to a burst leave in one write.
const MESSAGES_IN_A_ROW: usize = 128;

/// How many batches are written in a row before others get their turn.
const BATCHES_IN_A_ROW: usize = 4;

/// How long a client may take nothing while something waits for it.
const STALLED_FOR: Duration = Duration::from_secs(10);

/// How far apart the moments are at which deadlines are met that may be met a little late.
const BEAT: Duration = Duration::from_millis(100);

struct Session<S> {
    member: S,
    socket: Socket<Wire>,
    /// Other clients have to catch up before this one is read from.
    pause: Option<Pause>,
    /// How much the client may send.
    throttle: Throttle,
    /// This client has to read what it is sent before more is read from it.
    is_held: bool,
    /// Others had their turn since there is something to write.
    has_waited: bool,
    ping_is_due: bool,
    /// Nothing can be written, while something waits.
    stall: Option<Stall>,
    /// Bytes written and received when that was looked at the last time.
    written: u64,
    received: u64,
}

/// The client takes nothing of what waits for it.
#[derive(Debug, Clone, Copy)]
struct Stall {
    since: Duration,
    /// Nobody waits for it any more.
    is_given_up: bool,
}

impl Stall {
    /// When something follows from it: first nobody waits for the client any more, then it is closed.
    fn until(self) -> Duration {
        self.since + if self.is_given_up { STALLED_FOR } else { PATIENCE }
    }
}

/// How far reading came.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// To the end of what is there; or more may not be read before something else happens.
    Done,
    /// To where the client has to read what it is sent.
    Held,
    /// There may be more, but others get their turn.
    InARow,
}

/// The gateway's side of a WebSocket, in the dialect that is spoken over it.
pub(super) trait Side {
    fn gateway(&self) -> &Arc<Gateway>;
    fn outbox(&self) -> &Arc<Outbox>;
    fn peer(&self) -> Peer;

    /// How large what comes may be.
    fn frame_limits(&self) -> FrameLimits;

    /// What is said at the end, for a reason that is not the dialect's own.
    fn words(reason: Reason) -> Close;

    /// A text came in, now. The first of what was read at once is the one that is timed.
    fn handle_text(&mut self, text: &str, now: Duration, is_timed: bool) -> Outcome;

    /// A binary message came in, now.
    fn handle_binary(&mut self, now: Duration) -> Outcome;

    /// The client has given a sign of life.
    fn handle_activity(&mut self, now: Duration);

    /// Does what others have left for it. The end, if it comes to that.
    fn poll(&mut self, context: &mut Context<'_>) -> Option<Ending>;

    /// What is written next was taken out of the outbox.
    fn handle_taken(&mut self, batch: &mut Batch);

    /// When [`Side::handle_deadline`] wants to be called.
    fn next_deadline(&self) -> Option<Duration>;
    fn handle_deadline(&mut self, now: Duration) -> Timer;

    /// The gateway stops: there is time for a last word.
    fn handle_stop(&mut self);

    /// Takes the client out. Whose outboxes are over half full by that is returned.
    fn leave(&mut self) -> Vec<Arc<Outbox>>;
}

/// Serves a WebSocket until it ends. `ahead` is what was read from the stream already.
pub(super) async fn run<S: Side>(begin: impl FnOnce() -> S, stream: Wire, ahead: Bytes) {
    let member = begin();
    let (gateway, peer) = (member.gateway(), member.peer());
    let socket = Socket::new(stream, &ahead, member.frame_limits(), gateway.metrics().traffic());
    drop(ahead);
    let throttle = Throttle::new(&gateway.config().limits);
    // In one piece on the heap: within the task it would take its room several times.
    let mut session = Box::new(Session {
        socket,
        member,
        pause: None,
        throttle,
        is_held: false,
        has_waited: false,
        ping_is_due: false,
        stall: None,
        written: 0,
        received: 0,
    });
    debug!(%peer, "a WebSocket opened");
    let panics = session.member.gateway().panics().clone();
    let ending = panics.watch(session.until_end()).await;
    let ending = ending.unwrap_or_else(|| Ending::Abort(S::words(Reason::Failure)));
    debug!(%peer, ?ending, "a WebSocket ends");
    // The rest of the way is rare and large: on the heap it costs those nothing that are not there yet.
    Box::pin(session.end(ending)).await;
}

/// When a deadline that may be met a little late is met: at a [`BEAT`], which is the same for all connections, so that thousands of pings
/// leave, and are answered, a few hundred at a time.
fn on_time(deadline: Duration) -> Duration {
    let beats = deadline.as_nanos().div_ceil(BEAT.as_nanos());
    BEAT.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX))
}

impl<S: Side> Session<S> {
    async fn until_end(&mut self) -> Ending {
        let mut timer = pin!(sleep_until(self.next_deadline()));
        std::future::poll_fn(|context| {
            let polled = self.poll(context, timer.as_mut());
            self.socket.settle();
            polled
        })
        .await
    }

    async fn end(self: Box<Self>, ending: Ending) {
        let Self { mut member, socket, .. } = *self;
        // First, so that the name is free when the client learns of the end.
        let pause = Pause::new(member.leave(), member.gateway().now());
        member.gateway().metrics().close(ending.closed());
        finish(socket, member.outbox(), ending).await;
        if let Some(pause) = pause {
            pause.wait().await;
        }
    }

    fn next_deadline(&mut self) -> Instant {
        let dialect = self.member.next_deadline().map(on_time);
        let stall = self.stall.map(Stall::until);
        let pause = self.pause.as_ref().map(Pause::until);
        let gateway = self.member.gateway();
        match [dialect, stall, pause, self.throttle.until()].into_iter().flatten().min() {
            Some(next) => gateway.instant(next),
            None => Instant::now() + STALLED_FOR,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<Ending> {
        loop {
            let read = match self.read(context) {
                Ok(read) => read,
                Err(ending) => return Poll::Ready(ending),
            };
            if let Some(ending) = self.member.poll(context) {
                return Poll::Ready(ending);
            }
            // Whoever has something to say says it first: then what comes from several leaves in one write, and a program with several
            // connections is woken once.
            if !self.has_waited && self.socket.is_done() && !self.member.outbox().is_empty() {
                self.has_waited = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.has_waited = false;
            if let Err(ending) = self.write(context) {
                return Poll::Ready(ending);
            }
            // What the client asked before its end is answered before that is looked at.
            if let Some(end) = self.socket.end()
                && self.is_written()
            {
                return Poll::Ready(Ending::after(end, S::words));
            }
            let next = self.next_deadline();
            // A deadline that moved away is met early, once: that is cheaper than moving the timer with every message.
            if timer.is_elapsed() || next < timer.deadline() {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(context).is_ready() {
                match self.handle_deadline() {
                    Some(ending) => return Poll::Ready(ending),
                    None => continue,
                }
            }
            match read {
                Read::Held if !self.is_held_back() => {}
                Read::Done | Read::Held => return Poll::Pending,
                Read::InARow => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads and handles what is there.
    fn read(&mut self, context: &mut Context<'_>) -> Result<Read, Ending> {
        let mut begun = None;
        for _ in 0..MESSAGES_IN_A_ROW {
            if self.throttle.until().is_some() {
                // The deadline ends that.
                return Ok(Read::Done);
            }
            if let Some(pause) = &mut self.pause {
                if pause.poll(context).is_pending() {
                    return Ok(Read::Done);
                }
                self.pause = None;
            }
            if self.is_held_back() {
                return Ok(Read::Held);
            }
            let Poll::Ready(frame) = self.socket.poll_piece(context) else { return Ok(Read::Done) };
            let is_first = begun.is_none();
            let now = *begun.get_or_insert_with(|| self.member.gateway().now());
            self.handle(&frame, now, is_first)?;
        }
        Ok(Read::InARow)
    }

    /// Whether this client has to read what it is sent before more is read from it: whoever asks for more than it reads waits for
    /// itself.
    fn is_held_back(&mut self) -> bool {
        self.is_held = self.is_held && !self.member.outbox().is_low();
        self.is_held || self.socket.owes_much()
    }

    fn is_written(&self) -> bool {
        self.member.outbox().is_empty() && self.socket.is_written() && !self.ping_is_due
    }

    /// Writes what waits, as far as the socket takes it.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), Ending> {
        for _ in 0..BATCHES_IN_A_ROW {
            let outbox = self.member.outbox();
            let called = if self.socket.is_done() {
                if std::mem::take(&mut self.ping_is_due) {
                    self.socket.ping();
                }
                let taken = outbox.poll_take(self.socket.batch(), context);
                self.member.handle_taken(self.socket.batch());
                taken
            } else {
                outbox.poll_signal(context)
            };
            called.map_err(|signal| self.end_by(signal))?;
            if self.socket.is_written() {
                self.stall = None;
                return Ok(());
            }
            #[cfg(test)]
            self.member.gateway().panics().inject(Fault::Write);
            match self.socket.poll_batch(context) {
                Poll::Ready(Ok(())) => self.stall = None,
                Poll::Ready(Err(_)) => return Err(Ending::Lost),
                Poll::Pending => {
                    let progress = self.socket.written();
                    if self.stall.is_none() || progress != self.written {
                        self.stall = Some(Stall { since: self.member.gateway().now(), is_given_up: false });
                    }
                    self.written = progress;
                    return Ok(());
                }
            }
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn end_by(&mut self, signal: Signal) -> Ending {
        match signal {
            Signal::Overflow => Ending::Slow(S::words(Reason::Slow)),
            Signal::Kicked => Ending::Abort(S::words(Reason::Kicked)),
            Signal::Stop => {
                self.member.handle_stop();
                let by = self.member.gateway().stop_by();
                let within = by.map(|by| by.saturating_duration_since(Instant::now()));
                Ending::Stop(S::words(Reason::Stop), within.unwrap_or_default())
            }
        }
    }

    /// Handles what came in, now; the first of what was read at once is the one that is timed.
    fn handle(&mut self, frame: &Frame, now: Duration, is_timed: bool) -> Result<(), Ending> {
        self.received = self.socket.received();
        self.count(frame, now)?;
        let Self { socket, member, .. } = self;
        let outcome = match frame {
            Frame::Text(place) => {
                let text = socket
                    .text(place)
                    .map_err(|violation| Ending::after(&End::Violated(violation), S::words))?;
                member.handle_text(text, now, is_timed)
            }
            Frame::Binary => member.handle_binary(now),
            Frame::Ping(_) | Frame::Pong | Frame::Close(_) => {
                member.handle_activity(now);
                return Ok(());
            }
        };
        self.is_held |= outcome.is_own_high;
        self.pause = Pause::new(outcome.pressed, now);
        outcome.close.map_or(Ok(()), |close| Err(Ending::Close(close)))
    }

    /// Keeps the client to its rates; the end of one that was over one of them for too long.
    fn count(&mut self, frame: &Frame, now: Duration) -> Result<(), Ending> {
        let piece = match frame {
            Frame::Text(_) | Frame::Binary => Piece::Message,
            Frame::Ping(_) | Frame::Pong | Frame::Close(_) => Piece::ControlFrame,
        };
        let peer = self.member.peer();
        match self.throttle.count(piece, self.received, now) {
            Counted::Within | Counted::StillOver => Ok(()),
            Counted::Over(rate) => {
                debug!(%peer, ?rate, "a client is over a rate and not read from for a while");
                self.member.gateway().metrics().throttle(rate);
                Ok(())
            }
            Counted::TooLong(rate) => {
                debug!(%peer, ?rate, "a client was over a rate for too long");
                Err(Ending::Close(S::words(Reason::RateLimited)))
            }
        }
    }

    fn handle_deadline(&mut self) -> Option<Ending> {
        let now = self.member.gateway().now();
        if let Some(pause) = self.pause.take_if(|pause| pause.until() <= now) {
            pause.give_up();
        }
        let is_throttled = self.throttle.until().is_some();
        self.throttle.handle_deadline(now);
        if let Some(stall) = self.stall.as_mut().filter(|stall| stall.until() <= now) {
            if stall.is_given_up {
                return Some(Ending::Slow(S::words(Reason::Slow)));
            }
            stall.is_given_up = true;
            self.member.outbox().give_up();
        }
        let received = self.socket.received();
        // A part of a large frame is a sign of life, too; and whoever is not listened to is not asked for one.
        let is_alive = received != self.received || self.is_held || is_throttled;
        self.received = received;
        if is_alive {
            self.member.handle_activity(now);
        }
        match self.member.handle_deadline(now) {
            Timer::Nothing => None,
            Timer::Ping => {
                self.ping_is_due = true;
                None
            }
            Timer::Close(close) => Some(Ending::Close(close)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_met_at_the_next_beat_and_never_early() {
        for (deadline, met) in [(0, 0), (1, 100), (100, 100), (5_001, 5_100)] {
            assert_eq!(on_time(Duration::from_millis(deadline)), Duration::from_millis(met));
        }
        assert_eq!(on_time(Duration::from_nanos(1)), BEAT);
    }
}
