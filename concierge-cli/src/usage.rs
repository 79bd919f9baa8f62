//! A command line that makes no sense: what the parser of arguments says about it, in this command's own form.

use clap::{
    CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    args::{self, ReplLine},
    exit::Exit,
    failure::Failure,
    suggest::nearest,
};

/// Which commands there are: most are in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// Those of the shell.
    Shell,
    /// Those of the REPL and of scripts.
    Session,
}

impl Grammar {
    fn tree(self) -> clap::Command {
        match self {
            Self::Shell => args::command(),
            Self::Session => ReplLine::command(),
        }
    }

    /// What to try instead of a command that is not there.
    fn hint(self, typed: &str, guesses: Vec<String>) -> String {
        let (other, elsewhere, list) = match self {
            Self::Shell => {
                (Self::Session, format!("`{typed}` is for the REPL and for scripts"), "`concierge help`")
            }
            Self::Session => (Self::Shell, format!("that is for a shell: concierge {typed}"), "`help`"),
        };
        if self == Self::Session && typed == "concierge" {
            return "commands stand on their own here: leave `concierge` out".to_owned();
        }
        if other.tree().find_subcommand(typed).is_some() {
            return elsewhere;
        }
        if typed.starts_with(['{', '[', '"']) {
            return "a payload needs a target: @NAME or #SERVICE before it, or `send TARGET`".to_owned();
        }
        let names = if guesses.is_empty() { names(&self.tree()).collect() } else { guesses };
        match nearest(typed, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("{list} lists the commands"),
        }
    }
}

/// The commands of a tree that are shown.
fn names(tree: &clap::Command) -> impl Iterator<Item = String> {
    tree.get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
}

/// A word that is no command below another one, as what the parser says of the usage tells.
fn explain_below(typed: &str, error: &clap::Error, grammar: Grammar) -> Option<Failure> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let tree = grammar.tree();
    let (mut path, mut below) = (Vec::new(), &tree);
    for word in usage.to_string().split_whitespace() {
        if let Some(next) = below.find_subcommand(word) {
            path.push(next.get_name().to_owned());
            below = next;
        }
    }
    if path.is_empty() {
        return None;
    }
    let failure = Failure::usage(format!("there is no command {typed:?} below `{}`", path.join(" ")));
    Some(match nearest(typed, names(below)) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint(format!("there is {}", names(below).collect::<Vec<_>>().join(", "))),
    })
}

/// What the parser of arguments says, in this command's own form.
pub(crate) fn explain(error: &clap::Error, grammar: Grammar) -> Failure {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand)
    {
        return explain_below(typed, error, grammar).unwrap_or_else(|| {
            Failure::usage(format!("there is no command {typed:?}")).hint(grammar.hint(typed, guesses(error)))
        });
    }
    if error.kind() == ErrorKind::MissingSubcommand
        && let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(ContextValue::Strings(names)) = error.get(ContextKind::ValidSubcommand)
    {
        return Failure::usage(format!("`{command}` needs a command: {}", names.join(", ")))
            .hint(format!("`{command} --help` tells what they do"));
    }
    if error.kind() == ErrorKind::ArgumentConflict {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default();
        return Failure::usage(message.strip_prefix("error: ").unwrap_or(message))
            .hint("leave one of them out");
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message: Vec<_> = first.lines().map(str::trim).collect();
    // A bound that no number is above says nothing.
    let message = message.join(" ").replace(&format!("is not in 1..{}", u64::MAX), "is less than 1");
    let failure = Failure::new(Exit::Usage, message.strip_prefix("error: ").unwrap_or(&message));
    let mut hint = None;
    for paragraph in paragraphs {
        let paragraph = paragraph.trim();
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            hint = Some(tip.lines().next().unwrap_or_default().to_owned());
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            hint.get_or_insert_with(|| format!("usage: {}", usage.lines().next().unwrap_or_default().trim()));
        }
    }
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What the parser guesses that was meant.
fn guesses(error: &clap::Error) -> Vec<String> {
    match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(names)) => names.clone(),
        Some(ContextValue::String(name)) => vec![name.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    fn in_session(line: &str) -> Failure {
        explain(&ReplLine::try_parse_from(line.split_whitespace()).unwrap_err(), Grammar::Session)
    }

    fn in_shell(line: &str) -> Failure {
        let words = ["concierge"].into_iter().chain(line.split_whitespace());
        explain(&Cli::try_parse_from(words).unwrap_err(), Grammar::Shell)
    }

    #[test]
    fn an_unknown_command_is_told_with_what_was_meant() {
        let failure = in_session("sned bob hi");
        assert_eq!(failure.message(), "there is no command \"sned\"");
        assert_eq!(failure.hinted(), Some("did you mean `send`?"));
        assert_eq!(in_session("frobnicate").hinted(), Some("`help` lists the commands"));
        assert!(in_session(r#"{"a":1}"#).hinted().unwrap().starts_with("a payload needs a target"));
    }

    #[test]
    fn an_unknown_command_below_another_is_told_with_those_that_are_there() {
        let failure = in_session("context lss");
        assert_eq!(failure.message(), "there is no command \"lss\" below `context`");
        assert_eq!(failure.hinted(), Some("did you mean `ls`?"));
        assert_eq!(in_session("config frob").hinted(), Some("there is explain, path, check"));
        assert_eq!(in_shell("--name x clients frob").hinted(), Some("there is ls, show, wait"));
        let help = in_shell("clients help");
        assert_eq!(help.message(), "there is no command \"help\" below `clients`");
    }

    #[test]
    fn a_command_of_the_shell_is_told_as_such_and_the_other_way_round() {
        assert_eq!(in_session("raw").hinted(), Some("that is for a shell: concierge raw"));
        assert!(in_session("concierge whoami").hinted().unwrap().contains("leave `concierge` out"));
        assert_eq!(in_shell("mute").hinted(), Some("`mute` is for the REPL and for scripts"));
        assert_eq!(in_shell("sned").hinted(), Some("did you mean `send`?"));
        assert_eq!(in_shell("frobnicate").hinted(), Some("`concierge help` lists the commands"));
    }

    #[test]
    fn a_wrong_argument_is_told_with_the_usage() {
        let failure = in_session("services show");
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!(failure.hinted(), Some("usage: services show <SERVICE>"));
    }
}
