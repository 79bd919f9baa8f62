//! Belonging to a service for as long as a command takes: only its owner and its subscribers may send to it.

use concierge_client::payload::{ServiceFetch, ServiceName};
use uuid::Uuid;

use super::missing::explain;
use crate::{
    failure::Failure,
    link::{Link, Share},
};

/// A service that this client owns or subscribes to.
#[derive(Debug)]
pub(super) struct Membership {
    /// Who opened it.
    pub(super) owner: Uuid,
    /// What is to be given back; an owner needs none.
    share: Option<Share>,
}

impl Membership {
    /// Subscribes, unless this client does already, or owns the service.
    pub(super) async fn join(service: &ServiceName, link: &Link) -> Result<Self, Failure> {
        let fetched = match link.call(ServiceFetch { service: service.clone() }).await {
            Ok(fetched) => fetched,
            Err(error) => return Err(explain(error, link).await),
        };
        if fetched.service.owner_uuid == link.who().uuid {
            return Ok(Self { owner: fetched.service.owner_uuid, share: None });
        }
        match link.share(service.clone()).await {
            Ok((result, share)) => Ok(Self { owner: result.service.owner_uuid, share: Some(share) }),
            Err(error) => Err(explain(error, link).await),
        }
    }

    /// Gives back what was not there before.
    pub(super) async fn leave(self) {
        if let Some(share) = self.share {
            share.give_back().await;
        }
    }
}
