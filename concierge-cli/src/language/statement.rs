//! A line as a statement: a command with what it writes to, a short form, a shell's command. The words that take a whole statement
//! are read in `keyword.rs`.

use std::time::Duration;

use super::{
    ShortForm, Stage,
    keyword::{keyword, read_let, read_time, read_watch},
    short::read_short,
    stage::{Redirection, Tail, read_tail},
    unsplit,
};
use crate::{
    failure::Failure,
    grammar::{Word, is_comment, split},
};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What is to be done.
    pub statement: Statement,
    /// Whether other lines are carried out meanwhile.
    pub background: bool,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Nothing: the line is empty or a comment.
    Nothing,
    /// A command, and what becomes of what it tells.
    Pipeline(Pipeline),
    /// `!COMMAND`: a shell's.
    Shell(String),
    /// `let NAME = …`
    Let {
        /// The variable.
        name: String,
        /// What it is to stand for.
        value: Assigned,
    },
    /// `time STATEMENT`
    Time(Box<Statement>),
    /// `watch [-n COUNT] TIME STATEMENT`
    Watch {
        /// The pause between two.
        every: Duration,
        /// How often; for ever if none.
        count: Option<u64>,
        /// What is repeated.
        statement: Box<Statement>,
    },
}

/// What a variable is to stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Assigned {
    /// This JSON.
    Json(String),
    /// This text, or another variable's value.
    Word(Word),
    /// The result of a statement.
    Result(Box<Statement>),
}

/// A command, and what becomes of what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// What it begins with.
    pub head: Head,
    /// What its results go through, in order.
    pub stages: Vec<Stage>,
    /// The file that they go to.
    pub redirection: Option<Redirection>,
}

/// What results begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// The words of a command.
    Words(Vec<Word>),
    /// A short form of `send`.
    Send(ShortForm),
    /// The value of a variable.
    Value(Word),
}

/// Reads a line.
pub(crate) fn parse(line: &str) -> Result<Line, Failure> {
    let start = line.len() - line.trim_start().len();
    read(line.trim(), start)
}

impl Statement {
    /// Whether it wants a shell.
    pub(crate) fn needs_shell(&self) -> bool {
        match self {
            Self::Shell(_) => true,
            Self::Pipeline(pipeline) => pipeline.stages.iter().any(|stage| matches!(stage, Stage::Shell(_))),
            Self::Let { value: Assigned::Result(statement), .. }
            | Self::Time(statement)
            | Self::Watch { statement, .. } => statement.needs_shell(),
            Self::Nothing | Self::Let { .. } => false,
        }
    }
}

/// Reads a statement, which stands `before` bytes into its line.
pub(super) fn read(text: &str, before: usize) -> Result<Line, Failure> {
    if text.is_empty() || is_comment(text) {
        return Ok(Statement::Nothing.into());
    }
    if let Some(command) = text.strip_prefix('!') {
        if command.trim().is_empty() {
            return Err(Failure::usage("a command is missing after `!`").hint("!date"));
        }
        return Ok(Statement::Shell(command.trim().to_owned()).into());
    }
    if text.starts_with(['@', '#']) {
        let head = Head::Send(read_short(text, before)?);
        return Ok(Statement::Pipeline(Pipeline { head, stages: Vec::new(), redirection: None }).into());
    }
    match keyword(text) {
        Some(("let", rest)) => read_let(rest, before + text.len() - rest.len()),
        Some(("time", rest)) => read_time(rest, before + text.len() - rest.len()),
        Some(("watch", rest)) => read_watch(rest, before + text.len() - rest.len()),
        _ => read_pipeline(text, before),
    }
}

fn read_pipeline(text: &str, before: usize) -> Result<Line, Failure> {
    let words = split(text).map_err(|error| unsplit(&error.after(before)))?;
    let tail = match words.operator {
        Some(operator) => read_tail(operator, text.get(words.end..).unwrap_or_default(), before + words.end)?,
        None => Tail::default(),
    };
    let mut words = words.words;
    let head = match words.pop() {
        None => return Err(Failure::usage("a command is missing at the beginning of the line")),
        Some(only) if words.is_empty() && only.reference().is_some() => Head::Value(only),
        Some(last) => {
            words.push(last);
            Head::Words(words)
        }
    };
    let Tail { stages, redirection, background } = tail;
    if let (Head::Words(words), Some(_)) = (&head, stages.first())
        && words.first().is_some_and(|first| first.text == "assert")
    {
        return Err(Failure::usage("a filter with `|` in it stands in quotes")
            .hint("assert '.clients | length == 2'"));
    }
    Ok(Line { statement: Statement::Pipeline(Pipeline { head, stages, redirection }), background })
}

impl From<Statement> for Line {
    fn from(statement: Statement) -> Self {
        Self { statement, background: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(line: &str) -> Statement {
        parse(line).unwrap_or_else(|failure| panic!("{line}: {failure:?}")).statement
    }

    fn pipeline(line: &str) -> Pipeline {
        match statement(line) {
            Statement::Pipeline(pipeline) => pipeline,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn words(pipeline: &Pipeline) -> Vec<&str> {
        match &pipeline.head {
            Head::Words(words) => words.iter().map(|word| word.text.as_str()).collect(),
            Head::Send(short) => short.payload.iter().map(|word| word.text.as_str()).collect(),
            Head::Value(word) => vec![&word.text],
        }
    }

    #[test]
    fn empty_lines_and_comments_say_nothing() {
        for line in ["", "  ", "# hi", "#", "#!/usr/bin/env concierge"] {
            assert_eq!(statement(line), Statement::Nothing, "{line:?}");
        }
    }

    #[test]
    fn a_command_goes_through_stages_to_a_file() {
        let read = pipeline(r#"send bob {"a": "|"} '>' | jq .x | sort > f"#);
        assert_eq!(words(&read), ["send", "bob", r#"{"a": "|"}"#, ">"]);
        assert_eq!(
            read.stages,
            [Stage::Filter { text: ".x".to_owned(), raw: false }, Stage::Shell("sort > f".to_owned())]
        );
        assert_eq!(read.redirection, None);
        let read = pipeline("clients ls >> \"my file\" # all");
        let redirection = read.redirection.unwrap();
        assert_eq!((redirection.file.text.as_str(), redirection.append), ("\"my file\"", true));
    }

    #[test]
    fn an_ampersand_at_the_end_lets_it_go_on_by_itself() {
        for line in ["listen chat &", "listen > f &", "listen | jq . &", "watch 2s ping &", "listen | cat &"]
        {
            assert!(parse(line).unwrap().background, "{line}");
        }
        for line in ["send bob a&b", "send bob '&'", "@bob you & me &", "!sleep 1 &"] {
            assert!(!parse(line).unwrap().background, "{line}");
        }
        for line in ["time ping &", "let x = ping &"] {
            assert!(parse(line).unwrap_err().message().contains("`&` has no place"), "{line}");
        }
    }

    #[test]
    fn in_a_short_form_nothing_is_an_operator() {
        for text in ["a | b", "a > b", "a >> b", "x &", "a | jq .", "!date", "cost: $5 or $x", "it's | late"]
        {
            let read = pipeline(&format!("@bob {text}"));
            assert_eq!(words(&read), [serde_json::to_string(text).unwrap()], "{text}");
            assert!(read.stages.is_empty() && read.redirection.is_none());
        }
        let failure = parse("@bob {\"a\":1} | jq .").unwrap_err();
        assert_eq!(failure.message(), "\"|\" follows a whole JSON value");
        assert!(failure.hinted().unwrap().contains("`send` takes operators"));
    }

    #[test]
    fn an_exclamation_mark_gives_the_rest_to_a_shell() {
        assert_eq!(statement("! ls -l | wc > f # x"), Statement::Shell("ls -l | wc > f # x".to_owned()));
        assert!(parse("!").is_err());
    }

    #[test]
    fn a_shell_is_needed_by_some() {
        for line in ["!ls", "clients ls | sort", "time watch 1s ping | cat", "let x = !date"] {
            assert!(statement(line).needs_shell(), "{line}");
        }
        for line in ["clients ls | jq . > f", "@bob hi | sort", "let x = 1", "# !ls", "time ping"] {
            assert!(!statement(line).needs_shell(), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (line, message) in [
            ("| sort", "a command is missing at the beginning of the line"),
            ("> f", "a command is missing at the beginning of the line"),
            ("clients ls |", "a command is missing after `|`"),
            ("clients ls > ", "the file is missing after `>`"),
            ("clients ls > a > b", "nothing can follow the file that a line writes to"),
            ("let 5 = 1", "a name has letters, digits and `_`, and starts with no digit"),
            ("let x 5", "`=` is missing after \"x\""),
            ("let x =", "a value is missing after `=`"),
            ("let _ = 5", "$_ is the last result, and cannot be set"),
            ("let x = good morning", "there is no command \"good\""),
            (
                "watch soon ping",
                "`watch` wants a time first: expected a time span such as 10s, 500ms or 1h30m",
            ),
            ("watch 2s", "`watch` wants a statement to repeat"),
            ("watch 2s watch 1s ping", "`watch` wants a statement to repeat"),
            ("@bob {bad", "not valid JSON at column 7: key must be a string"),
            (" time send bob {\"a\" 1}", "not valid JSON at column 21: expected `:`"),
            ("clients ls | grep it's", "the quote that opens at column 21 is not closed"),
            ("@bob {}x", "a space is missing after the JSON value at column 8"),
            ("@bob {\"a\":\n1,}", "not valid JSON: key must be a string at line 2 column 3"),
        ] {
            assert_eq!(parse(line).unwrap_err().message(), message, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_a_line_never_panics(line in r#"(let x = |time |watch 1s |@b |!)?[a-z|>&#'"`\\(){}\[\]$=. ä@!0:]{0,40}"#) {
            let _ = (parse(&line), crate::language::is_open(&line));
        }
    }
}
