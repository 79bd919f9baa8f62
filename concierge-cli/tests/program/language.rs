//! The language of scripts: variables, pipes, files, jobs, demands, and what a shell may do.

use std::fs;

use crate::gateway::{Gateway, Outcome, run_in};

/// Runs lines that may use a shell.
fn run(gateway: &Gateway, script: &str) -> Outcome {
    gateway.run_with_input(&["-N", "me", "run", "-", "--allow-shell"], script)
}

fn done(gateway: &Gateway, script: &str) -> String {
    let outcome = run(gateway, script);
    assert!(&outcome == 0, "{script}: {outcome:?}");
    outcome.stdout
}

/// The exit code of a script, and what it tells on its standard error.
fn failed(gateway: &Gateway, code: u8, script: &str) -> String {
    let outcome = run(gateway, script);
    assert!(&outcome == code, "{script}: {outcome:?}");
    outcome.stderr
}

#[test]
fn results_go_through_filters() {
    let gateway = Gateway::start();
    assert_eq!(done(&gateway, "clients ls | jq .clients[].name\n"), "\"me\"\n");
    assert_eq!(done(&gateway, "version | jq '.type, .v' | jq -r 'tostring'\n"), "version\n1\n");
    let told = failed(&gateway, 2, "# one\nversion | jq '.a | foo'\n");
    assert!(told.contains("error: input, line 2: jq: there is no filter `foo` (column 6)"), "{told}");
    let told = failed(&gateway, 2, "version | jq .type.a\n");
    assert!(told.contains("jq: cannot index \"version\" with \"a\""), "{told}");
}

#[test]
fn results_go_through_commands_of_a_shell() {
    let gateway = Gateway::start();
    assert_eq!(done(&gateway, "version --json | wc -l | tr -d ' '\n"), "1\n");
    assert_eq!(done(&gateway, "version | jq -r .type | tr a-z A-Z | sed 's/$/!/'\n"), "VERSION!\n");
    assert_eq!(done(&gateway, "version --json | cat | jq .type\n"), "\"version\"\n");
    assert_eq!(done(&gateway, "version | printf 'no end'\n"), "no end");
    assert_eq!(done(&gateway, "!echo $((6 * 7)) | cat\n"), "42\n");
    let told = failed(&gateway, 10, "version | grep nothing\n");
    assert!(told.contains("`grep nothing` ended with status 1"), "{told}");
    assert!(failed(&gateway, 10, "!exit 3\n").contains("`exit 3` ended with status 3"));
    assert!(failed(&gateway, 10, "!kill -9 $$\n").contains("was ended by signal 9"));
    assert!(failed(&gateway, 10, "!echo oops >&2; false\n").starts_with("oops\n"));
    assert!(failed(&gateway, 2, "version | echo no | jq .\n").contains("jq: the value is not JSON"));
}

#[test]
fn a_tilde_is_home_where_a_path_is_meant() {
    let gateway = Gateway::start();
    let home = tempfile::tempdir().unwrap();
    let at_home = |path: &str| home.path().join(path);
    fs::write(at_home("setup.concierge"), "let there = yes\n").unwrap();
    let script = "source ~/setup.concierge\nsend me ~/$there\nversion > ~/\"a b\"\nversion >> ~/'a b'\n\
        files put ~/'a b' --as x\nfiles get me/x -O ~/$there\n";
    let variables = [("CONCIERGE_URL", gateway.url.as_str()), ("HOME", home.path().to_str().unwrap())];
    let outcome = run_in(&["-N", "me", "run", "-"], script, &variables);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(fs::read_to_string(at_home("a b")).unwrap().lines().count(), 2);
    assert_eq!(fs::read(at_home("yes")).unwrap(), fs::read(at_home("a b")).unwrap());
    // A message is what was typed.
    assert!(outcome.stdout.contains("~/yes"), "{outcome:?}");
    let outcome = run_in(&["-N", "me", "run", "-"], "files put '~/a b'\n", &variables);
    assert!(&outcome == 10 && outcome.stderr.contains("~/a b"), "{outcome:?}");
}

#[test]
fn a_reader_that_has_enough_ends_a_stream_quietly() {
    let gateway = Gateway::start();
    // Nothing ever arrives that the stream could notice it by.
    assert_eq!(done(&gateway, "listen | true\n"), "");
    assert_eq!(done(&gateway, "ping -n 9 --interval 1ms | head -n 1 | wc -l\n").trim(), "1");
    // A request is carried out whatever becomes of its answer.
    let mut bob = gateway.peer("bob");
    for _ in 0..20 {
        done(&gateway, "send bob 1 | true\n");
        assert_eq!(bob.next_data(), "1");
    }
}

#[test]
fn results_go_to_files() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my file.json");
    let name = path.to_str().unwrap();
    done(&gateway, &format!("version --json > '{name}'\nversion --json >> \"{name}\"\n"));
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    done(&gateway, &format!("let f = '{name}'\nversion | jq .type > $f\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "\"version\"\n");
    let told = failed(&gateway, 10, "version > /nowhere/x\n");
    assert!(told.contains("could not write /nowhere/x: No such file or directory"), "{told}");
    let told = failed(&gateway, 10, "version > /dev/full\n");
    assert!(told.contains("line 1: could not write /dev/full: No space left on device"), "{told}");
    let told = failed(&gateway, 10, "version | jq . > /dev/full\n");
    assert!(told.contains("could not write /dev/full"), "{told}");
}

#[test]
fn variables_are_values_and_nothing_else() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let script = r#"
let who = bob
let greeting = {"n": 1.10, "list": ["a b", "@/etc/passwd"]}
send $who $greeting
@bob $greeting.list.0
send $who $greeting.list.1
send $who n:=$greeting.n t=$who x
"#;
    let told = failed(&gateway, 2, script);
    assert!(told.contains("line 7: \"x\" is not key=value"), "{told}");
    assert_eq!(bob.next_data(), r#"{"n": 1.10, "list": ["a b", "@/etc/passwd"]}"#);
    assert_eq!(bob.next_data(), "\"a b\"");
    assert_eq!(bob.next_data(), "\"@/etc/passwd\"");
    let told = failed(&gateway, 2, "let whom = bob\n@bob $whim\n");
    assert!(
        told.contains("line 2: there is no variable $whim") && told.contains("did you mean $whom?"),
        "{told}"
    );
}

#[test]
fn variables_take_results() {
    let gateway = Gateway::start();
    assert_eq!(done(&gateway, "let v = version\n$v | jq .type\n"), "\"version\"\n");
    assert_eq!(done(&gateway, "let n = clients ls | jq '.clients | length'\n$n\n"), "1\n");
    assert_eq!(done(&gateway, "version > /dev/null\n$_ | jq .type\n"), "\"version\"\n");
    assert_eq!(
        done(&gateway, "let w = !printf 'a b\\n\\n'\nlet x = $w\nvars -o raw\n$x\n"),
        "w\nx\n\"a b\"\n"
    );
    assert_eq!(done(&gateway, "let s = version | cat\n$s | jq type\n"), "\"string\"\n");
    assert_eq!(done(&gateway, "let a = 'x; y'\n!echo \"$a\"\nlet n = 2\n$n | jq '. + $n'\n"), "x; y\n4\n");
    let records = run(&gateway, "let a = [1]\nlet b = x\nvars --json\n").records();
    assert_eq!(records[0]["variables"], serde_json::json!({"a": [1], "b": "x"}));
    assert!(failed(&gateway, 2, "$_\n").contains("there is no last result yet"));
}

#[test]
fn what_is_expected_may_have_come_before() {
    let gateway = Gateway::start();
    let script = r#"
services create chat
listen chat
@me {"n": 1}
@me {"n": 2}
ping
expect message from me where '.data.n == 2' within 20s
assert '.data.n == 2'
#chat "hi"
expect SERVICE_CLIENT_SUBSCRIBED within 10ms
"#;
    let told = failed(&gateway, 8, script);
    assert!(told.contains("line 10: no SERVICE_CLIENT_SUBSCRIBED came within 10ms"), "{told}");
    assert_eq!(done(&gateway, "@me 1\nexpect any\n$_ | jq .type\n").lines().last(), Some("\"MESSAGE\""));
    let told = failed(&gateway, 8, "@me 1\nexpect MESSAGE from bob within 5ms\n");
    assert!(told.contains("no MESSAGE from bob came within 5ms: there was MESSAGE from me"), "{told}");
    let told = failed(&gateway, 8, "@me 1\nexpect MESSAGE\nexpect MESSAGE within 5ms\n");
    assert!(told.contains("line 3: no MESSAGE came within 5ms: nothing came"), "{told}");
    // A filter says nothing of what it does not fit, unless nothing else comes.
    let done =
        done(&gateway, "@me 1\n@me n:=2\nexpect MESSAGE where '.data.n == 2' within 20s | jq .data.n\n");
    assert_eq!(done.lines().last(), Some("2"));
    let told = failed(&gateway, 8, "@me 1\nexpect MESSAGE where '.data.n == 2' within 5ms\n");
    assert!(told.contains("there was MESSAGE from me") && told.contains("cannot index 1"), "{told}");
    assert!(failed(&gateway, 2, "expect MESSAGE whither bob\n").contains("\"whither\" is not understood"));
}

#[test]
fn what_is_expected_is_waited_for() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let answering = std::thread::scope(|scope| {
        let script = scope.spawn(|| done(&gateway, "expect MESSAGE from bob within 20s | jq .data\n$_\n"));
        bob.see_join("me");
        bob.wait(async { bob.client.to("me").json("hello").await }).unwrap();
        script.join().unwrap()
    });
    assert!(answering.contains("bob: hello\n") && answering.ends_with("\"hello\"\n"), "{answering}");
}

#[test]
fn a_demand_that_is_not_met_is_8() {
    let gateway = Gateway::start();
    done(
        &gateway,
        "clients ls\nassert '.clients | length == 1'\nassert .type == \"CLIENT_FETCH_ALL_RESULT\"\n",
    );
    assert!(failed(&gateway, 2, "version\nassert .a | length\n").contains("stands in quotes"));
    let told = failed(&gateway, 8, "clients ls | jq '.clients | length'\nassert '. == 2'\n");
    assert!(told.contains("line 2: `. == 2` is not true of 1"), "{told}");
    assert!(failed(&gateway, 2, "assert .\n").contains("there is no last result"));
    assert!(failed(&gateway, 2, "version\nassert .a +\n").contains("jq: term is missing at the end"));
}

#[test]
fn without_leave_no_shell_is_run_and_nothing_is_done() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.concierge");
    for line in ["!true", "version | sort", "let x = !date", "time watch -n 1 1s version | cat"] {
        fs::write(&path, format!("version\n\n{line}\n")).unwrap();
        let outcome = gateway.run(&["run", path.to_str().unwrap()]);
        assert!(&outcome == 2, "{outcome:?}");
        assert!(
            outcome.stderr.contains("x.concierge, line 3: a script runs commands of a shell"),
            "{outcome:?}"
        );
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        let allowed = gateway.run(&["run", "--allow-shell", path.to_str().unwrap()]);
        assert!(allowed.stdout.contains("protocol"), "{allowed:?}");
    }
    fs::write(&path, "version | jq .type\n@me text | sort\n").unwrap();
    let outcome = gateway.run(&["-N", "me", "run", path.to_str().unwrap()]);
    assert!(&outcome == 0, "{outcome:?}");
    let piped = gateway.run_with_input(&["run", "-"], "version\n!date\n");
    assert!(&piped == 2 && piped.stderr.contains("input, line 2: a script runs"), "{piped:?}");
}

#[test]
fn files_are_seen_from_where_they_are_named() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    write("outer", "let x = 1\nsource inner/a\n$y\n");
    write("inner/a", "# comment\nsource b\n");
    write("inner/b", "let y = $x\n");
    let outer = folder.path().join("outer");
    let outer = outer.to_str().unwrap();
    let outcome = gateway.run(&["run", outer]);
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, "1\n");
    write("inner/b", "version\nfrobnicate\n");
    let outcome = gateway.run(&["run", outer]);
    assert!(&outcome == 2, "{outcome:?}");
    for part in
        ["outer, line 2: ", "inner/a, line 2: ", "inner/b, line 2: there is no command \"frobnicate\""]
    {
        assert!(outcome.stderr.contains(part), "{part}: {outcome:?}");
    }
    let outcome = gateway.run(&["run", "--keep-going", outer]);
    assert!(&outcome == 9, "{outcome:?}");
    write("inner/b", "source ../outer\n");
    let outcome = gateway.run(&["run", outer]);
    assert!(&outcome == 2 && outcome.stderr.contains("without end"), "{outcome:?}");
    write("inner/b", "exit\n");
    assert_eq!(gateway.run(&["run", outer]).stdout, "");
    write("inner/b", "!date\n");
    let outcome = gateway.run(&["run", outer]);
    assert!(
        outcome.stderr.contains("inner/b, line 1: a script runs commands of a shell only"),
        "{outcome:?}"
    );
    assert!(&gateway.run(&["run", "/nowhere/x"]) == 10);
}

#[test]
fn jobs_go_on_beside_the_lines() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let name = path.to_str().unwrap();
    let script = format!(
        "listen -n 2 | jq -r .data > {name} &\njobs\n@me one\n@me two\nwait 1\njobs -o raw\n!cat {name}\n"
    );
    let outcome = run(&gateway, &script);
    assert!(&outcome == 0, "{outcome:?}");
    assert!(outcome.stdout.ends_with("one\ntwo\n"), "{outcome:?}");
    assert!(outcome.stdout.contains("[1] listen -n 2 | jq -r .data > "), "{outcome:?}");
    // A stream into a file needs no sign.
    let outcome = run(&gateway, &format!("listen > {name}\njobs -o raw\nstop 1\nstop all\njobs -o raw\n"));
    assert!(&outcome == 0, "{outcome:?}");
    assert_eq!(outcome.stdout, format!("listen > {name}\n"));
    assert!(outcome.stderr.contains("[1] stopped: listen > "), "{outcome:?}");
}

#[test]
fn a_job_that_failed_fails_the_script() {
    let gateway = Gateway::start();
    let told = failed(&gateway, 6, "services create chat\nlisten chat nobody &\nwait\n");
    assert!(told.contains("line 3: [1] listen chat nobody: "), "{told}");
    let told = failed(&gateway, 6, "listen nobody &\nsleep 1ms\nping\n@me x\nexpect MESSAGE\n");
    assert!(told.contains("error: [1] listen nobody: "), "{told}");
    let told = failed(&gateway, 10, "listen > /nowhere/x &\nwait 1\n");
    assert!(told.contains("could not write /nowhere/x"), "{told}");
    assert!(failed(&gateway, 2, "help &\n").contains("only what talks to the gateway can be a job"));
    assert!(failed(&gateway, 2, "frobnicate &\n").contains("there is no command"));
    // It ends with the script, which is no failure.
    done(&gateway, "listen | cat &\nwatch 1h ping &\n");
}

#[test]
fn statements_are_timed_and_repeated() {
    let gateway = Gateway::start();
    let outcome = run(&gateway, "time version | jq .type\n");
    assert!(outcome.stderr.starts_with("it took ") && outcome.stdout == "\"version\"\n", "{outcome:?}");
    assert_eq!(done(&gateway, "watch -n 3 1ms version | jq .v\n"), "1\n1\n1\n");
    assert!(failed(&gateway, 6, "watch 1ms @nobody hi\n").contains("no client is named"));
    let outcome = run(&gateway, "watch -n 2 1ms ping -o raw &\nwait\n");
    assert!(&outcome == 0 && outcome.stdout.lines().count() == 2, "{outcome:?}");
}

#[test]
fn a_stream_through_a_pipe_shows_what_it_does_not_want() {
    let gateway = Gateway::start();
    let script = "services create chat\n@me 1\n@me 2\nlisten -n 1 chat | jq .data &\n#me nothing\n";
    assert!(&run(&gateway, script) == 6);
    let mut bob = gateway.peer("bob");
    let shown = std::thread::scope(|scope| {
        let script = scope.spawn(|| done(&gateway, "events --type MESSAGE -n 2 | jq -c '[.data]'\n"));
        bob.see_join("me");
        // It may be before the stream begins: then it is not of it, and shown all the same.
        let carol = gateway.peer("carol");
        bob.wait(async { bob.client.to("me").json("x").await }).unwrap();
        while !script.is_finished() {
            bob.wait(async { bob.client.to("me").json("y").await }).ok();
        }
        drop(carol);
        script.join().unwrap()
    });
    assert!(shown.contains("carol"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with('[')).count(), 2, "{shown}");
}

#[test]
fn help_tells_of_the_language() {
    let gateway = Gateway::start();
    for topic in ["scripting", "variables", "pipes", "jobs", "let", "watch", "expect", "assert", "source"] {
        let text = done(&gateway, &format!("help {topic}\n"));
        assert!(text.lines().count() > 3, "{topic}: {text}");
    }
}
