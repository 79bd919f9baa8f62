//! What the gateway's port answers over plain HTTP, and the way from there to a WebSocket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderValue, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tracing::debug;

use super::admission::{Place, TooMany};
use super::answers::{empty, failure, http1, not_allowed, retry_after, text, with};
use super::files::{self, Asking, Body};
use super::gateway::{Asker, Door, Gateway};
use super::leftover::{Arriving, Leftover};
use super::lifetime::Lifetime;
use super::member::{From, Member};
use super::metrics::{Metrics, TurnedAway};
use super::origin::{self, Allowed, Foreign, Way};
#[cfg(test)]
use super::panics::tests::Fault;
use super::peer::Peer;
use super::session::Side;
use super::telegraphy::Subscriber;
use super::upgrade::{Accepted, Dialect, NoHandshake, Spoken, WEBSOCKET_VERSION, handshake};
use super::wire::Wire;
use super::{overload, session};
use crate::config::Config;

type Answer = Response<Body>;

/// A connection that speaks plain HTTP so far.
struct Visitor {
    gateway: Arc<Gateway>,
    peer: Peer,
    over_loopback: bool,
    /// Whether it is believed when it says whom it asks for.
    is_proxy: bool,
    lifetime: Lifetime,
    leftover: Leftover,
    asked_for_files: Arc<Notify>,
    /// Where sockets are served that messages go through.
    messages: Handle,
    /// Goes along to the WebSocket.
    place: Mutex<Option<Place>>,
}

/// Serves a connection, over TLS where the gateway has a certificate, until it closes, becomes a WebSocket, or the gateway stops. One that moves files goes on on the threads of
/// those, so that it does not take the time of messages.
pub(super) async fn serve(
    gateway: Arc<Gateway>,
    stream: Wire,
    peer: Peer,
    place: Place,
    mut stopping: watch::Receiver<bool>,
) {
    let Some(stream) = secured(&gateway, stream, peer, &mut stopping).await else { return };
    let asked_for_files = Arc::new(Notify::new());
    let visit = visit(Arc::clone(&gateway), stream, peer, place, stopping, Arc::clone(&asked_for_files));
    let mut visit = Box::pin(gateway.panics().watch(visit).map(drop));
    tokio::select! {
        biased;
        () = &mut visit => {}
        () = asked_for_files.notified() => {
            if let Some(files) = gateway.files() {
                files.drive(visit);
            }
        }
    }
}

/// The connection with TLS, where there is a certificate and a network; none where that does not come about.
async fn secured(
    gateway: &Gateway,
    stream: Wire,
    peer: Peer,
    stopping: &mut watch::Receiver<bool>,
) -> Option<Wire> {
    let (stream, tls) = match (stream, gateway.tls()) {
        (Wire::Plain(stream), Some(tls)) => (stream, tls),
        (stream, _) => return Some(stream),
    };
    tokio::select! {
        secured = Box::pin(tls.secure(stream, gateway.config().head.timeout)) => match secured {
            Ok(stream) => Some(stream),
            Err(error) => {
                debug!(%peer, %error, "no TLS came about");
                gateway.metrics().turn_away(TurnedAway::Tls);
                None
            }
        },
        () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => None,
    }
}

async fn visit(
    gateway: Arc<Gateway>,
    stream: Wire,
    peer: Peer,
    place: Place,
    mut stopping: watch::Receiver<bool>,
    asked_for_files: Arc<Notify>,
) {
    let over_loopback = stream.is_over_loopback();
    let head = gateway.config().head;
    let (lifetime, leftover) = (Lifetime::new(), Leftover::default());
    let shared = Arc::clone(&gateway);
    let place = Mutex::new(Some(place));
    let is_proxy = gateway.is_proxy(peer.address);
    let visitor = Arc::new(Visitor {
        gateway,
        peer,
        over_loopback,
        is_proxy,
        lifetime: lifetime.clone(),
        leftover: leftover.clone(),
        asked_for_files,
        messages: Handle::current(),
        place,
    });
    let service = service_fn(move |request| {
        let visitor = Arc::clone(&visitor);
        async move { Ok::<_, Infallible>(visitor.answer(request).await) }
    });
    let connection = http1(head).serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = lifetime.over() => Ok(()),
        never = leftover.discard(shared.discarding()) => match never {},
        () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => {
            connection.as_mut().graceful_shutdown();
            // What is answered already gets out; who does not read it is not waited for.
            tokio::time::timeout(Duration::from_secs(1), connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        debug!(%peer, %error, "a request broke off");
    }
}

impl Visitor {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        self.lifetime.extend();
        let request = self.leftover.follow(request);
        let asker = self.gateway.asker(self.peer, request.headers());
        let mut answer = if self.counts_for(asker) {
            self.gateway.panics().watch(self.perform(request, asker)).await.unwrap_or_else(failure)
        } else {
            drop(request);
            too_many(asker, self.gateway.metrics())
        };
        self.has_answered();
        let status = answer.status();
        if self.leftover.is_unread() && (status.is_client_error() || status.is_server_error()) {
            // Who hears of it in time need not send the rest.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Whether there may be another connection of whom a proxy asks for. For others that was seen to when they connected.
    fn counts_for(&self, asker: Asker) -> bool {
        let mut place = self.place.lock();
        let place = place.as_mut().filter(|_| self.is_proxy);
        place.is_none_or(|place| place.count_for(asker.peer.address).is_ok())
    }

    /// A proxy goes on to ask for others.
    fn has_answered(&self) {
        if let Some(place) = self.place.lock().as_mut().filter(|_| self.is_proxy) {
            place.count_for_nobody();
        }
    }

    async fn perform(&self, request: Request<Arriving>, asker: Asker) -> Answer {
        #[cfg(test)]
        self.gateway.panics().inject(Fault::Http);
        let Config { allowed_origins: origins, allowed_hosts: hosts, .. } = self.gateway.config();
        let Asker { peer, is_at_hand } = asker;
        let way = Way::of(self.over_loopback, is_at_hand);
        if let Err(foreign) = origin::check(request.headers(), way, Allowed { origins, hosts }) {
            debug!(%peer, ?foreign, "refused a request");
            self.gateway.metrics().turn_away(match foreign {
                Foreign::NoHost | Foreign::Host => TurnedAway::Host,
                Foreign::Origin => TurnedAway::Origin,
            });
            return refusal(foreign);
        }
        if let Some(files) = self.gateway.files().filter(|_| is_of_files(request.uri().path())) {
            self.asked_for_files.notify_one();
            let (address, lifetime) = (peer.address, self.lifetime.clone());
            let gateway = &self.gateway;
            return files::answer(files, Asking { request, gateway, address, lifetime }).await;
        }
        if let Some(spoken) = self.spoken(request.uri().path()) {
            return match *request.method() {
                Method::GET => self.open(request, peer, spoken),
                _ => not_allowed("GET"),
            };
        }
        match (request.uri().path(), request.method()) {
            ("/", &Method::GET | &Method::HEAD) => greeting(),
            ("/healthz", &Method::GET | &Method::HEAD) => text(StatusCode::OK, "ok\n"),
            ("/" | "/healthz", _) => not_allowed("GET, HEAD"),
            _ => text(StatusCode::NOT_FOUND, "nothing is here: the WebSocket is at /ws\n"),
        }
    }

    /// What can be spoken over a WebSocket at a path; nothing if there is none.
    fn spoken(&self, path: &str) -> Option<Spoken> {
        match (path, self.gateway.exchange()) {
            ("/ws", None) => Some(Spoken::Concierge),
            ("/ws", Some(_)) => Some(Spoken::Either),
            ("/telegraphy/ws", Some(_)) => Some(Spoken::Telegraphy),
            _ => None,
        }
    }

    /// Opens a WebSocket, if that is what is asked for and there may be one more.
    fn open(&self, mut request: Request<Arriving>, peer: Peer, spoken: Spoken) -> Answer {
        let accepted = match handshake(request.version(), request.headers(), spoken) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.gateway.metrics().turn_away(TurnedAway::Handshake);
                return no_handshake(reason);
            }
        };
        if let Some(wait) = self.gateway.wait_of(Door::Clients, peer.address) {
            self.gateway.metrics().turn_away(TurnedAway::Guesses);
            return guesses(wait);
        }
        if let Some(what) = self.gateway.scarce() {
            self.gateway.metrics().turn_away(TurnedAway::Scarce(what));
            return overloaded();
        }
        let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let origin = origin.map(str::to_owned);
        self.upgrade(&accepted, From { peer, origin }, hyper::upgrade::on(&mut request))
    }

    /// Answers 101, and leaves the connection to a task of its own, which holds nothing of the request any more.
    fn upgrade(&self, accepted: &Accepted, from: From, upgrade: OnUpgrade) -> Answer {
        let Some(place) = self.place.lock().take() else {
            return text(StatusCode::BAD_REQUEST, "this connection was upgraded already\n");
        };
        let Ok(key) = HeaderValue::from_str(&accepted.key) else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the accept key is no header\n");
        };
        let gateway = Arc::clone(&self.gateway);
        match (accepted.dialect, self.gateway.exchange()) {
            (Dialect::Telegraphy, Some(exchange)) => {
                let exchange = Arc::clone(exchange);
                self.serve(upgrade, move || Subscriber::new(gateway, exchange, from, place));
            }
            _ => self.serve(upgrade, move || Member::new(gateway, from, place)),
        }
        let mut answer = to_websocket(empty(StatusCode::SWITCHING_PROTOCOLS));
        let headers = answer.headers_mut();
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
        if let Some(subprotocol) = accepted.subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        answer
    }

    /// Serves what comes of an upgrade in a task of its own.
    fn serve<S: Side + Send>(&self, upgrade: OnUpgrade, begin: impl FnOnce() -> S + Send + 'static) {
        self.gateway.spawn_on(&self.messages, async move {
            let Ok(upgraded) = upgrade.await else { return };
            let Ok(parts) = upgraded.downcast::<TokioIo<Wire>>() else { return };
            session::run(begin, parts.io.into_inner(), parts.read_buf).await;
        });
    }
}

/// Whether a path leads to the file store.
fn is_of_files(path: &str) -> bool {
    path == "/fs" || path.starts_with("/fs/")
}

fn greeting() -> Answer {
    const GREETING: &str = concat!(
        "concierge-server ",
        env!("CARGO_PKG_VERSION"),
        ", a gateway of the ert-concierge protocol\n\nPrograms connect to the WebSocket at /ws. Try: concierge repl\n"
    );
    text(StatusCode::OK, GREETING)
}

fn refusal(foreign: Foreign) -> Answer {
    match foreign {
        Foreign::NoHost => text(StatusCode::BAD_REQUEST, "a request has exactly one header Host\n"),
        Foreign::Host => text(
            StatusCode::MISDIRECTED_REQUEST,
            "over the loopback address this gateway is called localhost or 127.0.0.1, or as its allowed_hosts says\n",
        ),
        Foreign::Origin => text(
            StatusCode::FORBIDDEN,
            "pages of this origin may not connect: the gateway's allowed_origins has a list of those that may\n",
        ),
    }
}

/// The same as who has no proxy hears from the listener.
fn too_many(asker: Asker, metrics: &Metrics) -> Answer {
    metrics.turn_away(TurnedAway::Full(TooMany::FromThere));
    debug!(peer = %asker.peer, "refused a request: too many connections from there");
    let answer = text(StatusCode::SERVICE_UNAVAILABLE, "too many connections, try again soon\n");
    with(answer, RETRY_AFTER, "5")
}

/// Too many wrong secrets came from there.
fn guesses(wait: Duration) -> Answer {
    let mut answer =
        text(StatusCode::TOO_MANY_REQUESTS, "too many wrong secrets from this address, try again later\n");
    answer.headers_mut().insert(RETRY_AFTER, retry_after(wait));
    answer
}

/// There is too much to do.
fn overloaded() -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too much to do, try again soon\n");
    answer.headers_mut().insert(RETRY_AFTER, retry_after(overload::RETRY_AFTER));
    answer
}

fn no_handshake(reason: NoHandshake) -> Answer {
    match reason {
        NoHandshake::NoUpgrade => {
            let answer = text(
                StatusCode::UPGRADE_REQUIRED,
                "this is a WebSocket: connect to it with a client of one\n",
            );
            to_websocket(answer)
        }
        NoHandshake::OtherVersion => {
            let answer = text(StatusCode::UPGRADE_REQUIRED, "this WebSocket speaks version 13\n");
            with(to_websocket(answer), SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION)
        }
        NoHandshake::Malformed(problem) => text(StatusCode::BAD_REQUEST, format!("{problem}\n")),
    }
}

/// An answer about the way from HTTP to a WebSocket.
fn to_websocket(answer: Answer) -> Answer {
    with(with(answer, UPGRADE, "websocket"), CONNECTION, "Upgrade")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::spawn_blocking;
    use tokio::time::advance;

    use super::*;
    use crate::config;

    #[tokio::test(start_paused = true)]
    async fn a_connection_lives_on_with_every_request_and_ends_without() {
        // As long as this is waited for the clock stands still, whatever waits for it.
        let (_until_the_end, end) = mpsc::channel::<()>();
        drop(spawn_blocking(move || end.recv()));
        let mut config = Config::default();
        config.head = config::Head { timeout: Duration::from_hours(1), ..config.head };
        let gateway = Gateway::new(config, None, None, None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let place = gateway.admit(peer.ip().into()).unwrap();
        let (_running, stopping) = watch::channel(false);
        tokio::spawn(serve(gateway, Wire::Plain(stream), peer.into(), place, stopping));
        let mut read = [0; 1024];
        for request in 0..4 {
            client.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"ok\n") {
                let length = client.read(&mut read).await.unwrap();
                assert!(length > 0, "the connection ended before request {request} was answered");
                answer.extend_from_slice(&read[..length]);
            }
            advance(Duration::from_secs(50)).await;
        }
        advance(Duration::from_secs(20)).await;
        assert_eq!(client.read(&mut read).await.unwrap(), 0, "nothing was asked for in more than a minute");
    }
}
