//! The held connection as those who serve commands share it: carrying out what they are asked for, and how the session stands.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use concierge_client::{
    CallError, Client, CloseCause, Data, State, Subscription,
    payload::{
        AnyRequest, Reply, Request, SelfSubscribeResult, SelfUnsubscribe, SelfUnsubscribeResult, ServiceName,
    },
};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    journal::Journal,
    protocol::{Answer, Fault, FileKey, Status, refusal, write_reply},
};
use crate::{exit::Exit, failure::Failure, settings::Label};

/// A subscription, for as long as this is there. Nobody reads its messages here: they come as events.
pub(super) type Listening = Subscription<Data>;

/// What all who serve commands share.
pub(super) struct Desk {
    name: Label,
    url: String,
    client: Client,
    journal: Journal,
    since: Timestamp,
    commands: AtomicUsize,
    last_command: Mutex<Instant>,
    /// The subscriptions that the session has for itself.
    kept: Mutex<BTreeMap<ServiceName, Listening>>,
    /// Somebody wants the session to end.
    pub stop: Notify,
    /// Why the session has ended, once it has.
    pub ended: watch::Sender<Option<Fault>>,
}

/// One command that uses the session.
pub(super) struct Presence<'a>(&'a Desk);

impl Desk {
    /// Around a client.
    pub(super) fn new(name: Label, url: String, client: Client, journal: Journal) -> Self {
        Self {
            name,
            url,
            client,
            journal,
            since: Timestamp::now(),
            commands: AtomicUsize::new(0),
            last_command: Mutex::new(Instant::now()),
            kept: Mutex::default(),
            stop: Notify::new(),
            ended: watch::Sender::new(None),
        }
    }

    /// The connection.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What is told of what happens.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// One command more, until what this gives is dropped.
    pub(super) fn enter(&self) -> Presence<'_> {
        self.commands.fetch_add(1, Ordering::AcqRel);
        Presence(self)
    }

    /// Since when no command has used the session; none while one does.
    pub(super) fn unused_since(&self) -> Option<Instant> {
        let unused = self.commands.load(Ordering::Acquire) == 0;
        unused.then(|| *self.last_command.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many commands use it.
    pub(super) fn commands(&self) -> usize {
        self.commands.load(Ordering::Acquire)
    }

    /// How the session stands.
    pub(super) fn status(&self) -> Status {
        let session = self.client.session();
        let (connected, trouble) = match self.client.state() {
            State::Connected(_) => (true, None),
            State::Connecting { cause, .. } => (false, Some(cause.to_string())),
            State::Closed(cause) => (false, Some(cause.to_string())),
            _ => (false, Some("it is ending".to_owned())),
        };
        Status {
            session: self.name.to_string(),
            url: self.url.clone(),
            name: session.name.to_string(),
            uuid: session.uuid(),
            server: session.server().map(str::to_owned),
            connected,
            trouble,
            reconnects: self.client.stats().reconnects,
            commands: self.commands(),
            since: format!("{:.0}", self.since),
            pid: std::process::id(),
            log: self.journal.path().map(|path| path.display().to_string()),
        }
    }

    /// Does what a payload asks for.
    pub(super) async fn call(&self, id: u64, payload: String, within: Duration) -> Answer {
        let asked = match AnyRequest::decode(&payload) {
            Ok(AnyRequest::SelfUnsubscribe(request)) => self.unlisten(request, within).await.map(Into::into),
            Ok(request) => ask(&self.client, request, within).await,
            // As the gateway would have answered: both sides read payloads in the same way.
            Err(error) => Ok(Reply::ErrorProtocol { desc: error.to_string() }),
        };
        self.answer(id, asked)
    }

    /// Ends a subscription, whoever has it.
    async fn unlisten(
        &self,
        request: SelfUnsubscribe,
        within: Duration,
    ) -> Result<SelfUnsubscribeResult, CallError> {
        let service = request.service.clone();
        let result = self.client.call(request).timeout(within).await?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&service);
        Ok(result)
    }

    /// A sign of life of the gateway.
    pub(super) async fn ping(&self, id: u64, within: Duration) -> Answer {
        let timed_out = Err(CallError::Timeout { after: within });
        match tokio::time::timeout(within, self.client.ping()).await.unwrap_or(timed_out) {
            Ok(rtt) => Answer::Pong { id, rtt_us: u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX) },
            Err(error) => self.answer(id, Err(error)),
        }
    }

    /// Subscribes. The subscription is there as long as what this gives besides the answer, or as the session, if that is to keep it.
    pub(super) async fn listen(
        &self,
        id: u64,
        service: ServiceName,
        keep: bool,
        within: Duration,
    ) -> (Answer, Option<Listening>) {
        match self.subscribe(&service, within).await {
            Ok((listening, result)) => {
                let answer = self.answer(id, Ok(result.into()));
                if keep {
                    let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.insert(service, listening);
                    return (answer, None);
                }
                (answer, Some(listening))
            }
            Err(error) => (self.answer(id, Err(error)), None),
        }
    }

    async fn subscribe(
        &self,
        service: &ServiceName,
        within: Duration,
    ) -> Result<(Listening, SelfSubscribeResult), CallError> {
        let opening = self.client.subscription(service.clone()).timeout(within).capacity(1);
        let listening = opening.open().await?;
        // A subscription waits for a service that is not there, where whoever asked has mistaken its name; and it takes one that has
        // just been given up for live. The gateway knows.
        let result = self.client.subscribe(service.clone()).timeout(within).await?;
        Ok((listening, SelfSubscribeResult { successful: true, ..result }))
    }

    /// What it takes to move files as this client.
    pub(super) fn files(&self, id: u64) -> Answer {
        match self.client.state() {
            State::Connected(session) => {
                Answer::Files { id, name: session.name.clone(), key: FileKey(session.file_key()) }
            }
            State::Connecting { cause, .. } => self.answer(id, Err(CallError::NotConnected { cause })),
            State::Closed(cause) => self.answer(id, Err(CallError::Closed { cause })),
            _ => self.answer(id, Err(CallError::Closed { cause: CloseCause::ByClient })),
        }
    }

    fn answer(&self, id: u64, asked: Result<Reply, CallError>) -> Answer {
        let reply = match asked {
            Ok(reply) => Ok(reply),
            Err(CallError::Rejected(rejection)) => match refusal(rejection.clone()) {
                Some(reply) => Ok(reply),
                None => Err(CallError::Rejected(rejection)),
            },
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => Answer::Reply { id, payload: write_reply(&reply) },
            Err(error) => Answer::Failed { id: Some(id), fault: Fault::from(&self.explain(error)) },
        }
    }

    /// Why a request has no answer, for somebody who did not connect and cannot.
    fn explain(&self, error: CallError) -> Failure {
        let Self { name, url, .. } = self;
        match error {
            CallError::NotConnected { cause } => {
                let message = format!("the session {name} has no connection to {url} now: {cause}");
                Failure::new(Exit::Unreachable, message).hint(format!(
                    "it connects again by itself; `concierge hold --status {name}` shows how it stands"
                ))
            }
            CallError::Closed { cause } => {
                Failure::new(Exit::Lost, format!("the session {name} is ending: {cause}"))
                    .hint(format!("`concierge hold {name}` starts it again"))
            }
            error => error.into(),
        }
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let Self(desk) = self;
        *desk.last_command.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        desk.commands.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Asks the gateway for what was asked for here.
async fn ask(client: &Client, request: AnyRequest<'_>, within: Duration) -> Result<Reply, CallError> {
    async fn one<Q>(client: &Client, request: Q, within: Duration) -> Result<Reply, CallError>
    where
        Q: Request,
        Q::Reply: Into<Reply>,
    {
        client.call(request).timeout(within).await.map(Into::into)
    }
    match request {
        AnyRequest::Message(message) => client.call(message).timeout(within).await.map(|_| Reply::Ok),
        AnyRequest::SelfSetSeq(request) => client.call(request).timeout(within).await.map(|_| Reply::Ok),
        AnyRequest::SelfSubscribe(request) => one(client, request, within).await,
        AnyRequest::SelfUnsubscribe(request) => one(client, request, within).await,
        AnyRequest::SelfFetch(request) => one(client, request, within).await,
        AnyRequest::ServiceCreate(request) => one(client, request, within).await,
        AnyRequest::ServiceDelete(request) => one(client, request, within).await,
        AnyRequest::ServiceFetch(request) => one(client, request, within).await,
        AnyRequest::ServiceFetchAll(request) => one(client, request, within).await,
        AnyRequest::ClientFetch(request) => one(client, request, within).await,
        AnyRequest::ClientFetchAll(request) => one(client, request, within).await,
        // A second IDENTIFY, which a gateway does not support either.
        _ => Ok(Reply::ErrorUnsupported),
    }
}
