//! The listener for web applications: their connections, each for as many requests as they have. Only with one of the keys that the
//! configuration has; where it has none, nothing is listened on. What a request means is decided in [`dialect::telegraphy::web`](crate::dialect::telegraphy::web).

mod body;
mod request;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

use self::request::Application;
use super::answers::http1;
use super::gateway::Gateway;
use super::leftover::Leftover;
use super::peer::Peer;
use super::sockets::Listener;
use super::telegraphy::Exchange;
use super::wire::Wire;

/// How long it is waited after the system refused a connection.
const PAUSE: Duration = Duration::from_millis(500);

/// Answers until it is dropped. Connections that there are then finish what they are at when the gateway stops.
pub(super) async fn serve(
    listener: &Listener,
    gateway: &Arc<Gateway>,
    exchange: &Arc<Exchange>,
    stopping: &watch::Receiver<bool>,
) {
    loop {
        // Those who are too many wait.
        let Ok(place) = Arc::clone(gateway.applications()).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let (visited, exchange, stopping) = (Arc::clone(gateway), Arc::clone(exchange), stopping.clone());
        gateway.spawn(async move {
            visit(stream, peer, visited, exchange, stopping).await;
            drop(place);
        });
    }
}

async fn visit(
    stream: Wire,
    peer: Peer,
    gateway: Arc<Gateway>,
    exchange: Arc<Exchange>,
    mut stopping: watch::Receiver<bool>,
) {
    let (head, longest) = (gateway.config().head, gateway.config().shutdown_timeout);
    let leftover = Leftover::default();
    let application = Arc::new(Application {
        gateway: Arc::clone(&gateway),
        exchange,
        peer,
        over_loopback: stream.is_over_loopback(),
    });
    let following = leftover.clone();
    let service = service_fn(move |request| {
        let (application, leftover) = (Arc::clone(&application), following.clone());
        async move {
            let (mut answer, is_welcome) = application.answer(leftover.follow(request)).await;
            if leftover.is_unread() || !is_welcome {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1(head).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        never = leftover.discard(gateway.discarding()) => match never {},
        () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => {
            connection.as_mut().graceful_shutdown();
            timeout(longest, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        debug!(%peer, %error, "a request of a web application broke off");
    }
}
