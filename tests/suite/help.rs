//! The help of every command has examples, and each of them works when it is typed.

use std::sync::Mutex;

use support::company::Company;
use support::gateway::Gateway;
use support::reader::Reader;

/// How many pages are typed at a time.
const TYPISTS: usize = 6;

/// A page of help: the words after `concierge`, and the text.
struct Page {
    command: String,
    text: String,
}

/// The pages of a command and of everything below it.
fn pages(reader: &Reader, command: &str) -> Vec<Page> {
    let text = reader.types(&format!("{command} --help")).unwrap().stdout.join("\n");
    let listed = text.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let listed = listed.split("\n\n").next().unwrap_or_default();
    // A name stands two columns in; what is further in is the rest of an explanation.
    let names = listed
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let below: Vec<_> = names.flat_map(|name| pages(reader, &format!("{command} {name}"))).collect();
    let own = Page { command: command.to_owned(), text };
    std::iter::once(own).chain(below).collect()
}

/// The lines under `Examples:`, as they stand there.
fn examples(text: &str) -> Vec<&str> {
    let rest = text.split_once("\nExamples:\n").map_or("", |(_, rest)| rest);
    rest.lines().take_while(|line| !line.is_empty()).collect()
}

/// The events that the examples of help know.
const EVENTS: &str = r#"[{"name": "shop.Order", "delivery": "guaranteed"}, {"name": "shop.View"}]"#;
const TASKS: &str = r#"[{"name": "todo.Task", "audience": "public", "retain": 10}]"#;

/// What the examples of help take for granted.
fn furnish(reader: &Reader) {
    let joins = r#"{"type":"IDENTIFY","name":"frank","version":"0.2.0","tags":[]}"#;
    for (path, text) in [
        ("message.json", r#"{"text": "from a file"}"#),
        ("payloads.ndjson", joins),
        ("morning.concierge", "# every day\nclients ls\n@bob good morning\n"),
        ("tests.concierge", "services create chat\nservices show chat\nassert '.service.name == \"chat\"'\n"),
        ("map.json", "{}"),
        ("maps/north.json", "{}"),
        ("notes.txt", "a note\n"),
        ("secret", "correct horse battery staple\n"),
        ("events.json", EVENTS),
        ("tasks.json", TASKS),
        ("events.ndjson", "{\"event\": \"shop.View\", \"data\": {\"page\": 7}}\n"),
        ("grants.json", r#"{"shop.Order": {"filters": {"customer": 42}}}"#),
    ] {
        reader.keep(path, text).unwrap();
    }
    for line in [
        "concierge context add office --url ws://192.0.2.7:64209/ws --use",
        "concierge context add home --url ws://192.0.2.7:64209/ws",
        "concierge context use home",
        "concierge event register events.json --source shop",
        "concierge event register tasks.json --source todo",
        "concierge event publish todo.Task title='Buy milk' priority:=3",
    ] {
        reader.types(line).unwrap();
    }
}

/// What is wrong with the examples of a page, each typed as it stands.
fn wrong_with(page: &Page, gateway: &Gateway) -> Vec<String> {
    let Page { command, text } = page;
    let examples = examples(text);
    if examples.is_empty() {
        return vec![format!("`{command} --help` has no examples")];
    }
    // Each page stands for itself.
    let reader = Reader::at(gateway).unwrap();
    furnish(&reader);
    let typed = examples.into_iter().filter_map(|example| match example.strip_prefix("  ") {
        Some(line) => reader.types(line).err().map(|error| format!("{command}: {error:#}")),
        None => Some(format!("`{command} --help` breaks an example: {example:?}")),
    });
    typed.collect()
}

#[test]
#[ignore = "takes thirty seconds: tests/run runs it"]
fn every_example_of_every_help_works() {
    let gateway = Gateway::for_applications().unwrap();
    let pages = pages(&Reader::at(&gateway).unwrap(), "concierge");
    assert!(pages.len() > 30, "the tree of commands was not found: {} pages", pages.len());
    let left = Mutex::new(pages);
    let next = || left.lock().unwrap().pop();
    // Most of it is waiting. Names are taken once a gateway, so each of those who type has one.
    let typist = || {
        let gateway = Gateway::for_applications().unwrap();
        let company = Company::join(&gateway.url()).unwrap();
        let wrong: Vec<_> = std::iter::from_fn(next).flat_map(|page| wrong_with(&page, &gateway)).collect();
        drop(company);
        wrong
    };
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let typists: Vec<_> = (0..TYPISTS).map(|_| scope.spawn(typist)).collect();
        typists.into_iter().flat_map(|typist| typist.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn examples_are_the_lines_below_their_heading() {
    let text = "Does it.\n\nExamples:\n  concierge a\n  concierge b  # again\n\nExit codes: 0.";
    assert_eq!(examples(text), ["  concierge a", "  concierge b  # again"]);
    assert!(examples("Usage: concierge a").is_empty());
}
