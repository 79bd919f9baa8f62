//! Records as rows of tab-separated fields, for `cut`, `awk` and `read`.

use super::escape::escape;

/// A row as one line. Tabs, line ends and backslashes within a field are written `\t`, `\n`, `\r` and `\\`; on a terminal, so is
/// whatever else would act on it.
pub(super) fn line(fields: &[String], terminal: bool) -> String {
    let fields: Vec<_> = fields.iter().map(|text| field(text)).collect();
    let line = fields.join("\t");
    if !terminal {
        return line + "\n";
    }
    line.split('\t').map(|field| escape(field).into_owned()).collect::<Vec<_>>().join("\t") + "\n"
}

fn field(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => written.push_str("\\t"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\\' => written.push_str("\\\\"),
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

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
