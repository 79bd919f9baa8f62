//! Reading what a gateway sends.

use serde_json::Value;

use super::{
    event::Event,
    name::EventName,
    response::Response,
    system::{SystemEvent, SystemFrame},
};

/// A message of the gateway.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The answer to a request, or the gateway's last word.
    Response(Box<Response>),
    /// An event of the web application.
    Event(Box<Event>),
    /// An event of the gateway itself.
    System(SystemFrame),
}

/// Why a text is not a message of a gateway.
#[derive(Debug, thiserror::Error)]
#[error("no message of a gateway")]
pub struct InvalidIncoming(#[source] serde_json::Error);

/// Each system event that this version knows.
const SYSTEM: [&str; 5] = [
    "telegraphy.ping",
    SystemEvent::REGISTRY,
    "telegraphy.subscription",
    "telegraphy.gap",
    "telegraphy.closing",
];

impl Incoming {
    /// Reads a message. A system event that this version does not know is an [`Incoming::Event`].
    ///
    /// ```
    /// use concierge_client::telegraphy::{Incoming, Status, SystemEvent};
    /// let text = r#"{"success":true,"status":"CONNECTED","id":0,"data":{"session_token":"rrssttuuvvww"}}"#;
    /// let Incoming::Response(response) = Incoming::decode(text)? else { panic!("it is a response") };
    /// assert_eq!(response.status(), Status::Connected);
    ///
    /// let Incoming::Event(event) = Incoming::decode(r#"{"event":"event.name"}"#)? else { panic!("it is an event") };
    /// assert_eq!(event.event, "event.name");
    ///
    /// let Incoming::System(frame) = Incoming::decode(r#"{"event":"telegraphy.ping","data":{}}"#)? else {
    ///     panic!("it is a system event")
    /// };
    /// assert_eq!(frame.event, SystemEvent::Ping {});
    /// # Ok::<(), concierge_client::telegraphy::InvalidIncoming>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidIncoming`] when it is neither a response nor an event.
    pub fn decode(text: &str) -> Result<Self, InvalidIncoming> {
        Self::read(text).map_err(InvalidIncoming)
    }

    fn read(text: &str) -> Result<Self, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Kind {
            event: Option<Value>,
        }

        let Kind { event } = serde_json::from_str(text)?;
        match event {
            None => serde_json::from_str(text).map(|response| Self::Response(Box::new(response))),
            Some(Value::String(name)) if SYSTEM.contains(&name.as_str()) => {
                serde_json::from_str(text).map(Self::System)
            }
            Some(_) => serde_json::from_str(text).map(|event| Self::Event(Box::new(event))),
        }
    }

    /// The event's name, if it is an event of the web application.
    pub fn event_name(&self) -> Option<&EventName> {
        match self {
            Self::Event(event) => Some(&event.event),
            Self::Response(_) | Self::System(_) => None,
        }
    }
}
