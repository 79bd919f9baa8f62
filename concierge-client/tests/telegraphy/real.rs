//! A client, a web application and a real gateway, over sockets.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use concierge_client::{
    Data, ReconnectPolicy,
    telegraphy::{
        AuthToken, EventName, EventStream, PublishError, Publisher, Received, Telegraphy, UserId,
        web::{DefineEvents, IssueToken, Publish},
    },
};
use concierge_server::{Config, Server};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{DuplexStream, copy_bidirectional, duplex},
    net::TcpStream,
    sync::Notify,
};

/// The key that the gateway takes of web applications.
pub(crate) const KEY: &str = "sesame";

/// A gateway: where clients connect, and where web applications ask.
pub(crate) async fn gateway() -> (SocketAddr, String) {
    let mut config = Config::from_toml("bind = \"127.0.0.1:0\"").unwrap();
    config.telegraphy.bind = vec!["127.0.0.1:0".parse().unwrap()];
    config.telegraphy.api_keys = vec![KEY.into()];
    let server = Server::bind(config).await.unwrap();
    let addresses = (server.local_addr().unwrap(), format!("http://{}", server.api_addresses()[0]));
    tokio::spawn(server.run(std::future::pending()));
    addresses
}

/// A web application with orders, some of which customer 42 may see.
struct Shop {
    publisher: Publisher,
    gateway: SocketAddr,
    /// Cuts the connection of the customer.
    cut: Arc<Notify>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Order {
    customer: u32,
    total: u32,
}

impl Shop {
    async fn open(delivery: Value) -> Self {
        let (gateway, url) = gateway().await;
        let publisher = Publisher::new(&url, KEY).unwrap();
        let mut definition = json!({"name": "shop.Order", "audience": "private"});
        definition.as_object_mut().unwrap().extend(delivery.as_object().unwrap().clone());
        let events = json!({"source": "shop", "events": [definition]});
        let events: DefineEvents = serde_json::from_value(events).unwrap();
        publisher.define(&events).await.unwrap();
        Self { publisher, gateway, cut: Arc::default() }
    }

    async fn sell(&self, customer: u32, total: u32) {
        let data = Data::from_value(&json!({"customer": customer, "total": total})).unwrap();
        let order = Publish::new(EventName::new("shop.Order").unwrap(), data);
        self.publisher.publish(order).await.unwrap();
    }

    /// Customer 42, with a fresh token whenever one is needed.
    async fn customer(&self) -> Telegraphy {
        let publisher = self.publisher.clone();
        let token = AuthToken::provider(move || {
            let publisher = publisher.clone();
            let grants = json!({"shop.Order": {"filters": {"customer": 42}}});
            let token: IssueToken = serde_json::from_value(json!({"user": "42", "grants": grants})).unwrap();
            async move { Ok::<_, PublishError>(publisher.issue_token(token).await?.token) }
        });
        let (gateway, cut) = (self.gateway, Arc::clone(&self.cut));
        let at_once = ReconnectPolicy::default().between(Duration::ZERO, Duration::ZERO);
        let builder = Telegraphy::builder(format!("ws://{gateway}/telegraphy/ws"), token).unwrap();
        let builder = builder.connect_through(move || dial(gateway, Arc::clone(&cut))).reconnect(at_once);
        builder.connect().await.unwrap()
    }
}

/// A connection that can be cut.
async fn dial(gateway: SocketAddr, cut: Arc<Notify>) -> io::Result<DuplexStream> {
    let mut wire = TcpStream::connect(gateway).await?;
    let (near, mut far) = duplex(1 << 16);
    tokio::spawn(async move {
        tokio::select! {
            _ = copy_bidirectional(&mut far, &mut wire) => {}
            () = cut.notified() => {}
        }
    });
    Ok(near)
}

/// The total of the next order, which is not one that may be missing.
async fn next_total(orders: &mut EventStream<Order>) -> u32 {
    match orders.next().await.unwrap().unwrap() {
        Received::Event(order) => {
            assert_eq!(order.data.customer, 42);
            order.data.total
        }
        other => panic!("an order is due, not {other:?}"),
    }
}

async fn is_whole_over_many_connections(delivery: Value) {
    let shop = Shop::open(delivery).await;
    let customer = shop.customer().await;
    let first = customer.session();
    assert_eq!(first.user, Some(UserId::new("42").unwrap()));
    let large = customer.subscribe("shop.Order").filter(json!({"total__gte": 10}));
    let mut orders = large.open::<Order>().await.unwrap();
    for round in 1..=5 {
        shop.sell(42, round * 10).await;
        assert_eq!(next_total(&mut orders).await, round * 10);
        shop.cut.notify_one();
        for total in [3, 1, 2] {
            // Somebody else's, and one that is too small.
            shop.sell(7, 1000).await;
            shop.sell(42, total).await;
            shop.sell(42, round * 10 + total).await;
        }
        for total in [3, 1, 2] {
            assert_eq!(next_total(&mut orders).await, round * 10 + total);
        }
    }
    assert_ne!(customer.session().connection, first.connection, "it was cut");
    customer.disconnect(true).await.unwrap();
}

#[tokio::test]
async fn guaranteed_events_come_once_and_in_order_whatever_becomes_of_connections() {
    is_whole_over_many_connections(json!({"delivery": "guaranteed"})).await;
}

#[tokio::test]
async fn so_do_those_of_best_effort_of_which_the_gateway_keeps_the_last() {
    is_whole_over_many_connections(json!({"retain": 100})).await;
}

#[tokio::test]
async fn what_the_web_application_takes_back_is_told_to_who_listens() {
    let shop = Shop::open(json!({})).await;
    let customer = shop.customer().await;
    let mut orders = customer.subscribe("shop.Order").lazy().open::<Order>().await.unwrap();
    shop.publisher.undefine(&EventName::new("shop.Order").unwrap()).await.unwrap();
    assert!(matches!(orders.next().await.unwrap().unwrap(), Received::Suspended { .. }));
}
