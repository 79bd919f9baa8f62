//! One connection: reads, writes, watches over silence, and ends when it is told to.
//!
//! Reading, writing and watching are separate futures of one task: a write that is stuck does not stop the reading, and
//! nothing here ever waits for a user.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink, stream::SplitStream};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use super::{
    activity::Activity,
    approach::Established,
    chores::Chore,
    desk::{Absence, Desk, Source},
    farewell::{cause_of_close, cause_of_error, farewell},
    link::Link,
    way::Socket,
};
use crate::{
    payload::Intent,
    session::{CloseCause, KeepAlive, Session, Vigil},
};

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

/// How many messages are read before others have their turn, and written before what was written is flushed.
const BATCH: usize = 256;

/// How long to look for a reason in what was received, once nothing can be written any more.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How often a client that is not told of new services tries those it waits for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A connection that is identified, at work.
pub(super) struct Driver {
    pub(super) desk: Desk,
    sink: SplitSink<Socket, Message>,
    stream: SplitStream<Socket>,
    tuning: Tuning,
}

impl Driver {
    pub(super) fn new(
        established: Established,
        session: Arc<Session>,
        link: Arc<Link>,
        tuning: Tuning,
        absence: Option<Absence>,
    ) -> Self {
        let Established { socket, connection, .. } = established;
        let activity = socket.get_ref().activity();
        let (sink, stream) = socket.split();
        Self { desk: Desk::new(link, activity, connection, session, absence), sink, stream, tuning }
    }

    /// Runs until the connection ends, and tells why. What is to be restored must be so `within` this time.
    pub(super) async fn run(&mut self, source: &mut Source<'_>, within: Duration) -> CloseCause {
        let Self { desk, sink, stream, tuning } = self;
        // In this order: what the gateway says about the end is heard before what the operating system says.
        tokio::select! {
            biased;
            cause = read(stream, desk, tuning) => cause,
            cause = write(sink, source, desk, tuning) => cause,
            cause = watch_over(desk, tuning) => cause,
            cause = restored(desk, within) => cause,
            () = desk.link.asked_to_end() => CloseCause::ByClient,
        }
    }

    /// Says the close that goes with the cause.
    pub(super) async fn farewell(self, cause: &CloseCause) {
        let Self { sink, stream, .. } = self;
        if let Ok(mut socket) = sink.reunite(stream) {
            farewell(&mut socket, cause).await;
        }
    }
}

async fn read(stream: &mut SplitStream<Socket>, desk: &Desk, tuning: &Tuning) -> CloseCause {
    loop {
        let ended = poll_fn(|context| poll_burst(stream, desk, tuning, context)).await;
        desk.deliver();
        if let Some(cause) = ended {
            return cause;
        }
        // Whoever reads what came has a turn before more of it comes, and so has the writing.
        yield_now().await;
    }
}

/// Reads what is there, up to a bound; tells why, when it is the end. What came is delivered before it waits for more.
fn poll_burst(
    stream: &mut SplitStream<Socket>,
    desk: &Desk,
    tuning: &Tuning,
    context: &mut Context<'_>,
) -> Poll<Option<CloseCause>> {
    for _ in 0..BATCH {
        let Poll::Ready(message) = stream.poll_next_unpin(context) else {
            desk.deliver();
            return Poll::Pending;
        };
        match message {
            Some(Ok(Message::Text(text))) => desk.handle_text(&text),
            Some(Ok(Message::Pong(payload))) => desk.handle_pong(&payload),
            // A ping is answered by the WebSocket itself; binary frames mean nothing in this protocol.
            Some(Ok(Message::Ping(_) | Message::Binary(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(frame))) => return Poll::Ready(Some(cause_of_close(frame))),
            Some(Err(error)) => return Poll::Ready(Some(cause_of_error(error, tuning.max_message))),
            None => {
                return Poll::Ready(Some(CloseCause::Lost { detail: "the gateway hung up".into() }));
            }
        }
    }
    Poll::Ready(None)
}

async fn write(
    sink: &mut SplitSink<Socket, Message>,
    source: &mut Source<'_>,
    desk: &Desk,
    tuning: &Tuning,
) -> CloseCause {
    loop {
        let first = next_message(desk, source).await;
        let batch = write_batch(first, sink, source, desk);
        match with_progress(batch, &desk.activity, tuning.write_timeout).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                sleep(LAST_LOOK).await;
                return cause_of_error(error, tuning.max_message);
            }
            None => return CloseCause::Stalled { stalled: tuning.write_timeout },
        }
    }
}

/// Waits for something to write.
async fn next_message(desk: &Desk, source: &mut Source<'_>) -> Message {
    loop {
        if let Some(message) = desk.poll_message(source) {
            return message;
        }
        tokio::select! {
            biased;
            () = desk.link.chores.due() => {}
            // The desk's link holds a sender: the channel does not close.
            Some(command) = source.commands.recv(), if desk.is_open() => {
                if let Some(message) = desk.prepare(command) {
                    return message;
                }
            }
        }
    }
}

/// Writes everything that is queued, up to a bound, and flushes once.
async fn write_batch(
    first: Message,
    sink: &mut SplitSink<Socket, Message>,
    source: &mut Source<'_>,
    desk: &Desk,
) -> Result<(), WebSocketError> {
    sink.feed(first).await?;
    for _ in 1..BATCH {
        let Some(message) = desk.poll_message(source) else { break };
        sink.feed(message).await?;
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

async fn watch_over(desk: &Desk, tuning: &Tuning) -> CloseCause {
    let mut keepalive = KeepAlive::new(tuning.ping_after, tuning.dead_after);
    loop {
        match keepalive.poll(Instant::now().into_std(), desk.activity.read_at().into_std()) {
            Vigil::Wait { until } => sleep_until(until.into()).await,
            Vigil::Ping => desk.link.chores.add(Chore::Ping),
            Vigil::Dead { silence } => return CloseCause::Silent { silence },
        }
    }
}

/// Ends a connection on which nothing comes back in time. Then, where the gateway does not tell of new services, looks from
/// time to time whether those that are waited for are there.
async fn restored(desk: &Desk, within: Duration) -> CloseCause {
    if !desk.is_open() {
        sleep(within).await;
        if !desk.is_open() {
            return CloseCause::NotRestored { within };
        }
    }
    if desk.session().intents().contains(Intent::Services) {
        return std::future::pending().await;
    }
    loop {
        sleep(LOOK_AGAIN).await;
        for step in desk.link.ledger.retry_pending() {
            desk.link.chores.add(Chore::Step(step));
        }
    }
}
