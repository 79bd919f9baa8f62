//! What Tab does in bash, zsh and fish, in a terminal, with the script as the program writes it.

mod prompt;

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use concierge_client::Client;
use concierge_client::testing::{ScriptedGateway, ScriptedListener};
use serde_json::{Value, json};
use support::gateway::Gateway;
use support::process::{Program, command};
use support::raw::RawSocket;
use tokio::runtime::{Builder, Runtime};

use self::prompt::{Prompt, Shell};

/// Where nobody listens.
const NOWHERE: &str = "ws://127.0.0.1:1/ws";

/// A name that would create a file, were it read by a shell.
const HOSTILE: &str = "a b;$(touch x)`touch x`'\"&|<*~!";

/// The same for a file, whose name has to be one everywhere.
const HOSTILE_FILE: &str = "a b;$(touch x)`touch x`'&~!";

/// A gateway that asks nobody whether they are still there, which the sockets of these tests would not answer.
fn patient_gateway(settings: &str) -> Gateway {
    Gateway::configured(&format!("{settings}\n[heartbeat]\ninterval = \"1h\"\ntimeout = \"2h\"")).unwrap()
}

fn joined(address: SocketAddr, name: &str, services: &[&str]) -> RawSocket {
    let mut socket = RawSocket::identified(address, name, "").unwrap();
    for service in services {
        socket.send_text(&json!({"type": "SERVICE_CREATE", "service": service}).to_string()).unwrap();
        let reply = socket.read_text().unwrap();
        assert!(reply.contains("SERVICE_CREATE_RESULT"), "{reply}");
    }
    socket
}

#[test]
#[ignore = "needs bash, zsh and fish, which tests/run installs"]
fn commands_options_values_and_contexts_are_completed() {
    for shell in Shell::ALL {
        let mut prompt = Prompt::open(shell, NOWHERE).unwrap();
        let mut add = command("concierge").unwrap();
        add.env("HOME", prompt.home.path()).env_remove("XDG_CONFIG_HOME");
        add.args(["context", "add", "office", "--url", NOWHERE]);
        Program::start("concierge", &mut add).unwrap().wait_for_success().unwrap();
        for (line, words) in [
            ("concierge who", &["concierge", "whoami"][..]),
            ("concierge services cr", &["concierge", "services", "create"]),
            ("concierge whoami --js", &["concierge", "whoami", "--json"]),
            ("concierge whoami -o nd", &["concierge", "whoami", "-o", "ndjson"]),
            ("concierge whoami --output=nd", &["concierge", "whoami", "--output=ndjson"]),
            ("concierge events --type CLIENT_J", &["concierge", "events", "--type", "CLIENT_JOINED"]),
            ("concierge --context of", &["concierge", "--context", "office"]),
            ("concierge help exit", &["concierge", "help", "exit-codes"]),
        ] {
            prompt.expect(line, "", words);
        }
    }
}

#[test]
#[ignore = "needs bash, zsh and fish, which tests/run installs"]
fn who_is_there_is_completed() {
    let gateway = patient_gateway("");
    let _bob = joined(gateway.address(), "bob", &["chat", "söö x"]);
    for shell in Shell::ALL {
        let mut prompt = Prompt::open(shell, &gateway.url()).unwrap();
        for (line, rest, word) in [
            ("concierge send bo", "", "bob"),
            ("concierge send @bo", "", "@bob"),
            ("concierge send svc:ch", "", "svc:chat"),
            ("concierge send svc", "ch\t", "svc:chat"),
            ("concierge send svc:s", "", "svc:söö x"),
            ("concierge send 'svc:s", "", "svc:söö x"),
            ("concierge send \"svc:s", "", "svc:söö x"),
        ] {
            prompt.expect(line, rest, &["concierge", "send", word]);
        }
        prompt.expect("concierge listen ch", "", &["concierge", "listen", "chat"]);
    }
}

#[test]
#[ignore = "needs bash, zsh and fish, which tests/run installs"]
fn a_hostile_name_is_one_word_and_does_nothing() {
    let gateway = patient_gateway("");
    let _mallory = joined(gateway.address(), "mallory", &[HOSTILE]);
    for shell in Shell::ALL {
        let mut prompt = Prompt::open(shell, &gateway.url()).unwrap();
        let target = format!("svc:{HOSTILE}");
        prompt.expect("concierge send svc:a", "", &["concierge", "send", &target]);
        prompt.expect("concierge listen a", "", &["concierge", "listen", HOSTILE]);
        assert!(!prompt.has("x"), "{shell:?} ran what a name says");
    }
}

/// A client with files, there as long as its runtime.
fn owner(gateway: &Gateway) -> (Client, Runtime) {
    let runtime = Runtime::new().unwrap();
    let owner = runtime.block_on(async {
        let owner = Client::builder(gateway.url(), "bob").unwrap().connect().await.unwrap();
        for path in ["maps/north.json", "maps/south.json", "my notes/today", HOSTILE_FILE] {
            owner.files().put(path, "x").await.unwrap();
        }
        owner
    });
    (owner, runtime)
}

#[test]
#[ignore = "needs bash, zsh and fish, which tests/run installs"]
fn files_are_completed_step_by_step_there_and_here() {
    let gateway = Gateway::start();
    let _owner = owner(&gateway);
    for shell in Shell::ALL {
        let mut prompt = Prompt::open(shell, &gateway.url()).unwrap();
        std::fs::create_dir(prompt.home.path().join("plans")).unwrap();
        std::fs::write(prompt.home.path().join("plans/first.txt"), "").unwrap();
        for (line, rest, word) in [
            ("concierge files get bo", "", "bob/"),
            ("concierge files get bob/ma", "", "bob/maps/"),
            ("concierge files get bob/ma", "n\t", "bob/maps/north.json"),
            ("concierge files get @bob/maps/s", "", "@bob/maps/south.json"),
            ("concierge files get bob/my", "", "bob/my notes/"),
            ("concierge files get bob/my", "\t", "bob/my notes/today"),
            ("concierge files get 'bob/my", "\t", "bob/my notes/today"),
            ("concierge files get bob/a", "", &format!("bob/{HOSTILE_FILE}")),
            ("concierge files put pl", "", "plans/"),
            ("concierge files put pl", "\t", "plans/first.txt"),
        ] {
            let command = if line.contains(" put ") { "put" } else { "get" };
            prompt.expect(line, rest, &["concierge", "files", command, word]);
        }
        prompt.expect("concierge files ls bob/ma", "", &["concierge", "files", "ls", "bob/maps/"]);
        assert!(!prompt.has("x"), "{shell:?} ran what a name says");
    }
}

#[test]
fn each_shell_is_told_the_files_of_others() {
    let gateway = Gateway::start();
    let _owner = owner(&gateway);
    for (line, found) in [("bo", vec!["bob/"]), ("bob/m", vec!["bob/maps/", "bob/my\\ notes/"])] {
        let line = format!("concierge files get {line}");
        until(|| answers("bash", &gateway.url(), &[&line, ":@"], &[]), |answer| answer == found);
    }
    let words = ["concierge", "files", "get", "bob/maps/"];
    until(
        || answers("fish", &gateway.url(), &words, &[]),
        |answer| answer == ["bob/maps/north.json\t", "bob/maps/south.json\t"],
    );
}

/// Completes with what a script of that shell passes on: what the program answers, which says nothing else.
fn answers(shell: &str, url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let mut command = command("concierge").unwrap();
    command.env("HOME", home.path()).env_remove("XDG_CONFIG_HOME").env("CONCIERGE_URL", url);
    command.envs(variables.iter().copied()).args(["completion", shell, "--"]).args(arguments);
    collect(&mut command)
}

fn collect(command: &mut Command) -> Vec<String> {
    let mut program = Program::start("concierge", command).unwrap();
    let mut lines = Vec::new();
    // Its output has ended, or it hangs: then waiting for it fails.
    while let Ok(line) = program.next_line() {
        lines.push(line);
    }
    program.wait_for_success().unwrap();
    assert_eq!(program.stderr(), "");
    lines
}

/// What each shell's script passes on for `concierge send b`.
fn asked(word: &str) -> [(&'static str, Vec<String>); 4] {
    let line = format!("concierge send {word}");
    let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
    [
        ("bash", vec![line.clone(), ":@".to_owned()]),
        ("zsh", words.clone()),
        ("fish", words),
        ("powershell", vec![line]),
    ]
}

fn silent(url: &str, arguments: &[&str]) {
    for (shell, mut words) in asked("b") {
        // Whatever else the line says stands before the command.
        let extra = arguments.iter().map(ToString::to_string);
        if words.len() > 2 {
            words.splice(1..1, extra);
        } else if let Some(line) = words.first_mut() {
            *line = line.replacen("concierge", &[&["concierge"], arguments].concat().join(" "), 1);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(answers(shell, url, &words, &[]), Vec::<String>::new(), "{shell}");
    }
}

#[test]
fn a_gateway_that_is_not_there_is_not_mentioned() {
    silent(NOWHERE, &[]);
    silent("ws://localhost.invalid/ws", &[]);
    silent("no URL at all", &[]);
}

#[test]
fn a_gateway_that_never_answers_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    silent(&format!("ws://{}/ws", listener.local_addr().unwrap()), &[]);
}

#[test]
fn a_gateway_that_wants_a_secret_is_told_one_that_is_there_and_nobody_is_asked() {
    let gateway = patient_gateway("secret = \"open sesame\"");
    let identify = json!({"type": "IDENTIFY", "name": "bob", "version": "0.2.0", "secret": "open sesame"});
    let mut bob = RawSocket::upgraded(gateway.address()).unwrap();
    bob.send_text(&identify.to_string()).unwrap();
    let hello = bob.read_text().unwrap();
    assert!(hello.contains("HELLO"), "{hello}");
    silent(&gateway.url(), &[]);
    silent(&gateway.url(), &["--ask-secret"]);
    let secret = [("CONCIERGE_SECRET", "open sesame")];
    let words = ["concierge", "send", "bo"];
    until(|| answers("fish", &gateway.url(), &words, &secret), |found| found == ["bob\t"]);
}

/// Asks again until the answer is right: a gateway has only a moment for it, and the machine may be busy.
fn until(ask: impl Fn() -> Vec<String>, right: impl Fn(&[String]) -> bool) {
    let mut found = Vec::new();
    for _ in 0..50 {
        found = ask();
        if right(&found) {
            return;
        }
    }
    panic!("{found:?}")
}

/// A gateway that says what it likes of who is there, and the signs that it did.
fn lying_gateway(name: &str) -> (String, Receiver<()>, Runtime) {
    let client = json!({"name": name, "nickname": null, "uuid": uuid::Uuid::new_v4(), "tags": []});
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(ScriptedListener::bind()).unwrap();
    let url = listener.url();
    let (told, lies) = channel();
    runtime.spawn(async move {
        loop {
            tokio::spawn(lie(listener.welcome().await, client.clone(), told.clone()));
        }
    });
    (url, lies, runtime)
}

async fn lie(mut gateway: ScriptedGateway, client: Value, told: Sender<()>) {
    for _ in 0..2 {
        let answer = match gateway.receive().await.get("type").and_then(Value::as_str) {
            Some("CLIENT_FETCH_ALL") => json!({"type": "CLIENT_FETCH_ALL_RESULT", "clients": [client]}),
            _ => json!({"type": "SERVICE_FETCH_ALL_RESULT", "services": []}),
        };
        gateway.answer(&answer).await;
    }
    told.send(()).unwrap();
    gateway.expect_close().await;
}

#[test]
fn a_client_whose_name_no_gateway_may_let_in_is_not_offered() {
    let words = ["concierge", "send", "b"];
    let (url, _lies, _runtime) = lying_gateway("bob");
    until(|| answers("fish", &url, &words, &[]), |found| found == ["bob\t"]);
    for name in ["b\u{1b}[2J", "b\nrm", "b\tx", "b\u{202e}x", "b;touch x", "b$(touch x)"] {
        let (url, lies, _runtime) = lying_gateway(name);
        let ask = || answers("fish", &url, &words, &[]);
        until(ask, |found| {
            assert!(found.is_empty(), "{found:?}");
            lies.try_recv().is_ok()
        });
    }
}

#[test]
fn powershell_is_given_a_script() {
    let mut command = command("concierge").unwrap();
    let script = collect(command.args(["completion", "powershell"])).join("\n");
    assert!(script.contains("Register-ArgumentCompleter -Native -CommandName concierge"), "{script}");
    for (opening, closing) in [('{', '}'), ('(', ')'), ('[', ']')] {
        assert_eq!(script.matches(opening).count(), script.matches(closing).count(), "{script}");
    }
    assert!(!script.contains('\u{1b}'), "{script}");
}
