//! The READMEs are true: every command in them works, in the order in which somebody would type them, in company of others.

use std::path::{Path, PathBuf};

use support::company::Company;
use support::gateway::Gateway;
use support::reader::Reader;

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

/// What somebody is told to measure; it takes long.
fn measurements(text: &str) -> Vec<&str> {
    let starts = ["cargo bench ", "tests/bench/"];
    text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
}

/// Types every command of a text, and returns how many there were.
fn type_all(path: &str) -> usize {
    let gateway = Gateway::for_applications().unwrap();
    let company = Company::join(&gateway.url()).unwrap();
    let reader = Reader::at(&gateway).unwrap();
    let text = read(path);
    let commands = commands(&text);
    for command in &commands {
        if is_run_by_the_tests(command) || command.starts_with("export PATH=") {
            continue;
        }
        // The commands behind it talk to the test's gateway: that this one starts is enough.
        let starts_gateway =
            ["concierge-server", "concierge server"].iter().any(|start| command.starts_with(start));
        let command =
            if starts_gateway { format!("{command}    # until Ctrl-C") } else { (*command).to_owned() };
        let wrote = reader.types(&command).unwrap_or_else(|error| panic!("{path}: {error:#}"));
        let fails = command.contains("ended with $?");
        assert!(!wrote.stdout.is_empty() || is_quiet(&command), "{path}: `{command}` printed nothing");
        assert!(fails || !wrote.stderr.contains("error:"), "{path}: `{command}` said:\n{}", wrote.stderr);
    }
    drop(company);
    commands.len()
}

/// Whether a command has nothing to say when all is well.
fn is_quiet(command: &str) -> bool {
    command.starts_with("mkdir ") || command.starts_with("printf ") && command.contains(" > ")
}

#[test]
fn every_command_of_the_readme_works() {
    assert!(type_all("README.md") > 6, "the README has lost its commands");
}

#[test]
fn every_command_of_the_guide_to_the_command_works() {
    assert!(type_all("concierge-cli/README.md") > 30, "the guide has lost its commands");
}

#[test]
fn every_command_of_the_guide_to_the_gateway_works() {
    assert!(type_all("concierge-server/README.md") > 2, "the guide has lost its commands");
}

#[test]
fn everything_that_the_page_about_performance_measures_is_there() {
    let page = read("concierge-server/PERFORMANCE.md");
    let measurements = measurements(&page);
    assert!(measurements.len() > 5, "the page has lost its commands");
    for command in measurements {
        let mut words = command.split_whitespace();
        let script = words.next().filter(|first| first.contains('/'));
        let benchmark = words.skip_while(|word| *word != "--bench").nth(1);
        let (path, line) = match (script, benchmark) {
            (Some(script), _) => (script.to_owned(), "#!/usr/bin/env bash".to_owned()),
            (None, Some(name)) if command.contains("-p concierge-server ") => {
                ("concierge-server/Cargo.toml".to_owned(), format!("name = \"{name}\""))
            }
            (None, name) => {
                ("tests/bench/Cargo.toml".to_owned(), format!("name = \"{}\"", name.unwrap_or_default()))
            }
        };
        assert!(read(&path).lines().any(|there| there == line), "`{command}` is not there");
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
