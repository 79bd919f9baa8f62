//! The exchange with a store in memory, and with outboxes that nobody reads unless a test does.

use concierge_client::payload::Data;
use concierge_client::telegraphy::{
    AnyRequest, Audience, Connect, Definition, Disconnect, Guarantee, RequestId, Status, Subscribe,
};
use serde_json::Map;
use uuid::Uuid;

use super::*;
use crate::events::{Peer, Publish};
use crate::net::batch::Batch;
use crate::net::outbox::Bounds;

/// Who is connected.
struct Client {
    exchange: Arc<Exchange>,
    id: ConnectionId,
    post: Arc<Post>,
    next: u64,
}

fn room() -> Room {
    Room { waiting: Arc::default(), most_waiting: usize::MAX, outbox: 1 << 20 }
}

/// An exchange at work.
fn exchange(config: &Telegraphy) -> Arc<Exchange> {
    let kept = Kept::open(config).unwrap();
    let exchange = Exchange::new(kept, config, room(), (Counted::default(), Panics::default()));
    let running = Arc::clone(&exchange);
    drop(tokio::spawn(async move { running.run().await }));
    exchange
}

impl Client {
    /// One that has a place for so many bytes.
    fn enter(exchange: &Arc<Exchange>, bytes: usize) -> Self {
        let bounds = Bounds { bytes, payloads: 1000 };
        let outbox = Arc::new(Outbox::new(bounds));
        let (id, post) = exchange.enter(outbox);
        Self { exchange: Arc::clone(exchange), id, post, next: 0 }
    }

    async fn connected(exchange: &Arc<Exchange>, bytes: usize) -> Self {
        let mut client = Self::enter(exchange, bytes);
        let (connection, id, fresh) = (client.id, client.number(), random::fresh());
        let connect = Connect::new("");
        exchange.ask(Input::Connect { connection, id, connect, peer: Peer::default(), fresh });
        assert_eq!(client.status().await, Status::Connected);
        client
    }

    fn number(&mut self) -> RequestId {
        self.next += 1;
        RequestId::new(self.next).unwrap()
    }

    async fn ask(&mut self, request: impl Into<AnyRequest>) -> Status {
        let (connection, id, request) = (self.id, self.number(), request.into());
        self.exchange.ask(Input::Request { connection, id, request });
        self.status().await
    }

    async fn status(&self) -> Status {
        std::future::poll_fn(|context| match self.post.poll(context).answered {
            Some(status) => std::task::Poll::Ready(status),
            None => std::task::Poll::Pending,
        })
        .await
    }

    fn close(&self) -> Option<CloseCode> {
        self.post.poll(&std::task::Context::from_waker(std::task::Waker::noop())).close
    }

    /// What waits for it.
    fn read(&self) -> Vec<String> {
        let mut batch = Batch::default();
        let mut texts = Vec::new();
        loop {
            self.post.outbox().take(&mut batch);
            if batch.is_empty() {
                return texts;
            }
            texts.extend(std::mem::take(&mut batch).texts());
        }
    }
}

fn definition(name: &str, guarantee: Guarantee) -> Definition {
    Definition { audience: Audience::Public, delivery: guarantee, ..Definition::new(name.parse().unwrap()) }
}

async fn define(exchange: &Exchange, guarantee: Guarantee) {
    let definitions = vec![definition("app.Model", guarantee)];
    let reply = exchange.call(Question::Define { source: "test".into(), definitions }).await;
    assert!(matches!(reply, Reply::Defined(_)), "{reply:?}");
}

fn publish(exchange: &Exchange, data: &str) -> impl Future<Output = Reply> + use<> {
    exchange.call(Question::Publish(Publish {
        event: "app.Model".parse().unwrap(),
        data: Data::from_json(data).unwrap(),
        meta: Map::new(),
        id: None,
        ttl: None,
        previous: None,
        fresh_id: Uuid::nil(),
    }))
}

fn subscribe() -> Subscribe {
    Subscribe::new("app.Model".parse().unwrap())
}

#[tokio::test]
async fn what_is_published_arrives_once_it_is_durable_and_then_the_publisher_hears() {
    let exchange = exchange(&Telegraphy::default());
    define(&exchange, Guarantee::Guaranteed).await;
    let mut client = Client::connected(&exchange, 1 << 20).await;
    assert_eq!(client.ask(subscribe()).await, Status::Subscribed);
    client.read();
    let replies: Vec<_> = (0..300).map(|pk| publish(&exchange, &format!("{{\"pk\":{pk}}}"))).collect();
    assert!(client.read().is_empty(), "nothing of it is durable yet");
    for reply in replies {
        assert!(matches!(reply.await, Reply::Published { .. }));
    }
    let texts = client.read();
    assert_eq!(texts.len(), 300);
    assert!(texts.iter().enumerate().all(|(pk, text)| text.contains(&format!("\"pk\":{pk}}}"))), "{texts:?}");
    assert_eq!(exchange.store().counts().changes, 301);
}

#[tokio::test]
async fn everybody_of_a_crowd_is_answered_whether_the_store_has_room_or_not() {
    let exchange = exchange(&Telegraphy::default());
    define(&exchange, Guarantee::Guaranteed).await;
    let replies: Vec<_> = (0..10_000).map(|_| publish(&exchange, "{}")).collect();
    let (mut published, mut refused) = (0, 0);
    for reply in replies {
        match reply.await {
            Reply::Published { .. } => published += 1,
            Reply::Refused(Refusal::NotStored(NotStored::Busy)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(published >= 4096 && published + refused == 10_000, "{published} published, {refused} refused");
    assert!(matches!(publish(&exchange, "{}").await, Reply::Published { .. }), "there is room again");
}

#[tokio::test]
async fn who_does_not_read_misses_events_and_is_told_which_once_it_reads_again() {
    let exchange = exchange(&Telegraphy::default());
    define(&exchange, Guarantee::BestEffort).await;
    let mut client = Client::connected(&exchange, 2000).await;
    assert_eq!(client.ask(subscribe()).await, Status::Subscribed);
    client.read();
    for pk in 0..100 {
        publish(&exchange, &format!("{{\"pk\":{pk}}}")).await;
    }
    assert!(!client.post.is_relieved());
    let events = client.read().len();
    assert!((4..100).contains(&events), "{events}");
    assert!(client.post.is_relieved());
    exchange.relieve(client.id);
    assert!(!client.post.is_relieved());
    let gap = client.read().concat();
    let from = format!("\"from\":{},\"to\":100", events + 1);
    assert!(gap.contains("telegraphy.gap") && gap.contains(&from), "{gap}");
    publish(&exchange, "{}").await;
    assert_eq!(client.read().len(), 1);
}

#[tokio::test]
async fn the_past_of_an_event_is_read_from_the_store() {
    let exchange = exchange(&Telegraphy::default());
    define(&exchange, Guarantee::Guaranteed).await;
    for _ in 0..3 {
        publish(&exchange, "{}").await;
    }
    let mut client = Client::connected(&exchange, 1 << 20).await;
    client.read();
    let past = Subscribe { history: Some(2), ..subscribe() };
    assert_eq!(client.ask(past).await, Status::Subscribed);
    let mut texts = Vec::new();
    while texts.iter().filter(|text: &&String| text.contains("\"replay\":true")).count() < 2 {
        texts.append(&mut client.read());
        yield_now().await;
    }
    assert!(texts.iter().any(|text| text.contains("\"offset\":3")), "{texts:?}");
}

#[tokio::test]
async fn a_session_that_ended_closes_its_connection_and_who_left_is_told_nothing() {
    let exchange = exchange(&Telegraphy::default());
    let mut client = Client::connected(&exchange, 1 << 20).await;
    let other = Client::connected(&exchange, 1 << 20).await;
    assert_eq!(exchange.counts(), (2, 2));
    assert_eq!(client.ask(Disconnect { forget: true }).await, Status::Disconnected);
    assert_eq!(client.close(), Some(CloseCode::Normal));
    exchange.leave(client.id);
    exchange.leave(other.id);
    exchange.leave(other.id);
    assert_eq!(exchange.counts(), (1, 0));
}

#[tokio::test]
async fn once_it_is_stopped_questions_are_refused_and_what_waits_for_the_store_is_answered() {
    let exchange = exchange(&Telegraphy::default());
    define(&exchange, Guarantee::Guaranteed).await;
    let waiting = publish(&exchange, "{}");
    exchange.stop();
    let refused = publish(&exchange, "{}").await;
    assert_eq!(refused, Reply::Refused(Refusal::NotStored(NotStored::Busy)));
    assert!(matches!(waiting.await, Reply::Published { .. }));
}

#[tokio::test]
async fn what_is_due_is_done_without_anybody_asking() {
    let mut config = Telegraphy::default();
    config.rules.resume_window = Duration::ZERO;
    config.rules.session_ttl = Duration::from_millis(1);
    let exchange = exchange(&config);
    let client = Client::connected(&exchange, 1 << 20).await;
    exchange.leave(client.id);
    while exchange.counts() != (0, 0) {
        yield_now().await;
    }
}

#[tokio::test]
async fn nobody_connects_while_the_doors_are_shut() {
    let exchange = exchange(&Telegraphy::default());
    exchange.set_doors(Doors::Shut { message: "too much to do".to_owned(), retry_after: Some(2) });
    let mut client = Client::enter(&exchange, 1 << 20);
    let (connection, id, fresh) = (client.id, client.number(), random::fresh());
    exchange.ask(Input::Connect { connection, id, connect: Connect::new(""), peer: Peer::default(), fresh });
    assert_eq!(client.status().await, Status::Unavailable);
    assert_eq!(client.close(), Some(CloseCode::Unavailable));
    exchange.set_doors(Doors::Open);
    Client::connected(&exchange, 1 << 20).await;
}
