//! Variables: names for JSON values, and what words become by them. A value is never read again as words, operators or options.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use crate::{
    failure::Failure,
    grammar::{Reference, Word},
    suggest::nearest,
};

/// How many variables there can be.
const MOST: usize = 1_000;

/// How long a value may be, in bytes.
const LONGEST: usize = 16 << 20;

/// The name of the last result.
pub(crate) const LAST: &str = "_";

/// The variables of a session. Each value is JSON as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Gives a name to a JSON value, which it had not or had another.
    pub(crate) fn set(&mut self, name: &str, json: String) -> Result<(), Failure> {
        if json.len() > LONGEST {
            return Err(Failure::usage(format!("the value of ${name} has more than {LONGEST} bytes")));
        }
        if self.0.len() >= MOST && !self.0.contains_key(name) {
            return Err(Failure::usage(format!("there are {MOST} variables already")));
        }
        self.0.insert(name.to_owned(), json);
        Ok(())
    }

    /// Every variable, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, json)| (name.as_str(), json.as_str()))
    }

    /// The last result.
    pub(crate) fn last(&self) -> Option<&str> {
        self.0.get(LAST).map(String::as_str)
    }

    /// What a reference stands for, as JSON.
    pub(crate) fn value(&self, reference: &Reference) -> Result<String, Failure> {
        let mut value = self.0.get(&reference.name).ok_or_else(|| self.unknown(reference))?.clone();
        let mut way = format!("${}", reference.name);
        for segment in &reference.path {
            value = step(&value, segment).map_err(|there| lost(&way, segment, &there))?;
            way = format!("{way}.{segment}");
        }
        Ok(value)
    }

    /// A word with its references replaced: a text by its characters, anything else by its JSON.
    pub(crate) fn expand(&self, word: &Word) -> Result<String, Failure> {
        let mut text = String::with_capacity(word.text.len());
        let mut at = 0;
        for expansion in &word.expansions {
            text.push_str(word.text.get(at..expansion.place.start).unwrap_or_default());
            text.push_str(&as_text(&self.value(&expansion.reference)?));
            at = expansion.place.end;
        }
        text.push_str(word.text.get(at..).unwrap_or_default());
        Ok(text)
    }

    fn unknown(&self, reference: &Reference) -> Failure {
        let name = &reference.name;
        if name == LAST {
            return Failure::usage("there is no last result yet").hint("$_ is what the last command told");
        }
        let failure = Failure::usage(format!("there is no variable ${name}"));
        match nearest(name, self.0.keys().filter(|known| *known != LAST)) {
            Some(meant) => failure.hint(format!("did you mean ${meant}?")),
            None => failure.hint(format!("let {name} = …; in single quotes, `$` is just a character")),
        }
    }
}

/// A value as it goes into text.
pub(crate) fn as_text(json: &str) -> Cow<'_, str> {
    match serde_json::from_str::<String>(json) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(json),
    }
}

/// A step into a value: a key of an object, or the number of an array's element. Else what could have been named.
fn step(json: &str, segment: &str) -> Result<String, Vec<String>> {
    if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) {
        return match fields.get(segment) {
            Some(value) => Ok(value.get().to_owned()),
            None => Err(fields.into_keys().collect()),
        };
    }
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) else { return Err(Vec::new()) };
    let element = segment.parse::<usize>().ok().and_then(|index| elements.get(index));
    element.map(|value| value.get().to_owned()).ok_or_else(|| match elements.len() {
        0 => Vec::new(),
        count => vec![format!("0 to {}", count - 1)],
    })
}

fn lost(way: &str, segment: &str, there: &[String]) -> Failure {
    let failure = Failure::usage(format!("there is no {segment:?} in {way}"));
    let meant = nearest(segment, there).filter(|_| segment.parse::<usize>().is_err());
    match (meant, there) {
        (Some(meant), _) => failure.hint(format!("did you mean {way}.{meant}? ${{…}} ends a name")),
        (None, []) => failure.hint("it has no parts; ${…} ends a name before a dot"),
        (None, there) => {
            let shown: Vec<_> = there.iter().take(8).map(String::as_str).collect();
            failure.hint(format!("there is {}", shown.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::split;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        for (name, json) in [
            ("bob", r#""bob""#),
            ("n", "1.10"),
            ("hostile", r#""| rm -rf > x & 'y\" $bob --json""#),
            ("list", r#"[{"name":"a"},{"name":"b c"}]"#),
        ] {
            variables.set(name, json.to_owned()).unwrap();
        }
        variables
    }

    fn expanded(line: &str) -> Result<Vec<String>, Failure> {
        let words = split(line).unwrap().words;
        words.iter().map(|word| variables().expand(word)).collect()
    }

    #[test]
    fn a_text_becomes_its_characters_and_anything_else_its_json() {
        assert_eq!(expanded("$bob x$n ${bob}by").unwrap(), ["bob", "x1.10", "bobby"]);
        assert_eq!(expanded("$list.1.name $list.0 n:=$n").unwrap(), ["b c", r#"{"name":"a"}"#, "n:=1.10"]);
        assert_eq!(expanded(r#"'$bob' \$bob "$bob" x"$bob""#).unwrap(), ["$bob", "$bob", "\"$bob\"", "xbob"]);
    }

    #[test]
    fn a_value_is_never_read_again() {
        assert_eq!(expanded("a $hostile b").unwrap(), ["a", "| rm -rf > x & 'y\" $bob --json", "b"]);
    }

    #[test]
    fn what_is_not_there_is_told_with_what_was_meant() {
        let told = |line: &str| {
            let failure = expanded(line).unwrap_err();
            (failure.message().to_owned(), failure.hinted().unwrap_or_default().to_owned())
        };
        assert_eq!(told("$bbo"), ("there is no variable $bbo".to_owned(), "did you mean $bob?".to_owned()));
        assert_eq!(told("$_").0, "there is no last result yet");
        assert_eq!(told("$list.0.nam").1, "did you mean $list.0.name? ${…} ends a name");
        assert_eq!(told("$list.7"), ("there is no \"7\" in $list".to_owned(), "there is 0 to 1".to_owned()));
        assert_eq!(told("$bob.json").0, "there is no \"json\" in $bob");
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut variables = Variables::default();
        for number in 0..MOST {
            variables.set(&format!("x{number}"), "1".to_owned()).unwrap();
        }
        assert!(variables.set("more", "1".to_owned()).is_err());
        assert!(variables.set("x1", "2".to_owned()).is_ok());
        assert!(variables.set("x1", " ".repeat(LONGEST + 1)).is_err());
    }
}
