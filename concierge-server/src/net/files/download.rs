//! Files on their way out: whole, in part, or not at all when the asker has them already. RFC 9110, sections 13 and 14.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use http_range_header::parse_range_header;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::{Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::super::lifetime::Lifetime;
use super::Files;
use super::body::{Body, FileBody};
use super::refusal::Refused;
use crate::files::{FilePath, StoredFile};
use crate::hub::ClientId;

/// What a file name keeps in `filename*`: RFC 8187, section 3.2.1.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Answers with a file, or with its head alone.
pub(super) async fn file(
    files: &Arc<Files>,
    (owner, path): (ClientId, &FilePath),
    headers: &HeaderMap,
    is_head: bool,
    lifetime: Lifetime,
) -> Result<Response<Body>, Refused> {
    let stored = {
        let rules = files.lock();
        match rules.store.find(owner, path) {
            Some(stored) => stored.clone(),
            None if rules.store.has_folder(owner, path) => {
                return Err(Refused::new(
                    StatusCode::CONFLICT,
                    "folder",
                    "that is a folder: list it at its client's",
                ));
            }
            None => return Err(Refused::no_such_file()),
        }
    };
    let etag = etag(&stored);
    let mut answer = Response::new(Body::default());
    describe(answer.headers_mut(), &stored, &etag, path);
    if is_known(headers, &etag, stored.modified) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(answer);
    }
    let (from, length) = match wanted(headers, &etag, &stored) {
        Wanted::Whole => (0, stored.size),
        Wanted::Part { from, to } => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            insert(answer.headers_mut(), CONTENT_RANGE, &format!("bytes {from}-{to}/{}", stored.size));
            (from, to - from + 1)
        }
        Wanted::Nothing => {
            let refused = Refused::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range",
                "the file has nothing in this range",
            );
            return Err(refused.with(CONTENT_RANGE, header(&format!("bytes */{}", stored.size))));
        }
    };
    insert(answer.headers_mut(), CONTENT_LENGTH, &length.to_string());
    if is_head {
        return Ok(answer);
    }
    if length == 0 {
        files.lock().tally.send(0, true);
        return Ok(answer);
    }
    let (disk, id) = (Arc::clone(&files.disk), stored.id);
    let opened = files.work(move || disk.read(id)).await.map_err(std::io::Error::other).flatten();
    let file = opened.map_err(|error| match error.kind() {
        // Replaced or deleted a moment ago.
        std::io::ErrorKind::NotFound => Refused::no_such_file(),
        _ => Refused::of_disk(&error),
    })?;
    *answer.body_mut() = Body::File(FileBody::new(files, file, (from, length), lifetime));
    Ok(answer)
}

/// Answers with a list of a client's files, which may be empty.
pub(super) fn list(files: &Files, owner: ClientId) -> Response<Body> {
    let rules = files.lock();
    let entries: Vec<_> = rules
        .store
        .list(owner)
        .map(|(path, stored)| {
            json!({
                "path": path.as_str(),
                "size": stored.size,
                "modified": stored.modified,
                "etag": etag(stored),
                "sha256": HEXLOWER.encode(&stored.sha256),
            })
        })
        .collect();
    drop(rules);
    let text = serde_json::Value::from(entries).to_string() + "\n";
    let mut answer = Response::new(Body::from(Bytes::from(text)));
    insert(answer.headers_mut(), CONTENT_TYPE, "application/json");
    answer
}

/// A strong validator: what is in a file decides it.
fn etag(stored: &StoredFile) -> String {
    let half = stored.sha256.get(..16).unwrap_or_default();
    format!("\"{}\"", HEXLOWER.encode(half))
}

fn describe(headers: &mut HeaderMap, stored: &StoredFile, etag: &str, path: &FilePath) {
    insert(headers, CONTENT_TYPE, "application/octet-stream");
    insert(headers, ACCEPT_RANGES, "bytes");
    insert(headers, ETAG, etag);
    tell_digest(headers, &stored.sha256);
    insert(headers, LAST_MODIFIED, &httpdate::fmt_http_date(time(stored.modified)));
    let name = utf8_percent_encode(path.file_name(), ATTRIBUTE);
    insert(headers, CONTENT_DISPOSITION, &format!("attachment; filename*=UTF-8''{name}"));
}

/// RFC 9530: the checksum of the whole file, whatever part of it is sent, or of the one that came.
pub(super) fn tell_digest(headers: &mut HeaderMap, sha256: &[u8; 32]) {
    let digest = BASE64.encode(sha256);
    insert(headers, HeaderName::from_static("repr-digest"), &format!("sha-256=:{digest}:"));
}

/// Whether the asker has the file already: section 13.2.2.
fn is_known(headers: &HeaderMap, etag: &str, modified: u64) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
            list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
        });
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    since.and_then(|since| httpdate::parse_http_date(since).ok()).is_some_and(|since| time(modified) <= since)
}

/// Which part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part {
        from: u64,
        /// The last byte.
        to: u64,
    },
    /// Nothing that there is.
    Nothing,
}

/// One range is served. Several, and what is none, are passed over, which the standard allows.
fn wanted(headers: &HeaderMap, etag: &str, stored: &StoredFile) -> Wanted {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    if let Some(condition) = headers.get(IF_RANGE) {
        let date = httpdate::fmt_http_date(time(stored.modified));
        if condition != etag && condition != date.as_str() {
            return Wanted::Whole;
        }
    }
    let Ok(parsed) = parse_range_header(range) else { return Wanted::Whole };
    match parsed.validate(stored.size).as_deref() {
        Ok([range]) => Wanted::Part { from: *range.start(), to: *range.end() },
        Ok(_) => Wanted::Whole,
        Err(_) => Wanted::Nothing,
    }
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.insert(name, header(value));
}

fn header(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("digits, dates, and what is percent-encoded are headers")
}
