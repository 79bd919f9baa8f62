//! Requests to `/fs`: what is asked, by whom, and whether it may be done. The order of the checks is part of the contract: the key,
//! then whose folder it is, then the path.

use std::sync::Arc;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN,
    TRANSFER_ENCODING, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tracing::debug;

use super::super::answers::empty;
use super::super::gateway::{Door, Gateway};
use super::super::leftover::Arriving;
use super::super::lifetime::Lifetime;
use super::super::metrics::TurnedAway;
#[cfg(test)]
use super::super::panics::tests::Fault;
use super::body::Body;
use super::refusal::Refused;
use super::upload::{Placed, Upload};
use super::{Files, download};
use crate::files::{Access, Address, Caller, FilePath};
use crate::hub::ClientId;

const METHODS: &str = "GET, HEAD, PUT, POST, DELETE";

const KEY: &str = "x-fs-key";

/// A request, and where it comes from.
pub(in crate::net) struct Asking<'g> {
    /// It passed the checks of `Origin` and `Host`.
    pub(in crate::net) request: Request<Arriving>,
    pub(in crate::net) gateway: &'g Gateway,
    pub(in crate::net) address: Address,
    pub(in crate::net) lifetime: Lifetime,
}

/// Answers a request to `/fs`, whatever it is.
pub(in crate::net) async fn answer(files: &Arc<Files>, asking: Asking<'_>) -> Response<Body> {
    let origin = asking.request.headers().get(ORIGIN).cloned();
    let mut answer = if asking.request.method() == Method::OPTIONS {
        preflight()
    } else {
        let (gateway, address) = (asking.gateway, asking.address);
        let outcome = match turned_away(gateway, address, asking.request.method()) {
            Some((why, refused)) => {
                gateway.metrics().turn_away(why);
                Err(refused)
            }
            None => perform(files, asking).await,
        };
        outcome.unwrap_or_else(|refused| {
            let error = refused.error();
            if error == Refused::UNKNOWN_KEY {
                gateway.count_guess(Door::Clients, address);
            }
            debug!(%address, status = refused.status.as_u16(), error, "refused a request for files");
            files.lock().tally.refuse(error);
            refused.answer()
        })
    };
    protect(answer.headers_mut(), origin);
    answer
}

/// Whoever is not even looked at: an address that guesses, and what moves files while there is too much to do.
fn turned_away(gateway: &Gateway, address: Address, method: &Method) -> Option<(TurnedAway, Refused)> {
    if let Some(wait) = gateway.wait_of(Door::Clients, address) {
        return Some((TurnedAway::Guesses, Refused::guesses(wait)));
    }
    let is_transfer = matches!(*method, Method::GET | Method::PUT | Method::POST);
    let scarce = if is_transfer { gateway.scarce() } else { None };
    scarce.map(|what| (TurnedAway::Scarce(what), Refused::overloaded()))
}

async fn perform(files: &Arc<Files>, asking: Asking<'_>) -> Result<Response<Body>, Refused> {
    #[cfg(test)]
    files.panics.inject(Fault::FileRoute);
    let Asking { request, address, lifetime, .. } = asking;
    let (head, body) = request.into_parts();
    let (folder, path) = split(head.uri.path());
    let access = match head.method {
        Method::GET | Method::HEAD => Access::Read,
        Method::PUT | Method::POST | Method::DELETE => Access::Write,
        _ => {
            let message = format!("the methods here are {METHODS}");
            let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", message);
            return Err(refused.with(ALLOW, HeaderValue::from_static(METHODS)));
        }
    };
    let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let caller = Caller { key: text(KEY), address, origin: text(ORIGIN.as_str()) };
    let (client, owner) = {
        let rules = files.lock();
        (rules.keys.check(caller, &folder, access)?, rules.keys.owner(&folder))
    };
    if access == Access::Write {
        return write(files, client, (&head.method, &head.headers), path, body, lifetime).await.map(
            |mut answer| {
                if answer.status() == StatusCode::CREATED
                    && let Ok(place) = HeaderValue::from_str(head.uri.path())
                {
                    answer.headers_mut().insert(LOCATION, place);
                }
                answer
            },
        );
    }
    let is_head = head.method == Method::HEAD;
    match path {
        "" => owner.map(|owner| download::list(files, owner)).ok_or_else(|| {
            Refused::new(StatusCode::NOT_FOUND, "no_such_client", "no client of this name is connected")
        }),
        path => {
            let path = FilePath::from_url(path)?;
            let owner = owner.ok_or_else(Refused::no_such_file)?;
            download::file(files, (owner, &path), &head.headers, is_head, lifetime).await
        }
    }
}

async fn write(
    files: &Arc<Files>,
    client: ClientId,
    (method, headers): (&Method, &HeaderMap),
    path: &str,
    body: Arriving,
    lifetime: Lifetime,
) -> Result<Response<Body>, Refused> {
    let boundary = boundary(method, headers)?;
    if path.is_empty() {
        return match boundary {
            Some(boundary) => {
                check_body(headers)?;
                Upload::open(files, client)?.form((boundary, body), lifetime).await?;
                Ok(empty(StatusCode::CREATED))
            }
            None => Err(Refused::new(StatusCode::BAD_REQUEST, "no_path", "a path of the file is missing")),
        };
    }
    let path = FilePath::from_url(path)?;
    if method == Method::DELETE {
        let removed = {
            let store = &mut files.lock().store;
            store.remove(client, &path).ok_or_else(|| Refused::no_file_at(store, client, &path))?
        };
        files.discard(removed.discard);
        return Ok(empty(StatusCode::OK));
    }
    check_body(headers)?;
    let upload = Upload::open(files, client)?;
    let Placed { replaced, sha256 } = match boundary {
        Some(boundary) => upload.form_of_one(path, (boundary, body), lifetime).await?,
        None => upload.raw(path, body, lifetime).await?,
    };
    let is_put = method == Method::PUT;
    let mut answer = empty(if replaced && is_put { StatusCode::NO_CONTENT } else { StatusCode::CREATED });
    download::tell_digest(answer.headers_mut(), &sha256);
    Ok(answer)
}

/// Whether a body is a file in whole and as it is: a part of one would take the place of the whole, and one that is still encoded
/// that of what was meant.
fn check_body(headers: &HeaderMap) -> Result<(), Refused> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    if headers.contains_key(CONTENT_RANGE) {
        let message = "a part of a file cannot be stored: send it whole, without Content-Range";
        return Err(Refused::new(StatusCode::BAD_REQUEST, "partial", message));
    }
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        let message = "the only transfer coding here is chunked";
        return Err(Refused::new(StatusCode::NOT_IMPLEMENTED, "transfer_coding", message));
    }
    Ok(())
}

/// The boundary of a form; none for a raw body.
fn boundary(method: &Method, headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let name = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_form = name.eq_ignore_ascii_case(b"multipart/form-data");
    if method != Method::POST || !is_form {
        return Ok(None);
    }
    multer::parse_boundary(String::from_utf8_lossy(kind)).map(Some).map_err(|_| {
        Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "broken_form",
            "multipart/form-data has a boundary, which the header Content-Type tells",
        )
    })
}

/// The client's name and the path within its folder, still encoded.
fn split(path: &str) -> (String, &str) {
    let rest = path.strip_prefix("/fs/").unwrap_or_default();
    let (folder, path) = rest.split_once('/').unwrap_or((rest, ""));
    // A name that is no UTF-8 is nobody's.
    (percent_decode_str(folder).decode_utf8_lossy().into_owned(), path)
}

/// What a browser asks before a page of another origin may ask.
fn preflight() -> Response<Body> {
    let mut answer = empty(StatusCode::NO_CONTENT);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, "x-fs-key, content-type, range"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// What every answer carries: whatever a client has stored is a download and never a page, and no cache gives it to somebody with
/// another key, or once it is gone.
fn protect(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "sandbox"),
        (CACHE_CONTROL, "private, no-cache"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
        (VARY, "Origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static(
            "etag, repr-digest, content-range, content-disposition, accept-ranges, location",
        );
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
