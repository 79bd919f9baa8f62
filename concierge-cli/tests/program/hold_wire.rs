//! What a held session does with processes that do not behave: nonsense, lines without end, silence, another version.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::DirBuilderExt,
        net::{UnixListener, UnixStream},
    },
};

use serde_json::Value;

use crate::{gateway::Gateway, sessions::Sessions};

/// A connection to the session `bot` by hand.
struct Hand {
    reader: BufReader<UnixStream>,
    stream: UnixStream,
}

impl Hand {
    fn reach(sessions: &Sessions) -> Self {
        let stream = UnixStream::connect(sessions.folder().join("bot.sock")).expect("it is held");
        let reader = BufReader::new(stream.try_clone().expect("there are descriptors left"));
        Self { reader, stream }
    }

    fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).and_then(|()| self.stream.write_all(b"\n")).expect("it reads");
    }

    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("it is text");
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect(&line))
    }
}

#[test]
fn nonsense_is_answered_and_harms_nobody() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let mut hand = Hand::reach(&sessions);
    assert_eq!(hand.hear().unwrap()["hold"], 1);
    for (line, id) in [("nonsense", Value::Null), ("{\"id\":7,\"do\":\"fly\"}", 7.into()), ("", Value::Null)]
    {
        hand.say(line);
        let answer = hand.hear().unwrap();
        assert_eq!((&answer["is"], &answer["id"]), (&"failed".into(), &id), "{answer}");
    }
    hand.say(r#"{"id":8,"do":"call","payload":"{\"type\":\"IDENTIFY\"}","timeout_ms":1000}"#);
    assert!(hand.hear().unwrap()["payload"].as_str().unwrap().contains("ERROR_PROTOCOL"));
    hand.say(r#"{"id":9,"do":"call","payload":"{\"type\":\"SELF_FETCH\"}","timeout_ms":1000}"#);
    assert!(hand.hear().unwrap()["payload"].as_str().unwrap().contains("SELF_FETCH_RESULT"));
    sessions.on_bot(&["whoami"]).succeeded();
}

#[test]
fn a_line_without_end_is_refused() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let mut hand = Hand::reach(&sessions);
    hand.hear().unwrap();
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        // It stops reading when it has had enough.
        if hand.stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let mut line = String::new();
    // What it said may be lost with the connection, of which it did not read everything.
    if hand.reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        assert!(line.contains("a line has at most"), "{line}");
    }
    sessions.on_bot(&["whoami"]).succeeded();
}

#[test]
fn one_who_does_not_read_holds_up_nobody() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let bob = gateway.peer("bob");
    let mut hand = Hand::reach(&sessions);
    hand.hear().unwrap();
    hand.say(r#"{"id":1,"do":"events","intents":["BROADCASTS"],"capacity":4}"#);
    hand.say(r#"{"id":2,"do":"ping","timeout_ms":20000}"#);
    assert_eq!(hand.hear().unwrap()["is"], "pong");
    // Far more than a socket holds.
    let data = "x".repeat(10_000);
    bob.wait(async {
        for _ in 0..500 {
            bob.client.to("bot").json(&data).await.unwrap();
        }
    });
    sessions.on_bot(&["send", "bob", "hi"]).succeeded();
    sessions.on_bot(&["ping"]).succeeded();
    hand.say(r#"{"id":3,"do":"ping","timeout_ms":20000}"#);
    let (mut heard, mut missed) = (0, 0);
    loop {
        let answer = hand.hear().unwrap();
        match answer["event"]["event"].as_str() {
            Some("lagged") => missed += answer["event"]["missed"].as_u64().unwrap(),
            Some(_) => heard += 1,
            None if answer["id"] == 3 => break,
            None => {}
        }
    }
    assert_eq!(heard + missed, 500, "what is missing is counted");
    assert!(missed > 0);
}

#[test]
fn there_is_room_for_so_many_commands_and_the_next_is_told() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let mut hands: Vec<_> = (0..64).map(|_| Hand::reach(&sessions)).collect();
    for hand in &mut hands {
        hand.hear().unwrap();
    }
    let refused = sessions.on_bot(&["whoami"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("64 commands use the session"), "{refused:?}");
    drop(hands);
    while sessions.on_bot(&["whoami"]).code != Some(0) {}
}

/// What claims to be a session, and says this to whoever comes.
fn pretend(sessions: &Sessions, name: &str, says: &'static str) {
    let folder = sessions.folder();
    if !folder.exists() {
        std::fs::DirBuilder::new().mode(0o700).create(&folder).expect("it can be made");
    }
    let listener = UnixListener::bind(folder.join(format!("{name}.sock"))).expect("the name is free");
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            // Whoever came may have gone.
            let _ = stream.write_all(says.as_bytes());
            kept.push(stream);
        }
    });
}

#[test]
fn a_session_of_another_version_is_told_as_that() {
    let sessions = Sessions::at("ws://127.0.0.1:1/ws");
    pretend(&sessions, "bot", "{\"hold\":9,\"program\":\"4.0.0\"}\n");
    let refused = sessions.on_bot(&["whoami"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stderr.contains("held by concierge 4.0.0, which speaks version 9"), "{refused:?}");
    assert!(refused.stderr.contains("concierge hold --stop bot"), "{refused:?}");
    let listed = sessions.run(&["hold", "ls"]).succeeded();
    assert!(listed.stderr.contains("4.0.0"), "{listed:?}");
}

#[test]
fn a_session_that_says_nothing_or_nonsense_is_told_in_time() {
    let sessions = Sessions::at("ws://127.0.0.1:1/ws");
    pretend(&sessions, "bot", "");
    let silent = sessions.on_bot(&["--timeout", "100ms", "whoami"]);
    assert_eq!(silent.code, Some(5), "{silent:?}");
    assert!(silent.stderr.contains("the session bot does not answer within 0.1 s"), "{silent:?}");
    assert!(silent.stderr.contains("kill"), "{silent:?}");
    pretend(&sessions, "web", "HTTP/1.1 400 Bad Request\n");
    let foreign = sessions.run(&["--session", "web", "whoami"]);
    assert_eq!(foreign.code, Some(3), "{foreign:?}");
    assert!(foreign.stderr.contains("is no held session"), "{foreign:?}");
}
