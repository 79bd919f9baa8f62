//! A client of Telegraphy: events of web applications, as they happen.
//!
//! Owns the handles that users hold, and the one task of a client that runs its connections one after the other. What is decided, is decided by
//! [`telegraphy::session`](crate::telegraphy::session); how a connection comes about, by what the rest of the crate has for that.

mod auth_token;
mod builder;
mod driver;
mod error;
mod shared;
mod state;
mod stream;
mod subscribing;

pub use auth_token::AuthToken;
pub use builder::TelegraphyBuilder;
pub use error::{AskError, ComeInError, StreamError, SubscribeError};
pub use state::{State, States};
pub use stream::{EventStream, LiveEvent, Received};
pub use subscribing::Subscribing;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};

use self::shared::{Shared, Waiter};
use crate::{
    error::UrlError,
    payload::Secret,
    telegraphy::{
        AnyRequest, Connect, Connected, EventList, FetchHistory, FetchPresence, History, ListEvents,
        ListSubscriptions, Outcome, Ping, Presence, Subscription,
        session::{Ending, NotTaken},
    },
};

/// A client of a gateway's web events: a cheap clone over one connection at a time.
///
/// ```no_run
/// # async fn listen() -> Result<(), Box<dyn std::error::Error>> {
/// use concierge_client::telegraphy::{AuthToken, Received, Telegraphy};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize)]
/// struct Task {
///     title: String,
/// }
///
/// let token = AuthToken::new("what the web application issued");
/// let telegraphy = Telegraphy::connect("wss://gateway.example/telegraphy/ws", token).await?;
/// let urgent = telegraphy.subscribe("todo.Task").filter(json!({"priority__gte": 3}));
/// let mut tasks = urgent.open::<Task>().await?;
/// while let Some(received) = tasks.next().await {
///     match received? {
///         Received::Event(task) => println!("{}", task.data.title),
///         Received::Gap(_) => println!("some may be missing: load them all anew"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # When the connection breaks
///
/// It connects again by itself, comes back to its session, and says of each stream how far it was: what the gateway has kept follows, nothing comes
/// twice, and what may be missing is [`Received::Gap`] in the stream. When the session is gone, a fresh [`AuthToken`] is asked for, and every stream
/// is subscribed again. When all handles and streams are dropped, the connection is closed.
#[derive(Debug, Clone)]
pub struct Telegraphy {
    handle: Arc<Handle>,
}

/// Ends the client with the last of its kind.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    patience: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Telegraphy {
    /// Connects to a gateway: `wss://gateway.example/telegraphy/ws`. [`builder`](Self::builder) takes more.
    ///
    /// # Errors
    ///
    /// [`ComeInError`] says where it failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened. The token may be spent.
    pub async fn connect(url: impl AsRef<str>, token: impl Into<AuthToken>) -> Result<Self, ComeInError> {
        let builder = Self::builder(url, token).map_err(|error| crate::ConnectError::Build(error.into()))?;
        builder.connect().await
    }

    /// What a client is to be.
    ///
    /// # Errors
    ///
    /// [`UrlError`] when the URL is none of a gateway.
    pub fn builder(url: impl AsRef<str>, token: impl Into<AuthToken>) -> Result<TelegraphyBuilder, UrlError> {
        TelegraphyBuilder::new(url.as_ref(), token.into())
    }

    fn new(shared: Arc<Shared>, patience: Duration) -> Self {
        Self { handle: Arc::new(Handle { shared, patience }) }
    }

    /// Wants an event: what is returned says more of it, and opens a stream.
    pub fn subscribe(&self, event: impl AsRef<str>) -> Subscribing {
        Subscribing::new(self.clone(), event.as_ref())
    }

    /// What the gateway said when it let this client in, the last time: who it is, and the token of its session.
    pub fn session(&self) -> Connected {
        self.shared().said()
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.shared().is_connected()
    }

    /// How the client stands with its gateway, and each change of it.
    pub fn states(&self) -> States {
        States::new(self.shared().states())
    }

    /// Waits until the client has ended, and says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Ending {
        self.shared().closed().await
    }

    /// Which events there are that this client may see.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer is lost.
    pub async fn events(&self, list: ListEvents) -> Result<EventList, AskError> {
        match self.ask(list).await? {
            Outcome::Events(list) => Ok(list),
            other => Err(AskError::Mismatched { status: other.status() }),
        }
    }

    /// Events of the past.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer is lost.
    pub async fn history(&self, history: FetchHistory) -> Result<History, AskError> {
        match self.ask(history).await? {
            Outcome::History(history) => Ok(history),
            other => Err(AskError::Mismatched { status: other.status() }),
        }
    }

    /// Who listens to an event.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer is lost.
    pub async fn presence(&self, presence: FetchPresence) -> Result<Presence, AskError> {
        match self.ask(presence).await? {
            Outcome::Presence(presence) => Ok(presence),
            other => Err(AskError::Mismatched { status: other.status() }),
        }
    }

    /// What the session is subscribed to, permanent subscriptions of earlier connections among it.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer is lost.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, AskError> {
        match self.ask(ListSubscriptions {}).await? {
            Outcome::Subscriptions(list) => Ok(list.subscriptions),
            other => Err(AskError::Mismatched { status: other.status() }),
        }
    }

    /// How long the gateway takes to answer.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the answer is lost.
    pub async fn ping(&self) -> Result<Duration, AskError> {
        let began = Instant::now();
        self.ask(Ping {}).await?;
        Ok(began.elapsed())
    }

    /// Presents a fresh auth token of the same user, for what it may see from now on.
    ///
    /// # Errors
    ///
    /// [`AskError`]. A token that is refused ends the connection, and the client comes back with another one, if its [`AuthToken`] has any.
    ///
    /// # Cancel safety
    ///
    /// The token may be spent, and the answer is lost.
    pub async fn refresh(&self, token: impl Into<Secret>) -> Result<(), AskError> {
        self.ask(Connect::new(token)).await.map(drop)
    }

    /// Says goodbye, and ends the client: all of its streams end. Its session goes on living, with its permanent subscriptions, unless it is to be
    /// forgotten.
    ///
    /// # Errors
    ///
    /// [`AskError`] when the gateway did not answer. The client has ended in any case.
    ///
    /// # Cancel safety
    ///
    /// The client may go on.
    pub async fn disconnect(&self, forget: bool) -> Result<(), AskError> {
        let (sender, receiver) = oneshot::channel();
        let asked = self.shared().with(|session| session.disconnect(forget, sender));
        let answered = self.answer(asked, receiver).await;
        self.shared().end();
        self.closed().await;
        answered.map(drop)
    }

    async fn ask(&self, request: impl Into<AnyRequest>) -> Result<Outcome, AskError> {
        let (sender, receiver) = oneshot::channel();
        let asked = self.shared().with(|session| session.call(request, sender));
        self.answer(asked, receiver).await
    }

    async fn answer(
        &self,
        asked: Result<(), (NotTaken, Waiter)>,
        receiver: oneshot::Receiver<shared::Answer>,
    ) -> Result<Outcome, AskError> {
        if let Err((why, _)) = asked {
            return Err(match (why, self.shared().ending()) {
                (_, Some(ending)) => AskError::Closed(ending),
                (why, None) => AskError::NotTaken(why),
            });
        }
        let after = self.handle.patience;
        match timeout(after, receiver).await {
            Err(_) => Err(AskError::Timeout { after }),
            Ok(Ok(Ok(Outcome::Failed(failure)))) => Err(AskError::Refused(failure)),
            Ok(Ok(Ok(outcome))) => Ok(outcome),
            Ok(Ok(Err(unanswered))) => Err(AskError::Lost(unanswered)),
            Ok(Err(_)) => Err(AskError::Closed(self.closed().await)),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}
