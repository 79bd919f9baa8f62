//! The listener for those who run the gateway: its metrics, whether it is ready, and the way to its administration. Clients have nothing to ask here.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::administration::{self, is_of_administration};
use super::answers::{failure, http1, not_allowed, text, with};
use super::gateway::Gateway;
use super::origin::{self, Allowed, Way};
use super::overload::Scarce;
#[cfg(test)]
use super::panics::tests::Fault;
use super::peer::Peer;
use super::sockets::Listener;
use super::wire::Wire;

/// How long one of them may last.
const LONGEST: Duration = Duration::from_mins(1);

/// How long it is waited after the system refused a connection.
const PAUSE: Duration = Duration::from_millis(500);

/// What Prometheus is told that it reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// Answers until it is dropped.
pub(super) async fn serve(listener: &Listener, gateway: &Arc<Gateway>) {
    loop {
        // Those who are too many wait.
        let Ok(place) = Arc::clone(gateway.operators()).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let visited = Arc::clone(gateway);
        gateway.spawn(async move {
            if timeout(LONGEST, visit(stream, peer, visited)).await.is_err() {
                debug!(%peer, "a connection for metrics took too long");
            }
            drop(place);
        });
    }
}

async fn visit(stream: Wire, peer: Peer, gateway: Arc<Gateway>) {
    let over_loopback = stream.is_over_loopback();
    let head = gateway.config().head;
    let service = service_fn(move |request| {
        let perform = || answer(&request, &gateway, peer, over_loopback);
        let answer = gateway.panics().contain(perform).unwrap_or_else(failure);
        async move { Ok::<_, Infallible>(answer) }
    });
    // Whoever breaks off does not want the answer.
    let _outcome = http1(head).serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, gateway: &Gateway, peer: Peer, over_loopback: bool) -> Answer {
    #[cfg(test)]
    gateway.panics().inject(Fault::Operations);
    let hosts = &gateway.config().allowed_hosts;
    // No page of a browser has a business here, whatever it may do at the other port.
    let asker = gateway.asker(peer, request.headers());
    let way = Way::of(over_loopback, asker.is_at_hand);
    if origin::check(request.headers(), way, Allowed { origins: &[], hosts }).is_err() {
        return text(StatusCode::FORBIDDEN, "not from there\n");
    }
    match (request.uri().path(), request.method()) {
        (path, _) if is_of_administration(path) => {
            administration::answer(request, gateway, asker.peer.address)
        }
        (_, method) if !matches!(*method, Method::GET | Method::HEAD) => not_allowed("GET, HEAD"),
        ("/metrics", _) => {
            with(text(StatusCode::OK, gateway.metrics().read(gateway)), CONTENT_TYPE, OPEN_METRICS)
        }
        ("/healthz", _) => text(StatusCode::OK, "ok\n"),
        ("/readyz", _) => match what_keeps_from_being_ready(gateway) {
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
            None => text(StatusCode::OK, "ready\n"),
        },
        _ => text(StatusCode::NOT_FOUND, "here are /metrics, /healthz and /readyz\n"),
    }
}

fn what_keeps_from_being_ready(gateway: &Gateway) -> Option<Cow<'static, str>> {
    if gateway.stop_by().is_some() {
        return Some("stopping".into());
    }
    if let Some(failure) = gateway.exchange().and_then(|exchange| exchange.failure()) {
        return Some(format!("{failure}; nothing is stored until the next start").into());
    }
    if gateway.admission().is_full() {
        return Some("full".into());
    }
    gateway.scarce().map(|what| match what {
        Scarce::Outboxes => "overloaded: too much waits to be written to clients".into(),
        Scarce::Descriptors => "overloaded: too few descriptors are left".into(),
    })
}
