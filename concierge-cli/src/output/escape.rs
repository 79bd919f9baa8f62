//! Text from others is hostile: what could move the cursor, recolour the screen or turn the text around is shown escaped.

use std::borrow::Cow;

/// The text with every character that a terminal would act upon, or that cannot be seen, written out.
///
/// Control characters (with them every escape sequence), text-direction marks and overrides, line and paragraph separators,
/// and characters without a shape, some of which count as letters and could make a name look like another. Joiners stay,
/// because emoji and several scripts need them.
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
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

fn replace(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hostile(character) {
            shown.push_str(&escape(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' | '\u{3164}'
            | '\u{FFA0}' | '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
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
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let json = "{\"a\":\n\t\"\u{202e}\u{9b}x\u{e0041}\"}";
        let shown = escape_json(json);
        assert!(!shown.contains(is_hostile));
        let before: serde_json::Value = serde_json::from_str(json).unwrap();
        let after: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(before, after);
    }
}
