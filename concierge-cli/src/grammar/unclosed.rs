//! A JSON value that comes line by line: whether more of it is to come is known from what the line adds, however long it is by then.
//! It only ever says so when it is certain; what the value says, and what is wrong with one, is for a parser.

use serde_json::{Deserializer, value::RawValue};

/// The part of a JSON value that has come so far.
#[derive(Debug)]
pub(crate) struct Unclosed {
    /// The brackets that are open.
    brackets: Vec<Bracket>,
    next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Object,
    Array,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// Nothing that keeps it open for certain.
    Unknown,
}

impl Unclosed {
    /// Of a value that begins here.
    pub(crate) fn begin(text: &str) -> Self {
        let mut value = Self { brackets: Vec::new(), next: Next::Value };
        value.goes_on(text);
        value
    }

    /// Takes another line. Whether the value certainly has no end in it, and nothing wrong either.
    pub(crate) fn goes_on(&mut self, line: &str) -> bool {
        let mut rest = line;
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if rest.is_empty() {
                return self.next != Next::Unknown;
            }
            let Some((next, length)) = self.step(rest) else {
                self.next = Next::Unknown;
                return false;
            };
            self.next = next;
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// What may come after the next piece, and how long that is.
    fn step(&mut self, rest: &str) -> Option<(Next, usize)> {
        use Next::{Colon, CommaOrEnd, Key, KeyOrEnd, Value, ValueOrEnd};
        let open = self.brackets.last().copied();
        match (self.next, rest.as_bytes().first()?) {
            (Value | ValueOrEnd, b'{') => {
                self.brackets.push(Bracket::Object);
                Some((KeyOrEnd, 1))
            }
            (Value | ValueOrEnd, b'[') => {
                self.brackets.push(Bracket::Array);
                Some((ValueOrEnd, 1))
            }
            (ValueOrEnd | CommaOrEnd, b']') if open == Some(Bracket::Array) => self.close(),
            (KeyOrEnd | CommaOrEnd, b'}') if open == Some(Bracket::Object) => self.close(),
            (CommaOrEnd, b',') => Some((if open == Some(Bracket::Object) { Key } else { Value }, 1)),
            (Colon, b':') => Some((Value, 1)),
            (Key | KeyOrEnd, b'"') => Some((Colon, scalar(rest)?)),
            // By itself it has an end here.
            (Value | ValueOrEnd, _) if open.is_some() => Some((CommaOrEnd, scalar(rest)?)),
            _ => None,
        }
    }

    fn close(&mut self) -> Option<(Next, usize)> {
        self.brackets.pop();
        (!self.brackets.is_empty()).then_some((Next::CommaOrEnd, 1))
    }
}

/// How long the string, number or word is that a text starts with. None of them goes over several lines.
fn scalar(text: &str) -> Option<usize> {
    let mut values = Deserializer::from_str(text).into_iter::<&RawValue>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a value is still open after each of its lines.
    fn after(lines: &[&str]) -> Vec<bool> {
        let mut value = Unclosed::begin("");
        lines.iter().map(|line| value.goes_on(line)).collect()
    }

    #[test]
    fn a_value_is_open_until_its_last_bracket() {
        assert_eq!(after(&["{", "\"a}\": [", "1, {}, \"\\\"]\",", "", "null]", "}"])[4..], [true, false]);
        assert_eq!(after(&["[[", "]", ",[]]"]), [true, true, false]);
        assert_eq!(after(&["{\"a\"", ":", "true"]), [true, true, true]);
    }

    #[test]
    fn what_is_wrong_is_not_certain_to_go_on() {
        for line in ["]", "}", ",", "1 2", "a", "\"a", "[}", "\"\\x\"", "tru", "01"] {
            assert_eq!(after(&["[", line, ""]), [true, false, false], "{line}");
        }
        for line in ["1", "\"a\" 1", "\"a\":,", "]", "\"a\":1,}"] {
            assert_eq!(after(&["{", line]), [true, false], "{line}");
        }
        assert_eq!((after(&["1"]), after(&["\"a\""])), (vec![false], vec![false]));
    }

    proptest! {
        #[test]
        fn what_is_certain_to_go_on_is_so_for_the_parser(lines in prop::collection::vec(r#"[\[\]{},:1e\-"\\at ]{0,6}|"a":|true"#, 0..8)) {
            let mut value = Unclosed::begin("");
            let mut text = String::new();
            for line in lines {
                text += &line;
                text += "\n";
                if !value.goes_on(&line) {
                    break;
                }
                let parsed = serde_json::from_str::<&RawValue>(&text);
                prop_assert!(parsed.is_err_and(|error| error.is_eof()), "{text:?}");
            }
        }
    }
}
