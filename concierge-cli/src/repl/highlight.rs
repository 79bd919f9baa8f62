//! The colours of a line while it is typed: words, targets, JSON, and the bracket that belongs to the one under the cursor. Pure; the
//! text keeps its width.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use crate::{
    grammar::is_comment,
    output::{Palette, Role, is_hostile},
};

/// Lines longer than this, in bytes, stay plain: a paste is painted anew with each key.
const LONGEST: usize = 4 * 1024;

/// The line as it is shown, with the cursor before this byte.
pub(super) fn highlight(line: &str, cursor: usize, palette: Palette) -> Cow<'_, str> {
    let line = harmless(line);
    if !palette.is_colored() || !is_short(&line) || line.is_empty() {
        return line;
    }
    let pair = pair(&line, cursor);
    let mut painted = String::with_capacity(line.len() * 2);
    for token in tokens(&line) {
        let text = line.get(token.start..token.end).unwrap_or_default();
        let is_paired = pair.is_some_and(|(open, close)| token.start == open || token.start == close);
        match token.role {
            _ if is_paired => painted.push_str(&palette.paint(Role::Heading, text)),
            Some(role) => painted.push_str(&palette.paint(role, text)),
            None => painted.push_str(text),
        }
    }
    painted.into()
}

/// Whether a cursor here has something to show that depends on where it is.
pub(super) fn depends_on_cursor(line: &str, cursor: usize) -> bool {
    is_short(line) && pair(line, cursor).is_some()
}

/// Whether a line is coloured at all.
pub(super) fn is_short(line: &str) -> bool {
    line.len() <= LONGEST
}

/// Without what a terminal would act upon and what has no width; tabs and line ends are the editor's.
fn harmless(line: &str) -> Cow<'_, str> {
    let acts = |character: char| {
        is_hostile(character) && character.width().unwrap_or(0) == 0 && !matches!(character, '\n' | '\t')
    };
    if line.contains(acts) { line.replace(acts, "").into() } else { line.into() }
}

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    start: usize,
    end: usize,
    role: Option<Role>,
    /// Whether it is a bracket of JSON, and which.
    bracket: Option<char>,
}

/// The pieces of a line, which together are the line. Unfinished ones are taken for what they begin as.
fn tokens(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    let mut is_first = true;
    while let Some(character) = line.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = line.get(at..).unwrap_or_default();
        let begins_word =
            depth > 0 || at == 0 || line.get(..at).is_some_and(|b| b.ends_with(char::is_whitespace));
        let (length, role, bracket) = match character {
            '{' | '[' if begins_word => {
                depth += 1;
                (1, None, Some(character))
            }
            '}' | ']' if depth > 0 => {
                depth -= 1;
                (1, None, Some(character))
            }
            '"' if begins_word => {
                let length = string_length(rest);
                let is_key = rest.get(length..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                (length, Some(if is_key && depth > 0 { Role::Changed } else { Role::Joined }), None)
            }
            _ if depth > 0 => {
                let length = rest.find(|c: char| "{}[]\",: \t\n".contains(c)).unwrap_or(rest.len()).max(1);
                let is_value = !",: \t\n".contains(character);
                (length.max(character.len_utf8()), is_value.then_some(Role::Left), None)
            }
            _ if character.is_whitespace() => (character.len_utf8(), None, None),
            '#' if is_comment(rest) => (rest.find('\n').unwrap_or(rest.len()), Some(Role::Dim), None),
            _ => {
                let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                let role = role_of(word, is_first);
                is_first = false;
                (length, role, None)
            }
        };
        tokens.push(Token { start: at, end: at + length, role, bracket });
        at += length;
    }
    tokens
}

/// What a word outside JSON is.
fn role_of(word: &str, is_first: bool) -> Option<Role> {
    match word.chars().next()? {
        '@' => Some(Role::Client),
        '#' => Some(Role::Service),
        '-' if word.len() > 1 => Some(Role::Dim),
        _ if word.starts_with("svc:") => Some(Role::Service),
        _ if is_first => Some(Role::Heading),
        _ => None,
    }
}

/// How long the string is that starts here, both quotes with it, or all there is of it.
fn string_length(rest: &str) -> usize {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The brackets that belong together, one of them under or right before the cursor.
fn pair(line: &str, cursor: usize) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    for token in tokens(line) {
        match token.bracket {
            Some('{' | '[') => open.push(token),
            Some(_) => {
                let start = open.pop()?;
                let is_near = |at: usize| at == cursor || at + 1 == cursor;
                let matches =
                    matches!((start.bracket, token.bracket), (Some('{'), Some('}')) | (Some('['), Some(']')));
                if matches && (is_near(start.start) || is_near(token.start)) {
                    return Some((start.start, token.start));
                }
            }
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(line: &str) -> Vec<(&str, Role)> {
        tokens(line)
            .into_iter()
            .filter_map(|token| Some((&line[token.start..token.end], token.role?)))
            .collect()
    }

    #[test]
    fn words_have_the_colour_of_what_they_are() {
        assert_eq!(
            roles("send @bob -n 3"),
            [("send", Role::Heading), ("@bob", Role::Client), ("-n", Role::Dim)]
        );
        assert_eq!(roles("#chat hi"), [("#chat", Role::Service)]);
        assert_eq!(roles("whoami # a comment"), [("whoami", Role::Heading), ("# a comment", Role::Dim)]);
    }

    #[test]
    fn json_is_coloured_while_it_is_not_whole() {
        let whole = roles(r#"@bob {"a": [1, "x"], "b": true}"#);
        let value = |text| (text, Role::Left);
        assert_eq!(
            whole,
            [
                ("@bob", Role::Client),
                (r#""a""#, Role::Changed),
                value("1"),
                (r#""x""#, Role::Joined),
                (r#""b""#, Role::Changed),
                value("true")
            ]
        );
        assert_eq!(roles(r#"@bob {"a": "x y"#).last(), Some(&(r#""x y"#, Role::Joined)));
    }

    #[test]
    fn the_pieces_are_the_line() {
        for line in ["", " a  b ", r#"@bob {"ä\"": [1,2], x"#, "a}b]", "it's\n{\n}", "\"", "[[[", "ö{"] {
            let together: String = tokens(line).iter().map(|token| &line[token.start..token.end]).collect();
            assert_eq!(together, line);
        }
    }

    #[test]
    fn a_bracket_at_the_cursor_has_its_pair() {
        let line = r#"@bob {"a": [1, "]"]}"#;
        assert_eq!(pair(line, line.len()), Some((5, line.len() - 1)));
        assert_eq!(pair(line, 11), Some((11, line.len() - 2)));
        assert_eq!(pair(line, 0), None);
        assert_eq!(pair("[}", 2), None);
    }

    #[test]
    fn what_a_terminal_would_act_upon_is_not_shown() {
        assert_eq!(highlight("a\u{1b}[2J\u{202e}b\tc\n", 0, Palette::default()), "a[2Jb\tc\n");
    }
}
