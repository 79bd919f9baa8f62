//! Accepts connections, for ever: whatever goes wrong with one of them, or with the system for a while, the next one gets
//! its turn.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::ending::linger;
use super::gateway::Gateway;
use super::http;
use super::metrics::TurnedAway;
#[cfg(test)]
use super::panics::tests::Fault;
use super::peer::Peer;
use super::sockets::Listener;
use super::wire::Wire;

/// The longest pause after the system refused a descriptor.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A full gateway says so in the log this often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Accepts connections until it is dropped.
pub(super) async fn accept(listener: &Listener, gateway: &Arc<Gateway>, stopping: &watch::Receiver<bool>) {
    let mut pause = Duration::ZERO;
    let mut warned: Option<Instant> = None;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if concerns_one_connection(&error) => continue,
            Err(error) => {
                pause = (pause * 2).clamp(Duration::from_millis(10), LONGEST_PAUSE);
                warn!(%error, ?pause, "cannot accept connections, trying again");
                sleep(pause).await;
                continue;
            }
        };
        pause = Duration::ZERO;
        #[cfg(test)]
        gateway.panics().inject(Fault::Accept);
        match gateway.admit(peer.address) {
            Ok(place) => {
                gateway.metrics().accept();
                gateway.spawn(http::serve(Arc::clone(gateway), stream, peer, place, stopping.clone()));
                continue;
            }
            Err(too_many) => gateway.metrics().turn_away(TurnedAway::Full(too_many)),
        }
        if warned.is_none_or(|last| last.elapsed() >= WARN_EVERY) {
            warned = Some(Instant::now());
            warn!(%peer, connections = gateway.admission().connections(), "too many connections, refusing new ones");
        }
        if gateway.tls().is_some() && matches!(stream, Wire::Plain(_)) {
            // To say so would take a handshake.
            continue;
        }
        // Those that are too many to be told are just closed.
        if let Ok(permit) = Arc::clone(gateway.refusals()).try_acquire_owned() {
            gateway.spawn(async move {
                refuse(stream, peer).await;
                drop(permit);
            });
        }
    }
}

/// Whether accepting failed because of the connection, which went away again, and not because of the system.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Says that there is no place, without reading what is asked: a flood costs as little as it can.
async fn refuse(mut stream: Wire, peer: Peer) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Length: 37\r\n\r\ntoo many connections, try again soon\n";
    // There is always room for so little in a fresh connection, unless it is gone already.
    let told = timeout(LONGEST_PAUSE, stream.write_all(ANSWER)).await;
    if matches!(told, Ok(Ok(()))) {
        linger(stream).await;
    }
    debug!(%peer, "refused a connection");
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpStream;

    use super::super::sockets::{Listening, listen};
    use super::*;

    #[tokio::test]
    async fn a_refusal_is_a_complete_answer() {
        let Listening { listener, address, .. } = listen(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let mut client = TcpStream::connect(address.tcp().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let refusal = tokio::spawn(refuse(stream, peer));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        drop(client);
        refusal.await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 5\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head} {}", body.len());
    }
}
