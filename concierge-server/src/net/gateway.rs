//! What all connections of a gateway share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use concierge_client::payload::{Data, Limits as ToldLimits};
use futures_util::FutureExt as _;
use hyper::HeaderMap;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::admission::{self, Admission, Place, TooMany};
use super::descriptors::Descriptors;
use super::drive::Drive;
use super::files::Files;
use super::forwarded::{Whom, whom};
use super::frames::FrameLimits;
use super::guesses::Guesses;
use super::leftover::DISCARDING;
use super::metrics::Metrics;
use super::outbox::{self, Outbox};
use super::overload::{Overload, Scarce, Usage, descriptors_used};
use super::panics::Panics;
use super::peer::Peer;
use super::telegraphy::{Exchange, Kept, Room};
use super::tls::Tls;
use crate::config::{Config, NamePolicy, Reserved};
use crate::dialect::concierge::Rules;
use crate::files::Address;
use crate::hub;

/// A gateway at work.
#[derive(Debug)]
pub(super) struct Gateway {
    config: Config,
    rules: Arc<Rules>,
    metrics: Arc<Metrics>,
    panics: Panics,
    drive: Drive,
    overload: Mutex<Overload>,
    descriptors: Descriptors,
    admission: Arc<Admission>,
    guesses: Mutex<Guesses>,
    token_guesses: Mutex<Guesses>,
    key_guesses: Mutex<Guesses>,
    files: Option<Arc<Files>>,
    exchange: Option<Arc<Exchange>>,
    tls: Option<Tls>,
    /// For connections that are told why they are refused, and for those of operators.
    refusals: Arc<Semaphore>,
    operators: Arc<Semaphore>,
    /// For connections of web applications.
    applications: Arc<Semaphore>,
    /// For connections that discard what is left of a request.
    discarding: Semaphore,
    started: Instant,
    sockets: Mutex<Sockets>,
}

/// Where secrets are asked for. Who guesses at one of them does not have those wait who come to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// That of clients, for messages and for files.
    Clients,
    /// That of operators.
    Administration,
    /// That of web applications.
    Applications,
}

/// Who asks for something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    /// Where it comes from: if it is by a trusted proxy, from where it came to that.
    pub(super) peer: Peer,
    /// Whether it is on this machine when its connection is over the loopback address.
    pub(super) is_at_hand: bool,
}

/// Every WebSocket, identified or not.
#[derive(Debug, Default)]
struct Sockets {
    next: u64,
    open: HashMap<u64, Arc<Outbox>>,
    /// When the gateway stops, everything is to be over by then.
    stop_by: Option<Instant>,
}

impl Gateway {
    pub(super) fn new(
        config: Config,
        files: Option<Files>,
        tls: Option<Tls>,
        kept: Option<Kept>,
    ) -> Arc<Self> {
        let limits = &config.limits;
        let rules = Rules {
            secret: config.secret.clone(),
            reserved: config
                .reserved
                .iter()
                .cloned()
                .map(|Reserved { name, secret }| (name, secret))
                .collect(),
            ascii_names: config.names == NamePolicy::Ascii,
            identify_timeout: config.identify_timeout,
            heartbeat_interval: config.heartbeat.interval,
            heartbeat_timeout: config.heartbeat.timeout,
            limits: ToldLimits {
                name: limits.name,
                service: limits.service,
                nickname: limits.nickname,
                message: limits.message,
                depth: Data::MAX_DEPTH,
                subscriptions: limits.subscriptions,
                services: limits.services,
            },
            files: files.is_some(),
            server: concat!("concierge-server ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let counts = hub::Limits {
            subscriptions: limits.subscriptions,
            services: limits.services,
            services_total: limits.services_total,
        };
        let descriptors = Descriptors::of_process();
        let admission = Admission::new(admission::Bounds {
            connections: descriptors.connections(limits.connections, config.telegraphy.is_open()),
            unidentified: limits.unidentified.unwrap_or(usize::MAX),
            unidentified_per_address: limits.unidentified_per_address.unwrap_or(usize::MAX),
        });
        let panics = files.as_ref().map(|files| files.panics().clone()).unwrap_or_default();
        let metrics = Arc::new(Metrics::new(&panics));
        let drive = Drive::new(counts, limits.outbox_total_bytes, (Arc::clone(&metrics), panics.clone()));
        let room = Room {
            waiting: drive.total(),
            most_waiting: limits.outbox_total_bytes.unwrap_or(usize::MAX),
            outbox: limits.outbox_bytes,
        };
        let open = |kept| {
            Exchange::new(kept, &config.telegraphy, room, (metrics.telegraphy().clone(), panics.clone()))
        };
        let exchange = kept.map(open);
        Arc::new(Self {
            rules: Arc::new(rules),
            drive,
            exchange,
            panics,
            overload: Mutex::new(Overload::new()),
            refusals: Arc::new(Semaphore::new(descriptors.refusals())),
            operators: Arc::new(Semaphore::new(descriptors.operators())),
            applications: Arc::new(Semaphore::new(descriptors.applications())),
            descriptors,
            metrics,
            admission,
            guesses: Mutex::new(Guesses::new(limits.wrong_secrets)),
            token_guesses: Mutex::new(Guesses::new(limits.wrong_secrets)),
            key_guesses: Mutex::new(Guesses::new(limits.wrong_secrets)),
            files: files.map(Arc::new),
            tls,
            discarding: Semaphore::new(DISCARDING),
            started: Instant::now(),
            sockets: Mutex::default(),
            config,
        })
    }

    /// An outbox for a new WebSocket, and the number to give it back with.
    pub(super) fn open_outbox(&self) -> (u64, Arc<Outbox>) {
        let limits = &self.config.limits;
        let payloads = limits.outbox_payloads.unwrap_or(usize::MAX);
        let bounds = outbox::Bounds { bytes: limits.outbox_bytes, payloads };
        let outbox = Arc::new(Outbox::new(bounds));
        let mut sockets = self.sockets.lock();
        let number = sockets.next;
        sockets.next += 1;
        sockets.open.insert(number, Arc::clone(&outbox));
        if sockets.stop_by.is_some() {
            outbox.stop();
        }
        (number, outbox)
    }

    /// The WebSocket is gone.
    pub(super) fn close_outbox(&self, number: u64) {
        let outbox = self.sockets.lock().open.remove(&number);
        if let Some(outbox) = outbox {
            outbox.close();
        }
    }

    /// Tells every WebSocket to write what waits and to close. Nobody hears of the others leaving.
    pub(super) fn stop(&self) {
        let mut sockets = self.sockets.lock();
        if sockets.stop_by.is_none() {
            // The last twentieth is for what comes after the WebSockets: the process is gone in time.
            self.drive.stop();
            if let Some(exchange) = &self.exchange {
                exchange.stop();
            }
            sockets.stop_by = Some(Instant::now() + self.config.shutdown_timeout / 20 * 19);
            for outbox in sockets.open.values() {
                outbox.stop();
            }
        }
    }

    /// Permits to tell a connection why it is refused.
    pub(super) fn refusals(&self) -> &Arc<Semaphore> {
        &self.refusals
    }

    /// Permits to serve an operator.
    pub(super) fn operators(&self) -> &Arc<Semaphore> {
        &self.operators
    }

    /// Permits to serve a web application.
    pub(super) fn applications(&self) -> &Arc<Semaphore> {
        &self.applications
    }

    /// Waits until no web application is served.
    pub(super) async fn applications_are_served(&self) {
        let all = u32::try_from(self.descriptors.applications()).unwrap_or(u32::MAX);
        drop(self.applications.acquire_many(all).await);
    }

    /// Permits to discard what is left of a request.
    pub(super) fn discarding(&self) -> &Semaphore {
        &self.discarding
    }

    /// When everything is to be over, once the gateway stops.
    pub(super) fn stop_by(&self) -> Option<Instant> {
        self.sockets.lock().stop_by
    }

    /// The time since the gateway started.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The moment that is so long after the start.
    pub(super) fn instant(&self, since_start: Duration) -> Instant {
        self.started + since_start
    }

    pub(super) fn frame_limits(&self) -> FrameLimits {
        let limits = &self.config.limits;
        FrameLimits {
            first_message: limits.first_message,
            message: limits.message,
            frame: limits.frame,
            fragments: limits.fragments.unwrap_or(usize::MAX),
        }
    }

    /// How much waits for the client that most waits for, in bytes.
    pub(super) fn fullest_outbox(&self) -> usize {
        self.sockets.lock().open.values().map(|outbox| outbox.bytes()).max().unwrap_or_default()
    }

    /// What is too scarce for new work, if anything is.
    pub(super) fn scarce(&self) -> Option<Scarce> {
        let most = self.config.limits.outbox_total_bytes.unwrap_or(usize::MAX);
        let outboxes = Usage { used: self.drive.waiting(), most };
        let descriptors = Usage { used: descriptors_used(), most: self.descriptors.most() };
        let mut overload = self.overload.lock();
        let before = overload.scarce();
        let scarce = overload.judge(outboxes, descriptors, self.now());
        match (before, scarce) {
            (None, Some(what)) => {
                let (waiting, descriptors) = (outboxes.used, descriptors.used);
                warn!(
                    scarce = what.as_str(),
                    waiting, descriptors, "too much to do, refusing new work for a while"
                );
            }
            (Some(_), None) => info!("taking new work again"),
            _ => {}
        }
        scarce
    }

    /// Whether what comes from there is believed when it says whom it asks for.
    pub(super) fn is_proxy(&self, address: Address) -> bool {
        self.config.trusted_proxies.iter().any(|proxy| proxy.includes(address))
    }

    /// Takes a place for a connection from that address. Fails when there is none.
    pub(super) fn admit(&self, address: Address) -> Result<Place, TooMany> {
        self.admission.admit(Some(address).filter(|address| !self.is_proxy(*address)))
    }

    /// Who asks with a request that comes from there.
    pub(super) fn asker(&self, peer: Peer, headers: &HeaderMap) -> Asker {
        if !self.is_proxy(peer.address) {
            return Asker { peer, is_at_hand: true };
        }
        match whom(headers, &self.config.trusted_proxies) {
            Whom::Itself => Asker { peer, is_at_hand: true },
            Whom::Client(client) => Asker { peer: client, is_at_hand: client.address.is_loopback() },
            Whom::Unclear(why) => {
                self.metrics.miss_client(why);
                debug!(%peer, ?why, "a proxy does not say clearly whom it asks for");
                Asker { peer, is_at_hand: false }
            }
        }
    }

    /// How long an address has to wait, because too many wrong secrets came from there.
    pub(super) fn wait_of(&self, door: Door, address: Address) -> Option<Duration> {
        self.guesses(door).lock().wait(address, self.now())
    }

    /// A wrong secret came from an address.
    pub(super) fn count_guess(&self, door: Door, address: Address) {
        let wait = self.guesses(door).lock().count(address, self.now());
        if let Some(wait) = wait {
            warn!(%address, ?door, ?wait, "too many wrong secrets from an address, refusing it for a while");
        }
    }

    fn guesses(&self, door: Door) -> &Mutex<Guesses> {
        match door {
            Door::Clients => &self.guesses,
            Door::Administration => &self.token_guesses,
            Door::Applications => &self.key_guesses,
        }
    }

    /// Does something beside everything else; if it panics, that ends with it.
    pub(super) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn_on(&Handle::current(), work);
    }

    /// The same on other threads.
    pub(super) fn spawn_on(
        self: &Arc<Self>,
        threads: &Handle,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        drop(threads.spawn(self.panics.watch(work).map(drop)));
    }

    /// What contains failures.
    pub(super) fn panics(&self) -> &Panics {
        &self.panics
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    pub(super) fn drive(&self) -> &Drive {
        &self.drive
    }

    /// The file store, where there is one.
    pub(super) fn files(&self) -> Option<&Arc<Files>> {
        self.files.as_ref()
    }

    /// The events of web applications, where they are served.
    pub(super) fn exchange(&self) -> Option<&Arc<Exchange>> {
        self.exchange.as_ref()
    }

    /// What connections are secured with, where they are.
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    pub(super) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }
}
