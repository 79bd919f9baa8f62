//! What the gateway tells, and what becomes of the connection.

use concierge_client::{
    Event, Resumed,
    payload::{Client, ClientName, Data, Message, Origin, Service, ServiceName, Target, encode},
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{service, shown};
use crate::{
    grammar::write_target,
    output::{
        Palette, Record, Role, View, escape, escape_json, form,
        json::object,
        time::{clock, now},
    },
};

impl Record for Event {
    fn object(&self) -> String {
        if let Self::Message(message) = self {
            return received(message);
        }
        if let Some(payload) = self.payload() {
            return encode(&payload);
        }
        match self {
            Self::Unknown { kind, raw } => unknown(kind, raw),
            Self::Lagged { missed } => object("lagged", &[("missed", json!(missed))]),
            Self::Disconnected { cause, retry_in } => object(
                "disconnected",
                &[("message", json!(cause.to_string())), ("retry_in_ms", json!(retry_in.as_millis()))],
            ),
            Self::Reconnecting { attempt, retry_in, why } => object(
                "reconnecting",
                &[
                    ("attempt", json!(attempt)),
                    ("retry_in_ms", json!(retry_in.as_millis())),
                    ("message", json!(why)),
                ],
            ),
            Self::Resumed(resumed) => object(
                "resumed",
                &[
                    ("uuid", json!(resumed.uuid)),
                    ("previous", json!(resumed.previous)),
                    ("gap_ms", json!(resumed.gap.as_millis())),
                    ("attempts", json!(resumed.attempts)),
                    ("missing", json!(missing(resumed).collect::<Vec<_>>())),
                ],
            ),
            Self::Resynchronized { failed, .. } => object("resynchronized", &[("failed", json!(failed))]),
            Self::Closed(cause) => {
                let code = cause.code().map(u16::from);
                object("closed", &[("code", json!(code)), ("message", json!(cause.to_string()))])
            }
            _ => object("unknown", &[("raw", json!(null))]),
        }
    }

    fn human(&self, view: View) -> String {
        let time = view.palette.paint(Role::Dim, &clock());
        format!("{time} {}\n", describe(self, view.palette))
    }

    /// The time, the type, whose it is (name and id), where it happened, and what was sent or said.
    fn rows(&self) -> Vec<Vec<String>> {
        let kind = self.kind().unwrap_or(own_kind(self)).to_owned();
        let (name, uuid) = match client_of(self) {
            Some((name, uuid)) => (name.as_str().to_owned(), uuid.to_string()),
            None => (String::new(), String::new()),
        };
        let place = match self {
            Self::Message(message) => write_target(&message.target),
            other => service_of(other).map(ToString::to_string).unwrap_or_default(),
        };
        let said = match self {
            Self::Message(message) => message.data.as_str().to_owned(),
            Self::Unknown { raw, .. } => raw.clone(),
            Self::Lagged { missed } => missed.to_string(),
            Self::Disconnected { cause, .. } | Self::Closed(cause) => cause.to_string(),
            Self::Reconnecting { why, .. } => why.to_string(),
            Self::Resumed(resumed) => resumed.gap.as_millis().to_string(),
            _ => String::new(),
        };
        vec![vec![now(), kind, name, uuid, place, said]]
    }

    /// A message's data: a string as its text, anything else as the JSON it came as. Of other events the name of whom or what
    /// they concern.
    fn raw(&self) -> Vec<String> {
        match self {
            Self::Message(message) => vec![form::text(message.data.as_str())],
            Self::Unknown { raw, .. } => vec![raw.clone()],
            Self::ServiceCreated { service } | Self::ServiceDeleted { service } => {
                vec![service.name.to_string()]
            }
            other => client_of(other).map(|(name, _)| name.to_string()).into_iter().collect(),
        }
    }
}

/// Who has done it or is concerned by it: the sender of a message, who joined, left, subscribed.
pub(crate) fn client_of(event: &Event) -> Option<(&ClientName, Uuid)> {
    match event {
        Event::Message(message) => Some((&message.origin.name, message.origin.uuid)),
        Event::ClientJoined { client }
        | Event::ClientLeft { client }
        | Event::ServiceClientSubscribed { client, .. }
        | Event::ServiceClientUnsubscribed { client, .. } => Some((&client.name, client.uuid)),
        _ => None,
    }
}

/// The service that it came by or concerns.
pub(crate) fn service_of(event: &Event) -> Option<&ServiceName> {
    match event {
        Event::Message(message) => match &message.target {
            Target::Service { service } | Target::ServiceClientUuid { service, .. } => Some(service),
            _ => None,
        },
        Event::ServiceCreated { service }
        | Event::ServiceDeleted { service }
        | Event::ServiceClientSubscribed { service, .. }
        | Event::ServiceClientUnsubscribed { service, .. } => Some(&service.name),
        _ => None,
    }
}

/// The type of what is no payload.
fn own_kind(event: &Event) -> &'static str {
    match event {
        Event::Lagged { .. } => "lagged",
        Event::Disconnected { .. } => "disconnected",
        Event::Reconnecting { .. } => "reconnecting",
        Event::Resumed(_) => "resumed",
        Event::Resynchronized { .. } => "resynchronized",
        Event::Closed(_) => "closed",
        _ => "unknown",
    }
}

/// A message as it came, from where it is: there may be very many.
fn received(message: &Message) -> String {
    #[derive(Serialize)]
    #[serde(tag = "type", rename = "MESSAGE")]
    struct Received<'a> {
        origin: &'a Origin,
        target: &'a Target,
        data: &'a Data,
    }
    let Message { origin, target, data } = message;
    encode(&Received { origin, target, data })
}

fn unknown(kind: &str, raw: &str) -> String {
    #[derive(Serialize)]
    struct Raw<'a> {
        r#type: &'a str,
        raw: &'a Data,
    }
    let raw = Data::from_json(raw).or_else(|_| Data::from_value(raw));
    let r#type = if kind.is_empty() { "unknown" } else { kind };
    raw.map(|raw| encode(&Raw { r#type, raw: &raw })).unwrap_or_default()
}

/// The services that did not come back, or not yet.
fn missing(resumed: &Resumed) -> impl Iterator<Item = &ServiceName> {
    let restored = &resumed.restored;
    restored.pending.iter().chain(restored.lost.iter().map(|lost| &lost.service))
}

/// What happened, in a line without its end.
fn describe(event: &Event, palette: Palette) -> String {
    match event {
        Event::Message(message) => describe_message(message, palette),
        Event::ClientJoined { client } => happened(client, palette, Role::Joined, "joined"),
        Event::ClientLeft { client } => happened(client, palette, Role::Left, "left"),
        Event::ServiceCreated { service } => service_happened(service, palette, Role::Joined, "opened"),
        Event::ServiceDeleted { service } => service_happened(service, palette, Role::Left, "deleted"),
        Event::ServiceClientSubscribed { client, service } => {
            happened(client, palette, Role::Changed, "subscribed to") + " " + &service::name(service, palette)
        }
        Event::ServiceClientUnsubscribed { client, service } => {
            happened(client, palette, Role::Changed, "unsubscribed from")
                + " "
                + &service::name(service, palette)
        }
        Event::Unknown { raw, .. } => {
            palette.paint(Role::Dim, &format!("unknown payload: {}", escape_json(raw)))
        }
        Event::Lagged { missed } => {
            let events = if *missed == 1 { "event" } else { "events" };
            palette.paint(Role::Error, &format!("… {missed} more {events}, too many to show"))
        }
        Event::Disconnected { cause, .. } => {
            palette.paint(Role::Error, &format!("{}; connecting again", escape(&cause.to_string())))
        }
        Event::Reconnecting { attempt, why, .. } => {
            palette.paint(Role::Dim, &format!("not back yet ({}); attempt {attempt} follows", escape(why)))
        }
        Event::Resumed(resumed) => describe_resumed(resumed, palette),
        Event::Resynchronized { failed, .. } => palette.paint(
            Role::Error,
            &format!("the gateway's numbers did not match; {failed} requests failed by it"),
        ),
        Event::Closed(cause) => palette.paint(Role::Error, &escape(&cause.to_string())),
        other => palette.paint(Role::Dim, other.kind().unwrap_or("an event")),
    }
}

fn describe_message(message: &Message, palette: Palette) -> String {
    let sender = palette.paint(Role::Client, &escape(&message.origin.name));
    let place = match &message.target {
        Target::Name { .. } | Target::Uuid { .. } => String::new(),
        Target::All => " to all".to_owned(),
        Target::Service { service } => {
            format!(" in {}", palette.paint(Role::Service, &format!("#{}", escape(service))))
        }
        Target::ServiceClientUuid { service, .. } => {
            format!(" in {} to you", palette.paint(Role::Service, &format!("#{}", escape(service))))
        }
    };
    format!("{sender}{place}: {}", summary(&message.data))
}

fn describe_resumed(resumed: &Resumed, palette: Palette) -> String {
    let gap = resumed.gap.as_secs_f64();
    let back = format!("connected again after {gap:.1} s; what was sent meanwhile is lost");
    let back = palette.paint(Role::Joined, &back);
    let missing: Vec<_> = missing(resumed).map(|name| format!("#{}", escape(name))).collect();
    if missing.is_empty() {
        return back;
    }
    format!("{back}; {}", palette.paint(Role::Error, &format!("not restored: {}", missing.join(", "))))
}

/// A payload on one line: text as text, unless it would read as something else; other values as JSON.
pub(crate) fn summary(data: &Data) -> String {
    match form::string(data.as_str()) {
        Some(text)
            if serde_json::from_str::<serde_json::Value>(&text).is_err() && !text.trim().is_empty() =>
        {
            escape(&text).into_owned()
        }
        _ => escape_json(data.as_str()).into_owned(),
    }
}

fn happened(client: &Client, palette: Palette, role: Role, what: &str) -> String {
    let nickname = shown(client.nickname.as_ref()).map(|nickname| format!(" ({nickname})"));
    let name = palette.paint(Role::Client, &escape(&client.name));
    format!("{name}{} {}", nickname.unwrap_or_default(), palette.paint(role, what))
}

fn service_happened(service: &Service, palette: Palette, role: Role, what: &str) -> String {
    format!("{} {}", service::name(service, palette), palette.paint(role, what))
}
