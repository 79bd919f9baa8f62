//! One request to the store and its answer, on a connection of its own.

use std::{io, sync::Arc, time::Duration};

use data_encoding::BASE64;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{EXPECT, HOST, HeaderMap, HeaderName, USER_AGENT as USER_AGENT_NAME},
};
use serde::Deserialize;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{error::FileError, place, progress::Watch};
use crate::net::{Approach, USER_AGENT, connection};

pub(super) use crate::net::Body;

/// The most that is read of a refusal, in bytes.
const MAX_REFUSAL: usize = 16 * 1024;

/// Nothing is sent with a request.
pub(super) fn no_body() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// How the store is asked. Without `Debug`: it holds the key.
#[derive(Clone)]
pub(super) struct Exchange {
    approach: Arc<Approach>,
    key: Uuid,
    pub(super) patience: Duration,
    /// Who is told that the gateway wants to have what is sent.
    leave: Option<Arc<Notify>>,
}

impl Exchange {
    pub(super) fn new(approach: Arc<Approach>, key: Uuid, patience: Duration) -> Self {
        Self { approach, key, patience, leave: None }
    }

    /// Asks, from now on, whether the gateway wants what is sent before that is sent (RFC 9110, section 10.1.1). Its leave is told.
    pub(super) fn ask_first(&mut self) -> Arc<Notify> {
        Arc::clone(self.leave.insert(Arc::default()))
    }

    /// Asks, and waits for the head of the answer. A refusal is an error.
    ///
    /// Cancel safe: dropping the future closes the connection.
    pub(super) async fn ask(
        &self,
        method: Method,
        place: &str,
        headers: &[(HeaderName, &str)],
        body: Body,
        watch: &Watch,
    ) -> Result<Response<Incoming>, FileError> {
        let stream = self.approach.way.open().await?;
        let answered = async {
            let request = self.request(method, place, headers, body)?;
            let mut sender = connection(stream).await.map_err(lost)?;
            sender.send_request(request).await.map_err(lost)
        };
        let answer = watch.bound(self.patience, answered).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_REFUSAL).collect();
        // A refusal that does not come in whole is one all the same.
        let body = tokio::time::timeout(self.patience, body).await.ok().and_then(Result::ok);
        Err(refusal(status, &body.map(http_body_util::Collected::to_bytes).unwrap_or_default(), place))
    }

    fn request(
        &self,
        method: Method,
        place: &str,
        headers: &[(HeaderName, &str)],
        body: Body,
    ) -> Result<Request<Body>, FileError> {
        let url = &self.approach.way.route.url;
        let mut request = Request::builder()
            .method(method)
            .uri(place::store(url) + place)
            .header(HOST, url.authority())
            .header(USER_AGENT_NAME, USER_AGENT)
            .header("x-fs-key", self.key.to_string());
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        // What somebody added for a proxy before the gateway is for this, too.
        for (name, value) in &self.approach.way.route.headers {
            request = request.header(name.as_str(), value.as_bytes());
        }
        if self.leave.is_some() {
            request = request.header(EXPECT, "100-continue");
        }
        let request = request.body(body);
        let mut request = request.map_err(|error| FileError::Answer { detail: error.to_string() })?;
        if let Some(leave) = self.leave.clone() {
            hyper::ext::on_informational(&mut request, move |_| leave.notify_one());
        }
        Ok(request)
    }
}

/// The SHA-256 of a whole file, whatever part of it is sent: RFC 9530.
pub(super) fn read_digest(headers: &HeaderMap) -> Option<Vec<u8>> {
    let digests = headers.get("repr-digest")?.to_str().ok()?;
    let digest = digests.split(',').find_map(|digest| digest.trim().strip_prefix("sha-256=:"))?;
    BASE64.decode(digest.trim_end_matches(':').as_bytes()).ok()
}

/// The connection broke off.
pub(super) fn lost(error: hyper::Error) -> FileError {
    // What the body of the request failed with is the caller's own.
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    if error.is_user()
        && let Some(source) = source
    {
        return FileError::Local {
            what: "reading the file",
            source: io::Error::new(source.kind(), source.to_string()),
        };
    }
    FileError::Lost { source: error.into() }
}

fn refusal(status: StatusCode, body: &[u8], place: &str) -> FileError {
    #[derive(Deserialize)]
    struct Told {
        message: String,
    }
    let told = serde_json::from_slice::<Told>(body).map(|told| told.message);
    let is_store = told.is_ok();
    let message =
        told.unwrap_or_else(|_| status.canonical_reason().unwrap_or("no reason was given").to_owned());
    match status {
        // A gateway without a store answers 404 as to any path; an original one says nothing more about a file either.
        StatusCode::NOT_FOUND if !is_store && body.starts_with(b"nothing is here") => FileError::Unsupported,
        StatusCode::NOT_FOUND => FileError::NotFound { message },
        StatusCode::BAD_REQUEST | StatusCode::URI_TOO_LONG => {
            let path = place.split_once('/').map(|(_, path)| path).unwrap_or_default();
            let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
            FileError::Path { path, message }
        }
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::EXPECTATION_FAILED
        | StatusCode::PRECONDITION_REQUIRED => FileError::Denied { message },
        StatusCode::CONFLICT => FileError::Folder,
        StatusCode::PAYLOAD_TOO_LARGE => FileError::TooLarge,
        StatusCode::INSUFFICIENT_STORAGE => FileError::Full { message },
        StatusCode::TOO_MANY_REQUESTS => FileError::Busy,
        status => FileError::Refused { status: status.as_u16(), message },
    }
}
