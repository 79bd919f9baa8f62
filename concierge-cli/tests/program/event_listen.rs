//! `event listen`: events of web applications as they come, from the gateway's past too, and what becomes of it when something breaks.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    os::unix::fs::PermissionsExt,
    process::{Child, ChildStderr},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    event::Application,
    gateway::{Gateway, Outcome, run_in},
    processes::start,
    schemas,
};

const DEFINITIONS: &str = r#"[
    {"name": "todo.Task", "audience": "public", "retain": 10, "fields": {"id": "integer", "title": "string", "state": "string"}},
    {"name": "todo.Mail", "audience": "authenticated", "delivery": "guaranteed"},
    {"name": "todo.Note", "audience": "public", "retain": 10}
]"#;

/// A web application that has published tasks.
fn application() -> Application {
    let application = Application::start();
    let file = application.keep("events.json", DEFINITIONS);
    application.does(&["event", "register", &file, "--source", "todo"]);
    application
}

/// The same after it has published these tasks.
fn with_tasks(tasks: &[&str]) -> Application {
    let application = application();
    for task in tasks {
        application.does(&["event", "publish", "todo.Task", task]);
    }
    application
}

impl Application {
    /// What is heard with these options.
    fn hears(&self, options: &[&str]) -> Outcome {
        let outcome = self.run(&[&["event", "listen"], options].concat());
        assert!(&outcome == 0, "{options:?}: {outcome:?}");
        outcome
    }

    /// What is heard of the tasks so far, without anything around it.
    fn tasks(&self, options: &[&str]) -> String {
        let last = ["todo.Task", "--history", "9", "--idle", "300ms", "-o", "raw"];
        self.hears(&[&last, options].concat()).stdout
    }
}

#[test]
fn events_are_told_in_every_format() {
    let application = with_tasks(&[r#"{"id":1,"title":"milk"}"#, r#""bread""#]);
    let two = ["todo.Task", "--history", "2", "-n", "2"];
    let heard = |form: &str| application.hears(&[&two[..], &["-o", form]].concat()).stdout;
    for form in ["json", "ndjson"] {
        let records: Vec<Value> =
            heard(form).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        records.iter().for_each(schemas::check);
        assert_eq!(records[0]["data"], json!({"id": 1, "title": "milk"}));
        assert_eq!((&records[1]["type"], &records[1]["event"]), (&json!("EVENT"), &json!("todo.Task")));
        assert_eq!((&records[1]["data"], &records[1]["meta"]["offset"]), (&json!("bread"), &json!(2)));
    }
    let rows = heard("tsv");
    let row: Vec<_> = rows.lines().next().unwrap().split('\t').collect();
    assert_eq!(row.len(), schemas::columns("EVENT"));
    assert_eq!((row[1], row[2], row[5], row[6]), ("EVENT", "todo.Task", "1", r#"{"id":1,"title":"milk"}"#));
    assert_eq!(heard("raw"), "{\"id\":1,\"title\":\"milk\"}\nbread\n");
    let lines = heard("human");
    assert!(lines.contains(" todo.Task custom (before): {\"id\":1,\"title\":\"milk\"}\n"), "{lines}");
    assert!(lines.ends_with(" todo.Task custom (before): bread\n"), "{lines}");
}

#[test]
fn text_that_would_act_on_a_terminal_is_shown_escaped() {
    let application = with_tasks(&[r#""\u001b[31mred\u202e""#]);
    let shown = application.hears(&["todo.Task", "--history", "1", "-n", "1"]).stdout;
    assert!(shown.contains(r"\u{1b}[31mred") || shown.contains(r"\u001b[31mred"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
}

#[test]
fn only_what_is_wanted_comes() {
    let application = with_tasks(&[
        r#"{"id":1,"title":"2026","state":"open"}"#,
        r#"{"id":2,"title":"beans","state":"late"}"#,
        r#"{"id":3,"title":"bread","state":"done"}"#,
    ]);
    let ids = |options: &[&str]| -> String {
        let told = application.tasks(options);
        let ids = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string());
        ids.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids(&[]), "1 2 3");
    assert_eq!(ids(&["--where", "id__gte=2", "--where", "state=done"]), "3");
    assert_eq!(ids(&["--where", "id__gt=1", "--where", "id__gt=2"]), "3");
    assert_eq!(ids(&["--where", "state__in=open,late"]), "1 2");
    assert_eq!(ids(&["--where", "id__range=2,3", "--exclude", "title__startswith=be"]), "3");
    assert_eq!(ids(&["--exclude", "id=1", "--exclude", "id=2"]), "3");
    assert_eq!(ids(&["--where", "title__contains=\"2026\""]), "1");
    assert_eq!(ids(&["--filters", r#"{"$or":[{"id":1},{"state":"done"}]}"#, "--exclude", "id=1"]), "3");
    let last = application.hears(&["todo.Task", "--history", "1", "-n", "1", "--json"]).record();
    let place = format!("{}:1", last["meta"]["epoch"].as_str().unwrap());
    assert_eq!(application.hears(&["todo.Task", "--since", &place, "-n", "2"]).stdout.lines().count(), 2);
}

#[test]
fn several_events_are_listened_to_at_once() {
    let application = with_tasks(&["1"]);
    application.does(&["event", "publish", "todo.Note", "2"]);
    let heard = application.hears(&["todo.Task", "todo.Note", "--history", "1", "-n", "2", "-o", "raw"]);
    let mut lines: Vec<_> = heard.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1", "2"]);
    let twice = application.run(&["event", "listen", "todo.Task", "todo.Task"]);
    assert!(&twice == 2 && twice.stderr.contains("twice"), "{twice:?}");
}

#[test]
fn what_the_gateway_does_not_take_is_told_with_the_place_it_was_typed_at() {
    let application = application();
    for (options, code, told) in [
        (
            &["todo.Task", "--where", "id__gtt=3"][..],
            1,
            "error: --where id__gtt=3: unknown lookup 'gtt'\nhint:  did you mean id__gt",
        ),
        (
            &["todo.Task", "--where", "id=1", "--exclude", "cost=3"],
            1,
            "error: --exclude cost=3: event 'todo.Task' has no field 'cost'\n",
        ),
        (&["todo.Task", "--filters", "{\"$or\":[]}"], 1, "error: --filters, $or: it takes a list"),
        (&["todo.None"], 6, "error: todo.None: event 'todo.None' is not registered\nhint:  `event ls` lists"),
        (
            &["todo.Mail"],
            1,
            "error: todo.Mail: event 'todo.Mail' is not for this session\nhint:  it takes a token",
        ),
        (&["todo.Task", "--permanent", "--where", "id__regex=("], 1, "error: --where id__regex=(: "),
        (&["todo.Task", "--where", "id>=3"], 2, "lookups are words: id__gte=3"),
        (&["todo.Task", "--filters", "[]"], 2, "filters are an object"),
        (&["todo.Task", "--since", "3"], 2, "expected EPOCH:OFFSET"),
        (&["todo.Task", "todo.Note", "--since", "a:3"], 2, "--since is a place in the log of one event"),
        (&["todo.Task", "--since", "a:3", "--history", "3"], 2, "cannot be used with"),
        (&["a\u{1b}b"], 2, "error: "),
        (&[], 2, "<EVENT>"),
    ] {
        let outcome = application.run(&[&["event", "listen"], options].concat());
        assert!(&outcome == code && outcome.stderr.contains(told), "{options:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty() && !outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    }
}

#[test]
fn what_may_be_missing_is_a_record_where_it_is_missing() {
    let application = with_tasks(&["1", "2"]);
    let outcome = application.hears(&["todo.Task", "--since", "gone:1", "--idle", "300ms", "--json"]);
    let gap = outcome.record();
    schemas::check(&gap);
    assert_eq!((&gap["type"], &gap["cause"]), (&json!("event_gap"), &json!("not_recovered")));
    assert_eq!((&gap["after"], &gap["until"]["offset"]), (&json!({"epoch": "gone", "offset": 1}), &json!(2)));
    let shown = application.hears(&["todo.Task", "--since", "gone:1", "--idle", "300ms"]).stdout;
    assert!(shown.contains(" todo.Task may lack events after 1: the gateway does not have"), "{shown}");
    // It is none of those that were asked for.
    let expected = application.run(&[
        "event",
        "listen",
        "todo.Task",
        "--since",
        "gone:1",
        "--idle",
        "300ms",
        "--expect",
        "true",
    ]);
    assert!(&expected == 8, "{expected:?}");
}

#[test]
fn whoever_comes_back_gets_what_is_guaranteed_and_not_acknowledged() {
    let application = application();
    let token = application.does(&["event", "token", "42", "-o", "raw"]).stdout;
    let token = application.keep("token", &token);
    let session = application.folder.path().join("session");
    let session = session.to_str().unwrap();
    let mails = |options: &[&str]| {
        let all = ["todo.Mail", "--permanent", "--resume", session, "-o", "raw"];
        application.hears(&[&all, options].concat()).stdout
    };
    assert_eq!(mails(&["--token-file", &token, "--for", "1ms"]), "");
    assert_eq!(fs::metadata(session).unwrap().permissions().mode() & 0o777, 0o600);
    for number in ["1", "2", "3"] {
        application.does(&["event", "publish", "todo.Mail", number]);
    }
    // Its token is spent, and not needed.
    assert_eq!(mails(&["-n", "1"]), "1\n");
    assert_eq!(mails(&["-n", "1", "--no-ack"]), "2\n");
    assert_eq!(mails(&["-n", "2"]), "2\n3\n");
    assert_eq!(mails(&["--idle", "300ms"]), "");
    let spent = application.run(&["event", "listen", "todo.Mail", "--token-file", &token]);
    assert!(&spent == 4 && spent.stderr.contains("a token works once"), "{spent:?}");
}

#[test]
fn a_token_is_a_secret_and_a_session_that_nobody_comes_back_to_is_forgotten() {
    let application = with_tasks(&["1"]);
    let one = ["event", "listen", "todo.Task", "--history", "1", "-n", "1"];
    let url = application.gateway.url.as_str();
    let wrong = [("CONCIERGE_URL", url), ("CONCIERGE_EVENT_TOKEN", "a_rare_and_wrong_token")];
    let refused = run_in(&one, "", &wrong);
    assert!(&refused == 4 && !refused.stderr.contains("rare"), "{refused:?}");
    let anonymous = run_in(&[&one[..], &["--anonymous"]].concat(), "", &wrong);
    assert!(&anonymous == 0, "{anonymous:?}");
    let token = application.does(&["event", "token", "42", "-o", "raw"]).stdout;
    let right = run_in(&one, "", &[("CONCIERGE_URL", url), ("CONCIERGE_EVENT_TOKEN", token.trim_end())]);
    assert!(&right == 0, "{right:?}");
    assert_eq!(application.does(&["event", "sessions", "--json"]).record()["sessions"], json!([]));

    let open = application.keep("open", "a_rare_token");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    for (options, told) in [
        (&["--token-file", open.as_str()][..], "others can read the token file"),
        (&["--token-file", "/nowhere"], "could not read the token file /nowhere"),
        (&["--resume", open.as_str()], "others can read the session file"),
        (&["--resume", "/nowhere/session"], "could not keep the session in /nowhere/session"),
    ] {
        let outcome = application.run(&[&one[..], options].concat());
        assert!(&outcome == 10 && outcome.stderr.contains(told), "{options:?}: {outcome:?}");
    }
    let both = application.run(&[&one[..], &["--token-file", &open, "--anonymous"]].concat());
    assert!(&both == 2, "{both:?}");
}

#[test]
fn a_place_where_nobody_speaks_of_events_is_3() {
    let gateway = Gateway::configured("telegraphy.serve = false");
    let outcome = gateway.run(&["event", "listen", "todo.Task"]);
    assert!(&outcome == 3 && outcome.stderr.contains("hint:"), "{outcome:?}");
    let nowhere = run_in(&["event", "listen", "todo.Task"], "", &[("CONCIERGE_URL", "ws://127.0.0.1:1/ws")]);
    assert!(&nowhere == 3, "{nowhere:?}");
}

/// A process that listens, and has said so; what it tells from then on.
fn listening(application: &Application, options: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = start(&application.gateway, &[&["-v", "event", "listen"], options].concat());
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("listening to ")), "it ended");
    (child, told)
}

#[test]
fn what_is_published_comes_at_once_and_ctrl_c_says_goodbye() {
    let application = application();
    let (mut child, _told) = listening(&application, &["todo.Task", "-o", "raw"]);
    application.does(&["event", "publish", "todo.Task", "hello"]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "hello\n");
    assert_eq!(
        application.does(&["event", "sessions", "--json"]).record()["sessions"].as_array().unwrap().len(),
        1
    );
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(application.does(&["event", "sessions", "--json"]).record()["sessions"], json!([]));
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let application = application();
    let (mut child, mut told) = listening(&application, &["todo.Task"]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(told.next().is_none());
}

#[test]
fn an_outage_is_told_once_with_its_length_and_what_did_not_come_back_ends_it() {
    let mut application = application();
    let (mut child, told) = listening(&application, &["todo.Task", "--json"]);
    // Another one in its place, where nothing is registered.
    application.gateway.restart();
    let told: Vec<Value> = told.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    told.iter().for_each(schemas::check);
    let kinds: Vec<_> = told.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["event_disconnected", "event_reconnected", "error"]);
    assert_eq!(told[2]["message"], "todo.Task: event 'todo.Task' is not registered");
    assert_eq!(child.wait().unwrap().code(), Some(6));

    let mut application = self::application();
    let (mut child, _told) = listening(&application, &["todo.Task", "--no-reconnect"]);
    application.gateway.stop();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_script_on_a_gateway_of_its_own_publishes_and_listens() {
    let folder = tempfile::tempdir().unwrap();
    let [definitions, heard] =
        ["events.json", "heard"].map(|name| folder.path().join(name).display().to_string());
    fs::write(&definitions, DEFINITIONS).unwrap();
    // Whoever has the gateway may see everything: what only users see, and what nobody has registered.
    let script = format!(
        "event register {definitions} --source todo\n\
         event publish todo.Task id:=7\n\
         event listen todo.Task --history 1 -n 1 -o raw > {heard} &\n\
         wait 1\n\
         event listen todo.Mail --for 1ms\n\
         event publish todo.Unknown 7\n\
         event listen todo.Unknown --lazy --for 1ms\n\
         event listen todo.Task --history 1 -n 1 | jq .data.id\n"
    );
    let outcome = run_in(&["run", "-", "--embedded"], &script, &[("USER", "tester")]);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(fs::read_to_string(heard).unwrap(), "{\"id\":7}\n");
    assert!(outcome.stdout.ends_with("\n7\n"), "{outcome:?}");
}
