//! The architecture that the README describes is the one that is there: arrows point inward, the inner halves have nothing
//! to do IO with, the folders are those named, and every path that is named exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A pure module: its folder, and what of its own crate it may use beside itself.
const PURE: &[(&str, &[&str])] = &[
    ("concierge-client/src/payload", &[]),
    ("concierge-client/src/session", &["payload"]),
    // Its root names what is connected, for users to find it there.
    ("concierge-client/src/telegraphy", &["live", "payload", "publisher", "session"]),
    ("concierge-server/src/hub", &[]),
    ("concierge-server/src/dialect/concierge", &["hub"]),
    ("concierge-server/src/dialect/telegraphy", &["events"]),
    ("concierge-server/src/events", &[]),
    ("concierge-server/src/files", &["hub"]),
];

/// What nothing pure may name: clocks, randomness, sockets, files, tasks, threads, the environment.
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "tungstenite",
    "tracing",
    "getrandom",
    "rand::",
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "new_v4",
    "println!",
    "async fn",
];

/// Crates, and those they may not know of.
const STRANGERS: &[(&str, &[&str])] = &[
    ("concierge-client/src", &["concierge_server", "concierge_cli"]),
    ("concierge-server/src", &["concierge_cli"]),
];

/// What may lie at the top level.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "concierge-cli",
    "concierge-client",
    "concierge-server",
    "examples",
    "target",
    "tests",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// Every Rust source below a folder, in a fixed order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A source without its comments, which may speak of anything. Doc-tests are comments too.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| match line.find("//") {
        Some(0) => "",
        Some(start) if line.get(..start).is_some_and(|before| before.ends_with(char::is_whitespace)) => {
            line.get(..start).unwrap_or_default()
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of its own crate that a source names, as `crate::module` or in `use crate::{…}`.
fn modules_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (position, matched) in code.match_indices("crate::") {
        let before = code.get(..position).unwrap_or_default();
        if before.ends_with(|character: char| character.is_alphanumeric() || character == '_') {
            continue;
        }
        let rest = code.get(position + matched.len()..).unwrap_or_default();
        match rest.strip_prefix('{') {
            Some(group) => used.extend(group_heads(group)),
            None => used.extend(identifier(rest)),
        }
    }
    used
}

/// Whether a source has this identifier, and not just one that begins with it.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(start, _)| code.get(start..).and_then(identifier).as_deref() == Some(name))
}

fn identifier(text: &str) -> Option<String> {
    let end =
        text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len());
    text.get(..end).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The first names inside the braces of `use crate::{first::…, second}`.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut expected = true;
    for (position, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            character if expected && !character.is_whitespace() => {
                heads.extend(group.get(position..).and_then(identifier));
                expected = false;
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn the_use_of_modules_is_read_correctly() {
    let code =
        "use crate::{hub::{Hub, net::X}, payload, dialect::concierge};\nlet x = crate::net::Y; my_crate::z";
    let used: Vec<_> = modules_used(code).into_iter().collect();
    assert_eq!(used, ["dialect", "hub", "net", "payload"]);
    assert!(names("use concierge_cli::run;", "concierge_cli") && !names("concierge_client", "concierge_cli"));
}

#[test]
fn arrows_point_inward() {
    for (folder, allowed) in PURE {
        let own = folder.rsplit('/').next().unwrap();
        for path in sources(&root().join(folder)) {
            for module in modules_used(&code(&path)) {
                assert!(
                    module == own || allowed.contains(&module.as_str()),
                    "{} uses crate::{module}, which lies further out",
                    path.display()
                );
            }
        }
    }
    for (folder, strangers) in STRANGERS {
        for path in sources(&root().join(folder)) {
            for stranger in *strangers {
                assert!(!names(&code(&path), stranger), "{} knows of {stranger}", path.display());
            }
        }
    }
}

#[test]
fn pure_modules_have_nothing_to_do_io_with() {
    for (folder, _) in PURE {
        for path in sources(&root().join(folder)) {
            let code = code(&path);
            for word in IMPURE {
                assert!(!code.contains(word), "{} names {word}", path.display());
            }
        }
    }
}

#[test]
fn pure_modules_deny_what_clippy_can_see() {
    for (folder, _) in PURE {
        // What holds for a folder holds for those in it.
        let folder = if folder.contains("/dialect/") { "concierge-server/src/dialect" } else { folder };
        let module = fs::read_to_string(root().join(folder).join("mod.rs")).unwrap();
        assert!(
            module.contains("#![deny(clippy::disallowed_methods, clippy::disallowed_types)]"),
            "{folder}/mod.rs does not deny clocks and unordered maps"
        );
    }
}

#[test]
fn every_source_says_first_what_it_owns() {
    for package in ["concierge-client", "concierge-server", "concierge-cli", "examples", "tests"] {
        for path in sources(&root().join(package)) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//!"), "{} does not open with what it owns", path.display());
        }
    }
}

#[test]
fn every_transcript_of_telegraphy_is_played() {
    let tests = root().join("concierge-server/src/dialect/telegraphy/tests/mod.rs");
    let played = fs::read_to_string(tests).unwrap();
    for entry in fs::read_dir(root().join("tests/golden/telegraphy")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
        // A list, played by the SDK's tests.
        let is_played = name == "payloads" || played.contains(&format!("\"{name}\""));
        assert!(is_played, "{} is played by nobody", path.display());
    }
}

#[test]
fn the_top_level_holds_what_the_readme_names_and_no_more() {
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || TOP_LEVEL.contains(&name.as_str()),
            "{name} has no place at the top level"
        );
    }
}

#[test]
fn every_path_that_a_readme_names_exists() {
    for readme in [
        "README.md",
        "concierge-client/README.md",
        "concierge-server/README.md",
        "concierge-server/PERFORMANCE.md",
        "concierge-cli/README.md",
        "examples/README.md",
    ] {
        let path = root().join(readme);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{readme}: {error}"));
        let folder = path.parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
        let quoted = text.split('`').skip(1).step_by(2).filter(|word| looks_like_a_path(word));
        for named in links.chain(quoted) {
            let named = named.split('#').next().unwrap_or_default();
            assert!(
                folder.join(named).exists() || root().join(named).exists(),
                "{readme} names {named}, which does not exist"
            );
        }
    }
}

/// Words in backticks that can only be meant as a path of the repository.
fn looks_like_a_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    let ours = ["concierge-client", "concierge-server", "concierge-cli", "examples", "tests", ".ci"];
    let plain = word.chars().all(|character| character.is_alphanumeric() || "/_-.".contains(character));
    plain && word.contains('/') && ours.contains(&first)
}
