//! One command that uses a held session: its lines are carried out, and what it is to hear is written, on a task of its own. One that
//! is stuck holds up nobody else.

use std::{collections::BTreeMap, future::poll_fn, io, sync::Arc, task::Poll, time::Duration};

use concierge_client::{Event, Events, payload::ServiceName};
use futures_util::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    net::{UnixStream, unix::OwnedWriteHalf},
    task::JoinSet,
};

use super::{
    desk::{Desk, Listening},
    happening::{Happening, is_intended},
    lines::{Lines, NoLine},
    protocol::{Answer, Asked, Fault, Greeting, MAX_REQUEST, Status, What, decode, encode, number_of},
};
use crate::{exit::Exit, failure::Failure};

/// How many requests of one command may be under way. What it asks for beyond that is not read yet.
const MAX_CALLS: usize = 64;

/// How many streams of events one command may have.
const MAX_STREAMS: usize = 8;

/// How many events of one stream may wait.
const MAX_CAPACITY: usize = 64 * 1024;

/// How many events are written at once.
const BATCH: usize = 256;

struct Attendant {
    desk: Arc<Desk>,
    writer: OwnedWriteHalf,
    calls: JoinSet<Done>,
    streams: BTreeMap<u64, Events>,
    listening: BTreeMap<ServiceName, Listening>,
    /// What the command was last told of the session.
    told: Status,
}

/// A request that is done, and what it leaves behind for as long as the command is there.
struct Done {
    answer: Answer,
    listening: Option<Listening>,
}

/// What a command's turn came to.
enum Turn {
    Next,
    Over,
}

/// Serves a command until it goes, or the session ends.
pub(super) async fn attend(stream: UnixStream, desk: Arc<Desk>) {
    let _present = desk.enter();
    let (reader, writer) = stream.into_split();
    let mut attendant = Attendant {
        told: desk.status(),
        desk: Arc::clone(&desk),
        writer,
        calls: JoinSet::new(),
        streams: BTreeMap::new(),
        listening: BTreeMap::new(),
    };
    // A command that went away while it was told something needs to be told nothing more.
    let _ = attendant.serve(Lines::new(reader, MAX_REQUEST)).await;
}

/// Sends somebody away for whom there is no room.
pub(super) async fn turn_away(mut stream: UnixStream, desk: &Desk, most: usize) {
    let failure =
        Failure::new(Exit::Rejected, format!("{most} commands use the session, the most at one time"))
            .hint("end some of them first");
    let end = Answer::End { fault: Fault::from(&failure) };
    let text = encode(&Greeting::new(desk.status())) + &encode(&end);
    // It fits into any socket's buffer, so it does not wait; one that has gone already has not lost anything.
    let _ = stream.write_all(text.as_bytes()).await;
}

impl Attendant {
    async fn serve(&mut self, mut lines: Lines<tokio::net::unix::OwnedReadHalf>) -> io::Result<()> {
        let desk = Arc::clone(&self.desk);
        let mut ended = desk.ended.subscribe();
        self.write(encode(&Greeting::new(self.told.clone()))).await?;
        loop {
            let turn = tokio::select! {
                fault = async { ended.wait_for(Option::is_some).await.ok().and_then(|fault| fault.clone()) } => {
                    let text = self.waiting(MAX_CAPACITY);
                    self.write(text).await?;
                    if let Some(fault) = fault {
                        self.write(encode(&Answer::End { fault })).await?;
                    }
                    Turn::Over
                }
                (id, event) = next_event(&mut self.streams) => {
                    let mut text = self.told(id, event);
                    text += &self.waiting(BATCH);
                    self.write(text).await?;
                    Turn::Next
                }
                Some(done) = self.calls.join_next() => self.done(done).await?,
                line = lines.next(), if self.calls.len() < MAX_CALLS => self.take(line).await?,
            };
            if matches!(turn, Turn::Over) {
                return Ok(());
            }
        }
    }

    /// Takes a line of the command.
    async fn take(&mut self, line: Result<Option<String>, NoLine>) -> io::Result<Turn> {
        let line = match line {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Turn::Over),
            Err(NoLine::Io(error)) => return Err(error),
            Err(error) => {
                // Where the next line begins is not known any more.
                let fault = Fault::from(&Failure::usage(error.to_string()));
                self.write(encode(&Answer::Failed { id: None, fault })).await?;
                return Ok(Turn::Over);
            }
        };
        match decode::<Asked>(&line) {
            Ok(asked) => self.begin(asked).await?,
            Err(error) => {
                let fault = Fault::from(&Failure::usage(format!("the line means nothing here: {error}")));
                self.write(encode(&Answer::Failed { id: number_of(&line), fault })).await?;
            }
        }
        Ok(Turn::Next)
    }

    async fn begin(&mut self, Asked { id, what }: Asked) -> io::Result<()> {
        let desk = Arc::clone(&self.desk);
        match what {
            What::Call { payload, timeout_ms } => {
                self.calls.spawn(async move {
                    let answer = desk.call(id, payload, Duration::from_millis(timeout_ms)).await;
                    Done { answer, listening: None }
                });
            }
            What::Ping { timeout_ms } => {
                self.calls.spawn(async move {
                    let answer = desk.ping(id, Duration::from_millis(timeout_ms)).await;
                    Done { answer, listening: None }
                });
            }
            What::Listen { service, keep, timeout_ms } => {
                self.calls.spawn(async move {
                    let within = Duration::from_millis(timeout_ms);
                    let (answer, listening) = desk.listen(id, service, keep, within).await;
                    Done { answer, listening }
                });
            }
            What::Files => {
                // It can be answered at once, but in its turn: what happened before is told before.
                self.calls.spawn(async move { Done { answer: desk.files(id), listening: None } });
            }
            What::Events { .. } if self.streams.len() >= MAX_STREAMS => {
                let message = format!("a command has at most {MAX_STREAMS} streams of events");
                let fault = Fault::from(&Failure::usage(message));
                self.write(encode(&Answer::Failed { id: Some(id), fault })).await?;
            }
            What::Events { intents, capacity } => {
                let events = desk.client().events().capacity(capacity.min(MAX_CAPACITY));
                self.streams.insert(id, events.filter(move |event| is_intended(event, intents)));
            }
            What::Forget => {
                self.streams.remove(&id);
            }
            What::Stop => desk.stop.notify_one(),
        }
        Ok(())
    }

    /// Tells what came of a request, and before it everything that happened before it.
    async fn done(&mut self, done: Result<Done, tokio::task::JoinError>) -> io::Result<Turn> {
        // A task that was aborted or has panicked has no answer; the command's own timeout is its end.
        let Ok(Done { answer, listening }) = done else { return Ok(Turn::Next) };
        if let Some(listening) = listening {
            self.listening.insert(listening.service().clone(), listening);
        }
        let mut text = self.waiting(MAX_CAPACITY);
        let status = self.desk.status();
        if status != self.told {
            text += &encode(&Answer::Status(Box::new(status.clone())));
            self.told = status;
        }
        self.write(text + &encode(&answer)).await?;
        Ok(Turn::Next)
    }

    /// What waits in the streams, up to so many events of each.
    fn waiting(&mut self, most: usize) -> String {
        let mut text = String::new();
        let mut events = Vec::new();
        for (id, stream) in &mut self.streams {
            events.extend(std::iter::from_fn(|| stream.try_next()).take(most).map(|event| (*id, event)));
        }
        for (id, event) in events {
            text += &self.told(id, Some(event));
        }
        text
    }

    /// An event as a line. The end of a stream is the end of the session, of which the last line tells.
    fn told(&mut self, id: u64, event: Option<Event>) -> String {
        let event = match event {
            Some(Event::Closed(_)) | None => {
                self.streams.remove(&id);
                return String::new();
            }
            Some(event) => event,
        };
        Happening::of(&event).map_or_else(String::new, |event| encode(&Answer::Event { id, event }))
    }

    async fn write(&mut self, text: String) -> io::Result<()> {
        self.writer.write_all(text.as_bytes()).await
    }
}

/// Waits for the next event of any stream.
async fn next_event(streams: &mut BTreeMap<u64, Events>) -> (u64, Option<Event>) {
    poll_fn(|context| {
        for (id, events) in &mut *streams {
            if let Poll::Ready(event) = events.poll_next_unpin(context) {
                return Poll::Ready((*id, event));
            }
        }
        Poll::Pending
    })
    .await
}
