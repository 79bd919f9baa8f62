//! Records for people. All text from others goes through [`escape`].

use concierge_client::{
    Event,
    payload::{Client, Data, Message, Nickname, PROTOCOL_VERSION, Service, Target},
};
use jiff::Zoned;
use uuid::Uuid;

use super::{
    escape::{escape, escape_json},
    record::{Names, Record},
    style::{Palette, Role},
    table::{Cell, Table},
};
use crate::{failure::Failure, grammar::write_target};

/// A record as lines. A list has its heads on a terminal only: a program reads rows.
pub(super) fn render(record: &Record, palette: Palette, terminal: bool) -> String {
    match record {
        Record::Event(event) => {
            let time = palette.paint(Role::Dim, &Zoned::now().strftime("%H:%M:%S").to_string());
            format!("{time} {}\n", describe(event, palette))
        }
        Record::Sent { target } => {
            palette.paint(Role::Dim, &format!("sent to {}", escape(&write_target(target)))) + "\n"
        }
        Record::Whoami { result, url, server } => {
            let mut table = client_table(&result.client, &result.subscriptions);
            let server = server.as_ref().map(|server| format!(" ({})", escape(server))).unwrap_or_default();
            field(&mut table, "gateway", Cell::plain(format!("{}{server}", escape(url))));
            table.render(palette)
        }
        Record::Clients(result) => clients(&result.clients, terminal).render(palette),
        Record::Client(result) => client_table(&result.client, &result.subscriptions).render(palette),
        Record::Services { result, names } => services(&result.services, names, terminal).render(palette),
        Record::Service { result, names } => service_table(&result.service, names).render(palette),
        Record::ServiceCreated { result, names } => {
            let name = service_name(&result.service, palette);
            if result.successful {
                format!("created {name}\n")
            } else {
                let owner = who(result.service.owner_uuid, names).paint(palette);
                format!("{name} is there already, owned by {owner}\n")
            }
        }
        Record::ServiceDeleted(result) => format!("deleted {}\n", service_name(&result.service, palette)),
        Record::Subscribed(result) => {
            let already = if result.successful { "" } else { " already" };
            format!("subscribed to {}{already}\n", service_name(&result.service, palette))
        }
        Record::Unsubscribed(result) => {
            let name = service_name(&result.service, palette);
            if result.successful {
                format!("unsubscribed from {name}\n")
            } else {
                format!("there was no subscription to {name}\n")
            }
        }
        Record::Pong { url, rtt } => format!("pong from {} in {}\n", escape(url), milliseconds(*rtt)),
        Record::Version => {
            format!("concierge {} (protocol {PROTOCOL_VERSION})\n", env!("CARGO_PKG_VERSION"))
        }
        Record::Gateway { url, embedded, server, clients, services } => {
            let mut table = Table::default();
            field(&mut table, "url", Cell::plain(escape(url)));
            let place = if *embedded { "in this process" } else { "elsewhere" };
            field(&mut table, "runs", Cell::plain(place));
            if let Some(server) = server {
                field(&mut table, "program", Cell::plain(escape(server)));
            }
            field(&mut table, "clients", Cell::plain(clients.to_string()));
            field(&mut table, "services", Cell::plain(services.to_string()));
            table.render(palette)
        }
    }
}

/// A failure, and what to try.
pub(super) fn failure(failure: &Failure, palette: Palette) -> String {
    let message = format!("{} {}\n", palette.paint(Role::Error, "error:"), escape(failure.message()));
    match failure.hinted() {
        Some(hint) => format!("{message}{}  {}\n", palette.paint(Role::Hint, "hint:"), escape(hint)),
        None => message,
    }
}

/// What happened, in a line without its end.
fn describe(event: &Event, palette: Palette) -> String {
    match event {
        Event::Message(message) => describe_message(message, palette),
        Event::ClientJoined { client } => happened(client, palette, Role::Joined, "joined"),
        Event::ClientLeft { client } => happened(client, palette, Role::Left, "left"),
        Event::ServiceCreated { service } => {
            format!("{} {}", service_name(service, palette), palette.paint(Role::Joined, "opened"))
        }
        Event::ServiceDeleted { service } => {
            format!("{} {}", service_name(service, palette), palette.paint(Role::Left, "deleted"))
        }
        Event::ServiceClientSubscribed { client, service } => {
            let name = service_name(service, palette);
            happened(client, palette, Role::Changed, "subscribed to") + " " + &name
        }
        Event::ServiceClientUnsubscribed { client, service } => {
            let name = service_name(service, palette);
            happened(client, palette, Role::Changed, "unsubscribed from") + " " + &name
        }
        Event::Unknown { raw, .. } => {
            palette.paint(Role::Dim, &format!("unknown payload: {}", escape_json(raw)))
        }
        Event::Lagged { missed } => {
            let events = if *missed == 1 { "event" } else { "events" };
            palette.paint(Role::Error, &format!("… {missed} more {events}, too many to show"))
        }
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

/// A payload on one line: text as text, unless it would read as something else; other values as JSON.
pub(crate) fn summary(data: &Data) -> String {
    match data.parse::<String>() {
        Ok(text) if serde_json::from_str::<serde_json::Value>(&text).is_err() && !text.trim().is_empty() => {
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

fn service_name(service: &Service, palette: Palette) -> String {
    palette.paint(Role::Service, &format!("#{}", escape(&service.name)))
}

fn clients(clients: &[Client], terminal: bool) -> Table {
    let mut table = Table::default();
    if terminal {
        table.heading(&["NAME", "NICKNAME", "UUID", "TAGS"]);
    }
    for client in clients {
        table.row([
            Cell::new(Role::Client, escape(&client.name)),
            Cell::plain(or_dash(shown(client.nickname.as_ref()))),
            Cell::new(Role::Dim, client.uuid.to_string()),
            Cell::plain(or_dash(tags(client))),
        ]);
    }
    table
}

fn services(services: &[Service], names: &Names, terminal: bool) -> Table {
    let mut table = Table::default();
    if terminal {
        table.heading(&["NAME", "NICKNAME", "OWNER", "SUBSCRIBERS"]);
    }
    for service in services {
        table.row([
            Cell::new(Role::Service, escape(&service.name)),
            Cell::plain(or_dash(shown(service.nickname.as_ref()))),
            who(service.owner_uuid, names),
            Cell::plain(service.subscribers.len().to_string()),
        ]);
    }
    table
}

fn client_table(client: &Client, subscriptions: &[Service]) -> Table {
    let mut table = Table::default();
    field(&mut table, "name", Cell::new(Role::Client, escape(&client.name)));
    field(&mut table, "nickname", Cell::plain(or_dash(shown(client.nickname.as_ref()))));
    field(&mut table, "uuid", Cell::plain(client.uuid.to_string()));
    field(&mut table, "tags", Cell::plain(or_dash(tags(client))));
    let subscribed: Vec<_> =
        subscriptions.iter().map(|service| format!("#{}", escape(&service.name))).collect();
    let subscribed = Some(subscribed.join(", ")).filter(|list| !list.is_empty());
    field(&mut table, "subscribed", Cell::plain(or_dash(subscribed)));
    table
}

fn service_table(service: &Service, names: &Names) -> Table {
    let mut table = Table::default();
    field(&mut table, "name", Cell::new(Role::Service, escape(&service.name)));
    field(&mut table, "nickname", Cell::plain(or_dash(shown(service.nickname.as_ref()))));
    field(&mut table, "owner", who(service.owner_uuid, names));
    if service.subscribers.is_empty() {
        field(&mut table, "subscribers", Cell::plain("-"));
    }
    for (index, subscriber) in service.subscribers.iter().enumerate() {
        let label = if index == 0 { "subscribers" } else { "" };
        field(&mut table, label, who(*subscriber, names));
    }
    table
}

fn field(table: &mut Table, label: &str, value: Cell) {
    table.row([Cell::new(Role::Dim, label), value]);
}

/// A client by its name where that is known, else by its id.
fn who(uuid: Uuid, names: &Names) -> Cell {
    match names.get(&uuid) {
        Some(name) => Cell::new(Role::Client, escape(name)),
        None => Cell::new(Role::Dim, uuid.to_string()),
    }
}

fn shown(nickname: Option<&Nickname>) -> Option<String> {
    nickname.map(|nickname| escape(nickname).into_owned()).filter(|nickname| !nickname.is_empty())
}

fn tags(client: &Client) -> Option<String> {
    let tags: Vec<_> = client.tags.iter().map(|tag| escape(tag)).collect();
    Some(tags.join(", ")).filter(|list| !list.is_empty())
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn milliseconds(span: std::time::Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}
