//! Files: what clients hand to each other beside their messages, over HTTP at the gateway.
//!
//! Owns requests to the file store and what becomes of them. Each transfer has a connection of its own, opened like the one to
//! the gateway: through the same proxy, trusting the same authorities. The rules of the store are the gateway's.

mod error;
mod exchange;
mod get;
mod place;
mod progress;
mod put;
mod source;

pub use error::FileError;
pub use get::Get;
pub use progress::Progress;
pub use put::{Put, Stored};
pub use source::Source;

use std::{fmt, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::Method;
use serde::Deserialize;
use uuid::Uuid;

use crate::{builder::ClientBuilder, client::Client, error::BuildError, net::Approach, payload::ClientName};
use exchange::{Exchange, no_body};
use progress::Watch;

/// The most that is read of an answer that is no file, in bytes: a list of a thousand files with the longest paths fits.
const MAX_ANSWER: usize = 4 << 20;

/// How long a transfer may go without a byte, unless something else is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file store of the gateway, as this client sees it: it writes into its own folder, and reads from everybody's.
///
/// A folder lives as long as the connection of its client: when that is lost, its files are gone, and a client that connects again
/// begins with an empty one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// # let server = concierge_server::Server::bind(config).await?;
/// # let url = server.url();
/// # tokio::spawn(server.run(std::future::pending()));
/// use concierge_client::{Client, files::FileError};
///
/// let alice = Client::builder(&url, "alice")?.connect().await?;
/// let bob = Client::builder(&url, "bob")?.connect().await?;
///
/// alice.files().put("maps/north pole.json", "{}").await?;
/// assert_eq!(bob.files().get("alice", "maps/north pole.json").bytes(1024).await?, "{}");
/// assert_eq!(bob.files().list("alice").await?[0].path, "maps/north pole.json");
///
/// alice.files().delete("maps/north pole.json").await?;
/// let gone = bob.files().get("alice", "maps/north pole.json").bytes(1024).await;
/// assert!(matches!(gone, Err(FileError::NotFound { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Files {
    owner: Owner,
    patience: Duration,
}

/// Whose files these are.
#[derive(Clone)]
enum Owner {
    /// A client that is here. It may connect again meanwhile, and has another key then.
    Here(Client),
    /// One that is connected elsewhere.
    Elsewhere { approach: Arc<Approach>, name: ClientName, key: Uuid },
}

/// A file, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FileInfo {
    /// Where it is within its client's folder. Text from elsewhere: escape it before showing it, and check it before making a
    /// path on a disk of it.
    pub path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was stored, in seconds since 1970.
    pub modified: u64,
    /// What changes when its content does.
    pub etag: String,
    /// The SHA-256 of its content, in lower-case hexadecimal digits, where the gateway knows it.
    #[serde(default)]
    pub sha256: Option<String>,
}

impl Client {
    /// The gateway's file store.
    pub fn files(&self) -> Files {
        Files { owner: Owner::Here(self.clone()), patience: PATIENCE }
    }
}

impl ClientBuilder {
    /// The gateway's file store, as a client of this name that is connected elsewhere has it: in another process, for which this one
    /// moves files. `key` is what that client's [`Session::file_key`](crate::session::Session::file_key) is on the connection that it
    /// has now; with the end of that connection these files are gone and the key is none.
    ///
    /// Nothing is connected but transfers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when something that was set is not valid.
    pub fn files(self, key: Uuid) -> Result<Files, BuildError> {
        let (approach, name) = self.way()?;
        Ok(Files { owner: Owner::Elsewhere { approach: Arc::new(approach), name, key }, patience: PATIENCE })
    }
}

impl Files {
    /// Gives a transfer up that has not moved by a byte for so long. The default is 30 s.
    #[must_use]
    pub fn patience(mut self, without_a_byte: Duration) -> Self {
        self.patience = without_a_byte;
        self
    }

    /// Stores a file in this client's folder when it is awaited, in the place of one that is there.
    pub fn put(&self, path: impl Into<String>, source: impl Into<Source>) -> Put {
        Put::new(self.exchange(), self.own(), path.into(), source.into())
    }

    /// A file of a client, this one or another.
    pub fn get(&self, client: impl AsRef<str>, path: impl Into<String>) -> Get {
        Get::new(self.exchange(), client.as_ref().to_owned(), path.into())
    }

    /// Lists the files of a client, by path.
    ///
    /// # Errors
    ///
    /// [`FileError::NotFound`] when no client of this name is connected; else as any request to the store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request.
    pub async fn list(&self, client: impl AsRef<str>) -> Result<Vec<FileInfo>, FileError> {
        let place = place::folder(client.as_ref());
        let exchange = self.exchange();
        let answer = exchange.ask(Method::GET, &place, &[], no_body(), &Watch::idle()).await?;
        let body = http_body_util::Limited::new(answer.into_body(), MAX_ANSWER);
        let read = tokio::time::timeout(self.patience, body.collect());
        let body = read.await.map_err(|_| FileError::Stalled { after: self.patience })?;
        let body =
            body.map_err(|_| FileError::Answer { detail: "the list is too long or broke off".to_owned() })?;
        serde_json::from_slice(&body.to_bytes())
            .map_err(|error| FileError::Answer { detail: format!("the list is none: {error}") })
    }

    /// Deletes a file of this client.
    ///
    /// # Errors
    ///
    /// [`FileError::NotFound`] when it is not there; else as any request to the store.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request; the file may be deleted or not.
    pub async fn delete(&self, path: impl AsRef<str>) -> Result<(), FileError> {
        let place = place::file(&self.own(), path.as_ref())?;
        self.exchange().ask(Method::DELETE, &place, &[], no_body(), &Watch::idle()).await.map(drop)
    }

    fn own(&self) -> ClientName {
        match &self.owner {
            Owner::Here(client) => client.session().name.clone(),
            Owner::Elsewhere { name, .. } => name.clone(),
        }
    }

    fn exchange(&self) -> Exchange {
        match &self.owner {
            Owner::Here(client) => {
                Exchange::new(Arc::clone(client.approach()), client.session().file_key(), self.patience)
            }
            Owner::Elsewhere { approach, key, .. } => {
                Exchange::new(Arc::clone(approach), *key, self.patience)
            }
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Files").field("patience", &self.patience).finish_non_exhaustive()
    }
}
