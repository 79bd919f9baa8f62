//! What a command has to tell: the protocol's own payloads, and the few results that are not payloads.

use std::{collections::BTreeMap, time::Duration};

use concierge_client::{
    Event,
    payload::{
        ClientFetchAllResult, ClientFetchResult, SelfFetchResult, SelfSubscribeResult, SelfUnsubscribeResult,
        ServiceCreateResult, ServiceDeleteResult, ServiceFetchAllResult, ServiceFetchResult, Target,
    },
};
use uuid::Uuid;

/// The names of clients by their ids, for showing who owns and who subscribes.
pub(crate) type Names = BTreeMap<Uuid, String>;

/// One result.
#[derive(Debug, Clone)]
pub(crate) enum Record {
    /// Something the gateway told without having been asked.
    Event(Event),
    /// A message was taken by the gateway.
    Sent {
        /// Whom it was for.
        target: Target,
    },
    /// Who this client is.
    Whoami {
        /// What the gateway knows of it.
        result: SelfFetchResult,
        /// The gateway's address.
        url: String,
        /// The gateway's program, when it told.
        server: Option<String>,
    },
    /// Everybody who is connected.
    Clients(ClientFetchAllResult),
    /// One client.
    Client(ClientFetchResult),
    /// Every service.
    Services {
        /// The services.
        result: ServiceFetchAllResult,
        /// Who their owners are.
        names: Names,
    },
    /// One service.
    Service {
        /// The service.
        result: ServiceFetchResult,
        /// Who its owner and its subscribers are.
        names: Names,
    },
    /// A service was opened, or was there already.
    ServiceCreated {
        /// The service.
        result: ServiceCreateResult,
        /// Who its owner is, where it was there already.
        names: Names,
    },
    /// A service was deleted.
    ServiceDeleted(ServiceDeleteResult),
    /// A subscription was made, or was there already.
    Subscribed(SelfSubscribeResult),
    /// A subscription was ended, or there was none.
    Unsubscribed(SelfUnsubscribeResult),
    /// The gateway answered a ping.
    Pong {
        /// Where it is.
        url: String,
        /// How long the answer took.
        rtt: Duration,
    },
    /// What runs here.
    Version,
    /// The gateway the REPL is connected to.
    Gateway {
        /// Its address.
        url: String,
        /// Whether it runs in this process.
        embedded: bool,
        /// Its program, when it told.
        server: Option<String>,
        /// How many clients are connected.
        clients: usize,
        /// How many services there are.
        services: usize,
    },
}
