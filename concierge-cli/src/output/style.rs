//! How output looks: human or JSON, with or without colours. Decided once for each stream.

use clap::ValueEnum;
use colored::Colorize;

use crate::console::Environment;

/// What records are written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // For people: aligned, and coloured on a terminal.
    #[default]
    Human,
    // For programs: one JSON document, or one a line for a stream.
    Json,
    // One JSON document a line, for the entries of a list too.
    Ndjson,
    // For `cut` and `awk`: fields between tabs, an entry a line, without heads.
    Tsv,
    // What it is all about and nothing else: the data of messages, the names of a list.
    Raw,
}

impl Format {
    /// What it is, and for whom.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Human => "for people: aligned, and coloured on a terminal",
            Self::Json => "for programs: one JSON document, of a stream one a line",
            Self::Ndjson => "one JSON document a line, for the entries of a list too",
            Self::Tsv => "for cut and awk: fields between tabs, an entry a line, without heads",
            Self::Raw => "the essence only: the data of messages, the names of a list",
        }
    }

    /// Whether a program reads it as JSON; then what goes to the standard error is JSON too.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    // On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether a stream is coloured.
    pub(crate) fn decide(self, terminal: bool, environment: &Environment) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && environment.var("NO_COLOR").is_none() && environment.terminal_is_able(),
        }
    }
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A time, a uuid: there, but not in the way.
    Dim,
    /// The head of a column.
    Heading,
    /// A client's name.
    Client,
    /// A service's name.
    Service,
    /// Somebody or something came.
    Joined,
    /// Somebody or something went.
    Left,
    /// A change to a subscription.
    Changed,
    /// Something went wrong.
    Error,
    /// What to try.
    Hint,
}

/// The colours of one stream, or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Palette {
    colored: bool,
}

impl Palette {
    /// Colours, or none.
    pub(crate) fn new(colored: bool) -> Self {
        if colored {
            // `colored` decides for the process by its own look at the standard output; here each stream decides.
            colored::control::set_override(true);
        }
        Self { colored }
    }

    /// Whether there are any.
    pub(crate) fn is_colored(self) -> bool {
        self.colored
    }

    /// The text in the colour of its role.
    pub(crate) fn paint(self, role: Role, text: &str) -> String {
        if !self.colored || text.is_empty() {
            return text.to_owned();
        }
        match role {
            Role::Dim => text.dimmed(),
            Role::Heading => text.bold(),
            Role::Client => text.cyan(),
            Role::Service => text.magenta(),
            Role::Joined => text.green(),
            Role::Left => text.yellow(),
            Role::Changed => text.blue(),
            Role::Error => text.red().bold(),
            Role::Hint => text.cyan().bold(),
        }
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Console;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Console::in_memory("", variables.iter().copied()).0.environment
    }

    #[test]
    fn a_terminal_is_coloured_and_a_pipe_is_not() {
        let xterm = environment(&[("TERM", "xterm")]);
        assert!(ColorChoice::Auto.decide(true, &xterm));
        assert!(!ColorChoice::Auto.decide(false, &xterm));
        assert!(!ColorChoice::Auto.decide(true, &environment(&[("TERM", "dumb")])));
        assert!(!ColorChoice::Auto.decide(true, &environment(&[])), "it may be anything");
    }

    #[test]
    fn no_color_wins_over_all_but_the_flag() {
        let no_color = environment(&[("NO_COLOR", "1"), ("TERM", "xterm")]);
        assert!(!ColorChoice::Auto.decide(true, &no_color));
        assert!(ColorChoice::Always.decide(false, &no_color));
        assert!(!ColorChoice::Never.decide(true, &environment(&[("TERM", "xterm")])));
    }

    #[test]
    fn without_colours_the_text_stays_as_it_is() {
        assert_eq!(Palette::default().paint(Role::Error, "no"), "no");
        assert_eq!(Palette::new(true).paint(Role::Client, "bob"), "\u{1b}[36mbob\u{1b}[0m");
    }
}
