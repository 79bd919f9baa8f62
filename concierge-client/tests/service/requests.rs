//! Requests between clients, from the asking side.

use std::time::Duration;

use concierge_client::{CallError, Client, Rejection, RequestError, testing::ScriptedGateway};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

const UUID: &str = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";

async fn connected() -> (Client, ScriptedGateway) {
    let builder = Client::builder("ws://gateway/ws", "alice").unwrap();
    let (client, _events, gateway) = ScriptedGateway::connect(builder).await.unwrap();
    (client, gateway)
}

/// Asks bob in the background.
fn ask(client: &Client, body: u32) -> JoinHandle<Result<u32, RequestError>> {
    tokio::spawn(client.request("bob", &body).into_future())
}

/// The id of the next question, which the gateway says it has delivered.
async fn delivered(gateway: &mut ScriptedGateway) -> Value {
    let message = gateway.expect_kind("MESSAGE").await;
    gateway.answer(&json!({"type": "OK"})).await;
    message["data"]["request"].clone()
}

fn left(name: &str) -> Value {
    json!({"type": "CLIENT_LEFT", "client": {"name": name, "nickname": null, "uuid": UUID, "tags": []}})
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_out_as_the_convention_says() {
    let (client, mut gateway) = connected().await;
    let _asking = ask(&client, 7);
    let message = gateway.expect_kind("MESSAGE").await;
    assert_eq!(message["target"], json!({"type": "NAME", "name": "bob"}));
    assert_eq!(message["data"], json!({"request": message["data"]["request"], "body": 7}));
    assert!(message["data"]["request"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_questions_in_any_order() {
    let (client, mut gateway) = connected().await;
    let mut asking = Vec::new();
    let mut ids = Vec::new();
    for number in 0..3 {
        asking.push(ask(&client, number));
        ids.push(delivered(&mut gateway).await);
    }
    for (number, id) in ids.iter().enumerate().rev() {
        gateway.deliver("bob", &json!({"reply": id, "body": number * 10})).await;
    }
    for (number, asking) in (0..).zip(asking) {
        assert_eq!(asking.await.unwrap().unwrap(), number * 10);
    }
    assert_eq!(client.late_replies(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_come_before_the_gateway_says_that_the_question_was_delivered() {
    let (client, mut gateway) = connected().await;
    let asking = ask(&client, 1);
    let question = gateway.expect_kind("MESSAGE").await;
    gateway.deliver("bob", &json!({"reply": question["data"]["request"], "body": 2})).await;
    gateway.answer(&json!({"type": "OK"})).await;
    assert_eq!(asking.await.unwrap().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_counted_and_given_to_no_one() {
    let (client, mut gateway) = connected().await;
    let start = Instant::now();
    let asking = client.request::<u32>("bob", &1).timeout(Duration::from_secs(3));
    let asking = tokio::spawn(asking.into_future());
    let late = delivered(&mut gateway).await;
    let error = asking.await.unwrap().unwrap_err();
    assert!(matches!(error, RequestError::Timeout { after } if after == Duration::from_secs(3)));
    assert!(error.is_temporary() && !error.safe_to_repeat());
    assert_eq!(start.elapsed(), Duration::from_secs(3));

    let dropped = ask(&client, 2);
    let forgotten = delivered(&mut gateway).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());

    let next = ask(&client, 3);
    let id = delivered(&mut gateway).await;
    for reply in [late, forgotten, json!(UUID), id] {
        gateway.deliver("bob", &json!({"reply": reply, "body": 4})).await;
    }
    assert_eq!(next.await.unwrap().unwrap(), 4);
    assert_eq!(client.late_replies(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_other_side_answers_badly_is_typed() {
    let (client, mut gateway) = connected().await;
    let refused = ask(&client, 1);
    let id = delivered(&mut gateway).await;
    gateway.deliver("bob", &json!({"reply": id, "error": "not today"})).await;
    let error = refused.await.unwrap().unwrap_err();
    assert!(matches!(error, RequestError::Refused { error } if error == "not today"));

    let garbled = ask(&client, 1);
    let id = delivered(&mut gateway).await;
    gateway.deliver("bob", &json!({"reply": id, "body": "a text"})).await;
    assert!(matches!(garbled.await.unwrap(), Err(RequestError::Decode(_))));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_delivered_says_so() {
    let (client, mut gateway) = connected().await;
    let asking = ask(&client, 1);
    gateway.expect_kind("MESSAGE").await;
    gateway.answer(&json!({"type": "INVALID_NAME", "name": "bob"})).await;
    let error = asking.await.unwrap().unwrap_err();
    assert!(error.safe_to_repeat());
    assert!(matches!(error, RequestError::Call(CallError::Rejected(Rejection::UnknownName { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_when_nobody_is_left_to_answer_it() {
    let (client, mut gateway) = connected().await;
    let start = Instant::now();
    let to_bob = ask(&client, 1);
    delivered(&mut gateway).await;
    let service = client.request::<u32>(concierge_client::Target::service("news".parse().unwrap()), &1);
    let to_service = tokio::spawn(service.into_future());
    delivered(&mut gateway).await;
    gateway.send(&left("carol")).await;
    gateway.send(&left("bob")).await;
    assert!(matches!(to_bob.await.unwrap(), Err(RequestError::PeerLeft)));
    let service = json!({"name": "news", "nickname": null, "owner_uuid": UUID, "subscribers": []});
    gateway.send(&json!({"type": "SERVICE_DELETE_RESULT", "service": service})).await;
    assert!(matches!(to_service.await.unwrap(), Err(RequestError::PeerLeft)));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_with_the_connection() {
    let (client, mut gateway) = connected().await;
    let start = Instant::now();
    let asking = ask(&client, 1);
    delivered(&mut gateway).await;
    gateway.close(4013, "").await;
    assert!(matches!(asking.await.unwrap(), Err(RequestError::Lost { .. })));
    assert!(start.elapsed() < Duration::from_secs(1));
}
