//! `services wait` and `clients wait`: until something is there, or gone.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use concierge_client::ServiceName;

use crate::gateway::{Gateway, Peer};

/// Does something once a client of this name has joined, so that a command is under way by then.
fn when_joined<'a>(peer: &mut Peer<'a>, name: &str, what: impl AsyncFnOnce(&Peer<'a>)) {
    peer.see_join(name);
    peer.wait(what(peer));
}

fn chat() -> ServiceName {
    "chat".parse().unwrap()
}

#[test]
fn what_is_there_already_is_not_waited_for() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let uuid = bob.client.uuid().to_string();
    for (arguments, kind) in [
        (["services", "wait", "chat"], "SERVICE_FETCH_RESULT"),
        (["clients", "wait", "@bob"], "CLIENT_FETCH_RESULT"),
        (["clients", "wait", &uuid], "CLIENT_FETCH_RESULT"),
    ] {
        let outcome = gateway.run(&[&arguments[..], &["--json"]].concat());
        assert!(&outcome == 0, "{outcome:?}");
        assert_eq!(outcome.record()["type"], kind);
    }
    for arguments in [["services", "wait", "nothing", "--gone"], ["clients", "wait", "nobody", "--gone"]] {
        let outcome = gateway.run(&arguments);
        assert!(&outcome == 0 && outcome.stdout.is_empty(), "{outcome:?}");
    }
}

#[test]
fn a_service_is_waited_for_until_it_is_opened_and_until_it_is_deleted() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let (gateway, bob) = (&gateway, &mut bob);
    std::thread::scope(|scope| {
        let arguments = ["-N", "waiter", "services", "wait", "chat", "--for", "30s", "-o", "raw"];
        let waiting = scope.spawn(move || gateway.run(&arguments));
        when_joined(bob, "waiter", async |bob| {
            bob.client.create_service("other").await.unwrap();
            bob.client.create_service("chat").await.unwrap();
        });
        let outcome = waiting.join().unwrap();
        assert!(&outcome == 0, "{outcome:?}");
        assert_eq!(outcome.stdout, "chat\n");
        let arguments = ["-N", "leaver", "services", "wait", "#chat", "--gone", "--for", "30s"];
        let waiting = scope.spawn(move || gateway.run(&arguments));
        when_joined(bob, "leaver", async |bob| {
            let delete = concierge_client::payload::ServiceDelete { service: chat() };
            bob.client.call(delete).await.unwrap();
        });
        let outcome = waiting.join().unwrap();
        assert!(&outcome == 0 && outcome.stdout.is_empty(), "{outcome:?}");
    });
}

#[test]
fn a_client_is_waited_for_until_it_joins_and_until_it_leaves() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let (gateway, bob) = (&gateway, &mut bob);
    std::thread::scope(|scope| {
        let arguments = ["-N", "waiter", "clients", "wait", "carol", "--for", "30s", "-o", "raw"];
        let waiting = scope.spawn(move || gateway.run(&arguments));
        bob.see_join("waiter");
        let carol = gateway.peer("carol");
        let outcome = waiting.join().unwrap();
        assert!(&outcome == 0, "{outcome:?}");
        assert_eq!(outcome.stdout, "carol\n");
        let arguments = ["-N", "leaver", "clients", "wait", "carol", "--gone", "--for", "30s"];
        let waiting = scope.spawn(move || gateway.run(&arguments));
        when_joined(bob, "leaver", async |_| carol.client.close().await);
        let outcome = waiting.join().unwrap();
        assert!(&outcome == 0 && outcome.stdout.is_empty(), "{outcome:?}");
    });
}

#[test]
fn what_does_not_come_in_time_is_5() {
    let gateway = Gateway::start();
    let _bob = gateway.peer("bob");
    for (arguments, said) in [
        (["services", "wait", "chat", "--for", "10ms"].as_slice(), "the service \"chat\" is not there"),
        (&["clients", "wait", "carol", "--for", "10ms"], "the client \"carol\" is not there"),
        (&["clients", "wait", "bob", "--gone", "--for", "10ms"], "the client \"bob\" is still there"),
        // Without --for, as long as an answer may take.
        (&["clients", "wait", "bob", "--gone", "--timeout", "2s"], "is still there after 2 s"),
    ] {
        let outcome = gateway.run(arguments);
        assert!(&outcome == 5 && outcome.stderr.contains(said), "{outcome:?}");
        assert!(outcome.stderr.contains("hint:  --for waits longer"), "{outcome:?}");
    }
}

#[test]
fn several_are_waited_for_until_all_are_there_at_once() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let (gateway, bob) = (&gateway, &mut bob);
    std::thread::scope(|scope| {
        let arguments = ["-N", "waiter", "services", "wait", "chat", "news", "--for", "30s", "-o", "raw"];
        let waiting = scope.spawn(move || gateway.run(&arguments));
        when_joined(bob, "waiter", async |bob| {
            bob.client.create_service("news").await.unwrap();
            let news = "news".parse().unwrap();
            bob.client.call(concierge_client::payload::ServiceDelete { service: news }).await.unwrap();
            bob.client.create_service("chat").await.unwrap();
            bob.client.create_service("news").await.unwrap();
        });
        let outcome = waiting.join().unwrap();
        assert!(&outcome == 0, "{outcome:?}");
        assert_eq!(outcome.stdout, "chat\nnews\n");
    });
    let outcome = gateway.run(&["clients", "wait", "bob", "carol", "dave", "--for", "10ms"]);
    assert!(&outcome == 5, "{outcome:?}");
    let said = "the client \"carol\" and the client \"dave\" are not there after 0.01 s";
    assert!(outcome.stderr.contains(said), "{outcome:?}");
}

#[test]
fn a_script_waits_on_its_own_connection() {
    let gateway = Gateway::start();
    let script = "services create chat\nservices wait chat -o raw\nservices rm chat\nservices wait chat --gone\n\
                  clients wait me -o raw\n";
    let outcome = gateway.run_with_input(&["-N", "me", "run", "-"], script);
    assert!(&outcome == 0, "{outcome:?}");
    assert!(outcome.stdout.contains("\nchat\n") && outcome.stdout.ends_with("me\n"), "{outcome:?}");
}
