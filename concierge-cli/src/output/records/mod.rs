//! The protocol's payloads as records, and the few results of a connection that are no payloads. What a command makes up itself
//! is a record beside that command.

mod client;
mod event;
mod gateway;
mod service;

pub(crate) use client::Whoami;
pub(crate) use event::{client_of, service_of, summary};
pub(crate) use gateway::{Gateway, Pong, Sent, Version};
pub(crate) use service::{Names, ServiceCreated, ServiceShown, Services};

use concierge_client::payload::{Client, Nickname, Tag};

use super::{
    escape::escape,
    style::Role,
    table::{Cell, Table},
};

/// A row of a table that lists the fields of one thing.
fn field(table: &mut Table, label: &str, value: Cell) {
    table.row([Cell::new(Role::Dim, label), value]);
}

/// A nickname that says something, escaped.
fn shown(nickname: Option<&Nickname>) -> Option<String> {
    nickname.map(|nickname| escape(nickname).into_owned()).filter(|nickname| !nickname.is_empty())
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// The tags of a client as they are, with commas between.
fn tags(client: &Client) -> String {
    client.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(",")
}

/// A nickname as it is, or nothing.
fn nickname(nickname: Option<&Nickname>) -> String {
    nickname.map(ToString::to_string).unwrap_or_default()
}
