//! Gateways to talk to: one inside the test's process, and the real program as a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, ensure};
use concierge_server::{Config, Server};
use tokio::sync::oneshot;

use crate::application::KEY;
use crate::process::{Program, command};

/// A gateway in this process, on a free port of the loopback address. It stops when dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    application: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// A gateway with the defaults.
    ///
    /// # Panics
    ///
    /// When it cannot start: then nothing can be tested.
    pub fn start() -> Self {
        Self::configured("").expect("a gateway with the defaults starts")
    }

    /// A gateway with the given configuration, as its file would have it; `bind` is set.
    ///
    /// # Errors
    ///
    /// When the configuration is refused or the port cannot be bound.
    pub fn configured(configuration: &str) -> Result<Self, String> {
        Self::bound(configuration, None)
    }

    /// A gateway with the defaults, which a web application with [`KEY`] may ask.
    ///
    /// # Errors
    ///
    /// When a port cannot be bound.
    pub fn for_applications() -> Result<Self, String> {
        Self::bound("", Some(KEY))
    }

    fn bound(configuration: &str, key: Option<&'static str>) -> Result<Self, String> {
        let configuration = format!("bind = \"127.0.0.1:0\"\n{configuration}");
        let (started, start) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(started.send(Err(error.to_string()))),
                };
            runtime.block_on(async move {
                let bound = match Config::from_toml(&configuration) {
                    Ok(mut config) => {
                        if let Some(key) = key {
                            config.telegraphy.bind = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()];
                            config.telegraphy.api_keys = vec![key.into()];
                        }
                        Server::bind(config).await.map_err(|error| error.to_string())
                    }
                    Err(error) => Err(error.to_string()),
                };
                let server = match bound {
                    Ok(server) => server,
                    Err(error) => return drop(started.send(Err(error))),
                };
                let application = server.api_addresses().first().map(ToString::to_string);
                let address = server.local_addr().ok_or_else(|| "it has no port".to_owned());
                let address = address.map(|address| (address, application));
                if started.send(address).is_ok() {
                    server.run(async { drop(stopped.await) }).await;
                }
            });
        });
        let bound = start.recv().map_err(|_| "the gateway panicked while starting".to_owned())??;
        let (address, application) = bound;
        Ok(Self { address, application, stop: Some(stop), thread: Some(thread) })
    }

    /// Where web applications ask, if any may.
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the gateway has failed the test already, by what its clients saw.
            let _outcome = thread.join();
        }
    }
}

/// The program `concierge-server` as a process of its own. It is killed when dropped.
#[derive(Debug)]
pub struct GatewayProcess {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
}

impl GatewayProcess {
    /// Starts it on a free port of the loopback address, with the given arguments more.
    ///
    /// # Errors
    ///
    /// When it does not say where it listens in its first line.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        Self::start_at("127.0.0.1:0", arguments)
    }

    fn start_at(address: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = server_command()?;
        command.args(arguments);
        Self::start_by_at(address, command)
    }

    /// Starts it by this command, which takes the program's arguments, on a free port of the loopback address.
    ///
    /// # Errors
    ///
    /// When it does not say where it listens in its first line.
    pub fn start_by(command: Command) -> Result<Self> {
        Self::start_by_at("127.0.0.1:0", command)
    }

    /// The same on a free port of every address.
    ///
    /// # Errors
    ///
    /// When it does not say where it listens in its first line.
    pub fn start_everywhere(command: Command) -> Result<Self> {
        Self::start_by_at("0.0.0.0:0", command)
    }

    fn start_by_at(address: &str, mut command: Command) -> Result<Self> {
        command.args(["--bind", address]);
        let mut program = Program::start("concierge-server", &mut command)?;
        let line = program.next_line()?;
        let url = line.strip_prefix("listening on ").and_then(|rest| rest.strip_suffix("/ws"));
        let address = url.and_then(|url| url.strip_prefix("ws://").or(url.strip_prefix("wss://")));
        let address = address.with_context(|| format!("the first line is {line:?}"))?;
        let address: SocketAddr = address.parse().with_context(|| format!("the first line is {line:?}"))?;
        ensure!(address.port() != 0, "the first line is {line:?}");
        Ok(Self { program, address })
    }

    /// Kills it, and starts another one in its place.
    ///
    /// # Errors
    ///
    /// When the other one does not start.
    pub fn replace(self) -> Result<Self> {
        self.replace_by(&[])
    }

    /// The same, with the given arguments more for the other one.
    ///
    /// # Errors
    ///
    /// When the other one does not start.
    pub fn replace_by(self, arguments: &[&str]) -> Result<Self> {
        let address = self.address;
        // Its end is waited for there.
        drop(self.program);
        Self::start_at(&address.to_string(), arguments)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

/// The program `concierge-server`, ready for arguments.
///
/// # Errors
///
/// When it is not there.
pub fn server_command() -> Result<Command> {
    command("concierge-server")
}

/// The same, started by another program that takes it and its arguments behind its own.
///
/// # Errors
///
/// When the program is not there.
pub fn server_command_by(mut launcher: Command) -> Result<Command> {
    let server = server_command()?;
    launcher.arg(server.get_program());
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => launcher.env(name, value),
            None => launcher.env_remove(name),
        };
    }
    Ok(launcher)
}
