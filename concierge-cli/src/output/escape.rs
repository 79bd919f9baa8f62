//! Text from others is hostile: what could move the cursor, recolour the screen or turn the text around is shown escaped.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// The text with every character that a terminal would act upon, or that cannot be seen, written out.
///
/// Control characters (with them every escape sequence), text-direction marks and overrides, line and paragraph separators,
/// and characters without a shape, some of which count as letters and could make a name look like another. Joiners stay where
/// there is something to join, because emoji and several scripts need them; of marks on one letter only so many, as more of
/// them would cover the lines around.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    replace(text, |character| match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        other => format!("\\u{{{:x}}}", u32::from(other)),
    })
}

/// JSON text for a terminal: the same value, with the same characters written as JSON escapes.
///
/// In JSON they occur only inside strings, but for line ends and tabs between values, which become spaces.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    replace(json, |character| match character {
        '\n' | '\r' | '\t' => " ".to_owned(),
        other => {
            let mut units = [0; 2];
            other
                .encode_utf16(&mut units)
                .iter()
                .fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"))
        }
    })
}

/// JSON text on one line: the same value, byte for byte but for line ends between values, which become spaces.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    if bytes.contains(&b'\n') || bytes.contains(&b'\r') {
        json.replace(['\n', '\r'], " ").into()
    } else {
        json.into()
    }
}

fn replace(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut judge = Judge::default();
    if !text.chars().any(|character| judge.refuses(character)) {
        return Cow::Borrowed(text);
    }
    let mut judge = Judge::default();
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if judge.refuses(character) {
            shown.push_str(&escape(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether nothing is in it but what every terminal has always shown. Most text is like that, and it is seen at a fraction of what a
/// closer look costs: without an early end, several characters are looked at in one step.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & is_printable(byte.into()))
}

fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~')
}

/// How many marks may stand on one letter. More than any script uses, and too few to reach the line above.
const MARKS: usize = 8;

/// Looks at one character after the other: some are harmless only where they stand.
#[derive(Default)]
struct Judge {
    /// Whether a joiner would have something to join.
    joinable: bool,
    /// How many marks have been put on the last letter.
    marks: usize,
}

impl Judge {
    fn refuses(&mut self, character: char) -> bool {
        if is_printable(character) {
            *self = Self::default();
            return false;
        }
        let marks = if character.width() == Some(0) { self.marks + 1 } else { 0 };
        // Between letters that do not join, a joiner only makes a name look like another.
        let idle = matches!(character, '\u{200C}' | '\u{200D}') && !self.joinable;
        let refused = is_hostile(character) || idle || marks > MARKS;
        // What is written out ends with a letter that nothing joins.
        *self = if refused { Self::default() } else { Self { joinable: true, marks } };
        refused
    }
}

/// Whether a terminal would act upon it, or it cannot be seen.
pub(crate) fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{3164}' | '\u{FFA0}' | '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_is_not_touched() {
        for text in ["hello", "größe", "日本語", "👩‍👩‍👧", "नमस्ते", "שלום"]
        {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn escape_sequences_lose_their_power() {
        assert_eq!(escape("\u{1b}[2J\u{7}\r\n"), "\\u{1b}[2J\\u{7}\\r\\n");
        assert_eq!(escape("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
    }

    #[test]
    fn direction_overrides_are_shown() {
        assert_eq!(escape("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
    }

    #[test]
    fn letters_that_cannot_be_seen_are_shown() {
        assert_eq!(escape("bob\u{3164}\u{ad}"), "bob\\u{3164}\\u{ad}");
        assert_eq!(escape("bo\u{200d}b"), "bo\\u{200d}b");
    }

    #[test]
    fn a_letter_carries_so_many_marks() {
        let pile = |marks: usize| format!("a{}", "\u{301}".repeat(marks));
        assert_eq!(escape(&pile(8)), pile(8));
        assert_eq!(escape(&(pile(9) + "b")), pile(8) + "\\u{301}b");
        assert!(escape(&pile(10_000)).split("\\u{301}").all(|part| part.chars().count() <= 9));
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let json = "{\"a\":\n\t\"\u{202e}\u{9b}x\u{e0041}\"}";
        let shown = escape_json(json);
        assert!(matches!(escape_json(&shown), Cow::Borrowed(_)));
        let before: serde_json::Value = serde_json::from_str(json).unwrap();
        let after: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(before, after);
    }
}
