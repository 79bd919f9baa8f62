//! References to variables within words: `$name`, `$name.path.0`, `${name.path}`. What they stand for is known elsewhere.

use std::ops::Range;

/// Something that a word refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The variable.
    pub name: String,
    /// The way from its value to what is meant: keys of objects, numbers of array elements.
    pub path: Vec<String>,
}

/// A reference, and the part of a word's text that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expansion {
    /// What is referred to.
    pub reference: Reference,
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
}

impl Reference {
    /// Reads the reference that a text starts with, and how many bytes it takes. A `$` before anything else is just a character.
    pub(crate) fn read(text: &str) -> Option<(Self, usize)> {
        let rest = text.strip_prefix('$')?;
        if let Some(braced) = rest.strip_prefix('{') {
            let inside = braced.get(..braced.find('}')?)?;
            let name = name_at(inside)?;
            let path = inside.get(name.len()..)?;
            let path = if path.is_empty() { Vec::new() } else { segments(path.strip_prefix('.')?)? };
            return Some((Self { name: name.to_owned(), path }, inside.len() + "${}".len()));
        }
        let name = name_at(rest)?;
        let mut length = "$".len() + name.len();
        let mut path = Vec::new();
        while let Some(segment) = text.get(length..).and_then(|rest| rest.strip_prefix('.')) {
            let end = segment.find(|letter| !is_of_name(letter)).unwrap_or(segment.len());
            if end == 0 {
                break;
            }
            path.extend(segment.get(..end).map(str::to_owned));
            length += ".".len() + end;
        }
        Some((Self { name: name.to_owned(), path }, length))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "${}", self.name)?;
        self.path.iter().try_for_each(|segment| write!(formatter, ".{segment}"))
    }
}

/// The name of a variable that a text starts with: a letter or `_`, then letters, digits and `_`.
pub(crate) fn name_at(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    if !(first == '_' || first.is_ascii_alphabetic()) {
        return None;
    }
    text.get(..text.find(|letter| !is_of_name(letter)).unwrap_or(text.len()))
}

fn is_of_name(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphanumeric()
}

/// Within braces a key may have any characters but a dot and a closing brace.
fn segments(path: &str) -> Option<Vec<String>> {
    let segments: Vec<String> = path.split('.').map(str::to_owned).collect();
    (!segments.iter().any(String::is_empty)).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, usize)> {
        Reference::read(text).map(|(reference, length)| (reference.to_string(), length))
    }

    #[test]
    fn a_reference_is_a_name_and_a_path() {
        assert_eq!(read("$x"), Some(("$x".to_owned(), 2)));
        assert_eq!(read("$_ y"), Some(("$_".to_owned(), 2)));
        assert_eq!(read("$a_1.clients.0.name!"), Some(("$a_1.clients.0.name".to_owned(), 19)));
        assert_eq!(read("${x}.json"), Some(("$x".to_owned(), 4)));
        assert_eq!(read("${x.söö-y.0}z"), Some(("$x.söö-y.0".to_owned(), 14)));
        assert_eq!(read("$x. And"), Some(("$x".to_owned(), 2)));
        assert_eq!(read("$x..y"), Some(("$x".to_owned(), 2)));
    }

    #[test]
    fn a_dollar_before_anything_else_is_a_dollar() {
        for text in
            ["$", "$5", "$ x", "$$", "${", "${x", "${}", "${.x}", "${x.}", "${5}", "${x y}", "$é", "x"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
