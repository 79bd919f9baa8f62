//! The web applications' side of Telegraphy, over sockets: each request, each status, and who may not ask.

use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::application::{Application, KEY, OTHER_KEY, asked_at};
use support::gateway::GatewayProcess;
use support::process::program;
use support::raw::{RawSocket, Response};

use super::metrics;

const DEFINITIONS: &str = r#"{"source":"shop","events":[{"name":"shop.Order","delivery":"guaranteed"},{"name":"shop.View","presence":"users"}]}"#;

fn problem(answer: &Response) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(problem["message"].is_string(), "{problem}");
    (answer.status, problem["status"].as_str().unwrap().to_owned())
}

#[test]
fn each_request_is_answered_and_what_it_leads_to_can_be_read() {
    let (_gateway, application) = Application::start(&[]).unwrap();
    let does = |method: &str, path: &str, body: &str| application.does(method, path, body).unwrap();
    let changed = does("PUT", "/events", DEFINITIONS);
    assert_eq!(changed, json!({"added": ["shop.Order", "shop.View"], "changed": [], "removed": []}));
    let listed = does("GET", "/events", "");
    assert_eq!(listed["events"].as_array().unwrap().len(), 2);
    assert_eq!(does("GET", "/events/shop%2EOrder", "")["delivery"], "guaranteed");
    assert_eq!(does("GET", "/events/shop.View/presence", ""), json!({"sessions": 0, "users": []}));

    let tokens = [(); 2].map(|()| {
        let answer =
            application.ask("POST", "/tokens", r#"{"user":"42","grants":{"shop.Order":true}}"#).unwrap();
        assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")));
        let issued: Value = serde_json::from_slice(&answer.body).unwrap();
        issued["token"].as_str().unwrap().to_owned()
    });
    // 256 bits, six of them in a letter.
    assert!(tokens[0].len() == 43 && tokens[0] != tokens[1], "{tokens:?}");

    let published = does("POST", "/publish", r#"{"event":"shop.Order","data":{"total":1.10},"id":"a"}"#);
    assert_eq!((&published["offset"], &published["duplicate"]), (&json!(1), &json!(false)));
    let again = does("POST", "/publish", r#"{"event":"shop.Order","data":{"total":1.10},"id":"a"}"#);
    assert_eq!((&again["offset"], &again["duplicate"]), (&json!(1), &json!(true)));
    assert_eq!(does("GET", "/sessions?limit=10", ""), json!({"sessions": [], "after": null}));
    for (method, path, body) in [
        ("DELETE", "/users/42/sessions", ""),
        ("POST", "/users/42/grants", r#"{"grants":{}}"#),
        ("POST", "/subscriptions", r#"{"user":"42","event_name":"shop.Order"}"#),
    ] {
        assert_eq!(does(method, path, body), json!({"sessions": 0}), "{method} {path}");
    }
    assert_eq!(application.ask("DELETE", "/events/shop.View", "").unwrap().status, 204);
    let described = does("GET", "/openapi.json", "");
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn of_a_hundred_who_present_a_token_at_once_one_is_let_in() {
    let unbounded = ["limits.unidentified_per_address=unlimited", "limits.wrong_secrets=unlimited"];
    let (gateway, application) = Application::start(&["--set", unbounded[0], "--set", unbounded[1]]).unwrap();
    let issued = application.does("POST", "/tokens", r#"{"user":"42"}"#).unwrap();
    let connect = json!({"message": "CONNECT", "id": 0, "args": {"auth_token": issued["token"]}}).to_string();
    let (address, together) = (gateway.address(), Barrier::new(100));
    let present = || {
        let mut socket = RawSocket::upgraded_at(address, "/telegraphy/ws").unwrap();
        together.wait();
        socket.send_text(&connect).unwrap();
        let answer: Value = serde_json::from_str(&socket.read_text().unwrap()).unwrap();
        answer["status"].as_str().unwrap().to_owned()
    };
    let statuses: Vec<_> = thread::scope(|scope| {
        let presenting: Vec<_> = (0..100).map(|_| scope.spawn(present)).collect();
        presenting.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| *status == "CONNECTED").count(), 1);
    assert_eq!(statuses.iter().filter(|status| *status == "INVALID_TOKEN").count(), 99);
    let sessions = application.does("GET", "/sessions?user=42", "").unwrap();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_done_is_said_to_be_so_by_status_and_headers() {
    let settings = ["--set", "telegraphy.unregistered=false", "--set", "telegraphy.tokens=1"];
    let (_gateway, application) = Application::start(&settings).unwrap();
    application.does("PUT", "/events", DEFINITIONS).unwrap();
    let deep = format!(r#"{{"event":"shop.View","data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let large = format!(r#"{{"event":"shop.View","data":"{}"}}"#, "x".repeat(64 * 1024));
    let too_large = " ".repeat(300_000);
    for (method, path, body, code, status) in [
        ("POST", "/publish", "{", 400, "INVALID_MESSAGE"),
        ("POST", "/publish", "\u{0}\u{7f}", 400, "INVALID_MESSAGE"),
        ("POST", "/publish", r#"{"event":"shop.None","data":1}"#, 404, "UNKNOWN_EVENT"),
        ("GET", "/nowhere", "", 404, "NOT_FOUND"),
        ("DELETE", "/sessions/00000000-0000-0000-0000-000000000000", "", 404, "UNKNOWN_SESSION"),
        ("PUT", "/publish", "", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/events", r#"{"source":"a","events":[{"name":"shop.View"}]}"#, 409, "CONFLICT"),
        ("POST", "/publish", &large, 413, "TOO_LARGE"),
        ("POST", "/publish", &too_large, 413, "TOO_LARGE"),
        ("POST", "/publish", &deep, 422, "INVALID_MESSAGE"),
        ("POST", "/publish", r#"{"event":7}"#, 422, "INVALID_MESSAGE"),
        ("POST", "/tokens", r#"{"grants":{"a":{"filters":{"$or":1}}}}"#, 422, "INVALID_FILTERS"),
        ("POST", "/tokens", "{}", 201, ""),
        ("POST", "/tokens", "{}", 429, "LIMIT_EXCEEDED"),
    ] {
        let answer = application.ask(method, path, body).unwrap();
        let shown: String = body.chars().take(80).collect();
        if code == 201 {
            assert_eq!(answer.status, code);
            continue;
        }
        assert_eq!(problem(&answer), (code, status.to_owned()), "{method} {path} {shown}");
        assert_eq!(answer.header("allow").is_some(), code == 405);
        let wait = answer.header("retry-after").map(|wait| wait.parse().unwrap());
        assert!(wait.map_or(code != 429, |wait: u64| code == 429 && (1..=60).contains(&wait)), "{wait:?}");
    }
    let form = application.request("POST", "/publish", "").with("Content-Type: text/plain");
    let answer = application.send(&form.with("Content-Length: 2"), "{}").unwrap();
    assert_eq!(problem(&answer), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    let packed = application.request("POST", "/publish", "{}").with("Content-Encoding: gzip");
    assert_eq!(application.send(&packed, "{}").unwrap().status, 415);
}

#[test]
fn a_body_that_does_not_arrive_or_never_ends_is_given_up() {
    let (_gateway, application) = Application::start(&["--set", "telegraphy.body_timeout=1s"]).unwrap();
    let unfinished = application.request("POST", "/publish", "").with("Content-Length: 100");
    assert_eq!(problem(&application.send(&unfinished, "{").unwrap()), (408, "TIMEOUT".to_owned()));
    let endless = application.request("POST", "/tokens", "").with("Transfer-Encoding: chunked");
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    assert_eq!(
        problem(&application.send(&endless, &chunk.repeat(4)).unwrap()),
        (413, "TOO_LARGE".to_owned())
    );
    // Who asks first need not send it.
    let asking = application.request("POST", "/tokens", "").with("Content-Length: 99999999");
    let answer = application.send(&asking.with("Expect: 100-continue"), "").unwrap();
    assert_eq!(problem(&answer), (413, "TOO_LARGE".to_owned()));
    // One that breaks off is nobody's, and the next one is served.
    let mut gone = RawSocket::open(application.address).unwrap();
    gone.send_bytes(unfinished.text().as_bytes()).unwrap();
    drop(gone);
    assert_eq!(application.ask("GET", "/events", "").unwrap().status, 200);
}

#[test]
fn a_batch_is_published_in_its_order_and_bounded() {
    let (_gateway, application) = Application::start(&[]).unwrap();
    application.does("PUT", "/events", DEFINITIONS).unwrap();
    let events: Vec<_> = (0..=1000).map(|number| json!({"event": "shop.Order", "data": number})).collect();
    let answer = application.does("POST", "/publish/batch", &json!(events[..1000]).to_string()).unwrap();
    let offsets: Vec<_> = answer["results"].as_array().unwrap().iter().map(|one| &one["offset"]).collect();
    assert_eq!(json!(offsets), json!((1..=1000).collect::<Vec<_>>()));
    let one_more = application.ask("POST", "/publish/batch", &json!(events).to_string()).unwrap();
    assert_eq!(problem(&one_more), (413, "TOO_LARGE".to_owned()));

    let lines = "{\"event\":\"shop.View\",\"data\":1}\n\nnot JSON\n{\"event\":\"shop.View\",\"data\":2}";
    let request =
        application.request("POST", "/publish/batch", "").with("Content-Type: application/x-ndjson");
    let answer = application.send(&request.with(&format!("Content-Length: {}", lines.len())), lines).unwrap();
    let results: Value = serde_json::from_slice(&answer.body).unwrap();
    let results = results["results"].as_array().unwrap();
    assert_eq!((&results[0]["offset"], &results[2]["offset"]), (&json!(1), &json!(2)));
    assert_eq!((results.len(), &results[1]["status"]), (3, &json!("INVALID_MESSAGE")));
}

#[test]
fn without_a_key_nobody_learns_anything() {
    let (_gateway, application) = Application::start(&[]).unwrap();
    for path in ["/events", "/nowhere", "/openapi.json"] {
        let keyless = application.keyless("GET", path);
        let wrong = keyless.clone().with("Authorization: Bearer a_rare_key_of_an_applicatio");
        let basic = keyless.clone().with("Authorization: Basic YTpi");
        for request in [&keyless, &wrong, &basic] {
            let answer = application.send(request, "").unwrap();
            assert_eq!(problem(&answer), (401, "INVALID_TOKEN".to_owned()), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    for key in [KEY, OTHER_KEY] {
        let request = application.keyless("GET", "/events").with(&format!("Authorization: Bearer {key}"));
        assert_eq!(application.send(&request, "").unwrap().status, 200, "every key of the file does");
    }
    // No page of another host has a business here, and nobody who takes it for another host.
    let page = application.request("GET", "/events", "").with("Origin: http://page.example");
    let host = application.request("GET", "/events", "").without("Host").with("Host: rebound.example");
    for request in [page, host] {
        assert_eq!(problem(&application.send(&request, "").unwrap()), (403, "NOT_AUTHORIZED".to_owned()));
    }
}

#[test]
fn who_guesses_keys_has_to_wait_even_with_the_right_one_but_clients_have_not() {
    let (gateway, application) = Application::start(&[]).unwrap();
    let guess = application.keyless("GET", "/events").with("Authorization: Bearer a_rare_guess");
    for _ in 0..10 {
        assert_eq!(application.send(&guess, "").unwrap().status, 401);
    }
    let answer = application.ask("GET", "/events", "").unwrap();
    assert_eq!(problem(&answer), (429, "TOO_MANY_REQUESTS".to_owned()));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let _alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();
}

#[test]
fn a_connection_serves_one_request_after_the_other_and_each_is_counted() {
    let (_gateway, application) = Application::start(&["--set", "metrics.bind=127.0.0.1:0"]).unwrap();
    let mut socket = RawSocket::open(application.address).unwrap();
    let request = application.request("GET", "/events", "").without("Connection");
    for _ in 0..3 {
        assert_eq!(socket.ask(&request).unwrap().status, 200);
    }
    let twice = request.text() + &request.text();
    socket.send_bytes(twice.as_bytes()).unwrap();
    assert_eq!([(); 2].map(|()| socket.read_response().unwrap().status), [200, 200]);
    assert_eq!(application.ask("POST", "/events", "").unwrap().status, 405);
    let text = metrics::read(application.metrics.unwrap());
    let count =
        |labels: &str| metrics::count(&text, &format!("concierge_telegraphy_requests_total{{{labels}}}"));
    assert_eq!(count(r#"route="list_events",code="200""#), 5);
    assert_eq!(count(r#"route="none",code="405""#), 1);
    assert!(!text.contains(KEY), "no key is told");
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("telegraphy.store={}", folder.path().join("events.db").display());
    let order = r#"{"event":"shop.Order","data":1,"id":"a"}"#;
    let (mut gateway, application) = Application::start(&["--set", &store]).unwrap();
    application.does("PUT", "/events", DEFINITIONS).unwrap();
    let published = application.does("POST", "/publish", order).unwrap();
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();

    let (_gateway, application) = Application::start(&["--set", &store]).unwrap();
    assert_eq!(application.does("GET", "/events", "").unwrap()["events"].as_array().unwrap().len(), 2);
    let again = application.does("POST", "/publish", order).unwrap();
    assert_eq!((&again["duplicate"], &again["epoch"]), (&json!(true), &published["epoch"]));
    let next = application.does("POST", "/publish", r#"{"event":"shop.Order","data":2}"#).unwrap();
    assert_eq!((&next["offset"], &next["epoch"]), (&json!(2), &published["epoch"]));
}

#[test]
fn a_stop_does_not_wait_for_applications_that_ask_nothing() {
    let (mut gateway, application) = Application::start(&[]).unwrap();
    let mut idle = RawSocket::open(application.address).unwrap();
    let request = application.request("GET", "/events", "").without("Connection");
    assert_eq!(idle.ask(&request).unwrap().status, 200);
    gateway.program.signal(Signal::TERM).unwrap();
    idle.set_patience(Duration::from_mins(1));
    idle.read_end().unwrap();
    gateway.program.wait_for_success().unwrap();
    assert!(!gateway.program.stderr().contains("stopped with connections"), "{}", gateway.program.stderr());
}

/// The commands of both blocks of the guide, each on a line; what stands behind a prompt is not among them.
fn walkthrough() -> [Vec<&'static str>; 2] {
    let guide = include_str!("../../concierge-server/README.md");
    let section = guide.split("\n## Events of web applications\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().lines().collect());
    blocks.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn the_walkthrough_of_the_guide_works() {
    let home = tempfile::tempdir().unwrap();
    let [commands, over_sockets] = walkthrough();
    let programs = program("concierge").unwrap().parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let run_with = |environment: &[(&str, &str)], script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]).current_dir(home.path()).env("HOME", home.path()).env("PATH", &path);
        let output = shell.envs(environment.iter().copied()).output().unwrap();
        let (out, error) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{script}\n{error}");
        String::from_utf8(out).unwrap()
    };
    let run = |script: &str| run_with(&[], script);
    run(commands[0]);
    // It is started here, on ports that nobody has.
    assert_eq!(commands[1], "concierge-server --set telegraphy.api_keys_file=api.keys &");
    let keys = format!("telegraphy.api_keys_file={}", home.path().join("api.keys").display());
    let settings = ["--set", &keys, "--set", "telegraphy.bind=127.0.0.1:0"];
    let mut gateway = GatewayProcess::start(&settings).unwrap();
    let address = asked_at(&gateway.program.next_line().unwrap()).unwrap();
    let script = commands[2..].join("\n").replace("127.0.0.1:4000", &address.to_string());
    let answers = run(&script).replace("}{", "}\n{");
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["added"], json!(["shop.Order"]));
    assert!(answers[1]["token"].is_string(), "{answers:?}");
    assert_eq!((answers.len(), &answers[2]["offset"]), (3, &json!(1)));

    let places = [("CONCIERGE_URL", gateway.url()), ("CONCIERGE_API", format!("http://{address}"))];
    let places = places.each_ref().map(|(name, place)| (*name, place.as_str()));
    let heard = run_with(&places, &over_sockets.join("\n"));
    assert!(heard.contains(r#"{"customer":42,"total":1999}"#), "{heard}");
}
