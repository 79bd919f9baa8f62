//! Completion in the user's shell: scripts that ask this program what could come next, and its answers. Which shell wants what
//! quoted is in `shell.rs`, what a line says so far in `typed.rs`, what an argument can be in `tree.rs`, who is there in `live.rs`.

mod live;
mod shell;
mod tree;
mod typed;

pub(crate) use shell::Shell;

use std::{ffi::OsString, sync::Arc};

use clap_complete::{CompletionCandidate, engine};

use self::{live::Live, typed::Typed};
use crate::console::Console;

/// Something that could come next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    /// The whole word.
    value: String,
    /// What it is, in a few words; empty when it speaks for itself.
    about: String,
}

impl Candidate {
    /// Whether the word goes on: a folder, or an option's name and `=`.
    fn goes_on(&self) -> bool {
        self.value.ends_with(['/', '=']) || self.value == "svc:"
    }
}

impl Shell {
    /// What could come next, as this shell's script wants it: a line each. `arguments` are what the script passes on.
    pub(crate) fn complete(self, arguments: &[OsString], console: &Console) -> String {
        let typed = self.typed(arguments);
        let candidates = candidates(&typed, console);
        candidates.iter().map(|candidate| self.write(candidate, &typed) + "\n").collect()
    }
}

/// What could come next. Without an answer there is nothing to complete: whoever types is not to be told about it.
fn candidates(typed: &Typed, console: &Console) -> Vec<Candidate> {
    let Some((word, before)) = typed.words.split_last().filter(|(_, before)| !before.is_empty()) else {
        return Vec::new();
    };
    let live = Arc::new(Live::new(before, console));
    let arguments = typed.words.iter().map(OsString::from).collect();
    let folder = std::env::current_dir().ok();
    let found = engine::complete(&mut tree::command(&live), arguments, before.len(), folder.as_deref());
    let mut candidates: Vec<_> = found.unwrap_or_default().iter().filter_map(candidate).collect();
    // Options are in the way until one is begun.
    if !word.starts_with('-') {
        candidates.retain(|candidate| !candidate.value.starts_with('-'));
    }
    candidates
}

/// A candidate that a terminal and a shell can be shown.
fn candidate(found: &CompletionCandidate) -> Option<Candidate> {
    let value = found.get_value().to_str()?.to_owned();
    let about = found.get_help().map(ToString::to_string).unwrap_or_default();
    let about = about.lines().next().unwrap_or_default().replace('\t', " ");
    live::is_harmless(&value).then_some(Candidate { value, about })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> Vec<String> {
        let (console, _) = Console::in_memory("", [("CONCIERGE_URL", "ws://127.0.0.1:1/ws")]);
        let found = candidates(&typed::split(&format!("concierge {line}"), ""), &console);
        found.into_iter().map(|candidate| candidate.value).collect()
    }

    #[test]
    fn commands_options_and_their_values_are_completed() {
        assert_eq!(completed("who"), ["whoami"]);
        assert!(completed("").contains(&"send".to_owned()));
        assert!(!completed("").iter().any(|candidate| candidate.starts_with('-')));
        assert!(completed("services ").contains(&"create".to_owned()));
        assert_eq!(completed("whoami --js"), ["--json"]);
        assert_eq!(completed("whoami -o n"), ["ndjson"]);
        assert_eq!(completed("whoami --output=n"), ["--output=ndjson"]);
        assert_eq!(completed("events --type CLIENT_J"), ["CLIENT_JOINED"]);
        assert_eq!(completed("completion z"), ["zsh"]);
        assert!(completed("help ").contains(&"targets".to_owned()));
    }

    #[test]
    fn without_a_gateway_there_are_no_names_and_no_complaints() {
        assert_eq!(completed("send b"), Vec::<String>::new());
        assert_eq!(completed("send a"), ["all"]);
        assert_eq!(completed("listen "), Vec::<String>::new());
    }

    #[test]
    fn nonsense_completes_to_nothing() {
        for line in ["nonsense x", "--url", "send --nonsense ", "'", "\\"] {
            completed(line);
        }
    }
}
