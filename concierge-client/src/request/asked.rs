//! The answering side: a question that was received.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::wire::{Answer, Questioned, Refusal};
use crate::{
    call::Call,
    client::Client,
    error::CallError,
    payload::{Data, Message, Origin},
};

/// A question of another client: [`Client::request`] on its side.
///
/// [`Service::serve`](crate::Service::serve) hands them out and answers them. Without a service, a program takes them from
/// the messages it receives:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = server.url();
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::{Asked, Client, Event};
///
/// let (bob, mut inbox) = Client::builder(&url, "bob")?.connect_with_events().await?;
/// let answering = tokio::spawn(async move {
///     while let Some(event) = inbox.next().await {
///         let Event::Message(message) = event else { continue };
///         let Some(asked) = Asked::read(&message) else { continue };
///         match asked.parse::<u32>() {
///             Ok(asked) => asked.answer(&bob, &(asked.body + 1)).await,
///             Err(error) => asked.refuse(&bob, error).await,
///         }?;
///     }
///     Ok::<_, concierge_client::CallError>(())
/// });
///
/// let alice = Client::builder(&url, "alice")?.connect().await?;
/// assert_eq!(alice.request::<u32>("bob", &41).await?, 42);
/// # answering.abort();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked<T = Data> {
    /// What the answer is matched by.
    pub id: Uuid,
    /// Who asks, and by which service.
    pub origin: Origin,
    /// What is asked.
    pub body: T,
}

impl Asked {
    /// The question in a message; none when it is no question.
    pub fn read(message: &Message) -> Option<Self> {
        let questioned = Questioned::read(&message.data)?;
        let id = questioned.request;
        Some(Self { id, origin: message.origin.clone(), body: questioned.into_body() })
    }

    /// The question with a body of type `T`.
    ///
    /// # Errors
    ///
    /// When the body is not one.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<Asked<T>, serde_json::Error> {
        let body = self.body.parse()?;
        Ok(Asked { id: self.id, origin: self.origin.clone(), body })
    }
}

impl<T> Asked<T> {
    /// Answers it. `client` is the one that received it.
    pub fn answer<R: Serialize + ?Sized>(&self, client: &Client, body: &R) -> Call<()> {
        client.to(self.origin.uuid).json(&Answer { reply: self.id, body })
    }

    /// Answers it with what went wrong, for the other side to read.
    pub fn refuse(&self, client: &Client, error: impl fmt::Display) -> Call<()> {
        client.to(self.origin.uuid).json(&Refusal { reply: self.id, error: &error.to_string() })
    }

    /// The answer as `data`, for whoever sends it by other means, or in a service's name.
    ///
    /// # Errors
    ///
    /// [`CallError::Encode`] when the body does not become JSON.
    pub fn reply<R: Serialize + ?Sized>(&self, body: &R) -> Result<Data, CallError> {
        Data::from_value(&Answer { reply: self.id, body }).map_err(CallError::Encode)
    }

    /// The answer that something went wrong, in the same way.
    ///
    /// # Errors
    ///
    /// As [`reply`](Self::reply); text always becomes JSON.
    pub fn refusal(&self, error: &str) -> Result<Data, CallError> {
        Data::from_value(&Refusal { reply: self.id, error }).map_err(CallError::Encode)
    }
}
