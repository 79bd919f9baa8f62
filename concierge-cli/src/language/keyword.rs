//! The words that take a whole statement: `let`, `time`, `watch`, and what stands behind them.

use std::time::Duration;

use clap::CommandFactory;

use super::{
    statement::{Assigned, Line, Statement, read},
    unsplit,
    variables::LAST,
};
use crate::{
    args::ReplLine,
    failure::Failure,
    grammar::{is_comment, name_at, parse_span, split},
};

/// A word that takes a whole statement, and what follows it.
pub(super) fn keyword(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    // What they are for is asked as of any other command.
    let is_help = rest.is_empty() || ["-h", "--help"].contains(&rest);
    (matches!(word, "let" | "time" | "watch") && !is_help).then_some((word, rest))
}

/// What a statement is about that starts with such a word; nothing if that makes no sense.
pub(super) fn inner<'a>(word: &str, rest: &'a str) -> &'a str {
    match word {
        "let" => rest.split_once('=').map_or("", |(_, value)| value.trim_start()),
        "watch" => repetition(rest).map_or("", |(_, _, statement)| statement),
        _ => rest,
    }
}

/// A statement within another.
fn foreground(word: &str, text: &str, before: usize) -> Result<Statement, Failure> {
    let line = read(text, before)?;
    if line.background {
        return Err(Failure::usage(format!("`{word}` waits for its statement: `&` has no place there")));
    }
    match line.statement {
        Statement::Nothing => Err(Failure::usage(format!("`{word}` wants a statement"))),
        statement => Ok(statement),
    }
}

/// Reads what follows `let`.
pub(super) fn read_let(rest: &str, before: usize) -> Result<Line, Failure> {
    let example = "let who = bob, let n = 3, let all = clients ls";
    let name = name_at(rest).ok_or_else(|| {
        Failure::usage("a name has letters, digits and `_`, and starts with no digit").hint(example)
    })?;
    if name == LAST {
        return Err(Failure::usage("$_ is the last result, and cannot be set"));
    }
    let value = rest.get(name.len()..).unwrap_or_default().trim_start().strip_prefix('=');
    let Some(value) = value.map(str::trim_start) else {
        return Err(Failure::usage(format!("`=` is missing after {name:?}")).hint(example));
    };
    let value = read_assigned(value, before + rest.len() - value.len())?;
    Ok(Statement::Let { name: name.to_owned(), value }.into())
}

fn read_assigned(text: &str, before: usize) -> Result<Assigned, Failure> {
    let result = |text| Ok(Assigned::Result(Box::new(foreground("let", text, before)?)));
    if text.starts_with(['@', '#', '!']) && !is_comment(text) {
        return result(text);
    }
    let words = split(text).map_err(|error| unsplit(&error.after(before)))?;
    let Some(first) = words.words.first() else {
        return Err(Failure::usage("a value is missing after `=`"));
    };
    let typed = text.get(first.start..first.end).unwrap_or_default();
    let is_alone = words.words.len() == 1 && words.operator.is_none();
    if is_alone && (typed.starts_with(['{', '[', '"']) || is_json(typed)) {
        return Ok(Assigned::Json(typed.to_owned()));
    }
    if is_command(typed) || (first.reference().is_some() && words.operator.is_some()) {
        return result(text);
    }
    if is_alone {
        return Ok(Assigned::Word(first.clone()));
    }
    Err(Failure::usage(format!("there is no command {typed:?}"))
        .hint("a text of several words stands in quotes: let x = 'good morning'"))
}

fn is_json(word: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(word).is_ok()
}

fn is_command(word: &str) -> bool {
    ReplLine::command().find_subcommand(word).is_some()
}

/// Reads what follows `time`.
pub(super) fn read_time(rest: &str, before: usize) -> Result<Line, Failure> {
    Ok(Statement::Time(Box::new(foreground("time", rest, before)?)).into())
}

/// Reads what follows `watch`.
pub(super) fn read_watch(rest: &str, before: usize) -> Result<Line, Failure> {
    let (every, count, text) = repetition(rest)?;
    let line = read(text, before + rest.len() - text.len())?;
    match line.statement {
        Statement::Nothing | Statement::Watch { .. } => {
            Err(Failure::usage("`watch` wants a statement to repeat").hint("watch 2s clients ls"))
        }
        statement => Ok(Line {
            statement: Statement::Watch { every, count, statement: Box::new(statement) },
            background: line.background,
        }),
    }
}

/// How often, how many times, and what is repeated.
fn repetition(rest: &str) -> Result<(Duration, Option<u64>, &str), Failure> {
    let wrong = |message: String| Failure::usage(message).hint("watch 2s clients ls, watch -n 3 1s ping");
    let cut = |text| -> (&str, &str) { str::split_once(text, char::is_whitespace).unwrap_or((text, "")) };
    let (mut count, mut rest) = (None, rest);
    if let Some(after) = rest.strip_prefix("-n") {
        let (number, after) = cut(after.trim_start_matches(['=', ' ']));
        let number = number.parse::<u64>().ok().filter(|number| *number > 0);
        count = Some(number.ok_or_else(|| wrong("-n wants a number above 0".to_owned()))?);
        rest = after.trim_start();
    }
    let (span, statement) = cut(rest);
    let every = parse_span(span).map_err(|error| wrong(format!("`watch` wants a time first: {error}")))?;
    Ok((every, count, statement.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Head, parse};

    fn statement(line: &str) -> Statement {
        parse(line).unwrap_or_else(|failure| panic!("{line}: {failure:?}")).statement
    }

    #[test]
    fn a_variable_stands_for_json_text_or_a_result() {
        let assigned = |line: &str| match statement(line) {
            Statement::Let { name, value } => {
                assert_eq!(name, "x", "{line}");
                value
            }
            other => panic!("{line}: {other:?}"),
        };
        for (line, json) in [
            ("let x = {\"a\": 1}", "{\"a\": 1}"),
            ("let x=1.50", "1.50"),
            ("let x =true", "true"),
            ("let x = \"version\"", "\"version\""),
        ] {
            assert_eq!(assigned(line), Assigned::Json(json.to_owned()), "{line}");
        }
        for (line, text) in [
            ("let x = bob", "bob"),
            ("let x = 'clients ls'", "clients ls"),
            ("let x = 'version'", "version"),
            ("let x = $y.a", "$y.a"),
            ("let x = a=b", "a=b"),
            ("let x = svc:$y", "svc:$y"),
        ] {
            match assigned(line) {
                Assigned::Word(word) => assert_eq!(word.text, text, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        for line in [
            "let x = clients ls | jq .a",
            "let x = version",
            "let x = @bob hi",
            "let x = !date",
            "let x = $y | jq .",
        ] {
            assert!(matches!(assigned(line), Assigned::Result(_)), "{line}");
        }
    }

    #[test]
    fn statements_hold_statements() {
        match statement("time watch -n 3 500ms clients ls | jq .") {
            Statement::Time(inner) => match *inner {
                Statement::Watch { every, count, statement } => {
                    assert_eq!((every, count), (Duration::from_millis(500), Some(3)));
                    assert!(matches!(*statement, Statement::Pipeline(_)));
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        for help in ["watch --help", "time -h", "let --help", "time", "watch", "let"] {
            assert_eq!(first_word(help).as_deref(), help.split(' ').next(), "{help}");
        }
    }

    fn first_word(line: &str) -> Option<String> {
        match statement(line) {
            Statement::Pipeline(pipeline) => match pipeline.head {
                Head::Words(words) => words.first().map(|word| word.text.clone()),
                other => panic!("{line}: {other:?}"),
            },
            other => panic!("{line}: {other:?}"),
        }
    }
}
