//! The state machine of one connection: text in, text and outputs out.

use std::collections::VecDeque;

use serde::Deserialize;

use super::{
    encoded::Encoded,
    heard::{AnswerError, Heard, NotHello},
    pending::{Pending, Waiting},
};
use crate::payload::{DecodeError, Identify, Incoming, Recurring, Reply, Seq, encode};

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `IDENTIFY` goes out, `HELLO` has not come.
    Handshake,
    /// `HELLO` has come: requests may go out.
    Identified,
    /// It is over.
    Closed,
}

/// A request before `HELLO` or after the end; it is handed back.
#[derive(Debug, PartialEq)]
pub struct NotReady<T> {
    /// What it would have left behind.
    pub token: T,
}

/// What happened on a connection that should be rare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Answers to requests that nobody waited for any more.
    pub late: u64,
    /// Answers to nothing that was asked.
    pub stray: u64,
    /// Payloads of a type this version does not know.
    pub unknown: u64,
    /// Payloads that cannot be read.
    pub malformed: u64,
}

/// One connection of a client, as the protocol sees it. `T` is what a request leaves behind: it comes back with the answer.
///
/// It counts as the gateway counts: every text after `HELLO` has the next number, beginning with 0, and a `SELF_SET_SEQ`
/// has the number it sets.
///
/// ```
/// use concierge_client::payload::{Identify, Reply, SelfFetch, Seq};
/// use concierge_client::session::{Connection, Encoded, Heard, Waiting};
///
/// #[derive(Debug, PartialEq)]
/// struct Asked(&'static str);
/// impl Waiting for Asked {
///     fn is_abandoned(&self) -> bool {
///         false
///     }
/// }
///
/// let mut connection = Connection::new(&Identify::new(&"alice".parse()?));
/// assert!(connection.poll_transmit().is_some_and(|text| text.contains("IDENTIFY")));
/// let hello = r#"{"type":"HELLO","uuid":"41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d","version":"0.2.0"}"#;
/// assert!(matches!(connection.handle_text(hello), Heard::Hello(_)));
///
/// assert_eq!(connection.request(Encoded::new(&SelfFetch {})?, Asked("who am I")), Ok(Seq::ZERO));
/// assert_eq!(connection.poll_transmit().as_deref(), Some(r#"{"type":"SELF_FETCH"}"#));
/// assert_eq!(
///     connection.handle_text(r#"{"seq":0,"type":"BAD"}"#),
///     Heard::Answer { token: Asked("who am I"), reply: Ok(Reply::Bad { desc: None }) },
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection<T> {
    phase: Phase,
    next: Seq,
    recurring: Recurring,
    pending: Pending<T>,
    transmit: VecDeque<String>,
    counts: Counts,
    synchronizing: Option<Synchronizing>,
}

/// A `SELF_SET_SEQ` of the session's own, on its way.
#[derive(Debug)]
struct Synchronizing {
    seq: Seq,
    stray: Seq,
    /// How many answers to nothing came since.
    strays: u32,
}

/// After how many answers to nothing a resynchronization counts as failed: it was not answered with its number either.
const HOPELESS: u32 = 64;

/// How far a resynchronization sets the number ahead of every one that the gateway may still answer with.
const AHEAD: u64 = 4096;

impl<T: Waiting> Connection<T> {
    /// A connection that begins with this `IDENTIFY`.
    pub fn new(identify: &Identify) -> Self {
        Self {
            phase: Phase::Handshake,
            next: Seq::ZERO,
            recurring: Recurring::default(),
            pending: Pending::new(),
            transmit: VecDeque::from([encode(identify)]),
            counts: Counts::default(),
            synchronizing: None,
        }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What happened that should be rare.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many requests wait for an answer.
    pub fn waiting(&self) -> usize {
        self.pending.waiting()
    }

    /// Takes a text of the gateway.
    pub fn handle_text(&mut self, text: &str) -> Heard<T> {
        let decoded = self.recurring.decode(text);
        match self.phase {
            Phase::Handshake => self.handle_first(decoded),
            Phase::Identified => self.handle_payload(text, decoded),
            Phase::Closed => Heard::Nothing,
        }
    }

    fn handle_first(&mut self, decoded: Result<Incoming, DecodeError>) -> Heard<T> {
        match decoded {
            Ok(Incoming::Hello(hello)) => {
                self.phase = Phase::Identified;
                Heard::Hello(hello)
            }
            other => {
                self.phase = Phase::Closed;
                Heard::NotHello(other.err().map_or(NotHello::Other, NotHello::Malformed))
            }
        }
    }

    fn handle_payload(&mut self, text: &str, decoded: Result<Incoming, DecodeError>) -> Heard<T> {
        match decoded {
            Ok(Incoming::Event(event)) => Heard::Event(event),
            Ok(Incoming::Reply { seq, reply }) => self.answer(seq, Ok(reply)),
            Ok(Incoming::Unknown { kind, seq: Some(seq) }) => {
                self.counts.unknown += 1;
                self.answer(seq, Err(AnswerError::Unknown { kind }))
            }
            Ok(Incoming::Unknown { kind, seq: None }) => {
                self.counts.unknown += 1;
                Heard::Unknown { kind }
            }
            Ok(Incoming::Hello(_)) => {
                self.counts.unknown += 1;
                Heard::Unknown { kind: "HELLO".to_owned() }
            }
            Err(error) => {
                self.counts.malformed += 1;
                match serde_json::from_str(text) {
                    Ok(Head { seq: Some(seq), .. }) => self.answer(seq, Err(AnswerError::Malformed(error))),
                    Ok(Head { kind, .. }) => Heard::Malformed { kind, error },
                    Err(_) => Heard::Malformed { kind: String::new(), error },
                }
            }
        }
    }

    fn answer(&mut self, seq: Seq, reply: Result<Reply, AnswerError>) -> Heard<T> {
        if let Some(Synchronizing { seq: set, stray, .. }) = self.synchronizing
            && set == seq
            && let Some((unmatched, token)) = self.pending.take_with_all_before(seq)
        {
            self.synchronizing = None;
            return Heard::Resynchronized { token, stray, unmatched };
        }
        match self.pending.take(seq) {
            Some(token) if token.is_abandoned() => {
                self.counts.late += 1;
                Heard::Late { seq, reply }
            }
            Some(token) => Heard::Answer { token, reply },
            None => {
                self.counts.stray += 1;
                if let Some(synchronizing) = &mut self.synchronizing {
                    synchronizing.strays += 1;
                }
                Heard::Stray(seq)
            }
        }
    }

    /// Whether [`resynchronize`](Self::resynchronize) is worth its while: none is under way, or there is no hope for it.
    pub fn may_resynchronize(&self) -> bool {
        self.synchronizing.as_ref().is_none_or(|synchronizing| synchronizing.strays >= HOPELESS)
    }

    /// Sets the sequence number anew, with a `SELF_SET_SEQ`, because an answer carried this number, which belongs to no request.
    /// Its answer is [`Heard::Resynchronized`]. Requests may go on meanwhile.
    ///
    /// # Errors
    ///
    /// [`NotReady`] before `HELLO` and after the end.
    pub fn resynchronize(&mut self, stray: Seq, token: T) -> Result<Seq, NotReady<T>> {
        let ahead = self.next.max(stray).value() + AHEAD;
        let seq = Seq::new(ahead % Seq::MAX.value()).unwrap_or(Seq::ZERO);
        let seq = self.request(Encoded::sequence(seq), token)?;
        self.synchronizing = Some(Synchronizing { seq, stray, strays: 0 });
        Ok(seq)
    }

    /// Sends a request. It has a number from here on, so its text must go out and none may overtake it.
    ///
    /// # Errors
    ///
    /// [`NotReady`] before `HELLO` and after the end.
    pub fn request(&mut self, request: Encoded, token: T) -> Result<Seq, NotReady<T>> {
        if self.phase != Phase::Identified {
            return Err(NotReady { token });
        }
        let seq = request.sets().unwrap_or(self.next);
        self.next = seq.next();
        self.pending.insert(seq, token);
        self.transmit.push_back(request.into_text());
        Ok(seq)
    }

    /// The next text that must go out.
    pub fn poll_transmit(&mut self) -> Option<String> {
        self.transmit.pop_front()
    }

    /// The connection is over: what every request left behind that was not answered, in the order they were sent.
    pub fn handle_closed(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.phase = Phase::Closed;
        self.transmit.clear();
        self.pending.take_all()
    }
}

/// What is known of a payload that cannot be read otherwise.
#[derive(Deserialize)]
struct Head {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    seq: Option<Seq>,
}
