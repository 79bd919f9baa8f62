//! Effects as text.

use concierge_client::{
    payload::encode as json,
    telegraphy::{Response, SystemFrame, Timestamp},
};

use crate::events::{ConnectionId, Effect};

/// A text, encoded once, and who is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Nobody twice, never empty.
    pub to: Vec<ConnectionId>,
    /// The text of the WebSocket message.
    pub text: String,
}

/// The text of an effect; none if it is not one that is sent.
pub fn encode(effect: &Effect, now: Timestamp) -> Option<Delivery> {
    match effect {
        Effect::Answer { to, id, outcome } => {
            let response = Response::new(*id, outcome.clone());
            Some(Delivery { to: vec![*to], text: json(&response) })
        }
        Effect::Event { to, event, variant } => {
            Some(Delivery { to: to.clone(), text: json(&event.event(variant)) })
        }
        Effect::System { to, event } => {
            let frame = SystemFrame::new(event.clone(), now);
            Some(Delivery { to: to.clone(), text: json(&frame) })
        }
        Effect::Close { .. }
        | Effect::Store { .. }
        | Effect::Read { .. }
        | Effect::Reply { .. }
        | Effect::Refused { .. } => None,
    }
}
