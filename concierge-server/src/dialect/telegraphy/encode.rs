//! Effects as texts, each encoded once whoever receives it.

use concierge_client::{
    payload::encode,
    telegraphy::{Outcome, RequestId, Response, SystemEvent, SystemFrame, Timestamp},
};

use crate::events::{Published, Variant};

/// The text of an [`Effect::Answer`](crate::events::Effect::Answer).
pub fn answer(id: RequestId, outcome: Outcome) -> String {
    encode(&Response::new(id, outcome))
}

/// The text of an [`Effect::Event`](crate::events::Effect::Event).
pub fn event(event: &Published, variant: &Variant) -> String {
    encode(&event.event(variant))
}

/// The text of an [`Effect::System`](crate::events::Effect::System).
pub fn system(event: SystemEvent, now: Timestamp) -> String {
    encode(&SystemFrame::new(event, now))
}
