//! The names of contexts and sessions: short, and safe as the name of a file.

use std::{fmt, str::FromStr};

/// A name of letters, digits, `-`, `_` and `.`, which begins with a letter, a digit or `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Label(String);

impl Label {
    /// How long one may be, in bytes.
    pub(crate) const MAX: usize = 64;

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let legal =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        if text.is_empty() {
            return Err("a name has at least one character".to_owned());
        }
        if text.len() > Self::MAX {
            return Err(format!("a name has at most {} characters", Self::MAX));
        }
        if let Some(illegal) = text.chars().find(|character| !legal(*character)) {
            return Err(format!("a name has letters, digits, `-`, `_` and `.`, but no {illegal:?}"));
        }
        if text.starts_with(['-', '.']) {
            return Err("a name begins with a letter, a digit or `_`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_safe_as_a_files_name() {
        for text in ["lab", "eu-west.1", "_x", "9", &"x".repeat(64)] {
            assert_eq!(text.parse::<Label>().unwrap().as_str(), text);
        }
        for text in
            ["", ".", "..", ".hidden", "-", "-x", "a/b", "a b", "ä", "a\0", "\u{1b}[m", &"x".repeat(65)]
        {
            assert!(text.parse::<Label>().is_err(), "{text:?}");
        }
    }
}
