//! Downloads that break off: they go on where they were, as long as the file is the same.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use concierge_client::files::FileError;
use tokio::time::Instant;

use crate::scene::Scene;

const WHOLE: &[&str] = &[
    "Content-Length: 10",
    "ETag: \"one\"",
    // Of 0123456789.
    "Repr-Digest: sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:",
];

/// What remains of the same file from the fourth byte on.
const REST: &[&str] = &["Content-Length: 6", "Content-Range: bytes 4-9/10", "ETag: \"one\""];

#[tokio::test(start_paused = true)]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let mut scene = Scene::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let get = scene.files().get("bob", "file");
    let get = get.progress(move |progress| told.lock().unwrap().push((progress.bytes, progress.total)));
    let script = async {
        let asked = scene.asked().await;
        assert_eq!((asked.header("range"), asked.header("if-range")), (None, None));
        drop(asked.answer("200 OK", WHOLE, b"0123").await);
        let asked = scene.asked().await;
        assert_eq!((asked.header("range"), asked.header("if-range")), (Some("bytes=4-"), Some("\"one\"")));
        asked.answer("206 Partial Content", REST, b"456789").await
    };
    let (got, _kept) = tokio::join!(get.bytes(10), script);
    assert_eq!(got.unwrap(), "0123456789");
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, [0, 4, 4, 10].map(|bytes| (bytes, Some(10))));
}

#[tokio::test(start_paused = true)]
async fn a_download_without_a_byte_yet_begins_anew() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").bytes(10);
    let script = async {
        drop(scene.asked().await.answer("200 OK", WHOLE, b"").await);
        let asked = scene.asked().await;
        assert_eq!(asked.header("range"), None);
        asked.answer("200 OK", WHOLE, b"0123456789").await
    };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!(got.unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_before_its_first_byte_is_the_new_one() {
    let mut scene = Scene::new().await;
    let get = scene.files().patience(Duration::MAX).get("bob", "file").bytes(10);
    let script = async {
        drop(scene.asked().await.answer("200 OK", WHOLE, b"").await);
        scene.asked().await.answer("200 OK", &["Content-Length: 3", "ETag: \"two\""], b"abc").await
    };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!(got.unwrap(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_in_between_is_no_mixture() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").bytes(10);
    let script = async {
        drop(scene.asked().await.answer("200 OK", WHOLE, b"0123").await);
        // `If-Range` does not hold any more: the whole of another file.
        scene.asked().await.answer("200 OK", &["Content-Length: 3", "ETag: \"two\""], b"abc").await
    };
    let (got, _kept) = tokio::join!(get, script);
    let error = got.unwrap_err();
    assert!(matches!(error, FileError::Changed) && error.is_temporary(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn another_part_than_was_asked_for_is_an_error() {
    for range in ["bytes 3-9/10", "bytes 4-9/11", "bytes 4-9/*", "lines 4-9/10", "nonsense"] {
        let mut scene = Scene::new().await;
        let get = scene.files().get("bob", "file").bytes(10);
        let script = async {
            drop(scene.asked().await.answer("200 OK", WHOLE, b"0123").await);
            let range = format!("Content-Range: {range}");
            scene.asked().await.answer("206 Partial Content", &["Content-Length: 6", &range], b"456789").await
        };
        let (got, _kept) = tokio::join!(get, script);
        let error = got.unwrap_err();
        assert!(matches!(error, FileError::Answer { .. }), "{range}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_on_is_given_up_and_what_does_is_not() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").bytes(10);
    let script = async {
        drop(scene.asked().await.answer("200 OK", WHOLE, b"0").await);
        // Each brings a byte more: never in vain.
        for from in 1..8 {
            let range = format!("Content-Range: bytes {from}-9/10");
            let length = format!("Content-Length: {}", 10 - from);
            let headers = [range.as_str(), length.as_str()];
            drop(scene.asked().await.answer("206 Partial Content", &headers, &[b'0' + from]).await);
        }
        // These break off at once.
        for _ in 0..5 {
            drop(scene.asked().await);
        }
    };
    let (got, ()) = tokio::join!(get, script);
    let error = got.unwrap_err();
    assert!(matches!(error, FileError::Lost { .. }) && error.is_temporary(), "{error:?}");
    assert!(scene.is_left_alone());
}

#[tokio::test(start_paused = true)]
async fn without_an_etag_nobody_knows_whether_it_is_the_same_file() {
    let mut scene = Scene::new().await;
    for headers in [&["Content-Length: 10"][..], &["Content-Length: 10", "ETag: W/\"weak\""]] {
        let get = scene.files().get("bob", "file").bytes(10);
        let script = async { drop(scene.asked().await.answer("200 OK", headers, b"0123").await) };
        let (got, ()) = tokio::join!(get, script);
        assert!(matches!(got, Err(FileError::Lost { .. })), "{got:?}");
    }
    assert!(scene.is_left_alone());
}

#[tokio::test(start_paused = true)]
async fn a_download_that_stands_still_is_taken_up_and_at_last_given_up() {
    let mut scene = Scene::new().await;
    let start = Instant::now();
    let get = scene.files().patience(Duration::from_secs(7)).get("bob", "file").bytes(10);
    let script = async {
        let mut kept = vec![scene.asked().await.answer("200 OK", WHOLE, b"0123").await];
        for _ in 0..5 {
            kept.push(scene.asked().await);
        }
        kept
    };
    let (got, _kept) = tokio::join!(get, script);
    assert!(matches!(got, Err(FileError::Stalled { after }) if after.as_secs() == 7), "{got:?}");
    assert!(start.elapsed() >= Duration::from_secs(6 * 7), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_download_is_none_that_stands_still() {
    let mut scene = Scene::new().await;
    let get = scene.files().patience(Duration::from_secs(7)).get("bob", "file").bytes(10);
    let script = async {
        let mut asked = scene.asked().await.answer("200 OK", WHOLE, b"").await;
        for digit in b'0'..=b'9' {
            tokio::time::sleep(Duration::from_secs(6)).await;
            asked.send(&[digit]).await;
        }
        asked
    };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!(got.unwrap(), "0123456789");
}
