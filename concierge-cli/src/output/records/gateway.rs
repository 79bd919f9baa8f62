//! What a connection to a gateway tells besides payloads: that a message was taken, signs of life, what runs here and there.

use std::time::Duration;

use concierge_client::payload::{PROTOCOL_VERSION, Target, encode};
use serde::Serialize;
use serde_json::json;

use super::field;
use crate::{
    embedded::Api,
    grammar::write_target,
    output::{Cell, Record, Role, Table, View, escape, json::object},
};

/// A message was taken by the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Whom it was for.
    pub target: Target,
}

/// The gateway answered a ping.
#[derive(Debug, Clone)]
pub(crate) struct Pong {
    /// Where it is.
    pub url: String,
    /// How long the answer took.
    pub rtt: Duration,
}

/// What runs here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version;

/// The gateway the REPL is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// Its address.
    pub url: String,
    /// How web applications ask it for something, if it runs in this process: those of others keep that to themselves.
    pub embedded: Option<Api>,
    /// Its program, when it told.
    pub server: Option<String>,
    /// How many clients are connected.
    pub clients: usize,
    /// How many services there are.
    pub services: usize,
}

impl Record for Sent {
    fn object(&self) -> String {
        #[derive(Serialize)]
        struct Sent<'a> {
            r#type: &'static str,
            target: &'a Target,
        }
        encode(&Sent { r#type: "OK", target: &self.target })
    }

    fn human(&self, view: View) -> String {
        view.palette.paint(Role::Dim, &format!("sent to {}", escape(&write_target(&self.target)))) + "\n"
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![write_target(&self.target)]]
    }

    fn raw(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Pong {
    fn microseconds(&self) -> u64 {
        u64::try_from(self.rtt.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Record for Pong {
    fn object(&self) -> String {
        object("pong", &[("url", json!(self.url)), ("rtt_us", json!(self.microseconds()))])
    }

    fn human(&self, _: View) -> String {
        format!("pong from {} in {:.2} ms\n", escape(&self.url), self.rtt.as_secs_f64() * 1000.0)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.url.clone(), self.microseconds().to_string()]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.microseconds().to_string()]
    }
}

impl Record for Version {
    fn object(&self) -> String {
        object(
            "version",
            &[("version", json!(env!("CARGO_PKG_VERSION"))), ("protocol", json!(PROTOCOL_VERSION))],
        )
    }

    fn human(&self, _: View) -> String {
        format!("concierge {} (protocol {PROTOCOL_VERSION})\n", env!("CARGO_PKG_VERSION"))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![env!("CARGO_PKG_VERSION").to_owned(), PROTOCOL_VERSION.to_string()]]
    }

    fn raw(&self) -> Vec<String> {
        vec![env!("CARGO_PKG_VERSION").to_owned()]
    }
}

impl Gateway {
    /// Where clients of Telegraphy connect, as far as that is known.
    fn telegraphy(&self) -> Option<String> {
        let base = self.url.strip_suffix("/ws").filter(|_| self.embedded.is_some())?;
        Some(format!("{base}/telegraphy/ws"))
    }

    /// Where web applications ask, and their key. Whoever has the gateway in this process is whom the key is for.
    fn api(&self) -> Option<(&str, &str)> {
        self.embedded.as_ref().map(|api| (api.url.as_str(), api.key.reveal()))
    }
}

impl Record for Gateway {
    fn object(&self) -> String {
        object(
            "gateway",
            &[
                ("url", json!(self.url)),
                ("embedded", json!(self.embedded.is_some())),
                ("server", json!(self.server)),
                ("clients", json!(self.clients)),
                ("services", json!(self.services)),
                ("telegraphy", json!(self.telegraphy())),
                ("api", json!(self.api().map(|(url, _)| url))),
                ("api_key", json!(self.api().map(|(_, key)| key))),
            ],
        )
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        field(&mut table, "url", Cell::plain(escape(&self.url)));
        let place = if self.embedded.is_some() { "in this process" } else { "elsewhere" };
        field(&mut table, "runs", Cell::plain(place));
        if let Some(server) = &self.server {
            field(&mut table, "program", Cell::plain(escape(server)));
        }
        field(&mut table, "clients", Cell::plain(self.clients.to_string()));
        field(&mut table, "services", Cell::plain(self.services.to_string()));
        if let (Some(telegraphy), Some((url, key))) = (self.telegraphy(), self.api()) {
            field(&mut table, "telegraphy", Cell::plain(escape(&telegraphy)));
            field(&mut table, "api", Cell::plain(escape(url)));
            field(&mut table, "api key", Cell::plain(escape(key)));
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let (api, key) = self.api().unwrap_or_default();
        vec![vec![
            self.url.clone(),
            self.embedded.is_some().to_string(),
            self.server.clone().unwrap_or_default(),
            self.clients.to_string(),
            self.services.to_string(),
            self.telegraphy().unwrap_or_default(),
            api.to_owned(),
            key.to_owned(),
        ]]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.url.clone()]
    }
}
