//! The web application on axum: who may do what, who is told what, what happens without a gateway; and its page, in a browser.

use std::net::SocketAddr;

use concierge_client::telegraphy::{ComeInError, EventStream, LiveEvent, Received, Telegraphy, Transition};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::application::{Application, KEY};
use support::browser::Browser;
use support::gateway::GatewayProcess;
use support::process::Program;
use support::raw::{Handshake, RawSocket, Response};

use super::start_in;

/// As the example says to run one.
const SETTINGS: [&str; 2] = ["--set", "telegraphy.unregistered=false"];

/// The application, running.
struct Web {
    program: Program,
    address: SocketAddr,
}

impl Web {
    fn start(gateway: &GatewayProcess, application: &Application) -> Self {
        let (url, api) = (gateway.url(), format!("http://{}", application.address));
        let environment =
            [("CONCIERGE_URL", url.as_str()), ("CONCIERGE_API", api.as_str()), ("CONCIERGE_API_KEY", KEY)];
        let program = start_in(&environment, "publish_from_axum", &["127.0.0.1:0"]);
        let address = program.heard().iter().find_map(|line| line.strip_prefix("http://"));
        let address = address.expect("it says where it listens").parse().unwrap();
        Self { program, address }
    }

    fn ask(&self, method: &str, path: &str, cookie: &str, body: &str) -> Response {
        let request = Handshake::request(method, path, &self.address.to_string())
            .with("Connection: close")
            .with("Content-Type: application/json")
            .with(&format!("Content-Length: {}", body.len()))
            .with(&format!("Cookie: other=1; {cookie}"));
        let mut socket = RawSocket::open(self.address).unwrap();
        socket.send_bytes((request.text() + body).as_bytes()).unwrap();
        socket.read_response().unwrap()
    }

    /// The cookie of somebody who is logged in.
    fn log_in(&self, name: &str) -> String {
        let answer = self.ask("POST", "/login", "", &json!({"name": name}).to_string());
        assert_eq!(answer.status, 204, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict;"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    fn add(&self, cookie: &str, title: &str) -> Response {
        self.ask("POST", "/tasks", cookie, &json!({"title": title}).to_string())
    }

    fn finish(&self, cookie: &str, task: u64) -> Response {
        self.ask("PUT", &format!("/tasks/{task}"), cookie, r#"{"done":true}"#)
    }

    fn titles(&self, cookie: &str) -> Vec<String> {
        let tasks: Vec<Value> =
            serde_json::from_slice(&self.ask("GET", "/tasks", cookie, "").body).expect("a list");
        tasks.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
    }

    /// Where somebody listens, and the token with which that works once.
    fn token(&self, cookie: &str) -> (String, String) {
        let answer = self.ask("POST", "/token", cookie, "");
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let text = |key: &str| answer[key].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (text("url"), text("token"))
    }
}

async fn next(tasks: &mut EventStream<Value>) -> LiveEvent<Value> {
    match tasks.next().await {
        Some(Ok(Received::Event(event))) => event,
        other => panic!("a task is due, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_from_axum_lets_each_team_see_its_own_tasks_change() {
    let (gateway, application) = Application::start(&SETTINGS).unwrap();
    let mut web = Web::start(&gateway, &application);
    let (alice, bob) = (web.log_in("alice"), web.log_in("bob"));
    let (url, token) = web.token(&alice);
    let listening = Telegraphy::connect(&url, token.as_str()).await.unwrap();
    let mut tasks = listening.subscribe("todo.Task").filter(json!({"done": false})).open().await.unwrap();
    let again = Telegraphy::connect(&url, token.as_str()).await.unwrap_err();
    assert!(matches!(again, ComeInError::Ended(_)), "a token works once: {again}");

    assert_eq!(web.add(&bob, "for the blue team").status, 201);
    assert_eq!(web.add(&alice, " <b>bread</b> ").status, 201);
    let event = next(&mut tasks).await;
    assert_eq!(event.meta.event_type.as_deref(), Some("create"));
    // Whose it is, is not to be seen.
    assert_eq!(event.data, json!({"id": 2, "title": "<b>bread</b>", "done": false}));
    assert_eq!((web.titles(&alice), web.titles(&bob).len()), (vec!["<b>bread</b>".to_owned()], 1));
    assert_eq!(web.finish(&alice, 2).status, 200);
    assert_eq!(next(&mut tasks).await.meta.transition, Some(Transition::Leave));
    assert!(web.titles(&alice).is_empty());

    // Whoever logs out does so everywhere.
    assert_eq!(web.ask("DELETE", "/login", &alice, "").status, 204);
    listening.closed().await;
    assert_eq!(web.ask("POST", "/token", &alice, "").status, 401);
    web.program.signal(Signal::TERM).unwrap();
    web.program.wait_for_success().unwrap();
}

#[test]
fn publish_from_axum_refuses_what_makes_no_sense_and_says_why() {
    let (gateway, application) = Application::start(&SETTINGS).unwrap();
    let web = Web::start(&gateway, &application);
    let alice = web.log_in("alice");
    assert_eq!(web.add(&alice, "bread").status, 201);
    let bob = web.log_in("bob");
    for (method, path, cookie, body, status) in [
        ("GET", "/tasks", "", "", 401),
        ("POST", "/token", "login=none", "", 401),
        ("POST", "/token", "login=00000000-0000-0000-0000-000000000000", "", 401),
        ("POST", "/login", "", r#"{"name":"mallory"}"#, 401),
        ("POST", "/login", "", "{", 400),
        ("POST", "/tasks", &alice, "{}", 422),
        ("POST", "/tasks", &alice, r#"{"title":"  "}"#, 422),
        ("POST", "/tasks", &alice, &json!({"title": "x".repeat(201)}).to_string(), 422),
        ("POST", "/tasks", &alice, &json!({"title": "x".repeat(5000)}).to_string(), 413),
        ("PUT", "/tasks/1", &bob, r#"{"done":true}"#, 404),
        ("PUT", "/tasks/x", &bob, r#"{"done":true}"#, 400),
        ("GET", "/none", &bob, "", 404),
    ] {
        let answer = web.ask(method, path, cookie, body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
    }
    assert_eq!(web.titles(&alice), ["bread"]);
    let page = web.ask("GET", "/", "", "");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
}

#[test]
fn publish_from_axum_changes_nothing_that_nobody_can_be_told_of() {
    let (mut gateway, application) = Application::start(&SETTINGS).unwrap();
    let web = Web::start(&gateway, &application);
    let alice = web.log_in("alice");
    gateway.program.signal(Signal::KILL).unwrap();
    gateway.program.wait().unwrap();
    let refused = web.add(&alice, "bread");
    let said = (refused.status, refused.header("retry-after"));
    assert_eq!(said, (503, Some("2")), "{}", refused.text());
    assert!(refused.text().contains("the gateway cannot be told: cannot connect to "), "{}", refused.text());
    assert_eq!(web.ask("POST", "/token", &alice, "").status, 503);
    assert!(web.titles(&alice).is_empty());

    // Another gateway, which knows nothing of the event, is told.
    let (_gateway, _application) = application.replace(gateway, &SETTINGS).unwrap();
    assert_eq!(web.add(&alice, "butter").status, 201);
    assert_eq!(web.titles(&alice), ["butter"]);
}

#[test]
#[ignore = "needs Chromium, which tests/run installs"]
fn the_page_of_publish_from_axum_shows_what_happens() {
    let (gateway, application) = Application::start(&SETTINGS).unwrap();
    let web = Web::start(&gateway, &application);
    let Some(mut page) = Browser::open(&format!("http://{}/", web.address)).unwrap() else { return };
    let status = |text: &str| format!("document.getElementById('status').textContent === '{text}'");
    let items = |count: usize| format!("document.querySelectorAll('#tasks li').length === {count}");
    let hostile = "<img src=x onerror=alert(1)>";
    let amir = web.log_in("amir");

    page.until(&status("log in first")).unwrap();
    page.run("document.forms.login.requestSubmit()").unwrap();
    page.until(&status("live")).unwrap();
    assert_eq!(web.add(&amir, hostile).status, 201);
    page.until(&format!("document.querySelector('#tasks li').firstChild.textContent === '{hostile}'"))
        .unwrap();
    page.run("if (document.querySelector('img')) throw new Error('it is no text')").unwrap();
    page.run("document.forms.add.elements.title.value = 'bread'; document.forms.add.requestSubmit()")
        .unwrap();
    page.until(&items(2)).unwrap();
    assert_eq!(web.finish(&amir, 1).status, 200);
    page.until(&items(1)).unwrap();

    // It comes back to a gateway that knows nothing of it, and shows what happened meanwhile.
    let (_gateway, _application) = application.replace(gateway, &SETTINGS).unwrap();
    assert_eq!(web.add(&amir, "butter").status, 201);
    page.until(&items(2)).unwrap();
    page.until(&status("live")).unwrap();
    page.run("document.querySelectorAll('#tasks button').forEach((button) => button.click())").unwrap();
    page.until(&items(0)).unwrap();
    assert!(web.titles(&amir).is_empty());

    page.run("document.getElementById('logout').click()").unwrap();
    page.until("!document.getElementById('login').hidden").unwrap();
}
