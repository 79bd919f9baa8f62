//! What a connection has delivered.

use concierge_client::payload::{Reply, Seq, encode, encode_sequenced, write_ok};

use crate::hub::{Effect, Recipients, Token};

/// How much room is kept for the next texts, in bytes: a large one was an exception.
const KEPT_BYTES: usize = 64 * 1024;

/// A text for one client or several, encoded once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'d> {
    /// Whose outboxes it goes to.
    pub to: &'d Recipients,
    /// Its `type`.
    pub kind: &'static str,
    /// The text of the WebSocket message.
    pub text: &'d str,
}

/// Texts for clients, in this order. Handed in again and again they cost no allocation: that is what [`Deliveries::clear`] is for.
#[derive(Debug, Default)]
pub struct Deliveries {
    parts: Vec<Part>,
    /// The texts that are small and many, one after the other.
    texts: String,
    /// Empty between two uses.
    pub(super) effects: Vec<Effect>,
}

#[derive(Debug)]
struct Part {
    to: Recipients,
    kind: &'static str,
    text: Text,
}

#[derive(Debug)]
enum Text {
    /// Where it begins and ends among the others.
    Among(usize, usize),
    Alone(String),
}

impl Deliveries {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Delivery<'_>> {
        self.parts.iter().map(|Part { to, kind, text }| {
            let text = match text {
                Text::Among(begin, end) => self.texts.get(*begin..*end).unwrap_or_default(),
                Text::Alone(text) => text,
            };
            Delivery { to, kind, text }
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Forgets them; what room they took is kept.
    pub fn clear(&mut self) {
        self.parts.clear();
        self.texts.clear();
        self.texts.shrink_to(KEPT_BYTES);
    }

    /// Encodes an effect that says itself what is sent.
    pub(super) fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Answer { to, token: Token(number), reply } => {
                let seq = Seq::new(number).expect("the token is the request's sequence number");
                let (to, kind) = (Recipients::One(to), reply.kind());
                match reply {
                    Reply::Ok => self.write(to, kind, |text| write_ok(text, seq)),
                    reply => self.push(to, kind, encode_sequenced(seq, &reply)),
                }
            }
            Effect::Event { to, event } => self.push(to, event.kind(), encode(&event)),
            Effect::Message { .. } | Effect::Joined { .. } | Effect::NameTaken { .. } => {}
        }
    }

    pub(super) fn push(&mut self, to: Recipients, kind: &'static str, text: String) {
        self.parts.push(Part { to, kind, text: Text::Alone(text) });
    }

    /// One that is small and frequent.
    pub(super) fn write(&mut self, to: Recipients, kind: &'static str, write: impl FnOnce(&mut String)) {
        let begin = self.texts.len();
        write(&mut self.texts);
        self.parts.push(Part { to, kind, text: Text::Among(begin, self.texts.len()) });
    }
}
