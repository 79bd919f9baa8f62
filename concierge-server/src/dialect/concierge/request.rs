//! The payloads after the first: text to something for the hub, or to an answer that needs none.

use concierge_client::payload::{
    AnyRequest, DecodeError, Envelope, Nickname, Reply, RequestKind, SendMessage, Seq, ServiceName, Target,
};

use super::{rules::Rules, step::Input};
use crate::hub::{Change, ClientId, Fetch, Token};

/// What a payload asks for.
pub(super) enum Asked<'t> {
    /// Something that the hub decides.
    Hub(Input<'t>),
    /// The counter, set to this number.
    SetSeq(Seq),
    /// Nothing that could be done: the answer.
    Refused(Reply),
}

/// Reads a payload of a client that is in.
pub(super) fn read<'t>(text: &'t str, client: ClientId, seq: Seq, rules: &Rules) -> Asked<'t> {
    let request = match decode(text, rules) {
        Ok(Some(request)) => request,
        Ok(None) => return Asked::Refused(Reply::ErrorUnsupported),
        Err(error) => return Asked::Refused(Reply::ErrorProtocol { desc: error.to_string() }),
    };
    let token = Token(seq.value());
    Asked::Hub(match request {
        AnyRequest::SelfSetSeq(request) => return Asked::SetSeq(request.seq),
        AnyRequest::SelfSubscribe(request) => {
            Input::Change(Change::Subscribe { client, token, service: request.service })
        }
        AnyRequest::SelfUnsubscribe(request) => {
            Input::Change(Change::Unsubscribe { client, token, service: request.service })
        }
        AnyRequest::ServiceCreate(request) => Input::Change(Change::Create {
            client,
            token,
            service: request.service,
            nickname: request.nickname,
        }),
        AnyRequest::ServiceDelete(request) => {
            Input::Change(Change::Delete { client, token, service: request.service })
        }
        AnyRequest::SelfFetch(_) => Input::Fetch { token, fetch: Fetch::Own },
        AnyRequest::ServiceFetch(request) => Input::Fetch { token, fetch: Fetch::Service(request.service) },
        AnyRequest::ServiceFetchAll(_) => Input::Fetch { token, fetch: Fetch::Services },
        AnyRequest::ClientFetch(request) => Input::Fetch { token, fetch: Fetch::Client(request.uuid) },
        AnyRequest::ClientFetchAll(_) => Input::Fetch { token, fetch: Fetch::Clients },
        AnyRequest::Message(message) => Input::Message { token, target: message.target, data: message.data },
        _ => return Asked::Refused(Reply::ErrorUnsupported),
    })
}

/// None for a `type` that is no request, and for a second `IDENTIFY`, whatever its fields.
fn decode<'t>(text: &'t str, rules: &Rules) -> Result<Option<AnyRequest<'t>>, DecodeError> {
    let request = if let Some(message) = SendMessage::decode_usual(text) {
        AnyRequest::Message(message)
    } else {
        let envelope = Envelope::parse(text)?;
        match envelope.kind() {
            None | Some(RequestKind::Identify) => return Ok(None),
            Some(kind) => envelope.decode(kind)?,
        }
    };
    check_limits(&request, rules)?;
    Ok(Some(request))
}

/// A gateway may be configured to take shorter names than the protocol allows.
fn check_limits(request: &AnyRequest<'_>, rules: &Rules) -> Result<(), DecodeError> {
    let (service, field, nickname) = match request {
        AnyRequest::SelfSubscribe(request) => (Some(&request.service), "service", None),
        AnyRequest::SelfUnsubscribe(request) => (Some(&request.service), "service", None),
        AnyRequest::ServiceDelete(request) => (Some(&request.service), "service", None),
        AnyRequest::ServiceFetch(request) => (Some(&request.service), "service", None),
        AnyRequest::ServiceCreate(request) => (Some(&request.service), "service", request.nickname.as_ref()),
        AnyRequest::Message(message) => match &message.target {
            Target::Service { service } | Target::ServiceClientUuid { service, .. } => {
                (Some(service), "target.service", None)
            }
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    check_length(field, service.map_or(0, |name: &ServiceName| name.len()), rules.limits.service, "bytes")?;
    let nickname_length = nickname.map_or(0, |nickname: &Nickname| nickname.chars().count());
    check_length("nickname", nickname_length, rules.limits.nickname, "characters")
}

fn check_length(field: &str, length: usize, limit: usize, unit: &str) -> Result<(), DecodeError> {
    if length <= limit {
        return Ok(());
    }
    let reason = format!("this gateway takes at most {limit} {unit}, this has {length}");
    Err(DecodeError::Invalid { field: field.to_owned(), reason })
}
