//! How a page of help fits a terminal: prose flows, what is laid out in columns stays as it is. Pure, but for the look at the
//! terminal.

use clap::Command;
use rustix::{stdio::stdout, termios::tcgetwinsize};
use unicode_width::UnicodeWidthStr;

use crate::output::Output;

/// How wide a page of help is at most, in columns.
pub(crate) const WIDTH: usize = 100;

/// Less than this is not worth breaking lines for.
pub(crate) const NARROW: usize = 20;

/// How wide a page may be where the output leads.
pub(crate) fn width(output: &Output) -> usize {
    let size = if output.is_terminal() { tcgetwinsize(stdout()).ok() } else { None };
    match size.map(|size| usize::from(size.ws_col)) {
        None | Some(0) => WIDTH,
        Some(columns) => columns.clamp(NARROW, WIDTH),
    }
}

/// The tree with what its help ends with in paragraphs, which whoever shows it breaks into lines.
pub(crate) fn flowing(mut tree: Command) -> Command {
    if let Some(text) = tree.get_after_help().map(paragraphs_of) {
        tree = tree.after_help(text);
    }
    if let Some(text) = tree.get_after_long_help().map(paragraphs_of) {
        tree = tree.after_long_help(text);
    }
    tree.mut_subcommands(flowing)
}

/// A text whose prose is broken between words at this width.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    paragraphs(text).lines().flat_map(|line| broken(line, width)).map(|line| line + "\n").collect()
}

fn paragraphs_of(text: &clap::builder::StyledStr) -> String {
    paragraphs(&text.to_string())
}

/// The text with each paragraph of prose on one line.
fn paragraphs(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(before) if is_prose(before) && is_prose(line) => {
                before.push(' ');
                before.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Whether a line belongs to a paragraph: what is laid out in columns is indented.
fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(' ')
}

/// A line of prose as several; another one as it is.
pub(crate) fn broken(line: &str, width: usize) -> Vec<String> {
    if !is_prose(line) {
        return vec![line.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.is_empty() => word.clone_into(last),
            Some(last) if last.width() + 1 + word.width() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Does it: one two\nthree four.\n\n  a   column\n  another\nMore of\nit.\n";

    #[test]
    fn prose_is_one_line_and_columns_stay() {
        assert_eq!(paragraphs(TEXT), "Does it: one two three four.\n\n  a   column\n  another\nMore of it.");
    }

    #[test]
    fn lines_are_broken_between_words_at_the_width() {
        assert_eq!(
            fitted(TEXT, 9),
            "Does it:\none two\nthree\nfour.\n\n  a   column\n  another\nMore of\nit.\n"
        );
        assert_eq!(fitted("unbreakable", 3), "unbreakable\n");
    }
}
