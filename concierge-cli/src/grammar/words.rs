//! Words: how a line of the REPL or of a script splits.
//!
//! A word that starts with `{`, `[` or `"` is one JSON value to its end; other words follow POSIX quoting. A `#` at the start
//! of a word is a comment when a space, `!` or the end of the line follows; else it is a service.

use serde_json::value::RawValue;

/// One word, and where it stood: what completion and the short forms need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it says, quotes removed; a JSON value as it was written.
    pub text: String,
    /// Where it starts in the line, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// A line's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// The words, in order.
    pub words: Vec<Word>,
    /// Where what is to be read ends: at a comment, or at the end of the line.
    pub end: usize,
}

/// Why a line does not split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    /// The line ends within quotes.
    #[error("the quote that opens at column {} is not closed", .at + 1)]
    OpenQuote {
        /// Where the quotes open.
        at: usize,
    },
    /// The line ends within a JSON value: more may follow.
    #[error("the JSON value that starts at column {} is not complete", .at + 1)]
    OpenJson {
        /// Where the value starts.
        at: usize,
    },
    /// It starts like JSON and is not.
    #[error("not valid JSON at column {}: {message}", .at + 1)]
    Json {
        /// Where it goes wrong.
        at: usize,
        /// What is wrong.
        message: String,
    },
    /// The same, in a value that goes over several lines.
    #[error("not valid JSON: {message}")]
    LongJson {
        /// What is wrong, and where.
        message: String,
    },
    /// Something follows a JSON value without a space.
    #[error("a space is missing after the JSON value at column {}", .at + 1)]
    AfterJson {
        /// Where the value ends.
        at: usize,
    },
}

impl SplitError {
    /// Where what is not complete begins.
    pub(crate) fn opens_at(&self) -> Option<usize> {
        match self {
            Self::OpenQuote { at } | Self::OpenJson { at } => Some(*at),
            _ => None,
        }
    }

    /// The same, where what was split comes after this much of a line.
    pub(crate) fn after(self, before: usize) -> Self {
        match self {
            Self::OpenQuote { at } => Self::OpenQuote { at: at + before },
            Self::OpenJson { at } => Self::OpenJson { at: at + before },
            Self::Json { at, message } => Self::Json { at: at + before, message },
            Self::LongJson { message } => Self::LongJson { message },
            Self::AfterJson { at } => Self::AfterJson { at: at + before },
        }
    }

    /// What the parser says about a value that starts here.
    fn of_json(error: &serde_json::Error, start: usize) -> Self {
        let message = error.to_string();
        match message.rsplit_once(" at line ") {
            Some((what, _)) if error.line() == 1 => {
                Self::Json { at: start + error.column().saturating_sub(1), message: what.to_owned() }
            }
            _ => Self::LongJson { message },
        }
    }
}

/// Splits a line.
pub(crate) fn split(line: &str) -> Result<Words, SplitError> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let Some(offset) = rest.find(|character: char| !character.is_whitespace()) else {
            return Ok(Words { words, end: line.len() });
        };
        let start = at + offset;
        let rest = line.get(start..).unwrap_or_default();
        if is_comment(rest) {
            return Ok(Words { words, end: start });
        }
        let word = if rest.starts_with(['{', '[', '"']) { json(rest, start)? } else { quoted(rest, start)? };
        at = word.end;
        words.push(word);
    }
}

/// The first word of a line that starts with one, by POSIX quoting.
pub(crate) fn first(line: &str) -> Result<Word, SplitError> {
    quoted(line, 0)
}

/// Whether what starts here is a comment.
pub(crate) fn is_comment(rest: &str) -> bool {
    rest.strip_prefix('#').is_some_and(|after| {
        after.chars().next().is_none_or(|character| character.is_whitespace() || character == '!')
    })
}

fn json(rest: &str, start: usize) -> Result<Word, SplitError> {
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => {
            let text = value.get().to_owned();
            let end = values.byte_offset();
            let after = rest.get(end..).unwrap_or_default();
            if after.chars().next().is_some_and(|character| !character.is_whitespace()) {
                return Err(SplitError::AfterJson { at: start + end });
            }
            Ok(Word { text, start, end: start + end })
        }
        Some(Err(error)) if error.is_eof() => Err(SplitError::OpenJson { at: start }),
        Some(Err(error)) => Err(SplitError::of_json(&error, start)),
        None => Err(SplitError::OpenJson { at: start }),
    }
}

/// POSIX quoting: `'…'` as it is; in `"…"` a backslash escapes `"`, `\`, `$` and `` ` ``; elsewhere it escapes anything.
fn quoted(rest: &str, start: usize) -> Result<Word, SplitError> {
    let mut text = String::new();
    let mut characters = rest.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            _ if character.is_whitespace() => return Ok(Word { text, start, end: start + index }),
            '\'' => loop {
                match characters.next() {
                    Some((_, '\'')) => break,
                    Some((_, inside)) => text.push(inside),
                    None => return Err(SplitError::OpenQuote { at: start + index }),
                }
            },
            '"' => loop {
                match characters.next() {
                    Some((_, '"')) => break,
                    Some((_, '\\')) => match characters.next() {
                        Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => text.push(escaped),
                        Some((_, other)) => text.extend(['\\', other]),
                        None => return Err(SplitError::OpenQuote { at: start + index }),
                    },
                    Some((_, inside)) => text.push(inside),
                    None => return Err(SplitError::OpenQuote { at: start + index }),
                }
            },
            '\\' => text.push(characters.next().map_or('\\', |(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    Ok(Word { text, start, end: start + rest.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap().words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn spaces_separate_words() {
        assert_eq!(words("  send  bob\thi "), ["send", "bob", "hi"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn a_json_value_is_one_word_as_it_was_written() {
        assert_eq!(
            words(r#"send bob {"a": [1, 2], "b": "x y"} -v"#),
            ["send", "bob", r#"{"a": [1, 2], "b": "x y"}"#, "-v"]
        );
        assert_eq!(words(r#"say "x \" y" [1, {"a":"]"}]"#), ["say", r#""x \" y""#, r#"[1, {"a":"]"}]"#]);
    }

    #[test]
    fn other_words_follow_posix_quoting() {
        assert_eq!(words(r"a 'b c' d\ e f'g h'i"), ["a", "b c", "d e", "fg hi"]);
        assert_eq!(words(r#"#"söö x" x"a\"b\n" ''"#), ["#söö x", r#"xa"b\n"#, ""]);
    }

    #[test]
    fn a_comment_is_a_sharp_before_a_space_or_an_exclamation_mark() {
        for comment in ["# x", "#", "#! /bin/x", "#\tx", "#!x"] {
            assert!(words(comment).is_empty(), "{comment}");
            assert_eq!(words(&format!("a {comment}")), ["a"]);
        }
        assert_eq!(words("#chat hi a#b"), ["#chat", "hi", "a#b"]);
        assert_eq!(split("a # b").unwrap().end, 2);
    }

    #[test]
    fn an_open_value_is_told_from_a_broken_one() {
        assert_eq!(split(r#"a {"b": ["#), Err(SplitError::OpenJson { at: 2 }));
        assert_eq!(split(r#"a "b"#), Err(SplitError::OpenJson { at: 2 }));
        assert!(matches!(split("a {]"), Err(SplitError::Json { at: 3, .. })));
        assert_eq!(split("a {}b"), Err(SplitError::AfterJson { at: 4 }));
        assert_eq!(split("it's late"), Err(SplitError::OpenQuote { at: 2 }));
    }

    #[test]
    fn words_know_where_they_stood() {
        let line = "söö 'x y'  z";
        for word in split(line).unwrap().words {
            let stood = &line[word.start..word.end];
            assert!(stood.contains(word.text.split(' ').next().unwrap()), "{stood}");
        }
    }
}
