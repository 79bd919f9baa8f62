//! Messages in a bounded length: what was typed or sent, and stands in them, may be as long as it likes.

use std::borrow::Cow;

/// How many characters are shown of the beginning, and of the end.
const SHOWN: usize = 300;

/// The text, without its middle where it is too long: what happened stands at its beginning, why at its end.
pub(super) fn bounded(text: &str) -> Cow<'_, str> {
    let head = text.char_indices().nth(SHOWN).map(|(place, _)| place);
    let tail = text.char_indices().rev().nth(SHOWN - 1).map(|(place, _)| place);
    match (head, tail) {
        // What is left out is longer than what tells that something is.
        (Some(head), Some(tail)) if tail > head + 8 => {
            let (beginning, end) = (text.get(..head), text.get(tail..));
            format!("{} … {}", beginning.unwrap_or_default(), end.unwrap_or_default()).into()
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_stays_as_it_is() {
        for text in [String::new(), "no such thing".to_owned(), "ä".repeat(600)] {
            assert!(matches!(bounded(&text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_is_long_loses_its_middle() {
        let text = format!("there is no client named {}: why", "ö".repeat(100_000));
        let shown = bounded(&text).into_owned();
        assert!(shown.starts_with("there is no client named öö") && shown.ends_with("öö: why"), "{shown}");
        assert_eq!(shown.chars().count(), 603);
    }
}
