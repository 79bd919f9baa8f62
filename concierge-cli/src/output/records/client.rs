//! Clients: everybody, one of them, and this one.

use concierge_client::payload::{
    Client, ClientFetchAllResult, ClientFetchResult, SelfFetchResult, Service, encode,
};
use serde_json::json;

use super::{field, nickname, or_dash, shown, tags};
use crate::output::{
    Cell, Record, Role, Table, View, escape,
    json::{reply, with},
};

/// Who this client is.
#[derive(Debug, Clone)]
pub(crate) struct Whoami {
    /// What the gateway knows of it.
    pub result: SelfFetchResult,
    /// The gateway's address.
    pub url: String,
    /// The gateway's program, when it told.
    pub server: Option<String>,
}

impl Record for ClientFetchAllResult {
    fn object(&self) -> String {
        reply(self.clone())
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["NAME", "NICKNAME", "UUID", "TAGS"]);
        }
        for client in &self.clients {
            table.row([
                Cell::new(Role::Client, escape(&client.name)),
                Cell::plain(or_dash(shown(client.nickname.as_ref()))),
                Cell::new(Role::Dim, client.uuid.to_string()),
                Cell::plain(or_dash(tags_shown(client))),
            ]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        self.clients
            .iter()
            .map(|client| "{\"type\":\"client\",".to_owned() + fields(&encode(client)))
            .collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.clients.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.clients.iter().map(|client| client.name.to_string()).collect()
    }
}

impl Record for ClientFetchResult {
    fn object(&self) -> String {
        reply(self.clone())
    }

    fn human(&self, view: View) -> String {
        table(&self.client, &self.subscriptions).render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row_with(&self.client, &self.subscriptions)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.client.name.to_string()]
    }
}

impl Record for Whoami {
    fn object(&self) -> String {
        with(&reply(self.result.clone()), &[("url", json!(self.url)), ("server", json!(self.server))])
    }

    fn human(&self, view: View) -> String {
        let mut table = table(&self.result.client, &self.result.subscriptions);
        let server = self.server.as_ref().map(|server| format!(" ({})", escape(server))).unwrap_or_default();
        field(&mut table, "gateway", Cell::plain(format!("{}{server}", escape(&self.url))));
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut row = row_with(&self.result.client, &self.result.subscriptions);
        row.extend([self.url.clone(), self.server.clone().unwrap_or_default()]);
        vec![row]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.result.client.name.to_string()]
    }
}

/// The fields of an object, and its end.
fn fields(object: &str) -> &str {
    object.strip_prefix('{').unwrap_or(object)
}

fn table(client: &Client, subscriptions: &[Service]) -> Table {
    let mut table = Table::default();
    field(&mut table, "name", Cell::new(Role::Client, escape(&client.name)));
    field(&mut table, "nickname", Cell::plain(or_dash(shown(client.nickname.as_ref()))));
    field(&mut table, "uuid", Cell::plain(client.uuid.to_string()));
    field(&mut table, "tags", Cell::plain(or_dash(tags_shown(client))));
    let subscribed: Vec<_> =
        subscriptions.iter().map(|service| format!("#{}", escape(&service.name))).collect();
    let subscribed = Some(subscribed.join(", ")).filter(|list| !list.is_empty());
    field(&mut table, "subscribed", Cell::plain(or_dash(subscribed)));
    table
}

fn tags_shown(client: &Client) -> Option<String> {
    let tags: Vec<_> = client.tags.iter().map(|tag| escape(tag)).collect();
    Some(tags.join(", ")).filter(|list| !list.is_empty())
}

fn row(client: &Client) -> Vec<String> {
    vec![client.name.to_string(), nickname(client.nickname.as_ref()), client.uuid.to_string(), tags(client)]
}

fn row_with(client: &Client, subscriptions: &[Service]) -> Vec<String> {
    let names: Vec<_> = subscriptions.iter().map(|service| service.name.as_str()).collect();
    let mut row = row(client);
    row.push(names.join(","));
    row
}
