//! What is answered when something is not done: a status, and JSON that says why.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use concierge_client::telegraphy::PublishError;
use serde_json::json;

/// Why something is not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: String,
}

impl Refusal {
    /// Nobody knows who asks.
    pub(crate) const NOT_LOGGED_IN: Self = Self { status: StatusCode::UNAUTHORIZED, reason: String::new() };

    /// It cannot be done like this.
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}

/// The gateway cannot be told, so nothing was done.
impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        let status =
            if error.is_temporary() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_GATEWAY };
        Self::new(status, format!("the gateway cannot be told: {:#}", anyhow::Error::from(error)))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let reason = if self.reason.is_empty() { "log in first" } else { &self.reason };
        let mut response = (self.status, Json(json!({"error": reason}))).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, 2.into());
        }
        response
    }
}
