//! A session: who somebody is, what it may see, and what it wants.

use core::net::IpAddr;
use std::{collections::BTreeMap, sync::Arc};

use concierge_client::telegraphy::{
    Audience, Definition, EventName, Grant, Grants, Position, Timestamp, UserId,
};

use super::{
    effect::ConnectionId,
    few::Few,
    filter::{Filter, FilterError, FilterId},
    interest::Interest,
    published::Published,
    record::{SessionId, SessionRecord, SubscriptionId, SubscriptionRecord, TokenHash},
};

/// A session, whether somebody is connected to it or not.
#[derive(Debug)]
pub(super) struct Session {
    pub id: SessionId,
    /// What its token hashes to; none for one that ends with its connection.
    pub token: Option<TokenHash>,
    pub user: Option<UserId>,
    pub host: Option<IpAddr>,
    pub grants: Granted,
    pub expires: Timestamp,
    pub presence: Presence,
    pub subscriptions: Few<SubscriptionId, Subscription>,
    pub interests: Few<EventName, Interest>,
    pub next_subscription: u32,
    /// Permanent subscriptions that are on their way to the store.
    pub pending: usize,
}

/// Whether somebody is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Connected {
        connection: ConnectionId,
        /// Whether it does not take what it is sent.
        is_slow: bool,
    },
    /// Nobody is, since then.
    Away { since: Timestamp },
}

/// Whose sessions are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    User(UserId),
    Host(Option<IpAddr>),
}

/// A subscription that is there.
#[derive(Debug)]
pub(super) struct Subscription {
    pub event: EventName,
    pub filter: Filter,
    pub filter_id: FilterId,
    pub is_permanent: bool,
    pub is_lazy: bool,
    /// Where the log ended when it was made.
    pub since: Position,
}

/// Grants, with their filters read.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub said: Arc<Grants>,
    filters: BTreeMap<EventName, Filter>,
}

/// What of an event a session may see.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access<'s> {
    Nothing,
    All,
    Filtered(&'s Filter),
}

impl Access<'_> {
    pub(super) fn is_any(self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether the event as it is may be seen.
    pub(super) fn allows(self, event: &Published) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Filtered(filter) => filter.matches(event.whole()),
        }
    }

    /// Whether the values before could be seen.
    pub(super) fn allowed_before(self, event: &Published) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Filtered(filter) => event.whole_before().is_some_and(|before| filter.matches(before)),
        }
    }
}

impl Granted {
    /// Reads the filters of grants.
    pub(super) fn new(said: Arc<Grants>) -> Result<Self, (EventName, FilterError)> {
        let mut filters = BTreeMap::new();
        for (event, grant) in said.iter() {
            if let Grant::Filtered(json) = grant {
                let filter = Filter::from_json(json).map_err(|error| (event.clone(), error))?;
                filters.insert(event.clone(), filter);
            }
        }
        Ok(Self { said, filters })
    }

    /// Nothing at all.
    pub(super) fn nothing() -> Self {
        Self { said: Arc::default(), filters: BTreeMap::new() }
    }

    /// Whether anything was said of it.
    fn has(&self, event: &str) -> bool {
        self.said.of(event).is_some()
    }

    /// What may be seen of it by somebody who may see it at all.
    fn of(&self, event: &str) -> Access<'_> {
        self.filters.get(event).map_or(Access::All, Access::Filtered)
    }
}

impl Session {
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self.presence {
            Presence::Connected { connection, .. } => Some(connection),
            Presence::Away { .. } => None,
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        matches!(self.presence, Presence::Connected { is_slow: true, .. })
    }

    pub(super) fn set_slow(&mut self, slow: bool) {
        if let Presence::Connected { is_slow, .. } = &mut self.presence {
            *is_slow = slow;
        }
    }

    pub(super) fn owner(&self) -> Owner {
        owner(self.user.as_ref(), self.host)
    }

    /// What it may see of an event that is defined so, or not defined at all.
    pub(super) fn access(&self, event: &str, definition: Option<&Definition>) -> Access<'_> {
        let audience = definition.map_or(Audience::Authenticated, |definition| definition.audience);
        let is_in = match audience {
            Audience::Public => true,
            Audience::Authenticated => self.user.is_some(),
            Audience::Private => self.grants.has(event),
        };
        if is_in { self.grants.of(event) } else { Access::Nothing }
    }

    /// The subscription that has this identity.
    pub(super) fn find(&self, event: &str, filter: &Filter) -> Option<SubscriptionId> {
        let mut candidates = self.interests.get(event)?.subscriptions.iter();
        candidates
            .find(|id| {
                self.subscriptions.get::<SubscriptionId>(id).is_some_and(|known| known.filter == *filter)
            })
            .copied()
    }

    /// Whether the store has it, or will have.
    pub(super) fn is_kept(&self) -> bool {
        self.pending > 0 || self.subscriptions.values().any(|subscription| subscription.is_permanent)
    }

    pub(super) fn record(&self) -> Option<SessionRecord> {
        Some(SessionRecord {
            id: self.id,
            token: self.token?,
            user: self.user.clone(),
            host: self.host,
            grants: self.grants.said.clone(),
            expires: self.expires,
        })
    }

    pub(super) fn record_of(&self, id: SubscriptionId) -> Option<SubscriptionRecord> {
        let subscription = self.subscriptions.get(&id)?;
        Some(SubscriptionRecord {
            session: self.id,
            id,
            event: subscription.event.clone(),
            filters: subscription.filter.canonical().into(),
            lazy: subscription.is_lazy,
            since: subscription.since.clone(),
        })
    }
}

pub(super) fn owner(user: Option<&UserId>, host: Option<IpAddr>) -> Owner {
    user.map_or(Owner::Host(host), |user| Owner::User(user.clone()))
}
