//! Shares in subscriptions: several of what runs on one connection may listen to a service, and only the last of them unsubscribes,
//! unless somebody subscribed for as long as the connection lasts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use concierge_client::payload::{SelfSubscribeResult, SelfUnsubscribe, ServiceName};
use tokio::{runtime::Handle, sync};

use super::{CallFailure, Link};

/// The subscriptions of a connection that somebody has a share in.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Arc<Register>);

#[derive(Debug, Default)]
struct Register {
    /// Held while the gateway is asked: what is given back and what is taken again come one after the other.
    turn: sync::Mutex<()>,
    shared: Mutex<BTreeMap<ServiceName, Shared>>,
}

/// A subscription that somebody has a share in.
#[derive(Debug, Default)]
struct Shared {
    holders: usize,
    /// Whether one of them subscribed, so that it ends with the last of them.
    is_theirs: bool,
}

/// A share in a subscription. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    link: Link,
    service: ServiceName,
    is_held: bool,
}

impl Shares {
    /// Whose turn it is to subscribe or unsubscribe.
    pub(super) async fn turn(&self) -> sync::MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// Somebody subscribes for as long as the connection lasts: nobody's share ends that.
    pub(super) fn stays(&self, service: &ServiceName) {
        if let Some(shared) = self.lock().get_mut(service) {
            shared.is_theirs = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Shared>> {
        self.0.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Subscribes, or takes part in what is subscribed to already.
    pub(super) async fn take(
        link: &Link,
        service: ServiceName,
    ) -> Result<(SelfSubscribeResult, Self), CallFailure> {
        let _turn = link.shares.turn().await;
        let result = link.subscribe(service.clone(), false).await?;
        let mut shared = link.shares.lock();
        let subscription = shared.entry(service.clone()).or_default();
        subscription.holders += 1;
        subscription.is_theirs |= result.successful;
        drop(shared);
        Ok((result, Self { link: link.clone(), service, is_held: true }))
    }

    /// Gives it back, and waits until that is done.
    pub(crate) async fn give_back(mut self) {
        if self.let_go() {
            unsubscribe(&self.link, &self.service).await;
        }
    }

    /// Whether nobody holds it any more.
    fn let_go(&mut self) -> bool {
        if !std::mem::take(&mut self.is_held) {
            return false;
        }
        match self.link.shares.lock().get_mut(&self.service) {
            Some(shared) => {
                shared.holders = shared.holders.saturating_sub(1);
                shared.holders == 0
            }
            None => false,
        }
    }
}

impl Drop for Share {
    /// Whoever held it was stopped, or is done.
    fn drop(&mut self) {
        if self.let_go()
            && let Ok(runtime) = Handle::try_current()
        {
            let (link, service) = (self.link.clone(), self.service.clone());
            runtime.spawn(async move { unsubscribe(&link, &service).await });
        }
    }
}

/// Ends a subscription, unless somebody has taken a share in it meanwhile, or it is not theirs to end.
async fn unsubscribe(link: &Link, service: &ServiceName) {
    let _turn = link.shares.turn().await;
    let is_to_end = {
        let mut shared = link.shares.lock();
        let is_left = shared.get(service).is_some_and(|shared| shared.holders == 0);
        let left = if is_left { shared.remove(service) } else { None };
        left.is_some_and(|left| left.is_theirs)
    };
    if is_to_end {
        // Without a connection, or a service, it has ended.
        let _ = link.call(SelfUnsubscribe { service: service.clone() }).await;
    }
}
