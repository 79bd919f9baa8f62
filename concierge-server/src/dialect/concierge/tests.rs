//! Connections of this dialect on one hub, text in and text out, without a socket or a clock.

use std::{sync::Arc, time::Duration};

use concierge_client::payload::{Limits as ToldLimits, Secret};
use uuid::Uuid;

use super::{Connection, Deliveries, Delivery, Ids, Rules, Step, Timer};
use crate::hub::{ClientId, Hub, Limits};

const ZERO: Duration = Duration::ZERO;

/// A gateway without sockets: what each client was sent is kept.
struct Gateway {
    rules: Arc<Rules>,
    hub: Hub,
    joins: u64,
    received: Vec<(ClientId, String)>,
}

impl Gateway {
    fn new(rules: Rules) -> Self {
        let limits = Limits { services: Some(1), ..Limits::default() };
        Self { rules: Arc::new(rules), hub: Hub::new(limits), joins: 0, received: Vec::new() }
    }

    fn connect(&self) -> Connection {
        Connection::new(self.rules.clone(), ZERO)
    }

    /// Hands in a text; the code and reason when it closes the connection.
    fn text(&mut self, connection: &mut Connection, text: &str) -> Option<(u16, String)> {
        self.text_at(connection, text, ZERO)
    }

    fn text_at(&mut self, connection: &mut Connection, text: &str, now: Duration) -> Option<(u16, String)> {
        let close = match connection.handle_text(text, now) {
            Step::Nothing => None,
            Step::Answer(answer) => {
                self.received.push((connection.client().unwrap(), answer.text));
                None
            }
            Step::Hub(input) => {
                let client = ClientId(self.joins);
                self.joins += 1;
                let ids = Ids {
                    client,
                    uuid: Uuid::from_u128(u128::from(client.0)),
                    fs_key: Uuid::from_u128(u128::MAX),
                };
                let mut deliveries = Deliveries::default();
                let close = connection.perform(input, &mut self.hub, ids, now, &mut deliveries);
                self.receive(&deliveries);
                close
            }
            Step::Close(close) => Some(close),
        };
        close.map(|close| (u16::from(close.code), close.reason))
    }

    fn receive(&mut self, deliveries: &Deliveries) {
        for Delivery { to, text, .. } in deliveries.iter() {
            self.received.extend(to.as_slice().iter().map(|client| (*client, text.to_owned())));
        }
    }

    fn identified(&mut self, name: &str) -> Connection {
        let mut connection = self.connect();
        let identify = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0","tags":[]}}"#);
        assert_eq!(self.text(&mut connection, &identify), None);
        self.received.clear();
        connection
    }

    fn texts(&mut self) -> Vec<String> {
        self.received.drain(..).map(|(_, text)| text).collect()
    }
}

#[test]
fn the_checks_of_identify_run_in_the_order_of_the_protocol() {
    let rules = Rules { secret: Some(Secret::new("s3cret")), ..Rules::default() };
    let mut gateway = Gateway::new(rules);
    gateway.identified_with(r#"{"type":"IDENTIFY","name":"taken","version":"0.2.0","secret":"s3cret"}"#);
    for (text, code, reason) in [
        (r#"{"type":"IDENTIFY","name":"!","version":"x","tags":3}"#, 4002, "Failed to decode payload: tags"),
        (r#"{"type":"IDENTIFY","name":"!","version":"x"}"#, 4008, "Name must be alphanumeric"),
        (r#"{"type":"IDENTIFY","name":"taken","version":"x"}"#, 4006, "Secret mismatch"),
        (r#"{"type":"IDENTIFY","name":"taken","version":"x","secret":"s3cret"}"#, 4007, "Version mismatch"),
        (
            r#"{"type":"IDENTIFY","name":"taken","version":"0.2.9","secret":"s3cret"}"#,
            4005,
            "Duplicate name in namespace",
        ),
        (r#"{"type":"SELF_FETCH"}"#, 4003, "No identification payload sent"),
        (r#"{"type":"MESSAGE","target":7}"#, 4003, "No identification payload sent"),
        (r#"{"type":"MESSAGE","x":1,"x":2}"#, 4003, "No identification payload sent"),
        (r#"{"type":"IDENTIFY","x":1,"x":2}"#, 4002, "Failed to decode payload: x"),
        (r#"{"type":"SELF_FETCH","type":"SELF_FETCH"}"#, 4002, "Failed to decode payload: type"),
        (r#"{"type":"NONSENSE"}"#, 4002, "Failed to decode payload: type"),
        (r"[]", 4002, "Failed to decode payload"),
        (r"{", 4002, "Failed to decode payload"),
    ] {
        let mut connection = gateway.connect();
        assert_eq!(gateway.text(&mut connection, text), Some((code, reason.to_owned())), "{text}");
        assert!(!connection.is_identified());
    }
}

#[test]
fn a_reserved_name_needs_its_own_secret_and_no_other_does() {
    let reserved = [("chat".parse().unwrap(), Secret::new("for chat"))].into();
    let rules = Rules { secret: Some(Secret::new("for all")), reserved, ..Rules::default() };
    let open = Rules { secret: None, ..rules.clone() };
    for (rules, name, secret, code) in [
        (&rules, "chat", r#","secret":"for all""#, Some(4006)),
        (&rules, "chat", r#","secret":"for cha""#, Some(4006)),
        (&rules, "chat", "", Some(4006)),
        (&rules, "chat", r#","secret":"for chat""#, None),
        (&rules, "other", r#","secret":"for chat""#, Some(4006)),
        (&rules, "other", r#","secret":"for all""#, None),
        (&open, "chat", "", Some(4006)),
        (&open, "chat", r#","secret":"for chat""#, None),
        (&open, "Chat", "", None),
    ] {
        let mut gateway = Gateway::new(rules.clone());
        let mut connection = gateway.connect();
        let identify = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"{secret}}}"#);
        let close = gateway.text(&mut connection, &identify).map(|(code, _)| code);
        assert_eq!(close, code, "{identify}");
    }
    assert!(!format!("{rules:?}").contains("for "), "{rules:?}");
}

impl Gateway {
    fn identified_with(&mut self, identify: &str) -> Connection {
        let mut connection = self.connect();
        assert_eq!(self.text(&mut connection, identify), None);
        self.received.clear();
        connection
    }
}

#[test]
fn a_reason_is_cut_where_a_close_frame_ends() {
    let mut gateway = Gateway::new(Rules::default());
    let mut connection = gateway.connect();
    let key = "ö".repeat(200);
    let (code, reason) =
        gateway.text(&mut connection, &format!(r#"{{"{key}":1,"{key}":2,"type":"IDENTIFY"}}"#)).unwrap();
    assert_eq!(code, 4002);
    assert!(reason.len() <= 123 && reason.starts_with("Failed to decode payload: öö"), "{reason}");
}

#[test]
fn a_client_that_asks_for_nothing_gets_the_original_hello() {
    let mut gateway = Gateway::new(Rules::default());
    let mut connection = gateway.connect();
    gateway.text(&mut connection, r#"{"type":"IDENTIFY","name":"old","version":"0.2.0","tags":[]}"#);
    assert_eq!(
        gateway.texts(),
        [r#"{"type":"HELLO","uuid":"00000000-0000-0000-0000-000000000000","version":"0.2.0"}"#]
    );
}

#[test]
fn a_client_that_asks_is_told_what_it_got() {
    let rules = Rules {
        limits: ToldLimits { services: None, ..Rules::default().limits },
        server: "concierge-server 9.9.9".to_owned(),
        ..Rules::default()
    };
    let mut gateway = Gateway::new(rules);
    let mut connection = gateway.connect();
    let identify = r#"{"type":"IDENTIFY","name":"new","version":"0.2.0","features":["compact","fs_key","x"],"intents":[]}"#;
    gateway.text(&mut connection, identify);
    assert_eq!(
        gateway.texts(),
        [concat!(
            r#"{"type":"HELLO","uuid":"00000000-0000-0000-0000-000000000000","version":"0.2.0","#,
            r#""features":["compact"],"intents":[],"server":"concierge-server 9.9.9","#,
            r#""limits":{"name":64,"service":128,"nickname":128,"message":1048576,"depth":64,"#,
            r#""subscriptions":128,"services":null}}"#,
        )]
    );
}

#[test]
fn every_text_payload_counts_and_every_answer_carries_its_number() {
    let mut gateway = Gateway::new(Rules::default());
    let mut connection = gateway.identified("alice");
    for text in [
        r#"{"type":"SERVICE_FETCH_ALL"}"#,
        "nonsense",
        r#"{"type":"IDENTIFY"}"#,
        r#"{"type":"SELF_SET_SEQ","seq":9007199254740991}"#,
        r#"{"type":"MESSAGE","target":{"type":"NAME","name":"alice"},"data":1.10}"#,
        r#"{"type":"SELF_SET_SEQ","seq":9007199254740992}"#,
    ] {
        assert_eq!(gateway.text(&mut connection, text), None);
    }
    assert_eq!(
        gateway.texts(),
        [
            r#"{"seq":0,"type":"SERVICE_FETCH_ALL_RESULT","services":[]}"#,
            r#"{"seq":1,"type":"ERROR_PROTOCOL","desc":"not JSON: expected ident at line 1 column 2"}"#,
            r#"{"seq":2,"type":"ERROR_UNSUPPORTED"}"#,
            r#"{"seq":9007199254740991,"type":"OK"}"#,
            concat!(
                r#"{"type":"MESSAGE","origin":{"name":"alice","nickname":null,"#,
                r#""uuid":"00000000-0000-0000-0000-000000000000","tags":[],"service":null},"#,
                r#""target":{"type":"NAME","name":"alice"},"data":1.10}"#,
            ),
            r#"{"seq":0,"type":"OK"}"#,
            concat!(
                r#"{"seq":1,"type":"ERROR_PROTOCOL","desc":"field `seq`: expected an integer from 0 to "#,
                r#"9007199254740991: a sequence number is at most 9007199254740991, this is 9007199254740992"}"#,
            ),
        ]
    );
}

#[test]
fn binary_before_identify_closes_and_after_it_is_ignored() {
    let mut gateway = Gateway::new(Rules::default());
    let mut connection = gateway.connect();
    assert!(matches!(connection.handle_binary(), Step::Close(close) if u16::from(close.code) == 4003));
    let mut connection = gateway.identified("alice");
    assert!(matches!(connection.handle_binary(), Step::Nothing));
    gateway.text(&mut connection, r#"{"type":"NONSENSE"}"#);
    assert_eq!(gateway.texts(), [r#"{"seq":0,"type":"ERROR_UNSUPPORTED"}"#]);
}

#[test]
fn a_client_that_does_not_identify_in_time_is_closed_whatever_else_it_sends() {
    let mut connection = Gateway::new(Rules::default()).connect();
    assert_eq!(connection.next_deadline(), Some(Duration::from_secs(5)));
    connection.handle_activity(Duration::from_secs(4));
    assert_eq!(connection.handle_deadline(Duration::from_millis(4999)), Timer::Nothing);
    let timer = connection.handle_deadline(Duration::from_secs(5));
    assert!(matches!(timer, Timer::Close(close) if u16::from(close.code) == 4004));
}

#[test]
fn a_silent_client_is_pinged_and_then_given_up() {
    let mut connection = Gateway::new(Rules::default()).identified("alice");
    let seconds = Duration::from_secs;
    assert_eq!(connection.handle_deadline(seconds(4)), Timer::Nothing);
    assert_eq!(connection.handle_deadline(seconds(5)), Timer::Ping);
    assert_eq!(connection.next_deadline(), Some(seconds(10)));
    connection.handle_activity(seconds(9));
    assert_eq!(connection.handle_deadline(seconds(10)), Timer::Nothing);
    assert_eq!(connection.handle_deadline(seconds(14)), Timer::Ping);
    assert_eq!(connection.handle_deadline(seconds(18)), Timer::Nothing);
    let timer = connection.handle_deadline(seconds(19));
    assert!(matches!(timer, Timer::Close(close) if u16::from(close.code) == 4009));
}

#[test]
fn a_late_ping_still_leaves_time_for_its_answer() {
    let mut connection = Gateway::new(Rules::default()).identified("alice");
    assert_eq!(connection.handle_deadline(Duration::from_mins(1)), Timer::Ping);
    assert_eq!(connection.handle_deadline(Duration::from_secs(61)), Timer::Nothing);
}

#[test]
fn who_goes_on_asking_for_more_than_a_limit_is_closed() {
    let mut gateway = Gateway::new(Rules::default());
    let mut connection = gateway.identified("alice");
    gateway.text(&mut connection, r#"{"type":"SERVICE_CREATE","service":"mine"}"#);
    let more = r#"{"type":"SERVICE_CREATE","service":"more"}"#;
    for refusal in 0..99_u32 {
        assert_eq!(gateway.text_at(&mut connection, more, Duration::from_millis(refusal.into())), None);
    }
    let (later, just_before) = (Duration::from_secs(10), Duration::from_millis(9_999));
    assert_eq!(gateway.text_at(&mut connection, more, later), None, "the first one is out of the window");
    gateway.received.clear();
    let close = gateway.text_at(&mut connection, more, just_before);
    assert_eq!(close, Some((4012, "Limit exceeded".to_owned())));
    assert!(connection.is_identified(), "it still has to leave");
    assert_eq!(gateway.texts().len(), 1, "the request is answered all the same");
}

#[test]
fn a_connection_that_ends_takes_its_client_along() {
    let mut gateway = Gateway::new(Rules::default());
    let _alice = gateway.identified("alice");
    let bob = gateway.identified("bob");
    let mut deliveries = Deliveries::default();
    bob.leave(&mut gateway.hub, &mut deliveries);
    gateway.receive(&deliveries);
    assert_eq!(gateway.hub.client_count(), 1);
    assert!(gateway.texts().iter().all(|text| text.starts_with(r#"{"type":"CLIENT_LEFT""#)));
    let mut deliveries = Deliveries::default();
    gateway.connect().leave(&mut gateway.hub, &mut deliveries);
    assert!(deliveries.is_empty());
}
