//! Clients and the gateway that is built beside them, in one process over TCP.

use std::time::Duration;

use concierge_client::{
    CallError, Client, ClientBuilder, CloseCause, CloseCode, ConnectError, Event, Events, Message, Rejection,
    Target,
    payload::{Feature, Intents, Seq, Service, ServiceName},
};
use concierge_server::{Config, Server};
use serde_json::json;

/// A gateway for as long as the test runs; its URL.
async fn gateway(config: &str) -> String {
    let config = Config::from_toml(&format!("bind = \"127.0.0.1:0\"\n{config}")).expect("it is valid");
    let server = Server::bind(config).await.expect("there is a free port");
    let url = server.url();
    tokio::spawn(server.run(std::future::pending()));
    url
}

fn builder(url: &str, name: &str) -> ClientBuilder {
    Client::builder(url, name).expect("both are valid")
}

async fn connect(url: &str, name: &str) -> (Client, Events) {
    builder(url, name).connect_with_events().await.expect("the gateway lets it in")
}

/// The next message of a stream, whatever else is in it.
async fn message(events: &mut Events) -> Message {
    let next = events.wait_for(Duration::from_secs(10), |event| match event {
        Event::Message(message) => Some(message.clone()),
        _ => None,
    });
    next.await.expect("a message comes")
}

fn service(name: &str) -> ServiceName {
    name.parse().expect("it is a service name")
}

#[tokio::test]
async fn the_gateway_grants_what_the_client_asks_for() {
    let url = gateway("").await;
    let (alice, _events) = connect(&url, "alice").await;
    let session = alice.session();
    assert!(session.features().contains(Feature::Compact));
    assert_eq!(session.intents(), Intents::ALL);
    assert!(session.server().unwrap().starts_with("concierge-server "));
    assert_eq!(session.message_limit(), 1 << 20);
    assert!(alice.ping().await.unwrap() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_service_from_its_creation_to_its_end() {
    let url = gateway("").await;
    let (alice, mut of_alice) = connect(&url, "alice").await;
    let (bob, mut of_bob) = connect(&url, "bob").await;

    assert!(alice.create_service("söö x").nickname("S").await.unwrap().successful);
    assert!(!bob.create_service("söö x").await.unwrap().successful);
    assert!(bob.subscribe("söö x").await.unwrap().successful);
    assert!(!bob.subscribe("söö x").await.unwrap().successful);
    let Service { owner_uuid, subscribers, .. } = bob.service("söö x").await.unwrap();
    assert_eq!((owner_uuid, subscribers), (alice.uuid(), vec![bob.uuid()]));

    alice.to(service("söö x")).json(&json!({"to": "all"})).await.unwrap();
    let heard = message(&mut of_bob).await;
    assert_eq!(heard.data.as_str(), r#"{"to":"all"}"#);
    assert_eq!(heard.origin.service.unwrap().name, "söö x");
    bob.to(service("söö x")).json("back").await.unwrap();
    assert_eq!(message(&mut of_alice).await.origin.uuid, bob.uuid());
    alice.to(Target::service_client(service("söö x"), bob.uuid())).json(&1).await.unwrap();
    assert_eq!(message(&mut of_bob).await.data.as_str(), "1");

    let refused = bob.delete_service("söö x").await.unwrap_err();
    assert!(matches!(refused, CallError::Rejected(Rejection::Refused { .. })));
    assert!(bob.unsubscribe("söö x").await.unwrap().successful);
    assert_eq!(alice.delete_service("söö x").await.unwrap().name, "söö x");
    let gone = bob.service("söö x").await.unwrap_err();
    assert!(matches!(gone, CallError::Rejected(Rejection::UnknownService { service }) if service == "söö x"));
    assert!(bob.services().await.unwrap().is_empty());
}

#[tokio::test]
async fn clients_find_each_other_and_see_each_other_leave() {
    let url = gateway("").await;
    let (alice, mut events) = connect(&url, "alice").await;
    let bob = builder(&url, "bob").nickname("Bob").tags(["x"]).connect().await.unwrap();
    let joined = events.next().await;
    assert!(matches!(joined, Some(Event::ClientJoined { client }) if client.uuid == bob.uuid()));
    let names: Vec<_> = alice.clients().await.unwrap().into_iter().map(|client| client.name).collect();
    assert_eq!(names, ["alice", "bob"]);
    let fetched = alice.client(bob.uuid()).await.unwrap();
    assert_eq!(fetched.client.nickname.as_deref(), Some("Bob"));
    alice.to("bob").json(&()).await.unwrap();
    alice.to(bob.uuid()).json(&()).await.unwrap();
    alice.to(Target::All).json(&()).await.unwrap();
    let uuid = bob.uuid();
    bob.close().await;
    let left = events.wait_for(Duration::from_secs(10), |event| match event {
        Event::ClientLeft { client } => Some(client.uuid),
        _ => None,
    });
    assert_eq!(left.await.unwrap(), uuid);
    let refused = alice.to(uuid).json(&()).await.unwrap_err();
    assert!(matches!(refused, CallError::Rejected(Rejection::UnknownUuid { .. })));
}

#[tokio::test]
async fn thousands_of_calls_at_once_each_get_their_own_answer() {
    let url = gateway("").await;
    let (alice, _events) = connect(&url, "alice").await;
    let calls: Vec<_> = (0..3000)
        .map(|number| {
            let call = alice.to(format!("nobody_{number}").as_str()).json(&number);
            (number, tokio::spawn(call.into_future()))
        })
        .collect();
    alice.set_sequence(Seq::new(7).unwrap()).await.unwrap();
    for (number, call) in calls {
        let refused = call.await.unwrap().unwrap_err();
        let CallError::Rejected(Rejection::UnknownName { name }) = refused else { panic!("{refused:?}") };
        assert_eq!(name, format!("nobody_{number}"));
    }
}

#[tokio::test]
async fn a_message_of_the_largest_size_goes_through_and_a_larger_one_does_not_go_out() {
    let url = gateway("").await;
    let (alice, mut events) = connect(&url, "alice").await;
    let overhead = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"alice"},"data":""}"#.len();
    let largest = "x".repeat(alice.session().message_limit() - overhead);
    alice.to("alice").json(&largest).await.unwrap();
    assert_eq!(message(&mut events).await.data.as_str().len(), largest.len() + 2);
    let larger = alice.to("alice").json(&format!("{largest}x")).await.unwrap_err();
    assert!(matches!(larger, CallError::TooLarge { .. }), "{larger}");
}

#[tokio::test]
async fn the_door() {
    let url = gateway("secret = \"open sesame\"").await;
    let refused = async |builder: ClientBuilder| match builder.connect().await {
        Err(ConnectError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(builder(&url, "alice")).await, CloseCode::BadSecret);
    assert_eq!(refused(builder(&url, "alice").secret("open barley")).await, CloseCode::BadSecret);
    let alice = builder(&url, "alice").secret("open sesame").connect().await.unwrap();
    assert_eq!(refused(builder(&url, "alice").secret("open sesame")).await, CloseCode::DuplicateAuth);
    alice.close().await;
}

#[tokio::test]
async fn a_path_that_is_no_gateway() {
    let url = gateway("").await;
    let error = builder(&url.replace("/ws", "/nothing"), "alice").connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Http { status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn a_gateway_that_stops_says_so() {
    let config = Config::from_toml("bind = \"127.0.0.1:0\"").unwrap();
    let server = Server::bind(config).await.unwrap();
    let url = server.url();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let alice = builder(&url, "alice").no_reconnect().connect().await.unwrap();
    drop(stop);
    let cause = alice.closed().await;
    assert!(matches!(cause, CloseCause::ByGateway { code: CloseCode::GoingAway, .. }), "{cause}");
    assert!(cause.is_temporary());
    running.await.unwrap();
}

/// A gateway that can be stopped; what it listens on.
async fn stoppable() -> (std::net::SocketAddr, impl AsyncFnOnce()) {
    let config = Config::from_toml("bind = \"127.0.0.1:0\"").expect("it is valid");
    let server = Server::bind(config).await.expect("there is a free port");
    let address = server.local_addr().expect("it listens over TCP");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    (address, async move || {
        drop(stop);
        running.await.expect("it stops in order");
    })
}

async fn resumed(events: &mut Events) -> std::sync::Arc<concierge_client::Resumed> {
    let resumed = events.wait_for(Duration::from_secs(30), |event| match event {
        Event::Resumed(resumed) => Some(std::sync::Arc::clone(resumed)),
        _ => None,
    });
    resumed.await.expect("the client comes back")
}

#[tokio::test]
async fn a_gateway_that_is_started_anew_is_brought_to_where_the_old_one_was() {
    let (first, stop) = stoppable().await;
    let (address, current) = tokio::sync::watch::channel(first);
    let connect = async |name: &str| {
        let current = current.clone();
        let open = move || tokio::net::TcpStream::connect(*current.borrow());
        let builder = builder("ws://127.0.0.1/ws", name).connect_through(open);
        builder.connect_with_events().await.expect("the gateway lets it in")
    };
    let (alice, mut of_alice) = connect("alice").await;
    let (bob, mut of_bob) = connect("bob").await;
    alice.create_service("news").nickname("The news").await.unwrap();
    bob.subscribe("news").await.unwrap();
    let before = (alice.uuid(), bob.uuid());

    let (second, _stop) = stoppable().await;
    address.send(second).unwrap();
    stop().await;
    let back = resumed(&mut of_alice).await;
    assert_eq!(back.restored.services, ["news"]);
    assert_eq!((back.previous, back.uuid), (before.0, alice.uuid()));
    resumed(&mut of_bob).await;
    // Bob may have been back before the service was. Then he waited for it, and subscribes as it appears.
    let subscribers = async {
        loop {
            let Service { subscribers, nickname, .. } = alice.service("news").await.unwrap();
            if !subscribers.is_empty() {
                break (subscribers, nickname.map(|nickname| nickname.to_string()));
            }
        }
    };
    let restored = tokio::time::timeout(Duration::from_secs(30), subscribers).await.unwrap();
    assert_eq!(restored, (vec![bob.uuid()], Some("The news".to_owned())));
    alice.to(service("news")).json("again").await.unwrap();
    assert_eq!(message(&mut of_bob).await.data.as_str(), r#""again""#);
    assert_eq!((alice.stats().reconnects, alice.session().epoch), (1, 1));
}
