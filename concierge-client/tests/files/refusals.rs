//! What a gateway refuses, as errors that a program can tell apart.

use concierge_client::files::FileError;

use crate::scene::Scene;

/// The name of an error's variant.
fn variant(error: &FileError) -> String {
    format!("{error:?}").split([' ', '(', '{']).next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn each_status_is_an_error_of_its_own() {
    let mut scene = Scene::new().await;
    for (status, expected, is_temporary) in [
        (400, "Path", false),
        (401, "Denied", false),
        (403, "Denied", false),
        (404, "NotFound", false),
        (408, "Refused", true),
        (409, "Folder", false),
        (412, "Refused", false),
        (413, "TooLarge", false),
        (414, "Path", false),
        (417, "Denied", false),
        (422, "Refused", false),
        (428, "Denied", false),
        (429, "Busy", true),
        (500, "Refused", true),
        (502, "Refused", true),
        (507, "Full", false),
        (302, "Refused", false),
    ] {
        for body in [r#"{"error":"word","message":"a sentence"}"#, "<html>", ""] {
            let get = scene.files().get("bob", "a b/file").bytes(10);
            let script = async {
                let length = format!("Content-Length: {}", body.len());
                let status = format!("{status} Whatever");
                scene.asked().await.answer(&status, &[&length], body.as_bytes()).await
            };
            let (got, _kept) = tokio::join!(get, script);
            let error = got.unwrap_err();
            assert_eq!(
                (variant(&error).as_str(), error.is_temporary()),
                (expected, is_temporary),
                "{status}"
            );
            let says = matches!(error, FileError::Folder | FileError::TooLarge | FileError::Busy)
                || format!("{error:?}").contains("a sentence");
            assert!(says || !body.starts_with('{'), "{status}: {error:?}");
            if let FileError::Path { path, .. } = error {
                assert_eq!(path, "a b/file");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_files_is_told_from_a_file_that_is_not_there() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").bytes(10);
    let body = "nothing is here: the WebSocket is at /ws\n";
    let length = format!("Content-Length: {}", body.len());
    let script = async { scene.asked().await.answer("404 Not Found", &[&length], body.as_bytes()).await };
    let (got, _kept) = tokio::join!(get, script);
    let error = got.unwrap_err();
    assert!(matches!(error, FileError::Unsupported), "{error:?}");
    assert!(error.hint().unwrap().contains("files.serve"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_breaks_off_is_one_all_the_same() {
    let mut scene = Scene::new().await;
    let get = scene.files().get("bob", "file").bytes(10);
    let script =
        async { drop(scene.asked().await.answer("404 Not Found", &["Content-Length: 100"], b"{").await) };
    let (got, ()) = tokio::join!(get, script);
    assert!(matches!(got, Err(FileError::NotFound { .. })), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_none_is_an_error() {
    let mut scene = Scene::new().await;
    for body in ["", "{}", "[{}]", r#"[{"path":1}]"#, "<html>"] {
        let files = scene.files();
        let script = async {
            let length = format!("Content-Length: {}", body.len());
            let asked = scene.asked().await;
            assert_eq!(asked.line(), "GET /fs/bob/");
            asked.answer("200 OK", &[&length], body.as_bytes()).await
        };
        let (listed, _kept) = tokio::join!(files.list("bob"), script);
        assert!(matches!(listed, Err(FileError::Answer { .. })), "{body:?}: {listed:?}");
    }
    let files = scene.files();
    let script = async {
        let asked = scene.asked().await.answer("200 OK", &["Content-Length: 100000000"], b"[").await;
        endless(asked).await;
    };
    let (listed, ()) = tokio::join!(files.list("bob"), script);
    assert!(matches!(listed, Err(FileError::Answer { .. })), "{listed:?}");
}

/// Sends as long as somebody reads.
async fn endless(mut asked: crate::scene::Asked) {
    while asked.try_send(&[b' '; 4096]).await {}
}

#[tokio::test(start_paused = true)]
async fn a_path_that_could_be_none_is_told_before_anybody_is_asked() {
    let mut scene = Scene::new().await;
    for path in ["", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../b", "a/."] {
        let files = scene.files();
        for error in [
            files.get("bob", path).bytes(10).await.unwrap_err(),
            files.put(path, "x").await.unwrap_err(),
            files.delete(path).await.unwrap_err(),
        ] {
            assert!(matches!(&error, FileError::Path { path: named, .. } if named == path), "{error:?}");
            assert!(error.hint().is_some());
        }
    }
    assert!(scene.is_left_alone());
}
