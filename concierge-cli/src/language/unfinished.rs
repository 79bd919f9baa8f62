//! Statements that go over several lines: one ends with the line in which the JSON value ends that it is in. What a line adds is
//! looked at once, so a long statement takes as long to read as its text is.

use super::{
    keyword::{inner, keyword},
    short::payload,
};
use crate::grammar::{SplitError, Unclosed, is_comment, split, split_text};

/// Whether a text ends within a JSON value, so that more is to come.
pub(crate) fn is_open(text: &str) -> bool {
    open(text).is_some()
}

/// A statement whose lines come one by one.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    text: String,
    open: Option<Open>,
}

/// A JSON value that is not complete.
#[derive(Debug)]
struct Open {
    /// Where it starts.
    at: usize,
    /// Whether other words may follow it, and other values among them.
    among_words: bool,
    value: Unclosed,
}

impl Unfinished {
    /// How many bytes have come.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes the next line. The statement, if it ends there.
    pub(crate) fn take(&mut self, line: &str) -> Option<String> {
        self.open = match self.open.take() {
            None => {
                self.text.push_str(line);
                open(&self.text)
            }
            Some(open) => {
                self.text.push('\n');
                self.text.push_str(line);
                open.after(line, &self.text)
            }
        };
        if self.open.is_some() { None } else { Some(std::mem::take(&mut self.text)) }
    }

    /// What there is of a statement, when no more lines come.
    pub(crate) fn end(self) -> Option<String> {
        self.open.map(|_| self.text)
    }
}

impl Open {
    /// The value within which a text ends, looked for from here on.
    fn find(text: &str, start: usize, among_words: bool) -> Option<Self> {
        let part = text.get(start..).unwrap_or_default().trim_end();
        let found = if among_words { split(part) } else { split_text(part) };
        match found {
            Err(SplitError::OpenJson { at }) if among_words || at == 0 => {
                let value = Unclosed::begin(part.get(at..).unwrap_or_default());
                Some(Self { at: start + at, among_words, value })
            }
            _ => None,
        }
    }

    /// What is open after another line of a text.
    fn after(mut self, line: &str, text: &str) -> Option<Self> {
        if line.trim().is_empty() || self.value.goes_on(line) {
            return Some(self);
        }
        // What was before it has been read, and stays what it is.
        Self::find(text, self.at, self.among_words)
    }
}

fn open(text: &str) -> Option<Open> {
    let mut rest = text.trim();
    loop {
        if rest.is_empty() || rest.starts_with('!') || is_comment(rest) {
            return None;
        }
        let at = |part: &str| text.trim_end().len() - part.len();
        if rest.starts_with(['@', '#']) {
            return Open::find(text, at(payload(rest)?), false);
        }
        match keyword(rest) {
            Some((word, statement)) => rest = inner(word, statement),
            None => return Open::find(text, at(rest), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: &str = r##"(let x = |time |watch 1s )?(@b |#"c d" |send bob |raw )?[a\[{"# ]{0,4}"##;

    const LINE: &str = r#"[\[\]{}",:1a#&|>'! ]{0,5}|"a":|\}|\]|\] \[|! x"#;

    /// The statements of a text, and what is left of it.
    fn statements(lines: &[String]) -> (Vec<String>, Option<String>) {
        let mut unfinished = Unfinished::default();
        let ended = lines.iter().filter_map(|line| unfinished.take(line)).collect();
        (ended, unfinished.end())
    }

    /// The same, by looking at everything again with each line.
    fn statements_anew(lines: &[String]) -> (Vec<String>, Option<String>) {
        let (mut ended, mut text) = (Vec::new(), None::<String>);
        for line in lines {
            let whole = text.map_or_else(|| line.clone(), |text| text + "\n" + line);
            text = None;
            if is_open(&whole) { text = Some(whole) } else { ended.push(whole) }
        }
        (ended, text)
    }

    #[test]
    fn an_open_bracket_wants_more() {
        for open in [
            r#"@bob {"a":"#,
            "send bob [1,",
            r#"#chat "x"#,
            "let x = {",
            "time @bob [",
            "watch 2s send bob {",
            "let x = send bob {",
        ] {
            assert!(is_open(open), "{open}");
        }
        for closed in [
            "@bob hi",
            "@bob look at {this",
            "send bob {]",
            "# {",
            "",
            "@bob {}",
            "it's",
            "!echo {",
            "ping | jq {",
            "let x",
            "watch {",
        ] {
            assert!(!is_open(closed), "{closed}");
        }
    }

    #[test]
    fn a_hundred_thousand_lines_are_one_statement() {
        for begin in ["@bob [", "send bob [", "let x = time send bob ["] {
            let mut lines = vec![begin.to_owned()];
            lines.resize(100_000, r#"  {"name": "x", "values": [1, 2, "}"]},"#.to_owned());
            lines.extend(["1]".to_owned(), "whoami".to_owned()]);
            let (ended, left) = statements(&lines);
            assert_eq!((ended.len(), left), (2, None), "{begin}");
            assert_eq!(ended[0], lines[..100_001].join("\n"));
        }
    }

    #[test]
    fn one_value_after_another_is_as_quick() {
        let mut lines = vec!["send bob [".to_owned()];
        lines.resize(100_000, "] [".to_owned());
        assert_eq!(statements(&lines), (Vec::new(), Some(lines.join("\n"))));
    }

    proptest! {
        #[test]
        fn lines_end_where_the_whole_text_does(
            begin in BEGIN,
            lines in prop::collection::vec(LINE, 0..8),
        ) {
            let lines: Vec<String> = [vec![begin], lines].concat();
            prop_assert_eq!(statements(&lines), statements_anew(&lines));
        }
    }
}
