//! The shells: the script of each, what it passes on, and how it wants its answers. What others have named is quoted so that it is
//! one word and nothing else.

use std::ffi::OsString;

use clap::ValueEnum;

use super::{
    Candidate,
    typed::{Typed, split},
};

/// A shell that commands are typed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl Shell {
    /// What it must read to complete this command.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("scripts/concierge.bash"),
            Self::Zsh => include_str!("scripts/concierge.zsh"),
            Self::Fish => include_str!("scripts/concierge.fish"),
            Self::Powershell => include_str!("scripts/concierge.ps1"),
        }
    }

    /// What was typed, from what the script passes on: bash and PowerShell the line, the others its words.
    pub(super) fn typed(self, arguments: &[OsString]) -> Typed {
        let mut words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        match self {
            Self::Bash | Self::Powershell => {
                let breaks = words.get(1).map_or("", String::as_str);
                split(words.first().map_or("", String::as_str), breaks)
            }
            Self::Zsh => Typed { words, ..Typed::default() },
            // The word under the cursor comes as it was typed.
            Self::Fish => {
                let last = words.pop().unwrap_or_default();
                let last = if last.starts_with('~') { last } else { split(&last, "").words.join(" ") };
                words.push(last);
                Typed { words, ..Typed::default() }
            }
        }
    }

    /// An answer, without the line's end.
    pub(super) fn write(self, candidate: &Candidate, typed: &Typed) -> String {
        let Candidate { value, about } = candidate;
        let shown = if about.is_empty() { value.clone() } else { format!("{value}  -- {about}") };
        match self {
            Self::Bash => {
                let rest = value.get(typed.kept..).unwrap_or_default();
                let end = if candidate.goes_on() || typed.quote.is_some() { "" } else { " " };
                bash(rest, typed.quote) + end
            }
            Self::Zsh => {
                let kind = if candidate.goes_on() { "part" } else { "whole" };
                format!("{kind}\t{value}\t{shown}")
            }
            Self::Fish => format!("{value}\t{about}"),
            // PowerShell refuses a description that is empty.
            Self::Powershell => {
                format!("{}\t{value}\t{}", powershell(value), if about.is_empty() { value } else { about })
            }
        }
    }
}

/// Text as bash reads it back, after this open quote.
fn bash(text: &str, quote: Option<char>) -> String {
    match quote {
        Some('\'') => text.replace('\'', r"'\''"),
        // Within double quotes, nothing but leaving them keeps `!` from the history.
        Some(_) => escape(text, |character| "\\\"$`".contains(character)).replace('!', "\"\\!\""),
        None => escape(text, |character| !(character.is_alphanumeric() || "_./:@%+,=-".contains(character))),
    }
}

fn escape(text: &str, is_special: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_special(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Text as PowerShell reads it back: `@` and `#` mean something at the beginning of a word.
fn powershell(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_./:=-".contains(character);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    // Typographic quotes end a string, too.
    let doubled = |character: char| match character {
        '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => format!("{character}{character}"),
        other => other.to_string(),
    };
    format!("'{}'", text.chars().map(doubled).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a b;$(touch x)`y`'\"\\!*~#";

    fn written(shell: Shell, value: &str, line: &str) -> String {
        let breaks = " \t\n\"'@><=;|&(:";
        let typed = shell.typed(&[line.into(), breaks.into()]);
        shell.write(&Candidate { value: value.to_owned(), about: String::new() }, &typed)
    }

    #[test]
    fn bash_is_answered_from_where_it_begins_to_complete() {
        assert_eq!(written(Shell::Bash, "svc:chat", "concierge send svc:c"), "chat ");
        assert_eq!(written(Shell::Bash, "svc:chat", "concierge send s"), "svc:chat ");
        assert_eq!(written(Shell::Bash, "@bob", "concierge send @"), "@bob ");
        assert_eq!(written(Shell::Bash, "svc:a b", "concierge send 'svc:"), "svc:a b");
        assert_eq!(written(Shell::Bash, "src/", "concierge run s"), "src/");
    }

    #[test]
    fn what_others_have_named_is_one_word_in_bash() {
        let answer = written(Shell::Bash, HOSTILE, "concierge listen a");
        assert_eq!(split(&answer, "").words, [HOSTILE, ""]);
        for quote in ['\'', '"'] {
            let line = format!("concierge listen {quote}a");
            let whole = format!("{quote}{}{quote} ", written(Shell::Bash, HOSTILE, &line));
            assert_eq!(split(&whole, "").words, [HOSTILE, ""], "{whole}");
        }
    }

    #[test]
    fn what_others_have_named_is_one_word_in_powershell() {
        assert_eq!(powershell("bob"), "bob");
        assert_eq!(powershell("@bob"), "'@bob'");
        assert_eq!(powershell("it\u{2019}s 'x' $(y)"), "'it\u{2019}\u{2019}s ''x'' $(y)'");
    }

    #[test]
    fn the_others_quote_by_themselves() {
        assert_eq!(written(Shell::Zsh, "a b", ""), "whole\ta b\ta b");
        assert_eq!(written(Shell::Fish, "a b", ""), "a b\t");
        let typed = Shell::Fish.typed(&["concierge".into(), "send".into(), "'svc:a b".into()]);
        assert_eq!(typed.words, ["concierge", "send", "svc:a b"]);
    }

    #[test]
    fn every_shell_has_a_script_that_asks_for_itself() {
        for shell in Shell::value_variants() {
            let name = shell.to_possible_value().unwrap();
            let asks = format!("completion {} --", name.get_name());
            assert!(shell.script().contains(&asks), "{asks}");
        }
    }
}
