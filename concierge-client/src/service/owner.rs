//! The owner's handle of a service.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    messages::{Inbox, Messages},
    options::ServeOptions,
    roster::Roster,
    serve,
    serving::Serving,
    statuses::{Statuses, settled},
};
use crate::{
    call::Call,
    client::Client,
    error::CallError,
    payload::{self, Message, Nickname, ServiceName, Target},
    request::Asked,
    session::{Event, Status},
};

/// A service of this client: what [`CreateService::open`](crate::CreateService::open) gives.
///
/// A cheap clone. Dropping it deletes nothing: the service lives until [`delete`](Self::delete), or as long as the client.
/// When the connection breaks, it is created again on the next one, unless another client was faster; its
/// [`status`](Self::status) says so.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = server.url();
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::{Client, Status};
///
/// let alice = Client::builder(&url, "alice")?.connect().await?;
/// let news = alice.create_service("news").nickname("The news").open().await?;
/// assert_eq!(news.status(), Status::Live);
/// let mut letters = news.messages::<String>();
///
/// let bob = Client::builder(&url, "bob")?.connect().await?;
/// let mut paper = bob.subscription("news").open::<u32>().await?;
/// assert_eq!(news.subscribers().await?, [bob.uuid()]);
///
/// news.publish(&1).await?;
/// assert_eq!(paper.next().await.unwrap()?.data, 1);
/// paper.send("to the editor").await?;
/// let letter = letters.next().await.unwrap()?;
/// assert_eq!((letter.data.as_str(), letter.raw.as_str()), ("to the editor", r#""to the editor""#));
/// news.send_to(letter.origin.uuid, &2).await?;
/// assert_eq!(paper.next().await.unwrap()?.data, 2);
///
/// news.delete().await?;
/// assert_eq!(news.status(), Status::Deleted);
/// assert!(letters.next().await.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

/// What the clones of a service share.
struct Shared {
    client: Client,
    name: ServiceName,
    status: watch::Receiver<Status>,
    roster: Roster,
}

impl Service {
    pub(super) fn new(client: Client, name: ServiceName, nickname: Option<&Nickname>) -> Self {
        let status = client.link().register_service(&name, nickname);
        let shared = Shared { client, name, status, roster: Roster::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Its name.
    pub fn name(&self) -> &ServiceName {
        &self.shared.name
    }

    /// The client that owns it.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Where it stands: `Live`; `Pending` while there is no connection; `Lost` when another client took its name in the
    /// meantime, or the client ended; `Deleted`.
    pub fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    /// Where it stands, as it changes.
    pub fn statuses(&self) -> Statuses {
        Statuses::new(self.shared.status.clone())
    }

    /// Waits until it is live and requests go out, or until it is over, and says which.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn settled(&self) -> Status {
        settled(&self.shared.client, || self.statuses()).await
    }

    /// What subscribers send to it from now on, read as a `T`. There may be many such streams, and each has every message;
    /// requests that [`serve`](Self::serve) answers are among them.
    pub fn messages<T: DeserializeOwned>(&self) -> Messages<T> {
        Messages::new(self.inbox())
    }

    pub(super) fn inbox(&self) -> Inbox {
        let name = self.shared.name.clone();
        let wanted =
            move |event: &Event| matches!(event, Event::Message(message) if concerns(message, &name));
        Inbox::new(self.shared.client.events().filter(wanted), self.statuses())
    }

    /// Sends a value to every subscriber.
    pub fn publish<T: Serialize + ?Sized>(&self, data: &T) -> Call<()> {
        self.shared.client.to(Target::service(self.shared.name.clone())).json(data)
    }

    /// Sends a value to one client in the name of the service, whether it subscribes or not.
    pub fn send_to<T: Serialize + ?Sized>(&self, client: Uuid, data: &T) -> Call<()> {
        self.shared.client.to(Target::service_client(self.shared.name.clone(), client)).json(data)
    }

    /// Who subscribes to it, in order of subscription, without the owner. The first use subscribes the owner to its own
    /// service, to be told who comes and goes; from then on the list is kept current, and is asked for again only after a
    /// break of the connection.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the list had to be asked for and was not answered, or the client declared to do without the
    /// intent [`Subscribers`](crate::payload::Intent::Subscribers).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the next use asks again.
    pub async fn subscribers(&self) -> Result<Vec<Uuid>, CallError> {
        let Shared { client, name, roster, .. } = &*self.shared;
        roster.subscribers(client, name, self.status().is_live()).await
    }

    /// Answers requests with what `handler` makes of them, many at a time, until the [`Serving`] is drained or dropped or
    /// the service is over.
    ///
    /// A handler that fails answers its error; one that takes too long or panics answers that it did, and harms no other.
    /// So does a question that cannot be read, and one beyond [`ServeOptions::backlog`]. What is no request is left to
    /// [`messages`](Self::messages).
    ///
    /// An answer outlives a break of the connection. A program that is built to abort on panics is not protected from them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// # let server = concierge_server::Server::bind(config).await?;
    /// # let url = server.url();
    /// # tokio::spawn(server.run(std::future::pending()));
    /// use concierge_client::{Asked, Client, RequestError, ServeOptions};
    /// use std::time::Duration;
    ///
    /// let alice = Client::builder(&url, "alice")?.connect().await?;
    /// let divide = alice.create_service("divide").open().await?;
    /// let options = ServeOptions::default().concurrency(8).timeout(Duration::from_secs(5));
    /// let serving = divide.serve(options, async |asked: Asked<(i64, i64)>| {
    ///     let (dividend, divisor) = asked.body;
    ///     dividend.checked_div(divisor).ok_or("there is no such number")
    /// });
    ///
    /// let bob = Client::builder(&url, "bob")?.connect().await?;
    /// let divide = bob.subscription("divide").open::<()>().await?;
    /// assert_eq!(divide.request::<i64>(&(42, 2)).await?, 21);
    /// let refused = divide.request::<i64>(&(42, 0)).await;
    /// assert!(matches!(refused, Err(RequestError::Refused { error }) if error == "there is no such number"));
    ///
    /// serving.drain(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn serve<T, R, E, H, F>(&self, options: ServeOptions, handler: H) -> Serving
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        E: fmt::Display + Send + 'static,
        H: Fn(Asked<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<R, E>> + Send + 'static,
    {
        serve::start(self, options, handler)
    }

    /// Deletes it, and gives it as it was. All subscriptions end with it.
    pub fn delete(&self) -> Call<payload::Service> {
        self.shared.client.delete_service(self.shared.name.clone())
    }
}

/// Whether a message came to the owner by this service. A client that subscribes to a service of its own receives nothing
/// from itself.
fn concerns(message: &Message, name: &ServiceName) -> bool {
    matches!(&message.target, Target::Service { service } if service == name)
        && message.origin.service.as_ref().is_none_or(|service| service.owner_uuid != message.origin.uuid)
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Service")
            .field("name", &self.shared.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
