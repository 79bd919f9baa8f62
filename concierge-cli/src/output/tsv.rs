//! Records as rows of tab-separated fields, for `cut`, `awk` and `read`.

use std::borrow::Cow;

use super::escape::escape;

/// Adds a row as one line. Tabs, line ends and backslashes within a field are written `\t`, `\n`, `\r` and `\\`; on a terminal, so is
/// whatever else would act on it.
pub(super) fn push_line(text: &mut String, fields: &[String], terminal: bool) {
    for (number, content) in fields.iter().enumerate() {
        if number > 0 {
            text.push('\t');
        }
        let content = field(content);
        text.push_str(&if terminal { escape(&content) } else { Cow::Borrowed(&*content) });
    }
    text.push('\n');
}

fn field(text: &str) -> Cow<'_, str> {
    // Without an early end, several bytes are looked at in one step.
    if text.bytes().fold(true, |plain, byte| plain & !matches!(byte, b'\t' | b'\n' | b'\r' | b'\\')) {
        return text.into();
    }
    let mut written = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\t' => written.push_str("\\t"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\\' => written.push_str("\\\\"),
            other => written.push(other),
        }
    }
    written.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &[String], terminal: bool) -> String {
        let mut text = String::new();
        push_line(&mut text, fields, terminal);
        text
    }

    #[test]
    fn fields_never_break_their_row() {
        let fields = ["a\tb".to_owned(), "c\nd\r".to_owned(), "e\\t".to_owned()];
        assert_eq!(line(&fields, false), "a\\tb\tc\\nd\\r\te\\\\t\n");
    }

    #[test]
    fn a_terminal_gets_nothing_that_acts_on_it() {
        let fields = ["\u{1b}[2J".to_owned(), String::new()];
        assert_eq!(line(&fields, false), "\u{1b}[2J\t\n");
        assert_eq!(line(&fields, true), "\\u{1b}[2J\t\n");
    }
}
