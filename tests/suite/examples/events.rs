//! The listener to events of a web application, over the deaths of its gateway.

use rustix::process::Signal;
use serde_json::{Value, json};
use support::application::Application;
use support::gateway::GatewayProcess;
use support::process::Program;

use super::start_in;

fn listener(gateway: &GatewayProcess, token: Option<&str>) -> Program {
    let url = gateway.url();
    let mut environment = vec![("CONCIERGE_URL", url.as_str())];
    environment.extend(token.map(|token| ("CONCIERGE_EVENT_TOKEN", token)));
    start_in(&environment, "event_listener", &["100"])
}

fn define(application: &Application, orders: &Value) {
    let events = json!({"source": "shop", "events": [orders]});
    application.does("PUT", "/events", &events.to_string()).unwrap();
}

fn sell(application: &Application, customer: u64, total: u64) {
    let order = json!({"event": "shop.Order", "data": {"customer": customer, "total": total}});
    application.does("POST", "/publish", &order.to_string()).unwrap();
}

/// It leaves, and its session with it.
fn stop(mut listener: Program, application: &Application) {
    listener.signal(Signal::INT).unwrap();
    listener.wait_for_success().unwrap();
    assert_eq!(application.does("GET", "/sessions", "").unwrap()["sessions"], json!([]));
}

#[test]
fn event_listener_hears_what_is_for_it_once_also_when_the_gateway_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("telegraphy.store={}", folder.path().join("store.db").display());
    let (gateway, application) = Application::start(&["--set", &store]).unwrap();
    define(&application, &json!({"name": "shop.Order", "delivery": "guaranteed", "audience": "private"}));
    let grants = json!({"user": "42", "grants": {"shop.Order": {"filters": {"customer": 42}}}});
    let token = application.does("POST", "/tokens", &grants.to_string()).unwrap();
    let mut listener = listener(&gateway, token["token"].as_str());
    listener.wait_for_line("connected as \"42\", anew").unwrap();
    // Somebody else's, one that is too small, and the one that is heard.
    for (customer, total) in [(7, 1000), (42, 99), (42, 100)] {
        sell(&application, customer, total);
    }
    listener.wait_for_line("customer 42 ordered for 100").unwrap();

    let (_gateway, application) = application.replace(gateway, &["--set", &store]).unwrap();
    sell(&application, 7, 2000);
    sell(&application, 42, 200);
    listener.wait_for_line("customer 42 ordered for 200").unwrap();
    sell(&application, 42, 300);
    listener.wait_for_line("customer 42 ordered for 300").unwrap();
    let heard = listener.heard().join("\n");
    assert!(!heard.contains("missing") && !heard.contains("customer 7"), "{heard}");
    stop(listener, &application);
}

#[test]
fn event_listener_says_where_something_may_be_missing() {
    let (gateway, application) = Application::start(&[]).unwrap();
    let orders = json!({"name": "shop.Order", "audience": "public", "retain": 10});
    define(&application, &orders);
    let mut listener = listener(&gateway, None);
    sell(&application, 1, 100);
    listener.wait_for_line("customer 1 ordered for 100").unwrap();

    // The other one knows nothing of what was: neither the session, nor the orders.
    let (_gateway, application) = application.replace(gateway, &[]).unwrap();
    listener.wait_for_line("orders may be missing: the gateway has not kept them").unwrap();
    define(&application, &orders);
    listener.wait_for_line("the shop tells of its orders").unwrap();
    sell(&application, 1, 200);
    listener.wait_for_line("customer 1 ordered for 200").unwrap();
    stop(listener, &application);
}
