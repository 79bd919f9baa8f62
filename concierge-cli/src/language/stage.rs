//! What follows a `|`: filters in the language of jq, and commands of a shell, whose text is left as it was typed.

use std::ops::Range;

use super::unsplit;
use crate::{
    failure::Failure,
    grammar::{Operator, SplitError, Word, first, is_comment, split},
};

/// Something that results go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The built-in filter.
    Filter {
        /// In the language of jq.
        text: String,
        /// Whether texts are written without quotes.
        raw: bool,
    },
    /// One or more commands of a shell.
    Shell(String),
}

/// The file that results go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirection {
    /// Which one.
    pub file: Word,
    /// Whether they go behind what is in it.
    pub append: bool,
}

/// Everything behind the words of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) stages: Vec<Stage>,
    pub(super) redirection: Option<Redirection>,
    pub(super) background: bool,
}

/// Reads what follows the words of a command. `text` starts with the operator, which stands `before` bytes into the line.
pub(super) fn read_tail(operator: Operator, text: &str, before: usize) -> Result<Tail, Failure> {
    let rest = text.get(operator.text().len()..).unwrap_or_default();
    let before = before + operator.text().len();
    match operator {
        Operator::Background => Ok(Tail { background: true, ..Tail::default() }),
        Operator::Write | Operator::Append => {
            let (redirection, background) = read_file(operator, rest, before)?;
            Ok(Tail { stages: Vec::new(), redirection: Some(redirection), background })
        }
        Operator::Pipe => read_stages(rest, before),
    }
}

/// The file after a `>`, and whether a `&` follows.
fn read_file(operator: Operator, rest: &str, before: usize) -> Result<(Redirection, bool), Failure> {
    let sign = operator.text();
    let mut read = split(rest).map_err(|error| unsplit(&error.after(before)))?;
    let background = match read.operator {
        None => false,
        Some(Operator::Background) => true,
        Some(_) => return Err(Failure::usage("nothing can follow the file that a line writes to")),
    };
    match (read.words.pop(), read.words.is_empty()) {
        (Some(file), true) if file.text.starts_with('&') => {
            Err(Failure::usage(format!("{sign:?} is followed by the name of a file")))
        }
        (Some(file), true) => Ok((Redirection { file, append: operator == Operator::Append }, background)),
        (None, _) => Err(Failure::usage(format!("the file is missing after `{sign}`"))),
        (Some(_), false) => Err(Failure::usage(format!("one file is enough after `{sign}`"))
            .hint("put quotes around a name with spaces")),
    }
}

fn read_stages(text: &str, before: usize) -> Result<Tail, Failure> {
    let mut marks = marks(text).map_err(|error| unsplit(&error.after(before)))?;
    let background = matches!(marks.last(), Some((_, Mark::Background)));
    let text = match marks.last() {
        Some((at, Mark::Background)) => text.get(..*at).unwrap_or(text),
        _ => text,
    };
    marks.retain(|(at, _)| *at < text.len());
    let mut tail = Tail { background, ..Tail::default() };
    let mut shell: Option<Range<usize>> = None;
    let pieces = pieces(text.len(), &marks);
    let count = pieces.len();
    for (number, piece) in pieces.into_iter().enumerate() {
        let part = text.get(piece.clone()).unwrap_or_default();
        if part.trim().is_empty() {
            return Err(Failure::usage("a command is missing after `|`"));
        }
        let Some(filter) = after_jq(part) else {
            refuse_rest_of_filter(part, tail.stages.last().filter(|_| shell.is_none()))?;
            shell = Some(shell.map_or(piece.start, |open| open.start)..piece.end);
            continue;
        };
        tail.stages.extend(shell.take().map(|range| shell_stage(text, range)));
        let start = piece.end - filter.len();
        let inner: Vec<_> = marks
            .iter()
            .filter(|(at, _)| (start..piece.end).contains(at))
            .map(|(at, mark)| (at - start, *mark))
            .collect();
        let (stage, redirection) = read_filter(filter, &inner, before + start)?;
        tail.stages.push(stage);
        if redirection.is_some() && number + 1 < count {
            return Err(Failure::usage("nothing can follow the file that a line writes to"));
        }
        tail.redirection = redirection;
    }
    tail.stages.extend(shell.map(|range| shell_stage(text, range)));
    Ok(tail)
}

fn shell_stage(text: &str, range: Range<usize>) -> Stage {
    Stage::Shell(text.get(range).unwrap_or_default().trim().to_owned())
}

/// What follows `jq` in a piece that starts with it.
fn after_jq(piece: &str) -> Option<&str> {
    let rest = piece.trim_start().strip_prefix("jq")?;
    let ends =
        rest.chars().next().is_none_or(|next| next.is_whitespace() || matches!(next, '\'' | '"' | '>'));
    ends.then_some(rest)
}

/// `jq .a | .b` without quotes is meant as one filter.
fn refuse_rest_of_filter(piece: &str, before: Option<&Stage>) -> Result<(), Failure> {
    let Some(Stage::Filter { text, .. }) = before else { return Ok(()) };
    let piece = piece.trim();
    let called = piece.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_call =
        called.is_some_and(|end| end > 0 && piece.get(end..).is_some_and(|rest| rest.starts_with('(')));
    if piece.starts_with(['.', '[', '{']) || is_call {
        return Err(Failure::usage("a filter with `|` in it stands in quotes")
            .hint(format!("| jq '{text} | {piece}'")));
    }
    Ok(())
}

/// The options and the text of a filter, and the file that its results go to.
fn read_filter(
    text: &str,
    marks: &[(usize, Mark)],
    before: usize,
) -> Result<(Stage, Option<Redirection>), Failure> {
    let mut end = text.len();
    let mut redirection = None;
    for (at, mark) in marks {
        let rest = text.get(*at..).unwrap_or_default();
        let operator = match mark {
            Mark::Write => Operator::Write,
            Mark::Append => Operator::Append,
            Mark::Comment => {
                end = *at;
                break;
            }
            Mark::Pipe | Mark::Background => continue,
        };
        let length = operator.text().len();
        let file = read_file(operator, rest.get(length..).unwrap_or_default(), before + at + length)?;
        redirection = Some(file.0);
        end = *at;
        break;
    }
    let mut filter = text.get(..end).unwrap_or(text).trim();
    let mut raw = false;
    while let Some(option) = filter.split_whitespace().next().filter(|word| is_option(word)) {
        match option {
            "-r" | "--raw-output" | "-rc" | "-cr" => raw = true,
            "-c" | "--compact-output" => {}
            other => {
                return Err(Failure::usage(format!("the built-in jq has no option {other}"))
                    .hint("it has -r and -c; `| command jq …` runs the program of that name"));
            }
        }
        filter = filter.strip_prefix(option).unwrap_or(filter).trim_start();
    }
    Ok((Stage::Filter { text: unquoted(filter), raw }, redirection))
}

fn is_option(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|letter: char| letter == '-' || letter.is_ascii_alphabetic()))
}

/// A filter in quotes without them; another one as it was typed.
fn unquoted(filter: &str) -> String {
    match filter.chars().next() {
        None => ".".to_owned(),
        Some('\'' | '"') => match first(filter) {
            Ok(word) if word.end == filter.len() => word.text,
            _ => filter.to_owned(),
        },
        Some(_) => filter.to_owned(),
    }
}

/// What is an operator in the text of a shell, outside of quotes and brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Pipe,
    Write,
    Append,
    /// A comment starts here.
    Comment,
    /// A `&` that stands alone at the end.
    Background,
}

/// Looks through the text of a shell, and of filters, which have the same quotes and brackets.
fn marks(text: &str) -> Result<Vec<(usize, Mark)>, SplitError> {
    let mut marks = Vec::new();
    let mut depth = 0_usize;
    let mut quote: Option<(usize, char)> = None;
    let mut before = ' ';
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let rest = text.get(at..).unwrap_or_default();
        match (quote, letter) {
            (Some((_, '\'')), '\'') => quote = None,
            (Some((_, open)), '\\') if open != '\'' => drop(letters.next()),
            (None, '\\') => drop(letters.next()),
            (Some((_, open)), _) if open == letter => quote = None,
            (None, '\'' | '"' | '`') => quote = Some((at, letter)),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '#') if before.is_whitespace() && is_comment(rest) => {
                marks.push((at, Mark::Comment));
                break;
            }
            (None, '|') if depth == 0 && !matches!(before, '|' | '>') && !rest.starts_with("||") => {
                marks.push((at, Mark::Pipe));
            }
            (None, '>') if depth == 0 && before != '>' => {
                marks.push((at, if rest.starts_with(">>") { Mark::Append } else { Mark::Write }));
            }
            (None, '&') if depth == 0 && before.is_whitespace() => {
                let after = rest.get(1..).unwrap_or_default().trim_start();
                if after.is_empty() || is_comment(after) {
                    marks.push((at, Mark::Background));
                    break;
                }
            }
            _ => {}
        }
        before = letter;
    }
    match quote {
        Some((at, _)) => Err(SplitError::OpenQuote { at }),
        None => Ok(marks),
    }
}

/// The pieces between pipes.
fn pieces(length: usize, marks: &[(usize, Mark)]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, _) in marks.iter().filter(|(_, mark)| *mark == Mark::Pipe) {
        pieces.push(start..*at);
        start = at + 1;
    }
    pieces.push(start..length);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(text: &str) -> Vec<Stage> {
        read_stages(text, 0).unwrap().stages
    }

    fn filter(text: &str) -> Stage {
        Stage::Filter { text: text.to_owned(), raw: false }
    }

    fn shell(text: &str) -> Stage {
        Stage::Shell(text.to_owned())
    }

    #[test]
    fn what_is_no_filter_is_the_shells_as_it_was_typed() {
        for text in [
            "grep bob",
            "sort -u | head -n 3 > out 2>&1",
            "awk '{print $1 | \"sort\"}'",
            "test -s /dev/stdin || echo none",
            "cat |& tee log",
            "while read x; do echo \"$x | y\"; done",
            "cat # it's | a comment",
            "jqx .",
            "(cat | sort)",
        ] {
            assert_eq!(stages(text), [shell(text)], "{text}");
        }
    }

    #[test]
    fn a_filter_is_in_quotes_or_as_it_was_typed() {
        for (text, read) in [
            ("jq .", "."),
            ("jq", "."),
            ("jq '.a | .b'", ".a | .b"),
            (r#"jq ".a == \"x\"""#, r#".a == "x""#),
            ("jq .a[] ", ".a[]"),
            ("jq select(.x > 1 | not)", "select(.x > 1 | not)"),
            ("jq {a: .b, c}", "{a: .b, c}"),
            (r#"jq .a == "|>" # why"#, r#".a == "|>""#),
            ("jq -c '.'", "."),
            ("jq -1", "-1"),
        ] {
            assert_eq!(stages(text), [filter(read)], "{text}");
        }
        assert_eq!(stages("jq -r .a"), [Stage::Filter { text: ".a".to_owned(), raw: true }]);
    }

    #[test]
    fn filters_and_commands_follow_each_other() {
        assert_eq!(
            stages("jq .a | sort | uniq -c | jq -r . | cat"),
            [
                filter(".a"),
                shell("sort | uniq -c"),
                Stage::Filter { text: ".".to_owned(), raw: true },
                shell("cat")
            ]
        );
    }

    #[test]
    fn a_filter_can_be_written_to_a_file() {
        let tail = read_stages("jq .a >> 'my file' &", 0).unwrap();
        assert_eq!(tail.stages, [filter(".a")]);
        assert!(tail.background);
        let redirection = tail.redirection.unwrap();
        assert_eq!((redirection.file.text.as_str(), redirection.append), ("my file", true));
    }

    #[test]
    fn an_ampersand_at_the_end_is_no_part_of_the_command() {
        for (text, background) in [
            ("tee f &", true),
            ("tee f & # x", true),
            ("tee f&", false),
            ("a && b", false),
            ("echo '&'", false),
        ] {
            let tail = read_stages(text, 0).unwrap();
            assert_eq!(tail.background, background, "{text}");
        }
        assert_eq!(stages("tee f &"), [shell("tee f")]);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (text, message) in [
            ("", "a command is missing after `|`"),
            ("sort |", "a command is missing after `|`"),
            ("| sort", "a command is missing after `|`"),
            ("grep it's", "the quote that opens at column 8 is not closed"),
            ("jq . > ", "the file is missing after `>`"),
            ("jq . > a b", "one file is enough after `>`"),
            ("jq . > a | sort", "nothing can follow the file that a line writes to"),
            ("jq --slurp .", "the built-in jq has no option --slurp"),
            ("jq .a | .b", "a filter with `|` in it stands in quotes"),
            ("jq .a | select(.b)", "a filter with `|` in it stands in quotes"),
        ] {
            assert_eq!(read_stages(text, 0).unwrap_err().message(), message, "{text}");
        }
        let failure = read_stages("jq .a[] | .b", 0).unwrap_err();
        assert_eq!(failure.hinted(), Some("| jq '.a[] | .b'"));
    }

    proptest::proptest! {
        #[test]
        fn reading_stages_never_panics(text in r#"[jq .a|>&#'"`\\(){}\[\]-rä ]{0,40}"#) {
            let _ = read_stages(&text, 3);
        }
    }
}
