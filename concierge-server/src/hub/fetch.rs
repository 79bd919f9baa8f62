//! The rules of what is asked about the registry. Answers are always complete, whatever the form of the asker.

use concierge_client::payload::{
    ClientFetchAllResult, ClientFetchResult, Reply, SelfFetchResult, Service, ServiceFetchAllResult,
    ServiceFetchResult,
};

use super::{
    Hub,
    change::unknown_service,
    clients::Member,
    effect::Effect,
    input::{ClientId, Fetch, Form, Token},
};

impl Hub {
    /// Answers a question. One of a client that is not here has no effect.
    pub fn fetch(&self, client: ClientId, token: Token, fetch: &Fetch, effects: &mut Vec<Effect>) {
        let Some(member) = self.clients.member(client) else { return };
        let reply = match fetch {
            Fetch::Own => Reply::SelfFetchResult(SelfFetchResult {
                client: member.info.clone(),
                subscriptions: self.subscriptions(member),
            }),
            Fetch::Client(uuid) => {
                match self.clients.with_uuid(*uuid).and_then(|client| self.clients.member(client)) {
                    Some(member) => Reply::ClientFetchResult(ClientFetchResult {
                        client: member.info.clone(),
                        subscriptions: self.subscriptions(member),
                    }),
                    None => Reply::InvalidUuid { uuid: *uuid },
                }
            }
            Fetch::Clients => Reply::ClientFetchAllResult(ClientFetchAllResult {
                clients: self.clients.iter().map(|(_, member)| member.info.clone()).collect(),
            }),
            Fetch::Service(name) => match self.services.named(name) {
                Some((_, room)) => {
                    Reply::ServiceFetchResult(ServiceFetchResult { service: room.info(Form::Full) })
                }
                None => unknown_service(name),
            },
            Fetch::Services => Reply::ServiceFetchAllResult(ServiceFetchAllResult {
                services: self.services.iter().map(|room| room.info(Form::Full)).collect(),
            }),
        };
        effects.push(Self::answer(client, token, reply));
    }

    fn subscriptions(&self, member: &Member) -> Vec<Service> {
        member
            .subscribed_services()
            .into_iter()
            .filter_map(|service| self.services.room(service))
            .map(|room| room.info(Form::Full))
            .collect()
    }
}
