//! Events as they go over the socket of a session: everything the SDK's events tell, in a form that reads back. No IO.

use std::{sync::Arc, time::Duration};

use concierge_client::{
    CloseCause, Event, Loss, Lost, Restored, Resumed, Role,
    payload::{CloseCode, Incoming, Intent, Intents, Seq, ServiceName, Target, encode},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::protocol::{milliseconds, read_reply, refusal, write_reply};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Happening {
    /// The gateway told something.
    Payload {
        /// The payload, as on the wire.
        payload: String,
    },
    /// The gateway told something that the session does not know.
    Unknown {
        /// Its type.
        kind: String,
        /// All of it.
        raw: String,
    },
    /// Some of it is missing here.
    Lagged {
        /// How much.
        missed: u64,
    },
    /// The connection to the gateway is gone.
    Disconnected {
        /// Why.
        cause: Cause,
        /// When it is tried again.
        retry_in_ms: u64,
    },
    /// It is not back yet.
    Reconnecting {
        /// The number of the next attempt.
        attempt: u32,
        /// When that begins.
        retry_in_ms: u64,
        /// What stood in the way of the last one.
        why: String,
    },
    /// It is back.
    Resumed {
        /// The id from now on.
        uuid: Uuid,
        /// The id before.
        previous: Uuid,
        /// How many connections there were before.
        epoch: u64,
        /// How long it was away.
        gap_ms: u64,
        /// How many attempts it took.
        attempts: u32,
        /// What came back of services.
        services: Vec<ServiceName>,
        /// What came back of subscriptions.
        subscriptions: Vec<ServiceName>,
        /// What comes back when its service does.
        pending: Vec<ServiceName>,
        /// What did not.
        lost: Vec<Gone>,
    },
    /// Answers did not match.
    Resynchronized {
        /// The number that belonged to nothing.
        stray: Seq,
        /// How many requests failed by it.
        failed: usize,
    },
    /// The session has lost the gateway for good.
    Closed {
        /// Why.
        cause: Cause,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    ByClient,
    ByGateway { code: u16, reason: String },
    Lost(String),
    SilentMs(u64),
    StalledMs(u64),
    TooLarge(usize),
    NotUtf8,
    Violation(String),
    GaveUp(String),
    NotRestoredMs(u64),
    Abandoned,
}

/// A service or a subscription that did not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gone {
    owned: bool,
    service: ServiceName,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    TakenBy(Uuid),
    Refused(String),
    Mismatched,
    Ended,
}

impl Happening {
    /// An event of the SDK; none for a kind that this version does not know.
    pub(super) fn of(event: &Event) -> Option<Self> {
        if let Some(payload) = event.payload() {
            return Some(Self::Payload { payload: encode(&payload) });
        }
        Some(match event {
            Event::Unknown { kind, raw } => Self::Unknown { kind: kind.clone(), raw: raw.clone() },
            Event::Lagged { missed } => Self::Lagged { missed: *missed },
            Event::Disconnected { cause, retry_in } => {
                Self::Disconnected { cause: cause.into(), retry_in_ms: milliseconds(*retry_in) }
            }
            Event::Reconnecting { attempt, retry_in, why } => Self::Reconnecting {
                attempt: *attempt,
                retry_in_ms: milliseconds(*retry_in),
                why: why.to_string(),
            },
            Event::Resumed(resumed) => Self::resumed(resumed),
            Event::Resynchronized { stray, failed } => {
                Self::Resynchronized { stray: *stray, failed: *failed }
            }
            Event::Closed(cause) => Self::Closed { cause: cause.into() },
            _ => return None,
        })
    }

    fn resumed(resumed: &Resumed) -> Self {
        let Restored { services, subscriptions, pending, lost, .. } = &resumed.restored;
        Self::Resumed {
            uuid: resumed.uuid,
            previous: resumed.previous,
            epoch: resumed.epoch,
            gap_ms: milliseconds(resumed.gap),
            attempts: resumed.attempts,
            services: services.clone(),
            subscriptions: subscriptions.clone(),
            pending: pending.clone(),
            lost: lost.iter().map(Gone::of).collect(),
        }
    }

    /// The event that it was.
    pub(super) fn into_event(self) -> Event {
        match self {
            Self::Payload { payload } => match Incoming::decode(&payload) {
                Ok(Incoming::Event(event)) => event.into(),
                _ => Event::Unknown { kind: String::new(), raw: payload },
            },
            Self::Unknown { kind, raw } => Event::Unknown { kind, raw },
            Self::Lagged { missed } => Event::Lagged { missed },
            Self::Disconnected { cause, retry_in_ms } => {
                Event::Disconnected { cause: cause.into(), retry_in: Duration::from_millis(retry_in_ms) }
            }
            Self::Reconnecting { attempt, retry_in_ms, why } => {
                Event::Reconnecting { attempt, retry_in: Duration::from_millis(retry_in_ms), why: why.into() }
            }
            Self::Resumed {
                uuid,
                previous,
                epoch,
                gap_ms,
                attempts,
                services,
                subscriptions,
                pending,
                lost,
            } => {
                let mut restored = Restored::default();
                restored.services = services;
                restored.subscriptions = subscriptions;
                restored.pending = pending;
                restored.lost = lost.into_iter().map(Gone::into_lost).collect();
                let gap = Duration::from_millis(gap_ms);
                Event::Resumed(Arc::new(Resumed::new(uuid, previous, epoch, gap, attempts, restored)))
            }
            Self::Resynchronized { stray, failed } => Event::Resynchronized { stray, failed },
            Self::Closed { cause } => Event::Closed(cause.into()),
        }
    }
}

/// Whether a client with these intents would be told of an event, as a gateway decides it.
pub(super) fn is_intended(event: &Event, intents: Intents) -> bool {
    match event {
        Event::ClientJoined { .. } | Event::ClientLeft { .. } => intents.contains(Intent::Presence),
        Event::ServiceCreated { .. } => intents.contains(Intent::Services),
        Event::ServiceClientSubscribed { .. } | Event::ServiceClientUnsubscribed { .. } => {
            intents.contains(Intent::Subscribers)
        }
        Event::Message(message) => message.target != Target::All || intents.contains(Intent::Broadcasts),
        // A deletion reaches a subscriber in any case, and what happens to the connection everybody.
        _ => true,
    }
}

impl From<&CloseCause> for Cause {
    fn from(cause: &CloseCause) -> Self {
        match cause {
            CloseCause::ByClient => Self::ByClient,
            CloseCause::ByGateway { code, reason } => {
                Self::ByGateway { code: (*code).into(), reason: reason.to_string() }
            }
            CloseCause::Lost { detail } => Self::Lost(detail.to_string()),
            CloseCause::Silent { silence } => Self::SilentMs(milliseconds(*silence)),
            CloseCause::Stalled { stalled } => Self::StalledMs(milliseconds(*stalled)),
            CloseCause::TooLarge { limit } => Self::TooLarge(*limit),
            CloseCause::NotUtf8 => Self::NotUtf8,
            CloseCause::Violation { detail } => Self::Violation(detail.to_string()),
            CloseCause::GaveUp { detail } => Self::GaveUp(detail.to_string()),
            CloseCause::NotRestored { within } => Self::NotRestoredMs(milliseconds(*within)),
            CloseCause::Abandoned => Self::Abandoned,
            other => Self::Lost(other.to_string()),
        }
    }
}

impl From<Cause> for CloseCause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::ByClient => Self::ByClient,
            Cause::ByGateway { code, reason } => {
                Self::ByGateway { code: CloseCode::from(code), reason: reason.into() }
            }
            Cause::Lost(detail) => Self::Lost { detail: detail.into() },
            Cause::SilentMs(silence) => Self::Silent { silence: Duration::from_millis(silence) },
            Cause::StalledMs(stalled) => Self::Stalled { stalled: Duration::from_millis(stalled) },
            Cause::TooLarge(limit) => Self::TooLarge { limit },
            Cause::NotUtf8 => Self::NotUtf8,
            Cause::Violation(detail) => Self::Violation { detail: detail.into() },
            Cause::GaveUp(detail) => Self::GaveUp { detail: detail.into() },
            Cause::NotRestoredMs(within) => Self::NotRestored { within: Duration::from_millis(within) },
            Cause::Abandoned => Self::Abandoned,
        }
    }
}

impl Gone {
    fn of(lost: &Lost) -> Self {
        let why = match &lost.loss {
            Loss::TakenBy(uuid) => Why::TakenBy(*uuid),
            Loss::Refused(rejection) => match refusal(rejection.clone()) {
                Some(reply) => Why::Refused(write_reply(&reply)),
                None => Why::Mismatched,
            },
            Loss::Ended => Why::Ended,
            // What was wrong with the answer stands in the session's log.
            _ => Why::Mismatched,
        };
        Self { owned: lost.role == Role::Owner, service: lost.service.clone(), why }
    }

    fn into_lost(self) -> Lost {
        let loss = match self.why {
            Why::TakenBy(uuid) => Loss::TakenBy(uuid),
            Why::Refused(payload) => {
                match read_reply(&payload).map(concierge_client::payload::Reply::accepted) {
                    Ok(Err(rejection)) => Loss::Refused(rejection),
                    _ => Loss::Mismatched,
                }
            }
            Why::Mismatched => Loss::Mismatched,
            Why::Ended => Loss::Ended,
        };
        Lost { role: if self.owned { Role::Owner } else { Role::Subscriber }, service: self.service, loss }
    }
}

#[cfg(test)]
mod tests {
    use concierge_client::Rejection;

    use super::*;

    fn told(text: &str) -> Event {
        match Incoming::decode(text) {
            Ok(Incoming::Event(event)) => event.into(),
            other => panic!("{other:?}"),
        }
    }

    const BOB: &str =
        r#"{"name":"bob","nickname":null,"uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","tags":[]}"#;

    fn message(target: &str) -> Event {
        let origin = BOB.replace("\"tags\":[]", "\"tags\":[],\"service\":null");
        let data = "{\"a\": 1.10,\r\n \"a\":1e400}";
        told(&format!(r#"{{"type":"MESSAGE","origin":{origin},"target":{target},"data":{data}}}"#))
    }

    fn through(event: &Event) -> Event {
        let line = serde_json::to_string(&Happening::of(event).unwrap()).unwrap();
        assert!(!line.contains(['\n', '\r']), "{line}");
        serde_json::from_str::<Happening>(&line).unwrap().into_event()
    }

    #[test]
    fn a_message_comes_through_byte_for_byte() {
        let event = message(r#"{"type":"ALL"}"#);
        assert_eq!(through(&event), event);
    }

    #[test]
    fn every_event_comes_through() {
        let name = |text: &str| text.parse::<ServiceName>().unwrap();
        let lost = |role, loss| Lost { role, service: name("x"), loss };
        let mut restored = Restored::default();
        restored.services = vec![name("a")];
        restored.subscriptions = vec![name("b")];
        restored.pending = vec![name("c d")];
        restored.lost = vec![
            lost(Role::Owner, Loss::TakenBy(Uuid::from_u128(3))),
            lost(Role::Subscriber, Loss::Refused(Rejection::Refused { desc: Some("limit".into()) })),
            lost(Role::Owner, Loss::Mismatched),
            lost(Role::Subscriber, Loss::Ended),
        ];
        let gap = Duration::from_millis(1500);
        let resumed = Resumed::new(Uuid::from_u128(1), Uuid::from_u128(2), 3, gap, 4, restored);
        let second = Duration::from_secs(1);
        let causes = [
            CloseCause::ByClient,
            CloseCause::ByGateway { code: CloseCode::Kicked, reason: "\u{1b}[2J".into() },
            CloseCause::Lost { detail: "reset".into() },
            CloseCause::Silent { silence: second },
            CloseCause::Stalled { stalled: second },
            CloseCause::TooLarge { limit: 7 },
            CloseCause::NotUtf8,
            CloseCause::Violation { detail: "x".into() },
            CloseCause::GaveUp { detail: "x".into() },
            CloseCause::NotRestored { within: second },
            CloseCause::Abandoned,
        ];
        let mut events = vec![
            told(&format!(r#"{{"type":"CLIENT_JOINED","client":{BOB}}}"#)),
            Event::Unknown { kind: "X".into(), raw: "{\"type\":\"X\"}".into() },
            Event::Lagged { missed: 3 },
            Event::Disconnected { cause: CloseCause::NotUtf8, retry_in: second },
            Event::Reconnecting { attempt: 2, retry_in: second, why: "refused".into() },
            Event::Resumed(Arc::new(resumed)),
            Event::Resynchronized { stray: Seq::MAX, failed: 1 },
        ];
        events.extend(causes.map(Event::Closed));
        for event in events {
            assert_eq!(through(&event), event);
        }
    }

    #[test]
    fn intents_leave_out_what_a_gateway_would() {
        let to_all = message(r#"{"type":"ALL"}"#);
        let to_me = message(r#"{"type":"NAME","name":"me"}"#);
        let joined = told(&format!(r#"{{"type":"CLIENT_JOINED","client":{BOB}}}"#));
        assert!(!is_intended(&to_all, Intents::NONE) && is_intended(&to_me, Intents::NONE));
        assert!(is_intended(&to_all, Intents::NONE.with(Intent::Broadcasts)));
        assert!(!is_intended(&joined, Intents::NONE) && is_intended(&joined, Intents::ALL));
        assert!(is_intended(&Event::Lagged { missed: 1 }, Intents::NONE));
    }
}
