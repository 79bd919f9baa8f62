//! A name that nobody has: what was meant, judged by who is really there.

use concierge_client::payload::{ClientFetchAll, Rejection, ServiceFetchAll};

use crate::{
    failure::Failure,
    link::{CallFailure, Link},
    suggest::nearest,
};

/// What a call failed with; for a name that is not there, with the nearest that is, if one is near.
pub(super) async fn explain(error: CallFailure, link: &Link) -> Failure {
    let hint = match &error {
        CallFailure::Rejected(Rejection::UnknownName { name }) if name == "all" => {
            Some("`@all` is a client of that name; `send all …` reaches everyone".to_owned())
        }
        CallFailure::Rejected(Rejection::UnknownName { name }) => {
            near_client(name, link).await.map(|near| did_you_mean(&near))
        }
        CallFailure::Rejected(Rejection::UnknownService { service }) => {
            near_service(service, link).await.map(|near| did_you_mean(&near))
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
pub(super) async fn no_client(name: &str, link: &Link) -> Failure {
    explain(CallFailure::Rejected(Rejection::UnknownName { name: name.to_owned() }), link).await
}

async fn near_client(name: &str, link: &Link) -> Option<String> {
    let clients = link.call(ClientFetchAll {}).await.ok()?.clients;
    nearest(name, clients.iter().map(|client| client.name.as_str())).map(str::to_owned)
}

async fn near_service(name: &str, link: &Link) -> Option<String> {
    let services = link.call(ServiceFetchAll {}).await.ok()?.services;
    nearest(name, services.iter().map(|service| service.name.as_str())).map(str::to_owned)
}

fn did_you_mean(near: &str) -> String {
    format!("did you mean {near:?}?")
}
