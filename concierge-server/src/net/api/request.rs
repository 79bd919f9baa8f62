//! The way of a request: who may ask, what is asked, and the core's answer to it.

use std::sync::Arc;

use bytes::Bytes;
use concierge_client::telegraphy::web::{BatchResult, Problem, ProblemStatus};
use futures_util::StreamExt as _;
use futures_util::stream;
use http_body_util::Full;
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Request, Response, StatusCode};
use tracing::debug;

use super::body;
use crate::dialect::telegraphy::web::{self, Answer, Asked, DESCRIPTION, Head, Route};
use crate::net::answers::{empty, with};
use crate::net::bearer::{self, NoKey};
use crate::net::gateway::{Asker, Door, Gateway};
use crate::net::leftover::Arriving;
use crate::net::metrics::TurnedAway;
use crate::net::origin::{self, Allowed, Foreign, Way};
use crate::net::peer::Peer;
use crate::net::telegraphy::{Exchange, random};

/// How many events of a batch wait for the core and its store at the same time.
const IN_FLIGHT: usize = 64;

/// Where a request has come to when it was not found out what it is.
const NO_ROUTE: &str = "none";

/// Whoever is at the other end of a connection.
pub(super) struct Application {
    pub(super) gateway: Arc<Gateway>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) peer: Peer,
    pub(super) over_loopback: bool,
}

impl Application {
    /// Answers a request, whatever it is. Whoever may not ask anything is not welcome to stay.
    pub(super) async fn answer(&self, request: Request<Arriving>) -> (Response<Full<Bytes>>, bool) {
        let perform = async {
            if let Err(answer) = self.admit(request.headers()) {
                return (NO_ROUTE, answer, false);
            }
            match Route::find(request.method().as_str(), request.uri().path()) {
                Ok(route) => (route.name(), self.perform(route, request).await, true),
                Err(answer) => (NO_ROUTE, answer, true),
            }
        };
        let performed = self.gateway.panics().watch(perform).await;
        let (route, answer, is_welcome) = performed.unwrap_or_else(|| {
            let problem = Problem::new(ProblemStatus::Internal, "the gateway failed at this; that is a bug");
            (NO_ROUTE, problem.into(), false)
        });
        self.gateway.metrics().answer_application(route, answer.code);
        (response(answer), is_welcome)
    }

    /// Whether whoever asks may ask anything.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Answer> {
        let gateway = &self.gateway;
        let Asker { peer, is_at_hand } = gateway.asker(self.peer, headers);
        let hosts = &gateway.config().allowed_hosts;
        // No page of a browser has a business here, whatever it may do at the other port.
        let way = Way::of(self.over_loopback, is_at_hand);
        if let Err(foreign) = origin::check(headers, way, Allowed { origins: &[], hosts }) {
            debug!(%peer, ?foreign, "refused a request to the web applications' side");
            gateway.metrics().turn_away(match foreign {
                Foreign::NoHost | Foreign::Host => TurnedAway::Host,
                Foreign::Origin => TurnedAway::Origin,
            });
            return Err(Problem::new(ProblemStatus::NotAuthorized, "not from there").into());
        }
        if let Some(wait) = gateway.wait_of(Door::Applications, peer.address) {
            gateway.metrics().turn_away(TurnedAway::Guesses);
            let problem = Problem::new(
                ProblemStatus::TooManyRequests,
                "too many wrong keys from this address, try again later",
            );
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Err(problem.again_after(seconds).into());
        }
        bearer::check(headers.get(AUTHORIZATION), &gateway.config().telegraphy.api_keys).map_err(|why| {
            let message = match why {
                NoKey::Missing => {
                    "the header Authorization is missing: it has the API key, after the word Bearer"
                }
                NoKey::Wrong => {
                    gateway.count_guess(Door::Applications, peer.address);
                    "this is no API key"
                }
            };
            Problem::new(ProblemStatus::InvalidToken, message).into()
        })
    }

    async fn perform(&self, route: Route, request: Request<Arriving>) -> Answer {
        match self.ask(route, request).await {
            Ok(answer) => answer,
            Err(problem) => problem.into(),
        }
    }

    async fn ask(&self, route: Route, request: Request<Arriving>) -> Result<Answer, Problem> {
        let telegraphy = &self.gateway.config().telegraphy;
        let (parts, body) = request.into_parts();
        let text = |name| parts.headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
        let head = Head {
            query: parts.uri.query(),
            content_type: text(CONTENT_TYPE),
            content_encoding: text(CONTENT_ENCODING),
        };
        route.check(head)?;
        let body = match route.most_bytes(telegraphy.rules.event_bytes) {
            Some(most) => body::read(body, most, telegraphy.body_timeout).await?,
            None => Vec::new(),
        };
        Ok(match route.read(head, &body, &mut random::bytes)? {
            Asked::Description => Answer { code: 200, body: DESCRIPTION.to_owned(), ..Answer::default() },
            Asked::One(question, expected) => expected.answer(self.exchange.call(*question).await),
            Asked::Batch(items) => {
                // Each is asked when it is taken from the stream, which keeps their order.
                let results = stream::iter(items).map(|item| {
                    let asked = item.map(|question| self.exchange.call(question));
                    async {
                        match asked {
                            Ok(reply) => web::result(reply.await),
                            Err(problem) => BatchResult::Refused(problem),
                        }
                    }
                });
                web::results(results.buffered(IN_FLIGHT).collect().await)
            }
        })
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let Answer { code, body, allow, retry_after } = answer;
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // There may be a token in it.
    let mut response = with(empty::<Full<Bytes>>(status), CACHE_CONTROL, "no-store");
    if !body.is_empty() {
        *response.body_mut() = Full::from(body);
        response = with(response, CONTENT_TYPE, "application/json");
        response = with(response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    if let Some(methods) = allow {
        response = with(response, ALLOW, methods);
    }
    if status == StatusCode::UNAUTHORIZED {
        response = with(response, WWW_AUTHENTICATE, "Bearer");
    }
    if let Some(wait) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}
