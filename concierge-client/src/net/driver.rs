//! The task of a connection: it reads, writes, watches over silence, and ends when it is told to.
//!
//! Reading, writing and watching are separate futures of one task: a write that is stuck does not stop the reading, and
//! nothing here ever waits for a user.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt, stream::SplitSink, stream::SplitStream};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Bytes, Error as WebSocketError, Message},
};

use super::{
    activity::{Activity, Watched},
    fanout::Queue,
    farewell::{cause_of_close, cause_of_error, farewell},
    link::{Command, Control, Link, Outcome, Waiter},
};
use crate::{
    error::Wire,
    session::{CloseCause, Connection, Event, Heard, KeepAlive, NotReady, Session, Vigil, Waiting},
};

type Socket<S> = WebSocketStream<Watched<S>>;

/// How a connection is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// The silence into which is pinged.
    pub(crate) ping_after: Duration,
    /// The silence after which the gateway is dead.
    pub(crate) dead_after: Duration,
    /// How long a write may make no progress.
    pub(crate) write_timeout: Duration,
    /// The largest message that is taken, in bytes.
    pub(crate) max_message: usize,
    /// How many requests may wait for an answer at one time.
    pub(crate) max_in_flight: usize,
}

/// How many commands are written before what was written is flushed.
const BATCH: usize = 256;

/// How long to look for a reason in what was received, once nothing can be written any more.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Starts the task of a connection that is identified. The queue has every event from the first on.
pub(crate) fn start<S>(
    socket: Socket<S>,
    connection: Connection<Waiter>,
    session: Session,
    tuning: Tuning,
    events_capacity: usize,
) -> (Arc<Link>, Arc<Queue>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, commands) = mpsc::channel(tuning.max_in_flight);
    let link = Arc::new(Link::new(session, sender, tuning.max_in_flight));
    let desk = Desk {
        link: Arc::clone(&link),
        connection: Mutex::new(connection),
        pings: Mutex::new(Pings::default()),
        ping_due: Notify::new(),
        activity: socket.get_ref().activity(),
        tuning,
    };
    let queue = link.fanout.open(events_capacity);
    tokio::spawn(run(socket, Ending { desk, commands, finished: false }));
    (link, queue)
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(socket: Socket<S>, mut ending: Ending) {
    let (mut sink, mut stream) = socket.split();
    let Ending { desk, commands, .. } = &mut ending;
    // In this order: what the gateway says about the end is heard before what the operating system says.
    let cause = tokio::select! {
        biased;
        cause = read(&mut stream, desk) => cause,
        cause = write(&mut sink, commands, desk) => cause,
        cause = watch_over(desk) => cause,
        () = asked_to_end(&desk.link) => CloseCause::ByClient,
    };
    tracing::debug!(%cause, counts = ?desk.connection.lock().counts(), "connection ends");
    ending.settle(&cause);
    if let Ok(mut socket) = sink.reunite(stream) {
        farewell(&mut socket, &cause).await;
    }
    ending.finish(cause);
}

async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut SplitStream<Socket<S>>,
    desk: &Desk,
) -> CloseCause {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => desk.handle_text(&text),
            Some(Ok(Message::Pong(payload))) => desk.pings.lock().handle_pong(&payload),
            // A ping is answered by the WebSocket itself; binary frames mean nothing in this protocol.
            Some(Ok(Message::Ping(_) | Message::Binary(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(frame))) => return cause_of_close(frame),
            Some(Err(error)) => return cause_of_error(error, desk.tuning.max_message),
            None => return CloseCause::Lost { detail: "the gateway hung up".into() },
        }
    }
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    sink: &mut SplitSink<Socket<S>, Message>,
    commands: &mut mpsc::Receiver<Command>,
    desk: &Desk,
) -> CloseCause {
    loop {
        let first = tokio::select! {
            biased;
            () = desk.ping_due.notified() => Some(desk.ping(None)),
            Some(command) = commands.recv() => desk.prepare(command),
        };
        let batch = write_batch(first, sink, commands, desk);
        match with_progress(batch, &desk.activity, desk.tuning.write_timeout).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                sleep(LAST_LOOK).await;
                return cause_of_error(error, desk.tuning.max_message);
            }
            None => return CloseCause::Stalled { stalled: desk.tuning.write_timeout },
        }
    }
}

/// Writes everything that is queued, up to a bound, and flushes once.
async fn write_batch<S: AsyncRead + AsyncWrite + Unpin>(
    first: Option<Message>,
    sink: &mut SplitSink<Socket<S>, Message>,
    commands: &mut mpsc::Receiver<Command>,
    desk: &Desk,
) -> Result<(), WebSocketError> {
    if let Some(message) = first {
        sink.feed(message).await?;
    }
    for _ in 1..BATCH {
        let Ok(command) = commands.try_recv() else { break };
        if let Some(message) = desk.prepare(command) {
            sink.feed(message).await?;
        }
    }
    sink.flush().await
}

/// Waits for a write as long as bytes go out; none when none did for `patience`.
async fn with_progress<F: Future>(write: F, activity: &Activity, patience: Duration) -> Option<F::Output> {
    let mut write = pin!(write);
    let mut since = Instant::now();
    loop {
        match timeout_at(since + patience, &mut write).await {
            Ok(output) => return Some(output),
            Err(_) if activity.written_at() > since => since = activity.written_at(),
            Err(_) => return None,
        }
    }
}

async fn watch_over(desk: &Desk) -> CloseCause {
    let mut keepalive = KeepAlive::new(desk.tuning.ping_after, desk.tuning.dead_after);
    loop {
        match keepalive.poll(Instant::now().into_std(), desk.activity.read_at().into_std()) {
            Vigil::Wait { until } => sleep_until(until.into()).await,
            Vigil::Ping => desk.ping_due.notify_one(),
            Vigil::Dead { silence } => return CloseCause::Silent { silence },
        }
    }
}

async fn asked_to_end(link: &Link) {
    let mut control = link.control();
    loop {
        let asked = *control.borrow_and_update();
        match asked {
            Control::Close => return,
            Control::Run => {
                if control.changed().await.is_err() {
                    return;
                }
            }
            Control::Drain(deadline) => tokio::select! {
                () = link.idle() => return,
                () = sleep_until(deadline) => return,
                changed = control.changed() => if changed.is_err() { return },
            },
        }
    }
}

/// Where what comes in meets what goes out.
struct Desk {
    link: Arc<Link>,
    connection: Mutex<Connection<Waiter>>,
    pings: Mutex<Pings>,
    ping_due: Notify,
    activity: Arc<Activity>,
    tuning: Tuning,
}

impl Desk {
    fn handle_text(&self, text: &str) {
        tracing::trace!(%text, "received");
        let heard = self.connection.lock().handle_text(text);
        match heard {
            Heard::Answer { token, reply } => token.settle(Outcome::Answered(reply)),
            Heard::Event(event) => self.link.fanout.publish(event.into()),
            Heard::Unknown { kind } => self.publish_unknown(kind, text),
            Heard::Malformed { kind, error } => {
                tracing::debug!(%error, "a payload that cannot be read");
                self.publish_unknown(kind, text);
            }
            Heard::Late(seq) => tracing::debug!(%seq, "an answer that nobody waits for any more"),
            Heard::Stray(seq) => tracing::warn!(%seq, "an answer to nothing that was asked"),
            Heard::Hello(_) | Heard::NotHello(_) | Heard::Nothing => {}
        }
    }

    fn publish_unknown(&self, kind: String, text: &str) {
        self.link.fanout.publish(Event::Unknown { kind, raw: text.to_owned() });
    }

    /// The message that does what was asked; none when whoever asked has left.
    fn prepare(&self, command: Command) -> Option<Message> {
        match command {
            Command::Request(_, waiter) if waiter.is_abandoned() => None,
            Command::Request(request, waiter) => {
                let mut connection = self.connection.lock();
                match connection.request(request, waiter) {
                    Ok(_) => connection.poll_transmit().map(Message::text),
                    Err(NotReady { token }) => {
                        token.settle(Outcome::Lost(Wire::NotSent, CloseCause::ByClient));
                        None
                    }
                }
            }
            Command::Ping(sender) => Some(self.ping(Some(sender))),
        }
    }

    fn ping(&self, sender: Option<oneshot::Sender<Duration>>) -> Message {
        Message::Ping(self.pings.lock().begin(sender))
    }
}

/// The pings that somebody waits for.
#[derive(Default)]
struct Pings {
    next: u64,
    waiting: VecDeque<(u64, Instant, oneshot::Sender<Duration>)>,
}

impl Pings {
    /// What a new ping carries.
    fn begin(&mut self, sender: Option<oneshot::Sender<Duration>>) -> Bytes {
        let number = self.next;
        self.next += 1;
        if let Some(sender) = sender {
            self.waiting.retain(|(.., sender)| !sender.is_closed());
            self.waiting.push_back((number, Instant::now(), sender));
        }
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    /// A pong answers the pings before its own too: a peer may answer only the last (RFC 6455, section 5.5.3).
    fn handle_pong(&mut self, payload: &[u8]) {
        let Ok(number) = payload.try_into().map(u64::from_be_bytes) else { return };
        while let Some((.., began, sender)) = self.waiting.pop_front_if(|(waiting, ..)| *waiting <= number) {
            // Whoever asked may have left.
            sender.send(began.elapsed()).ok();
        }
    }
}

/// Makes sure that everyone is told of the end, even when the task is dropped with its runtime.
struct Ending {
    desk: Desk,
    commands: mpsc::Receiver<Command>,
    finished: bool,
}

impl Ending {
    /// Fails every request that has no answer.
    fn settle(&mut self, cause: &CloseCause) {
        self.desk.link.set_ending(cause);
        let mut unanswered = 0;
        let sent: Vec<Waiter> = self.desk.connection.lock().handle_closed().collect();
        for waiter in sent {
            unanswered += usize::from(!waiter.is_abandoned());
            waiter.settle(Outcome::Lost(Wire::MaybeSent, cause.clone()));
        }
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Request(_, waiter) = command {
                unanswered += usize::from(!waiter.is_abandoned());
                waiter.settle(Outcome::Lost(Wire::NotSent, cause.clone()));
            }
        }
        self.desk.link.set_unanswered(unanswered);
        self.desk.pings.lock().waiting.clear();
    }

    fn finish(&mut self, cause: CloseCause) {
        self.finished = true;
        self.desk.link.set_closed(cause);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.finished {
            self.settle(&CloseCause::Abandoned);
            self.finish(CloseCause::Abandoned);
        }
    }
}
