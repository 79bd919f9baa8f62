//! Why a request to the file store is not done: a status, and a body that says it to a program and to a person.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;
use tokio::task::JoinError;

use super::super::{answers::retry_after, overload};
use super::body::Body;
use crate::files::{FilePath, KeyRefusal, PathRefusal, Refusal, Store};
use crate::hub::ClientId;

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// One word for programs, `lower_snake`.
    error: &'static str,
    /// A sentence for people.
    message: Cow<'static, str>,
    /// What the answer has besides.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    /// The word for a key that is nobody's: it may be a guess.
    pub(super) const UNKNOWN_KEY: &'static str = "unknown_key";

    pub(super) fn new(
        status: StatusCode,
        error: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, error, message: message.into(), header: None }
    }

    /// The same, and this in the head of the answer.
    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// One word for it.
    pub(super) fn error(&self) -> &'static str {
        self.error
    }

    /// Too many wrong secrets came from there.
    pub(super) fn guesses(wait: Duration) -> Self {
        let message = "too many wrong keys or secrets from this address, try again later";
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_guesses", message);
        refused.with(RETRY_AFTER, retry_after(wait))
    }

    /// The gateway has too much to do.
    pub(super) fn overloaded() -> Self {
        let message = "the gateway has too much to do, try again soon";
        let refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        refused.with(RETRY_AFTER, retry_after(overload::RETRY_AFTER))
    }

    pub(super) fn no_such_file() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such file")
    }

    /// There is no file at a path of a client's folder, and perhaps a folder.
    pub(super) fn no_file_at(store: &Store, owner: ClientId, path: &FilePath) -> Self {
        if store.has_folder(owner, path) {
            Self::new(StatusCode::CONFLICT, "folder", "that is a folder: list it at its client's")
        } else {
            Self::no_such_file()
        }
    }

    /// The disk failed; what exactly is for the log.
    pub(super) fn of_disk(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", "the gateway's disk is full");
        }
        if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<JoinError>) {
            // It was not the disk, and the log has it already.
            let message = "the gateway failed at this; that is a bug";
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message);
        }
        tracing::error!(%error, "the disk of the file store failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "disk_failed", "the gateway's disk failed")
    }

    pub(super) fn answer(&self) -> Response<Body> {
        let text = json!({ "error": self.error, "message": self.message }).to_string() + "\n";
        let mut answer = Response::new(Body::from(Bytes::from(text)));
        *answer.status_mut() = self.status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some((name, value)) = &self.header {
            answer.headers_mut().insert(name, value.clone());
        }
        answer
    }
}

impl From<PathRefusal> for Refused {
    fn from(refusal: PathRefusal) -> Self {
        match refusal {
            PathRefusal::TooLong => Self::new(StatusCode::URI_TOO_LONG, "path_too_long", refusal.to_string()),
            _ => Self::new(StatusCode::BAD_REQUEST, "bad_path", refusal.to_string()),
        }
    }
}

impl From<KeyRefusal> for Refused {
    fn from(refusal: KeyRefusal) -> Self {
        let (status, error) = match refusal {
            KeyRefusal::Missing => (StatusCode::PRECONDITION_REQUIRED, "no_key"),
            KeyRefusal::NotAUuid => (StatusCode::EXPECTATION_FAILED, "bad_key"),
            KeyRefusal::Unknown => (StatusCode::UNAUTHORIZED, Self::UNKNOWN_KEY),
            KeyRefusal::Expired => (StatusCode::UNAUTHORIZED, "expired_key"),
            KeyRefusal::NotYours => (StatusCode::FORBIDDEN, "not_yours"),
            KeyRefusal::Elsewhere => (StatusCode::FORBIDDEN, "key_from_elsewhere"),
            KeyRefusal::PublicId => (StatusCode::FORBIDDEN, "public_id"),
        };
        Self::new(status, error, refusal.to_string())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let (status, error) = match refusal {
            Refusal::Gone => (StatusCode::NOT_FOUND, "gone"),
            Refusal::Folder => (StatusCode::CONFLICT, "folder"),
            Refusal::FileTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large"),
            Refusal::TooManyUploads => (StatusCode::TOO_MANY_REQUESTS, "too_many_uploads"),
            Refusal::FolderFull => (StatusCode::INSUFFICIENT_STORAGE, "folder_full"),
            Refusal::StoreFull => (StatusCode::INSUFFICIENT_STORAGE, "store_full"),
        };
        Self::new(status, error, refusal.to_string())
    }
}
