//! Calls: a request on its way to an answer.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc::error::TrySendError, oneshot},
    time::timeout,
};

use crate::{
    client::Client,
    error::{CallError, UselessReply, Wire},
    net::{Command, Link, Outcome, Waiter},
    payload::{
        InvalidName, Nickname, Reply, Request, ServiceCreate, ServiceCreateResult, ServiceName, encode,
    },
    service::{self, OpenError, Service},
    session::Encoded,
};

/// Makes a reply what the caller asked for, or hands it back.
type Convert<T> = fn(Reply) -> Result<T, Reply>;

/// A request that is sent when this is awaited, and then the gateway's answer to it.
///
/// # Errors
///
/// [`CallError`]: the gateway refused, did not answer in time, or there is no connection any more.
///
/// # Cancel safety
///
/// Dropping the future frees the request's place at once. What was not sent yet will not be; what was sent is answered,
/// and that answer is recognized and given to no one else. No other call is affected.
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<T> {
    client: Client,
    request: Result<Encoded, CallError>,
    timeout: Duration,
    retry_if_unsent: bool,
    convert: Convert<T>,
}

impl<T: Send + 'static> Call<T> {
    pub(crate) fn new(client: &Client, request: Result<Encoded, CallError>, convert: Convert<T>) -> Self {
        Self {
            client: client.clone(),
            request,
            timeout: client.call_timeout(),
            retry_if_unsent: false,
            convert,
        }
    }

    /// A call of a typed request, of whose reply `convert` takes what matters.
    pub(crate) fn of<Q: Request>(client: &Client, request: &Q, convert: Convert<T>) -> Self {
        Self::new(client, Encoded::new(request).map_err(CallError::Encode), convert)
    }

    /// A call that concerns a name, which may turn out not to be one.
    pub(crate) fn named<Q: Request>(
        client: &Client,
        name: Result<ServiceName, InvalidName>,
        request: impl FnOnce(ServiceName) -> Q,
        convert: Convert<T>,
    ) -> Self {
        match name {
            Ok(name) => Self::of(client, &request(name), convert),
            Err(error) => Self::new(client, Err(error.into()), convert),
        }
    }

    /// Waits at most this long for the answer, the time until the request can be sent included. The default is 10 s, or
    /// what the builder was told.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = within;
        self
    }

    /// When there is no connection, or it is lost before the request is sent, waits for the next one and sends it then, as
    /// often as that takes within the call's timeout. A request that may have reached the gateway is never sent again.
    pub fn retry_if_unsent(mut self) -> Self {
        self.retry_if_unsent = true;
        self
    }

    async fn run(self) -> Result<T, CallError> {
        let request = self.request?;
        let answered = if self.retry_if_unsent {
            timeout(self.timeout, exchange_when_connected(&self.client, request)).await
        } else {
            let request = self.client.check(request)?;
            timeout(self.timeout, exchange(&self.client, request)).await
        };
        let reply = answered.unwrap_or(Err(CallError::Timeout { after: self.timeout }))?;
        accept(reply, self.convert)
    }
}

/// Sends a request and waits for its answer.
async fn exchange(client: &Client, request: Encoded) -> Result<Reply, CallError> {
    let link = client.link();
    // Held while the call waits: dropping the call makes room for another.
    let Ok(_permit) = link.in_flight.acquire().await else { return Err(client.unavailable()) };
    let Ok(slot) = link.commands.reserve().await else { return Err(client.unavailable()) };
    let (sender, receiver) = oneshot::channel();
    slot.send(Command::Request(request, Waiter::Caller { sender, permit: None }));
    outcome(receiver.await, link)
}

/// Sends a request as often as it is certain that it has not reached the gateway, and waits for its answer.
async fn exchange_when_connected(client: &Client, request: Encoded) -> Result<Reply, CallError> {
    loop {
        let attempted = match client.check(request.clone()) {
            Ok(request) => exchange(client, request).await,
            Err(error) => Err(error),
        };
        match attempted {
            Err(CallError::NotConnected { .. } | CallError::Lost { wire: Wire::NotSent, .. }) => {
                client.link().connected().await?;
            }
            settled => return settled,
        }
    }
}

fn outcome(received: Result<Outcome, oneshot::error::RecvError>, link: &Link) -> Result<Reply, CallError> {
    match received {
        Ok(Outcome::Answered(reply)) => reply.map_err(|error| CallError::Decode(error.into())),
        Ok(Outcome::Lost(wire, cause)) => Err(CallError::Lost { wire, cause }),
        Ok(Outcome::NotConnected(cause)) => Err(CallError::NotConnected { cause }),
        // Everything that reached the session is settled; this was queued in the moment of the end.
        Err(_) => Err(CallError::Lost { wire: Wire::NotSent, cause: link.refusal() }),
    }
}

fn accept<T>(reply: Reply, convert: Convert<T>) -> Result<T, CallError> {
    convert(reply.accepted()?)
        .map_err(|reply| CallError::Decode(UselessReply::Mismatched { answer: encode(&reply) }))
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A request that was queued without waiting. It is sent whether or not this is kept; awaited, it is the gateway's answer.
///
/// # Errors
///
/// [`CallError`]: the gateway refused, or the connection ended.
///
/// # Cancel safety
///
/// Dropping it gives up the answer and nothing else.
#[derive(Debug)]
pub struct Delivery {
    receiver: oneshot::Receiver<Outcome>,
    link: Arc<Link>,
}

impl Delivery {
    /// Queues a request if there is room.
    pub(crate) fn begin(client: &Client, request: Encoded) -> Result<Self, CallError> {
        let link = client.link();
        let request = client.check(request)?;
        let full = || CallError::Full { in_flight: link.max_in_flight };
        let permit: OwnedSemaphorePermit =
            link.in_flight.clone().try_acquire_owned().map_err(|error| match error {
                tokio::sync::TryAcquireError::Closed => client.unavailable(),
                tokio::sync::TryAcquireError::NoPermits => full(),
            })?;
        let (sender, receiver) = oneshot::channel();
        let command = Command::Request(request, Waiter::Caller { sender, permit: Some(permit) });
        link.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => full(),
            TrySendError::Closed(_) => client.unavailable(),
        })?;
        Ok(Self { receiver, link: Arc::clone(link) })
    }
}

impl IntoFuture for Delivery {
    type Output = Result<(), CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { accept(outcome(self.receiver.await, &self.link)?, acknowledged) })
    }
}

/// `OK`, which has nothing else to tell.
pub(crate) fn acknowledged(reply: Reply) -> Result<(), Reply> {
    match reply {
        Reply::Ok => Ok(()),
        other => Err(other),
    }
}

/// A service that is created when this is awaited.
///
/// # Errors
///
/// [`CallError`]: the gateway refused, did not answer in time, or the connection ended.
///
/// # Cancel safety
///
/// As of [`Call`]: what was sent is done, whoever waits for it.
#[must_use = "a call does nothing unless it is awaited"]
#[derive(Debug)]
pub struct CreateService {
    client: Client,
    name: Result<ServiceName, InvalidName>,
    nickname: Option<Nickname>,
    timeout: Duration,
    retry_if_unsent: bool,
}

impl CreateService {
    pub(crate) fn new(client: &Client, name: Result<ServiceName, InvalidName>) -> Self {
        let timeout = client.call_timeout();
        Self { client: client.clone(), name, nickname: None, timeout, retry_if_unsent: false }
    }

    /// How the service is shown to people. One that is not valid is an error when this is awaited.
    pub fn nickname<N>(mut self, nickname: N) -> Self
    where
        N: TryInto<Nickname>,
        N::Error: Into<InvalidName>,
    {
        match nickname.try_into() {
            Ok(nickname) => self.nickname = Some(nickname),
            Err(error) => self.name = self.name.and(Err(error.into())),
        }
        self
    }

    /// Waits at most this long for the answer. The default is 10 s, or what the builder was told.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = within;
        self
    }

    /// As [`Call::retry_if_unsent`].
    pub fn retry_if_unsent(mut self) -> Self {
        self.retry_if_unsent = true;
        self
    }

    /// Creates the service and gives a handle of it. That this client has it already is no error.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: another client has it, or the call failed.
    ///
    /// # Cancel safety
    ///
    /// As of [`Call`]: what was sent is done, whoever waits for it.
    pub async fn open(self) -> Result<Service, OpenError> {
        let call = self.call();
        service::open(self.client, self.name, self.nickname, call).await
    }

    fn call(&self) -> Call<ServiceCreateResult> {
        let request = |service| ServiceCreate { service, nickname: self.nickname.clone() };
        let mut call = Call::named(&self.client, self.name.clone(), request, ServiceCreateResult::try_from);
        call.timeout = self.timeout;
        call.retry_if_unsent = self.retry_if_unsent;
        call
    }
}

impl IntoFuture for CreateService {
    type Output = Result<ServiceCreateResult, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        self.call().into_future()
    }
}
