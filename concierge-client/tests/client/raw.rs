//! The connection without a protocol.

use std::time::Duration;

use concierge_client::{CloseCause, ConnectError, GatewayUrl, RawConnection, Received, payload::CloseCode};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::Gateway;

const PATIENCE: Duration = Duration::from_secs(10);

async fn connected() -> (RawConnection, Gateway<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = GatewayUrl::new(&format!("ws://{}/ws", listener.local_addr().unwrap())).unwrap();
    let gateway = async { Gateway::accept(listener.accept().await.unwrap().0).await };
    let (connection, gateway) = tokio::join!(RawConnection::connect(&url, PATIENCE), gateway);
    (connection.unwrap(), gateway)
}

#[tokio::test]
async fn texts_go_out_and_come_in_as_they_are() {
    let (mut connection, mut gateway) = connected().await;
    connection.send(r#"{"anything": 1}"#).await.unwrap();
    assert_eq!(gateway.receive().await["anything"], 1);
    gateway.send_text("not even JSON").await;
    assert_eq!(connection.receive().await, Received::Text("not even JSON".to_owned()));
}

#[tokio::test]
async fn the_close_code_is_told_as_often_as_it_is_asked_for() {
    let (mut connection, mut gateway) = connected().await;
    gateway.close(4003, "No identification payload sent").await;
    let closing = tokio::spawn(async move { gateway.next().await });
    for _ in 0..2 {
        let Received::Closed(cause) = connection.receive().await else { panic!("it is closed") };
        assert_eq!(cause.code(), Some(CloseCode::NoAuth));
        assert_eq!(
            cause.to_string(),
            r#"closed by the gateway with 4003 NO_AUTH, "No identification payload sent""#
        );
    }
    closing.await.unwrap();
    assert!(connection.send("too late").await.is_err());
}

#[tokio::test]
async fn what_was_on_its_way_is_received_after_the_close() {
    let (connection, mut gateway) = connected().await;
    let (mut sender, mut receiver) = connection.split();
    gateway.send_text("last").await;
    sender.close().await;
    let closing = tokio::spawn(async move { while gateway.next().await.is_some() {} });
    assert_eq!(receiver.receive().await, Received::Text("last".to_owned()));
    assert_eq!(receiver.receive().await, Received::Closed(CloseCause::ByClient));
    closing.await.unwrap();
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = GatewayUrl::new(&format!("ws://{}/ws", listener.local_addr().unwrap())).unwrap();
    let error = RawConnection::connect(&url, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }));
}

#[tokio::test]
async fn texts_that_were_fed_go_out_when_flushed() {
    let (connection, mut gateway) = connected().await;
    let (mut sender, _receiver) = connection.split();
    for number in 0..3 {
        sender.feed(format!("{{\"n\":{number}}}")).await.unwrap();
    }
    sender.flush().await.unwrap();
    for number in 0..3 {
        assert_eq!(gateway.receive().await["n"], number);
    }
}
