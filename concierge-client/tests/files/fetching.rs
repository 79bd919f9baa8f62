//! Downloads, and where they go: into memory, into a file, into a writer; and that half a file is none.

use std::{path::Path, sync::Arc, sync::Mutex};

use concierge_client::files::FileError;

use crate::scene::{KEY, Scene, UUID};

const WHOLE: &[&str] = &[
    "Content-Length: 10",
    "ETag: \"one\"",
    "Repr-Digest: md5=:AAAA:, sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:",
];

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_with_the_secret_key_and_what_a_proxy_wants() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("größe", "a b/c?d#e%2f").bytes(10);
    let script = async {
        let asked = scene.asked().await;
        assert_eq!(asked.line(), "GET /fs/gr%C3%B6%C3%9Fe/a%20b/c%3Fd%23e%252f");
        for (name, value) in [("host", "gateway"), ("x-fs-key", KEY), ("authorization", "Bearer sesame")] {
            assert_eq!(asked.header(name), Some(value));
        }
        asked.answer("200 OK", WHOLE, b"0123456789").await
    };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!(got.unwrap(), "0123456789");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_tells_no_key_takes_the_public_id() {
    let hello = serde_json::json!({"type": "HELLO", "uuid": UUID, "version": "0.2.0"});
    let mut scene = Scene::with(&hello).await;
    let get = scene.files().get("bob", "file").bytes(10);
    let script = async {
        let asked = scene.asked().await;
        assert_eq!(asked.header("x-fs-key"), Some(UUID));
        asked.answer("200 OK", &["Content-Length: 2"], b"ok").await
    };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!(got.unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn the_secret_key_is_in_no_debug_output() {
    let scene = Scene::new().await;
    let session = scene.client.session();
    assert_eq!(session.hello.fs_key.unwrap().to_string(), KEY);
    let shown = format!("{:?} {session:?} {:?} {:?}", scene.client, session.hello, scene.files());
    assert!(!shown.contains(KEY) && shown.contains(UUID), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn progress_begins_with_how_much_there_is_and_ends_with_all_of_it() {
    const SIZE: usize = 300_000;
    let mut scene = Scene::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let get = scene.files().get("bob", "file").progress(move |now| told.lock().unwrap().push(now));
    let script = async {
        let head = [format!("Content-Length: {SIZE}")];
        scene.asked().await.answer("200 OK", &[&head[0]], &vec![b'x'; SIZE]).await
    };
    let (got, _kept) = tokio::join!(get.bytes(SIZE as u64), script);
    assert_eq!(got.unwrap().len(), SIZE);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|now| now.total == Some(SIZE as u64)), "{seen:?}");
    assert!(seen.is_sorted_by(|one, next| one.bytes < next.bytes) && seen.len() > 2, "{seen:?}");
    assert_eq!((seen[0].bytes, seen[seen.len() - 1].bytes), (0, SIZE as u64));
}

#[tokio::test(start_paused = true)]
async fn another_checksum_than_the_gateways_is_an_error_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").to_path(folder.path().join("file"));
    let script = async { scene.asked().await.answer("200 OK", WHOLE, b"0123456780").await };
    let (got, _kept) = tokio::join!(get, script);
    let error = got.unwrap_err();
    assert!(matches!(error, FileError::Checksum) && error.is_temporary(), "{error:?}");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_than_is_wanted_is_not_fetched() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").bytes(9);
    let script = async { scene.asked().await.answer("200 OK", WHOLE, b"").await };
    let (got, _kept) = tokio::join!(get, script);
    assert!(matches!(got, Err(FileError::MoreThanWanted { size: 10, most: 9 })), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_makes_no_sense_is_an_error() {
    let mut scene = Scene::new().await;
    for (headers, body) in [
        (&["Transfer-Encoding: chunked"][..], &b"3\r\nabc\r\n0\r\n\r\n"[..]),
        (&["Content-Length: 3", "Content-Range: bytes 0-2/*"], b"abc"),
        (&["Content-Length: 3", "Content-Range: bytes 0-2/2"], b"abc"),
    ] {
        let get = scene.files().get("bob", "file").bytes(10);
        let script = async { scene.asked().await.answer("200 OK", headers, body).await };
        let (got, _kept) = tokio::join!(get, script);
        assert!(matches!(got, Err(FileError::Answer { .. })), "{headers:?}: {got:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_on_this_side_is_there_in_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("file");
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").to_path(&target);
    let script = async {
        let mut asked = scene.asked().await.answer("200 OK", WHOLE, b"01234").await;
        assert!(!target.exists());
        asked.send(b"56789").await;
        asked
    };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!((got.unwrap(), names(folder.path())), (10, vec!["file".to_owned()]));
    assert_eq!(std::fs::read(&target).unwrap(), b"0123456789");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_there_stays_unless_it_is_to_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("file");
    std::fs::write(&target, "mine").unwrap();
    let mut scene = Scene::new().await;
    let already = |got: Result<u64, FileError>| {
        let Err(FileError::Local { source, .. }) = got else { panic!("{got:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::AlreadyExists);
    };
    already(scene.files().get("bob", "file").to_path(&target).await);
    assert!(scene.is_left_alone(), "nobody is asked for what cannot be written");

    // One that comes while the other is fetched stays, too.
    std::fs::remove_file(&target).unwrap();
    let get = scene.files().get("bob", "file").to_path(&target);
    let script = async {
        let asked = scene.asked().await;
        std::fs::write(&target, "mine").unwrap();
        asked.answer("200 OK", WHOLE, b"0123456789").await
    };
    let (got, _kept) = tokio::join!(get, script);
    already(got);
    assert_eq!((std::fs::read(&target).unwrap(), names(folder.path()).len()), (b"mine".to_vec(), 1));

    let get = scene.files().get("bob", "file").replace_path(&target);
    let script = async { scene.asked().await.answer("404 Not Found", &["Content-Length: 0"], b"").await };
    let (got, _kept) = tokio::join!(get, script);
    assert!(matches!(got, Err(FileError::NotFound { .. })), "{got:?}");
    assert_eq!((std::fs::read(&target).unwrap(), names(folder.path()).len()), (b"mine".to_vec(), 1));

    let get = scene.files().get("bob", "file").replace_path(&target);
    let script = async { scene.asked().await.answer("200 OK", WHOLE, b"0123456789").await };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!((got.unwrap(), std::fs::read(&target).unwrap()), (10, b"0123456789".to_vec()));
    assert_eq!(names(folder.path()), ["file"]);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_is_dropped_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").to_path(folder.path().join("file"));
    let getting = tokio::spawn(get);
    let asked = scene.asked().await.answer("200 OK", WHOLE, b"01234").await;
    assert_eq!(names(folder.path()).len(), 1, "it is begun under another name");
    getting.abort();
    assert!(getting.await.unwrap_err().is_cancelled());
    assert_eq!(asked.rest().await, b"", "the client has hung up");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_writer_has_everything_and_one_that_fails_ends_the_download() {
    let mut scene = Scene::new().await;
    let mut written = Vec::new();
    let get = scene.files().get("bob", "file").to_writer(&mut written);
    let script = async { scene.asked().await.answer("200 OK", WHOLE, b"0123456789").await };
    let (got, _kept) = tokio::join!(get, script);
    assert_eq!((got.unwrap(), written.as_slice()), (10, &b"0123456789"[..]));

    let (gone, other_end) = tokio::io::duplex(1);
    drop(other_end);
    let get = scene.files().get("bob", "file").to_writer(gone);
    let script = async { scene.asked().await.answer("200 OK", WHOLE, b"0123456789").await };
    let (got, _kept) = tokio::join!(get, script);
    let Err(FileError::Local { source, .. }) = got else { panic!("{got:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::BrokenPipe);
}
