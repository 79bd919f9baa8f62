//! The README is true: every command in it works, in the order in which a reader would type them.
//!
//! A gateway that a command starts runs until the end; the commands after it find it under the default settings' name,
//! `CONCIERGE_URL`, because a test has no port of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use support::gateway::server_command;
use support::process::{Program, program};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a reader is told to type: the lines after `$` in blocks marked `console`.
fn commands(text: &str) -> Vec<&str> {
    text.split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("$ "))
        .collect()
}

/// Whether `tests/run` itself does what this command says; it cannot be run inside of a test that it runs.
fn is_run_by_the_tests(command: &str) -> bool {
    let script = read("tests/run");
    command == "tests/run" || (command.starts_with("cargo ") && names_words(&script, command))
}

/// Whether a line of the script has all the words of the command, beginning with its first two.
fn names_words(script: &str, command: &str) -> bool {
    let words: Vec<_> = command.split_whitespace().collect();
    script.lines().filter(|line| line.contains(&words[..2].join(" "))).any(|line| {
        let there: Vec<_> = line.split([' ', ')', '(']).collect();
        words.iter().all(|word| there.contains(word))
    })
}

#[test]
fn every_command_of_the_readme_works() {
    let text = read("README.md");
    let commands = commands(&text);
    assert!(commands.len() > 6, "the README has lost its commands: {commands:?}");
    let programs = program("concierge").unwrap().parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let home = tempfile::tempdir().unwrap();
    let mut gateway: Option<(Program, String)> = None;
    for command in commands {
        if is_run_by_the_tests(command) || command.starts_with("export PATH=") {
            continue;
        }
        if let Some(arguments) = command.strip_prefix("concierge-server ") {
            let mut server = server_command().unwrap();
            server.args(arguments.replace(":64209", ":0").split_whitespace());
            let mut program = Program::start("concierge-server", &mut server).unwrap();
            let line = program.next_line().unwrap();
            let url = line.strip_prefix("listening on ").expect("it says where it listens").to_owned();
            gateway = Some((program, url));
            continue;
        }
        let (_, url) = gateway.as_ref().expect("the README starts a gateway before it uses one");
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(root())
            .env("PATH", &path)
            .env("HOME", home.path())
            .env("CONCIERGE_URL", url)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{command}` ended with {}:\n{said}", output.status);
        assert!(!output.stdout.is_empty(), "`{command}` printed nothing");
        assert!(!said.contains("error") && !said.contains("panicked"), "`{command}` said:\n{said}");
    }
}

#[test]
fn a_command_that_the_tests_do_not_run_is_noticed() {
    let script = "cargo build --locked --release --workspace\noutput=$(x | cargo run --release --quiet)";
    assert!(names_words(script, "cargo build --release --workspace"));
    assert!(names_words(script, "cargo run --release"));
    assert!(!names_words(script, "cargo run --release --example hello"));
    assert!(!names_words(script, "cargo install --path concierge-cli"));
}
