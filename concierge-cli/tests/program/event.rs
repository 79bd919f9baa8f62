//! `event`: a web application's side, against a gateway that has one.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{fs::Permissions, io::Write, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use concierge_client::telegraphy::{AuthToken, Telegraphy};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    gateway::{Gateway, Outcome, program, run_in},
    schemas,
};

const KEY: &str = "a_rare_key_of_an_application";

/// A gateway that web applications may ask, and a folder with what one has.
pub(crate) struct Application {
    pub(crate) gateway: Gateway,
    pub(crate) api: String,
    pub(crate) folder: TempDir,
}

impl Application {
    pub(crate) fn start() -> Self {
        Self::configured("")
    }

    pub(crate) fn configured(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys =
            keep(folder.path(), "api.keys", &format!("# of the test\n{KEY}\nanother_rare_key_for_later\n"));
        let telegraphy =
            format!("[telegraphy]\nbind = \"127.0.0.1:0\"\napi_keys_file = {keys:?}\n{settings}");
        let gateway = Gateway::configured(&telegraphy);
        let api = gateway.api.clone().unwrap();
        Self { gateway, api, folder }
    }

    pub(crate) fn keep(&self, name: &str, text: &str) -> String {
        keep(self.folder.path(), name, text)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let variables = [
            ("CONCIERGE_API", self.api.as_str()),
            ("CONCIERGE_API_KEY", KEY),
            ("CONCIERGE_URL", &self.gateway.url),
            ("USER", "tester"),
        ];
        run_in(arguments, input, &variables)
    }

    /// A client of this user's, who is let in.
    fn come_in(&self, user: &str) -> Telegraphy {
        let token = self.does(&["event", "token", user, "-o", "raw"]).stdout;
        let url = self.gateway.url.replace("/ws", "/telegraphy/ws");
        let connecting = Telegraphy::connect(&url, AuthToken::new(token.trim_end()));
        self.gateway.wait(connecting).unwrap()
    }

    pub(crate) fn does(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments);
        assert!(&outcome == 0, "{arguments:?}: {outcome:?}");
        outcome
    }
}

/// A file that nobody else can read.
fn keep(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

const DEFINITIONS: &str = r#"[
    {"name": "shop.Order", "verbose_name": "order", "kind": "model", "operations": ["create", "update"],
     "fields": {"id": "integer", "customer": "integer", "about": "string"}, "delivery": "guaranteed", "ttl": 3600},
    {"name": "shop.View", "verbose_name": "view", "presence": "users", "retain": 3}
]"#;

#[test]
fn events_are_published_with_what_is_said_of_them() {
    let application = Application::start();
    let published = application.does(&["event", "publish", "shop.Order", "id:=7", "title=Milk"]);
    assert_eq!(published.stdout, "published: shop.Order at 1\n");
    let words =
        ["event", "publish", "shop.Order", "7", "--type", "update", "--previous", "{\"id\": 6}", "--json"];
    let record = application.does(&[&words[..], &["--id", "a", "--ttl", "1m"]].concat()).record();
    assert_eq!((&record["type"], &record["offset"]), (&json!("event_published"), &json!(2)));
    let again = application.does(&["event", "publish", "shop.Order", "7", "--id", "a"]);
    assert_eq!(again.stdout, "was published before: shop.Order at 2\n");
    let row = application.does(&["event", "publish", "shop.Order", "7", "-o", "tsv"]).stdout;
    assert_eq!(row.trim_end().split('\t').count(), schemas::columns("event_published"));
    assert_eq!(application.does(&["event", "publish", "shop.Order", "7", "-o", "raw"]).stdout, "4\n");

    let file = application.keep("message.json", "{\"from\": \"file\"}");
    application.does(&["event", "publish", "shop.Order", &format!("@{file}")]);
    let piped = application.run_with_input(&["event", "publish", "shop.Order", "-"], "hello\n");
    assert_eq!((&piped == 0, piped.stdout.as_str()), (true, "published: shop.Order at 6\n"));
    for (arguments, told) in [
        (&["event", "publish"][..], "EVENT"),
        (&["event", "publish", "", "7"], "must not be empty"),
        (&["event", "publish", "a", "{bad"], "not valid JSON"),
        (&["event", "publish", "a", "7", "--previous", "{bad"], "not valid JSON"),
        (&["event", "publish", "a", "7", "--ttl", "1500ms"], "whole seconds"),
        (&["event", "publish", "a", "--batch", "x"], "cannot be used with"),
    ] {
        let outcome = application.run(arguments);
        assert!(&outcome == 2 && outcome.stderr.contains(told), "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn definitions_are_registered_listed_shown_and_taken_back() {
    let application = Application::start();
    assert!(application.does(&["event", "ls"]).stderr.contains("no event is registered"));
    assert_eq!(application.does(&["event", "ls", "--json"]).record()["events"], json!([]));
    let file = application.keep("events.json", DEFINITIONS);
    let registered = application.does(&["event", "register", &file, "--source", "shop"]);
    assert_eq!(registered.stdout, "added   shop.Order\nadded   shop.View\n");
    let again = application.does(&["event", "register", &file, "--source", "shop"]);
    assert_eq!(again.stdout, "nothing has changed\n");

    let listed = application.does(&["event", "ls"]);
    assert_eq!(
        listed.stdout,
        "shop.Order  model   authenticated  guaranteed   3    1\nshop.View   custom  authenticated  best_effort  any  1\n"
    );
    assert_eq!(application.does(&["event", "ls", "shop.V*", "-o", "raw"]).stdout, "shop.View\n");
    let nothing = application.does(&["event", "ls", "other.*"]);
    assert!(
        nothing.stdout.is_empty() && nothing.stderr.contains("no event is called \"other.*\""),
        "{nothing:?}"
    );
    let whole = application.does(&["event", "ls", "--json"]);
    // In the order in which they were given.
    assert!(
        whole.stdout.contains(r#""fields":{"id":"integer","customer":"integer","about":"string"}"#),
        "{whole:?}"
    );
    assert_eq!(application.does(&["event", "ls", "-o", "ndjson"]).records()[1]["type"], "registered_event");
    for row in application.does(&["event", "ls", "-o", "tsv"]).stdout.lines() {
        assert_eq!(row.split('\t').count(), schemas::columns("registered_events"), "{row}");
    }

    let shown = application.does(&["event", "show", "shop.Order"]);
    for part in [
        "event       shop.Order\n",
        "title       order\n",
        "about: string\n",
        "presence    none\n",
        "listening   0 sessions\n",
        "ttl         3600 s\n",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }
    let record = application.does(&["event", "show", "shop.View", "--json"]).record();
    assert_eq!(
        (&record["type"], &record["listening"]),
        (&json!("event_details"), &json!({"sessions": 0, "users": []}))
    );

    let rest = r#"{"source": "shop", "events": [{"name": "shop.View", "audience": "public", "retian": 3}]}"#;
    let outcome = application.run_with_input(&["event", "register", "-", "--json"], rest);
    assert!(&outcome == 0, "{outcome:?}");
    let record = outcome.record();
    assert_eq!((&record["changed"], &record["removed"]), (&json!(["shop.View"]), &json!(["shop.Order"])));
    let note = outcome.errors()[0]["message"].as_str().unwrap().to_owned();
    assert_eq!(note, "shop.View: \"retian\" says nothing: did you mean \"retain\"?");
    assert_eq!(application.does(&["event", "unregister", "shop.View"]).stdout, "unregistered shop.View\n");
    assert_eq!(application.does(&["event", "ls", "-o", "raw"]).stdout, "");
}

#[test]
fn what_is_listed_can_be_registered_again() {
    let application = Application::start();
    let file = application.keep("events.json", DEFINITIONS);
    application.does(&["event", "register", &file, "--source", "shop"]);
    let listed = application.does(&["event", "ls", "--jq", ".events"]).stdout;
    let again = application.run_with_input(&["event", "register", "-", "--source", "shop"], &listed);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("nothing has changed\n", ""));
}

#[test]
fn what_is_no_definition_is_told_with_its_place() {
    let application = Application::start();
    for (text, told) in [
        ("", "these are no definitions"),
        ("7", "these are no definitions"),
        (r#"[{"name": "a"}, {"nmae": "b"}]"#, "definition 2: missing field `name`"),
        (r#"[{"name": "a", "kind": "other"}]"#, "definition 1: unknown variant `other`"),
        (r#"[{"name": "a"}]"#, "nobody says whose events they are"),
    ] {
        let file = application.keep("events.json", text);
        let outcome = application.run(&["event", "register", &file]);
        assert!(&outcome == 2 && outcome.stderr.contains(told), "{text}: {outcome:?}");
    }
    let taken = application.keep("events.json", r#"[{"name": "a"}]"#);
    application.does(&["event", "register", &taken, "--source", "one"]);
    let outcome = application.run(&["event", "register", &taken, "--source", "two"]);
    assert!(&outcome == 1 && outcome.stderr.contains("--source"), "{outcome:?}");
    assert!(&application.run(&["event", "register", "/nowhere", "--source", "x"]) == 10);
}

#[test]
fn a_batch_is_published_in_order_and_what_fails_is_told_by_its_line() {
    let application = Application::configured("unregistered = false");
    let file = application.keep("events.json", DEFINITIONS);
    application.does(&["event", "register", &file, "--source", "shop"]);
    let lines: Vec<_> =
        (1..=2500).map(|number| format!("{{\"event\":\"shop.Order\",\"data\":{number}}}")).collect();
    let lines = lines.join("\n");
    let outcome = application.run_with_input(&["event", "publish", "--batch", "--json"], &lines);
    assert!(&outcome == 0, "{outcome:?}");
    let record = outcome.record();
    assert_eq!(
        (&record["type"], &record["published"], &record["failed"]),
        (&json!("events_published"), &json!(2500), &json!(0))
    );
    let next = application.does(&["event", "publish", "shop.Order", "1", "-o", "raw"]);
    assert_eq!(next.stdout, "2501\n");

    let mixed = "{\"event\":\"shop.View\",\"data\":1,\"id\":\"x\"}\n\nnonsense\n{\"event\":\"shop.Veiw\",\"data\":2}\n{\"event\":\"shop.View\",\"data\":1,\"id\":\"x\"}\n";
    let file = application.keep("events.ndjson", mixed);
    let outcome = application.run(&["event", "publish", "--batch", &file]);
    assert!(&outcome == 9, "{outcome:?}");
    assert!(outcome.stdout.starts_with("2 published, 1 of them before, 2 failed ("), "{outcome:?}");
    for told in [
        "line 3: it is no event: ",
        "line 4: event 'shop.Veiw' is not registered",
        "2 of 4 events were not published",
    ] {
        assert!(outcome.stderr.contains(told), "{told}: {outcome:?}");
    }
    let row = application.run(&["event", "publish", "--batch", &file, "-o", "tsv"]).stdout;
    assert_eq!(row.trim_end().split('\t').count(), schemas::columns("events_published"));
    // None of them: that is no part.
    let outcome =
        application.run_with_input(&["event", "publish", "--batch", "-"], "{\"event\":\"a\",\"data\":1}\n");
    assert!(&outcome == 6 && outcome.stderr.contains("1 of 1 events was not published"), "{outcome:?}");
    let empty = application.run_with_input(&["event", "publish", "--batch"], "");
    assert!(&empty == 0 && empty.stdout.starts_with("0 published"), "{empty:?}");
    assert!(&application.run(&["event", "publish", "--batch", "/nowhere"]) == 10);
}

#[test]
fn a_signal_ends_a_batch_and_what_was_published_is_told() {
    let application = Application::start();
    let client = application.come_in("42");
    let opened = async { client.subscribe("shop.View").lazy().open::<u64>().await };
    let mut events = application.gateway.wait(opened).unwrap();
    let mut child = program()
        .args(["--json", "event", "publish", "--batch"])
        .env("CONCIERGE_API", &application.api)
        .env("CONCIERGE_API_KEY", KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for number in 1..=2 {
        // Each at once, though there may be more to come.
        writeln!(stdin, "{{\"event\":\"shop.View\",\"data\":{number}}}").unwrap();
        application.gateway.wait(events.next()).unwrap().unwrap();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    schemas::check(&record);
    assert_eq!((&record["published"], &record["failed"]), (&json!(2), &json!(0)));
    drop(stdin);
}

#[test]
fn a_token_stands_alone_and_is_granted_what_is_said() {
    let application = Application::start();
    let told = application.does(&["event", "token", "42", "--grant", "shop.Order:{\"customer\": 42}"]);
    assert!(told.stdout.trim_end().len() == 43 && told.stderr.contains("it works once, until "), "{told:?}");
    let raw = application.does(&["event", "token", "42", "-o", "raw"]);
    assert!(raw.stdout.trim_end().len() == 43 && raw.stderr.is_empty(), "{raw:?}");
    let grants = application.keep("grants.json", r#"{"a": true, "b": {"filters": {"c": 1}}}"#);
    let words =
        ["event", "token", "42", "--grant", &format!("@{grants}"), "--grant", "d", "--ttl", "30s", "--json"];
    let bound = ["--ip", "127.0.0.1", "--origin", "https://shop.example"];
    let record = application.does(&[&words[..], &bound].concat()).record();
    assert_eq!((&record["type"], &record["user"]), (&json!("auth_token"), &json!("42")));
    let row = application.does(&["event", "token", "--anonymous", "-o", "tsv"]).stdout;
    assert_eq!(row.trim_end_matches('\n').split('\t').count(), schemas::columns("auth_token"));
    for (arguments, exit, told) in [
        (&["event", "token"][..], 2, "USER"),
        (&["event", "token", "42", "--anonymous"], 2, "cannot be used with"),
        (&["event", "token", "42", "--grant", "a:b=1"], 2, "filters are JSON"),
        (&["event", "token", "42", "--grant", "a", "--grant", "a"], 2, "granted twice"),
        (&["event", "token", "42", "--grant", "@/nowhere"], 10, "/nowhere"),
        (&["event", "token", "42", "--grant", "a:{\"$or\": 1}"], 1, "$or"),
        (&["event", "token", "42", "--ttl", "48h"], 1, "ttl"),
        (&["event", "token", "42", "--ip", "somewhere"], 2, "--ip"),
    ] {
        let outcome = application.run(arguments);
        assert!(&outcome == exit && outcome.stderr.contains(told), "{arguments:?}: {outcome:?}");
    }
}

#[test]
fn sessions_are_listed_and_ended() {
    let application = Application::start();
    assert!(application.does(&["event", "sessions"]).stderr.contains("there are no sessions"));
    let _clients = ["42", "42", "7"].map(|user| application.come_in(user));
    let record = application.does(&["event", "sessions", "--json"]).record();
    assert_eq!(record["sessions"].as_array().unwrap().len(), 3);
    let of_one = application.does(&["event", "sessions", "--user", "42", "-o", "ndjson"]).records();
    assert!(of_one.len() == 2 && of_one.iter().all(|session| session["user"] == "42"), "{of_one:?}");
    for row in application.does(&["event", "sessions", "-o", "tsv"]).stdout.lines() {
        assert_eq!(row.split('\t').count(), schemas::columns("event_sessions"), "{row}");
    }
    let seven =
        application.does(&["event", "sessions", "--user", "7", "-o", "raw"]).stdout.trim_end().to_owned();
    assert!(application.does(&["event", "sessions", "--user", "7"]).stdout.starts_with(&seven));
    assert_eq!(application.does(&["event", "sessions", "end", &seven]).stdout, format!("ended {seven}\n"));
    let gone = application.run(&["event", "sessions", "end", &seven]);
    assert!(&gone == 6 && gone.stderr.contains("`event sessions` lists"), "{gone:?}");
    let ended = application.does(&["event", "sessions", "end", "--user", "42"]);
    assert_eq!(ended.stdout, "ended 2 sessions of 42\n");
    let none = application.does(&["event", "sessions", "end", "--user", "42", "--json"]).record();
    assert_eq!((&none["sessions"], &none["user"]), (&json!(0), &json!("42")));
    assert!(&application.run(&["event", "sessions", "end"]) == 2);
}

#[test]
fn sessions_are_listed_to_the_last_page() {
    let application = Application::configured("sessions_per_owner = 300");
    for _ in 0..101 {
        application.come_in("42");
    }
    assert_eq!(application.does(&["event", "sessions", "-o", "raw"]).stdout.lines().count(), 101);
}

#[test]
fn a_name_that_is_not_there_is_6_with_the_nearest_that_is() {
    let application = Application::configured("unregistered = false");
    let file = application.keep("events.json", DEFINITIONS);
    application.does(&["event", "register", &file, "--source", "shop"]);
    for arguments in [
        &["event", "show", "shop.Oder"][..],
        &["event", "unregister", "shop.Oder"],
        &["event", "publish", "shop.Oder", "7"],
    ] {
        let outcome = application.run(arguments);
        assert!(
            &outcome == 6 && outcome.stderr.contains("did you mean \"shop.Order\"?"),
            "{arguments:?}: {outcome:?}"
        );
    }
    let outcome = application.run(&["event", "show", "nowhere.near"]);
    assert!(&outcome == 6 && outcome.stderr.contains("`event ls` lists those there are"), "{outcome:?}");
}

#[test]
fn each_way_of_being_refused_has_its_exit_code() {
    let application = Application::configured("event_bytes = \"1KiB\"");
    let with = |variables: &[(&str, &str)], arguments: &[&str]| run_in(arguments, "", variables);
    let (api, key) = (("CONCIERGE_API", application.api.as_str()), ("CONCIERGE_API_KEY", KEY));
    let wrong = with(&[api, ("CONCIERGE_API_KEY", "no_key_of_anybody_here")], &["event", "ls"]);
    assert!(&wrong == 4 && wrong.stderr.contains("api_keys_file"), "{wrong:?}");
    let nobody = with(&[("CONCIERGE_API", "http://127.0.0.1:1"), key], &["event", "ls"]);
    assert!(&nobody == 3 && nobody.stderr.contains("127.0.0.1:1"), "{nobody:?}");
    // The gateway's side for clients is none for web applications.
    let clients = application.gateway.url.replace("ws://", "http://").replace("/ws", "");
    let other = with(&[("CONCIERGE_API", &clients), key], &["event", "ls"]);
    assert!(&other == 3 && other.stderr.contains("--api"), "{other:?}");
    let large = application.run(&["event", "publish", "a", &"x".repeat(4000)]);
    assert!(&large == 1 && large.stderr.contains("event_bytes"), "{large:?}");
    let nothing = with(&[], &["event", "ls"]);
    assert!(&nothing == 2 && nothing.stderr.contains("CONCIERGE_API"), "{nothing:?}");
    let keyless = with(&[api], &["event", "ls"]);
    assert!(&keyless == 2 && keyless.stderr.contains("--api-key-file"), "{keyless:?}");
    let foreign = with(&[("CONCIERGE_API", "ws://127.0.0.1:1/ws"), key], &["event", "ls"]);
    assert!(&foreign == 2 && foreign.stderr.contains("http://"), "{foreign:?}");
}

#[test]
fn a_key_comes_from_a_private_file_and_is_shown_nowhere() {
    let application = Application::start();
    let file = application.keep("my.key", &format!("# mine\n\n{KEY}\n"));
    let with = |variables: &[(&str, &str)], arguments: &[&str]| {
        let outcome = run_in(arguments, "", variables);
        assert!(!format!("{outcome:?}").contains(KEY), "{outcome:?}");
        outcome
    };
    let flags = ["event", "ls", "--json", "--verbose", "--api", &application.api, "--api-key-file", &file];
    let outcome = with(&[], &flags);
    assert!(&outcome == 0, "{outcome:?}");
    let api = ("CONCIERGE_API", application.api.as_str());
    assert!(&with(&[api, ("CONCIERGE_API_KEY_FILE", &file)], &["event", "ls"]) == 0);
    // The key itself goes before a file with one.
    let both =
        with(&[api, ("CONCIERGE_API_KEY", KEY), ("CONCIERGE_API_KEY_FILE", "/nowhere")], &["event", "ls"]);
    assert!(&both == 0, "{both:?}");
    let explained = with(&[api, ("CONCIERGE_API_KEY", KEY)], &["config", "explain", "--json"]);
    let settings = explained.record()["settings"].clone();
    let key =
        settings.as_array().unwrap().iter().find(|setting| setting["setting"] == "api_key").unwrap().clone();
    assert_eq!((&key["value"], &key["origin"]["name"]), (&json!("set"), &json!("CONCIERGE_API_KEY")));
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let open = with(&[], &flags);
    assert!(&open == 10 && open.stderr.contains("chmod 600"), "{open:?}");
}

#[test]
fn a_context_keeps_both_and_its_key_goes_nowhere_else() {
    let application = Application::start();
    let home = tempfile::tempdir().unwrap();
    let file = application.keep("my.key", KEY);
    let with = |more: &[(&str, &str)], arguments: &[&str]| {
        let own = [("HOME", home.path().to_str().unwrap())];
        run_in(arguments, "", &[&own, more].concat())
    };
    let added = ["context", "add", "shop", "--url", &application.gateway.url, "--use"];
    let outcome =
        with(&[], &[&added[..], &["--api", &application.api, "--api-key-file", &file, "--json"]].concat());
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(
        (&outcome.record()["api"], &outcome.record()["api_key_file"]),
        (&json!(application.api), &json!(file))
    );
    assert!(&with(&[], &["event", "ls"]) == 0);
    let elsewhere = with(&[("CONCIERGE_API", "http://127.0.0.1:1")], &["event", "ls"]);
    let why = "the API key of context shop is not sent: it is for ";
    assert!(&elsewhere == 2 && elsewhere.stderr.contains(why), "{elsewhere:?}");
    let typed = with(&[], &["event", "ls", "--api", "http://127.0.0.1:1"]);
    assert!(&typed == 2 && typed.stderr.contains(why), "{typed:?}");
}

#[test]
fn a_session_says_the_same_and_remembers_the_last_result() {
    let application = Application::start();
    let file = application.keep("events.json", DEFINITIONS);
    let lines = application
        .keep("lines.ndjson", "{\"event\":\"shop.View\",\"data\":1}\n{\"event\":\"shop.View\",\"data\":2}\n");
    let written = application.keep("published.txt", "");
    let script = format!(
        "event register {file} --source shop\nevent ls shop.* | jq '.events | length'\nassert '. == 2'\n\
         let n = 7\nevent publish shop.Order id:=$n\nassert '.offset == 1'\nevent publish --batch {lines}\n\
         assert '.published == 2'\nevent publish shop.View 3 > {written}\nevent token 42 -o raw | jq .\n"
    );
    let outcome = application.run_with_input(&["run", "-"], &script);
    assert!(&outcome == 0, "{outcome:?}");
    let refused = application.run_with_input(&["run", "-"], "event publish shop.View -\n");
    assert!(&refused == 2 && refused.stderr.contains("`-` is for the shell"), "{refused:?}");
    let refused = application.run_with_input(&["run", "-"], "event publish --batch\n");
    assert!(&refused == 2 && refused.stderr.contains("`-` is for the shell"), "{refused:?}");
}

#[test]
fn a_session_on_a_gateway_of_its_own_needs_to_be_told_nothing() {
    let script = "event publish shop.View 7\nassert '.offset == 1'\nevent token 42 -o raw\nevent sessions\n";
    let outcome = run_in(&["run", "-", "--embedded"], script, &[("USER", "tester")]);
    assert!(&outcome == 0, "{outcome:?}");
    // What is said goes before.
    let elsewhere = [("CONCIERGE_API", "http://127.0.0.1:1"), ("CONCIERGE_API_KEY", KEY)];
    let outcome = run_in(&["run", "-", "--embedded"], "event ls\n", &elsewhere);
    assert!(&outcome == 3, "{outcome:?}");
    let outcome = run_in(&["run", "-", "--embedded"], "event publish shop.View 7 &\nwait\n", &[]);
    assert!(&outcome == 0, "{outcome:?}");
}

#[test]
fn what_others_called_their_events_cannot_touch_the_terminal() {
    let application = Application::start();
    let hostile = r#"[{"name": "a", "verbose_name": "\u001b]0;x\u0007", "fields": {"\u001b[2J": "\u202e"}}]"#;
    let file = application.keep("events.json", hostile);
    let registered = application.run(&["event", "register", &file, "--source", "s"]);
    let shown = application.run(&["event", "show", "a"]);
    for outcome in [&registered, &shown] {
        let text = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn every_record_is_as_its_schema_says() {
    let application = Application::start();
    let file = application.keep("events.json", DEFINITIONS);
    let records = [
        &["event", "register", &file, "--source", "shop"][..],
        &["event", "ls"],
        &["event", "show", "shop.Order"],
        &["event", "publish", "shop.Order", "7"],
        &["event", "unregister", "shop.View"],
        &["event", "token", "42"],
        &["event", "sessions"],
        &["event", "sessions", "end", "--user", "42"],
    ]
    .map(|arguments| application.does(&[arguments, &["--json"]].concat()).record());
    let types: Vec<&Value> = records.iter().map(|record| &record["type"]).collect();
    assert_eq!(types.len(), 8);
}
