//! The marks inside a payload of a transcript: uuids by the client's name, repeats, and strings whose wording is free.
//!
//! | mark | sent | expected |
//! | --- | --- | --- |
//! | `<alice>` | her uuid, as seen before | a hyphenated lower-case uuid: bound at first sight, the same ever after |
//! | `<alice:upper>`, `:simple`, `:urn`, `:braced` | her uuid in another form | |
//! | `<u+202e>` | the character with that number, where it would be hard to see | the same |
//! | `<a*65>` | `a` 65 times | the same |
//! | `<#7>` | in a line with `N times`: 7, then 8, then 9 … | the same |
//! | `<~text>` | | the rest of a string, which holds that text |
//!
//! Everything else stands for itself, to the byte.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The uuids of the clients met so far.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// Binds a client to the uuid the gateway gave it, or checks that it still has that one.
    fn meet(&mut self, name: &str, uuid: &str) -> Result<(), String> {
        let parsed = Uuid::parse_str(uuid)
            .map_err(|_| format!("{uuid:?} stands where the uuid of {name} should be"))?;
        if parsed.hyphenated().to_string() != uuid {
            return Err(format!("the uuid {uuid} is not hyphenated and lower case"));
        }
        if let Some(known) = self.0.get(name) {
            return if known == uuid {
                Ok(())
            } else {
                Err(format!("{name} has the uuid {known}, not {uuid}"))
            };
        }
        if let Some((other, _)) = self.0.iter().find(|(_, known)| *known == uuid) {
            return Err(format!("{name} was given the uuid of {other}"));
        }
        self.0.insert(name.to_owned(), uuid.to_owned());
        Ok(())
    }

    /// Forgets a client that left: whoever comes under its name has a uuid of its own.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The text with uuids written as the names they belong to, for a person to read.
    pub(super) fn readable(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, uuid)| text.replace(uuid, &format!("<{name}>")))
    }

    fn resolve(&self, mark: &str) -> Result<String, String> {
        let (name, form) = mark.split_once(':').unwrap_or((mark, "hyphenated"));
        let uuid = self.0.get(name).ok_or_else(|| format!("the uuid of {name} has not been seen yet"))?;
        let uuid = Uuid::parse_str(uuid).map_err(|error| error.to_string())?;
        Ok(match form {
            "hyphenated" => uuid.hyphenated().to_string(),
            "upper" => uuid.hyphenated().to_string().to_uppercase(),
            "simple" => uuid.simple().to_string(),
            "urn" => uuid.urn().to_string(),
            "braced" => uuid.braced().to_string(),
            _ => return Err(format!("a uuid has no form {form:?}")),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Exactly(String),
    Uuid(String),
    Number(u64),
    Containing(String),
}

/// A payload as a transcript writes it.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Reads the marks of a line.
    pub(super) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            let (before, after) = rest.split_at(start);
            literal.push_str(before);
            let inside = after.get(1..).unwrap_or_default();
            let mark = inside.find('>').and_then(|end| inside.get(..end)).unwrap_or_default();
            let consumed = mark.len() + 2;
            if let Some((what, times)) = repeat(mark) {
                literal.push_str(&what.repeat(times));
            } else if let Some(character) = character(mark) {
                literal.push(character);
            } else if let Some(piece) = mark_of(mark) {
                pieces.push(Piece::Exactly(std::mem::take(&mut literal)));
                pieces.push(piece);
            } else {
                literal.push('<');
                rest = inside;
                continue;
            }
            rest = after.get(consumed..).unwrap_or_default();
        }
        literal.push_str(rest);
        pieces.push(Piece::Exactly(literal));
        Self(pieces)
    }

    /// The text to send, in the given round (from 0) of a line that is sent several times.
    pub(super) fn fill(&self, names: &Names, round: u64) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Exactly(literal) => text.push_str(literal),
                Piece::Uuid(mark) => text.push_str(&names.resolve(mark)?),
                Piece::Number(first) => text.push_str(&(first + round).to_string()),
                Piece::Containing(_) => return Err("what is sent cannot be left open by <~…>".to_owned()),
            }
        }
        Ok(text)
    }

    /// Compares what came with what should have, and binds the uuids seen for the first time.
    pub(super) fn check(&self, actual: &str, names: &mut Names, round: u64) -> Result<(), String> {
        let mut rest = actual;
        for piece in &self.0 {
            let literal = match piece {
                Piece::Exactly(literal) => literal.clone(),
                Piece::Number(first) => (first + round).to_string(),
                Piece::Uuid(name) => {
                    let uuid = rest
                        .get(..36)
                        .ok_or_else(|| format!("{rest:?} is too short for the uuid of {name}"))?;
                    names.meet(name, uuid)?;
                    uuid.to_owned()
                }
                Piece::Containing(fragment) => {
                    let open = rest.get(..end_of_string(rest)).unwrap_or(rest);
                    if !open.contains(fragment.as_str()) {
                        return Err(format!("{open:?} does not say {fragment:?}"));
                    }
                    open.to_owned()
                }
            };
            rest = rest.strip_prefix(literal.as_str()).ok_or_else(|| difference(&literal, rest, actual))?;
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("this is too much: {}", shortened(rest))) }
    }
}

fn difference(expected: &str, rest: &str, actual: &str) -> String {
    let same = expected.bytes().zip(rest.bytes()).take_while(|(one, other)| one == other).count();
    let place = actual.len() - rest.len() + same;
    let tail =
        |text: &str| shortened(&String::from_utf8_lossy(text.as_bytes().get(same..).unwrap_or_default()));
    format!("they differ from byte {place} on: {} should be {}", tail(rest), tail(expected))
}

fn shortened(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

/// Where the JSON string ends that `text` is the rest of; the end when no quote closes it (a reason of a close).
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place,
            _ => {}
        }
    }
    text.len()
}

fn repeat(mark: &str) -> Option<(&str, usize)> {
    let (what, times) = mark.rsplit_once('*')?;
    Some((what, times.parse().ok()?)).filter(|_| !what.is_empty())
}

fn character(mark: &str) -> Option<char> {
    u32::from_str_radix(mark.strip_prefix("u+")?, 16).ok().and_then(char::from_u32)
}

fn mark_of(mark: &str) -> Option<Piece> {
    if let Some(fragment) = mark.strip_prefix('~') {
        return Some(Piece::Containing(fragment.to_owned()));
    }
    if let Some(first) = mark.strip_prefix('#') {
        return first.parse().ok().map(Piece::Number);
    }
    let is_name = mark.starts_with(|first: char| first.is_ascii_lowercase())
        && mark.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || "_:".contains(char));
    is_name.then(|| Piece::Uuid(mark.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "41fb1e02-0000-4000-8000-00000000000a";

    fn check(pattern: &str, actual: &str) -> Result<(), String> {
        Pattern::parse(pattern).check(actual, &mut Names::default(), 0)
    }

    #[test]
    fn every_byte_outside_a_mark_counts() {
        assert_eq!(check(r#"{"a":1}"#, r#"{"a":1}"#), Ok(()));
        assert!(check(r#"{"a":1}"#, r#"{"a": 1}"#).is_err());
        assert!(check(r#"{"a":1}"#, r#"{"a":1} "#).is_err());
        assert!(check(r#"{"a":1}"#, r#"{"a":1"#).is_err());
    }

    #[test]
    fn a_name_is_bound_once() {
        let mut names = Names::default();
        let pattern = Pattern::parse("<alice>, <alice>");
        assert_eq!(pattern.check(&format!("{UUID}, {UUID}"), &mut names, 0), Ok(()));
        assert!(pattern.check(&format!("{UUID}, {}", UUID.replace('a', "b")), &mut names, 0).is_err());
        assert!(Pattern::parse("<bob>").check(UUID, &mut names, 0).is_err(), "two clients have one uuid");
        assert_eq!(Pattern::parse("<alice:simple>").fill(&names, 0), Ok(UUID.replace('-', "")));
        assert!(Pattern::parse("<bob>").fill(&names, 0).is_err());
    }

    #[test]
    fn a_uuid_is_hyphenated_and_in_lower_case() {
        assert!(check("<alice>", &UUID.to_uppercase()).is_err());
        assert!(check("<alice>", &UUID.replace('-', "")).is_err());
    }

    #[test]
    fn an_open_string_ends_at_its_quote_and_holds_the_fragment() {
        let pattern = r#"{"desc":"<~field `name`>"}"#;
        assert_eq!(check(pattern, r#"{"desc":"a \"x\" in field `name` here"}"#), Ok(()));
        assert!(check(pattern, r#"{"desc":"field `other`"}"#).is_err());
        assert!(check(pattern, r#"{"desc":"x","more":"field `name`"}"#).is_err());
    }

    #[test]
    fn repeats_and_rounds_are_written_out() {
        assert_eq!(Pattern::parse("<[*3>1<]*3>").fill(&Names::default(), 0), Ok("[[[1]]]".to_owned()));
        assert_eq!(Pattern::parse("<u+e9>").fill(&Names::default(), 0), Ok("é".to_owned()));
        assert_eq!(Pattern::parse("<#7>").fill(&Names::default(), 2), Ok("9".to_owned()));
        assert_eq!(Pattern::parse("a < b <B>").fill(&Names::default(), 0), Ok("a < b <B>".to_owned()));
    }
}
