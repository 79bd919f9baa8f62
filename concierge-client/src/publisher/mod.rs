//! A web application's side of Telegraphy: it publishes events over HTTP, says which there are, and lets clients in.
//!
//! Owns the requests and what is done when they do not come through. What they say is [`telegraphy::web`](crate::telegraphy::web).

mod error;
mod kept;
mod request;

pub use error::PublishError;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use self::request::{Asked, Caller};
use crate::{
    error::{BuildError, UrlError},
    net::LONGEST,
    payload::Secret,
    telegraphy::{
        EventList, EventName, Grants, ListedEvent, Presence, UserId,
        web::{
            BatchResult, BatchResults, ChangeGrants, Concerned, DefineEvents, Defined, IssueToken,
            IssuedToken, MAX_BATCH, Publish, Published, SessionList, SubscribeUser,
        },
    },
};

/// What a web application asks of a gateway: a cheap clone. Clones share up to 16 connections, which are kept for a few seconds.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # config.telegraphy.bind = vec!["127.0.0.1:0".parse()?];
/// # config.telegraphy.api_keys = vec!["the key".into()];
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = format!("http://{}", server.api_addresses()[0]);
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::telegraphy::{Publisher, UserId, web::{IssueToken, Publish}};
/// use concierge_client::Data;
///
/// let publisher = Publisher::new(&url, "the key")?;
/// let order = Publish::new("app.Order".parse()?, Data::from_value(&7)?);
/// let published = publisher.publish(order).await?;
/// assert_eq!(published.offset, 1);
///
/// let token = publisher.issue_token(IssueToken::new(UserId::new("42")?)).await?;
/// # drop(token);
/// # Ok(())
/// # }
/// ```
///
/// # What is asked again
///
/// What can be asked twice without being done twice is asked up to three times when it does not come through, or the gateway is busy:
/// everything but [`issue_token`](Self::issue_token). An event that has no id gets one for this: within two minutes the gateway publishes the same id
/// once.
#[derive(Debug, Clone)]
pub struct Publisher {
    caller: Caller,
}

impl Publisher {
    /// Of the gateway at this URL, such as `http://127.0.0.1:4000`, with one of its API keys.
    ///
    /// # Errors
    ///
    /// [`UrlError`] when the URL is none.
    pub fn new(url: &str, api_key: impl Into<Secret>) -> Result<Self, UrlError> {
        Ok(Self { caller: Caller::new(url, api_key.into())? })
    }

    /// How long a request may take, each time it is asked. The default is 10 s.
    #[must_use]
    pub fn timeout(mut self, within: Duration) -> Self {
        self.caller.way.within = within.min(LONGEST);
        self
    }

    /// Trusts this authority, and no longer those of the platform: as
    /// [`ClientBuilder::root_certificate`](crate::ClientBuilder::root_certificate).
    ///
    /// # Errors
    ///
    /// [`BuildError`] when it is no certificate.
    #[cfg(feature = "rustls")]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Result<Self, BuildError> {
        self.caller.change_way(|way| way.route.trust.add(pem.as_ref()))?;
        Ok(self)
    }

    /// Asks through this proxy: as [`ClientBuilder::proxy`](crate::ClientBuilder::proxy).
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the URL is none of a proxy.
    pub fn proxy(mut self, url: &str) -> Result<Self, BuildError> {
        self.caller.change_way(|way| way.route.set_proxy(url))?;
        Ok(self)
    }

    /// Publishes an event. A guaranteed one is on disk when this returns.
    ///
    /// # Errors
    ///
    /// [`PublishError`]. The event may have been published all the same when there was no answer.
    ///
    /// # Cancel safety
    ///
    /// The event may have been published.
    pub async fn publish(&self, event: Publish) -> Result<Published, PublishError> {
        self.caller.ask(Asked::post("/publish", &with_id(event))?).await
    }

    /// Publishes events, at most [`MAX_BATCH`]. What becomes of each is told apart, in their order.
    ///
    /// # Errors
    ///
    /// [`PublishError`] when nothing is known of any of them.
    ///
    /// # Cancel safety
    ///
    /// Events may have been published.
    pub async fn publish_batch(
        &self,
        events: impl IntoIterator<Item = Publish>,
    ) -> Result<Vec<BatchResult>, PublishError> {
        let events: Vec<_> = events.into_iter().map(with_id).collect();
        if events.len() > MAX_BATCH {
            return Err(PublishError::TooMany { limit: MAX_BATCH });
        }
        let BatchResults { results } = self.caller.ask(Asked::post("/publish/batch", &events)?).await?;
        Ok(results)
    }

    /// Says which events there are: all those of a source, which has no others from then on.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// They may be in force.
    pub async fn define(&self, events: &DefineEvents) -> Result<Defined, PublishError> {
        self.caller.ask(Asked::put("/events", events)?).await
    }

    /// Every event that is registered.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn events(&self) -> Result<EventList, PublishError> {
        self.caller.ask(Asked::get("/events")).await
    }

    /// An event that is registered.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn event(&self, event: &EventName) -> Result<ListedEvent, PublishError> {
        self.caller.ask(Asked::get(["/events", event])).await
    }

    /// Unregisters an event.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// It may be unregistered.
    pub async fn undefine(&self, event: &EventName) -> Result<(), PublishError> {
        self.caller.ask_for_nothing(Asked::delete(["/events", event])).await
    }

    /// Who listens to an event.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn presence(&self, event: &EventName) -> Result<Presence, PublishError> {
        self.caller.ask(Asked::get(["/events", event, "presence"])).await
    }

    /// An auth token, with which a client connects once.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// A token may wait that nobody knows, until it expires.
    pub async fn issue_token(&self, token: IssueToken) -> Result<IssuedToken, PublishError> {
        self.caller.ask(Asked::post("/tokens", &token)?.once()).await
    }

    /// Sessions, of one user or of all, after the one that the list before ended with.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn sessions(
        &self,
        user: Option<&UserId>,
        after: Option<&str>,
    ) -> Result<SessionList, PublishError> {
        let asked = Asked::get("/sessions").query("user", user.map(UserId::as_str)).query("after", after);
        self.caller.ask(asked).await
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// It may have ended.
    pub async fn end_session(&self, session: &str) -> Result<(), PublishError> {
        self.caller.ask_for_nothing(Asked::delete(["/sessions", session])).await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// They may have ended.
    pub async fn end_sessions_of(&self, user: &UserId) -> Result<Concerned, PublishError> {
        self.caller.ask(Asked::delete(["/users", user, "sessions"])).await
    }

    /// Says what the sessions of a user may see from now on, in place of what they might before.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// It may be in force.
    pub async fn grant(&self, user: &UserId, grants: Grants) -> Result<Concerned, PublishError> {
        self.caller.ask(Asked::post(["/users", user, "grants"], &ChangeGrants { grants })?).await
    }

    /// Subscribes the sessions of a user, as if they had asked themselves.
    ///
    /// # Errors
    ///
    /// [`PublishError`].
    ///
    /// # Cancel safety
    ///
    /// They may be subscribed.
    pub async fn subscribe(&self, subscribe: &SubscribeUser) -> Result<Concerned, PublishError> {
        self.caller.ask(Asked::post("/subscriptions", subscribe)?).await
    }
}

/// The same event, so that it can be sent twice and is published once.
fn with_id(event: Publish) -> Publish {
    let id = event.id.unwrap_or_else(|| Arc::from(Uuid::new_v4().to_string()));
    Publish { id: Some(id), ..event }
}
