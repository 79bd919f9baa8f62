//! What a client owns and subscribes to, and bringing it back on a new connection.
//!
//! The table is what the gateway last said, whoever asked: an answer that comes too late for its caller counts as any other.
//! What a client only wants, because a handle of it exists, is in it too.

use uuid::Uuid;

use super::{
    heard::AnswerError,
    restored::{Lost, Restored},
    status::{Change, Loss, Role, Status},
    step::Step,
};
use crate::payload::{Event, Nickname, Rejection, Reply, Service, ServiceName};

#[derive(Debug)]
struct Owned {
    service: ServiceName,
    nickname: Option<Nickname>,
}

#[derive(Debug)]
struct Subscribed {
    service: ServiceName,
    /// How many handles there are.
    handles: usize,
    /// Whether somebody subscribed without a handle, and is to stay subscribed.
    by_name: bool,
    live: bool,
    /// Whether a [`Step`] is under way for it.
    asked: bool,
}

impl Subscribed {
    /// Whether anybody wants it. One that nobody wants is there for as long as it takes to end it.
    fn is_wanted(&self) -> bool {
        self.handles > 0 || self.by_name
    }
}

/// What a client owns, in the order it was created, and what it subscribes to.
///
/// ```
/// use concierge_client::payload::{Reply, Service, ServiceCreateResult};
/// use concierge_client::session::{Restore, Status, Step};
/// use uuid::Uuid;
///
/// let (before, now) = (Uuid::from_u128(1), Uuid::from_u128(2));
/// let service = |owner_uuid| Service { name: "news".parse().unwrap(), nickname: None, owner_uuid, subscribers: vec![] };
/// let created = |owner| Reply::ServiceCreateResult(ServiceCreateResult { successful: true, service: service(owner) });
///
/// let mut restore = Restore::new(true);
/// assert_eq!(restore.handle_reply(&created(before), before)[0].status, Status::Live);
/// assert_eq!(restore.handle_lost()[0].status, Status::Pending);
/// let steps = restore.begin();
/// assert!(matches!(&steps[0], Step::Create { service, .. } if *service == "news"));
/// let (change, _) = restore.handle_step(&steps[0], Ok(created(now)), now);
/// assert!(change.is_some_and(|change| change.status.is_live()));
/// assert!(restore.poll_restored().is_some_and(|restored| restored.is_complete()));
/// ```
#[derive(Debug, Default)]
pub struct Restore {
    keeps: bool,
    owned: Vec<Owned>,
    subscribed: Vec<Subscribed>,
    outstanding: usize,
    restored: Option<Restored>,
}

impl Restore {
    /// An empty table. `keeps` says whether what was subscribed to without a handle outlives its service: a client that
    /// never reconnects restores only what has a handle.
    pub fn new(keeps: bool) -> Self {
        Self { keeps, ..Self::default() }
    }

    /// Takes an answer to a request of the user: it says what is so now.
    pub fn handle_reply(&mut self, reply: &Reply, me: Uuid) -> Vec<Change> {
        match reply {
            Reply::ServiceCreateResult(result) if result.service.owner_uuid == me => {
                vec![self.own(&result.service)]
            }
            Reply::ServiceDeleteResult(result) => self.disown(&result.service.name).into_iter().collect(),
            Reply::SelfSubscribeResult(result) => vec![self.subscribe(&result.service.name)],
            Reply::SelfUnsubscribeResult(result) => {
                self.unsubscribe(&result.service.name).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn own(&mut self, service: &Service) -> Change {
        if !self.owned.iter().any(|owned| owned.service == service.name) {
            self.owned.push(Owned { service: service.name.clone(), nickname: service.nickname.clone() });
        }
        change(Role::Owner, &service.name, Status::Live)
    }

    fn disown(&mut self, service: &ServiceName) -> Option<Change> {
        let position = self.owned.iter().position(|owned| owned.service == *service)?;
        self.owned.remove(position);
        Some(change(Role::Owner, service, Status::Deleted))
    }

    fn subscribe(&mut self, service: &ServiceName) -> Change {
        let subscribed = self.entry(service);
        subscribed.live = true;
        subscribed.by_name |= subscribed.handles == 0;
        change(Role::Subscriber, service, Status::Live)
    }

    fn unsubscribe(&mut self, service: &ServiceName) -> Option<Change> {
        self.remove(service).map(|_| change(Role::Subscriber, service, Status::Deleted))
    }

    fn entry(&mut self, service: &ServiceName) -> &mut Subscribed {
        let found = self.subscribed.iter().position(|subscribed| subscribed.service == *service);
        let position = found.unwrap_or_else(|| {
            let service = service.clone();
            self.subscribed.push(Subscribed {
                service,
                handles: 0,
                by_name: false,
                live: false,
                asked: false,
            });
            self.subscribed.len() - 1
        });
        self.subscribed.get_mut(position).expect("it was found, or has just been added")
    }

    fn remove(&mut self, service: &ServiceName) -> Option<Subscribed> {
        let position = self.subscribed.iter().position(|subscribed| subscribed.service == *service)?;
        Some(self.subscribed.remove(position))
    }

    /// A handle of a service of this client exists: it is created again on every new connection, whether or not it was
    /// answered that it is there.
    pub fn register_service(&mut self, service: &ServiceName, nickname: Option<&Nickname>) {
        if !self.owned.iter().any(|owned| owned.service == *service) {
            self.owned.push(Owned { service: service.clone(), nickname: nickname.cloned() });
        }
    }

    /// The service is not this client's.
    fn forget_service(&mut self, service: &ServiceName) {
        self.owned.retain(|owned| owned.service != *service);
    }

    /// There is one more handle of a subscription. Where it stands now.
    pub fn register_subscription(&mut self, service: &ServiceName) -> Status {
        let subscribed = self.entry(service);
        subscribed.handles += 1;
        if subscribed.live { Status::Live } else { Status::Pending }
    }

    /// There is one handle less of a subscription. With the last one it ends, and if the gateway may have it, a step tells
    /// it so; unless somebody subscribed without a handle too.
    pub fn release_subscription(&mut self, service: &ServiceName) -> Option<Step> {
        let subscribed = self.subscribed.iter_mut().find(|subscribed| subscribed.service == *service)?;
        subscribed.handles = subscribed.handles.saturating_sub(1);
        if subscribed.handles > 0 || subscribed.by_name {
            return None;
        }
        self.remove(service);
        // Whoever subscribed may not have been answered yet.
        Some(Step::Unsubscribe { service: service.clone() })
    }

    /// Takes an event of the gateway: what it changes, and what it makes worth another try.
    pub fn handle_event(&mut self, event: &Event, me: Uuid) -> (Vec<Change>, Option<Step>) {
        match event {
            Event::ServiceDeleteResult(result) => {
                let mut changes = Vec::new();
                if result.service.owner_uuid == me {
                    changes.extend(self.disown(&result.service.name));
                }
                changes.extend(self.handle_service_gone(&result.service.name));
                (changes, None)
            }
            Event::ServiceCreateResult(result) => (Vec::new(), self.retry(&result.service.name)),
            _ => (Vec::new(), None),
        }
    }

    fn handle_service_gone(&mut self, service: &ServiceName) -> Option<Change> {
        let keeps = self.keeps;
        let subscribed = self.subscribed.iter_mut().find(|subscribed| subscribed.service == *service)?;
        if !subscribed.live {
            return None;
        }
        subscribed.live = false;
        let stays = subscribed.is_wanted() && (keeps || subscribed.handles > 0);
        if !stays {
            self.remove(service);
        }
        let status = if stays { Status::Pending } else { Status::Deleted };
        Some(change(Role::Subscriber, service, status))
    }

    fn retry(&mut self, service: &ServiceName) -> Option<Step> {
        let subscribed = self.subscribed.iter_mut().find(|subscribed| subscribed.service == *service)?;
        if subscribed.live || subscribed.asked {
            return None;
        }
        subscribed.asked = true;
        // A restoration is not complete before it.
        self.outstanding += usize::from(self.restored.is_some());
        Some(Step::Subscribe { service: service.clone() })
    }

    /// A try for every subscription that waits for its service, for a client that is not told when it is created.
    pub fn retry_pending(&mut self) -> Vec<Step> {
        let waiting = self.subscribed.iter_mut().filter(|subscribed| !subscribed.live && !subscribed.asked);
        let retry = |subscribed: &mut Subscribed| {
            subscribed.asked = true;
            Step::Subscribe { service: subscribed.service.clone() }
        };
        waiting.map(retry).collect()
    }

    /// Whether a subscription waits for its service.
    pub fn has_pending(&self) -> bool {
        self.subscribed.iter().any(|subscribed| !subscribed.live && !subscribed.asked)
    }

    /// The connection is gone, and with it everything the gateway had.
    pub fn handle_lost(&mut self) -> Vec<Change> {
        self.restored = None;
        self.outstanding = 0;
        let owned = self.owned.iter().map(|owned| change(Role::Owner, &owned.service, Status::Pending));
        let mut changes: Vec<_> = owned.collect();
        self.subscribed.retain_mut(|subscribed| {
            let status = if subscribed.is_wanted() { Status::Pending } else { Status::Deleted };
            subscribed.asked = false;
            if std::mem::take(&mut subscribed.live) {
                changes.push(change(Role::Subscriber, &subscribed.service, status));
            }
            subscribed.is_wanted()
        });
        changes
    }

    /// There is a new connection: what is to be asked for, in this order, before anything else.
    pub fn begin(&mut self) -> Vec<Step> {
        let owned = self
            .owned
            .iter()
            .map(|owned| Step::Create { service: owned.service.clone(), nickname: owned.nickname.clone() });
        let mut steps: Vec<_> = owned.collect();
        for subscribed in &mut self.subscribed {
            subscribed.asked = true;
            steps.push(Step::Subscribe { service: subscribed.service.clone() });
        }
        self.outstanding = steps.len();
        self.restored = Some(Restored::default());
        steps
    }

    /// Takes the answer to a step: what it changes, and what it asks for: a step can be overtaken by what the user does.
    pub fn handle_step(
        &mut self,
        step: &Step,
        reply: Result<Reply, AnswerError>,
        me: Uuid,
    ) -> (Option<Change>, Option<Step>) {
        let reply = reply.map_err(Loss::Unclear).and_then(|reply| reply.accepted().map_err(Loss::Refused));
        if !matches!(step, Step::Unsubscribe { .. }) {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        match step {
            Step::Create { service, .. } => (self.handle_created(service, reply, me), None),
            Step::Subscribe { service } => self.handle_subscribed(service, reply),
            Step::Unsubscribe { service } => self.handle_unsubscribed(service, &reply),
        }
    }

    fn handle_created(
        &mut self,
        service: &ServiceName,
        reply: Result<Reply, Loss>,
        me: Uuid,
    ) -> Option<Change> {
        if !self.owned.iter().any(|owned| owned.service == *service) {
            return None;
        }
        let loss = match reply {
            // "Already there" is as good as created when it is there for this client.
            Ok(Reply::ServiceCreateResult(result)) if result.service.owner_uuid == me => {
                self.note(|restored| restored.services.push(service.clone()));
                return Some(change(Role::Owner, service, Status::Live));
            }
            Ok(Reply::ServiceCreateResult(result)) => Loss::TakenBy(result.service.owner_uuid),
            Ok(_) => Loss::Mismatched,
            Err(loss) => loss,
        };
        self.forget_service(service);
        Some(self.lose(Role::Owner, service, loss))
    }

    fn handle_subscribed(
        &mut self,
        service: &ServiceName,
        reply: Result<Reply, Loss>,
    ) -> (Option<Change>, Option<Step>) {
        let is_there = self.subscribed.iter().any(|subscribed| subscribed.service == *service);
        if !is_there {
            return match reply {
                // Its user ended it while it was asked for: what came of that must end too.
                Ok(Reply::SelfSubscribeResult(_)) => {
                    self.entry(service).live = true;
                    let undo = Step::Unsubscribe { service: service.clone() };
                    (Some(change(Role::Subscriber, service, Status::Live)), Some(undo))
                }
                _ => (None, None),
            };
        }
        let subscribed = self.entry(service);
        subscribed.asked = false;
        let loss = match reply {
            Ok(Reply::SelfSubscribeResult(_)) => {
                subscribed.live = true;
                self.note(|restored| {
                    restored.pending.retain(|pending| pending != service);
                    restored.subscriptions.push(service.clone());
                });
                return (Some(change(Role::Subscriber, service, Status::Live)), None);
            }
            Err(Loss::Refused(Rejection::UnknownService { .. })) => {
                self.note(|restored| restored.pending.push(service.clone()));
                return (Some(change(Role::Subscriber, service, Status::Pending)), None);
            }
            Ok(_) => Loss::Mismatched,
            Err(loss) => loss,
        };
        self.remove(service);
        (Some(self.lose(Role::Subscriber, service, loss)), None)
    }

    fn handle_unsubscribed(
        &mut self,
        service: &ServiceName,
        reply: &Result<Reply, Loss>,
    ) -> (Option<Change>, Option<Step>) {
        let entry = self.subscribed.iter_mut().find(|subscribed| subscribed.service == *service);
        match entry {
            Some(subscribed) if !subscribed.is_wanted() => (self.unsubscribe(service), None),
            // Its user subscribed again while it was ended.
            Some(subscribed) if subscribed.live && reply.is_ok() => {
                subscribed.live = false;
                subscribed.asked = true;
                let again = Step::Subscribe { service: service.clone() };
                (Some(change(Role::Subscriber, service, Status::Pending)), Some(again))
            }
            _ => (None, None),
        }
    }

    fn lose(&mut self, role: Role, service: &ServiceName, loss: Loss) -> Change {
        let entry = Lost { role, service: service.clone(), loss: loss.clone() };
        self.note(|restored| restored.lost.push(entry));
        change(role, service, Status::Lost(loss))
    }

    /// What a restoration achieved; nothing is noted outside one.
    fn note(&mut self, note: impl FnOnce(&mut Restored)) {
        if let Some(restored) = &mut self.restored {
            note(restored);
        }
    }

    /// The restoration that [`begin`](Self::begin) began, once it is complete. It is told once.
    pub fn poll_restored(&mut self) -> Option<Restored> {
        if self.outstanding > 0 { None } else { self.restored.take() }
    }
}

fn change(role: Role, service: &ServiceName, status: Status) -> Change {
    Change { role, service: service.clone(), status }
}
