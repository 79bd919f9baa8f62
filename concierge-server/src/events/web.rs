//! What the web application asks.

use std::{sync::Arc, time::Duration};

use concierge_client::{
    payload::Secret,
    telegraphy::{CloseCode, Grants, Subscribe, Timestamp, UserId},
};
use serde_json::Value;

use super::{
    Events, close,
    effect::{Effect, Refusal, Reply, SessionView},
    filter::{Filter, FilterError},
    input::{CallId, Question},
    record::{Change, SessionId, TokenHash},
    session::{Granted, Session},
    stored::Waiting,
    tokens::Pass,
    topic::Topic,
};

impl Events {
    pub(super) fn call(
        &mut self,
        call: CallId,
        question: Question,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let reply = match question {
            Question::Publish(publish) => return self.publish(call, publish, now, effects),
            Question::Define { source, definitions } => {
                return self.define(call, &source, definitions, now, effects);
            }
            Question::Undefine(name) => return self.undefine(call, name, now, effects),
            Question::Events => Reply::Events(self.topics.values().filter_map(Topic::listed).collect()),
            Question::Event(name) => match self.topics.get(&name).and_then(Topic::listed) {
                Some(listed) => Reply::Events(vec![listed]),
                None => Reply::Refused(Refusal::UnknownEvent(name)),
            },
            Question::Issue { token, user, grants, host, origin, ttl } => {
                let grants = Arc::new(grants);
                let pass = Pass { user, grants, host, origin };
                self.issue(&token, pass, ttl, now).unwrap_or_else(Reply::Refused)
            }
            Question::Sessions { user, after, limit } => self.list_sessions(user, after, limit),
            Question::End(session) => {
                let sessions = self.sessions.get(session).map(|session| session.id);
                return self.end_all(call, sessions.into_iter().collect(), now, effects);
            }
            Question::EndAll(user) => {
                let sessions = self.sessions.of_user(&user);
                return self.end_all(call, sessions, now, effects);
            }
            Question::Grant { user, grants } => return self.grant(call, &user, grants, now, effects),
            Question::Subscribe { user, subscribe } => {
                return self.subscribe_user(call, &user, &subscribe, now, effects);
            }
            Question::Presence(name) => match self.topics.get(&name) {
                Some(topic) if topic.registered().is_some() => {
                    Reply::Presence(self.listeners(&name, topic, None))
                }
                _ => Reply::Refused(Refusal::UnknownEvent(name)),
            },
        };
        effects.push(Effect::Reply { call, reply });
    }

    fn issue(
        &mut self,
        token: &Secret,
        pass: Pass,
        ttl: Option<Duration>,
        now: Timestamp,
    ) -> Result<Reply, Refusal> {
        read_grants(&pass.grants)?;
        let limit = self.settings.tokens;
        if self.tokens.len(now) >= limit {
            let message = format!("{limit} tokens wait to be used");
            let wait = self.tokens.next_expiry().map(|expires| expires.since(now));
            let retry_after = wait.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
            return Err(Refusal::LimitExceeded { message, retry_after });
        }
        let expires = now.after(ttl.unwrap_or(self.settings.token_ttl));
        self.tokens.insert(TokenHash::of(token.reveal()), expires, pass);
        Ok(Reply::Issued { expires })
    }

    fn list_sessions(&self, user: Option<UserId>, after: Option<SessionId>, limit: usize) -> Reply {
        let enough = limit.saturating_add(1);
        let found: Vec<_> = match user {
            Some(user) => {
                let of_user = self.sessions.of_user(&user).into_iter();
                let of_user = of_user.filter(|id| after.is_none_or(|after| *id > after));
                of_user.filter_map(|id| self.sessions.get(id)).take(enough).collect()
            }
            None => self.sessions.after(after).take(enough).collect(),
        };
        let is_more = found.len() > limit;
        let sessions = found.into_iter().take(limit).map(view).collect();
        Reply::Sessions { sessions, is_more }
    }

    /// Sessions end, at once and for good, and who is connected to one is told.
    fn end_all(&mut self, call: CallId, sessions: Vec<SessionId>, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut changes = Vec::new();
        let reply = Reply::Concerned(sessions.len());
        for session in sessions {
            if let Some(connection) = self.sessions.get(session).and_then(Session::connection) {
                close(connection, CloseCode::Revoked, effects);
            }
            changes.append(&mut self.end(session, now));
        }
        self.reply_when_stored(call, reply, changes, effects);
    }

    fn grant(
        &mut self,
        call: CallId,
        user: &UserId,
        grants: Grants,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let granted = match read_grants(&Arc::new(grants)) {
            Ok(granted) => granted,
            Err(refusal) => {
                effects.push(Effect::Reply { call, reply: Reply::Refused(refusal) });
                return;
            }
        };
        let sessions = self.sessions.of_user(user);
        let mut changes = Vec::new();
        for id in &sessions {
            changes.append(&mut self.regrant(*id, granted.clone(), now, effects));
            let kept = self.sessions.get(*id).filter(|session| session.is_kept());
            changes.extend(kept.and_then(Session::record).map(Change::KeepSession));
        }
        self.reply_when_stored(call, Reply::Concerned(sessions.len()), changes, effects);
    }

    /// Subscribes each session of a user that may be; how many that are is the reply.
    fn subscribe_user(
        &mut self,
        call: CallId,
        user: &UserId,
        subscribe: &Subscribe,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(error) = Filter::from_json(subscribe.filters.as_ref().unwrap_or(&Value::Null)) {
            let refusal = invalid_filters("filters", error);
            effects.push(Effect::Reply { call, reply: Reply::Refused(refusal) });
            return;
        }
        let (mut concerned, mut changes, mut wishes) = (0, Vec::new(), Vec::new());
        for id in self.sessions.of_user(user) {
            let Ok(wish) = self.wish(id, subscribe) else { continue };
            concerned += 1;
            let mut of_wish = self.changes_of(&wish);
            if of_wish.is_empty() {
                let mut later = Vec::new();
                self.grant_wish(wish, now, &mut later);
                effects.append(&mut later);
                continue;
            }
            self.sessions.wait(id);
            changes.append(&mut of_wish);
            wishes.push(wish);
        }
        if changes.is_empty() {
            effects.push(Effect::Reply { call, reply: Reply::Concerned(concerned) });
        } else {
            self.store(changes, Waiting::SubscribeAll { call, wishes, concerned }, effects);
        }
    }

    fn reply_when_stored(
        &mut self,
        call: CallId,
        reply: Reply,
        changes: Vec<Change>,
        effects: &mut Vec<Effect>,
    ) {
        if changes.is_empty() {
            effects.push(Effect::Reply { call, reply });
        } else {
            self.store(changes, Waiting::Reply { call, reply }, effects);
        }
    }
}

fn view(session: &Session) -> SessionView {
    SessionView {
        id: session.id,
        user: session.user.clone(),
        connection: session.connection(),
        subscriptions: session.subscriptions.len(),
        expires: session.expires,
    }
}

fn read_grants(grants: &Arc<Grants>) -> Result<Granted, Refusal> {
    Granted::new(grants.clone())
        .map_err(|(event, error)| invalid_filters(&format!("grants.{event}.filters"), error))
}

fn invalid_filters(place: &str, error: FilterError) -> Refusal {
    let FilterError { path, message } = error;
    let path = if path.is_empty() { place.to_owned() } else { format!("{place}.{path}") };
    Refusal::InvalidFilters { path, message }
}
