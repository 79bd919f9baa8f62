//! Each command, for people and for programs.

use concierge_client::payload::{Data, ServiceName};

use crate::gateway::{Gateway, Outcome};

fn succeeded(outcome: Outcome) -> Outcome {
    assert!(&outcome == 0, "{outcome:?}");
    outcome
}

#[test]
fn whoami_tells_name_nickname_and_tags() {
    let gateway = Gateway::start();
    let identity = ["-N", "bob", "--nickname", "Bobby", "--tag", "x", "--tag", "y", "whoami"];
    let shown = succeeded(gateway.run(&identity));
    for part in ["name        bob\n", "nickname    Bobby\n", "tags        x, y\n", &gateway.url] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }
    let record = succeeded(gateway.run(&[&identity[..], &["--json"]].concat())).record();
    assert_eq!(record["type"], "SELF_FETCH_RESULT");
    assert_eq!(record["client"]["name"], "bob");
    assert_eq!(record["client"]["tags"][1], "y");
}

#[test]
fn a_command_without_a_name_takes_one_that_nobody_has() {
    let gateway = Gateway::start();
    let name = |outcome: Outcome| outcome.record()["client"]["name"].as_str().unwrap().to_owned();
    let first = name(succeeded(gateway.run(&["whoami", "--json"])));
    let second = name(succeeded(gateway.run(&["whoami", "--json"])));
    assert!(first.starts_with("cli_") && first.len() == 12, "{first}");
    assert_ne!(first, second);
}

#[test]
fn a_message_reaches_its_receiver_byte_for_byte() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    for (words, data) in [
        (&[r#"{"price": 1.10,"price":1e400}"#][..], r#"{"price": 1.10,"price":1e400}"#),
        (&["hello", "there"], r#""hello there""#),
        (&["text=hi", "n:=1"], r#"{"text":"hi","n":1}"#),
        (&["-5"], "-5"),
    ] {
        let sent = succeeded(gateway.run(&[&["send", "bob"], words].concat()));
        assert_eq!(sent.stdout, "sent to @bob\n");
        assert_eq!(bob.next_data(), data);
    }
}

#[test]
fn a_payload_comes_from_the_input_or_from_a_file() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    succeeded(gateway.run_with_input(&["send", "bob", "-"], "[1, 2]\n"));
    assert_eq!(bob.next_data(), "[1, 2]");
    succeeded(gateway.run_with_input(&["send", "@bob"], "good morning\n"));
    assert_eq!(bob.next_data(), r#""good morning""#);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"from\":\"file\"}").unwrap();
    succeeded(gateway.run(&["send", "bob", &format!("@{}", file.path().display())]));
    assert_eq!(bob.next_data(), r#"{"from":"file"}"#);
}

#[test]
fn an_answer_to_a_send_names_its_target() {
    let gateway = Gateway::start();
    let record = succeeded(gateway.run(&["send", "all", "hi", "--json"])).record();
    assert_eq!((&record["type"], &record["target"]["type"]), (&"OK".into(), &"ALL".into()));
    let _bob = gateway.peer("bob");
    let sent = succeeded(gateway.run(&["send", "bob", "hi", "--json"]));
    assert!(
        sent.stdout.ends_with(
            r#""type":"OK","target":{"type":"NAME","name":"bob"}}
"#
        ),
        "{sent:?}"
    );
}

#[test]
fn clients_are_listed_and_shown() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let listed = succeeded(gateway.run(&["clients", "ls"]));
    assert!(listed.stdout.starts_with("bob "), "no heads off a terminal: {listed:?}");
    assert!(listed.stdout.contains(&bob.client.uuid().to_string()));
    let record = succeeded(gateway.run(&["--json", "clients", "ls"])).record();
    assert_eq!(record["type"], "CLIENT_FETCH_ALL_RESULT");
    assert_eq!(record["clients"][0]["name"], "bob");
    for client in ["bob", "@bob", &bob.client.uuid().to_string()] {
        let record = succeeded(gateway.run(&["clients", "show", client, "--json"])).record();
        assert_eq!(record["client"]["name"], "bob");
    }
}

#[test]
fn services_are_listed_and_shown_with_their_owners() {
    let gateway = Gateway::start();
    let empty = succeeded(gateway.run(&["services", "ls"]));
    assert_eq!(empty.stdout, "");
    assert!(empty.stderr.contains("there are no services"));
    let record = succeeded(gateway.run(&["services", "ls", "--json"])).record();
    assert_eq!(record["services"], serde_json::json!([]));

    let bob = gateway.peer("bob");
    let name = ServiceName::new("söö x").unwrap();
    bob.wait(async { bob.client.create_service(name).nickname("Title").await }).unwrap();
    let listed = succeeded(gateway.run(&["services", "ls"]));
    assert_eq!(listed.stdout, "söö x  Title  bob  0\n");
    let shown = succeeded(gateway.run(&["services", "show", "svc:söö x"]));
    assert!(shown.stdout.contains("owner        bob\n"), "{shown:?}");
    let record = succeeded(gateway.run(&["services", "show", "söö x", "--json"])).record();
    assert_eq!(
        (&record["type"], &record["service"]["name"]),
        (&"SERVICE_FETCH_RESULT".into(), &"söö x".into())
    );
}

#[test]
fn a_service_is_created_and_the_user_told_that_it_does_not_stay() {
    let gateway = Gateway::start();
    let created = succeeded(gateway.run(&["services", "create", "chat"]));
    assert_eq!(created.stdout, "created #chat\n");
    assert!(created.stderr.contains("--hold"));
    let record = succeeded(gateway.run(&["services", "create", "chat", "--title", "T", "--json"])).record();
    assert_eq!((&record["successful"], &record["service"]["nickname"]), (&true.into(), &"T".into()));
}

#[test]
fn a_service_that_belongs_to_another_is_a_no() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let created = gateway.run(&["services", "create", "chat", "--json"]);
    assert!(&created == 1, "{created:?}");
    assert_eq!(created.record()["successful"], false);
    let told = gateway.run(&["services", "create", "chat"]);
    assert_eq!(told.stdout, "#chat is there already, owned by bob\n");
    let removed = gateway.run(&["services", "rm", "chat"]);
    assert!(&removed == 1, "{removed:?}");
    assert!(removed.stderr.contains("only the client that opened \"chat\" may delete it"));
}

#[test]
fn listen_prints_what_is_sent_and_ends_after_the_count() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let listened = std::thread::scope(|scope| {
        let listening = scope.spawn(|| gateway.run(&["-N", "ear", "listen", "-n", "2", "--json"]));
        bob.see_join("ear");
        bob.wait(async {
            bob.client.to("ear").raw(Data::from_json("{\"a\": 1.10,\n \"a\":2}").unwrap()).await.unwrap();
            bob.client.to("ear").json("\u{202e}x").await.unwrap();
        });
        succeeded(listening.join().unwrap())
    });
    let records = listened.records();
    assert_eq!(records.len(), 2);
    assert_eq!((&records[0]["type"], &records[0]["origin"]["name"]), (&"MESSAGE".into(), &"bob".into()));
    // Byte for byte, but for the line end between two values: a record is one line.
    assert!(listened.stdout.contains("\"data\":{\"a\": 1.10,  \"a\":2}}\n"), "{listened:?}");
    assert!(listened.stdout.contains("\"data\":\"\u{202e}x\"}\n"), "off a terminal nothing is escaped");
}

#[test]
fn listen_to_a_service_prints_only_its_messages() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let chat: ServiceName = "chat".parse().unwrap();
    bob.wait(async { bob.client.subscribe(chat.clone()).await }).unwrap();
    let listened = std::thread::scope(|scope| {
        let listening = scope.spawn(|| gateway.run(&["-N", "ear", "listen", "chat", "-n", "1"]));
        bob.see_subscription();
        bob.wait(async {
            bob.client.to("ear").json("directly").await.unwrap();
            bob.client
                .to(concierge_client::Target::service(chat))
                .json("\u{1b}[2Jto all of you")
                .await
                .unwrap();
        });
        succeeded(listening.join().unwrap())
    });
    let line = listened.stdout.trim_end();
    assert!(line.ends_with(" bob in #chat: \\u{1b}[2Jto all of you"), "{line:?}");
}

#[test]
fn streams_end_when_their_time_is_up() {
    let gateway = Gateway::start();
    for command in ["listen", "events"] {
        let outcome = succeeded(gateway.run(&[command, "--for", "10ms"]));
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn events_are_filtered() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let arguments = ["-N", "eye", "events", "--type", "client_left", "--from", "carol", "-n", "1", "--json"];
    let seen = std::thread::scope(|scope| {
        let watching = scope.spawn(|| gateway.run(&arguments));
        bob.see_join("eye");
        drop(gateway.peer("dave"));
        let carol = gateway.peer("carol");
        carol.wait(carol.client.close());
        succeeded(watching.join().unwrap())
    });
    let record = seen.record();
    assert_eq!((&record["type"], &record["client"]["name"]), (&"CLIENT_LEFT".into(), &"carol".into()));
}

#[test]
fn names_from_others_cannot_touch_the_terminal() {
    let gateway = Gateway::start();
    let connecting =
        concierge_client::Client::builder(&gateway.url, "bob").unwrap().nickname("\u{1b}]0;x\u{7}\u{202e}");
    let bob = gateway.peer("carol");
    let hostile = bob.wait(connecting.connect()).unwrap();
    let listed = succeeded(gateway.run(&["clients", "ls"]));
    assert!(listed.stdout.contains("\\u{1b}]0;x\\u{7}\\u{202e}"), "{listed:?}");
    bob.wait(hostile.close());
}

#[test]
fn ping_takes_the_time() {
    let gateway = Gateway::start();
    let ponged = succeeded(gateway.run(&["ping", "-n", "2", "--interval", "1ms", "--json"]));
    assert_eq!(ponged.records().len(), 2);
    assert!(ponged.records()[0]["rtt_us"].is_u64());
}

#[test]
fn raw_speaks_the_wire() {
    let gateway = Gateway::start();
    let payloads = concat!(
        r#"{"type":"IDENTIFY","name":"bob","version":"0.2.0"}"#,
        "\n",
        r#"{"type":"SELF_SET_SEQ","seq":7}"#,
        "\n\n",
        r#"{"type":"MESSAGE","target":{"type":"NAME","name":"bob"},"data":[1, 2]}"#,
        "\nnonsense\n",
    );
    let outcome = succeeded(gateway.run_with_input(&["raw"], payloads));
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{outcome:?}");
    assert!(lines[0].starts_with(r#"{"type":"HELLO","#));
    assert_eq!(lines[1], r#"{"seq":7,"type":"OK"}"#);
    assert!(lines[2].ends_with(r#""data":[1, 2]}"#));
    assert_eq!(lines[3], r#"{"seq":8,"type":"OK"}"#);
    assert!(lines[4].starts_with(r#"{"seq":9,"type":"ERROR_PROTOCOL""#));
}

#[test]
fn the_version_needs_no_gateway() {
    let shown =
        crate::gateway::run_in(&["version", "--json"], "", &[("CONCIERGE_URL", "ws://127.0.0.1:1/ws")]);
    assert!(&shown == 0);
    assert_eq!(shown.record()["protocol"], "0.2.0");
}
