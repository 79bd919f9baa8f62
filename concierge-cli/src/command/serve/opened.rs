//! A service for as long as it is served: opened, and deleted in the end.

use concierge_client::payload::{ServiceCreate, ServiceDelete, ServiceName};

use super::super::{Context, Place, missing::explain};
use crate::{exit::Exit, failure::Failure, link::Link};

/// A service that is open for as long as it is served.
pub(super) struct Opened {
    pub(super) service: ServiceName,
    /// Where it is to be deleted in the end: a connection that stays, which did not have it before.
    link: Option<Link>,
}

impl Opened {
    /// Opens it, unless somebody else has.
    pub(super) async fn open(service: ServiceName, context: &Context<'_>) -> Result<Self, Failure> {
        let Context { link, output, place, .. } = context;
        let created = link.call(ServiceCreate { service: service.clone(), nickname: None }).await;
        let created = match created {
            Ok(created) => created,
            Err(error) => return Err(explain(error, link).await),
        };
        if !created.successful && created.service.owner_uuid != link.who().uuid {
            return Err(Failure::new(
                Exit::Rejected,
                format!("the service {:?} belongs to another client", &*service),
            )
            .hint("choose another name, or wait until its owner has left: concierge services show NAME tells who it is"));
        }
        let message = format!("{} serves #{service}", link.who().name);
        match place {
            Place::Shell { .. } => output.note(&message),
            Place::Session(_) => output.detail(&message),
        }
        let stays = matches!(place, Place::Session(_)) && created.successful;
        Ok(Self { service, link: stays.then(|| (*link).clone()) })
    }

    /// Deletes it, where it would stay.
    pub(super) async fn close(mut self) {
        if let Some(link) = self.link.take() {
            // Without a connection it is gone already.
            let _ = link.call(ServiceDelete { service: self.service.clone() }).await;
        }
    }
}

impl Drop for Opened {
    /// Whoever served was stopped.
    fn drop(&mut self) {
        if let (Some(link), Ok(runtime)) = (self.link.take(), tokio::runtime::Handle::try_current()) {
            let service = self.service.clone();
            runtime.spawn(async move { link.call(ServiceDelete { service }).await });
        }
    }
}
