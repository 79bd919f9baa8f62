//! Sending: whom to, and what.

use serde::Serialize;

use crate::{
    call::{Call, Delivery, acknowledged},
    client::Client,
    error::CallError,
    payload::{Data, Target},
    session::Encoded,
};

/// Somebody to send to: what [`Client::to`] returns.
#[derive(Debug, Clone)]
pub struct Recipient {
    client: Client,
    target: Target,
}

impl Recipient {
    pub(crate) fn new(client: &Client, target: Target) -> Self {
        Self { client: client.clone(), target }
    }

    /// Whom a message goes to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Sends a value as JSON. Awaited, it waits until there is room, and then for the gateway's answer.
    pub fn json<T: Serialize + ?Sized>(&self, data: &T) -> Call<()> {
        Call::new(&self.client, self.encode(data), acknowledged)
    }

    /// Sends JSON byte for byte. Awaited, it waits until there is room, and then for the gateway's answer.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Client, Data, Event};
    ///
    /// let (client, mut events) = Client::builder(&url, "alice")?.connect_with_events().await?;
    /// client.to("alice").raw(Data::from_json(r#"{"price":1.10}"#)?).await?;
    /// let Some(Event::Message(message)) = events.next().await else { panic!("it is a message") };
    /// assert_eq!(message.data.as_str(), r#"{"price":1.10}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn raw(&self, data: impl Into<Data>) -> Call<()> {
        Call::new(&self.client, self.encode(&data.into()), acknowledged)
    }

    /// Sends a value as JSON without ever waiting. The answer can be awaited or left.
    ///
    /// # Errors
    ///
    /// [`CallError::Full`] when as many requests wait for an answer as may; [`CallError::TooLarge`],
    /// [`CallError::Encode`] and [`CallError::Closed`] as for a call that waits.
    pub fn try_json<T: Serialize + ?Sized>(&self, data: &T) -> Result<Delivery, CallError> {
        Delivery::begin(&self.client, self.encode(data)?)
    }

    /// Sends JSON byte for byte without ever waiting. The answer can be awaited or left.
    ///
    /// # Errors
    ///
    /// As [`try_json`](Self::try_json).
    pub fn try_raw(&self, data: impl Into<Data>) -> Result<Delivery, CallError> {
        Delivery::begin(&self.client, self.encode(&data.into())?)
    }

    fn encode<T: Serialize + ?Sized>(&self, data: &T) -> Result<Encoded, CallError> {
        Encoded::message(&self.target, data).map_err(CallError::Encode)
    }
}
