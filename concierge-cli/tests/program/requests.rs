//! `request`: asks, by the convention of the SDK or plainly, and waits for what comes back.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use concierge_client::{Asked, Event};

use crate::gateway::{Gateway, Outcome, Peer};

/// Runs a request while the peer answers each of its messages with this.
fn asked(
    gateway: &Gateway,
    peer: &mut Peer<'_>,
    arguments: &[&str],
    answers: impl AsyncFnOnce(&Peer<'_>, concierge_client::Message),
) -> Outcome {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| gateway.run(arguments));
        let message = peer.see(|event| match event {
            Event::Message(message) => Some(message.clone()),
            _ => None,
        });
        peer.wait(answers(peer, message));
        asking.join().unwrap()
    })
}

#[test]
fn a_request_is_answered_by_the_convention() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let outcome = asked(&gateway, &mut bob, &["request", "bob", "n:=41", "--json"], async |bob, message| {
        let asked = Asked::read(&message).unwrap();
        assert_eq!(asked.body.as_str(), r#"{"n":41}"#);
        asked.answer(&bob.client, &[1, 2]).await.unwrap();
    });
    assert!(&outcome == 0, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["type"], &record["origin"]["name"]), (&"reply".into(), &"bob".into()));
    assert_eq!(record["data"], serde_json::json!([1, 2]));
    assert!(record["took_us"].is_u64() && record["request"].is_string(), "{record}");
}

#[test]
fn an_answer_that_is_an_error_is_1() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let outcome = asked(&gateway, &mut bob, &["request", "bob", "hi"], async |bob, message| {
        Asked::read(&message).unwrap().refuse(&bob.client, "no \u{1b}[2J").await.unwrap();
    });
    assert!(&outcome == 1, "{outcome:?}");
    assert!(outcome.stderr.starts_with("error: bob answered with an error: no \\u{1b}[2J\n"), "{outcome:?}");
}

#[test]
fn a_plain_request_takes_the_next_messages_of_whom_it_was_sent_to() {
    let gateway = Gateway::start();
    let (mut bob, carol) = (gateway.peer("bob"), gateway.peer("carol"));
    let arguments = ["request", "bob", "hi", "--plain", "--replies", "2", "-o", "raw"];
    let outcome = asked(&gateway, &mut bob, &arguments, async |bob, message| {
        assert_eq!(message.data.as_str(), r#""hi""#);
        carol.client.to(message.origin.uuid).json("not asked").await.unwrap();
        for text in ["one", "two"] {
            bob.client.to(message.origin.uuid).json(text).await.unwrap();
        }
    });
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "one\ntwo\n");
}

#[test]
fn a_service_is_subscribed_to_for_as_long_as_a_request_takes() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    for form in [&["--plain"][..], &[]] {
        let arguments = [&["request", "svc:chat", "hi", "-o", "raw"], form].concat();
        let outcome =
            asked(&gateway, &mut bob, &arguments, async |bob, message| match Asked::read(&message) {
                Some(asked) => asked.answer(&bob.client, "there").await.unwrap(),
                None => bob.client.to(message.origin.uuid).json("there").await.unwrap(),
            });
        assert!(&outcome == 0, "{outcome:?}");
        assert_eq!(outcome.stdout, "there\n");
    }
}

#[test]
fn too_few_answers_are_5_after_those_that_came() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let arguments =
        ["request", "bob", "hi", "--plain", "--replies", "2", "--reply-timeout", "300ms", "-o", "raw"];
    let outcome = asked(&gateway, &mut bob, &arguments, async |bob, message| {
        // It may be too late already.
        let _ = bob.client.to(message.origin.uuid).json("one").await;
    });
    assert!(&outcome == 5, "{outcome:?}");
    assert!(outcome.stderr.contains("within 0.3 s\nhint:"), "{outcome:?}");
    let silent = gateway.run(&["request", "bob", "hi", "--reply-timeout", "10ms"]);
    assert!(&silent == 5 && silent.stderr.contains("no answer within"), "{silent:?}");
    assert!(silent.stderr.contains("--plain"), "{silent:?}");
}

#[test]
fn too_few_answers_are_told_with_the_span_in_which_none_came() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let silent = gateway.run(&["request", "bob", "hi", "--plain", "--idle", "10ms", "--reply-timeout", "1h"]);
    assert!(&silent == 5 && silent.stderr.contains("no answer within 0.01 s\n"), "{silent:?}");
    assert!(silent.stderr.contains("--idle waits longer"), "{silent:?}");
    let timed = gateway.run(&["request", "bob", "hi", "--plain", "--idle", "1h", "--reply-timeout", "10ms"]);
    assert!(&timed == 5 && timed.stderr.contains("no answer within 0.01 s\n"), "{timed:?}");
    assert!(timed.stderr.contains("--reply-timeout waits longer"), "{timed:?}");
    let arguments =
        ["request", "bob", "hi", "--plain", "--replies", "2", "--idle", "500ms", "--reply-timeout", "1h"];
    // The two that nobody answered are before it.
    for _ in 0..2 {
        bob.see(|event| matches!(event, Event::Message(_)).then_some(()));
    }
    let outcome = asked(&gateway, &mut bob, &arguments, async |bob, message| {
        bob.client.to(message.origin.uuid).json("one").await.unwrap();
    });
    assert!(&outcome == 5, "{outcome:?}");
    assert!(outcome.stderr.contains("1 of 2 answers, and none for 0.5 s after that\nhint:"), "{outcome:?}");
}

#[test]
fn answers_are_gathered_until_none_comes_any_more() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let arguments = ["request", "all", "hi", "--plain", "--idle", "500ms", "-o", "raw"];
    let outcome = asked(&gateway, &mut bob, &arguments, async |bob, message| {
        for text in ["one", "two"] {
            bob.client.to(message.origin.uuid).json(text).await.unwrap();
        }
    });
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "one\ntwo\n");
}

#[test]
fn an_answer_that_was_not_expected_is_8() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let arguments = ["request", "bob", "hi", "--expect", ".data.ok"];
    let outcome = asked(&gateway, &mut bob, &arguments, async |bob, message| {
        Asked::read(&message).unwrap().answer(&bob.client, &[1]).await.unwrap();
    });
    assert!(&outcome == 8, "{outcome:?}");
}

#[test]
fn nobody_to_ask_is_6_with_whom_was_meant() {
    let gateway = Gateway::start();
    let _bob = gateway.peer("bobby");
    for (target, told) in [("boby", "did you mean \"bobby\"?"), ("svc:none", "services ls")] {
        let outcome = gateway.run(&["request", target, "hi"]);
        assert!(&outcome == 6, "{outcome:?}");
        assert!(outcome.stderr.contains(told), "{outcome:?}");
    }
    assert!(&gateway.run(&["request", "bob"]) == 2);
}

#[test]
fn a_script_asks_too() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let outcome = std::thread::scope(|scope| {
        let asking = scope.spawn(|| gateway.run_with_input(&["run", "-"], "request bob hi --plain\n"));
        let asker = bob.see(|event| match event {
            Event::Message(message) => Some(message.origin.uuid),
            _ => None,
        });
        bob.wait(async { bob.client.to(asker).json("hello").await }).unwrap();
        asking.join().unwrap()
    });
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout.matches("hello").count(), 1, "it is shown once: {outcome:?}");
}
