//! A client of Telegraphy as it was first thought of: in Python, from the examples of that description alone.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::application::Application;
use support::process::Program;

#[test]
#[ignore = "needs the Python peer: tests/run runs it"]
fn a_client_of_the_original_idea_finds_everything_as_it_was_described() {
    let (gateway, application) = Application::start(&["--set", "telegraphy.connect_timeout=1s"]).unwrap();
    let events = json!({"source": "app", "events": [{"name": "event.name", "kind": "model"}]});
    application.does("PUT", "/events", &events.to_string()).unwrap();
    let token = application.does("POST", "/tokens", r#"{"user":"42"}"#).unwrap();
    let publish = |name: &str, pk: u32| {
        let event = json!({"event": name, "data": {"pk": pk}});
        application.does("POST", "/publish", &event.to_string()).unwrap();
    };

    let interpreter = std::env::var_os("CONCIERGE_PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python/telegraphy.py");
    let mut command = Command::new(interpreter);
    command.arg(script).arg(format!("ws://{}/telegraphy/ws", gateway.address()));
    let mut python = Program::start("python", command.arg(token["token"].as_str().unwrap()))
        .expect("tests/run installs it");
    python.wait_for_line("subscribed").unwrap();
    publish("event.name", 2);
    publish("event.name", 1);
    publish("pepitos", 1);
    python.wait_for_line("reconnected").unwrap();
    publish("event.name", 1);
    python.wait_for_line("done").unwrap();
    python.wait_for_success().unwrap();
}
