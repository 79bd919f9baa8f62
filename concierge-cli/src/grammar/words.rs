//! Words: how a line of the REPL or of a script splits.
//!
//! A word that starts with `{`, `[` or `"` is one JSON value to its end; other words follow POSIX quoting. A `#` at the start
//! of a word is a comment when a space, `!` or the end of the line follows; else it is a service. `|` and `>` outside both, and
//! a `&` that stands alone at the end, are operators: the words of a command end there.

use serde_json::value::RawValue;

use super::reference::{Expansion, Reference};

/// One word, and where it stood: what completion and the short forms need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it says, quotes removed; a JSON value as it was written.
    pub text: String,
    /// What in it stands for something else: outside of single quotes and of JSON.
    pub expansions: Vec<Expansion>,
    /// Whether it begins with `~/`, or is `~`, outside of quotes.
    pub at_home: bool,
    /// Where it starts in the line, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Word {
    /// A word that is just this text, wherever it came from.
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), expansions: Vec::new(), at_home: false, start: 0, end: text.len() }
    }

    /// What it refers to, where it is a reference and nothing else.
    pub(crate) fn reference(&self) -> Option<&Reference> {
        match self.expansions.as_slice() {
            [only] if only.place == (0..self.text.len()) => Some(&only.reference),
            _ => None,
        }
    }
}

/// A line's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "they are the words")]
pub(crate) struct Words {
    /// The words, in order.
    pub words: Vec<Word>,
    /// Where what is to be read ends: at an operator, at a comment, or at the end of the line.
    pub end: usize,
    /// The operator that stands there.
    pub operator: Option<Operator>,
}

/// What ends a command before the line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `|`: what it writes goes to what follows.
    Pipe,
    /// `>`: what it writes goes to a file.
    Write,
    /// `>>`: what it writes goes to the end of a file.
    Append,
    /// `&` at the end: it goes on while other lines are carried out.
    Background,
}

impl Operator {
    /// The operator that a text starts with.
    fn read(rest: &str) -> Option<Self> {
        if rest.starts_with('|') {
            return Some(Self::Pipe);
        }
        if rest.starts_with(">>") {
            return Some(Self::Append);
        }
        rest.starts_with('>').then_some(Self::Write)
    }

    /// How it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Pipe => "|",
            Self::Write => ">",
            Self::Append => ">>",
            Self::Background => "&",
        }
    }
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

/// Splits a command off a line: its words, up to an operator.
pub(crate) fn split(line: &str) -> Result<Words, SplitError> {
    read(line, true)
}

/// Splits a line in which operators are characters like any other.
pub(crate) fn split_text(line: &str) -> Result<Words, SplitError> {
    read(line, false)
}

fn read(line: &str, operators: bool) -> Result<Words, SplitError> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let Some(offset) = rest.find(|character: char| !character.is_whitespace()) else {
            return Ok(Words { words, end: line.len(), operator: None });
        };
        let start = at + offset;
        let rest = line.get(start..).unwrap_or_default();
        if is_comment(rest) {
            return Ok(Words { words, end: start, operator: None });
        }
        if operators && let Some(operator) = operator_at(rest) {
            return Ok(Words { words, end: start, operator: Some(operator) });
        }
        let word = if rest.starts_with(['{', '[', '"']) {
            json(rest, start, operators)?
        } else {
            quoted(rest, start, operators)?
        };
        at = word.end;
        words.push(word);
    }
}

fn operator_at(rest: &str) -> Option<Operator> {
    let ends = |after: &str| after.trim_start().is_empty() || is_comment(after.trim_start());
    if rest.strip_prefix('&').is_some_and(ends) {
        return Some(Operator::Background);
    }
    Operator::read(rest)
}

/// The first word of a line that starts with one, by POSIX quoting.
pub(crate) fn first(line: &str) -> Result<Word, SplitError> {
    quoted(line, 0, false)
}

/// A word for a line that reads back as this text.
#[cfg(test)]
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether what starts here is a comment.
pub(crate) fn is_comment(rest: &str) -> bool {
    rest.strip_prefix('#').is_some_and(|after| {
        after.chars().next().is_none_or(|character| character.is_whitespace() || character == '!')
    })
}

fn json(rest: &str, start: usize, operators: bool) -> Result<Word, SplitError> {
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(value)) => {
            let text = value.get();
            let end = values.byte_offset();
            let after = rest.get(end..).unwrap_or_default();
            let goes_on = after.chars().next().is_some_and(|character| !character.is_whitespace());
            if goes_on && !(operators && Operator::read(after).is_some()) {
                return Err(SplitError::AfterJson { at: start + end });
            }
            Ok(Word { end: start + end, start, ..Word::plain(text) })
        }
        Some(Err(error)) if error.is_eof() => Err(SplitError::OpenJson { at: start }),
        Some(Err(error)) => Err(SplitError::of_json(&error, start)),
        None => Err(SplitError::OpenJson { at: start }),
    }
}

fn begins_at_home(rest: &str, operators: bool) -> bool {
    let ends = |after: &str| {
        let next = after.chars().next();
        next.is_none_or(|next| next == '/' || next.is_whitespace())
            || (operators && Operator::read(after).is_some())
    };
    rest.strip_prefix('~').is_some_and(ends)
}

/// POSIX quoting: `'…'` as it is; in `"…"` a backslash escapes `"`, `\`, `$` and `` ` ``; elsewhere it escapes anything.
fn quoted(rest: &str, start: usize, operators: bool) -> Result<Word, SplitError> {
    let mut word = Word { start, end: start + rest.len(), ..Word::plain("") };
    word.at_home = begins_at_home(rest, operators);
    let mut at = 0;
    // Where the double quotes open that what follows stands in.
    let mut within: Option<usize> = None;
    while let Some(character) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        let here = rest.get(at..).unwrap_or_default();
        let after = here.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '"' => {
                within = if within.is_some() { None } else { Some(at) };
                at += 1;
            }
            '\\' => {
                let escaped = after.chars().next();
                match escaped {
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => word.text.push(escaped),
                    Some(escaped) if within.is_none() => word.text.push(escaped),
                    Some(other) => word.text.extend(['\\', other]),
                    None => word.text.push('\\'),
                }
                at += 1 + escaped.map_or(0, char::len_utf8);
            }
            '$' if let Some((reference, length)) = Reference::read(here) => {
                let place = word.text.len()..word.text.len() + length;
                word.text.push_str(here.get(..length).unwrap_or_default());
                word.expansions.push(Expansion { reference, place });
                at += length;
            }
            inside if within.is_some() => {
                word.text.push(inside);
                at += inside.len_utf8();
            }
            '\'' => {
                let inside = after.split_once('\'').map(|(inside, _)| inside);
                let inside = inside.ok_or(SplitError::OpenQuote { at: start + at })?;
                word.text.push_str(inside);
                at += inside.len() + 2;
            }
            _ if character.is_whitespace() || (operators && Operator::read(here).is_some()) => {
                word.end = start + at;
                return Ok(word);
            }
            other => {
                word.text.push(other);
                at += other.len_utf8();
            }
        }
    }
    match within {
        Some(open) => Err(SplitError::OpenQuote { at: start + open }),
        None => Ok(word),
    }
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
    fn operators_are_outside_of_quotes_and_of_json() {
        for (line, end, operator) in [
            ("a b | c", 4, Some(Operator::Pipe)),
            ("a b|c", 3, Some(Operator::Pipe)),
            ("a b>c", 3, Some(Operator::Write)),
            ("a >> c", 2, Some(Operator::Append)),
            (r#"a {"x":"|>&"} &"#, 14, Some(Operator::Background)),
            ("a {}|c", 4, Some(Operator::Pipe)),
            ("a & # why", 2, Some(Operator::Background)),
            ("a & b", 5, None),
            ("a&", 2, None),
            (r#"a '|' x"|>" \| "|""#, 18, None),
            ("# a | b", 0, None),
        ] {
            let words = split(line).unwrap();
            assert_eq!((words.end, words.operator), (end, operator), "{line}");
        }
        assert_eq!(split_text("a | b > c &").unwrap().words.len(), 6);
        assert!(matches!(split_text("{}|"), Err(SplitError::AfterJson { .. })));
    }

    #[test]
    fn references_are_outside_of_single_quotes_and_of_json() {
        let references = |line: &str| {
            let words = split(line).unwrap().words;
            let all = words.iter().flat_map(|word| {
                word.expansions.iter().map(|expansion| {
                    assert!(word.text[expansion.place.clone()].starts_with('$'), "{line}");
                    expansion.reference.to_string()
                })
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(references(r#"a $x.y "$z" k:=$_ b"${q}"c"#), ["$x.y", "$_", "$q"]);
        assert!(references(r#"'$x' {"a":"$x"} \$x b"\$x" $5 $"#).is_empty());
        assert_eq!(words(r#"'$x' \$x b"\$x" $5"#), ["$x", "$x", "b$x", "$5"]);
    }

    proptest::proptest! {
        #[test]
        fn splitting_never_panics(line in r#"[a-z{}\[\]"'\\$|>& #!ä.0:=]{0,40}"#) {
            if let Ok(words) = split(&line) {
                for word in &words.words {
                    assert!(line.is_char_boundary(word.start) && line.is_char_boundary(word.end));
                    for expansion in &word.expansions {
                        assert!(word.text.get(expansion.place.clone()).is_some());
                    }
                }
            }
            let _ = split_text(&line);
        }

        #[test]
        fn a_quoted_word_reads_back(text in ".*") {
            let line = format!("a {} b", quote(&text));
            assert_eq!(words(&line), ["a", &text, "b"]);
        }
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
