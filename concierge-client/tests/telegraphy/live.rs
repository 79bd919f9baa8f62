//! The client with its connection, and a gateway that does what the test says.

use std::{io, time::Duration};

use concierge_client::{
    ConnectError, ReconnectPolicy,
    telegraphy::{
        AskError, AuthToken, CloseCode, ComeInError, EventName, EventStream, FetchPresence, ListEvents,
        Received, State, Status, StreamError, Telegraphy, TelegraphyBuilder,
        session::{Ending, GapCause, Over},
    },
    testing::{ScriptedGateway, ScriptedListener},
};
use serde_json::{Value, json};

/// A client that finds the listener, and comes back at once.
fn builder(listener: &ScriptedListener, token: AuthToken) -> TelegraphyBuilder {
    let at_once = ReconnectPolicy::default().between(Duration::ZERO, Duration::ZERO);
    let builder = Telegraphy::builder(listener.url(), token).unwrap();
    builder.connect_through(listener.dialer()).reconnect(at_once)
}

async fn answer(gateway: &mut ScriptedGateway, status: &str, data: Value) -> Value {
    let request = gateway.receive().await;
    let success = Status::parse(status).unwrap().is_success();
    let answer = json!({"success": success, "status": status, "id": request["id"], "data": data});
    gateway.send(&answer).await;
    request
}

async fn let_in(listener: &ScriptedListener) -> ScriptedGateway {
    let mut gateway = listener.accept().await;
    let data = json!({"session_token": "session", "user": "42", "ping_interval": 25});
    let request = answer(&mut gateway, "CONNECTED", data).await;
    assert_eq!(request["message"], "CONNECT");
    gateway
}

async fn connected() -> (Telegraphy, ScriptedGateway, ScriptedListener) {
    let listener = ScriptedListener::in_memory();
    let connecting = builder(&listener, AuthToken::new("token")).connect();
    let (telegraphy, gateway) = tokio::join!(connecting, let_in(&listener));
    (telegraphy.unwrap(), gateway, listener)
}

/// A client with a stream of orders.
async fn listening() -> (EventStream<Value>, ScriptedGateway, ScriptedListener) {
    let (telegraphy, mut gateway, listener) = connected().await;
    let opening = telegraphy.subscribe("app.Order").filter(json!({"room": 1})).open();
    let told = subscription(0);
    let (stream, request) = tokio::join!(opening, answer(&mut gateway, "SUBSCRIBED", told));
    assert_eq!(request["args"]["filters"], json!({"room": 1}));
    (stream.unwrap(), gateway, listener)
}

fn subscription(offset: u64) -> Value {
    json!({"subscription": "s1", "event_name": "app.Order", "registered": true, "epoch": "e1", "offset": offset})
}

fn event(offset: u64, data: &Value) -> Value {
    json!({"event": "app.Order", "meta": {"epoch": "e1", "offset": offset}, "data": data})
}

async fn data(stream: &mut EventStream<Value>) -> Value {
    match stream.next().await {
        Some(Ok(Received::Event(event))) => event.data,
        other => panic!("expected an event, found {other:?}"),
    }
}

#[tokio::test]
async fn events_come_and_are_acknowledged_when_the_next_is_asked_for() {
    let (mut stream, mut gateway, _listener) = listening().await;
    gateway.send(&event(1, &json!("one"))).await;
    gateway.send(&event(2, &json!("two"))).await;
    assert_eq!(data(&mut stream).await, "one");
    assert_eq!(data(&mut stream).await, "two");
    let ack = answer(&mut gateway, "ACKNOWLEDGED", json!({"offset": 1})).await;
    assert_eq!((&ack["message"], &ack["args"]["offset"]), (&json!("ACK"), &json!(1)));
    stream.acknowledge();
    let ack = answer(&mut gateway, "ACKNOWLEDGED", json!({"offset": 2})).await;
    assert_eq!(ack["args"]["offset"], 2);
    drop(stream);
}

#[tokio::test]
async fn nothing_is_acknowledged_of_what_is_not_guaranteed() {
    let with_log = json!({"epoch": "e1", "offset": 0, "delivery": "best_effort"});
    for delivery in [with_log, json!({})] {
        let (telegraphy, mut gateway, _listener) = connected().await;
        let opening = telegraphy.subscribe("app.Order").open();
        let mut told = json!({"subscription": "s1", "event_name": "app.Order", "registered": true});
        told.as_object_mut().unwrap().extend(delivery.as_object().unwrap().clone());
        let (stream, _) = tokio::join!(opening, answer(&mut gateway, "SUBSCRIBED", told));
        let mut stream = stream.unwrap();
        gateway.send(&event(1, &json!("one"))).await;
        gateway.send(&event(2, &json!("two"))).await;
        data(&mut stream).await;
        data(&mut stream).await;
        stream.acknowledge();
        let (pong, request) = tokio::join!(telegraphy.ping(), answer(&mut gateway, "PONG", json!({})));
        pong.unwrap();
        assert_eq!(request["message"], "PING");
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_after_the_connection_was_lost() {
    let (mut stream, mut gateway, listener) = listening().await;
    gateway.send(&event(1, &json!("one"))).await;
    assert_eq!(data(&mut stream).await, "one");
    gateway.hang_up();

    let mut gateway = listener.accept().await;
    let request = gateway.receive().await;
    let positions = json!({"app.Order": {"epoch": "e1", "offset": 1}});
    assert_eq!((&request["message"], &request["session_token"]), (&json!("RECONNECT"), &json!("session")));
    assert_eq!(request["args"]["positions"], positions);
    let mut told = subscription(9);
    told["recovered"] = json!(false);
    gateway.send(&json!({"message": "CONNECTED", "id": request["id"], "subscriptions": [told]})).await;
    gateway.send(&event(10, &json!("ten"))).await;
    let Some(Ok(Received::Gap(gap))) = stream.next().await else { panic!("expected a gap") };
    assert_eq!(gap.cause, GapCause::NotRecovered);
    assert_eq!(data(&mut stream).await, "ten");
}

#[tokio::test]
async fn states_tell_why_a_connection_is_gone_what_the_next_one_said_and_the_end() {
    let (telegraphy, mut gateway, listener) = connected().await;
    let mut states = telegraphy.states();
    assert!(matches!(states.next().await, Some(State::Connected(said)) if !said.resumed));
    gateway.close(4503, "UNAVAILABLE").await;
    let expected = State::Connecting(Ending::Closed { code: CloseCode::Unavailable });
    assert_eq!(states.next().await, Some(expected));
    let mut gateway = listener.accept().await;
    let id = gateway.receive().await["id"].clone();
    gateway.send(&json!({"message": "CONNECTED", "id": id, "subscriptions": []})).await;
    assert!(matches!(states.next().await, Some(State::Connected(said)) if said.resumed));
    drop(telegraphy);
    assert_eq!(states.next().await, Some(State::Closed(Ending::ByClient)));
    assert_eq!(states.next().await, None);
}

#[tokio::test]
async fn a_fresh_token_is_asked_for_when_the_session_is_gone() {
    let listener = ScriptedListener::in_memory();
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let token = AuthToken::provider(move || {
        sender.send(()).ok();
        async { Ok::<_, io::Error>("fresh") }
    });
    let (telegraphy, gateway) = tokio::join!(builder(&listener, token).connect(), let_in(&listener));
    let telegraphy = telegraphy.unwrap();
    asked.recv().await.unwrap();
    gateway.hang_up();
    let mut gateway = listener.accept().await;
    let request = gateway.receive().await;
    let refusal = json!({"message": "INVALID_TOKEN", "id": request["id"], "subscriptions": [], "data": {"message": "no"}});
    gateway.send(&refusal).await;
    let_in(&listener).await;
    asked.recv().await.unwrap();
    assert_eq!(telegraphy.session().user.unwrap(), "42");
}

#[tokio::test]
async fn a_token_that_works_once_is_not_presented_twice() {
    let (telegraphy, mut gateway, listener) = connected().await;
    gateway.close(4401, "INVALID_TOKEN").await;
    assert_eq!(telegraphy.closed().await, Ending::TokenSpent);
    drop(listener);
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let listener = ScriptedListener::in_memory();
    let refuse = async {
        let mut gateway = listener.accept().await;
        answer(&mut gateway, "INVALID_TOKEN", json!({"message": "unknown"})).await;
        gateway.expect_close().await
    };
    let (connected, _) = tokio::join!(builder(&listener, AuthToken::anonymous()).connect(), refuse);
    let Err(ComeInError::Ended(Ending::Refused { failure })) = connected else { panic!("{connected:?}") };
    assert_eq!(failure.status, Status::InvalidToken);

    let url = listener.url();
    drop(listener);
    let nowhere = Telegraphy::builder(url, "token").unwrap();
    let refused =
        || async { Err::<tokio::io::DuplexStream, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) };
    let connected = nowhere.connect_through(refused).connect().await;
    assert!(matches!(connected, Err(ComeInError::Unreached(ConnectError::Connector { .. }))));
}

#[tokio::test]
async fn a_session_of_before_costs_no_token() {
    let listener = ScriptedListener::in_memory();
    let take_back = async {
        let mut gateway = listener.accept().await;
        let request = gateway.receive().await;
        assert_eq!((&request["message"], &request["session_token"]), (&json!("RECONNECT"), &json!("old")));
        gateway.send(&json!({"message": "CONNECTED", "id": request["id"], "subscriptions": []})).await;
        gateway
    };
    let connecting = builder(&listener, AuthToken::new("token")).session("old").connect();
    let (telegraphy, _gateway) = tokio::join!(connecting, take_back);
    assert!(telegraphy.unwrap().is_connected());
}

#[tokio::test]
async fn what_is_asked_is_answered_or_refused() {
    let (telegraphy, mut gateway, _listener) = connected().await;
    let list = json!({"events": [{"name": "app.Order", "version": 1}], "after": null});
    let (events, _) =
        tokio::join!(telegraphy.events(ListEvents::default()), answer(&mut gateway, "EVENTS", list));
    assert_eq!(events.unwrap().events[0].definition.name, "app.Order");

    let presence = FetchPresence { event_name: EventName::new("app.Room").unwrap(), filters: None };
    let refused = json!({"message": "no such event"});
    let (asked, _) =
        tokio::join!(telegraphy.presence(presence), answer(&mut gateway, "UNKNOWN_EVENT", refused));
    assert!(matches!(asked, Err(AskError::Refused(failure)) if failure.status == Status::UnknownEvent));

    let (ping, _) = tokio::join!(telegraphy.ping(), answer(&mut gateway, "PONG", json!({})));
    ping.unwrap();
    let (refreshed, request) = tokio::join!(
        telegraphy.refresh("fresh"),
        answer(&mut gateway, "CONNECTED", json!({"resumed": true}))
    );
    refreshed.unwrap();
    assert_eq!(request["args"]["auth_token"], "fresh");
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_no_stream() {
    let (telegraphy, mut gateway, _listener) = connected().await;
    let opening = telegraphy.subscribe("app.Order").filter(json!({"a__gtt": 1})).open::<Value>();
    let failure = json!({"message": "unknown lookup 'gtt'", "path": "a__gtt"});
    let (opened, _) = tokio::join!(opening, answer(&mut gateway, "INVALID_FILTERS", failure));
    assert_eq!(opened.unwrap_err().refusal().unwrap().path.as_deref(), Some("a__gtt"));
    assert!(telegraphy.subscribe("").open::<Value>().await.is_err());
}

#[tokio::test]
async fn data_that_is_something_else_is_an_error_and_the_stream_goes_on() {
    let (telegraphy, mut gateway, _listener) = connected().await;
    let opening = telegraphy.subscribe("app.Order").open::<u32>();
    let told = subscription(0);
    let (stream, _) = tokio::join!(opening, answer(&mut gateway, "SUBSCRIBED", told));
    let mut stream = stream.unwrap();
    gateway.send(&event(1, &json!("no number"))).await;
    gateway.send(&event(2, &json!(2))).await;
    assert!(matches!(stream.next().await, Some(Err(StreamError::Decode { .. }))));
    assert!(matches!(stream.next().await, Some(Ok(Received::Event(event))) if event.data == 2));
}

#[tokio::test]
async fn dropping_a_stream_unsubscribes_and_the_last_handle_closes() {
    let (stream, mut gateway, _listener) = listening().await;
    drop(stream);
    assert_eq!(gateway.receive().await["message"], "UNSUBSCRIBE");
    assert_eq!(gateway.expect_close().await, Some(1000));
}

#[tokio::test]
async fn a_client_that_is_taken_over_ends_and_so_do_its_streams() {
    let (mut stream, mut gateway, _listener) = listening().await;
    gateway.close(4409, "TAKEN_OVER").await;
    let Some(Err(StreamError::Over(Over::Ended(ending)))) = stream.next().await else { panic!("it ends") };
    assert_eq!(ending, Ending::Closed { code: CloseCode::TakenOver });
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn whoever_disconnects_has_ended() {
    let (telegraphy, mut gateway, _listener) = connected().await;
    let goodbye = async {
        let request = answer(&mut gateway, "DISCONNECTED", json!({})).await;
        assert_eq!(request["args"]["forget"], true);
        gateway.expect_close().await
    };
    let (said, code) = tokio::join!(telegraphy.disconnect(true), goodbye);
    said.unwrap();
    assert_eq!(code, Some(1000));
    assert_eq!(telegraphy.closed().await, Ending::ByClient);
    assert!(matches!(telegraphy.ping().await, Err(AskError::Closed(Ending::ByClient))));
    assert!(telegraphy.subscribe("app.Order").open::<Value>().await.is_err());
}

#[tokio::test]
async fn whoever_disconnects_acknowledges_first_what_is_dealt_with() {
    let (telegraphy, mut gateway, _listener) = connected().await;
    let opening = telegraphy.subscribe("app.Order").open();
    let (stream, _) = tokio::join!(opening, answer(&mut gateway, "SUBSCRIBED", subscription(0)));
    let mut stream = stream.unwrap();
    for offset in [1, 2] {
        gateway.send(&event(offset, &json!(offset))).await;
        assert_eq!(data(&mut stream).await, offset);
    }
    // The first is acknowledged by now, and nobody has answered that yet.
    stream.acknowledge();
    let goodbye = async {
        let first = answer(&mut gateway, "ACKNOWLEDGED", json!({"offset": 1})).await;
        let second = answer(&mut gateway, "ACKNOWLEDGED", json!({"offset": 2})).await;
        let last = answer(&mut gateway, "DISCONNECTED", json!({})).await;
        assert_eq!((&first["args"]["offset"], &second["args"]["offset"]), (&json!(1), &json!(2)));
        assert_eq!((&last["message"], &last["args"]["forget"]), (&json!("DISCONNECT"), &json!(true)));
    };
    let (left, ()) = tokio::join!(telegraphy.disconnect(true), goodbye);
    left.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_falls_silent_is_left() {
    let (telegraphy, mut gateway, listener) = connected().await;
    let mut next = tokio::select! {
        () = gateway.silence() => unreachable!("it is silent for ever"),
        next = listener.accept() => next,
    };
    let request = next.receive().await;
    assert_eq!(request["message"], "RECONNECT");
    drop(telegraphy);
}
