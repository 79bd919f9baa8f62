//! Contexts and settings as one uses them: with the real program, in a home of its own.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::gateway::{Gateway, program};

/// A home, and a folder in it that one works in.
struct Home {
    home: TempDir,
}

impl Home {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("work")).unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("config/concierge/config.toml")
    }

    fn written(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    fn write(&self, text: &str) {
        fs::create_dir_all(self.config().parent().unwrap()).unwrap();
        fs::write(self.config(), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).env_clear().env("HOME", self.home.path());
        command.env("XDG_CONFIG_HOME", self.path("config")).env("XDG_STATE_HOME", self.path("state"));
        command.current_dir(self.path("work")).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program was built")
    }

    /// What a command that succeeds writes.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that fails with this exit code says.
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(output.stdout, b"", "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_context_is_added_used_shown_and_removed() {
    let home = Home::new();
    let added = home.told(&[
        "context",
        "add",
        "lab",
        "--url",
        "lab:1",
        "-N",
        "alice",
        "--tag",
        "x",
        "--timeout",
        "5s",
    ]);
    assert_eq!(added, "added lab  ws://lab:1/ws\n");
    home.told(&["context", "add", "prod", "--url", "wss://prod/ws", "--use"]);
    assert_eq!(home.told(&["context", "ls", "-o", "raw"]), "lab\nprod\n");
    assert_eq!(home.told(&["context", "use", "lab"]), "using lab  ws://lab:1/ws\n");
    assert_eq!(home.told(&["context", "use", "-"]), "using prod  wss://prod/ws\n");
    assert_eq!(home.told(&["context", "use", "-"]), "using lab  ws://lab:1/ws\n");
    let shown: Value = serde_json::from_str(&home.told(&["context", "show", "--json"])).unwrap();
    assert_eq!(
        (&shown["type"], &shown["context"], &shown["current"]),
        (&"context".into(), &"lab".into(), &true.into())
    );
    assert_eq!(
        (&shown["name"], &shown["timeout"], &shown["tags"][0]),
        (&"alice".into(), &"5s".into(), &"x".into())
    );
    assert_eq!(
        home.told(&["context", "ls", "-o", "tsv"]),
        "lab\tws://lab:1/ws\talice\ttrue\nprod\twss://prod/ws\t\tfalse\n"
    );
    assert_eq!(home.told(&["config", "explain", "url", "-o", "raw"]), "ws://lab:1/ws\n");
    assert_eq!(home.told(&["-c", "prod", "config", "explain", "url", "-o", "raw"]), "wss://prod/ws\n");
    assert_eq!(home.told(&["context", "rm", "lab"]), "removed lab  ws://lab:1/ws\n");
    assert_eq!(home.told(&["context", "ls", "-o", "ndjson"]).lines().count(), 1);
    assert!(home.refused(2, &["context", "show"]).starts_with("error: no context is used\n"));
}

#[test]
fn what_cannot_be_done_with_a_context_is_told() {
    let home = Home::new();
    assert!(home.refused(2, &["context", "use", "-"]).contains("there was no context before this one"));
    assert!(home.refused(2, &["context", "add", "lab"]).contains("a context needs the URL of its gateway"));
    home.told(&["context", "add", "lab", "--url", "lab:1"]);
    assert!(home.refused(2, &["context", "use", "lba"]).ends_with("hint:  did you mean \"lab\"?\n"));
    assert!(
        home.refused(2, &["context", "add", "lab", "--url", "b:1"])
            .contains("there is a context \"lab\" already")
    );
    assert!(home.refused(2, &["context", "add", "../x", "--url", "b:1"]).contains("no '/'"));
    assert!(home.refused(2, &["-c", "lba", "whoami"]).contains("there is no context \"lba\""));
    home.told(&["context", "add", "lab", "--url", "b:1", "--replace"]);
    assert_eq!(home.told(&["context", "show", "lab", "-o", "raw"]), "ws://b:1/ws\n");
}

#[test]
fn comments_and_order_of_the_file_stay() {
    let home = Home::new();
    let before = "# mine\nname = \"al\" # me\n\n# the lab\n[contexts.lab]\nurl = \"lab:1\" # upstairs\n";
    home.write(before);
    home.told(&["context", "add", "prod", "--url", "prod:1"]);
    assert_eq!(home.written(), format!("{before}\n[contexts.prod]\nurl = \"ws://prod:1/ws\"\n"));
    home.told(&["context", "use", "prod"]);
    home.told(&["context", "use", "lab"]);
    home.told(&["context", "use", "-"]);
    home.told(&["context", "rm", "prod"]);
    // What was used before is remembered; all else is as it was.
    assert_eq!(home.written(), before.replace("\n\n", "\nprevious_context = \"lab\"\n\n"));
}

#[test]
fn a_file_of_comments_alone_keeps_them_at_its_top() {
    let home = Home::new();
    home.write("# mine\n# alone\n");
    home.told(&["context", "add", "lab", "--url", "lab:1", "--use"]);
    let expected = "# mine\n# alone\n\ncontext = \"lab\"\n\n[contexts.lab]\nurl = \"ws://lab:1/ws\"\n";
    assert_eq!(home.written(), expected);
}

#[test]
fn the_file_is_private_and_a_link_to_it_stays_one() {
    let home = Home::new();
    home.told(&["context", "add", "lab", "--url", "lab:1"]);
    assert_eq!((mode(&home.config()), mode(home.config().parent().unwrap())), (0o600, 0o700));
    let elsewhere = home.path("dotfiles.toml");
    fs::rename(home.config(), &elsewhere).unwrap();
    symlink(&elsewhere, home.config()).unwrap();
    home.told(&["context", "add", "prod", "--url", "prod:1"]);
    assert!(fs::symlink_metadata(home.config()).unwrap().is_symlink());
    assert!(fs::read_to_string(&elsewhere).unwrap().contains("[contexts.prod]"));
    let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(names(home.config().parent().unwrap()), 1);
}

#[test]
fn contexts_added_at_the_same_time_are_all_there() {
    let home = Home::new();
    let added: Vec<_> = (0..8)
        .map(|number| {
            let (name, url) = (format!("c{number}"), format!("host:{}", number + 1));
            home.command(&["context", "add", &name, "--url", &url])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in added {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(home.told(&["context", "ls", "-o", "raw"]).lines().count(), 8);
}

#[test]
fn a_file_that_makes_no_sense_stays_as_it_is() {
    let home = Home::new();
    home.write("url = \n");
    for arguments in [
        &["context", "add", "lab", "--url", "lab:1"][..],
        &["context", "ls"],
        &["whoami"],
        &["config", "check"],
    ] {
        let told = home.refused(2, arguments);
        assert!(told.contains("config.toml:1: "), "{told}");
    }
    assert_eq!(home.written(), "url = \n");
    assert!(home.told(&["config", "path", "-o", "tsv"]).contains("config.toml\ttrue\n"));
}

#[test]
fn a_secret_in_the_file_needs_a_private_file_and_is_never_shown() {
    let home = Home::new();
    home.write("context = \"lab\"\n[contexts.lab]\nurl = \"lab:1\"\nsecret = \"canary\"\n");
    fs::set_permissions(home.config(), fs::Permissions::from_mode(0o640)).unwrap();
    let told = home.refused(10, &["whoami"]);
    assert!(told.contains("config.toml:4: others can read the file") && told.contains("chmod 600"), "{told}");
    fs::set_permissions(home.config(), fs::Permissions::from_mode(0o600)).unwrap();
    for format in ["human", "json", "ndjson", "tsv", "raw"] {
        for arguments in [
            &["config", "explain"][..],
            &["context", "ls"],
            &["context", "show"],
            &["-v", "config", "explain", "secret"],
        ] {
            let output = home.run(&[arguments, &["-o", format]].concat());
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(
                !format!(
                    "{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                )
                .contains("canary")
            );
        }
    }
    assert_eq!(home.told(&["config", "explain", "secret", "-o", "raw"]), "set\n");
}

#[test]
fn a_project_file_is_found_above_and_its_gateway_gets_no_secret_of_the_environment() {
    let gateway = Gateway::start();
    let home = Home::new();
    let below = home.path("work/src/deep");
    fs::create_dir_all(&below).unwrap();
    fs::write(home.path("work/.concierge.toml"), format!("name = \"shop\"\nurl = {:?}\n", gateway.url))
        .unwrap();
    let output = home
        .command(&["whoami", "--json"])
        .current_dir(&below)
        .env("CONCIERGE_SECRET", "canary")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["client"]["name"], "shop");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("CONCIERGE_SECRET is not sent") && !notes.contains("canary"), "{notes}");
}

#[test]
fn a_secret_gets_in_with_its_context_and_nowhere_else() {
    let gateway = Gateway::configured("secret = \"open sesame, please\"\n");
    let home = Home::new();
    fs::write(home.path("key"), "open sesame, please\n").unwrap();
    fs::set_permissions(home.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let key = home.path("key");
    home.told(&[
        "context",
        "add",
        "lab",
        "--url",
        &gateway.url,
        "--secret-file",
        key.to_str().unwrap(),
        "--use",
    ]);
    assert!(home.told(&["whoami"]).contains(&gateway.url));
    let other = Gateway::configured("secret = \"open sesame, please\"\n");
    let told = home.refused(4, &["--url", &other.url, "whoami"]);
    assert!(told.starts_with("the secret of context lab is not sent"), "{told}");
}

#[test]
fn where_settings_come_from_is_told_with_verbose() {
    let gateway = Gateway::start();
    let home = Home::new();
    home.told(&["context", "add", "lab", "--url", &gateway.url, "--use"]);
    let output = home.run(&["-v", "-N", "bob", "whoami"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains(&format!("url is {}, from context lab, ", gateway.url)), "{notes}");
    assert!(notes.contains("name is bob, from --name\n"), "{notes}");
}

#[test]
fn contexts_and_settings_are_there_in_a_script_too() {
    let gateway = Gateway::start();
    let home = Home::new();
    home.told(&["context", "add", "lab", "--url", &gateway.url, "--use"]);
    home.told(&["context", "add", "prod", "--url", "prod:1"]);
    fs::write(
        home.path("work/x.concierge"),
        "context ls -o raw\nconfig explain url -o raw\ncontext use prod\n",
    )
    .unwrap();
    let output = home.run(&["run", "x.concierge"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told, format!("lab\nprod\n{}\nusing prod  ws://prod:1/ws\n", gateway.url));
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains(&format!("this session stays at {}", gateway.url)), "{notes}");
}
