//! How a client comes in, how it comes back, and when it does not.

use std::time::{Duration, Instant};

use super::{Ending, Output, Phase, SLACK, Session, USUAL_PING_INTERVAL};
use crate::{
    payload::Secret,
    session::{Next, Trouble},
    telegraphy::{AnyRequest, CloseCode, Connect, Connected, Failure, Outcome, Reconnect, Status},
};

impl<W> Session<W> {
    /// Whether the next connection begins with an auth token, and there is none.
    pub fn needs_token(&self) -> bool {
        let resumes = self.token.is_some() && !self.is_session_refused;
        !resumes && self.auth_token.is_none()
    }

    /// An auth token for the next connection.
    pub fn handle_token(&mut self, token: Secret) {
        self.auth_token = Some(token);
    }

    /// There is a connection.
    pub fn handle_open(&mut self, now: Instant) {
        self.phase = Phase::Arriving;
        self.heard = Some(now);
        self.ending = None;
        let call = match &self.token {
            Some(token) if !self.is_session_refused => AnyRequest::Reconnect(Reconnect {
                session_token: token.clone(),
                positions: self.streams.positions(),
            }),
            token => {
                let mut connect = Connect::new(self.auth_token.clone().unwrap_or_else(|| Secret::new("")));
                connect.session_token.clone_from(token);
                connect.client.clone_from(&self.program);
                connect.into()
            }
        };
        self.requests.begin(call);
    }

    pub(super) fn handle_arrival(&mut self, outcome: Outcome, with_session: bool, now: Instant) {
        let (said, is_same) = match outcome {
            Outcome::Connected(connected) => {
                self.token.clone_from(&connected.session_token);
                let is_same = connected.resumed;
                (connected, is_same)
            }
            Outcome::Reconnected(reconnected) => {
                let before = self.said.take().map(|said| *said).unwrap_or_default();
                let data = reconnected.data;
                let said = Connected {
                    session_token: self.token.clone(),
                    session_ttl: data.session_ttl.or(before.session_ttl),
                    ping_interval: data.ping_interval.or(before.ping_interval),
                    connection: data.connection,
                    resumed: true,
                    subscriptions: reconnected.subscriptions,
                    ..before
                };
                (Box::new(said), true)
            }
            Outcome::Failed(failure) | Outcome::NotReconnected(failure) => {
                return self.handle_refusal(failure, with_session);
            }
            _ => {
                return self
                    .close(Ending::Foreign { detail: "it answers CONNECT with something else".into() });
            }
        };
        self.phase = Phase::Connected;
        self.auth_token = None;
        self.is_session_refused = false;
        self.refused_tokens = 0;
        self.silence =
            said.ping_interval.map_or(USUAL_PING_INTERVAL, Duration::from_secs).saturating_add(SLACK);
        self.reconnect.handle_connected(now);
        self.tell(|streams, ready| {
            if !is_same {
                streams.forget_session();
            }
            streams.connected(&said.subscriptions, ready);
        });
        self.said = Some(said);
        self.outputs.push_back(Output::Connected);
    }

    fn handle_refusal(&mut self, failure: Failure, with_session: bool) {
        match failure.status {
            Status::InvalidToken if with_session => self.is_session_refused = true,
            // A token that was not looked at can be presented again.
            Status::Unavailable => {}
            Status::InvalidToken => {
                self.auth_token = None;
                self.refused_tokens += 1;
            }
            _ => self.auth_token = None,
        }
        self.close(Ending::Refused { failure });
    }

    /// The connection has ended so, as far as its transport knows. What comes then; `random` is any number.
    ///
    /// The reason that is told, in [`Session::ending`], is the first that was known.
    pub fn handle_end(&mut self, ending: Ending, now: Instant, random: u64) -> Next {
        let was_in = self.phase == Phase::Connected;
        let ending = self.ending.take().unwrap_or(ending);
        self.phase = Phase::Away;
        let waiters = self.requests.lost();
        self.outputs.extend(waiters.map(|(waiter, wire)| Output::Answered(waiter, Err(wire))));
        let trouble = self.trouble(&ending);
        let retry_after = ending.retry_after();
        self.ending = Some(ending);
        if was_in {
            self.reconnect.handle_lost(trouble, now, random)
        } else {
            self.reconnect.handle_failed(trouble, retry_after, now, random)
        }
    }

    /// There was no connection at all. What comes then; `random` is any number.
    pub fn handle_unreached(
        &mut self,
        trouble: Trouble,
        retry_after: Option<Duration>,
        now: Instant,
        random: u64,
    ) -> Next {
        self.reconnect.handle_failed(trouble, retry_after, now, random)
    }

    /// What kind of trouble an end is for this client: another token may help where the same one does not.
    fn trouble(&mut self, ending: &Ending) -> Trouble {
        let is_about_token = match ending {
            Ending::Refused { failure } => failure.status == Status::InvalidToken,
            Ending::Closed { code } => *code == CloseCode::InvalidToken,
            _ => false,
        };
        if !is_about_token {
            return ending.trouble();
        }
        if self.refused_tokens == 0 {
            self.is_session_refused = true;
        }
        if self.refused_tokens > 1 { Trouble::Dismissed } else { Trouble::Broken }
    }
}
