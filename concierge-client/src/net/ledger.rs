//! What a client owns and subscribes to, with somebody to tell about each: the session's table, and a watch a name.
//!
//! This is what the handles of services and subscriptions build on. A handle registers what it stands for, and reads how it
//! stands; what is registered is restored on every new connection, before anything of the user goes out:
//!
//! - The owner of a service calls [`Link::register_service`] once its service is there (a reply to `SERVICE_CREATE` that
//!   names this client as the owner has put it into the table already), and gets a watch of its [`Status`].
//! - A subscriber calls [`Link::register_subscription`] **first**, and then subscribes with an ordinary call. The [`Interest`] it
//!   gets is counted: the last one that is dropped unsubscribes in the background. A service that is not there makes
//!   the subscription [`Status::Pending`]: it is subscribed to when the service is created, with no more calls.
//! - What needs an intent asks [`Link::require`] at the call.
//!
//! No answer has to be reported: the connection's task reads every answer to `SERVICE_CREATE`, `SERVICE_DELETE`,
//! `SELF_SUBSCRIBE` and `SELF_UNSUBSCRIBE` itself, those that come too late for their callers too.

use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use super::{chores::Chore, link::Link};
use crate::{
    error::CallError,
    payload::{self, Intent, Nickname, Reply, ServiceName},
    session::{AnswerError, Change, Loss, Restore, Restored, Role, Status, Step},
};

/// The table and its watches.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    restore: Restore,
    watches: BTreeMap<(Role, ServiceName), watch::Sender<Status>>,
    ended: bool,
}

impl State {
    fn tell(&mut self, changes: impl IntoIterator<Item = Change>) {
        for Change { role, service, status } in changes {
            let over = status.is_final();
            let key = (role, service);
            if let Some(watch) = self.watches.get(&key) {
                watch.send_replace(status);
            }
            // What comes under this name later is something else.
            if over {
                self.watches.remove(&key);
            }
        }
    }

    fn watch(&mut self, role: Role, service: &ServiceName, status: Status) -> watch::Receiver<Status> {
        if self.ended {
            return watch::Sender::new(Status::Lost(Loss::Ended)).subscribe();
        }
        // Those that nobody reads any more make room.
        self.watches.retain(|(_, watched), watch| watched == service || watch.receiver_count() > 0);
        let watch = self.watches.entry((role, service.clone())).or_insert_with(|| watch::Sender::new(status));
        watch.subscribe()
    }
}

impl Ledger {
    /// See [`Restore::new`].
    pub(super) fn new(keeps: bool) -> Self {
        let state = State { restore: Restore::new(keeps), watches: BTreeMap::new(), ended: false };
        Self { state: Mutex::new(state) }
    }

    pub(super) fn handle_reply(&self, reply: &Reply, me: Uuid) {
        let mut state = self.state.lock();
        let changes = state.restore.handle_reply(reply, me);
        state.tell(changes);
    }

    pub(super) fn handle_event(&self, event: &payload::Event, me: Uuid) -> Option<Step> {
        let mut state = self.state.lock();
        let (changes, step) = state.restore.handle_event(event, me);
        state.tell(changes);
        step
    }

    pub(super) fn handle_step(
        &self,
        step: &Step,
        reply: Result<Reply, AnswerError>,
        me: Uuid,
    ) -> Option<Step> {
        let mut state = self.state.lock();
        let (change, next) = state.restore.handle_step(step, reply, me);
        state.tell(change);
        next
    }

    pub(super) fn handle_lost(&self) {
        let mut state = self.state.lock();
        let changes = state.restore.handle_lost();
        state.tell(changes);
    }

    /// The client has ended: nothing comes back any more.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        for (_, watch) in std::mem::take(&mut state.watches) {
            watch.send_replace(Status::Lost(Loss::Ended));
        }
    }

    pub(super) fn begin(&self) -> Vec<Step> {
        self.state.lock().restore.begin()
    }

    pub(super) fn poll_restored(&self) -> Option<Restored> {
        self.state.lock().restore.poll_restored()
    }

    pub(super) fn retry_pending(&self) -> Vec<Step> {
        self.state.lock().restore.retry_pending()
    }
}

impl Link {
    /// There is a handle of a service of this client: how the service stands, from now on. It is created again on every new
    /// connection until `SERVICE_DELETE`, or its loss to another owner.
    pub(crate) fn register_service(
        &self,
        service: &ServiceName,
        nickname: Option<&Nickname>,
    ) -> watch::Receiver<Status> {
        let mut state = self.ledger.state.lock();
        state.restore.register_service(service, nickname);
        let status = if self.is_connected() { Status::Live } else { Status::Pending };
        state.watch(Role::Owner, service, status)
    }

    /// There is one more handle of a subscription: it comes back on every new connection, and whenever its service does.
    /// Nothing is sent: subscribe with a call of its own after this, which may fail; what is registered stays so.
    pub(crate) fn register_subscription(self: &Arc<Self>, service: &ServiceName) -> Interest {
        let mut state = self.ledger.state.lock();
        let status = state.restore.register_subscription(service);
        let status = state.watch(Role::Subscriber, service, status);
        Interest { link: Arc::clone(self), service: service.clone(), status }
    }

    /// Fails when the gateway was told not to send what a call builds on.
    pub(crate) fn require(&self, intent: Intent) -> Result<(), CallError> {
        if self.session().intents().contains(intent) { Ok(()) } else { Err(CallError::IntentOff { intent }) }
    }
}

/// A counted interest in a subscription. When the last one of a service is dropped, the subscription ends in the
/// background; unless somebody subscribed by name as well.
pub(crate) struct Interest {
    link: Arc<Link>,
    service: ServiceName,
    status: watch::Receiver<Status>,
}

impl Interest {
    /// The service.
    pub(crate) fn service(&self) -> &ServiceName {
        &self.service
    }

    /// How the subscription stands.
    pub(crate) fn status(&self) -> &watch::Receiver<Status> {
        &self.status
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut state = self.link.ledger.state.lock();
        // Of one that is over nothing is left to release: what has the name now is another subscription.
        let over = self.status.borrow().is_final();
        let step = if over { None } else { state.restore.release_subscription(&self.service) };
        if step.is_some() {
            // How this one stood says nothing about the next of the name.
            state.watches.remove(&(Role::Subscriber, self.service.clone()));
        }
        drop(state);
        if let Some(step) = step {
            self.link.chores.add(Chore::Step(step));
        }
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Interest").field("service", &self.service).finish_non_exhaustive()
    }
}
