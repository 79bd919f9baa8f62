//! What a client says and tells, line by line.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use concierge_client::{
    CloseCause, ReconnectPolicy,
    session::Next,
    telegraphy::{
        CloseCode, Event, EventName, ListSubscriptions, Outcome, Ping, Position, Status, Subscribe,
        SystemEvent,
        session::{Ending, GapCause, Item, NotTaken, Output, Over, Session, StreamId, Unanswered},
    },
};

/// A client, and a gateway that says what it is told to.
struct Talk {
    client: Session<&'static str>,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        let now = Instant::now();
        let mut client = Session::new(None, None, Some(ReconnectPolicy::default()), 2, now);
        client.handle_token("token".into());
        client.handle_open(now);
        Self { client, now }
    }

    /// One that is connected.
    fn connected() -> Self {
        let mut talk = Self::new();
        talk.expect(&json!({"message": "CONNECT", "id": 0, "args": {"auth_token": "token"}}));
        let data = json!({"session_token": "session", "ping_interval": 25, "subscriptions": []});
        talk.answer(0, "CONNECTED", &data);
        assert_eq!(talk.outputs(), [Output::Connected]);
        talk
    }

    fn sent(&mut self) -> Option<Value> {
        let text = self.client.poll_transmit(self.now)?;
        Some(serde_json::from_str(&text).unwrap())
    }

    fn expect(&mut self, request: &Value) {
        assert_eq!(self.sent().as_ref(), Some(request));
        assert_eq!(self.sent(), None, "one request at a time");
    }

    fn say(&mut self, message: &Value) {
        self.client.handle_text(&message.to_string(), self.now);
    }

    fn answer(&mut self, id: u64, status: &str, data: &Value) {
        let success = Status::parse(status).unwrap().is_success();
        self.say(&json!({"success": success, "status": status, "id": id, "data": data}));
    }

    fn outputs(&mut self) -> Vec<Output<&'static str>> {
        std::iter::from_fn(|| self.client.poll_output()).collect()
    }

    fn open(&mut self, subscribe: Subscribe) -> StreamId {
        self.client.open(subscribe, 4, "opener")
    }

    /// The request for a subscription is answered with this.
    fn subscribed(&mut self, data: &Value) {
        let request = self.sent().unwrap();
        assert_eq!(request["message"], "SUBSCRIBE");
        self.answer(request["id"].as_u64().unwrap(), "SUBSCRIBED", data);
    }

    fn event(&mut self, offset: u64, subscriptions: &Value) {
        let meta = json!({"epoch": "e1", "offset": offset});
        let mut event = json!({"event": "app.Order", "meta": meta, "data": offset});
        if !subscriptions.is_null() {
            event["subscriptions"] = subscriptions.clone();
        }
        self.say(&event);
    }

    fn lose(&mut self) -> Next {
        let lost = CloseCause::Lost { detail: "cut".into() };
        let next = self.client.handle_end(Ending::of(lost), self.now, 0);
        self.outputs();
        next
    }

    /// What a stream holds, as the offsets of its events; a gap is nothing.
    fn read(&mut self, stream: StreamId) -> Vec<Option<u64>> {
        let items = std::iter::from_fn(|| self.client.take(stream));
        let offsets = items.map(|item| match item.unwrap() {
            Item::Event(event) => event.meta.and_then(|meta| meta.offset),
            _ => None,
        });
        offsets.collect()
    }
}

fn orders() -> Subscribe {
    Subscribe::new(EventName::new("app.Order").unwrap())
}

fn told(id: &str, offset: u64) -> Value {
    json!({"subscription": id, "event_name": "app.Order", "filters": {}, "registered": true, "epoch": "e1", "offset": offset})
}

#[test]
fn requests_wait_for_each_other_and_their_numbers_grow_over_connections() {
    let mut talk = Talk::connected();
    talk.client.call(Ping {}, "first").unwrap();
    talk.expect(&json!({"message": "PING", "id": 1, "args": {}}));
    talk.client.call(ListSubscriptions {}, "second").unwrap();
    talk.client.call(Ping {}, "third").unwrap();
    assert_eq!(talk.client.call(Ping {}, "fourth"), Err((NotTaken::Full, "fourth")));
    assert_eq!(talk.sent(), None);
    talk.answer(1, "PONG", &json!({}));
    assert_eq!(talk.outputs(), [Output::Answered("first", Ok(Outcome::Pong))]);
    talk.expect(&json!({"message": "SUBSCRIPTIONS", "id": 2, "args": {}}));

    let lost = CloseCause::Lost { detail: "cut".into() };
    assert!(matches!(talk.client.handle_end(Ending::of(lost), talk.now, 0), Next::Retry { attempt: 1, .. }));
    let unanswered = [
        Output::Answered("second", Err(Unanswered::MaybeSent)),
        Output::Answered("third", Err(Unanswered::NotSent)),
    ];
    assert_eq!(talk.outputs(), unanswered);
    assert_eq!(talk.client.call(Ping {}, "fifth"), Err((NotTaken::NotConnected, "fifth")));
    talk.client.handle_open(talk.now);
    talk.expect(&json!({"message": "RECONNECT", "id": 3, "session_token": "session"}));
}

#[test]
fn a_stream_in_the_middle_of_the_past_comes_back_to_where_it_was_and_others_get_nothing_twice() {
    let mut talk = Talk::connected();
    let live = talk.open(orders());
    talk.subscribed(&told("s1", 200));
    let past = talk.open(Subscribe { filters: Some(json!({"room": 1})), history: Some(100), ..orders() });
    let mut answer = told("s2", 200);
    answer["recovered"] = json!(true);
    talk.subscribed(&answer);
    for offset in [101, 102] {
        talk.event(offset, &json!(["s2"]));
    }
    talk.lose();

    talk.client.handle_open(talk.now);
    let positions = json!({"app.Order": {"epoch": "e1", "offset": 102}});
    talk.expect(
        &json!({"message": "RECONNECT", "id": 3, "session_token": "session", "args": {"positions": positions}}),
    );
    let subscriptions = [told("s1", 201), told("s2", 201)].map(|mut told| {
        told["recovered"] = json!(true);
        told
    });
    talk.say(&json!({"message": "CONNECTED", "id": 3, "subscriptions": subscriptions}));
    for offset in [103, 201] {
        talk.event(offset, &Value::Null);
    }
    assert_eq!(talk.read(past), [101, 102, 103, 201].map(Some));
    assert_eq!(talk.read(live), [Some(201)]);
}

#[test]
fn who_is_not_taken_back_connects_with_a_fresh_token_and_subscribes_again() {
    let mut talk = Talk::connected();
    let stream = talk.open(orders());
    talk.subscribed(&told("s1", 10));
    talk.event(11, &Value::Null);
    talk.lose();
    assert!(!talk.client.needs_token());
    talk.client.handle_open(talk.now);
    talk.sent();
    talk.say(&json!({"message": "INVALID_TOKEN", "id": 2, "subscriptions": [], "data": {"message": "no"}}));
    assert!(matches!(talk.outputs()[..], [Output::Close(Ending::Refused { .. })]));
    assert!(matches!(talk.lose(), Next::Retry { .. }));

    assert!(talk.client.needs_token());
    talk.client.handle_token("fresh".into());
    talk.client.handle_open(talk.now);
    let args = json!({"auth_token": "fresh", "session_token": "session"});
    talk.expect(&json!({"message": "CONNECT", "id": 3, "args": args}));
    talk.answer(3, "CONNECTED", &json!({"session_token": "another", "resumed": false}));
    let since = json!({"epoch": "e1", "offset": 11});
    let args = json!({"event_name": "app.Order", "permanent": false, "lazy": false, "since": since});
    talk.expect(&json!({"message": "SUBSCRIBE", "id": 4, "args": args}));
    let mut answer = told("s1", 20);
    answer["recovered"] = json!(false);
    talk.answer(4, "SUBSCRIBED", &answer);
    assert_eq!(talk.client.take(stream).unwrap().unwrap(), Item::Event(Box::new(event_of(11))));
    assert!(is_gap(talk.client.take(stream), GapCause::NotRecovered, Some(11), 20));
}

fn event_of(offset: u64) -> Event {
    let meta = json!({"epoch": "e1", "offset": offset});
    serde_json::from_value(json!({"event": "app.Order", "meta": meta, "data": offset})).unwrap()
}

/// Whether an item is a gap with this cause, and these offsets around it.
fn is_gap(item: Option<Result<Item, Over>>, cause: GapCause, after: Option<u64>, until: u64) -> bool {
    let position = |offset| Position::new("e1", offset);
    let Some(Ok(Item::Gap(gap))) = item else { return false };
    gap.cause == cause && gap.after == after.map(position) && gap.until == Some(position(until))
}

#[test]
fn a_token_that_was_not_looked_at_is_presented_again() {
    for (failure, is_kept) in [("UNAVAILABLE", true), ("INVALID_TOKEN", false), ("LIMIT_EXCEEDED", false)] {
        let mut talk = Talk::new();
        talk.sent();
        talk.answer(0, failure, &json!({"message": "no", "retry_after": 3}));
        let Next::Retry { at, .. } = talk.lose() else { panic!("{failure} is not the end") };
        assert!(at >= talk.now + Duration::from_secs(3), "it is left alone as long as it asked");
        assert_eq!(talk.client.needs_token(), !is_kept, "{failure}");
    }
}

#[test]
fn a_second_token_that_is_refused_is_the_last() {
    let mut talk = Talk::new();
    for (id, next) in [(0, true), (1, false)] {
        talk.sent();
        talk.answer(id, "INVALID_TOKEN", &json!({"message": "no"}));
        assert_eq!(matches!(talk.lose(), Next::Retry { .. }), next);
        talk.client.handle_token("another".into());
        talk.client.handle_open(talk.now);
    }
}

#[test]
fn each_close_code_leads_to_what_the_protocol_says() {
    for code in CloseCode::all() {
        let mut talk = Talk::connected();
        let next = talk.client.handle_end(Ending::Closed { code }, talk.now, 0);
        let comes_back = code.is_worth_another_try() || code == CloseCode::InvalidToken;
        assert_eq!(matches!(next, Next::Retry { .. }), comes_back, "{code}");
        assert_eq!(talk.client.needs_token(), code == CloseCode::InvalidToken, "{code}");
    }
}

#[test]
fn what_came_for_a_permanent_subscription_waits_for_its_reader() {
    let mut talk = Talk::new();
    talk.sent();
    let mut kept = told("s1", 12);
    (kept["permanent"], kept["recovered"]) = (json!(true), json!(true));
    talk.answer(
        0,
        "CONNECTED",
        &json!({"session_token": "session", "resumed": true, "subscriptions": [kept]}),
    );
    talk.event(11, &Value::Null);
    let stream = talk.open(Subscribe { permanent: true, ..orders() });
    let mut answer = told("s1", 12);
    answer["existing"] = json!(true);
    talk.subscribed(&answer);
    talk.event(12, &Value::Null);
    assert_eq!(talk.read(stream), [Some(11), Some(12)]);
}

#[test]
fn a_gateway_that_is_silent_is_dead_and_one_that_speaks_is_not() {
    let mut talk = Talk::connected();
    let begin = talk.now;
    assert_eq!(talk.client.deadline(), Some(begin + Duration::from_secs(35)));
    talk.now += Duration::from_secs(30);
    talk.say(&json!({"event": "telegraphy.ping", "data": {}}));
    assert_eq!(talk.client.deadline(), Some(begin + Duration::from_secs(65)));
    talk.client.handle_deadline(begin + Duration::from_secs(64));
    assert_eq!(talk.outputs(), []);
    talk.client.handle_deadline(begin + Duration::from_secs(65));
    assert!(matches!(talk.outputs()[..], [Output::Close(Ending::Silent { .. })]));
}

#[test]
fn a_request_without_an_answer_ends_the_connection() {
    let mut talk = Talk::connected();
    talk.client.call(Ping {}, "caller").unwrap();
    talk.sent();
    talk.client.handle_deadline(talk.now + Duration::from_secs(30));
    assert!(matches!(talk.outputs()[..], [Output::Close(Ending::Unanswered { .. })]));
}

#[test]
fn what_all_streams_have_dealt_with_is_acknowledged() {
    let mut talk = Talk::connected();
    let (one, other) =
        (talk.open(orders()), talk.open(Subscribe { filters: Some(json!({"a": 1})), ..orders() }));
    talk.subscribed(&told("s1", 0));
    talk.subscribed(&told("s2", 0));
    talk.event(1, &json!(["s1"]));
    talk.event(2, &json!(["s1", "s2"]));
    talk.event(3, &json!(["s1"]));
    assert_eq!(talk.read(one), [1, 2, 3].map(Some));
    talk.client.deal(one);
    let ack = |id, offset| {
        let args = json!({"event_name": "app.Order", "epoch": "e1", "offset": offset});
        json!({"message": "ACK", "id": id, "args": args})
    };
    talk.expect(&ack(3, 1));
    assert_eq!(talk.read(other), [Some(2)]);
    talk.answer(3, "ACKNOWLEDGED", &json!({"offset": 1}));
    assert_eq!(talk.sent(), None, "it is not dealt with by being taken");
    talk.client.deal(other);
    talk.expect(&ack(4, 3));
    talk.answer(4, "NOT_SUBSCRIBED", &json!({"message": "it is not guaranteed"}));
    talk.event(4, &Value::Null);
    talk.read(one);
    talk.client.deal(one);
    assert_eq!(talk.sent(), None, "what is not guaranteed is not acknowledged");
}

#[test]
fn a_stream_that_is_not_read_loses_the_oldest_and_says_so_once() {
    let mut talk = Talk::connected();
    let stream = talk.open(orders());
    talk.subscribed(&told("s1", 0));
    for offset in 1..=9 {
        talk.event(offset, &Value::Null);
    }
    assert!(is_gap(talk.client.take(stream), GapCause::Overflow, None, 6));
    assert_eq!(talk.read(stream), [7, 8, 9].map(Some));
}

#[test]
fn a_subscription_that_nobody_reads_ends_but_not_while_another_stream_has_it() {
    let mut talk = Talk::connected();
    let (one, other) = (talk.open(orders()), talk.open(orders()));
    talk.subscribed(&told("s1", 0));
    talk.subscribed(&told("s1", 0));
    talk.client.drop_stream(one, false);
    assert_eq!(talk.sent(), None);
    talk.client.drop_stream(other, false);
    let args = json!({"event_name": "app.Order", "filters": null});
    talk.expect(&json!({"message": "UNSUBSCRIBE", "id": 3, "args": args}));
}

#[test]
fn a_revoked_subscription_ends_its_stream_after_what_it_holds() {
    let mut talk = Talk::connected();
    let stream = talk.open(orders());
    talk.subscribed(&told("s1", 0));
    talk.event(1, &Value::Null);
    let data = json!({"subscription": "s1", "event_name": "app.Order", "state": "revoked", "reason": "no"});
    talk.say(&json!({"event": "telegraphy.subscription", "data": data}));
    assert!(matches!(talk.client.take(stream), Some(Ok(Item::Event(_)))));
    assert_eq!(talk.client.take(stream), Some(Err(Over::Revoked { reason: Some("no".to_owned()) })));
    assert_eq!(talk.client.take(stream), None);
}

#[test]
fn the_registry_is_an_event_for_who_subscribed_to_it() {
    let mut talk = Talk::connected();
    let stream = talk.open(Subscribe::new(EventName::new(SystemEvent::REGISTRY).unwrap()));
    talk.subscribed(&json!({"subscription": "s1", "event_name": SystemEvent::REGISTRY, "registered": true}));
    let data = json!({"action": "registered", "event_name": "app.Order", "version": 1});
    talk.say(&json!({"event": SystemEvent::REGISTRY, "data": data}));
    assert!(matches!(talk.client.take(stream), Some(Ok(Item::Event(_)))));
}

#[test]
fn what_is_no_telegraphy_ends_the_connection() {
    let mut talk = Talk::connected();
    talk.client.handle_text("garbage", talk.now);
    assert!(matches!(talk.outputs()[..], [Output::Close(Ending::Foreign { .. })]));
    assert_eq!(talk.lose(), Next::GiveUp);
}
