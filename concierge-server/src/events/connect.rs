//! Who comes, comes back and goes.

use core::net::IpAddr;
use std::{collections::BTreeMap, sync::Arc};

use concierge_client::{
    payload::Secret,
    telegraphy::{
        CloseCode, Connect, Connected, Failure, Outcome, Reconnect, Reconnected, ReconnectedData, RequestId,
        Status, Timestamp, UserId,
    },
};

use super::{
    Answered, Asker, Events,
    alarms::Alarm,
    close,
    effect::{Cause, ConnectionId, Effect},
    failed,
    few::Few,
    input::{Doors, Fresh, Peer},
    record::{Change, SessionId, SessionRecord, TokenHash},
    session::{Granted, Owner, Presence, Session, owner},
    stored::Waiting,
    tokens::Pass,
};

/// All refusals of an auth token look the same.
const TOKEN: &str = "auth token unknown, expired or already used";
const SESSION: &str = "session unknown, expired or not from this host";

impl Events {
    #[expect(clippy::too_many_arguments, reason = "they are what one input says")]
    pub(super) fn connect(
        &mut self,
        connection: ConnectionId,
        id: RequestId,
        connect: Connect,
        peer: &Peer,
        fresh: Fresh,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let refuse = |failure: Failure, code, effects: &mut Vec<Effect>| {
            effects.push(Effect::Answer { to: connection, id, outcome: Outcome::Failed(failure) });
            effects.push(Effect::Close { connection, code });
        };
        let present = self.sessions.of(connection).map(|session| session.id);
        // What needs no token is decided before one is looked at, and spends none.
        if let (Doors::Shut { message, retry_after }, None) = (&self.doors, present) {
            let failure =
                Failure { retry_after: *retry_after, ..Failure::new(Status::Unavailable, message.as_str()) };
            return refuse(failure, CloseCode::Unavailable, effects);
        }
        let pass = match self.pass(&connect, peer, now) {
            Ok(pass) => pass,
            Err(cause) => {
                effects.push(Effect::Refused { connection, cause });
                return refuse(Failure::new(Status::InvalidToken, TOKEN), CloseCode::InvalidToken, effects);
            }
        };
        // They were readable when the token was issued.
        let grants = Granted::new(pass.grants.clone()).unwrap_or_else(|_| Granted::nothing());
        if let Some(present) = present {
            return self.refresh(Asker { connection, id, session: present }, &pass, grants, now, effects);
        }
        let host = self.settings.host.of(peer.address);
        let earlier = connect.session_token.as_ref().and_then(|token| {
            let session = self.sessions.with_token(TokenHash::of(token.reveal()))?;
            let is_theirs = session.user == pass.user && (session.user.is_some() || session.host == host);
            is_theirs.then_some(session.id)
        });
        if let Some(user) = &pass.user
            && self.is_crowded(&owner(Some(user), host), earlier)
        {
            let failure = Failure::new(Status::LimitExceeded, "too many connections for this user");
            return refuse(failure, CloseCode::LimitExceeded, effects);
        }
        let gets_session = pass.user.is_some() || self.settings.anonymous_sessions;
        let (Some(session), Some(token)) = (earlier, connect.session_token) else {
            let token = gets_session.then_some(fresh.token);
            let newcomer = Newcomer { token: token.clone(), user: pass.user, host, grants };
            self.begin(fresh.session, newcomer, connection, now, effects);
            let arrival = Arrival { connection, id, session: fresh.session };
            return self.welcome(arrival, token, false, now, effects);
        };
        let newcomer = Newcomer { token: Some(token), user: pass.user, host, grants };
        let arrival = Arrival { connection, id, session };
        let kept = self.sessions.get(session).filter(|known| known.is_kept()).and_then(Session::record);
        match kept {
            // Narrower grants must not come back after a crash.
            Some(record) => {
                let grants = newcomer.grants.said.clone();
                let expires = now.after(self.settings.session_ttl);
                let record = SessionRecord { host: newcomer.host, grants, expires, ..record };
                self.arriving.insert(connection);
                let waiting = Waiting::Adopt { arrival, newcomer: Box::new(newcomer) };
                self.store(vec![Change::KeepSession(record)], waiting, effects);
            }
            None => self.adopt(arrival, newcomer, now, effects),
        }
    }

    /// A session that was not there before.
    fn begin(
        &mut self,
        id: SessionId,
        newcomer: Newcomer,
        connection: ConnectionId,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Newcomer { token, user, host, grants } = newcomer;
        let expires = now.after(self.settings.session_ttl);
        self.alarms.set(expires, Alarm::Expiry(id));
        let session = Session {
            id,
            token: token.as_ref().map(|token| TokenHash::of(token.reveal())),
            user,
            host,
            grants,
            expires,
            presence: Presence::Connected { connection, is_slow: false },
            subscriptions: Few::default(),
            interests: Few::default(),
            next_subscription: 1,
            pending: 0,
        };
        let owner = session.owner();
        self.sessions.insert(session);
        // Where hosts are not told apart, strangers are not one owner: what bounds them is how many may be away in all.
        if owner != Owner::Host(None)
            && self.sessions.count_of(&owner) > self.settings.sessions_per_owner
            && let Some(oldest) = self.sessions.longest_away_of(&owner)
        {
            let changes = self.end(oldest, now);
            self.store_unasked(changes, effects);
        }
    }

    /// Spends what is presented.
    fn pass(&mut self, connect: &Connect, peer: &Peer, now: Timestamp) -> Result<Pass, Cause> {
        let token = connect.auth_token.reveal();
        if token.is_empty() {
            let nobody = Pass { user: None, grants: Arc::default(), host: None, origin: None };
            return if self.settings.anonymous { Ok(nobody) } else { Err(Cause::Anonymous) };
        }
        let pass = self.tokens.spend(TokenHash::of(token), now).ok_or(Cause::UnknownToken)?;
        let binding = self.settings.host;
        if pass.host.is_some() && binding.of(pass.host) != binding.of(peer.address) {
            return Err(Cause::TokenAddress);
        }
        if pass.origin.is_some() && pass.origin != peer.origin {
            return Err(Cause::TokenOrigin);
        }
        Ok(pass)
    }

    /// `CONNECT` of who is connected: other grants.
    fn refresh(
        &mut self,
        asker: Asker,
        pass: &Pass,
        grants: Granted,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Asker { connection, id, session } = asker;
        let is_theirs = self.sessions.get(session).is_some_and(|session| session.user == pass.user);
        if !is_theirs {
            let outcome = failed(Status::AlreadyConnected, "token belongs to another user");
            effects.push(Effect::Answer { to: connection, id, outcome });
            return;
        }
        let mut later = Vec::new();
        let mut changes = self.regrant(session, grants, now, &mut later);
        let subscriptions = self.told_subscriptions(session);
        let outcome = Outcome::Connected(Box::new(Connected {
            resumed: true,
            user: pass.user.clone(),
            connection: Some(connection.to_string()),
            ping_interval: Some(self.settings.ping_interval.as_secs()),
            subscriptions,
            ..Connected::default()
        }));
        let kept = self.sessions.get(session).filter(|session| session.is_kept()).and_then(Session::record);
        changes.extend(kept.map(Change::KeepSession));
        // What is forbidden from now on is taken away at once, whatever the store says.
        effects.append(&mut later);
        if changes.is_empty() {
            effects.push(Effect::Answer { to: connection, id, outcome });
        } else {
            self.store(changes, Waiting::Answer { connection, id, outcome: Box::new(outcome) }, effects);
        }
    }

    /// A session of before goes on under a new proof of who it is.
    pub(super) fn adopt(
        &mut self,
        arrival: Arrival,
        newcomer: Newcomer,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Arrival { connection, session: id, .. } = arrival;
        self.take_over(id, connection, effects);
        // Sessions are found by the host of who is anonymous, but then it is the same.
        if let Some(session) = self.sessions.get_mut(id)
            && session.user.is_some()
        {
            session.host = newcomer.host;
        }
        self.prolong(id, now);
        let mut told = Vec::new();
        let changes = self.regrant(id, newcomer.grants, now, &mut told);
        self.store_unasked(changes, effects);
        self.welcome(arrival, newcomer.token, true, now, effects);
        effects.append(&mut told);
    }

    /// The answer to a `CONNECT`, and what follows it.
    fn welcome(
        &mut self,
        arrival: Arrival,
        token: Option<Secret>,
        resumed: bool,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Arrival { connection, id, session } = arrival;
        let (subscriptions, feeds) = self.resume(session, &BTreeMap::new(), now);
        let connected = Connected {
            session_ttl: token.is_some().then_some(self.settings.session_ttl.as_secs()),
            resume_window: token.is_some().then_some(self.settings.resume_window.as_secs()),
            cookie: self.settings.cookie.clone().filter(|_| token.is_some()),
            session_token: token,
            resumed,
            user: self.sessions.get(session).and_then(|session| session.user.clone()),
            connection: Some(connection.to_string()),
            ping_interval: Some(self.settings.ping_interval.as_secs()),
            subscriptions,
        };
        let outcome = Outcome::Connected(Box::new(connected));
        effects.push(Effect::Answer { to: connection, id, outcome });
        self.feed(session, feeds, now, effects);
    }

    pub(super) fn reconnect(
        &mut self,
        connection: ConnectionId,
        id: RequestId,
        reconnect: &Reconnect,
        peer: &Peer,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let refuse = |failure: Failure, effects: &mut Vec<Effect>| {
            effects.push(Effect::Answer { to: connection, id, outcome: Outcome::NotReconnected(failure) });
        };
        if self.sessions.of(connection).is_some() {
            let failure = Failure::new(Status::AlreadyConnected, "this connection has a session already");
            return refuse(failure, effects);
        }
        if let Doors::Shut { message, retry_after } = &self.doors {
            let failure =
                Failure { retry_after: *retry_after, ..Failure::new(Status::Unavailable, message.as_str()) };
            refuse(failure, effects);
            effects.push(Effect::Close { connection, code: CloseCode::Unavailable });
            return;
        }
        let host = self.settings.host.of(peer.address);
        let found = self.sessions.with_token(TokenHash::of(reconnect.session_token.reveal()));
        let checked = match found {
            None => Err(Cause::UnknownSession),
            // It goes on living: who guesses must not be able to end it.
            Some(session) if session.host != host => Err(Cause::SessionHost),
            Some(session) => Ok((session.id, session.owner())),
        };
        let (session, owner) = match checked {
            Ok(session) => session,
            Err(cause) => {
                effects.push(Effect::Refused { connection, cause });
                refuse(Failure::new(Status::InvalidToken, SESSION), effects);
                effects.push(Effect::Close { connection, code: CloseCode::InvalidToken });
                return;
            }
        };
        if self.is_crowded(&owner, Some(session)) {
            refuse(Failure::new(Status::LimitExceeded, "too many connections for this user"), effects);
            effects.push(Effect::Close { connection, code: CloseCode::LimitExceeded });
            return;
        }
        self.take_over(session, connection, effects);
        // Of a session that is kept, a longer life is worth a write now and then; that it is lost costs nobody anything.
        let mut kept = None;
        if let Some(known) = self.sessions.get(session) {
            let gained = now.after(self.settings.session_ttl).since(known.expires);
            if gained > self.settings.session_ttl / 14 {
                self.prolong(session, now);
                kept = self.sessions.get(session).filter(|known| known.is_kept()).and_then(Session::record);
            }
        }
        self.store_unasked(kept.map(Change::KeepSession).into_iter().collect(), effects);
        let (subscriptions, feeds) = self.resume(session, &reconnect.positions, now);
        let lives = self.sessions.get(session).map_or(0, |known| known.expires.since(now).as_secs());
        let data = ReconnectedData {
            session_ttl: Some(lives),
            ping_interval: Some(self.settings.ping_interval.as_secs()),
            connection: Some(connection.to_string()),
        };
        let outcome = Outcome::Reconnected(Reconnected { subscriptions, data });
        effects.push(Effect::Answer { to: connection, id, outcome });
        self.feed(session, feeds, now, effects);
    }

    /// Whether a user has as many connections as it may, that one of its sessions not counted.
    fn is_crowded(&self, owner: &Owner, except: Option<SessionId>) -> bool {
        let Owner::User(_) = owner else { return false };
        let others = self.sessions.of_owner(owner).filter(|session| Some(session.id) != except);
        let connected = others.filter(|session| session.connection().is_some()).count();
        connected >= self.settings.connections_per_user
    }

    /// A session has one connection: who had it is told.
    fn take_over(&mut self, session: SessionId, connection: ConnectionId, effects: &mut Vec<Effect>) {
        match self.sessions.get(session).map(|session| session.presence) {
            Some(Presence::Connected { connection: old, .. }) => close(old, CloseCode::TakenOver, effects),
            Some(Presence::Away { since }) => {
                self.alarms.cancel(since.after(self.settings.resume_window), Alarm::ResumeWindow(session));
            }
            None => {}
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.stop_feeds();
        }
        self.sessions.set_presence(session, Presence::Connected { connection, is_slow: false });
    }

    fn prolong(&mut self, id: SessionId, now: Timestamp) {
        let expires = now.after(self.settings.session_ttl);
        if let Some(session) = self.sessions.get_mut(id) {
            self.alarms.cancel(session.expires, Alarm::Expiry(id));
            session.expires = expires;
            self.alarms.set(expires, Alarm::Expiry(id));
        }
    }

    pub(super) fn disconnect(
        &mut self,
        asker: Asker,
        forget: bool,
        now: Timestamp,
        effects: &mut Vec<Effect>,
        later: &mut Vec<Effect>,
    ) -> Answered {
        let Asker { connection, id, session } = asker;
        let changes = if forget {
            self.end(session, now)
        } else {
            self.closed(connection, now, later);
            Vec::new()
        };
        if changes.is_empty() {
            later.push(Effect::Close { connection, code: CloseCode::Normal });
            return Some(Outcome::Disconnected);
        }
        self.store(changes, Waiting::Disconnected { connection, id }, effects);
        None
    }

    /// A connection is gone: its session waits for another one, if it can be found again.
    pub(super) fn closed(&mut self, connection: ConnectionId, now: Timestamp, effects: &mut Vec<Effect>) {
        self.arriving.remove(&connection);
        let Some(session) = self.sessions.of(connection) else { return };
        let (id, can_return) = (session.id, session.token.is_some());
        if !can_return {
            self.end(id, now);
            return;
        }
        self.sessions.set_presence(id, Presence::Away { since: now });
        if let Some(session) = self.sessions.get_mut(id) {
            session.stop_feeds();
        }
        self.alarms.set(now.after(self.settings.resume_window), Alarm::ResumeWindow(id));
        if let Some((longest, away)) = self.sessions.longest_away()
            && away > self.settings.sessions_away
        {
            let changes = self.end(longest, now);
            self.store_unasked(changes, effects);
        }
    }

    /// A session is no more. What the store has of it is to be forgotten.
    pub(super) fn end(&mut self, id: SessionId, now: Timestamp) -> Vec<Change> {
        let Some(session) = self.sessions.get(id) else { return Vec::new() };
        let is_kept = session.is_kept();
        let subscriptions: Vec<_> = session.subscriptions.keys().copied().collect();
        for subscription in subscriptions {
            self.remove_subscription(id, subscription, now);
        }
        if let Some(session) = self.sessions.remove(id) {
            self.alarms.cancel(session.expires, Alarm::Expiry(id));
            if let Presence::Away { since } = session.presence {
                self.alarms.cancel(since.after(self.settings.resume_window), Alarm::ResumeWindow(id));
            }
        }
        if is_kept { vec![Change::ForgetSession(id)] } else { Vec::new() }
    }
}

/// Who proved who it is.
#[derive(Debug)]
pub(super) struct Newcomer {
    token: Option<Secret>,
    user: Option<UserId>,
    host: Option<IpAddr>,
    grants: Granted,
}

/// A connection that a session gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub connection: ConnectionId,
    pub id: RequestId,
    pub session: SessionId,
}
