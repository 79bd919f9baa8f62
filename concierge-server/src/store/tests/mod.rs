//! What a store promises, on both media; and what becomes of it when the disk, or somebody else, does not play along.

mod failures;
mod files;
mod promises;
mod twins;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use concierge_client::telegraphy::{Definition, Epoch, EventName, Grants, Guarantee, Position, Timestamp};
use uuid::Uuid;

use super::{Query, Store, StoreError};
use crate::events::record::{
    Change, DefinitionRecord, EventRecord, Page, SessionId, SessionRecord, SubscriptionId,
    SubscriptionRecord, TokenHash,
};

/// More than any test writes.
const AMPLE: u64 = 1 << 30;

/// The time at which everything in these tests begins.
const START: Timestamp = Timestamp::from_micros(1_795_206_660_000_000);

/// So many seconds after the beginning.
fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

fn name(text: &str) -> EventName {
    text.parse().unwrap()
}

/// An event of the first epoch of `app.Order` that expires after an hour.
fn event(offset: u64) -> EventRecord {
    EventRecord {
        event: name("app.Order"),
        epoch: Epoch::new("e1"),
        offset,
        id: Arc::from(format!("id-{offset}")),
        is_publishers: false,
        published: START,
        expires: at(3600),
        meta: Arc::from(r#"{"event_type":"create"}"#),
        data: Arc::from(format!(r#"{{"pk":{offset}}}"#)),
        previous: None,
    }
}

fn append(offset: u64) -> Change {
    Change::Append(event(offset))
}

fn definition(text: &str, epoch: Option<&str>) -> DefinitionRecord {
    let mut definition = Definition::new(name(text));
    if epoch.is_some() {
        definition.delivery = Guarantee::Guaranteed;
    }
    DefinitionRecord { source: Arc::from("django"), definition, version: 1, epoch: epoch.map(Epoch::new) }
}

fn session(number: u8) -> SessionRecord {
    SessionRecord {
        id: SessionId(Uuid::from_bytes([number; 16])),
        token: TokenHash([number; 32]),
        user: (number > 1).then(|| format!("user {number}").parse().unwrap()),
        host: (number > 2).then(|| "2001:db8::1".parse().unwrap()),
        grants: Arc::new(
            serde_json::from_str::<Grants>(
                r#"{"app.Order":{"filters":{"customer":42}},"chat.Message":true}"#,
            )
            .unwrap(),
        ),
        expires: at(86_400),
    }
}

fn subscription(session_number: u8, id: u32) -> SubscriptionRecord {
    SubscriptionRecord {
        session: session(session_number).id,
        id: SubscriptionId(id),
        event: name("app.Order"),
        filters: r#"{"room":42}"#.into(),
        lazy: id > 1,
        since: Position::new("e1", u64::from(id)),
    }
}

/// Has changes made durable, and waits for it.
fn keep(store: &Store, changes: Vec<Change>) -> Result<(), StoreError> {
    let (sender, receiver) = mpsc::channel();
    store.submit(changes, move |result| sender.send(result).unwrap());
    receiver.recv().unwrap()
}

/// Waits until one bit more of what is to be swept is.
fn round(store: &Store) {
    // What was asked for before is in the round of the first at the latest, and whoever waits for that hears before it is swept.
    keep(store, Vec::new()).unwrap();
    keep(store, Vec::new()).unwrap();
}

fn whole(after: u64, now: Timestamp) -> Query {
    Query {
        event: name("app.Order"),
        epoch: Epoch::new("e1"),
        after,
        most: 10_000,
        most_bytes: usize::MAX,
        now,
    }
}

fn offsets(page: &Page) -> Vec<u64> {
    page.events.iter().map(|event| event.offset).collect()
}
