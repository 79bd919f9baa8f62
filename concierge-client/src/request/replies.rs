//! The questions of a client that wait for an answer, and the answers on their way to them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{error::RequestError, wire::Answered};
use crate::{
    client::Client,
    events::Events,
    payload::{self, Data, Message, ServiceName, Target},
    session::Event,
};

/// What becomes of a question.
pub(super) type Outcome = Result<Data, RequestError>;

/// The answers of a client. It begins to listen with the first question.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    desk: Arc<Desk>,
    /// Has no events of its own: its filter takes them where they come in, so that none waits for a reader.
    ears: OnceLock<Events>,
}

impl Replies {
    /// A question to this target is about to be sent.
    pub(super) fn expect(&self, client: &Client, target: &Target) -> Expected {
        self.ears.get_or_init(|| {
            let desk = Arc::clone(&self.desk);
            client.events().capacity(1).filter(move |event| {
                desk.handle(event);
                false
            })
        });
        let (sender, receiver) = oneshot::channel();
        let id = Uuid::new_v4();
        self.desk.waiting.lock().insert(id, Waiting { target: target.clone(), sender });
        Expected { id, receiver, desk: Arc::clone(&self.desk) }
    }

    /// How many answers came that nobody waited for.
    pub(crate) fn late(&self) -> u64 {
        self.desk.late.load(Ordering::Relaxed)
    }
}

/// An answer that is waited for. Dropped, it is not any more.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) id: Uuid,
    pub(super) receiver: oneshot::Receiver<Outcome>,
    desk: Arc<Desk>,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.desk.waiting.lock().remove(&self.id);
    }
}

#[derive(Debug, Default)]
struct Desk {
    waiting: Mutex<BTreeMap<Uuid, Waiting>>,
    late: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    target: Target,
    sender: oneshot::Sender<Outcome>,
}

impl Desk {
    fn handle(&self, event: &Event) {
        match event {
            Event::Message(message) => self.handle_message(message),
            Event::ClientLeft { client } => {
                self.fail(|target| is_client(target, client), || RequestError::PeerLeft);
            }
            Event::ServiceDeleted { service } => {
                self.fail(|target| is_service(target, &service.name), || RequestError::PeerLeft);
            }
            // Answers go to an id that this client has no more.
            Event::Disconnected { cause, .. } => {
                self.fail(|_| true, || RequestError::Lost { cause: cause.clone() });
            }
            _ => {}
        }
    }

    fn handle_message(&self, message: &Message) {
        let Some(answered) = Answered::read(&message.data) else { return };
        let waiting = self.waiting.lock().remove(&answered.reply);
        let Some(waiting) = waiting else {
            tracing::debug!(id = %answered.reply, "an answer to a request that nobody waits for");
            self.late.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let outcome = answered.into_result().map_err(|error| RequestError::Refused { error });
        // Whoever asked may leave at this moment.
        waiting.sender.send(outcome).ok();
    }

    /// To these there will be no answer.
    fn fail(&self, concerns: impl Fn(&Target) -> bool, why: impl Fn() -> RequestError) {
        let mut waiting = self.waiting.lock();
        for (_, waiting) in waiting.extract_if(.., |_, waiting| concerns(&waiting.target)) {
            waiting.sender.send(Err(why())).ok();
        }
    }
}

fn is_service(target: &Target, name: &ServiceName) -> bool {
    matches!(target, Target::Service { service } if service == name)
}

fn is_client(target: &Target, client: &payload::Client) -> bool {
    match target {
        Target::Name { name } => client.name == **name,
        Target::Uuid { uuid } | Target::ServiceClientUuid { uuid, .. } => client.uuid == *uuid,
        Target::Service { .. } | Target::All => false,
    }
}
