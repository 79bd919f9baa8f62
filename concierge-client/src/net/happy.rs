//! Several addresses, and the first of them that answers: a staggered race, as in RFC 8305, section 5.

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{sleep, timeout};

/// How long an address has before the next one is tried beside it (RFC 8305, section 8).
const STAGGER: Duration = Duration::from_millis(250);

/// Why no address answered: the one that failed last, where one failed rather than kept silent.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) address: SocketAddr,
    pub(super) source: io::Error,
}

/// Connects to the first address that answers, none having longer than `within`. The next one is tried as soon as one
/// fails, and beside those under way when they take their time. None when there are no addresses.
///
/// Cancel safe: dropping the future drops every attempt.
pub(super) async fn first<T, F, A>(
    addresses: Vec<SocketAddr>,
    within: Option<Duration>,
    connect: F,
) -> Result<T, Option<Failure>>
where
    F: Fn(SocketAddr) -> A,
    A: Future<Output = io::Result<T>>,
{
    let mut waiting = alternated(addresses);
    let mut under_way = FuturesUnordered::new();
    let mut failure: Option<Failure> = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            let attempt = connect(address);
            under_way.push(async move { (address, bounded(attempt, within).await) });
        }
        tokio::select! {
            ended = under_way.next() => match ended {
                None => return Err(failure),
                Some((_, Ok(stream))) => return Ok(stream),
                Some((address, Err(source))) => {
                    tracing::debug!(%address, error = %source, "an address does not answer");
                    let silent = source.kind() == io::ErrorKind::TimedOut;
                    if !silent || failure.is_none() {
                        failure = Some(Failure { address, source });
                    }
                }
            },
            () = sleep(STAGGER), if !waiting.is_empty() => {}
        }
    }
}

async fn bounded<T>(attempt: impl Future<Output = io::Result<T>>, within: Option<Duration>) -> io::Result<T> {
    match within {
        None => attempt.await,
        Some(within) => timeout(within, attempt).await.unwrap_or_else(|_| {
            let sentence = format!("it did not answer within {} s", within.as_secs_f32());
            Err(io::Error::new(io::ErrorKind::TimedOut, sentence))
        }),
    }
}

/// The addresses in the resolver's order, but both families in turn: a broken family costs no more than one wait.
fn alternated(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut ones, mut others): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut alternated = VecDeque::with_capacity(ones.len() + others.len());
    while !ones.is_empty() || !others.is_empty() {
        alternated.extend(ones.pop_front());
        alternated.extend(others.pop_front());
    }
    alternated
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending};

    use tokio::time::Instant;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// What an address does: its port says.
    async fn behave(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.port() {
            1 => Err(io::ErrorKind::ConnectionRefused.into()),
            2 => pending().await,
            _ => Ok(address),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_costs_no_time() {
        let start = Instant::now();
        let answers = first(addresses(&["[::1]:1", "127.0.0.1:1", "127.0.0.2:80"]), None, behave).await;
        assert_eq!(answers.unwrap().to_string(), "127.0.0.2:80");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_costs_a_quarter_of_a_second() {
        let start = Instant::now();
        let tried = RefCell::new(Vec::new());
        let answers =
            first(addresses(&["[::1]:2", "[::2]:2", "127.0.0.1:80", "[::3]:80"]), None, |address| {
                tried.borrow_mut().push(address.to_string());
                behave(address)
            });
        assert_eq!(answers.await.unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(start.elapsed(), STAGGER);
        assert_eq!(*tried.borrow(), ["[::1]:2", "127.0.0.1:80"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_can_still_win() {
        let answers = first(addresses(&["127.0.0.1:80", "127.0.0.2:2"]), None, async |address| {
            sleep(Duration::from_secs(3)).await;
            behave(address).await
        });
        assert_eq!(answers.await.unwrap().to_string(), "127.0.0.1:80");
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_has_its_time_and_a_refusal_says_more_than_silence() {
        let start = Instant::now();
        let within = Some(Duration::from_secs(2));
        let failure = first(addresses(&["127.0.0.1:2", "127.0.0.2:1", "127.0.0.3:2"]), within, behave);
        let failure = failure.await.unwrap_err().unwrap();
        assert_eq!(failure.address.to_string(), "127.0.0.2:1");
        assert_eq!(failure.source.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(start.elapsed(), STAGGER + Duration::from_secs(2));
        let failure = first(addresses(&["127.0.0.1:2"]), within, behave).await.unwrap_err().unwrap();
        assert_eq!(failure.source.to_string(), "it did not answer within 2 s");
    }

    #[tokio::test(start_paused = true)]
    async fn no_address_is_no_failure_of_one() {
        assert!(first(Vec::new(), None, behave).await.unwrap_err().is_none());
    }

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let order = alternated(addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"]));
        let order: Vec<_> = order.iter().map(ToString::to_string).collect();
        assert_eq!(order, ["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"]);
    }
}
