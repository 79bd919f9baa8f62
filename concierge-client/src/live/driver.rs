//! The task of a client: runs a connection, and when it ends, the next one, until there is to be none.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{
    AuthToken,
    error::ComeInError,
    shared::{Shared, now},
};
use crate::{
    error::Stage,
    net::{Patience, Socket, Way, cause_of_close, cause_of_error, farewell, random, with_sources},
    session::{CloseCause, Next},
    telegraphy::{Status, session::Ending},
};

/// How long the gateway may take nothing of what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// The task of a client. However it ends, everyone is told, even when it is dropped with its runtime.
pub(super) struct Driver {
    way: Way,
    token: AuthToken,
    is_spent: bool,
    shared: Arc<Shared>,
}

/// What a connection is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The gateway has let the client in.
    Arrived,
    /// It ends.
    Ended,
}

/// Whether a session was refused, and a token may help.
pub(super) fn is_another_try(error: &ComeInError) -> bool {
    let ComeInError::Ended(Ending::Refused { failure }) = error else { return false };
    failure.status == Status::InvalidToken
}

impl Driver {
    pub(super) fn new(way: Way, token: AuthToken, shared: Arc<Shared>) -> Self {
        Self { way, token, is_spent: false, shared }
    }

    /// Makes a connection, and sees the gateway let the client in.
    ///
    /// Cancel safe: dropping the future closes what was opened.
    pub(super) async fn come_in(&mut self) -> Result<Socket, ComeInError> {
        let patience = self.way.patience();
        if self.shared.with(|session| session.needs_token()) {
            let token = self.fresh_token(&patience).await?;
            self.shared.with(|session| session.handle_token(token));
        }
        let mut socket = self.way.socket(&patience).await?;
        self.shared.open();
        let arrived =
            patience.bound(Stage::Identify, async { Ok(self.drive(&mut socket, Until::Arrived).await) });
        let ending = match arrived.await {
            Ok(None) => return Ok(socket),
            Ok(Some(ending)) => ending,
            Err(error) => {
                self.shared.with(|session| session.handle_end(Ending::ByClient, now(), 0));
                return Err(error.into());
            }
        };
        say_goodbye(socket, &ending);
        Err(ending.into())
    }

    async fn fresh_token(&mut self, patience: &Patience) -> Result<crate::Secret, ComeInError> {
        if self.is_spent {
            return Err(Ending::TokenSpent.into());
        }
        let token = patience.bound(Stage::Secret, self.token.source.ask()).await?;
        self.is_spent = self.token.is_single;
        Ok(token.unwrap_or_else(|| crate::Secret::new("")))
    }

    pub(super) async fn run(mut self, socket: Socket) {
        let mut socket = socket;
        loop {
            let ending = self.drive(&mut socket, Until::Ended).await.unwrap_or(Ending::ByClient);
            tracing::debug!(%ending, "connection ends");
            self.shared.lost(&ending);
            let next = self.shared.with(|session| session.handle_end(ending.clone(), now(), random()));
            let told = self.shared.with(|session| session.ending().cloned()).unwrap_or(ending);
            say_goodbye(socket, &told);
            match self.come_back(next, told).await {
                Ok(next) => socket = next,
                Err(ending) => return self.shared.finish(&ending),
            }
        }
    }

    /// Connects again, or says why not.
    async fn come_back(&mut self, mut next: Next, mut why: Ending) -> Result<Socket, Ending> {
        loop {
            let Next::Retry { at, .. } = next else { return Err(why) };
            self.pause(at).await?;
            let shared = Arc::clone(&self.shared);
            let error = tokio::select! {
                biased;
                () = shared.asked_to_end() => return Err(Ending::ByClient),
                came = self.come_in() => match came {
                    Ok(socket) => return Ok(socket),
                    Err(error) => error,
                },
            };
            tracing::debug!(%error, "could not connect again");
            (next, why) = match error {
                ComeInError::Unreached(error) => {
                    let (trouble, retry_after) = (error.trouble(), error.retry_after());
                    let next = self
                        .shared
                        .with(|session| session.handle_unreached(trouble, retry_after, now(), random()));
                    (next, Ending::GaveUp { detail: with_sources(&error).into() })
                }
                ComeInError::Ended(ending @ Ending::TokenSpent) => return Err(ending),
                ComeInError::Ended(ending) => {
                    let next =
                        self.shared.with(|session| session.handle_end(ending.clone(), now(), random()));
                    (next, ending)
                }
            };
        }
    }

    async fn pause(&self, until: Instant) -> Result<(), Ending> {
        tokio::select! {
            biased;
            () = self.shared.asked_to_end() => Err(Ending::ByClient),
            () = sleep_until(until.into()) => Ok(()),
        }
    }

    /// Runs a connection until it ends, and says why; nothing when that was not what it was run for.
    async fn drive(&self, socket: &mut Socket, until: Until) -> Option<Ending> {
        loop {
            while let Some(text) = self.shared.transmit() {
                match timeout(WRITE_TIMEOUT, socket.send(Message::text(text))).await {
                    Ok(Ok(())) => {}
                    // What the gateway said about the end is read before.
                    Ok(Err(error)) => {
                        return Some(last_words(socket, cause_of_error(error, self.limit())).await);
                    }
                    Err(_) => {
                        return Some(Ending::Broken(CloseCause::Stalled { stalled: WRITE_TIMEOUT }));
                    }
                }
            }
            if let Some(ending) = self.shared.closing() {
                return Some(ending);
            }
            if until == Until::Arrived && self.shared.is_connected() {
                return None;
            }
            let deadline = self.shared.deadline();
            let due = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        self.shared.with(|session| session.handle_text(&text, now()));
                    }
                    Some(Ok(Message::Close(frame))) => return Some(Ending::of(cause_of_close(frame))),
                    // A ping is answered by the WebSocket itself; binary frames mean nothing in this protocol.
                    Some(Ok(_)) => self.shared.with(|session| session.handle_heard(now())),
                    Some(Err(error)) => return Some(Ending::of(cause_of_error(error, self.limit()))),
                    None => return Some(hung_up()),
                },
                () = self.shared.stirred.notified() => {}
                () = due => self.shared.with(|session| session.handle_deadline(now())),
            }
        }
    }

    fn limit(&self) -> usize {
        self.way.route.max_message
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.shared.ending().is_none() {
            self.shared.finish(&Ending::Broken(CloseCause::Abandoned));
        }
    }
}

fn hung_up() -> Ending {
    Ending::Broken(CloseCause::Lost { detail: "the gateway hung up".into() })
}

/// What the gateway said before nothing could be written any more, if it said something.
async fn last_words(socket: &mut Socket, cause: CloseCause) -> Ending {
    let close = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                return Some(cause_of_close(frame));
            }
        }
        None
    };
    let said = timeout(Duration::from_secs(1), close).await.ok().flatten();
    Ending::of(said.unwrap_or(cause))
}

/// Says the close that goes with an end, on its own time.
fn say_goodbye(mut socket: Socket, ending: &Ending) {
    let cause = match ending {
        Ending::Broken(cause) => cause.clone(),
        Ending::Silent { silence } => CloseCause::Silent { silence: *silence },
        Ending::Closed { code } => CloseCause::ByGateway { code: u16::from(*code).into(), reason: "".into() },
        _ => CloseCause::ByClient,
    };
    tokio::spawn(async move { farewell(&mut socket, &cause).await });
}
