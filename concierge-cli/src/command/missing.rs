//! A name that nobody has: what was meant, judged by who is really there.

use concierge_client::{
    CallError, Client,
    payload::{ClientFetchAll, Rejection, ServiceFetchAll},
};

use crate::{failure::Failure, suggest::nearest};

/// What a call failed with; for a name that is not there, with the nearest that is.
pub(super) async fn explain(error: CallError, client: &Client) -> Failure {
    let hint = match &error {
        CallError::Rejected(Rejection::UnknownName { name }) if name == "all" => {
            Some("`@all` is a client of that name; `send all …` reaches everyone".to_owned())
        }
        CallError::Rejected(Rejection::UnknownName { name }) => {
            Some(or_list(near_client(name, client).await, "`clients ls` lists who is there"))
        }
        CallError::Rejected(Rejection::UnknownUuid { .. }) => {
            Some("`clients ls` lists who is there; a uuid is new with every connection".to_owned())
        }
        CallError::Rejected(Rejection::UnknownService { service }) => {
            Some(or_list(near_service(service, client).await, "`services ls` lists what is there"))
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A client that is not there, told like the gateway's own refusal.
pub(super) async fn no_client(name: &str, client: &Client) -> Failure {
    explain(CallError::Rejected(Rejection::UnknownName { name: name.to_owned() }), client).await
}

async fn near_client(name: &str, client: &Client) -> Option<String> {
    let clients = client.call(ClientFetchAll {}).await.ok()?.clients;
    nearest(name, clients.iter().map(|client| client.name.as_str())).map(str::to_owned)
}

async fn near_service(name: &str, client: &Client) -> Option<String> {
    let services = client.call(ServiceFetchAll {}).await.ok()?.services;
    nearest(name, services.iter().map(|service| service.name.as_str())).map(str::to_owned)
}

fn or_list(meant: Option<String>, list: &str) -> String {
    meant.map_or_else(|| list.to_owned(), |meant| format!("did you mean {meant:?}?"))
}
