//! The short forms `@bob hi` and `#chat {"text":"hi"}`: what follows the target is what is sent. Nothing in it is an operator, and
//! text is sent just as it was typed.

use concierge_client::payload::Target;

use super::unsplit;
use crate::{
    failure::Failure,
    grammar::{Word, first, is_assignment, json_or_text, parse_target, split_text},
};

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShortForm {
    /// Whom to.
    pub target: Target,
    /// What: the words of a payload. Text is one JSON string already.
    pub payload: Vec<Word>,
}

/// Reads a short form, which stands `before` bytes into its line.
pub(super) fn read_short(text: &str, before: usize) -> Result<ShortForm, Failure> {
    let word = first(text).map_err(|error| unsplit(&error.after(before)))?;
    let target = parse_target(&word.text).map_err(Failure::usage)?;
    let rest = text.get(word.end..).unwrap_or_default().trim();
    let payload = match split_text(rest) {
        Ok(words) => {
            let shown = rest.get(..words.end).unwrap_or(rest).trim_end();
            match words.words.as_slice() {
                [] => {
                    return Err(Failure::usage(format!("there is nothing to send to {}", word.text))
                        .hint(format!("{} hello", word.text)));
                }
                [only] if is_quoted(rest, only) || only.text.starts_with('@') || is_reference(rest, only) => {
                    words.words
                }
                [first, second, ..] if first.text.starts_with(['{', '[', '"']) => {
                    return Err(follows_json(second));
                }
                all @ [first, ..] if is_assignment(&first.text) => all.to_vec(),
                _ => vec![literal(shown)?],
            }
        }
        // What starts like JSON is meant as JSON; elsewhere a quote or a bracket is just a character.
        Err(error) if rest.starts_with(['{', '[', '"']) => {
            return Err(unsplit(&error.after(before + text.len() - rest.len())));
        }
        Err(_) => vec![literal(rest)?],
    };
    Ok(ShortForm { target, payload })
}

/// What a short form sends.
pub(super) fn payload(text: &str) -> Option<&str> {
    let target = first(text).ok()?;
    text.get(target.end..).map(str::trim_start)
}

fn follows_json(word: &Word) -> Failure {
    let failure = Failure::usage(format!("{:?} follows a whole JSON value", word.text));
    match word.text.as_str() {
        "|" | ">" | ">>" | "&" => failure.hint("`send` takes operators; after @NAME and #NAME they are text"),
        _ => failure,
    }
}

/// Text as it was typed; JSON if it is some.
fn literal(text: &str) -> Result<Word, Failure> {
    let data = json_or_text(text).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Word { end: text.len(), ..Word::plain(data.as_str()) })
}

/// Whether a word is one that was put in quotes, as shells want JSON.
fn is_quoted(line: &str, word: &Word) -> bool {
    line.get(word.start..word.end).is_some_and(|stood| stood.starts_with('\'') && stood.ends_with('\''))
}

/// Whether a word is a reference to a variable, and nothing else.
fn is_reference(line: &str, word: &Word) -> bool {
    word.reference().is_some() && line.get(word.start..word.end) == Some(&word.text)
}
