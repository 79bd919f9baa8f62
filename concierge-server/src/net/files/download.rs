//! Files on their way out: whole, in part, or not at all when the asker has them already. RFC 9110, sections 13 and 14.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
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
use super::leased::Leased;
use super::range::{Wanted, wanted};
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
    let (stored, leased) = Leased::find(files, owner, path)
        .ok_or_else(|| Refused::no_file_at(&files.lock().store, owner, path))?;
    let etag = etag(&stored);
    let mut answer = Response::new(Body::default());
    describe(answer.headers_mut(), &stored, &etag, path);
    if is_known(headers, &etag, stored.modified) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(answer);
    }
    // A range means something to GET alone.
    let wanted = if is_head { Wanted::Whole } else { asked_for(headers, &etag, stored.size) };
    let (from, length) = match wanted {
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
    let file = opened.map_err(|error| Refused::of_disk(&error))?;
    *answer.body_mut() = Body::File(FileBody::new(leased, file, (from, length), lifetime));
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

/// Which part of a file is asked for, if it is still the file that the asker has the rest of. Only the etag tells: a time in whole
/// seconds may be that of two versions, so it is no strong validator, as section 13.1.5 demands.
fn asked_for(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let is_another = headers.get(IF_RANGE).is_some_and(|condition| condition != etag);
    match headers.get(RANGE).and_then(|value| value.to_str().ok()) {
        Some(range) if !is_another => wanted(range, size),
        _ => Wanted::Whole,
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use http_body_util::BodyExt as _;

    use super::super::intake::{Intake, place};
    use super::super::tests::{ALICE, files, occupy_the_disk, until_it_is_gone};
    use super::*;

    async fn put(files: &Arc<Files>, path: &FilePath, content: &[u8]) {
        let mut intake = Intake::begin(files, ALICE, path.clone(), None).unwrap();
        intake.take(content).await.unwrap();
        place(files, vec![intake.finish().await.unwrap()], 7).unwrap();
    }

    #[tokio::test]
    async fn what_is_replaced_while_it_is_opened_is_sent_all_the_same() {
        let (files, path) = (files(), FilePath::from_text("file").unwrap());
        put(&files, &path, b"one").await;
        let old = files.lock().store.find(ALICE, &path).unwrap().id;
        let headers = HeaderMap::new();
        {
            let mut answer = pin!(file(&files, (ALICE, &path), &headers, false, Lifetime::new()));
            let busy = occupy_the_disk(&files);
            let is_pending = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending())).await;
            assert!(is_pending, "the disk is waited for");
            // What is to be removed is removed before the disk comes to open anything.
            let retired = files.lock().store.remove(ALICE, &path).unwrap();
            retired.discard.into_iter().for_each(|id| files.disk.remove(id).unwrap());
            drop(busy);
            put(&files, &path, b"two").await;
            let body = answer.await.unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), "one");
        }
        until_it_is_gone(&files, old).await;
        let answer = file(&files, (ALICE, &path), &headers, false, Lifetime::new()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "two");
    }

    #[test]
    fn a_part_is_of_the_file_that_the_etag_tells_and_of_no_other() {
        let part = Wanted::Part { from: 1, to: 2 };
        for (condition, expected) in [
            (None, part),
            (Some("\"etag\""), part),
            (Some("\"other\""), Wanted::Whole),
            (Some("W/\"etag\""), Wanted::Whole),
            (Some("Thu, 01 Jan 1970 00:00:07 GMT"), Wanted::Whole),
        ] {
            let mut headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=1-2"))]);
            headers.extend(condition.map(|condition| (IF_RANGE, HeaderValue::from_static(condition))));
            assert_eq!(asked_for(&headers, "\"etag\"", 3), expected, "{condition:?}");
        }
    }
}
