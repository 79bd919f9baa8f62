//! Administration, on the listener of those who run the gateway: who is here, and that somebody goes. Only with the token that
//! the configuration has; where it has none, there is nothing here.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tracing::info;

use super::answers::{empty, not_allowed, retry_after, text, with};
use super::bearer::{self, NoKey};
use super::drive::Present;
use super::gateway::{Door, Gateway};
use super::metrics::TurnedAway;
use crate::files::Address;

/// What an operator wants.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// To see who is here.
    List,
    /// That the client of this name goes.
    Kick(String),
}

/// Why nothing is done.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// There is nothing here.
    NotFound,
    /// There is, but it has only this method.
    Method(&'static str),
    /// The token is missing.
    NoToken,
    /// It is another one.
    WrongToken,
    /// Too many wrong ones came from there.
    Wait(Duration),
    /// Nobody of this name is connected.
    NoClient,
}

/// Whether a path belongs to administration.
pub(super) fn is_of_administration(path: &str) -> bool {
    path == "/admin" || path.starts_with("/admin/")
}

/// Answers a request from that address.
pub(super) fn answer<B>(request: &Request<B>, gateway: &Gateway, address: Address) -> Response<Full<Bytes>> {
    perform(request, gateway, address).unwrap_or_else(|refused| {
        match refused {
            Refused::WrongToken => gateway.count_guess(Door::Administration, address),
            Refused::Wait(_) => gateway.metrics().turn_away(TurnedAway::Guesses),
            _ => {}
        }
        refused.answer()
    })
}

fn perform<B>(
    request: &Request<B>,
    gateway: &Gateway,
    address: Address,
) -> Result<Response<Full<Bytes>>, Refused> {
    let token = gateway.config().metrics.admin_secret.as_ref().ok_or(Refused::NotFound)?;
    if let Some(wait) = gateway.wait_of(Door::Administration, address) {
        return Err(Refused::Wait(wait));
    }
    bearer::check(request.headers().get(AUTHORIZATION), std::slice::from_ref(token)).map_err(
        |why| match why {
            NoKey::Missing => Refused::NoToken,
            NoKey::Wrong => Refused::WrongToken,
        },
    )?;
    match read(request.method(), request.uri().path())? {
        Asked::List => {
            let clients: Vec<_> = gateway.drive().present().iter().map(shown).collect();
            let list = Value::from(clients).to_string() + "\n";
            let answer = with(text(StatusCode::OK, list), CONTENT_TYPE, "application/json");
            Ok(with(answer, CACHE_CONTROL, "no-store"))
        }
        Asked::Kick(name) if gateway.drive().kick(&name) => {
            info!(%address, ?name, "an operator removes a client");
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Asked::Kick(_) => Err(Refused::NoClient),
    }
}

fn read(method: &Method, path: &str) -> Result<Asked, Refused> {
    match (path.strip_prefix("/admin/clients").ok_or(Refused::NotFound)?, method) {
        ("", &Method::GET | &Method::HEAD) => Ok(Asked::List),
        ("", _) => Err(Refused::Method("GET, HEAD")),
        (name, method) => {
            let name = name.strip_prefix('/').filter(|name| !name.is_empty()).ok_or(Refused::NotFound)?;
            if *method != Method::DELETE {
                return Err(Refused::Method("DELETE"));
            }
            let name = percent_decode_str(name).decode_utf8().map_err(|_| Refused::NoClient)?;
            Ok(Asked::Kick(name.into_owned()))
        }
    }
}

fn shown(client: &Present) -> Value {
    let Present { info, peer, since, outbox_bytes, services } = client;
    json!({
        "name": info.name,
        "uuid": info.uuid,
        "nickname": info.nickname,
        "address": peer.to_string(),
        // Seconds since 1970. A clock before that is as good as 1970.
        "connected_since": since.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        "outbox_bytes": outbox_bytes,
        "services": services,
    })
}

impl Refused {
    fn answer(&self) -> Response<Full<Bytes>> {
        match self {
            Self::NotFound => text(StatusCode::NOT_FOUND, "nothing is here\n"),
            Self::Method(methods) => not_allowed(methods),
            Self::NoToken => {
                let message =
                    "the header Authorization is missing: it has the token, after the word Bearer\n";
                with(text(StatusCode::UNAUTHORIZED, message), WWW_AUTHENTICATE, "Bearer")
            }
            Self::WrongToken => {
                let answer = text(StatusCode::UNAUTHORIZED, "this is not the token\n");
                with(answer, WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
            }
            Self::Wait(wait) => {
                let message = "too many wrong tokens from this address, try again later\n";
                let mut answer = text(StatusCode::TOO_MANY_REQUESTS, message);
                answer.headers_mut().insert(RETRY_AFTER, retry_after(*wait));
                answer
            }
            Self::NoClient => text(StatusCode::NOT_FOUND, "no client of this name is connected\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_list_and_each_client_can_be_removed() {
        let kick = |name: &str| Ok(Asked::Kick(name.to_owned()));
        for (method, path, asked) in [
            (Method::GET, "/admin/clients", Ok(Asked::List)),
            (Method::HEAD, "/admin/clients", Ok(Asked::List)),
            (Method::DELETE, "/admin/clients", Err(Refused::Method("GET, HEAD"))),
            (Method::DELETE, "/admin/clients/al", kick("al")),
            (Method::DELETE, "/admin/clients/s%C3%B6%C3%B6", kick("söö")),
            (Method::DELETE, "/admin/clients/%FF", Err(Refused::NoClient)),
            (Method::GET, "/admin/clients/al", Err(Refused::Method("DELETE"))),
            (Method::DELETE, "/admin/clients/", Err(Refused::NotFound)),
            (Method::GET, "/admin/clientsx", Err(Refused::NotFound)),
            (Method::GET, "/admin", Err(Refused::NotFound)),
        ] {
            assert_eq!(read(&method, path), asked, "{method} {path}");
        }
    }
}
