//! A network of its own for a test, which can be cut: clients and the gateway are in namespaces that routers connect, and a router can
//! stop passing on what comes from one side. That is lost without a word, as behind a cable that is cut far away.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::gateway::server_command_by;

/// Clients on the one side, a gateway on the other, and several ways between them. It is gone when dropped.
#[derive(Debug)]
pub struct Network {
    clients: String,
    gateway: String,
    routers: Vec<String>,
}

/// What a router does not pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Anything.
    Everything,
    /// What clients send.
    FromClients,
    /// What the gateway sends.
    FromGateway,
}

impl Cut {
    /// The interfaces of a router that take in what it does not pass on.
    fn interfaces(self) -> &'static [&'static str] {
        match self {
            Self::Everything => &["clients", "gateway"],
            Self::FromClients => &["clients"],
            Self::FromGateway => &["gateway"],
        }
    }
}

impl Network {
    /// A network with so many routers, each of them a way of its own, and one way that needs none.
    ///
    /// # Errors
    ///
    /// When this system does not let this user have namespaces, or lacks `ip`.
    pub fn new(routers: usize) -> Result<Self> {
        let name = |part: &str| format!("concierge-{}-{part}", std::process::id());
        let mut network = Self { clients: name("clients"), gateway: name("gateway"), routers: Vec::new() };
        ip(&format!("netns add {}", network.clients))?;
        ip(&format!("netns add {}", network.gateway))?;
        let Self { clients, gateway, .. } = &network;
        link((clients, "direct", "10.77.200.1"), (gateway, "direct", "10.77.200.2"))?;
        for number in 0..routers {
            let (clients, gateway) = (network.clients.clone(), network.gateway.clone());
            let router = name(&format!("router{number}"));
            ip(&format!("netns add {router}"))?;
            network.routers.push(router.clone());
            let way = format!("way{number}");
            let at = |net: u8, host: u8| format!("10.{net}.{number}.{host}");
            link((&clients, &way, &at(77, 1)), (&router, "clients", &at(77, 2)))?;
            link((&gateway, &way, &at(78, 2)), (&router, "gateway", &at(78, 1)))?;
            ip(&format!("-n {clients} route add {}/24 via {}", at(78, 0), at(77, 2)))?;
            ip(&format!("-n {gateway} route add {}/24 via {}", at(77, 0), at(78, 1)))?;
            pass_on(&router, "all", true)?;
        }
        Ok(network)
    }

    /// The command of a gateway that is in this network.
    ///
    /// # Errors
    ///
    /// When the program is not there.
    pub fn server_command(&self) -> Result<Command> {
        let mut launcher = Command::new("ip");
        launcher.args(["netns", "exec", &self.gateway]);
        server_command_by(launcher)
    }

    /// Does something where the clients are, on a thread of its own.
    ///
    /// # Errors
    ///
    /// When one cannot get there.
    ///
    /// # Panics
    ///
    /// When that panics.
    pub fn as_client<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T> {
        let namespace = File::open(format!("/run/netns/{}", self.clients))?;
        std::thread::scope(|scope| {
            let acting = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(act())
            });
            acting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Where the gateway is without a router.
    pub fn direct(&self) -> IpAddr {
        Ipv4Addr::new(10, 77, 200, 2).into()
    }

    /// Where the gateway is by way of that router.
    pub fn through(&self, router: u8) -> IpAddr {
        Ipv4Addr::new(10, 78, router, 2).into()
    }

    /// Has a router lose that from now on.
    ///
    /// # Errors
    ///
    /// When it cannot be told to.
    pub fn cut(&self, router: u8, what: Cut) -> Result<()> {
        self.set(router, what, false)
    }

    /// Has a router pass that on again.
    ///
    /// # Errors
    ///
    /// When it cannot be told to.
    pub fn mend(&self, router: u8, what: Cut) -> Result<()> {
        self.set(router, what, true)
    }

    fn set(&self, router: u8, what: Cut, passes_on: bool) -> Result<()> {
        let router = self.routers.get(usize::from(router)).context("there is no such router")?;
        what.interfaces().iter().try_for_each(|interface| pass_on(router, interface, passes_on))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.routers.iter().chain([&self.clients, &self.gateway]) {
            // What was not made need not go.
            let _none = ip(&format!("netns del {name}"));
        }
    }
}

/// Connects two namespaces: for each its name, what its end of the cable is called, and its address.
fn link(one: (&str, &str, &str), other: (&str, &str, &str)) -> Result<()> {
    ip(&format!("link add {} netns {} type veth peer name {} netns {}", one.1, one.0, other.1, other.0))?;
    for (namespace, name, address) in [one, other] {
        ip(&format!("-n {namespace} address add {address}/24 dev {name}"))?;
        ip(&format!("-n {namespace} link set {name} up"))?;
    }
    Ok(())
}

/// Whether a router passes on what comes in there.
fn pass_on(router: &str, interface: &str, passes_on: bool) -> Result<()> {
    let file = format!("/proc/sys/net/ipv4/conf/{interface}/forwarding");
    let script = format!("echo {} > {file}", u8::from(passes_on));
    run(&["netns", "exec", router, "sh", "-c", &script])
}

/// Runs `ip` with these arguments, which have no spaces in them.
fn ip(arguments: &str) -> Result<()> {
    run(&arguments.split(' ').collect::<Vec<_>>())
}

fn run(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("there is no `ip`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`ip {}`: {}", arguments.join(" "), said.trim());
    Ok(())
}
