//! Who subscribes to a service: a list that events keep current.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    client::Client,
    error::CallError,
    events::Events,
    net::Interest,
    payload::{Intent, ServiceName},
    session::Event,
};

/// The subscribers of a service. The owner subscribes to its own service to be told of them: the gateway sends it nothing
/// else for that.
#[derive(Debug, Default)]
pub(super) struct Roster {
    list: Arc<Mutex<List>>,
    /// Has no events of its own: its filter takes them where they come in, so that none is missed.
    ears: OnceLock<Events>,
    interest: Mutex<Option<Interest>>,
    refreshing: tokio::sync::Mutex<()>,
}

impl Roster {
    /// The list; what was known is not trusted while the service is not there.
    pub(super) async fn subscribers(
        &self,
        client: &Client,
        service: &ServiceName,
        live: bool,
    ) -> Result<Vec<Uuid>, CallError> {
        client.link().require(Intent::Subscribers)?;
        if let Some(known) = self.known(client, live) {
            return Ok(known);
        }
        let _one_at_a_time = self.refreshing.lock().await;
        if let Some(known) = self.known(client, live) {
            return Ok(known);
        }
        self.ears.get_or_init(|| listen(client, service, &self.list));
        self.subscribe(client, service);
        let (me, age) = (client.uuid(), self.list.lock().begin());
        let subscribed = client.subscribe(service.clone()).await?;
        // On another connection than it was asked on, it may be told of what has changed twice, or not at all.
        let kept = (client.uuid() == me).then_some(me);
        let complete = self.list.lock().complete(age, kept, subscribed.service.subscribers);
        Ok(without(complete, me))
    }

    fn known(&self, client: &Client, live: bool) -> Option<Vec<Uuid>> {
        let told = |interest: &Interest| interest.status().borrow().is_live();
        if !live || !self.interest.lock().as_ref().is_some_and(told) {
            return None;
        }
        let me = client.uuid();
        self.list.lock().known(me).map(|known| without(known, me))
    }

    /// Registers the owner's own subscription; anew, when the program has ended it by name.
    fn subscribe(&self, client: &Client, service: &ServiceName) {
        let mut interest = self.interest.lock();
        if interest.as_ref().is_none_or(|interest| interest.status().borrow().is_final()) {
            *interest = Some(client.link().register_subscription(service));
        }
    }
}

/// The owner is no subscriber in its own eyes: it receives nothing of what it publishes.
fn without(mut subscribers: Vec<Uuid>, owner: Uuid) -> Vec<Uuid> {
    subscribers.retain(|subscriber| *subscriber != owner);
    subscribers
}

fn listen(client: &Client, service: &ServiceName, list: &Arc<Mutex<List>>) -> Events {
    let (service, list) = (service.clone(), Arc::clone(list));
    client.events().capacity(1).filter(move |event| {
        match event {
            Event::ServiceClientSubscribed { client, service: of } if of.name == service => {
                list.lock().handle(Change::Came(client.uuid));
            }
            Event::ServiceClientUnsubscribed { client, service: of } if of.name == service => {
                list.lock().handle(Change::Went(client.uuid));
            }
            Event::ServiceDeleted { service: of } if of.name == service => list.lock().forget(),
            _ => {}
        }
        false
    })
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Came(Uuid),
    Went(Uuid),
}

/// What is known of the subscribers.
#[derive(Debug, Default)]
struct List {
    subscribers: Vec<Uuid>,
    /// The connection on which it is complete, by the owner's id there.
    known: Option<Uuid>,
    /// What happened since the complete list was asked for: its answer comes to who asked later than the events after it.
    since: Vec<Change>,
    /// How often the service was deleted.
    age: u64,
}

impl List {
    fn known(&self, me: Uuid) -> Option<Vec<Uuid>> {
        (self.known == Some(me)).then(|| self.subscribers.clone())
    }

    /// The list is asked for.
    fn begin(&mut self) -> u64 {
        self.known = None;
        self.since.clear();
        self.age
    }

    /// The list was answered. For each client that an event spoke of, the last event is right: it is either newer than
    /// the answer, or says the same.
    fn complete(&mut self, age: u64, me: Option<Uuid>, subscribers: Vec<Uuid>) -> Vec<Uuid> {
        let mut complete = subscribers;
        for change in std::mem::take(&mut self.since) {
            change.apply(&mut complete);
        }
        if age == self.age {
            self.known = me;
            self.subscribers.clone_from(&complete);
        }
        complete
    }

    fn handle(&mut self, change: Change) {
        if self.known.is_some() {
            change.apply(&mut self.subscribers);
        } else {
            self.since.push(change);
        }
    }

    fn forget(&mut self) {
        let age = self.age + 1;
        *self = Self { age, ..Self::default() };
    }
}

impl Change {
    fn apply(self, subscribers: &mut Vec<Uuid>) {
        match self {
            Self::Came(uuid) if !subscribers.contains(&uuid) => subscribers.push(uuid),
            Self::Came(_) => {}
            Self::Went(uuid) => subscribers.retain(|subscriber| *subscriber != uuid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);
    const ME: Uuid = Uuid::from_u128(3);

    #[test]
    fn events_that_overtake_the_list_are_in_it() {
        let mut list = List::default();
        let age = list.begin();
        list.handle(Change::Came(B));
        list.handle(Change::Went(A));
        assert_eq!(list.complete(age, Some(ME), vec![A]), [B]);
        list.handle(Change::Came(A));
        list.handle(Change::Came(A));
        assert_eq!(list.known(ME), Some(vec![B, A]));
    }

    #[test]
    fn a_list_is_known_on_its_own_connection_and_until_the_service_is_deleted() {
        let mut list = List::default();
        let age = list.begin();
        list.complete(age, Some(ME), vec![A]);
        assert_eq!(list.known(ME), Some(vec![A]));
        assert_eq!(list.known(B), None);
        let age = list.begin();
        list.forget();
        assert_eq!(list.complete(age, Some(ME), vec![A]), [A]);
        assert_eq!(list.known(ME), None);
    }
}
