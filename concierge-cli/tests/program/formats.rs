//! Every command that prints records, in every format: each is what programs were told to expect.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]
#![expect(clippy::indexing_slicing, reason = "what is missing in JSON is null")]

use concierge_client::Client;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Outcome, Peer, run_in},
    schemas,
    sessions::Sessions,
};

/// What a command is to write.
#[derive(Clone, Copy)]
struct Expected<'a> {
    /// The type of its records, and how many there are.
    kind: &'a str,
    records: usize,
    /// Of a list: the field with its entries, and the type of those.
    list: Option<(&'a str, &'a str)>,
    /// The rows and the raw lines, where those are not as many as records or entries.
    rows: Option<usize>,
    raw: Option<usize>,
}

const fn one(kind: &str) -> Expected<'_> {
    several(1, kind)
}

const fn several(records: usize, kind: &str) -> Expected<'_> {
    Expected { kind, records, list: None, rows: None, raw: None }
}

const fn list<'a>(kind: &'a str, field: &'a str, entry: &'a str) -> Expected<'a> {
    Expected { list: Some((field, entry)), ..one(kind) }
}

/// What a command writes in every format. Gives the records of `-o json`.
fn check(expected: Expected<'_>, write: impl Fn(&[&str]) -> String) -> Vec<Value> {
    let records = parse(&write(&["-o", "json"]));
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, vec![expected.kind; expected.records]);

    let (entries, kind) = match expected.list {
        Some((field, kind)) => (entries(&records[0][field]), kind),
        None => (expected.records, expected.kind),
    };
    let lines = parse(&write(&["-o", "ndjson"]));
    assert_eq!(lines.len(), entries, "{lines:?}");
    assert!(lines.iter().all(|line| line["type"] == kind), "{lines:?}");

    let rows = write(&["-o", "tsv"]);
    assert_eq!(rows.lines().count(), expected.rows.unwrap_or(entries), "{rows}");
    for row in rows.lines() {
        assert_eq!(row.split('\t').count(), schemas::columns(expected.kind), "{}: {row:?}", expected.kind);
    }
    assert_eq!(schemas::columns(kind), schemas::columns(expected.kind));

    let raw = write(&["-o", "raw"]);
    assert_eq!(raw.lines().count(), expected.raw.unwrap_or(entries), "{raw}");
    let shown = write(&["-o", "human"]);
    assert_eq!(shown.is_empty(), entries == 0, "{shown}");
    assert!(shown.is_empty() || shown.ends_with('\n'), "{shown:?}");
    let types = write(&["-o", "raw", "--jq", ".type"]);
    assert_eq!(types, format!("{}\n", expected.kind).repeat(expected.records));
    records
}

fn parse(text: &str) -> Vec<Value> {
    let records = text.lines().map(|line| serde_json::from_str(line).expect(line));
    records.inspect(schemas::check).collect()
}

fn entries(list: &Value) -> usize {
    list.as_array().map(Vec::len).or(list.as_object().map(serde_json::Map::len)).unwrap()
}

fn succeeded(outcome: Outcome) -> String {
    assert!(&outcome == 0, "{outcome:?}");
    outcome.stdout
}

#[test]
fn what_a_client_does_is_told_in_every_format() {
    let gateway = Gateway::start();
    let connecting = Client::builder(&gateway.url, "bob").unwrap().nickname("Bob\t\\B").tags(["x"]).connect();
    let carol = gateway.peer("carol");
    let bob = carol.wait(connecting).unwrap();
    carol.wait(async { bob.create_service("chat").nickname("a\tb").await }).unwrap();
    for (arguments, expected) in [
        (&["send", "bob", "hi"][..], Expected { raw: Some(0), ..one("OK") }),
        (&["send", "all", "hi"], Expected { raw: Some(0), ..one("OK") }),
        (&["services", "ls"], list("SERVICE_FETCH_ALL_RESULT", "services", "service")),
        (&["services", "show", "chat"], one("SERVICE_FETCH_RESULT")),
        (&["services", "create", "mine"], one("SERVICE_CREATE_RESULT")),
        (&["clients", "ls"], list("CLIENT_FETCH_ALL_RESULT", "clients", "client")),
        (&["clients", "show", "bob"], one("CLIENT_FETCH_RESULT")),
        (&["whoami"], one("SELF_FETCH_RESULT")),
        (&["ping", "-n", "2", "--interval", "1ms"], several(2, "pong")),
        (&["version"], one("version")),
        (&["doctor"], list("doctor", "checks", "doctor_check")),
        (&["schema", "--list"], list("record_types", "types", "record_type")),
    ] {
        check(expected, |form| succeeded(gateway.run(&[form, arguments].concat())));
    }
    carol.wait(bob.close());
}

#[test]
fn what_scripts_ask_for_is_told_in_every_format() {
    let gateway = Gateway::start();
    for (script, expected) in [
        ("server", one("gateway")),
        ("let a = {\"n\": 1.10}\nlet b = \"x\\ty\"\nvars", list("variables", "variables", "variable")),
        ("watch 1h ping > /dev/null &\njobs", list("jobs", "jobs", "job")),
        ("services create chat > /dev/null\nservices rm chat", one("SERVICE_DELETE_RESULT")),
        ("services create chat > /dev/null\nlisten chat", one("SELF_SUBSCRIBE_RESULT")),
        (
            "services create chat > /dev/null\nlisten chat > /dev/null\nunlisten chat",
            one("SELF_UNSUBSCRIBE_RESULT"),
        ),
    ] {
        let (before, last) = script.rsplit_once('\n').unwrap_or(("", script));
        check(expected, |form| {
            let form = form.join(" ");
            // What arrives meanwhile is no result.
            let script = format!("mute\n{before}\n{last} {form}\n");
            succeeded(gateway.run_with_input(&["-N", "me", "run", "-", "--allow-shell"], &script))
        });
    }
}

#[test]
fn runs_of_bench_are_told_in_every_format() {
    let gateway = Gateway::start();
    for (arguments, rows) in [
        (&["send", "--rate", "2k"][..], 2),
        (&["fanout", "--rate", "max"], 2),
        (&["request", "--rate", "2k"], 2),
        (&["connect", "--rate", "2k"], 1),
    ] {
        let expected = Expected { rows: Some(rows), ..one("bench_result") };
        check(expected, |form| {
            succeeded(gateway.run(&[form, &["bench"], arguments, &["-n", "8", "--warmup", "0"]].concat()))
        });
    }
}

#[test]
fn events_are_told_in_every_format() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let write = |form: &[&str], bob: &mut Peer<'_>| {
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| gateway.run(&[&["-N", "eye", "events", "-n", "5"], form].concat()));
            bob.see_join("eye");
            let carol = gateway.peer("carol");
            carol.wait(async {
                carol.client.create_service("chat").nickname("a\tb").await.unwrap();
                carol.client.to("eye").json("a\tb\nc").await.unwrap();
                carol.client.delete_service("chat").await.unwrap();
                carol.client.close().await;
            });
            succeeded(watching.join().unwrap())
        })
    };
    let kinds = ["CLIENT_JOINED", "SERVICE_CREATE_RESULT", "MESSAGE", "SERVICE_DELETE_RESULT", "CLIENT_LEFT"];
    for form in ["json", "ndjson"] {
        let records = parse(&write(&["-o", form], &mut bob));
        assert_eq!(records.iter().map(|record| &record["type"]).collect::<Vec<_>>(), kinds);
    }
    let rows = write(&["-o", "tsv"], &mut bob);
    let rows: Vec<Vec<_>> = rows.lines().map(|row| row.split('\t').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == schemas::columns("MESSAGE")), "{rows:?}");
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>(), kinds);
    assert_eq!(write(&["-o", "raw"], &mut bob), "carol\nchat\na\tb\nc\nchat\ncarol\n");
    assert_eq!(write(&["-o", "human"], &mut bob).lines().count(), 5);
}

#[test]
fn settings_and_contexts_are_told_in_every_format() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    let run = |arguments: &[&str]| run_in(arguments, "", &[("XDG_CONFIG_HOME", folder), ("PWD", folder)]);
    let write = |arguments: &[&str]| succeeded(run(arguments));
    let none =
        check(list("contexts", "contexts", "context"), |form| write(&[form, &["context", "ls"]].concat()));
    assert_eq!(none[0]["contexts"], json!([]));
    let add = ["--url", "ws://h:1/ws", "-N", "al", "--tag", "x", "--tag", "y", "context", "add", "--replace"];
    for (arguments, expected) in [
        (&[&add[..], &["lab"]].concat()[..], one("context_added")),
        (
            &["--url", "ws://h:2/ws", "--timeout", "3s", "context", "add", "--replace", "home"],
            one("context_added"),
        ),
        (&["context", "use", "lab"], one("context_used")),
        (&["context", "ls"], list("contexts", "contexts", "context")),
        (&["context", "show"], one("context")),
        (&["context", "show", "home"], one("context")),
        (&["config", "explain"], list("settings", "settings", "setting")),
        (&["config", "explain", "tags"], list("settings", "settings", "setting")),
        // Of a file that could not be anywhere there is no path.
        (&["config", "path"], Expected { raw: Some(1), ..list("setting_files", "files", "setting_file") }),
        (&["config", "check"], one("settings_checked")),
    ] {
        check(expected, |form| write(&[form, arguments].concat()));
    }
    check(one("context_removed"), |form| {
        write(&[&add[..], &["gone"]].concat());
        write(&[form, &["context", "rm", "gone"]].concat())
    });
}

#[test]
fn sessions_are_told_in_every_format() {
    let gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    let write = |arguments: &[&str]| sessions.run(arguments).succeeded().stdout;
    let none =
        check(list("sessions", "sessions", "session"), |form| write(&[form, &["hold", "ls"]].concat()));
    assert_eq!(none[0]["sessions"], json!([]));
    sessions.hold(&["bot"]);
    for (arguments, expected) in [
        (&["hold", "ls"][..], list("sessions", "sessions", "session")),
        (&["hold", "--status", "bot"], one("session")),
    ] {
        check(expected, |form| write(&[form, arguments].concat()));
    }
    check(one("session_stopped"), |form| {
        sessions.hold(&["other"]);
        write(&[form, &["hold", "--stop", "other"]].concat())
    });
}

#[test]
fn nothing_is_a_list_without_entries() {
    let gateway = Gateway::start();
    let services = check(list("SERVICE_FETCH_ALL_RESULT", "services", "service"), |form| {
        succeeded(gateway.run(&[&["services", "ls"], form].concat()))
    });
    assert_eq!(services[0]["services"], json!([]));
    for (command, empty) in [("vars", json!({})), ("jobs", json!([]))] {
        let kind = if command == "vars" { "variables" } else { "jobs" };
        let outcome = gateway.run_with_input(&["run", "-"], &format!("{command} --json\n"));
        assert_eq!(parse(&succeeded(outcome))[0][kind], empty);
        for form in ["ndjson", "tsv", "raw", "human"] {
            let outcome = gateway.run_with_input(&["run", "-"], &format!("{command} -o {form}\n"));
            assert_eq!(succeeded(outcome), "", "{command} {form}");
        }
    }
}

#[test]
fn failures_and_notes_are_records_for_programs() {
    let gateway = Gateway::start();
    for (arguments, kind) in [
        (&["send", "nobody", "hi"][..], "error"),
        (&["services", "create", "chat"], "note"),
        (&["sned", "bob"], "error"),
    ] {
        for form in ["json", "ndjson"] {
            let outcome = gateway.run(&[&["-o", form], arguments].concat());
            let told: Vec<_> = outcome.errors();
            assert!(told.iter().any(|record| record["type"] == kind), "{outcome:?}");
        }
    }
}
