//! The requests of a client: one is under way, a bounded number waits.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use super::{
    ANSWERED_WITHIN,
    streams::{Asked, StreamId},
};
use crate::{
    payload::encode,
    telegraphy::{
        name::EventName,
        request::{AnyRequest, Request, RequestId},
    },
};

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// There is no connection.
    #[error("not connected")]
    NotConnected,
    /// As many requests wait as may.
    #[error("too many requests wait already")]
    Full,
}

/// A request has no answer: the connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It never left this process.
    NotSent,
    /// The gateway may have done what it asked.
    MaybeSent,
}

/// What a request is for.
#[derive(Debug)]
pub(super) enum Purpose<W> {
    /// To be let in.
    Arrive { with_session: bool },
    /// For a stream, and for whoever waits for it to be open.
    Subscribe(StreamId, Option<W>),
    /// Nobody wants it any more.
    Unsubscribe,
    /// What is dealt with.
    Acknowledge(EventName),
    /// A caller asked.
    Call(W),
}

#[derive(Debug)]
struct Underway<W> {
    id: RequestId,
    purpose: Purpose<W>,
    deadline: Option<Instant>,
}

/// The requests of a client.
#[derive(Debug)]
pub(super) struct Requests<W> {
    next_id: RequestId,
    underway: Option<Underway<W>>,
    to_send: Option<String>,
    waiting: VecDeque<(AnyRequest, W)>,
    max_waiting: usize,
    /// Who waits for streams to be open.
    opening: BTreeMap<StreamId, W>,
}

impl<W> Requests<W> {
    pub(super) fn new(max_waiting: usize) -> Self {
        Self {
            next_id: RequestId::ZERO,
            underway: None,
            to_send: None,
            waiting: VecDeque::new(),
            max_waiting,
            opening: BTreeMap::new(),
        }
    }

    /// The first request of a connection.
    pub(super) fn begin(&mut self, call: AnyRequest) {
        let with_session = matches!(call, AnyRequest::Reconnect(_));
        self.send(call, Purpose::Arrive { with_session });
    }

    pub(super) fn ask(&mut self, asked: Asked, call: AnyRequest) {
        let purpose = match asked {
            Asked::Subscribe(stream) => Purpose::Subscribe(stream, self.opening.remove(&stream)),
            Asked::Unsubscribe => Purpose::Unsubscribe,
            Asked::Acknowledge(event) => Purpose::Acknowledge(event),
        };
        self.send(call, purpose);
    }

    fn send(&mut self, call: AnyRequest, purpose: Purpose<W>) {
        let id = self.next_id;
        self.next_id = id.next();
        self.to_send = Some(encode(&Request { id, call }));
        self.underway = Some(Underway { id, purpose, deadline: None });
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<String> {
        let text = self.to_send.take()?;
        if let Some(underway) = &mut self.underway {
            underway.deadline = now.checked_add(ANSWERED_WITHIN);
        }
        Some(text)
    }

    /// Whether the next request may go out.
    pub(super) fn is_free(&self) -> bool {
        self.underway.is_none()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.underway.as_ref()?.deadline
    }

    /// An answer came: what it is the answer to, unless to nothing that was asked.
    pub(super) fn answered(&mut self, id: Option<RequestId>) -> Option<Purpose<W>> {
        let underway = self.underway.take_if(|underway| Some(underway.id) == id)?;
        Some(underway.purpose)
    }

    pub(super) fn wait(&mut self, call: AnyRequest, waiter: W) -> Result<(), (NotTaken, W)> {
        if self.waiting.len() >= self.max_waiting {
            return Err((NotTaken::Full, waiter));
        }
        self.waiting.push_back((call, waiter));
        Ok(())
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn next_waiting(&mut self) {
        if let Some((call, waiter)) = self.waiting.pop_front() {
            self.send(call, Purpose::Call(waiter));
        }
    }

    /// Somebody waits for a stream to be open.
    pub(super) fn opens(&mut self, stream: StreamId, waiter: W) {
        self.opening.insert(stream, waiter);
    }

    pub(super) fn opens_no_more(&mut self, stream: StreamId) {
        self.opening.remove(&stream);
    }

    /// The connection is gone. Who waited for what was or would have been sent over it; who waits for a stream goes on doing so.
    pub(super) fn lost(&mut self) -> impl Iterator<Item = (W, Unanswered)> {
        let unsent = self.to_send.take().is_some();
        let called = self.underway.take().and_then(|underway| match underway.purpose {
            Purpose::Call(waiter) => {
                Some((waiter, if unsent { Unanswered::NotSent } else { Unanswered::MaybeSent }))
            }
            Purpose::Subscribe(stream, waiter) => {
                self.opening.extend(waiter.map(|waiter| (stream, waiter)));
                None
            }
            Purpose::Arrive { .. } | Purpose::Unsubscribe | Purpose::Acknowledge(_) => None,
        });
        let waiting = std::mem::take(&mut self.waiting);
        called.into_iter().chain(waiting.into_iter().map(|(_, waiter)| (waiter, Unanswered::NotSent)))
    }

    /// Nothing will be asked any more: who waits for streams.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = W> + use<W> {
        std::mem::take(&mut self.opening).into_values()
    }
}
