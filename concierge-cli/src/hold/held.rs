//! A held session from the side of a command: requests go to the process that holds it, and answers and events come from there.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use concierge_client::{
    Client, CloseCause, ConnectError, Event, GatewayUrl,
    files::Files,
    payload::{Intents, Reply, Request, SelfSubscribeResult, ServiceName, encode as encode_payload},
};
use tokio::{
    io::AsyncWriteExt,
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    lines::Lines,
    protocol::{Answer, Asked, MAX_REQUEST, Status, What, decode, encode, milliseconds, read_reply},
    queue::Queue,
};
use crate::{exit::Exit, failure::Failure, link::CallFailure, settings::Label};

/// How much longer than a request may take its answer is waited for: it is the session that keeps the time.
const GRACE: Duration = Duration::from_secs(1);

/// A connection to a held session. Cheap to clone; it ends with the last clone.
#[derive(Clone)]
pub(crate) struct Held {
    shared: Arc<Shared>,
    _tasks: Arc<Tasks>,
}

/// Events of a held session.
pub(crate) struct HeldEvents {
    id: u64,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

struct Shared {
    name: Label,
    timeout: Duration,
    requests: mpsc::Sender<String>,
    numbers: AtomicU64,
    state: Mutex<State>,
    ended: watch::Sender<Option<Failure>>,
}

struct State {
    status: Status,
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
    queues: BTreeMap<u64, Arc<Queue>>,
}

/// What reads and writes, until nobody needs it.
struct Tasks([JoinHandle<()>; 2]);

/// The place of an answer, given back when nobody waits for it any more.
struct Place<'a> {
    id: u64,
    shared: &'a Shared,
}

impl Held {
    /// On a connection that has been greeted.
    pub(super) fn start(
        name: Label,
        status: Status,
        lines: Lines<OwnedReadHalf>,
        writer: OwnedWriteHalf,
        timeout: Duration,
    ) -> Self {
        let (requests, outgoing) = mpsc::channel(64);
        let shared = Arc::new(Shared {
            name,
            timeout,
            requests,
            numbers: AtomicU64::new(0),
            state: Mutex::new(State { status, waiting: BTreeMap::new(), queues: BTreeMap::new() }),
            ended: watch::Sender::new(None),
        });
        let reading = tokio::spawn(read(lines, Arc::clone(&shared)));
        let writing = tokio::spawn(write(writer, outgoing));
        Self { shared, _tasks: Arc::new(Tasks([reading, writing])) }
    }

    /// How the session stood when it last told.
    pub(crate) fn status(&self) -> Status {
        self.shared.lock().status.clone()
    }

    /// The gateway it is connected to.
    pub(crate) fn url(&self) -> Result<GatewayUrl, Failure> {
        GatewayUrl::new(&self.status().url).map_err(|_| self.shared.confused())
    }

    /// The session's name.
    pub(crate) fn name(&self) -> &Label {
        &self.shared.name
    }

    /// Asks the gateway, and waits for the answer.
    pub(crate) async fn call<Q: Request>(&self, request: Q) -> Result<Q::Reply, CallFailure> {
        let payload = encode_payload(&request);
        self.reply(|timeout_ms| What::Call { payload, timeout_ms }).await
    }

    /// Subscribes, for as long as this connection lasts; or for as long as the session does, if it is to keep it.
    pub(crate) async fn listen(
        &self,
        service: ServiceName,
        keep: bool,
    ) -> Result<SelfSubscribeResult, CallFailure> {
        self.reply(|timeout_ms| What::Listen { service, keep, timeout_ms }).await
    }

    /// How long a sign of life of the gateway takes.
    pub(crate) async fn ping(&self) -> Result<Duration, Failure> {
        match self.ask(|timeout_ms| What::Ping { timeout_ms }).await? {
            Answer::Pong { rtt_us, .. } => Ok(Duration::from_micros(rtt_us)),
            _ => Err(self.shared.confused()),
        }
    }

    /// The file store as the session's client has it, until that loses its connection.
    pub(crate) async fn files(&self) -> Result<Files, Failure> {
        let Answer::Files { name, key, .. } = self.ask(|_| What::Files).await? else {
            return Err(self.shared.confused());
        };
        let url = self.url()?;
        let builder = Client::builder(&url, &name).map_err(ConnectError::from)?;
        let builder = builder.connect_timeout(self.shared.timeout);
        Ok(builder.files(key.0).map_err(ConnectError::from)?)
    }

    /// What is told from now on.
    pub(crate) fn events(&self, intents: Intents, capacity: usize) -> HeldEvents {
        let shared = Arc::clone(&self.shared);
        let (id, queue) = (shared.number(), Queue::new(capacity));
        shared.lock().queues.insert(id, Arc::clone(&queue));
        let line = encode(&Asked { id, what: What::Events { intents, capacity } });
        if shared.requests.try_send(line).is_err() || shared.ended.borrow().is_some() {
            // It has ended, or asks for more at once than anybody does.
            queue.push(Event::Closed(shared.cause()));
            queue.end();
        }
        HeldEvents { id, queue, shared }
    }

    /// Ends the session, and waits until it has ended.
    pub(super) async fn stop(&self) {
        let line = encode(&Asked { id: self.shared.number(), what: What::Stop });
        // One that is gone already needs no telling.
        let _ = self.shared.requests.send(line).await;
        self.closed().await;
    }

    /// Waits for the end of the session, and tells why it came.
    pub(crate) async fn closed(&self) -> Failure {
        let mut ended = self.shared.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|failure| failure.clone()).unwrap_or_else(|| self.shared.lost())
    }

    async fn reply<R: TryFrom<Reply>>(&self, what: impl FnOnce(u64) -> What) -> Result<R, CallFailure> {
        let confused = || CallFailure::Failed(self.shared.confused());
        let Answer::Reply { payload, .. } = self.ask(what).await.map_err(CallFailure::Failed)? else {
            return Err(confused());
        };
        let reply = read_reply(&payload).map_err(|_| confused())?;
        reply.accepted().map_err(CallFailure::Rejected)?.try_into().map_err(|_| confused())
    }

    async fn ask(&self, what: impl FnOnce(u64) -> What) -> Result<Answer, Failure> {
        let shared = &self.shared;
        let id = shared.number();
        let line = encode(&Asked { id, what: what(milliseconds(shared.timeout)) });
        if line.len() > MAX_REQUEST {
            let message = format!("the request has {} bytes, a session takes {MAX_REQUEST}", line.len());
            return Err(Failure::usage(message).hint("send less at a time"));
        }
        let (sender, answered) = oneshot::channel();
        shared.lock().waiting.insert(id, sender);
        let _place = Place { id, shared };
        let exchange = async {
            if shared.ended.borrow().is_some() || shared.requests.send(line).await.is_err() {
                return Err(self.closed().await);
            }
            match answered.await {
                Ok(Answer::Failed { fault, .. }) => Err(fault.into()),
                Ok(answer) => Ok(answer),
                Err(_) => Err(self.closed().await),
            }
        };
        match timeout(shared.timeout.saturating_add(GRACE), exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(silent(&shared.name, shared.timeout, Some(shared.lock().status.pid))),
        }
    }
}

impl HeldEvents {
    /// Waits for the next one; none when no more will come. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.queue.next().await
    }

    /// Why no more will come, if that is so.
    pub(crate) fn ended(&self) -> Option<Failure> {
        self.shared.ended.borrow().clone()
    }
}

/// A session that does not do what it should in time.
pub(super) fn silent(name: &Label, after: Duration, pid: Option<u32>) -> Failure {
    let message = format!("the session {name} does not answer within {} s", after.as_secs_f32());
    let failure = Failure::new(Exit::TimedOut, message);
    match pid {
        Some(pid) => failure
            .hint(format!("is the process {pid} stopped? `kill -CONT {pid}` wakes it, `kill {pid}` ends it")),
        None => failure,
    }
}

impl Shared {
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line; whether more follow.
    fn handle(&self, answer: Answer) -> bool {
        match answer {
            Answer::Reply { id, .. }
            | Answer::Pong { id, .. }
            | Answer::Files { id, .. }
            | Answer::Failed { id: Some(id), .. } => {
                let waiting = self.lock().waiting.remove(&id);
                if let Some(waiting) = waiting {
                    // Whoever asked may not wait any more.
                    let _ = waiting.send(answer);
                }
            }
            // It is about a line that no request of this program is.
            Answer::Failed { id: None, .. } => {}
            Answer::Event { id, event } => {
                let queue = self.lock().queues.get(&id).cloned();
                if let Some(queue) = queue {
                    queue.push(event.into_event());
                }
            }
            Answer::Status(status) => self.lock().status = *status,
            Answer::End { fault } => {
                self.end(fault.into());
                return false;
            }
        }
        true
    }

    /// Nothing more will come.
    fn end(&self, failure: Failure) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(failure);
            first
        });
        let cause = self.cause();
        let mut state = self.lock();
        state.waiting.clear();
        for queue in std::mem::take(&mut state.queues).into_values() {
            queue.push(Event::Closed(cause.clone()));
            queue.end();
        }
    }

    /// The end as a stream of events tells it.
    fn cause(&self) -> CloseCause {
        let failure = self.ended.borrow().clone().unwrap_or_else(|| self.lost());
        CloseCause::Lost { detail: failure.message().into() }
    }

    /// It ended without a word.
    fn lost(&self) -> Failure {
        let name = &self.name;
        Failure::new(Exit::Lost, format!("the session {name} has ended without a word")).hint(format!(
            "`concierge hold {name}` starts it again; look whether what was asked for was done"
        ))
    }

    fn confused(&self) -> Failure {
        Failure::new(Exit::Lost, format!("the session {} gave an answer that means nothing", self.name))
    }
}

async fn read(mut lines: Lines<OwnedReadHalf>, shared: Arc<Shared>) {
    let failure = loop {
        match lines.next().await {
            Ok(Some(line)) => match decode(&line) {
                Ok(answer) => {
                    if !shared.handle(answer) {
                        return;
                    }
                }
                Err(_) => break shared.confused(),
            },
            Ok(None) | Err(_) => break shared.lost(),
        }
    };
    shared.end(failure);
}

async fn write(mut writer: OwnedWriteHalf, mut outgoing: mpsc::Receiver<String>) {
    while let Some(line) = outgoing.recv().await {
        if writer.write_all(line.as_bytes()).await.is_err() {
            // The reader notices too, and tells.
            break;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.id);
    }
}

impl Drop for HeldEvents {
    fn drop(&mut self) {
        self.shared.lock().queues.remove(&self.id);
        // Where there is no room for telling, what still comes is left.
        let _ = self.shared.requests.try_send(encode(&Asked { id: self.id, what: What::Forget }));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
