//! `~/` at the beginning of a path: the home folder, as a shell has it. Where a path is meant, only that is; elsewhere it is text.

use std::path::{Path, PathBuf};

use crate::grammar::Word;

/// The home folder of whoever types, if it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home(Option<PathBuf>);

impl Home {
    /// The home folder that the environment names.
    pub(crate) fn new(named: Option<&str>) -> Self {
        Self(named.filter(|named| !named.is_empty()).map(PathBuf::from))
    }

    /// The path that a word means whose variables have been replaced.
    pub(crate) fn path(&self, word: &Word, expanded: &str) -> PathBuf {
        match (&self.0, expanded.strip_prefix('~')) {
            (Some(home), Some(rest)) if word.at_home => home.join(rest.trim_start_matches('/')),
            _ => PathBuf::from(expanded),
        }
    }

    /// A path that was read from one of these words.
    pub(super) fn settle(&self, path: &mut PathBuf, words: &[Word], expanded: &[String]) {
        let mut typed = words.iter().zip(expanded).filter(|(word, _)| word.at_home);
        if let Some((word, text)) = typed.find(|(_, text)| Path::new(text) == path.as_path()) {
            *path = self.path(word, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::split;

    #[test]
    fn a_tilde_is_home_where_a_shell_takes_it_for_that() {
        let home = Home::new(Some("/home/me"));
        let path = |line: &str| {
            let words = split(line).unwrap().words;
            home.path(&words[0], &words[0].text).display().to_string()
        };
        assert_eq!(path("~/a\\ b"), "/home/me/a b");
        assert_eq!(
            (path("~/"), path("~"), path("~//x")),
            ("/home/me/".into(), "/home/me/".into(), "/home/me/x".into())
        );
        for literal in ["'~/x'", "\\~/x", "x/~/y", "~bob/x", "'~'"] {
            assert!(path(literal).contains('~'), "{literal}");
        }
        let nobodys = Home::new(None);
        assert_eq!(nobodys.path(&split("~/x").unwrap().words[0], "~/x"), Path::new("~/x"));
    }
}
