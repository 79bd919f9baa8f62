//! Hints: what could follow what is typed. The rest of an earlier line that began like this one, else what the command takes next.
//! Pure: the line, the earlier lines and the command tree in, a text out.

use clap::{Arg, Command};

use super::complete::tree;
use crate::grammar::split;

/// Lines longer than this, in bytes, get none.
const LONGEST: usize = 1024;

/// What is shown behind the cursor, dimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// The rest of an earlier line, which a key completes.
    Earlier(String),
    /// What comes next.
    Next(String),
}

impl rustyline::hint::Hint for Hint {
    fn display(&self) -> &str {
        match self {
            Self::Earlier(text) | Self::Next(text) => text,
        }
    }

    fn completion(&self) -> Option<&str> {
        match self {
            Self::Earlier(text) => Some(text),
            Self::Next(_) => None,
        }
    }
}

/// The hint for a line with the cursor at its end; `earlier` is the latest line that begins like it.
pub(super) fn hint(line: &str, earlier: Option<&str>) -> Option<Hint> {
    if line.trim().is_empty() || line.len() > LONGEST {
        return None;
    }
    let rest = earlier.and_then(|earlier| earlier.strip_prefix(line));
    if let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.contains(char::is_control)) {
        return Some(Hint::Earlier(rest.to_owned()));
    }
    next(line).map(Hint::Next)
}

/// What the command takes that is not there yet: after a space, as a word in progress says itself what it is.
fn next(line: &str) -> Option<String> {
    let words = split(line).ok()?.words;
    let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let is_begun = !line.ends_with(char::is_whitespace);
    if let [target] = words.as_slice()
        && target.starts_with(['@', '#'])
    {
        let shows = target.len() > 1;
        return shows.then(|| if is_begun { " PAYLOAD" } else { "PAYLOAD" }.to_owned());
    }
    let (first, mut rest) = words.split_first()?;
    let mut command = tree().find_subcommand(first)?;
    while let Some((word, after)) = rest.split_first()
        && let Some(nested) = command.find_subcommand(word)
    {
        (command, rest) = (nested, after);
    }
    let text = if command.has_subcommands() {
        if rest.is_empty() { names_of(command) } else { return None }
    } else {
        arguments_of(command, rest)
    };
    let gap = if is_begun { " " } else { "" };
    (!text.is_empty() && (!is_begun || rest.is_empty())).then(|| format!("{gap}{text}"))
}

fn names_of(command: &Command) -> String {
    command.get_subcommands().map(Command::get_name).collect::<Vec<_>>().join("|")
}

/// The positional arguments that are still to come, or the value that the last option wants.
fn arguments_of(command: &Command, words: &[&str]) -> String {
    let place = Place::after(command, words);
    if let Some(option) = place.option {
        return name_of(option);
    }
    let coming: Vec<_> = command.get_positionals().skip(place.positionals).collect();
    if coming.is_empty()
        && let Some(last) = command.get_positionals().last()
        && takes_many(last)
    {
        return format!("[{}]…", name_of(last));
    }
    let texts = coming.into_iter().map(|argument| {
        let name = name_of(argument);
        let many = if takes_many(argument) { "…" } else { "" };
        if argument.is_required_set() { format!("{name}{many}") } else { format!("[{name}]{many}") }
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Where in a command one is after some words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The option whose value comes next.
    pub option: Option<&'a Arg>,
    /// How many positional arguments there are already.
    pub positionals: usize,
}

impl<'a> Place<'a> {
    /// After these words of a command.
    pub(super) fn after(command: &'a Command, words: &[&str]) -> Self {
        let mut place = Self { option: None, positionals: 0 };
        for word in words {
            if place.option.take().is_some() {
                continue;
            }
            match option_of(command, word) {
                Some(option) if word.contains('=') || !option.get_action().takes_values() => {}
                Some(option) => place.option = Some(option),
                None if word.starts_with('-') && word.len() > 1 => {}
                None => place.positionals += 1,
            }
        }
        place
    }

    /// The argument that comes next.
    pub(super) fn argument(self, command: &'a Command) -> Option<&'a Arg> {
        let last = || command.get_positionals().last().filter(|last| takes_many(last));
        self.option.or_else(|| command.get_positionals().nth(self.positionals)).or_else(last)
    }
}

fn option_of<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let name = word.split('=').next().unwrap_or_default();
    let is_named = |argument: &&Arg| match name.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => name.strip_prefix('-').is_some_and(|short| {
            let mut characters = short.chars();
            characters.next() == argument.get_short()
                && characters.next().is_none()
                && argument.get_short().is_some()
        }),
    };
    command.get_arguments().find(is_named)
}

/// What an argument is called in the help.
pub(super) fn name_of(argument: &Arg) -> String {
    match argument.get_value_names().and_then(<[_]>::first) {
        Some(name) => name.to_string(),
        None => argument.get_id().as_str().to_uppercase(),
    }
}

fn takes_many(argument: &Arg) -> bool {
    matches!(argument.get_action(), clap::ArgAction::Append)
        || argument.get_num_args().is_some_and(|range| range.max_values() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Option<String> {
        match hint(line, None)? {
            Hint::Next(text) => Some(text),
            Hint::Earlier(text) => panic!("{text}"),
        }
    }

    #[test]
    fn the_next_arguments_are_told() {
        for (line, next) in [
            ("send ", Some("TARGET [PAYLOAD]…")),
            ("send", Some(" TARGET [PAYLOAD]…")),
            ("send bob ", Some("[PAYLOAD]…")),
            ("send bob hi ", Some("[PAYLOAD]…")),
            ("clients ", Some("ls|show|wait")),
            ("clients show ", Some("CLIENT")),
            ("events --for ", Some("TIME")),
            ("@bob ", Some("PAYLOAD")),
            ("@bob", Some(" PAYLOAD")),
            ("@", None),
            ("whoami ", None),
            ("nonsense ", None),
            ("send bob {\"a\":", None),
            ("", None),
        ] {
            assert_eq!(shown(line).as_deref(), next, "{line:?}");
        }
    }

    #[test]
    fn an_earlier_line_that_begins_like_this_comes_first() {
        let earlier = |line, earlier| hint(line, Some(earlier));
        assert_eq!(earlier("send b", "send bob hi"), Some(Hint::Earlier("ob hi".into())));
        assert_eq!(earlier("send ", "send "), Some(Hint::Next("TARGET [PAYLOAD]…".into())));
        assert_eq!(earlier("send bob", "send bob \u{1b}[2J"), None);
    }
}
