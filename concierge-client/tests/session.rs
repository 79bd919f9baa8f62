//! The session of a client as data: texts and times in, outputs out. No socket and no clock.

use std::{
    cell::Cell,
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use concierge_client::{
    payload::{
        DecodeError, Event, Identify, Reply, SelfFetch, SelfSetSeq, Seq, ServiceFetchAll, encode_sequenced,
    },
    session::{
        AnswerError, Connection, Encoded, Heard, KeepAlive, NotHello, NotReady, Phase, Vigil, Waiting,
    },
};
use proptest::prelude::*;

const HELLO: &str = r#"{"type":"HELLO","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","version":"0.2.0"}"#;

/// What a request leaves behind in these tests: its number among them, and whether it is still waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    number: usize,
    abandoned: Rc<Cell<bool>>,
}

impl Token {
    fn new(number: usize) -> Self {
        Self { number, abandoned: Rc::default() }
    }
}

impl Waiting for Token {
    fn is_abandoned(&self) -> bool {
        self.abandoned.get()
    }
}

fn handshake() -> Connection<Token> {
    let mut connection = Connection::new(&Identify::new(&"alice".parse().expect("it is a name")));
    connection.poll_transmit().expect("IDENTIFY goes out first");
    connection
}

fn identified() -> Connection<Token> {
    let mut connection = handshake();
    assert!(matches!(connection.handle_text(HELLO), Heard::Hello(_)));
    connection
}

fn fetch() -> Encoded {
    Encoded::new(&SelfFetch {}).expect("it is JSON")
}

#[test]
fn identify_goes_out_first_and_nothing_before_hello() {
    let mut connection = Connection::new(&Identify::new(&"alice".parse().unwrap()));
    assert_eq!(connection.phase(), Phase::Handshake);
    assert_eq!(
        connection.poll_transmit().as_deref(),
        Some(r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","tags":[]}"#)
    );
    assert_eq!(connection.request(fetch(), Token::new(0)), Err(NotReady { token: Token::new(0) }));
    assert_eq!(connection.poll_transmit(), None);
}

#[test]
fn whatever_comes_before_hello_ends_the_connection() {
    for (text, other) in [
        (r#"{"type":"CLIENT_LEFT"}"#, false),
        ("garbage", false),
        (r#"{"seq":0,"type":"OK"}"#, true),
        (r#"{"type":"FROM_THE_FUTURE"}"#, true),
    ] {
        let mut connection = handshake();
        match connection.handle_text(text) {
            Heard::NotHello(NotHello::Other) => assert!(other, "{text}"),
            Heard::NotHello(NotHello::Malformed(_)) => assert!(!other, "{text}"),
            heard => panic!("{text}: {heard:?}"),
        }
        assert_eq!(connection.phase(), Phase::Closed);
        assert_eq!(connection.handle_text(HELLO), Heard::Nothing);
    }
}

#[test]
fn requests_are_counted_from_0_and_answers_may_come_in_any_order() {
    let mut connection = identified();
    for number in 0..3 {
        let seq = connection.request(fetch(), Token::new(number)).unwrap();
        assert_eq!(seq.value(), number as u64);
    }
    assert_eq!(connection.waiting(), 3);
    for number in [2, 0, 1] {
        let seq = Seq::new(number).unwrap();
        let heard = connection.handle_text(&encode_sequenced(seq, &Reply::Ok));
        let token = Token::new(usize::try_from(number).unwrap());
        assert_eq!(heard, Heard::Answer { token, reply: Ok(Reply::Ok) });
    }
    assert_eq!(connection.waiting(), 0);
    assert_eq!(connection.handle_text(r#"{"seq":1,"type":"OK"}"#), Heard::Stray(Seq::new(1).unwrap()));
    assert_eq!(connection.counts().stray, 1);
}

#[test]
fn what_answers_nothing_leaves_the_requests_alone() {
    let mut connection = identified();
    connection.request(fetch(), Token::new(0)).unwrap();
    let left = concat!(
        r#"{"type":"CLIENT_LEFT","client":{"name":"bob","nickname":null,"#,
        r#""uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]}}"#
    );
    assert!(matches!(connection.handle_text(left), Heard::Event(Event::ClientLeft { .. })));
    assert_eq!(connection.handle_text(r#"{"type":"NEW"}"#), Heard::Unknown { kind: "NEW".to_owned() });
    assert_eq!(connection.handle_text(HELLO), Heard::Unknown { kind: "HELLO".to_owned() });
    let malformed = connection.handle_text(r#"{"type":"CLIENT_JOINED"}"#);
    assert!(
        matches!(malformed, Heard::Malformed { kind, error: DecodeError::Payload { .. } } if kind == "CLIENT_JOINED")
    );
    assert_eq!(connection.waiting(), 1);
    let counts = connection.counts();
    assert_eq!((counts.unknown, counts.malformed), (2, 1));
}

#[test]
fn an_answer_that_cannot_be_read_is_an_answer_all_the_same() {
    let mut connection = identified();
    connection.request(fetch(), Token::new(0)).unwrap();
    connection.request(fetch(), Token::new(1)).unwrap();
    let heard = connection.handle_text(r#"{"seq":0,"type":"NEW"}"#);
    assert!(
        matches!(heard, Heard::Answer { reply: Err(AnswerError::Unknown { kind }), .. } if kind == "NEW")
    );
    let heard = connection.handle_text(r#"{"seq":1,"type":"SELF_FETCH_RESULT","client":7}"#);
    assert!(matches!(heard, Heard::Answer { reply: Err(AnswerError::Malformed(_)), .. }));
}

#[test]
fn the_answer_of_an_abandoned_request_is_late() {
    let mut connection = identified();
    let token = Token::new(0);
    connection.request(fetch(), token.clone()).unwrap();
    token.abandoned.set(true);
    assert_eq!(connection.waiting(), 0);
    assert_eq!(
        connection.handle_text(r#"{"seq":0,"type":"OK"}"#),
        Heard::Late { seq: Seq::ZERO, reply: Ok(Reply::Ok) }
    );
    assert_eq!(connection.counts().late, 1);
}

#[test]
fn the_end_hands_back_what_was_not_answered_in_the_order_it_was_sent() {
    let mut connection = identified();
    for number in 0..3 {
        connection.request(fetch(), Token::new(number)).unwrap();
    }
    connection.handle_text(r#"{"seq":1,"type":"OK"}"#);
    assert_eq!(connection.handle_closed().map(|token| token.number).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(connection.phase(), Phase::Closed);
    assert_eq!(connection.poll_transmit(), None);
    assert!(connection.request(fetch(), Token::new(3)).is_err());
    assert_eq!(connection.handle_text(r#"{"seq":0,"type":"OK"}"#), Heard::Nothing);
}

/// What happens, and at which second, while a peer that was heard at these seconds is watched over.
fn watch(heard_at: &[u64], until: u64) -> Vec<(u64, &'static str)> {
    let start = Instant::now();
    let mut keepalive = KeepAlive::new(Duration::from_secs(5), Duration::from_secs(15));
    let mut happened = Vec::new();
    for second in 0..=until {
        let heard = heard_at.iter().rev().find(|heard| **heard <= second).copied().unwrap_or(0);
        let at = |second| start + Duration::from_secs(second);
        match keepalive.poll(at(second), at(heard)) {
            Vigil::Wait { until } => assert!(until > at(second), "it never waits for the past"),
            Vigil::Ping => happened.push((second, "ping")),
            Vigil::Dead { .. } => {
                happened.push((second, "dead"));
                break;
            }
        }
    }
    happened
}

#[test]
fn a_peer_that_is_never_heard_is_pinged_and_dead_after_15_s() {
    assert_eq!(watch(&[], 60), [(5, "ping"), (10, "ping"), (15, "dead")]);
}

#[test]
fn a_peer_that_talks_is_not_pinged() {
    assert_eq!(watch(&[2, 6, 10, 14], 18), []);
}

#[test]
fn a_peer_that_answers_pings_lives() {
    assert_eq!(watch(&[6, 12], 19), [(5, "ping"), (11, "ping"), (17, "ping")]);
}

/// One step of a client and its gateway.
#[derive(Debug, Clone)]
enum Step {
    Request,
    SetSequence(u64),
    /// The caller of one of the requests that wait stops waiting.
    Abandon(prop::sample::Index),
    /// The gateway answers the oldest request.
    Answer,
    /// The gateway says something that answers nothing.
    Say(String),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Request),
        1 => prop_oneof![0..8_u64, Just(Seq::MAX.value())].prop_map(Step::SetSequence),
        2 => any::<prop::sample::Index>().prop_map(Step::Abandon),
        5 => Just(Step::Answer),
        1 => "\\PC*".prop_map(Step::Say),
    ]
}

/// A gateway that counts as the protocol says, and knows nothing of clients.
#[derive(Default)]
struct Counting {
    next: u64,
    unanswered: VecDeque<(u64, Token)>,
}

impl Counting {
    fn receive(&mut self, sets: Option<u64>, token: Token) {
        let seq = sets.unwrap_or(self.next);
        self.next = if seq == Seq::MAX.value() { 0 } else { seq + 1 };
        self.unanswered.push_back((seq, token));
    }
}

proptest! {
    #[test]
    fn every_request_gets_its_own_answer_exactly_once(steps in prop::collection::vec(step(), 0..200)) {
        let mut connection = identified();
        let mut gateway = Counting::default();
        let mut sent = 0;
        for step in steps {
            match step {
                Step::Request | Step::SetSequence(_) => {
                    let token = Token::new(sent);
                    sent += 1;
                    let (request, sets) = match step {
                        Step::SetSequence(number) => {
                            (Encoded::new(&SelfSetSeq { seq: Seq::new(number).unwrap() }).unwrap(), Some(number))
                        }
                        _ => (Encoded::new(&ServiceFetchAll {}).unwrap(), None),
                    };
                    let seq = connection.request(request, token.clone()).unwrap();
                    prop_assert!(connection.poll_transmit().is_some());
                    gateway.receive(sets, token);
                    prop_assert_eq!(gateway.unanswered.back().map(|(seq, _)| *seq), Some(seq.value()));
                }
                Step::Abandon(index) if !gateway.unanswered.is_empty() => {
                    let (_, token) = &gateway.unanswered[index.index(gateway.unanswered.len())];
                    token.abandoned.set(true);
                }
                Step::Answer => if let Some((seq, token)) = gateway.unanswered.pop_front() {
                    let seq = Seq::new(seq).unwrap();
                    let heard = connection.handle_text(&encode_sequenced(seq, &Reply::Ok));
                    if token.is_abandoned() {
                        prop_assert_eq!(heard, Heard::Late { seq, reply: Ok(Reply::Ok) });
                    } else {
                        prop_assert_eq!(heard, Heard::Answer { token, reply: Ok(Reply::Ok) });
                    }
                },
                Step::Say(text) => drop(connection.handle_text(&text)),
                Step::Abandon(_) => {}
            }
            let waiting = gateway.unanswered.iter().filter(|(_, token)| !token.is_abandoned()).count();
            prop_assert_eq!(connection.waiting(), waiting);
        }
        let left: Vec<_> = gateway.unanswered.into_iter().map(|(_, token)| token).collect();
        prop_assert_eq!(connection.handle_closed().collect::<Vec<_>>(), left);
        prop_assert_eq!(connection.counts().stray, 0);
    }

    #[test]
    fn no_text_breaks_a_session(texts in prop::collection::vec("\\PC*", 0..20), identify in any::<bool>()) {
        let mut connection = if identify { identified() } else { handshake() };
        for text in texts {
            connection.handle_text(&text);
        }
    }
}
