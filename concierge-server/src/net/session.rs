//! One WebSocket, from the upgrade to its end: reads and writes at the same time, keeps the deadlines, and leaves by the
//! one way out. What the texts mean is the dialect's affair.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use concierge_client::payload::{CloseCode, Envelope, RequestKind};
use futures_util::{Sink as _, Stream as _};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::{debug, trace};

use super::admission::Place;
use super::ending::{Ending, Socket, finish};
use super::gateway::Gateway;
use super::member::{From, Member};
use super::metered::Metered;
use super::outbox::Signal;
use super::pacing::Pause;
#[cfg(test)]
use super::panics::tests::Fault;
use super::throttle::{Counted, Piece, Throttle};
use super::wire::Wire;
use crate::dialect::concierge::{Close, Step, Timer};

/// How many messages are read in a row before what they led to is written: the answers to a burst leave in one write.
const MESSAGES_IN_A_ROW: usize = 64;

/// How many batches are written in a row before others get their turn.
const BATCHES_IN_A_ROW: usize = 4;

/// How long a client may take nothing while something waits for it.
const STALLED_FOR: Duration = Duration::from_secs(10);

struct Session {
    member: Member,
    socket: Socket,
    messages_in_a_row: usize,
    /// Other clients have to catch up before this one is read from.
    pause: Option<Pause>,
    /// How much the client may send.
    throttle: Throttle,
    /// This client has to read what it is sent before more is read from it.
    is_held: bool,
    ping_is_due: bool,
    /// Since when nothing could be written, while something waits.
    stalled_since: Option<Duration>,
    /// Bytes written and received when that was looked at the last time.
    written: u64,
    received: u64,
}

/// What a session waits for.
enum Occurrence {
    Message(Message),
    Failed(Error),
    Ended,
    Signal(Signal),
    Deadline,
    /// Nothing is under way after something large was.
    Rest,
}

/// Serves a WebSocket until it ends. `ahead` is what was read from the stream already.
pub(super) async fn run(gateway: Arc<Gateway>, stream: Wire, ahead: Bytes, from: From, place: Place) {
    let peer = from.peer;
    let metered = Metered::new(stream, ahead, gateway.frame_limits(), gateway.metrics().traffic());
    let config = gateway.websocket_config();
    let throttle = Throttle::new(&gateway.config().limits);
    let socket = WebSocketStream::from_raw_socket(metered, Role::Server, Some(config)).await;
    // In one piece on the heap: within the task it would take its room several times.
    let mut session = Box::new(Session {
        socket,
        member: Member::new(gateway, from, place),
        messages_in_a_row: 0,
        pause: None,
        throttle,
        is_held: false,
        ping_is_due: false,
        stalled_since: None,
        written: 0,
        received: 0,
    });
    debug!(%peer, "a WebSocket opened");
    let panics = session.member.gateway().panics().clone();
    let ending = loop {
        match panics.watch(session.until_end()).await {
            Some(Some(ending)) => break ending,
            // On the heap as well: it has all of the session in it.
            Some(None) => session = Box::pin(session.with_fresh_buffers()).await,
            None => break Ending::Abort(Close::new(CloseCode::InternalError)),
        }
    };
    debug!(%peer, ?ending, "a WebSocket ends");
    // The rest of the way is rare and large: on the heap it costs those nothing that are not there yet.
    Box::pin(session.end(ending)).await;
}

/// What of a text a log may have: nothing of one that could have a secret in it, as every `IDENTIFY` and what is none by mistake.
fn loggable(text: &str) -> &str {
    match Envelope::parse(text) {
        Ok(envelope) if !matches!(envelope.kind(), None | Some(RequestKind::Identify)) => text,
        _ => "[withheld]",
    }
}

impl Session {
    /// None when it goes on, with fresh buffers.
    async fn until_end(&mut self) -> Option<Ending> {
        let mut timer = pin!(sleep_until(self.next_deadline()));
        loop {
            let next = self.next_deadline();
            // A deadline that moved away is met early, once: that is cheaper than moving the timer with every message.
            if timer.is_elapsed() || next < timer.deadline() {
                timer.as_mut().reset(next);
            }
            let occurrence = std::future::poll_fn(|context| self.poll(context, timer.as_mut())).await;
            if matches!(occurrence, Occurrence::Rest) {
                return None;
            }
            if let Some(ending) = self.handle(occurrence) {
                return Some(ending);
            }
        }
    }

    /// The same without the room that large messages took: the WebSocket would keep it for as long as it is there.
    async fn with_fresh_buffers(self: Box<Self>) -> Box<Self> {
        let config = self.member.gateway().websocket_config();
        let this = *self;
        let mut metered = this.socket.into_inner();
        metered.forget_much();
        let socket = WebSocketStream::from_raw_socket(metered, Role::Server, Some(config)).await;
        Box::new(Self { socket, ..this })
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
        let dialect = self.member.connection().and_then(|connection| connection.next_deadline());
        let stall = self.stalled_since.map(|since| since + STALLED_FOR);
        let pause = self.pause.as_ref().map(Pause::until);
        let gateway = self.member.gateway();
        match [dialect, stall, pause, self.throttle.until()].into_iter().flatten().min() {
            Some(next) => gateway.instant(next),
            None => Instant::now() + STALLED_FOR,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<Occurrence> {
        if self.messages_in_a_row < MESSAGES_IN_A_ROW
            && let Poll::Ready(occurrence) = self.poll_read(context)
        {
            self.messages_in_a_row += 1;
            return Poll::Ready(occurrence);
        }
        let is_readers_turn_over = self.messages_in_a_row >= MESSAGES_IN_A_ROW;
        self.messages_in_a_row = 0;
        if let Poll::Ready(occurrence) = self.poll_write(context) {
            return Poll::Ready(occurrence);
        }
        if timer.poll(context).is_ready() {
            return Poll::Ready(Occurrence::Deadline);
        }
        let may_go_on = is_readers_turn_over || self.is_held || self.socket.get_ref().holds_end();
        if may_go_on { self.poll_read(context) } else { Poll::Pending }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Occurrence> {
        if self.throttle.until().is_some() {
            // The deadline ends that.
            return Poll::Pending;
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.poll(context));
            self.pause = None;
        }
        // Whoever asks for more than it reads waits for itself.
        let outbox = self.member.outbox();
        self.is_held = if self.is_held { !outbox.is_low() } else { outbox.is_high() };
        if self.is_held {
            return Poll::Pending;
        }
        let mut next = Pin::new(&mut self.socket).poll_next(context);
        // What the client asked before its end is answered before that is looked at.
        if next.is_pending() && self.socket.get_ref().holds_end() && self.is_written() {
            self.socket.get_mut().release_end();
            next = Pin::new(&mut self.socket).poll_next(context);
        }
        // Nothing of either direction is in the buffers of the WebSocket.
        if next.is_pending()
            && self.socket.get_ref().is_done_with_much()
            && self.is_written()
            && Pin::new(&mut self.socket).poll_flush(context).is_ready()
        {
            return Poll::Ready(Occurrence::Rest);
        }
        Poll::Ready(match ready!(next) {
            Some(Ok(message)) => Occurrence::Message(message),
            Some(Err(error)) => Occurrence::Failed(error),
            None => Occurrence::Ended,
        })
    }

    fn is_written(&mut self) -> bool {
        self.member.outbox().is_empty() && self.socket.get_mut().batch().is_empty() && !self.ping_is_due
    }

    /// Writes what waits. Ready only when there is something else to do.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Occurrence> {
        if let Poll::Ready(signal) = self.member.outbox().poll_signal(context) {
            return Poll::Ready(Occurrence::Signal(signal));
        }
        let written = self.poll_payloads(context);
        if let Poll::Ready(Err(error)) = written {
            return Poll::Ready(Occurrence::Failed(error));
        }
        let progress = self.socket.get_ref().written();
        if written.is_ready() {
            self.stalled_since = None;
        } else if self.stalled_since.is_none() || progress != self.written {
            self.stalled_since = Some(self.member.gateway().now());
        }
        self.written = progress;
        Poll::Pending
    }

    /// Ready when nothing is left to write.
    fn poll_payloads(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.socket.get_mut().poll_batch(context))?;
        let mut socket = Pin::new(&mut self.socket);
        #[cfg(test)]
        if !self.member.outbox().is_empty() {
            self.member.gateway().panics().inject(Fault::Write);
        }
        if self.ping_is_due {
            ready!(socket.as_mut().poll_ready(context))?;
            socket.as_mut().start_send(Message::Ping(Bytes::new()))?;
            self.ping_is_due = false;
        }
        // What the WebSocket itself has to say must not be in the middle of a batch, nor the other way round.
        ready!(socket.as_mut().poll_flush(context))?;
        let outbox = self.member.outbox();
        for _ in 0..BATCHES_IN_A_ROW {
            outbox.handle_written();
            if outbox.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let stream = self.socket.get_mut();
            *stream.batch() = outbox.take();
            ready!(stream.poll_batch(context))?;
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn handle(&mut self, occurrence: Occurrence) -> Option<Ending> {
        match occurrence {
            Occurrence::Message(message) => self.handle_message(&message),
            Occurrence::Failed(error) => Some(Ending::after(&error)),
            Occurrence::Ended => Some(Ending::Lost),
            Occurrence::Signal(Signal::Overflow) => Some(Ending::Slow),
            Occurrence::Signal(Signal::Kicked) => Some(Ending::Abort(Close::new(CloseCode::Kicked))),
            Occurrence::Signal(Signal::Stop) => {
                let by = self.member.gateway().stop_by();
                let within = by.map(|by| by.saturating_duration_since(Instant::now()));
                Some(Ending::Stop(within.unwrap_or_default()))
            }
            Occurrence::Deadline => self.handle_deadline(),
            Occurrence::Rest => None,
        }
    }

    fn handle_message(&mut self, message: &Message) -> Option<Ending> {
        let now = self.member.gateway().now();
        self.received = self.socket.get_ref().received();
        if let Some(ending) = self.count(message, now) {
            return Some(ending);
        }
        let connection = self.member.connection()?;
        match message {
            Message::Text(text) => {
                if let Some(client) = connection.client() {
                    trace!(?client, text = ?loggable(text), "received");
                }
                let outcome = self.member.handle_text(text, now);
                self.pause = Pause::new(outcome.pressed, now);
                outcome.close.map(Ending::Close)
            }
            Message::Binary(_) => {
                connection.handle_activity(now);
                match connection.handle_binary() {
                    Step::Close(close) => Some(Ending::Close(close)),
                    _ => None,
                }
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                connection.handle_activity(now);
                None
            }
            Message::Close(_) => Some(Ending::Closed),
        }
    }

    /// Keeps the client to its rates; the end of one that was over one of them for too long.
    fn count(&mut self, message: &Message, now: Duration) -> Option<Ending> {
        let piece = match message {
            Message::Text(_) | Message::Binary(_) => Piece::Message,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Piece::ControlFrame,
            Message::Close(_) => return None,
        };
        let peer = self.member.peer();
        match self.throttle.count(piece, self.received, now) {
            Counted::Within | Counted::StillOver => None,
            Counted::Over(rate) => {
                debug!(%peer, ?rate, "a client is over a rate and not read from for a while");
                self.member.gateway().metrics().throttle(rate);
                None
            }
            Counted::TooLong(rate) => {
                debug!(%peer, ?rate, "a client was over a rate for too long");
                Some(Ending::Close(Close::new(CloseCode::RateLimited)))
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
        if self.stalled_since.is_some_and(|since| since + STALLED_FOR <= now) {
            return Some(Ending::Slow);
        }
        let received = self.socket.get_ref().received();
        // A part of a large frame is a sign of life, too; and whoever is not listened to is not asked for one.
        let is_alive = received != self.received || self.is_held || is_throttled;
        self.received = received;
        let connection = self.member.connection()?;
        if is_alive {
            connection.handle_activity(now);
        }
        match connection.handle_deadline(now) {
            Timer::Nothing => None,
            Timer::Ping => {
                self.ping_is_due = true;
                None
            }
            Timer::Close(close) => Some(Ending::Close(close)),
        }
    }
}
