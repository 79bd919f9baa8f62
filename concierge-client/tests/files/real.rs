//! Files by way of the real gateway.

use concierge_client::{
    Client,
    files::{FileError, Source},
};
use concierge_server::{Config, Server};

/// A gateway for as long as the test runs; its URL.
async fn gateway(config: &str) -> String {
    let config = Config::from_toml(&format!("bind = \"127.0.0.1:0\"\n{config}")).unwrap();
    let server = Server::bind(config).await.unwrap();
    let url = server.url();
    tokio::spawn(server.run(std::future::pending()));
    url
}

#[tokio::test]
async fn the_gateway_counts_files_and_bytes_and_why_it_refused() {
    let server = Server::bind(Config::from_toml("bind = \"127.0.0.1:0\"").unwrap()).await.unwrap();
    let (url, handle) = (server.url(), server.handle());
    tokio::spawn(server.run(std::future::pending()));
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    alice.files().put("file", vec![b'x'; 300_000]).await.unwrap();
    alice.files().put("empty", "").await.unwrap();
    bob.files().get("alice", "file").bytes(300_000).await.unwrap();
    bob.files().get("alice", "empty").bytes(0).await.unwrap();
    for path in ["nothing", "none", "C:"] {
        bob.files().get("alice", path).bytes(1).await.unwrap_err();
    }
    let counts = handle.file_counts().unwrap();
    assert_eq!((counts.now.files, counts.now.bytes, counts.now.uploads), (2, 300_000, 0));
    let ever = counts.ever;
    assert_eq!((ever.stored, ever.received, ever.fetched, ever.sent), (2, 300_000, 2, 300_000));
    assert_eq!(ever.refused.into_iter().collect::<Vec<_>>(), [("bad_path", 1), ("not_found", 2)]);
}

async fn client(url: &str, name: &str) -> Client {
    Client::builder(url, name).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_file_goes_from_disk_to_disk_by_way_of_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let content: Vec<u8> = (0..=250).cycle().take(5_000_003).collect();
    std::fs::write(&here, &content).unwrap();
    let url = gateway("").await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);

    let stored = alice.files().put("a/file", Source::path(&here)).await.unwrap();
    assert_eq!((stored.size, stored.replaced), (content.len() as u64, false));
    assert_eq!(bob.files().get("alice", "a/file").to_path(&there).await.unwrap(), content.len() as u64);
    assert!(std::fs::read(&there).unwrap() == content);
    let listed = bob.files().list("alice").await.unwrap();
    assert_eq!((listed.len(), listed[0].path.as_str(), listed[0].size), (1, "a/file", content.len() as u64));
    assert_eq!(listed[0].sha256.as_ref().unwrap().len(), 64);

    let pieces = futures_util::stream::iter([Ok("short".into())]);
    let stored = alice.files().put("a/file", Source::stream(pieces, None)).await.unwrap();
    assert_eq!((stored.size, stored.replaced), (5, true));
    assert_eq!(bob.files().get("alice", "a/file").bytes(5).await.unwrap(), "short");
    bob.files().get("alice", "a/file").replace_path(&there).await.unwrap();
    assert_eq!(std::fs::read(&there).unwrap(), b"short");

    alice.files().delete("a/file").await.unwrap();
    let gone = alice.files().delete("a/file").await;
    assert!(matches!(gone, Err(FileError::NotFound { .. })), "{gone:?}");
    assert!(bob.files().list("alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_gateway_refuses_is_told_for_what_it_is() {
    let url = gateway("[files]\nfile_bytes = 1000\nclient_bytes = 1500").await;
    let (alice, bob) = (client(&url, "alice").await, client(&url, "bob").await);
    let files = alice.files();
    let much = || vec![b'x'; 1001];
    assert!(matches!(files.put("file", much()).await, Err(FileError::TooLarge)));
    let unannounced = Source::stream(futures_util::stream::iter([Ok(much().into())]), None);
    assert!(matches!(files.put("file", unannounced).await, Err(FileError::TooLarge)));
    files.put("file", vec![b'x'; 1000]).await.unwrap();
    assert!(matches!(files.put("other", vec![b'x'; 501]).await, Err(FileError::Full { .. })));
    assert!(matches!(files.put("file/in/it", "x").await, Err(FileError::Folder)));
    assert!(matches!(files.put("C:", "x").await, Err(FileError::Path { .. })));
    assert!(matches!(bob.files().get("alice", "none").bytes(1).await, Err(FileError::NotFound { .. })));
    assert!(matches!(bob.files().list("nobody").await, Err(FileError::NotFound { .. })));

    let without = client(&gateway("files.serve = false").await, "alice").await;
    assert!(matches!(without.files().put("file", "x").await, Err(FileError::Unsupported)));
    assert!(matches!(without.files().list("alice").await, Err(FileError::Unsupported)));
}
