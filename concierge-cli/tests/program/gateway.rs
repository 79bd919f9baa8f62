//! A gateway on a free port, commands that run against it, and a peer to talk with.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    process::{Command, ExitCode},
    time::Duration,
};

use concierge_cli::{Captured, Console, run};
use concierge_client::{Client, Event, Events};
use concierge_server::{Config, Server};
use serde_json::Value;
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::schemas;

/// A gateway that runs until it is dropped or stopped.
pub(crate) struct Gateway {
    pub(crate) url: String,
    /// Where web applications ask it, if it has keys for some.
    pub(crate) api: Option<String>,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: ExitCode,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Another client of the gateway.
pub(crate) struct Peer<'a> {
    pub(crate) client: Client,
    events: Events,
    gateway: &'a Gateway,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        Self::configured("")
    }

    pub(crate) fn configured(settings: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut gateway = Self { url: String::new(), api: None, runtime, stop: None, running: None };
        gateway.bind("127.0.0.1:0", settings);
        gateway
    }

    fn bind(&mut self, address: &str, settings: &str) {
        let config = Config::from_toml(&format!("bind = {address:?}\n{settings}")).unwrap();
        let server = self.runtime.block_on(Server::bind(config)).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        self.url = server.url();
        self.api = server.api_addresses().first().map(|address| format!("http://{address}"));
        self.stop = Some(stop);
        self.running = Some(self.runtime.spawn(server.run(async { drop(stopped.await) })));
    }

    /// Stops it, and starts another one in its place that knows nothing of it.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Starts another one where one was before.
    pub(crate) fn start_again(&mut self) {
        let url = self.url.clone();
        let address = url.trim_start_matches("ws://").trim_end_matches("/ws");
        self.bind(address, "");
    }

    /// Stops it, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.stop = None;
        self.runtime.block_on(self.running.take().unwrap()).unwrap();
    }

    pub(crate) fn peer(&self, name: &str) -> Peer<'_> {
        let connecting = Client::builder(&self.url, name).unwrap().connect_with_events();
        let (client, events) = self.runtime.block_on(connecting).unwrap();
        Peer { client, events, gateway: self }
    }

    /// Waits for something to be done.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Runs a command with this gateway as its own.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        run_in(arguments, input, &[("CONCIERGE_URL", &self.url), ("USER", "tester")])
    }
}

/// The real program, without the settings of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concierge"));
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CONCIERGE_") || name.starts_with("XDG_") {
            command.env_remove(variable);
        }
    }
    let nobodys = env!("CARGO_TARGET_TMPDIR");
    command.env("HOME", nobodys).current_dir(nobodys);
    command
}

/// Runs a command in an environment of just these variables.
pub(crate) fn run_in(arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Outcome {
    let (mut console, captured) = Console::in_memory(input, variables.iter().copied());
    let exit = run([&["concierge"], arguments].concat(), &mut console);
    Outcome::of(exit, &captured)
}

impl Peer<'_> {
    /// Waits for something to be done with it.
    pub(crate) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.gateway.wait(what)
    }

    /// Waits for an event.
    pub(crate) fn see<T>(&mut self, pick: impl FnMut(&Event) -> Option<T>) -> T {
        let seen = self.events.wait_for(Duration::from_secs(20), pick);
        self.gateway.runtime.block_on(seen).unwrap()
    }

    /// Waits until a client of this name has joined.
    pub(crate) fn see_join(&mut self, name: &str) {
        self.see(|event| match event {
            Event::ClientJoined { client } => (client.name == name).then_some(()),
            _ => None,
        });
    }

    /// Waits until another client has subscribed to a service that this one subscribes to.
    pub(crate) fn see_subscription(&mut self) {
        let own = self.client.uuid();
        self.see(|event| match event {
            Event::ServiceClientSubscribed { client, .. } => (client.uuid != own).then_some(()),
            _ => None,
        });
    }

    /// Waits for the next message, and gives its data as it came.
    pub(crate) fn next_data(&mut self) -> String {
        self.see(|event| match event {
            Event::Message(message) => Some(message.data.as_str().to_owned()),
            _ => None,
        })
    }
}

impl Outcome {
    fn of(exit: ExitCode, captured: &Captured) -> Self {
        Self { exit, stdout: captured.stdout(), stderr: captured.stderr() }
    }

    /// The only record on the standard output.
    pub(crate) fn record(&self) -> Value {
        match self.records().as_slice() {
            [record] => record.clone(),
            other => panic!("{} records: {self:?}", other.len()),
        }
    }

    /// The records on the standard output; each has what every record has.
    pub(crate) fn records(&self) -> Vec<Value> {
        records(&self.stdout)
    }

    /// The records on the standard error.
    pub(crate) fn errors(&self) -> Vec<Value> {
        records(&self.stderr)
    }
}

fn records(text: &str) -> Vec<Value> {
    let parsed = text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    parsed
        .inspect(|record| {
            assert_eq!(record["v"], 1);
            assert!(record["ts"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
            assert!(record["type"].is_string());
            schemas::check(record);
        })
        .collect()
}

impl PartialEq<u8> for &Outcome {
    /// Whether it ended with this exit code.
    fn eq(&self, code: &u8) -> bool {
        self.exit == ExitCode::from(*code)
    }
}
