//! Every session, and the ways to find one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use concierge_client::telegraphy::{Timestamp, UserId};

use super::{
    effect::ConnectionId,
    record::{SessionId, TokenHash},
    session::{Owner, Presence, Session},
};

/// Sessions by id, token, connection and owner.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_id: BTreeMap<SessionId, Session>,
    by_token: BTreeMap<TokenHash, SessionId>,
    by_connection: BTreeMap<ConnectionId, SessionId>,
    by_owner: BTreeMap<Owner, BTreeSet<SessionId>>,
    /// Those that are away, the longest first.
    away: BTreeSet<(Timestamp, SessionId)>,
}

impl Sessions {
    pub(super) fn insert(&mut self, session: Session) {
        let id = session.id;
        if let Some(token) = session.token {
            self.by_token.insert(token, id);
        }
        match session.presence {
            Presence::Connected { connection, .. } => {
                self.by_connection.insert(connection, id);
            }
            Presence::Away { since } => {
                self.away.insert((since, id));
            }
        }
        self.by_owner.entry(session.owner()).or_default().insert(id);
        self.by_id.insert(id, session);
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.by_id.remove(&id)?;
        if let Some(token) = session.token {
            self.by_token.remove(&token);
        }
        match session.presence {
            Presence::Connected { connection, .. } => {
                self.by_connection.remove(&connection);
            }
            Presence::Away { since } => {
                self.away.remove(&(since, id));
            }
        }
        let owner = session.owner();
        if let Some(sessions) = self.by_owner.get_mut(&owner) {
            sessions.remove(&id);
            if sessions.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        Some(session)
    }

    /// Somebody is connected from now on, or nobody is.
    pub(super) fn set_presence(&mut self, id: SessionId, presence: Presence) {
        // Taken out and put back, so that every way to find it is right.
        if let Some(mut session) = self.remove(id) {
            session.presence = presence;
            self.insert(session);
        }
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.by_id.get(&id)
    }

    /// For everything but what it is found by: token, user, host and presence.
    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    /// A permanent subscription of it is on its way to the store.
    pub(super) fn wait(&mut self, id: SessionId) {
        if let Some(session) = self.by_id.get_mut(&id) {
            session.pending += 1;
        }
    }

    /// It has arrived there, or not.
    pub(super) fn wait_no_more(&mut self, id: SessionId) {
        if let Some(session) = self.by_id.get_mut(&id) {
            session.pending = session.pending.saturating_sub(1);
        }
    }

    pub(super) fn of(&self, connection: ConnectionId) -> Option<&Session> {
        self.by_connection.get(&connection).and_then(|id| self.by_id.get(id))
    }

    pub(super) fn with_token(&self, token: TokenHash) -> Option<&Session> {
        self.by_token.get(&token).and_then(|id| self.by_id.get(id))
    }

    /// The sessions that are counted together, by id.
    pub(super) fn of_owner(&self, owner: &Owner) -> impl Iterator<Item = &Session> {
        let ids = self.by_owner.get(owner).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }

    /// How many those are.
    pub(super) fn count_of(&self, owner: &Owner) -> usize {
        self.by_owner.get(owner).map_or(0, BTreeSet::len)
    }

    /// The sessions of a user, by id.
    pub(super) fn of_user(&self, user: &UserId) -> Vec<SessionId> {
        self.of_owner(&Owner::User(user.clone())).map(|session| session.id).collect()
    }

    /// The sessions after one, by id.
    pub(super) fn after(&self, after: Option<SessionId>) -> impl Iterator<Item = &Session> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id.range((from, Bound::Unbounded)).map(|(_, session)| session)
    }

    /// Which of those of an owner has been away the longest.
    pub(super) fn longest_away_of(&self, owner: &Owner) -> Option<SessionId> {
        let away = self.of_owner(owner).filter_map(|session| match session.presence {
            Presence::Away { since } => Some((since, session.id)),
            Presence::Connected { .. } => None,
        });
        away.min().map(|(_, id)| id)
    }

    /// Which of all has been away the longest, and how many are away.
    pub(super) fn longest_away(&self) -> Option<(SessionId, usize)> {
        self.away.first().map(|(_, id)| (*id, self.away.len()))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn connected(&self) -> usize {
        self.by_connection.len()
    }
}
