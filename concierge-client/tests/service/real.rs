//! The real gateway in this process, and clients of it.

use concierge_client::Client;
use concierge_server::{Config, Server};

/// A gateway for as long as the test runs; its URL.
pub(crate) async fn gateway() -> String {
    let config = Config::from_toml("bind = \"127.0.0.1:0\"").unwrap();
    let server = Server::bind(config).await.unwrap();
    let url = server.url();
    tokio::spawn(server.run(std::future::pending()));
    url
}

pub(crate) async fn client(url: &str, name: &str) -> Client {
    Client::builder(url, name).unwrap().connect().await.unwrap()
}
