//! A web application, and a real gateway.

use concierge_client::{
    Data,
    telegraphy::{
        Definition, EventName, Grants, PublishError, Publisher, UserId,
        web::{BatchResult, DefineEvents, IssueToken, ProblemStatus, Publish},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::real::{KEY, gateway};

/// A gateway, and a publisher with this key.
async fn publisher(key: &str) -> Publisher {
    let (_, url) = gateway().await;
    Publisher::new(&url, key).unwrap()
}

fn name(name: &str) -> EventName {
    EventName::new(name).unwrap()
}

fn order(number: u32) -> Publish {
    Publish::new(name("app.Order"), Data::from_value(&number).unwrap())
}

#[tokio::test]
async fn events_are_defined_published_and_told_of() {
    let publisher = publisher(KEY).await;
    let odd = name("app/Odd name?");
    let events = vec![Definition::new(name("app.Order")), Definition::new(odd.clone())];
    let defined = publisher.define(&DefineEvents { source: "app".into(), events }).await.unwrap();
    assert_eq!(defined.added.len(), 2);
    assert_eq!(publisher.events().await.unwrap().events.len(), 2);
    assert_eq!(publisher.event(&odd).await.unwrap().definition.name, odd);

    let first = publisher.publish(Publish { id: Some("one".into()), ..order(1) }).await.unwrap();
    let again = publisher.publish(Publish { id: Some("one".into()), ..order(1) }).await.unwrap();
    assert_eq!((first.position(), true), (again.position(), again.duplicate));
    let results = publisher.publish_batch([order(2), order(3)]).await.unwrap();
    assert!(
        matches!(&results[..], [BatchResult::Published(two), BatchResult::Published(_)] if two.offset == 2)
    );

    publisher.undefine(&odd).await.unwrap();
    let gone = publisher.event(&odd).await.unwrap_err();
    assert_eq!(gone.problem().unwrap().status, ProblemStatus::UnknownEvent);
}

#[tokio::test]
async fn users_get_tokens_and_lose_their_sessions() {
    let publisher = publisher(KEY).await;
    let user = UserId::new("a user/42").unwrap();
    let token = publisher.issue_token(IssueToken::new(user.clone())).await.unwrap();
    assert!(!token.token.reveal().is_empty());
    assert_eq!(publisher.sessions(Some(&user), None).await.unwrap().sessions, []);
    assert_eq!(publisher.grant(&user, Grants::default()).await.unwrap().sessions, 0);
    assert_eq!(publisher.end_sessions_of(&user).await.unwrap().sessions, 0);
    let nobody = "00000000-0000-0000-0000-000000000001";
    let error = publisher.end_session(nobody).await.unwrap_err();
    assert_eq!(error.problem().unwrap().status, ProblemStatus::UnknownSession);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_never_shown() {
    let publisher = publisher("open-sesame").await;
    let error = publisher.publish(order(1)).await.unwrap_err();
    assert_eq!(error.problem().unwrap().status, ProblemStatus::InvalidToken);
    assert!(!error.is_temporary());
    assert!(!format!("{publisher:?}").contains("sesame"));
}

#[tokio::test]
async fn what_is_no_gateway_is_told() {
    assert!(Publisher::new("ws://127.0.0.1:4000", "sesame").is_err());
    let too_many = publisher(KEY).await.publish_batch((0..1001).map(order)).await;
    assert!(matches!(too_many, Err(PublishError::TooMany { limit: 1000 })));
}

/// Takes a connection, and reads the request that comes over it up to this end.
async fn hear(listener: &TcpListener, end: &str) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let heard = hear_more(&mut stream, end).await;
    (stream, heard)
}

async fn hear_more(stream: &mut TcpStream, end: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "the request ends too early");
    }
    String::from_utf8(heard).unwrap()
}

/// Answers that an event is published, with these headers more.
async fn answer(stream: &mut TcpStream, offset: u64, headers: &str) {
    let body = format!(r#"{{"epoch":"e1","offset":{offset}}}"#);
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

#[tokio::test]
async fn requests_share_a_connection_until_it_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let publisher = Publisher::new(&format!("http://{}", listener.local_addr().unwrap()), "sesame").unwrap();
    let script = async {
        let (mut stream, _) = hear(&listener, "}").await;
        answer(&mut stream, 1, "").await;
        hear_more(&mut stream, "}").await;
        answer(&mut stream, 2, "").await;
        // Without a word; whether or not that is noticed before the next request, it costs no pause.
        drop(stream);
        let (mut stream, _) = hear(&listener, "}").await;
        answer(&mut stream, 3, "connection: close\r\n").await;
        let (mut stream, _) = hear(&listener, "}").await;
        answer(&mut stream, 4, "").await;
        stream
    };
    let publishing = async {
        let mut offsets = Vec::new();
        for number in 1..=4 {
            // A clone has the same connections.
            offsets.push(publisher.clone().publish(order(number)).await.unwrap().offset);
        }
        offsets
    };
    let (offsets, _stream) = tokio::join!(publishing, script);
    assert_eq!(offsets, [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_does_not_come_through_is_asked_again_with_the_same_id_but_a_token_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let publisher = Publisher::new(&format!("http://{}", listener.local_addr().unwrap()), "sesame").unwrap();
    let script = async {
        let (stream, first) = hear(&listener, "}").await;
        drop(stream);
        let (mut stream, second) = hear(&listener, "}").await;
        answer(&mut stream, 1, "connection: close\r\n").await;
        assert_eq!(first, second);
        assert!(first.contains(r#""id":"#) && first.contains("authorization: Bearer sesame"), "{first}");
    };
    let (told, ()) = tokio::join!(publisher.publish(order(1)), script);
    assert_eq!(told.unwrap().offset, 1);

    let script = async { drop(hear(&listener, "}").await) };
    let (issued, ()) = tokio::join!(publisher.issue_token(IssueToken::default()), script);
    assert!(matches!(issued, Err(PublishError::Lost { .. })));
}
