//! Uploads, and where they come from: memory, a file, a stream; and what ends them early.

use std::{
    io,
    sync::{Arc, Mutex},
};

use concierge_client::files::{FileError, Source};
use futures_util::stream;

use crate::scene::{KEY, Scene};

const CREATED: (&str, &[&str]) = ("201 Created", &["Content-Length: 0"]);

#[tokio::test(start_paused = true)]
async fn bytes_a_file_and_a_stream_are_stored_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "content").unwrap();
    let pieces = || stream::iter(["con", "tent"].map(|piece| Ok(piece.into())));
    let mut scene = Scene::new().await;
    for source in [
        "content".into(),
        "content".to_owned().into(),
        b"content".to_vec().into(),
        Source::path(&path),
        Source::stream(pieces(), Some(7)),
    ] {
        let put = scene.files().put("maps/north pole", source);
        let script = async {
            let mut asked = scene.asked().await;
            assert_eq!(asked.line(), "PUT /fs/alice/maps/north%20pole");
            assert_eq!((asked.header("content-length"), asked.header("x-fs-key")), (Some("7"), Some(KEY)));
            assert_eq!(asked.body(7).await, b"content");
            asked.answer(CREATED.0, CREATED.1, b"").await
        };
        let (put, _kept) = tokio::join!(put.into_future(), script);
        let stored = put.unwrap();
        assert_eq!((stored.size, stored.replaced), (7, false));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_says_it_has_is_what_was_sent() {
    const SAME: &str = "Repr-Digest: sha-256=:7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=:";
    const OTHER: &str = "Repr-Digest: sha-256=:Ue8q13dmy25zWzc898360u2xMgH8Oc+a+Swb/ngEetE=:";
    let mut scene = Scene::new().await;
    for (digest, is_same) in [(SAME, true), (OTHER, false)] {
        let put = scene.files().put("file", "content");
        let script = async {
            let mut asked = scene.asked().await;
            assert_eq!(asked.body(7).await, b"content");
            asked.answer(CREATED.0, &[CREATED.1, &[digest]].concat(), b"").await
        };
        let (put, _kept) = tokio::join!(put.into_future(), script);
        match put {
            Ok(stored) => assert!(is_same && stored.size == 7),
            Err(error) => assert!(!is_same && matches!(error, FileError::Checksum), "{error:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_unknown_length_goes_out_as_it_comes() {
    let mut scene = Scene::new().await;
    let pieces = stream::iter(["con", "tent"].map(|piece| Ok(piece.into())));
    let put = scene.files().put("file", Source::stream(pieces, None));
    let script = async {
        let mut asked = scene.asked().await;
        assert_eq!(
            (asked.header("content-length"), asked.header("transfer-encoding")),
            (None, Some("chunked"))
        );
        let body = b"3\r\ncon\r\n4\r\ntent\r\n0\r\n\r\n";
        assert_eq!(asked.body(body.len()).await, body);
        asked.answer("204 No Content", &[], b"").await
    };
    let (put, _kept) = tokio::join!(put.into_future(), script);
    let stored = put.unwrap();
    assert_eq!((stored.size, stored.replaced), (7, true));
}

#[tokio::test(start_paused = true)]
async fn progress_begins_with_nothing_and_ends_with_everything() {
    const SIZE: usize = 1_000_000;
    let mut scene = Scene::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let put = scene.files().put("file", vec![b'x'; SIZE]);
    let put = put.progress(move |now| told.lock().unwrap().push(now));
    let script = async {
        let mut asked = scene.asked().await;
        assert_eq!(asked.body(SIZE).await.len(), SIZE);
        asked.answer(CREATED.0, CREATED.1, b"").await
    };
    let (put, _kept) = tokio::join!(put.into_future(), script);
    assert_eq!(put.unwrap().size, SIZE as u64);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|now| now.total == Some(SIZE as u64)), "{seen:?}");
    assert!(seen.is_sorted_by(|one, next| one.bytes < next.bytes) && seen.len() > 2, "{seen:?}");
    assert_eq!((seen[0].bytes, seen[seen.len() - 1].bytes), (0, SIZE as u64));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::new().await;
    for (path, kind) in [
        (folder.path().join("nothing"), io::ErrorKind::NotFound),
        (folder.path().to_owned(), io::ErrorKind::IsADirectory),
    ] {
        let error = scene.files().put("file", Source::path(path)).await.unwrap_err();
        let FileError::Local { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind(), kind);
    }
    assert!(scene.is_left_alone());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_breaks_the_upload_off() {
    let mut scene = Scene::new().await;
    let pieces = || stream::iter([Ok("some".into()), Err(io::ErrorKind::PermissionDenied.into())]);
    for length in [None, Some(10)] {
        let put = scene.files().put("file", Source::stream(pieces(), length));
        let (put, sent) = tokio::join!(put.into_future(), scene.sent());
        let error = put.unwrap_err();
        let FileError::Local { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
        assert!(!sent.ends_with(b"0\r\n\r\n"), "it does not end as a whole file does");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_of_another_length_than_it_said_is_an_error() {
    let mut scene = Scene::new().await;
    for length in [3, 4, 8, 10] {
        let pieces = stream::iter(["some", "thing", ""].map(|piece| Ok(piece.into())));
        let put = scene.files().put("file", Source::stream(pieces, Some(length)));
        let (put, sent) = tokio::join!(put.into_future(), scene.sent());
        let error = put.unwrap_err();
        let FileError::Local { source, .. } = error else { panic!("{length}: {error:?}") };
        assert_eq!(source.kind(), io::ErrorKind::InvalidData);
        let body = sent.split(|byte| *byte == b'\n').next_back().unwrap();
        assert!(
            length == 0 || (body.len() as u64) < length,
            "what is whole to the gateway is stored: {sent:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_middle_of_an_upload_is_heard() {
    let mut scene = Scene::new().await;
    let put = scene.files().put("file", vec![b'x'; 10_000_000]);
    let script = async {
        let body = br#"{"error":"file_too_large","message":"too large"}"#;
        let length = format!("Content-Length: {}", body.len());
        scene.asked().await.answer("413 Payload Too Large", &[&length, "Connection: close"], body).await
    };
    let (put, _kept) = tokio::join!(put.into_future(), script);
    assert!(matches!(put, Err(FileError::TooLarge)), "{put:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_off_or_stands_still_is_an_error_that_may_pass() {
    let mut scene = Scene::new().await;
    let put = scene.files().put("file", vec![b'x'; 10_000_000]);
    let script = async { drop(scene.asked().await) };
    let (put, ()) = tokio::join!(put.into_future(), script);
    let error = put.unwrap_err();
    assert!(matches!(error, FileError::Lost { .. }) && error.is_temporary(), "{error:?}");

    let put = scene.files().put("file", vec![b'x'; 10_000_000]);
    let (put, _kept) = tokio::join!(put.into_future(), scene.asked());
    let error = put.unwrap_err();
    assert!(matches!(error, FileError::Stalled { .. }) && error.is_temporary(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_dropped_hangs_up() {
    let mut scene = Scene::new().await;
    let putting = tokio::spawn(scene.files().put("file", vec![b'x'; 10_000_000]).into_future());
    let mut asked = scene.asked().await;
    asked.body(100_000).await;
    putting.abort();
    assert!(putting.await.unwrap_err().is_cancelled());
    assert!(asked.rest().await.len() < 10_000_000 - 100_000);
}
