//! Held sessions: beginning, using and ending them, with the real program.

use std::{fs, os::unix::fs::MetadataExt, process::Stdio};

use concierge_client::{Event, payload::ServiceName};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    gateway::Gateway,
    sessions::{Sessions, kill, pid},
};

#[test]
fn a_session_stays_when_the_command_that_began_it_is_done() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let mut bob = gateway.peer("bob");
    let begun = sessions.hold(&["bot", "--nickname", "Bot", "--tag", "x"]);
    bob.see_join("bot");
    assert_eq!(
        (&begun["type"], &begun["session"], &begun["name"]),
        (&"session".into(), &"bot".into(), &"bot".into())
    );
    for _ in 0..2 {
        let shown = sessions.on_bot(&["whoami", "--json"]).succeeded().record();
        assert_eq!((&shown["client"]["uuid"], &shown["client"]["nickname"]), (&begun["uuid"], &"Bot".into()));
    }
    let created = sessions.on_bot(&["services", "create", "chat", "--hold"]).succeeded();
    assert_eq!((created.stdout.as_str(), created.stderr.as_str()), ("created #chat\n", ""));
    assert_eq!(bob.wait(async { bob.client.services().await }).unwrap().len(), 1);
    sessions.on_bot(&["send", "bob", r#"{"a": 1.10,"a":2}"#]).succeeded();
    assert_eq!(bob.next_data(), r#"{"a": 1.10,"a":2}"#);
    sessions.on_bot(&["ping"]).succeeded();
    sessions.on_bot(&["services", "rm", "chat"]).succeeded();
}

#[test]
fn a_session_is_shown_listed_and_stopped() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let empty = sessions.run(&["hold", "ls"]).succeeded();
    assert_eq!(empty.stdout, "");
    assert!(empty.stderr.contains("there are no sessions"), "{empty:?}");
    let begun = sessions.hold(&["bot"]);
    let shown = sessions.run(&["hold", "--status", "bot", "--json"]).succeeded().record();
    for field in ["session", "url", "name", "uuid", "pid", "since"] {
        assert_eq!(shown[field], begun[field], "{field}");
    }
    assert_eq!(shown["connected"], true);
    let listed = sessions.run(&["hold", "ls", "--json"]).succeeded().record();
    assert_eq!((&listed["type"], &listed["sessions"][0]["uuid"]), (&"sessions".into(), &begun["uuid"]));
    assert_eq!(sessions.run(&["hold", "--status", "-o", "raw"]).succeeded().stdout, "bot\n");
    let stopped = sessions.run(&["hold", "--stop", "bot"]).succeeded();
    assert_eq!(stopped.stdout, "stopped bot\n");
    let gone = sessions.on_bot(&["whoami"]);
    assert_eq!(gone.code, Some(3), "{gone:?}");
    assert!(gone.stderr.contains("there is no session named \"bot\""), "{gone:?}");
    // The name is free as soon as it is stopped, here and at the gateway.
    assert_eq!(sessions.hold(&["bot"])["name"], "bot");
    assert_eq!(sessions.run(&["hold", "--stop", "nobody"]).code, Some(3));
}

#[test]
fn what_a_command_says_and_its_exit_code_are_the_same_on_a_session() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let bob = gateway.peer("bob");
    bob.wait(async { bob.client.create_service("chat").await }).unwrap();
    let deep = "[".repeat(70) + &"]".repeat(70);
    for (arguments, code) in [
        (&["send", "bbo", "hi"][..], 6),
        (&["send", "@all", "hi"], 6),
        (&["send", "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d", "hi"], 6),
        (&["send", "svc:caht", "hi"], 6),
        (&["clients", "show", "nobody"], 6),
        (&["services", "show", "caht"], 6),
        (&["listen", "caht"], 6),
        (&["send", "bob", &deep], 1),
        (&["services", "create", "chat"], 1),
        (&["send", "svc:chat/41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d", "hi"], 1),
        (&["send", "bob"], 2),
        (&["listen", "--for", "1ms"], 0),
        (&["services", "show", "chat"], 0),
    ] {
        let held = sessions.on_bot(arguments);
        assert_eq!(held.code, Some(code), "{arguments:?}: {held:?}");
        assert_eq!(held, sessions.run(arguments), "{arguments:?}");
    }
}

#[test]
fn what_is_sent_to_a_session_is_heard_byte_for_byte_by_each_command() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let bob = gateway.peer("bob");
    let mut streams = [(); 2].map(|()| sessions.stream(&["--session", "bot", "events"]));
    for stream in &mut streams {
        stream.begins_to_hear(|| bob.wait(async { bob.client.to("bot").json("hi").await }).unwrap());
    }
    bob.wait(async {
        let data = concierge_client::Data::from_json("{\"a\": 1.10,\n \"a\":1e400}").unwrap();
        bob.client.to("bot").raw(data).await
    })
    .unwrap();
    for stream in &mut streams {
        while !stream.see_line("MESSAGE").ends_with("\"data\":{\"a\": 1.10,  \"a\":1e400}}\n") {}
    }
}

#[test]
fn a_subscription_lasts_as_long_as_somebody_needs_it() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let mut bob = gateway.peer("bob");
    let chat: ServiceName = "chat".parse().unwrap();
    bob.wait(async { bob.client.create_service(chat.clone()).await }).unwrap();
    bob.wait(async { bob.client.subscribe(chat.clone()).await }).unwrap();
    let subscribers =
        || bob.wait(async { bob.client.service(chat.clone()).await }).unwrap().subscribers.len();
    let listening = sessions.stream(&["--session", "bot", "listen", "chat"]);
    while subscribers() < 2 {}
    // Another one of the same session: it needs it too, and leaves it as it was.
    sessions.on_bot(&["listen", "chat", "--for", "1ms"]).succeeded();
    assert_eq!(subscribers(), 2);
    listening.interrupt();
    bob.see(|event| matches!(event, Event::ServiceClientUnsubscribed { .. }).then_some(()));

    let refused = sessions.on_bot(&["send", "svc:chat", "hi"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("concierge --session bot listen 'chat' --keep"), "{refused:?}");
    sessions.on_bot(&["listen", "chat", "--keep", "--for", "1ms"]).succeeded();
    sessions.on_bot(&["send", "svc:chat", "hi"]).succeeded();
    sessions.on_bot(&["listen", "chat", "--for", "1ms"]).succeeded();
    sessions.on_bot(&["send", "svc:chat", "again"]).succeeded();
    let useless = sessions.run(&["listen", "chat", "--keep"]);
    assert_eq!(useless.code, Some(2), "{useless:?}");
}

#[test]
fn a_session_outlives_its_gateway_and_brings_back_what_it_had() {
    let mut gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let begun = sessions.hold(&["bot"]);
    sessions.on_bot(&["services", "create", "chat"]).succeeded();
    let mut events = sessions.stream(&["--session", "bot", "events"]);
    events.begins_to_hear(|| drop(sessions.on_bot(&["send", "@bot", "hi"]).succeeded()));
    gateway.stop();
    events.see_told("disconnected");
    let away = sessions.on_bot(&["whoami"]);
    assert_eq!(away.code, Some(3), "{away:?}");
    assert!(away.stderr.contains("the session bot has no connection to"), "{away:?}");
    assert!(away.stderr.contains("concierge hold --status bot"), "{away:?}");
    let shown = sessions.run(&["hold", "--status", "bot", "--json"]).succeeded().record();
    assert_eq!(shown["connected"], false);
    assert!(shown["trouble"].is_string(), "{shown}");

    gateway.start_again();
    let resumed = events.see_told("resumed");
    let back = sessions.on_bot(&["whoami", "--json"]).succeeded().record();
    assert_eq!(back["client"]["uuid"], resumed["uuid"]);
    assert_ne!(back["client"]["uuid"], begun["uuid"]);
    let services = sessions.on_bot(&["services", "ls", "-o", "raw"]).succeeded();
    assert_eq!(services.stdout, "chat\n");
    let log = fs::read_to_string(sessions.log("bot")).unwrap();
    assert!(log.contains("; connecting again") && log.contains("connected again after"), "{log}");
}

#[test]
fn commands_end_with_7_when_their_session_is_killed_and_its_name_can_be_had_again() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let begun = sessions.hold(&["bot"]);
    let mut events = sessions.stream(&["--session", "bot", "events"]);
    events.begins_to_hear(|| drop(sessions.on_bot(&["send", "@bot", "hi"]).succeeded()));
    kill(&begun);
    let (code, told) = events.end();
    assert_eq!(code, Some(7), "{told}");
    assert!(told.contains("`concierge hold bot` starts it again"), "{told}");
    let dead = sessions.on_bot(&["whoami"]);
    assert_eq!(dead.code, Some(3), "{dead:?}");
    assert!(dead.stderr.contains("the session bot has died"), "{dead:?}");
    assert_ne!(sessions.hold(&["bot"])["uuid"], begun["uuid"]);
    sessions.on_bot(&["whoami"]).succeeded();
}

#[test]
fn what_a_dead_session_left_behind_is_removed_by_a_look() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    kill(&sessions.hold(&["bot"]));
    assert!(sessions.folder().join("bot.sock").exists());
    assert_eq!(sessions.run(&["hold", "ls"]).succeeded().stdout, "");
    assert!(!sessions.folder().join("bot.sock").exists());
}

#[test]
fn commands_are_told_why_their_session_ends() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let mut events = sessions.stream(&["--session", "bot", "events"]);
    events.begins_to_hear(|| drop(sessions.on_bot(&["send", "@bot", "hi"]).succeeded()));
    sessions.run(&["hold", "--stop", "bot"]).succeeded();
    let (code, told) = events.end();
    assert_eq!(code, Some(7), "{told}");
    assert!(told.contains("the session bot was stopped"), "{told}");
}

#[test]
fn of_two_at_once_exactly_one_holds_the_session() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    for _ in 0..4 {
        let mut starting: Vec<_> = (0..4)
            .map(|_| {
                let mut command = sessions.command(&["--json", "hold", "bot"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let mut codes: Vec<_> = starting.iter_mut().map(|child| child.wait().unwrap().code()).collect();
        codes.sort();
        sessions.run(&["hold", "--stop", "bot"]).succeeded();
        assert_eq!(codes, [Some(0), Some(4), Some(4), Some(4)]);
    }
}

#[test]
fn what_goes_wrong_in_the_background_is_told_in_the_foreground() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let _bob = gateway.peer("bob");
    for (arguments, code, part) in [
        (&["-N", "bob", "hold", "bot"][..], 4, "there is a client named bob already"),
        (&["-u", "127.0.0.1:1", "hold", "bot"], 3, "cannot connect to 127.0.0.1:1"),
        (&["hold", "../bot"], 2, "a name has"),
        (&["hold"], 2, "<NAME>"),
        (&["--session", "bot", "hold", "bot"], 2, "makes a connection of its own"),
        (&["--session", "bot", "raw"], 2, "makes a connection of its own"),
        (&["--session", "bot", "--url", "x:1", "whoami"], 2, "--session and --url contradict each other"),
        (&["hold", "bot", "--detached"], 2, "leave it out"),
    ] {
        let done = sessions.run(arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {done:?}");
        assert!(done.stderr.contains(part), "{arguments:?}: {done:?}");
        assert_eq!(
            done.stdout,
            if arguments.contains(&"--detached") { done.stdout.clone() } else { String::new() }
        );
    }
    assert_eq!(sessions.run(&["hold", "ls", "-o", "raw"]).succeeded().stdout, "");
}

#[test]
fn a_folder_that_others_can_look_into_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let mode = |name: &str| fs::metadata(sessions.folder().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode(""), mode("bot.sock"), mode("bot.lock")), (0o700, 0o600, 0o600));
    fs::set_permissions(sessions.folder(), fs::Permissions::from_mode(0o750)).unwrap();
    for arguments in [&["hold", "other"][..], &["hold", "ls"], &["--session", "bot", "whoami"]] {
        let done = sessions.run(arguments);
        assert_eq!(done.code, Some(10), "{done:?}");
        assert!(done.stderr.contains("chmod 700"), "{done:?}");
    }
}

#[test]
fn a_secret_is_neither_in_arguments_nor_in_the_environment_nor_in_the_log() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "canary4711\n").unwrap();
    let gateway = Gateway::configured(&format!("secret_file = {:?}", secret.path()));
    let sessions = Sessions::at(&gateway.url);
    assert_eq!(sessions.run(&["hold", "bot"]).code, Some(4));
    let begun = sessions.command(&["--json", "hold", "bot"]).env("CONCIERGE_SECRET", "canary4711").output();
    let begun: serde_json::Value = serde_json::from_slice(&begun.unwrap().stdout).unwrap();
    let shown = sessions.run(&["hold", "--status", "bot"]).succeeded();
    let process = format!("/proc/{}", pid(&begun));
    let everything = [
        fs::read(format!("{process}/cmdline")).unwrap(),
        fs::read(format!("{process}/environ")).unwrap(),
        fs::read(sessions.log("bot")).unwrap(),
        shown.stdout.into_bytes(),
        begun.to_string().into_bytes(),
    ];
    for place in everything {
        let text = String::from_utf8_lossy(&place);
        assert!(!text.is_empty() && !text.contains("canary"), "{text}");
    }
    sessions.run(&["hold", "--stop", "bot"]).succeeded();
}

#[test]
fn a_session_in_the_foreground_ends_by_a_signal_or_when_nobody_uses_it() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let mut child = sessions.command(&["hold", "bot", "--foreground"]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while sessions.on_bot(&["whoami"]).code != Some(0) {}
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!sessions.folder().join("bot.sock").exists());
    let idle = sessions.run(&["hold", "bot", "--foreground", "--idle", "1ms"]).succeeded();
    assert!(idle.stdout.starts_with("bot is held: bot at ws://"), "{idle:?}");
    assert!(idle.stderr.contains("the session was not used for 0.001 s"), "{idle:?}");
}

#[test]
fn a_script_runs_on_a_session_and_sees_what_it_sends_itself() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "services create chat\nlisten chat\n@bot hi\n@bot there\nunlisten chat\n")
        .unwrap();
    let script = file.path().to_str().unwrap();
    let done = sessions.on_bot(&["run", script]).succeeded();
    assert!(done.stdout.contains(" bot: hi\n") && done.stdout.contains(" bot: there\n"), "{done:?}");
    assert_eq!(sessions.on_bot(&["services", "ls", "-o", "raw"]).succeeded().stdout, "chat\n");
    fs::write(file.path(), "whoami\n@nobody hi\n").unwrap();
    assert_eq!(sessions.on_bot(&["run", script]).code, Some(6));
}
