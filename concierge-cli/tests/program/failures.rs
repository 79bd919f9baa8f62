//! What goes wrong, and how it is told: a sentence, something to try, and the exit code.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
};

use crate::gateway::{Gateway, Outcome, run_in};

fn at(url: &str, arguments: &[&str]) -> Outcome {
    run_in(&[&["--url", url, "--timeout", "20s"], arguments].concat(), "", &[])
}

/// A server that takes one connection, reads a little of it, and answers with these bytes.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 64];
        connection.read_exact(&mut request).unwrap();
        connection.write_all(answer).unwrap();
    });
    url
}

#[test]
fn nobody_there_is_6_with_whom_was_meant() {
    let gateway = Gateway::start();
    let _alice = gateway.peer("alice");
    for arguments in [&["send", "alcie", "hi"][..], &["clients", "show", "alcie"]] {
        let outcome = gateway.run(arguments);
        assert!(&outcome == 6, "{outcome:?}");
        assert_eq!(outcome.stderr, "error: no client is named \"alcie\"\nhint:  did you mean \"alice\"?\n");
    }
    for arguments in [&["send", "svc:chat", "hi"][..], &["services", "show", "chat"], &["listen", "chat"]] {
        let outcome = gateway.run(arguments);
        assert!(&outcome == 6, "{outcome:?}");
        assert!(outcome.stderr.contains("there is no service named \"chat\""), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn everyone_is_not_a_client_named_all() {
    let gateway = Gateway::start();
    let outcome = gateway.run(&["send", "@all", "hi"]);
    assert!(&outcome == 6, "{outcome:?}");
    assert!(outcome.stderr.contains("`send all …` reaches everyone"), "{outcome:?}");
}

#[test]
fn sending_to_a_service_without_a_subscription_is_1_and_says_why() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let outcome = gateway.run(&["send", "svc:chat", "hi"]);
    assert!(&outcome == 1, "{outcome:?}");
    assert!(outcome.stderr.contains("only the owner and the subscribers of \"chat\""), "{outcome:?}");
    let subscribed = gateway.run_with_input(&["run", "-"], "listen chat\n#chat hi\n");
    assert!(&subscribed == 0, "{subscribed:?}");
}

#[test]
fn errors_are_json_for_programs() {
    let gateway = Gateway::start();
    let outcome = gateway.run(&["send", "nobody", "hi", "--json"]);
    let errors = outcome.errors();
    assert_eq!((&errors[0]["type"], &errors[0]["exit"]), (&"error".into(), &6.into()));
    assert!(errors[0]["hint"].is_string());
    let outcome = gateway.run(&["sned", "--json"]);
    assert_eq!(outcome.errors()[0]["hint"], "did you mean `send`?");
}

#[test]
fn a_name_that_is_taken_is_4_and_never_changed() {
    let gateway = Gateway::start();
    let _bob = gateway.peer("bob");
    let outcome = gateway.run(&["--name", "bob", "whoami"]);
    assert!(&outcome == 4, "{outcome:?}");
    assert!(outcome.stderr.contains("there is a client named bob already"), "{outcome:?}");
}

#[test]
fn a_secret_that_is_wrong_or_missing_is_4() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "open sesame\n").unwrap();
    std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = secret.path().to_str().unwrap();
    let gateway = Gateway::configured(&format!("secret_file = {path:?}"));
    assert!(&gateway.run(&["whoami"]) == 4);
    let with_secret = |secret| run_in(&["-u", &gateway.url, "whoami"], "", &[("CONCIERGE_SECRET", secret)]);
    assert!(&with_secret("open") == 4);
    assert!(&with_secret("open sesame") == 0);
    assert!(&gateway.run(&["--secret-file", path, "whoami"]) == 0);
}

#[test]
fn a_gateway_that_is_not_there_is_3() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    drop(listener);
    let outcome = at(&url, &["whoami"]);
    assert!(&outcome == 3, "{outcome:?}");
    assert!(outcome.stderr.starts_with(&format!("error: {url}: cannot connect to ")), "{outcome:?}");
    assert!(outcome.stderr.contains("hint:  is a gateway running there?"), "{outcome:?}");
}

#[test]
fn whatever_is_no_gateway_is_3_and_told_as_such() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"[..],
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        b"\x00\xff\x13\x37 garbage \x1b[2J\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ] {
        let outcome = at(&answering(answer), &["whoami"]);
        assert!(&outcome == 3, "{answer:?}: {outcome:?}");
        assert!(outcome.stderr.contains("hint:  is this the URL of a gateway?"), "{outcome:?}");
        assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    }
}

#[test]
fn an_invalid_command_line_is_2() {
    for arguments in [
        &["frobnicate"][..],
        &["send"],
        &["services"],
        &["services", "frobnicate"],
        &["--name", "a b", "whoami"],
        &["--url", "http://127.0.0.1/", "whoami"],
        &["--timeout", "0", "whoami"],
        &["listen", "-n", "0"],
        &["send", "bob", "{"],
        &["send", "bob"],
    ] {
        let outcome = run_in(arguments, "", &[]);
        assert!(&outcome == 2, "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.starts_with("error: ") && outcome.stdout.is_empty(), "{outcome:?}");
    }
}

#[test]
fn the_environment_is_checked_as_the_flags_are() {
    assert!(&run_in(&["whoami"], "", &[("CONCIERGE_URL", "http://x")]) == 2);
    let outcome = run_in(&["whoami"], "", &[("CONCIERGE_NAME", "a b")]);
    assert!(&outcome == 2);
    assert!(outcome.stderr.contains("CONCIERGE_NAME: a client name has"), "{outcome:?}");
}

#[test]
fn a_file_that_is_not_there_is_10() {
    for arguments in [
        &["run", "/nowhere/x"][..],
        &["send", "bob", "@/nowhere/x"],
        &["--secret-file", "/nowhere/x", "whoami"],
    ] {
        let outcome = run_in(arguments, "", &[]);
        assert!(&outcome == 10, "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains("/nowhere/x: No such file or directory\n"), "{outcome:?}");
    }
}

#[test]
fn a_connection_that_is_lost_for_good_is_7() {
    let mut gateway = Gateway::start();
    let url = gateway.url.clone();
    let mut bob = gateway.peer("bob");
    let listening = std::thread::spawn(move || at(&url, &["-N", "ear", "listen", "--no-reconnect"]));
    bob.see_join("ear");
    drop(bob);
    gateway.stop();
    let outcome = listening.join().unwrap();
    assert!(&outcome == 7, "{outcome:?}");
    assert!(outcome.stderr.contains("1001 GOING_AWAY"), "{outcome:?}");
}

#[test]
fn a_service_that_is_deleted_ends_those_who_listen_to_it() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    bob.wait(async {
        bob.client.create_service("chat").await.unwrap();
        bob.client.subscribe("chat").await.unwrap();
    });
    let outcome = std::thread::scope(|scope| {
        let listening = scope.spawn(|| gateway.run(&["listen", "chat"]));
        bob.see_subscription();
        bob.wait(async { bob.client.delete_service("chat").await }).unwrap();
        listening.join().unwrap()
    });
    assert!(&outcome == 6, "{outcome:?}");
    assert!(outcome.stderr.contains("the service \"chat\" was deleted"), "{outcome:?}");
}

#[test]
fn nothing_to_send_is_told_by_where_it_was_looked_for() {
    let empty = run_in(&["send", "all", "-"], "", &[]);
    assert!(&empty == 2, "{empty:?}");
    assert!(empty.stderr.starts_with("error: there is nothing to send: the input is empty\n"), "{empty:?}");
    let gateway = Gateway::start();
    let in_script = gateway.run_with_input(&["run", "-"], "send all -\n");
    assert!(&in_script == 2, "{in_script:?}");
    assert!(in_script.stderr.contains("line 1: `-` is for the shell"), "{in_script:?}");
}

#[test]
fn a_payload_that_never_ends_is_not_sent_in_part() {
    let outcome = run_in(&["send", "all", "@/dev/zero"], "", &[]);
    assert!(&outcome == 10, "{outcome:?}");
    assert!(outcome.stderr.contains("could not read /dev/zero: it has more than"), "{outcome:?}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_in_the_format_it_asks_for() {
    for arguments in
        [&["--json", "frobnicate"][..], &["-o", "json", "frobnicate"], &["--output=json", "frobnicate"]]
    {
        let outcome = run_in(arguments, "", &[]);
        assert!(&outcome == 2, "{outcome:?}");
        assert_eq!(outcome.errors()[0]["exit"], 2, "{outcome:?}");
    }
}
