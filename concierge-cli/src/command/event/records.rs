//! What `event` tells, each in every form.

use concierge_client::{
    payload::encode,
    telegraphy::{
        Definition, EventName, ListedEvent, Presence, UserId,
        web::{Defined, IssuedToken, Published, SessionInfo},
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::output::{
    Cell, Palette, Record, Role, Table, View, escape,
    json::{object, with},
};

/// An event is published.
pub(super) struct EventPublished {
    /// Which.
    pub event: EventName,
    /// Where in its log.
    pub place: Published,
}

/// The events that are registered.
pub(super) struct RegisteredEvents(pub Vec<ListedEvent>);

/// An event that is registered, and who listens to it.
pub(super) struct EventDetails {
    /// The event.
    pub event: ListedEvent,
    /// Who listens.
    pub presence: Presence,
}

/// What has changed since a source said which events it has.
pub(super) struct EventsRegistered {
    /// The source.
    pub source: String,
    /// What has changed.
    pub defined: Defined,
}

/// An event is not registered any more.
pub(super) struct EventUnregistered(pub EventName);

/// A token with which somebody connects once.
pub(super) struct AuthToken {
    /// Whose it is; nobody's, for an anonymous client.
    pub user: Option<UserId>,
    /// The token.
    pub issued: IssuedToken,
}

/// Who is connected, or may come back.
pub(super) struct EventSessions(pub Vec<SessionInfo>);

/// Sessions were ended.
pub(super) struct EventSessionsEnded {
    /// The one, if it was one that was named.
    pub session: Option<String>,
    /// Whose they were, if that was named.
    pub user: Option<UserId>,
    /// How many.
    pub sessions: u64,
}

impl Record for EventPublished {
    fn object(&self) -> String {
        let Published { epoch, offset, duplicate } = &self.place;
        let fields = [
            ("event", json!(self.event)),
            ("epoch", json!(epoch)),
            ("offset", json!(offset)),
            ("duplicate", json!(duplicate)),
        ];
        object("event_published", &fields)
    }

    fn human(&self, view: View) -> String {
        let Published { offset, duplicate, .. } = &self.place;
        let said = if *duplicate { "was published before" } else { "published" };
        let offset = view.palette.paint(Role::Dim, &format!("at {offset}"));
        format!("{said}: {} {offset}\n", name(&self.event, view.palette))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let Published { epoch, offset, duplicate } = &self.place;
        vec![vec![self.event.to_string(), epoch.to_string(), offset.to_string(), duplicate.to_string()]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.place.offset.to_string()]
    }
}

impl Record for RegisteredEvents {
    fn object(&self) -> String {
        // As text: a value would forget the order of fields.
        let events: Vec<_> = self.0.iter().map(encode).collect();
        format!("{{\"type\":\"registered_events\",\"events\":[{}]}}", events.join(","))
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(|event| typed("registered_event", event)).collect()
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["EVENT", "KIND", "AUDIENCE", "DELIVERY", "FIELDS", "VERSION"]);
        }
        for ListedEvent { definition, version } in &self.0 {
            let fields = if definition.fields.is_empty() {
                "any".to_owned()
            } else {
                definition.fields.len().to_string()
            };
            table.row([
                Cell::new(Role::Service, escape(&definition.name)),
                Cell::plain(word(definition.kind)),
                Cell::plain(word(definition.audience)),
                Cell::plain(word(definition.delivery)),
                Cell::plain(fields),
                Cell::new(Role::Dim, version.to_string()),
            ]);
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.0.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|event| event.definition.name.to_string()).collect()
    }
}

impl Record for EventDetails {
    fn object(&self) -> String {
        with(&typed("event_details", &self.event), &[("listening", json!(self.presence))])
    }

    fn human(&self, view: View) -> String {
        let ListedEvent { definition, version } = &self.event;
        let mut table = Table::default();
        let mut field = |label: &str, value: Cell| table.row([Cell::new(Role::Dim, label), value]);
        let or_dash = |text: Option<String>| Cell::plain(text.unwrap_or_else(|| "-".to_owned()));
        field("event", Cell::new(Role::Service, escape(&definition.name)));
        field("title", Cell::plain(escape(definition.verbose_name())));
        field("kind", Cell::plain(word(definition.kind)));
        field("audience", Cell::plain(word(definition.audience)));
        field("delivery", Cell::plain(word(definition.delivery)));
        field("ttl", or_dash(definition.ttl.map(|seconds| format!("{seconds} s"))));
        field("retained", or_dash(definition.retain.map(|events| events.to_string())));
        field("version", Cell::plain(version.to_string()));
        let operations = escape(&definition.operations.join(", ")).into_owned();
        field("operations", or_dash(Some(operations).filter(|operations| !operations.is_empty())));
        if definition.fields.is_empty() {
            field("fields", Cell::plain("any"));
        }
        for (number, (name, kind)) in definition.fields.iter().enumerate() {
            let label = if number == 0 { "fields" } else { "" };
            field(label, Cell::plain(format!("{}: {}", escape(name), escape(kind))));
        }
        field("presence", Cell::plain(word(definition.presence)));
        field("listening", Cell::plain(listening(&self.presence)));
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut row = row(&self.event);
        row.push(self.presence.sessions.to_string());
        row.push(users(&self.presence).join(","));
        vec![row]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.event.definition.name.to_string()]
    }
}

impl EventsRegistered {
    /// What has become of which event.
    fn changes(&self) -> impl Iterator<Item = (&'static str, Role, &EventName)> {
        let Defined { added, changed, removed } = &self.defined;
        let added = added.iter().map(|name| ("added", Role::Joined, name));
        let changed = changed.iter().map(|name| ("changed", Role::Changed, name));
        added.chain(changed).chain(removed.iter().map(|name| ("removed", Role::Left, name)))
    }
}

impl Record for EventsRegistered {
    fn object(&self) -> String {
        let Defined { added, changed, removed } = &self.defined;
        let fields = [
            ("source", json!(self.source)),
            ("added", json!(added)),
            ("changed", json!(changed)),
            ("removed", json!(removed)),
        ];
        object("events_registered", &fields)
    }

    fn human(&self, view: View) -> String {
        let line = |(verb, role, event): (&str, Role, &EventName)| {
            let verb = view.palette.paint(role, &format!("{verb:7}"));
            format!("{verb} {}\n", name(event, view.palette))
        };
        let changes: String = self.changes().map(line).collect();
        if changes.is_empty() { "nothing has changed\n".to_owned() } else { changes }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |(verb, _, event): (&str, Role, &EventName)| {
            vec![self.source.clone(), verb.to_owned(), event.to_string()]
        };
        self.changes().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.changes().map(|(_, _, event)| event.to_string()).collect()
    }
}

impl Record for EventUnregistered {
    fn object(&self) -> String {
        object("event_unregistered", &[("event", json!(self.0))])
    }

    fn human(&self, view: View) -> String {
        format!("unregistered {}\n", name(&self.0, view.palette))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.0.to_string()]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.0.to_string()]
    }
}

impl Record for AuthToken {
    fn object(&self) -> String {
        let IssuedToken { token, expires } = &self.issued;
        let fields =
            [("token", json!(token.reveal())), ("user", json!(self.user)), ("expires", json!(expires))];
        object("auth_token", &fields)
    }

    /// Whoever wants it, wants to pass it on.
    fn human(&self, _: View) -> String {
        escape(self.issued.token.reveal()).into_owned() + "\n"
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let IssuedToken { token, expires } = &self.issued;
        let user = self.user.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![vec![token.reveal().to_owned(), user, word(expires)]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.issued.token.reveal().to_owned()]
    }
}

impl Record for EventSessions {
    fn object(&self) -> String {
        object("event_sessions", &[("sessions", json!(self.0))])
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(|session| typed("event_session", session)).collect()
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["SESSION", "USER", "CONNECTION", "SUBSCRIPTIONS", "EXPIRES"]);
        }
        for SessionInfo { session, user, connection, subscriptions, expires } in &self.0 {
            let user =
                user.as_ref().map_or(Cell::new(Role::Dim, "-"), |user| Cell::new(Role::Client, escape(user)));
            table.row([
                Cell::plain(escape(session)),
                user,
                Cell::plain(connection.as_ref().map_or("-".into(), |connection| escape(connection))),
                Cell::plain(subscriptions.to_string()),
                Cell::new(Role::Dim, word(expires)),
            ]);
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |info: &SessionInfo| {
            vec![
                info.session.to_string(),
                info.user.as_ref().map(ToString::to_string).unwrap_or_default(),
                info.connection.clone().unwrap_or_default(),
                info.subscriptions.to_string(),
                word(info.expires),
            ]
        };
        self.0.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|info| info.session.to_string()).collect()
    }
}

impl Record for EventSessionsEnded {
    fn object(&self) -> String {
        let Self { session, user, sessions } = self;
        let fields = [("session", json!(session)), ("user", json!(user)), ("sessions", json!(sessions))];
        object("event_sessions_ended", &fields)
    }

    fn human(&self, view: View) -> String {
        match (&self.session, &self.user, self.sessions) {
            (Some(session), ..) => format!("ended {}\n", escape(session)),
            (None, user, sessions) => {
                let user = user.as_ref().map(|user| escape(user)).unwrap_or_default();
                let user = view.palette.paint(Role::Client, &user);
                let sessions = match sessions {
                    0 => "there was no session".to_owned(),
                    1 => "ended 1 session".to_owned(),
                    sessions => format!("ended {sessions} sessions"),
                };
                format!("{sessions} of {user}\n")
            }
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let Self { session, user, sessions } = self;
        let user = user.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![vec![session.clone().unwrap_or_default(), user, sessions.to_string()]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.sessions.to_string()]
    }
}

/// An event's name as it is shown.
fn name(event: &EventName, palette: Palette) -> String {
    palette.paint(Role::Service, &escape(event))
}

/// A payload as a record of this type.
fn typed(kind: &str, payload: &impl Serialize) -> String {
    encode(payload).replacen('{', &format!("{{\"type\":\"{kind}\","), 1)
}

/// A word of the protocol, or a time.
fn word(value: impl Serialize) -> String {
    match json!(value) {
        Value::String(word) => word,
        other => other.to_string(),
    }
}

fn users(presence: &Presence) -> Vec<String> {
    presence.users.iter().flatten().map(ToString::to_string).collect()
}

/// Who listens, in a few words.
fn listening(presence: &Presence) -> String {
    let sessions = match presence.sessions {
        1 => "1 session".to_owned(),
        sessions => format!("{sessions} sessions"),
    };
    match users(presence).join(", ").as_str() {
        "" => sessions,
        users => format!("{sessions}: {}", escape(users)),
    }
}

/// Name, title, kind, operations, fields, audience, delivery, ttl, retain, presence, version.
fn row(event: &ListedEvent) -> Vec<String> {
    let ListedEvent { definition, version } = event;
    let Definition { name, verbose_name, operations, fields, ttl, retain, .. } = definition;
    let fields: Vec<_> = fields.iter().map(|(name, kind)| format!("{name}:{kind}")).collect();
    vec![
        name.to_string(),
        verbose_name.clone(),
        word(definition.kind),
        operations.join(","),
        fields.join(","),
        word(definition.audience),
        word(definition.delivery),
        ttl.map(|seconds| seconds.to_string()).unwrap_or_default(),
        retain.map(|events| events.to_string()).unwrap_or_default(),
        word(definition.presence),
        version.to_string(),
    ]
}
