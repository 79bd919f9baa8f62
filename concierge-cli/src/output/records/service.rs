//! Services: every one, one of them, and what became of opening, deleting and subscribing to one.

use std::collections::BTreeMap;

use concierge_client::payload::{
    SelfSubscribeResult, SelfUnsubscribeResult, Service, ServiceCreateResult, ServiceDeleteResult,
    ServiceFetchAllResult, ServiceFetchResult, encode,
};
use uuid::Uuid;

use super::{field, nickname, or_dash, shown};
use crate::output::{Cell, Palette, Record, Role, Table, View, escape, json::reply};

/// The names of clients by their ids, for showing who owns and who subscribes.
pub(crate) type Names = BTreeMap<Uuid, String>;

/// Every service.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    /// The services.
    pub result: ServiceFetchAllResult,
    /// Who their owners are.
    pub names: Names,
}

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct ServiceShown {
    /// The service.
    pub result: ServiceFetchResult,
    /// Who its owner and its subscribers are.
    pub names: Names,
}

/// A service was opened, or was there already.
#[derive(Debug, Clone)]
pub(crate) struct ServiceCreated {
    /// The service.
    pub result: ServiceCreateResult,
    /// Who its owner is, where it was there already.
    pub names: Names,
}

impl Record for Services {
    fn object(&self) -> String {
        reply(self.result.clone())
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["NAME", "NICKNAME", "OWNER", "SUBSCRIBERS"]);
        }
        for service in &self.result.services {
            table.row([
                Cell::new(Role::Service, escape(&service.name)),
                Cell::plain(or_dash(shown(service.nickname.as_ref()))),
                who(service.owner_uuid, &self.names),
                Cell::plain(service.subscribers.len().to_string()),
            ]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        let services = self.result.services.iter().map(encode);
        services.map(|object| object.replacen('{', "{\"type\":\"service\",", 1)).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.result.services.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.result.services.iter().map(|service| service.name.to_string()).collect()
    }
}

impl Record for ServiceShown {
    fn object(&self) -> String {
        reply(self.result.clone())
    }

    fn human(&self, view: View) -> String {
        let service = &self.result.service;
        let mut table = Table::default();
        field(&mut table, "name", Cell::new(Role::Service, escape(&service.name)));
        field(&mut table, "nickname", Cell::plain(or_dash(shown(service.nickname.as_ref()))));
        field(&mut table, "owner", who(service.owner_uuid, &self.names));
        if service.subscribers.is_empty() {
            field(&mut table, "subscribers", Cell::plain("-"));
        }
        for (index, subscriber) in service.subscribers.iter().enumerate() {
            let label = if index == 0 { "subscribers" } else { "" };
            field(&mut table, label, who(*subscriber, &self.names));
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(&self.result.service)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.result.service.name.to_string()]
    }
}

impl Record for ServiceCreated {
    fn object(&self) -> String {
        reply(self.result.clone())
    }

    fn human(&self, view: View) -> String {
        let name = name(&self.result.service, view.palette);
        if self.result.successful {
            return format!("created {name}\n");
        }
        let owner = who(self.result.service.owner_uuid, &self.names).paint(view.palette);
        format!("{name} is there already, owned by {owner}\n")
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![with_success(row(&self.result.service), self.result.successful)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.result.service.name.to_string()]
    }
}

impl Record for ServiceDeleteResult {
    fn object(&self) -> String {
        reply(self.clone())
    }

    fn human(&self, view: View) -> String {
        format!("deleted {}\n", name(&self.service, view.palette))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(&self.service)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.service.name.to_string()]
    }
}

impl Record for SelfSubscribeResult {
    fn object(&self) -> String {
        reply(self.clone())
    }

    fn human(&self, view: View) -> String {
        let already = if self.successful { "" } else { " already" };
        format!("subscribed to {}{already}\n", name(&self.service, view.palette))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![with_success(row(&self.service), self.successful)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.service.name.to_string()]
    }
}

impl Record for SelfUnsubscribeResult {
    fn object(&self) -> String {
        reply(self.clone())
    }

    fn human(&self, view: View) -> String {
        let name = name(&self.service, view.palette);
        if self.successful {
            format!("unsubscribed from {name}\n")
        } else {
            format!("there was no subscription to {name}\n")
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![with_success(row(&self.service), self.successful)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.service.name.to_string()]
    }
}

/// A service's name as it is typed.
pub(super) fn name(service: &Service, palette: Palette) -> String {
    palette.paint(Role::Service, &format!("#{}", escape(&service.name)))
}

/// A client by its name where that is known, else by its id.
fn who(uuid: Uuid, names: &Names) -> Cell {
    match names.get(&uuid) {
        Some(name) => Cell::new(Role::Client, escape(name)),
        None => Cell::new(Role::Dim, uuid.to_string()),
    }
}

/// Name, nickname, the owner's id, and the subscribers' ids with commas between.
fn row(service: &Service) -> Vec<String> {
    let subscribers: Vec<_> = service.subscribers.iter().map(Uuid::to_string).collect();
    vec![
        service.name.to_string(),
        nickname(service.nickname.as_ref()),
        service.owner_uuid.to_string(),
        subscribers.join(","),
    ]
}

/// Whether something has changed by it.
fn with_success(mut row: Vec<String>, successful: bool) -> Vec<String> {
    row.push(successful.to_string());
    row
}
