//! The asking side: a question on its way to an answer.

use std::{fmt, marker::PhantomData, pin::Pin, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout_at};

use super::{error::RequestError, replies::Expected, replies::Outcome, wire::Question};
use crate::{
    client::Client,
    error::CallError,
    net::LONGEST,
    payload::{Data, Target},
};

impl Client {
    /// Asks another client, which answers it with [`Service::serve`](crate::Service::serve), or by hand with [`Asked`](crate::Asked).
    /// What the answer is read as is the type parameter.
    ///
    /// A service is asked by those who subscribe to it: see [`Subscription::request`](crate::Subscription::request). The
    /// convention is one between clients, which the gateway knows nothing of: a question is
    /// `{"request":"<uuid>","body":…}`, its answer `{"reply":"<same>","body":…}` or `{"reply":"<same>","error":"…"}`. Answers
    /// are messages like any other, and the streams of events have them too.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use concierge_client::{Client, testing::ScriptedGateway};
    /// use serde_json::json;
    /// use std::time::Duration;
    ///
    /// let alice = Client::builder("ws://gateway/ws", "alice")?;
    /// let (client, _events, mut gateway) = ScriptedGateway::connect(alice).await?;
    /// let bob = async {
    ///     let question = gateway.expect_kind("MESSAGE").await;
    ///     gateway.answer(&json!({"type": "OK"})).await;
    ///     let answer = json!({"reply": question["data"]["request"], "body": 42});
    ///     gateway.deliver("bob", &answer).await;
    /// };
    /// let request = client.request::<u32>("bob", "the question").timeout(Duration::from_secs(5));
    /// let (answer, ()) = tokio::join!(request.into_future(), bob);
    /// assert_eq!(answer?, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn request<R>(&self, target: impl Into<Target>, body: &(impl Serialize + ?Sized)) -> Ask<R>
    where
        R: DeserializeOwned,
    {
        Ask::new(self, target.into(), body)
    }

    /// How many answers to requests came when nobody waited for them any more.
    pub fn late_replies(&self) -> u64 {
        self.replies().late()
    }
}

/// A question that is asked when this is awaited, and then the other client's answer to it.
///
/// # Errors
///
/// [`RequestError`]: it was not delivered, the other client left, refused or did not answer in time, or the connection
/// ended.
///
/// # Cancel safety
///
/// Dropping the future gives up the answer: it is counted as late, and given to no one else.
#[must_use = "a request does nothing unless it is awaited"]
pub struct Ask<R> {
    client: Client,
    target: Target,
    body: Result<Data, CallError>,
    timeout: Duration,
    answer: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Ask<R> {
    fn new<T: Serialize + ?Sized>(client: &Client, target: Target, body: &T) -> Self {
        let body = Data::from_value(body).map_err(CallError::Encode);
        let timeout = client.call_timeout();
        Self { client: client.clone(), target, body, timeout, answer: PhantomData }
    }

    /// Waits at most this long for the answer, the time until the question is delivered included. The default is that of
    /// calls: 10 s, or what the builder was told.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = within;
        self
    }

    async fn run(self) -> Result<R, RequestError> {
        let Self { client, target, body, timeout, .. } = self;
        let deadline = Instant::now() + timeout.min(LONGEST);
        let body = body?;
        let mut expected = client.replies().expect(&client, &target);
        let question = Question { request: expected.id, body: &body };
        let delivered = client.to(target).json(&question).timeout(timeout).await;
        if let Err(error) = delivered {
            // The answer may be here all the same: it says more than that the gateway's was lost.
            let answered = expected.receiver.try_recv().unwrap_or(Err(RequestError::Call(error)))?;
            return read(&answered);
        }
        let answered = timeout_at(deadline, answer(&client, &mut expected)).await;
        read(&answered.unwrap_or(Err(RequestError::Timeout { after: timeout }))?)
    }
}

/// Waits for the answer as long as it can come.
async fn answer(client: &Client, expected: &mut Expected) -> Outcome {
    tokio::select! {
        biased;
        answered = &mut expected.receiver => match answered {
            Ok(outcome) => outcome,
            // The sender leaves its place only with an outcome.
            Err(_) => Err(RequestError::PeerLeft),
        },
        cause = client.closed() => Err(RequestError::Lost { cause }),
    }
}

fn read<R: DeserializeOwned>(body: &Data) -> Result<R, RequestError> {
    body.parse().map_err(RequestError::Decode)
}

impl<R: DeserializeOwned + 'static> IntoFuture for Ask<R> {
    type Output = Result<R, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<R> fmt::Debug for Ask<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ask")
            .field("target", &self.target)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
