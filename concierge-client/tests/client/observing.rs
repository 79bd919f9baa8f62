//! Who looks at the way of an attempt to connect is told what it has behind it, also when it fails.

use std::sync::{Arc, Mutex};

use concierge_client::{Client, ConnectError, Milestone, testing::ScriptedListener};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What an attempt to connect comes past, and how it ends.
async fn observed(url: &str) -> (Vec<Milestone>, Result<Client, ConnectError>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observed = Arc::clone(&seen);
    let builder = Client::builder(url, "alice").unwrap().no_proxy();
    let builder = builder.observe(move |milestone| observed.lock().unwrap().push(milestone.clone()));
    let connected = builder.connect().await;
    let seen = seen.lock().unwrap().clone();
    (seen, connected)
}

#[tokio::test]
async fn a_name_is_resolved_before_it_is_connected_to_and_answers() {
    let listener = ScriptedListener::bind().await.unwrap();
    let url = listener.url().replace("127.0.0.1", "localhost");
    let ((seen, connected), _gateway) = tokio::join!(observed(&url), listener.welcome());
    drop(connected.unwrap());
    let [
        Milestone::Resolved { host, addresses },
        Milestone::Connected { address },
        Milestone::Answered(answer),
    ] = seen.as_slice()
    else {
        panic!("{seen:?}")
    };
    assert_eq!(host, "localhost");
    assert!(addresses.contains(address));
    assert_eq!((answer.status, answer.header("SEC-WebSocket-Protocol")), (101, Some("ert-concierge")));
}

#[tokio::test]
async fn an_answer_that_is_no_websocket_is_told_with_its_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    let answering = async {
        let mut connection = listener.accept().await.unwrap().0;
        connection.read_u8().await.unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\nServer: shop/2\r\nContent-Length: 0\r\n\r\n";
        connection.write_all(answer).await.unwrap();
        connection
    };
    let ((seen, connected), _connection) = tokio::join!(observed(&url), answering);
    assert!(matches!(connected, Err(ConnectError::Http { status: 404, .. })));
    let [Milestone::Connected { .. }, Milestone::Answered(answer)] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!((answer.status, answer.header("server")), (404, Some("shop/2")));
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_reached() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (seen, connected) = observed(&format!("ws://{free}/ws")).await;
    assert!(matches!(connected, Err(ConnectError::Unreachable { .. })));
    assert_eq!(seen, []);
}
