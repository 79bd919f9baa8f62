//! One request of a web application: how it is written, asked, and asked again.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::SendRequest,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT as USER_AGENT_NAME},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{sleep, timeout};

use super::{error::PublishError, kept::Kept};
use crate::{
    error::UrlError,
    milestone::Observer,
    net::{Body, GatewayUrl, Route, USER_AGENT, Way, connection},
    payload::Secret,
    telegraphy::web::PREFIX,
};

/// The most that is read of an answer, in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// How often something is asked that can be asked twice.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// Who is asked to wait longer is told instead.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is asked.
pub(super) struct Asked {
    method: Method,
    place: String,
    body: Bytes,
    /// Whether it may be asked again.
    repeats: bool,
}

/// Where something is below the API: a path as it is, or one with names within it.
pub(super) struct Place(String);

impl From<&str> for Place {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

/// The first part is a path, the others are names.
impl<const PARTS: usize> From<[&str; PARTS]> for Place {
    fn from(parts: [&str; PARTS]) -> Self {
        let mut place = String::new();
        for (number, part) in parts.into_iter().enumerate() {
            if number == 0 {
                place.push_str(part);
            } else {
                place.push('/');
                place.extend(utf8_percent_encode(part, NON_ALPHANUMERIC));
            }
        }
        Self(place)
    }
}

impl Asked {
    fn new(method: Method, place: impl Into<Place>, body: Vec<u8>) -> Self {
        Self { method, place: place.into().0, body: body.into(), repeats: true }
    }

    pub(super) fn get(place: impl Into<Place>) -> Self {
        Self::new(Method::GET, place, Vec::new())
    }

    pub(super) fn delete(place: impl Into<Place>) -> Self {
        Self::new(Method::DELETE, place, Vec::new())
    }

    pub(super) fn post(place: impl Into<Place>, body: &impl Serialize) -> Result<Self, PublishError> {
        Ok(Self::new(Method::POST, place, serde_json::to_vec(body)?))
    }

    pub(super) fn put(place: impl Into<Place>, body: &impl Serialize) -> Result<Self, PublishError> {
        Ok(Self::new(Method::PUT, place, serde_json::to_vec(body)?))
    }

    /// To be asked once: twice would be something else.
    pub(super) fn once(self) -> Self {
        Self { repeats: false, ..self }
    }

    /// With this in its query, if there is a value.
    pub(super) fn query(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            let separator = if self.place.contains('?') { '&' } else { '?' };
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            self.place = format!("{}{separator}{key}={value}", self.place);
        }
        self
    }
}

/// Who asks whom.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) way: Way,
    api_key: Secret,
    kept: Kept,
}

impl Caller {
    pub(super) fn new(url: &str, api_key: Secret) -> Result<Self, UrlError> {
        // The way there is the one to a WebSocket, whose URL has other words for the same.
        let (scheme, rest) = match url.trim().split_once("://") {
            Some(("http", rest)) => ("ws", rest),
            Some(("https", rest)) => ("wss", rest),
            _ => return Err(UrlError::NotHttp { url: url.to_owned() }),
        };
        let route = Route::new(GatewayUrl::new(&format!("{scheme}://{rest}"))?);
        let (connector, observer, within) = (None, Observer::default(), Duration::from_secs(10));
        Ok(Self { way: Way { route, connector, within, observer }, api_key, kept: Kept::default() })
    }

    /// Asks, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, asked: Asked) -> Result<T, PublishError> {
        Ok(serde_json::from_slice(&self.answer(&asked).await?)?)
    }

    /// Asks what has an answer without a body.
    pub(super) async fn ask_for_nothing(&self, asked: Asked) -> Result<(), PublishError> {
        self.answer(&asked).await.map(drop)
    }

    async fn answer(&self, asked: &Asked) -> Result<Bytes, PublishError> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(asked).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = error.retry_after().unwrap_or(pause);
            if !asked.repeats || attempt >= ATTEMPTS || !error.is_temporary() || wait > LONGEST_PAUSE {
                return Err(error);
            }
            tracing::debug!(%error, attempt, "asking again");
            sleep(wait).await;
            attempt += 1;
            pause *= 2;
        }
    }

    /// Goes another way from now on: what was kept leads the old one.
    pub(super) fn change_way<E>(&mut self, change: impl FnOnce(&mut Way) -> Result<(), E>) -> Result<(), E> {
        self.kept = Kept::default();
        change(&mut self.way)
    }

    async fn attempt(&self, asked: &Asked) -> Result<Bytes, PublishError> {
        if let Some(sender) = self.kept.take()
            && let Some(answered) = self.ask_over_kept(sender, asked).await
        {
            return answered;
        }
        let stream = self.way.open().await?;
        self.in_time(async {
            let mut sender = connection(stream).await.map_err(lost)?;
            let answer = sender.send_request(self.request(asked)).await.map_err(lost)?;
            self.read(sender, answer).await
        })
        .await
    }

    /// Asks over a connection that was kept. None when that was closed meanwhile, and to ask over another one does no harm: the gateway has nothing of
    /// it, or takes it twice for once.
    async fn ask_over_kept(
        &self,
        mut sender: SendRequest<Body>,
        asked: &Asked,
    ) -> Option<Result<Bytes, PublishError>> {
        let answered = self.in_time(async {
            match sender.try_send_request(self.request(asked)).await {
                Ok(answer) => self.read(sender, answer).await.map(Some),
                Err(error) if error.message().is_some() || asked.repeats => Ok(None),
                Err(error) => Err(lost(error.into_error())),
            }
        });
        answered.await.transpose()
    }

    async fn in_time<T>(
        &self,
        answered: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        let after = self.way.within;
        timeout(after, answered).await.unwrap_or(Err(PublishError::Timeout { after }))
    }

    async fn read(
        &self,
        sender: SendRequest<Body>,
        answer: Response<Incoming>,
    ) -> Result<Bytes, PublishError> {
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|source| PublishError::Lost { source })?.to_bytes();
        self.kept.keep(sender).await;
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }

    fn request(&self, asked: &Asked) -> Request<Body> {
        let url = &self.way.route.url;
        let body = Full::new(asked.body.clone()).map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.method_mut() = asked.method.clone();
        let path = format!("{}{PREFIX}{}", url.path().trim_end_matches('/'), asked.place);
        // Every part of it was encoded, or is a part of a URL.
        if let Ok(path) = path.parse() {
            *request.uri_mut() = path;
        }
        let bearer = format!("Bearer {}", self.api_key.reveal());
        let headers = [
            (HOST, url.authority()),
            (USER_AGENT_NAME, USER_AGENT.to_owned()),
            (AUTHORIZATION, bearer),
            (CONTENT_TYPE, "application/json".to_owned()),
        ];
        for (name, value) in headers {
            // A key that no header can hold is none of a gateway, which says so.
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }
}

fn lost(error: hyper::Error) -> PublishError {
    PublishError::Lost { source: error.into() }
}

fn refusal(status: StatusCode, body: &[u8]) -> PublishError {
    match serde_json::from_slice(body) {
        Ok(problem) => PublishError::Refused { problem },
        Err(_) => PublishError::Foreign { code: status.as_u16() },
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Caller").field("url", &self.way.route.url).finish_non_exhaustive()
    }
}
