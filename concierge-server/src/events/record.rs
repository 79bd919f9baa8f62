//! What of all this survives a restart: plain records, as a store keeps them and hands them back.
//!
//! The core never waits for a disk. It says what must be durable by [`Change`]s, in one order; they are applied in that order,
//! all of one list or none, and whoever drives the core tells it when they are. After a start the store's [`Records`] come first.

use core::net::IpAddr;
use std::{fmt, sync::Arc};

use concierge_client::telegraphy::{Definition, Epoch, EventName, Grants, Position, Timestamp, UserId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What is kept of a token: its SHA-256, which tells nobody the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(…)")
    }
}

/// A session's public id, from the system's random source: it proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A subscription of a session: its number there, which no later one has. Written `s1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u32);

impl fmt::Display for SubscriptionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s{}", self.0)
    }
}

/// An event as it is registered, by `(source, definition.name)`; a name belongs to one source only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionRecord {
    /// Whose full set it belongs to.
    pub source: Arc<str>,
    /// What was registered.
    pub definition: Definition,
    /// How often it has changed, from 1.
    pub version: u64,
    /// The log of a guaranteed event; none for one of best effort, whose epoch ends with the process.
    pub epoch: Option<Epoch>,
}

/// A session that has permanent subscriptions, by `id`. `token` is unique too.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    /// Its public id.
    pub id: SessionId,
    /// What its token hashes to.
    pub token: TokenHash,
    /// Whose it is; none for an anonymous client.
    pub user: Option<UserId>,
    /// Where it may be used from; none if anywhere.
    pub host: Option<IpAddr>,
    /// What it may see.
    pub grants: Arc<Grants>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A permanent subscription, by `(session, id)`. It goes with its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRecord {
    /// Whose it is.
    pub session: SessionId,
    /// Its number there.
    pub id: SubscriptionId,
    /// To which event.
    pub event: EventName,
    /// The canonical form of its filters, as JSON.
    pub filters: Box<str>,
    /// Whether it waits for an event that is not registered.
    pub lazy: bool,
    /// Where the event's log ended when it was made: what is guaranteed begins after it.
    pub since: Position,
}

/// A guaranteed event in its log, by `(event, epoch, offset)`. Offsets of a log grow, with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its name.
    pub event: EventName,
    /// The log it is in.
    pub epoch: Epoch,
    /// Its place there, from 1.
    pub offset: u64,
    /// Its unique id: the publisher's, when there was one.
    pub id: Arc<str>,
    /// Whether the id is the publisher's, so that the same one again is the same event for two minutes.
    pub is_publishers: bool,
    /// When it was published.
    pub published: Timestamp,
    /// When it means nothing any more. From then on it is not delivered, and may be deleted.
    pub expires: Timestamp,
    /// Its `meta` but for what stands in this record, as JSON.
    pub meta: Arc<str>,
    /// Its `data` as JSON, unpublished fields included.
    pub data: Arc<str>,
    /// The values before, as JSON, when the publisher told them. Never delivered.
    pub previous: Option<Arc<str>>,
}

impl EventRecord {
    /// About what it takes on disk, in bytes.
    pub fn len(&self) -> usize {
        let previous = self.previous.as_ref().map_or(0, |previous| previous.len());
        self.event.len() + self.id.len() + self.meta.len() + self.data.len() + previous
    }

    /// Whether it holds nothing, which it never does: `data` is JSON.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Something that must be durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An event was registered, or another definition takes the place of the one it had.
    Define(DefinitionRecord),
    /// An event is registered no more. Its log stays until it expires.
    Undefine(EventName),
    /// A session is kept, or what was kept of it changes.
    KeepSession(SessionRecord),
    /// A session is gone, and its subscriptions with it.
    ForgetSession(SessionId),
    /// A subscription is kept, or what was kept of it changes.
    KeepSubscription(SubscriptionRecord),
    /// A subscription is gone.
    ForgetSubscription(SessionId, SubscriptionId),
    /// An event goes to the end of its log.
    Append(EventRecord),
}

/// Why something is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotStored {
    /// There is no room, and there may be again.
    #[error("the disk is full")]
    Full,
    /// More waits to be stored than may. Later it may go.
    #[error("the store is busy")]
    Busy,
    /// The store takes nothing any more until it is opened again.
    #[error("the store is read-only")]
    ReadOnly,
}

/// A piece of an event's log, as it is read for whoever was away: it tells of every offset after the one that was asked for, up to
/// [`until`](Self::until).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Everything up to this offset is gone, because it expired or there was no room; 0 if nothing is.
    pub trimmed: u64,
    /// The events, ascending.
    pub events: Vec<EventRecord>,
    /// Offsets of events between these that expired before an older one, ascending. What is in neither never was.
    pub expired: Vec<u64>,
    /// How far it goes: to the last offset of the log, or less far where there would be too much for one page. The next one is to be
    /// asked for after it.
    pub until: u64,
}

/// How far a log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Of which event.
    pub event: EventName,
    /// Which log.
    pub epoch: Epoch,
    /// The offset of the last event that was ever in it, also if that is gone.
    pub last: u64,
    /// Everything up to this offset is gone; 0 if nothing is.
    pub trimmed: u64,
}

/// The id of an event that its publisher may repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupeRecord {
    /// Of which event.
    pub event: EventName,
    /// The publisher's id.
    pub id: Arc<str>,
    /// What it was answered with.
    pub epoch: Epoch,
    /// What it was answered with.
    pub offset: u64,
    /// When it was published.
    pub published: Timestamp,
}

/// Everything that is kept but the logs' events, as a start finds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// Every registered event.
    pub definitions: Vec<DefinitionRecord>,
    /// Every session with permanent subscriptions, expired ones included.
    pub sessions: Vec<SessionRecord>,
    /// Every permanent subscription.
    pub subscriptions: Vec<SubscriptionRecord>,
    /// How far each log goes.
    pub logs: Vec<LogRecord>,
    /// Publishers' ids of the last two minutes.
    pub ids: Vec<DedupeRecord>,
}
