//! Templates: payloads with places that are filled in anew for each message. Pure: what stands there is given.

/// What is filled in.
#[derive(Debug)]
pub(super) struct Filling {
    /// Which message it is, from 1: `{{n}}`.
    pub(super) number: u64,
    /// A new id: `{{uuid}}`.
    pub(super) uuid: String,
    /// The time, as records have it: `{{now}}`.
    pub(super) now: String,
}

impl Filling {
    /// The text with everything filled in. A word in double braces that is none of these is a mistake; anything else is text.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            match after.split_once("}}").map(|(word, after)| (word.trim(), after)) {
                Some((word, after)) if is_word(word) => {
                    filled.push_str(&self.value(word)?);
                    rest = after;
                }
                _ => {
                    // One brace at a time: the next two may be meant.
                    filled.push('{');
                    rest = rest.get(before.len() + 1..).unwrap_or_default();
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, word: &str) -> Result<String, String> {
        match word {
            "n" => Ok(self.number.to_string()),
            "uuid" => Ok(self.uuid.clone()),
            "now" => Ok(self.now.clone()),
            _ => Err(format!("nothing is known to fill in for {{{{{word}}}}}")),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, String> {
        Filling { number: 7, uuid: "U".to_owned(), now: "T".to_owned() }.fill(text)
    }

    #[test]
    fn places_are_filled_in_and_the_rest_is_as_it_was() {
        for (text, filled) in [
            ("", ""),
            ("{{n}}", "7"),
            (r#"{"n": {{n}}, "id": "{{ uuid }}", "at": "{{now}}"}"#, r#"{"n": 7, "id": "U", "at": "T"}"#),
            ("{{{n}}}", "{7}"),
            (r#"{"a":{"b":{}}}"#, r#"{"a":{"b":{}}}"#),
            ("{{ }} {{a b}} {{", "{{ }} {{a b}} {{"),
            ("ä{{n}}ö", "ä7ö"),
        ] {
            assert_eq!(fill(text).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_a_mistake() {
        assert_eq!(fill("{{m}}"), Err("nothing is known to fill in for {{m}}".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn filling_never_panics(text in r#"[{}nuidow ä"]{0,20}"#) {
            let _ = fill(&text);
        }
    }
}
