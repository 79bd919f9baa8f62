//! What a line says: a command of the tree, a short form, or nothing.

use clap::{Parser, error::ErrorKind};

use crate::{
    args::{Command, OutputArgs, ReplCommand, ReplLine},
    command::send::SendArgs,
    failure::Failure,
    grammar::{SplitError, Word, first, is_assignment, is_comment, json_or_text, parse_target, split},
    usage::{Grammar, explain},
};

/// What a line asks for.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// Nothing: it is empty or a comment.
    Nothing,
    /// A command.
    Command(Box<ReplCommand>, OutputArgs),
    /// To read this.
    Help(String),
}

/// Reads a line.
pub(super) fn parse(line: &str) -> Result<Request, Failure> {
    let line = line.trim();
    if line.is_empty() || is_comment(line) {
        return Ok(Request::Nothing);
    }
    if line.starts_with(['@', '#']) {
        let arguments = short_form(line)?;
        let command = ReplCommand::Client(Command::Send(arguments));
        return Ok(Request::Command(Box::new(command), OutputArgs::default()));
    }
    let words = split(line).map_err(|error| failure(&error))?.words;
    match ReplLine::try_parse_from(words.into_iter().map(|word| word.text)) {
        Ok(parsed) => Ok(Request::Command(Box::new(parsed.command), parsed.output)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp) => {
            Ok(Request::Help(as_typed_here(&error.to_string())))
        }
        Err(error) => Err(explain(&error, Grammar::Session)),
    }
}

/// Help as it is true here: usage and examples have no program's name before them, and what only a shell has is left out.
pub(super) fn as_typed_here(help: &str) -> String {
    let lines = help.replace("Usage:  ", "Usage: ");
    let lines = lines.lines().filter(|line| !line.contains("| concierge ")).map(|line| {
        match line.strip_prefix("  concierge ") {
            Some(example) => format!("  {}\n", example.replace("--name bob ", "").replace(" --hold", "")),
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// Whether a line ends within a JSON value, so that more is to come.
pub(crate) fn is_open(line: &str) -> bool {
    let line = line.trim();
    if line.starts_with(['@', '#']) && !is_comment(line) {
        let rest = first(line).ok().and_then(|target| line.get(target.end..)).unwrap_or_default();
        return matches!(split(rest.trim_start()), Err(SplitError::OpenJson { at: 0 }));
    }
    matches!(split(line), Err(SplitError::OpenJson { .. }))
}

/// `@bob hi` and `#chat {"text":"hi"}`: what follows the target is JSON, `key=value`, `@FILE`, or text just as it was typed.
fn short_form(line: &str) -> Result<SendArgs, Failure> {
    let word = first(line).map_err(|error| failure(&error))?;
    let target = parse_target(&word.text).map_err(Failure::usage)?;
    let rest = line.get(word.end..).unwrap_or_default().trim();
    let text = |text: &str| match json_or_text(text) {
        Ok(data) => Ok(vec![data.as_str().to_owned()]),
        Err(error) => Err(Failure::usage(error.to_string())),
    };
    let payload = match split(rest) {
        Ok(words) => {
            let shown = rest.get(..words.end).unwrap_or(rest).trim_end();
            match words.words.as_slice() {
                [] => {
                    return Err(Failure::usage(format!("there is nothing to send to {}", word.text))
                        .hint(format!("{} hello", word.text)));
                }
                [only] if is_quoted(rest, only) || only.text.starts_with('@') => vec![only.text.clone()],
                [first, second, ..] if first.text.starts_with(['{', '[', '"']) => {
                    return Err(Failure::usage(format!("{:?} follows a whole JSON value", second.text)));
                }
                all @ [first, ..] if is_assignment(&first.text) => {
                    all.iter().map(|word| word.text.clone()).collect()
                }
                _ => text(shown)?,
            }
        }
        // What starts like JSON is meant as JSON; elsewhere a quote or a bracket is just a character.
        Err(error) if rest.starts_with(['{', '[', '"']) => {
            return Err(failure(&error.after(line.len() - rest.len())));
        }
        Err(_) => text(rest)?,
    };
    Ok(SendArgs { target, payload })
}

/// Whether a word is one that was put in quotes, as shells want JSON.
fn is_quoted(line: &str, word: &Word) -> bool {
    line.get(word.start..word.end).is_some_and(|stood| stood.starts_with('\'') && stood.ends_with('\''))
}

fn failure(error: &SplitError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        SplitError::OpenQuote { .. } => failure.hint("close the quote, or put a backslash before it"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use concierge_client::payload::Target;

    use super::*;
    use crate::exit::Exit;

    fn sent(line: &str) -> (Target, Vec<String>) {
        match parse(line) {
            Ok(Request::Command(command, _)) => match *command {
                ReplCommand::Client(Command::Send(arguments)) => (arguments.target, arguments.payload),
                other => panic!("{line}: {other:?}"),
            },
            other => panic!("{line}: {other:?}"),
        }
    }

    fn payload(line: &str) -> String {
        sent(line).1.join(" ")
    }

    #[test]
    fn empty_lines_and_comments_ask_for_nothing() {
        for line in ["", "  ", "# hi", "#", "#!/usr/bin/env concierge"] {
            assert!(matches!(parse(line), Ok(Request::Nothing)), "{line:?}");
        }
    }

    #[test]
    fn short_forms_send() {
        assert_eq!(sent("@bob hi"), (Target::name("bob"), vec![r#""hi""#.to_owned()]));
        assert_eq!(sent(r#"#chat {"a": 1}"#).0, Target::service("chat".parse().unwrap()));
        assert_eq!(sent(r#"#"söö x" hi"#).0, Target::service("söö x".parse().unwrap()));
        assert_eq!(sent("@all hi").0, Target::name("all"));
    }

    #[test]
    fn the_text_of_a_short_form_is_just_what_was_typed() {
        assert_eq!(payload("@bob it's   late"), r#""it's   late""#);
        assert_eq!(payload("@bob what's that, isn't it"), r#""what's that, isn't it""#);
        assert_eq!(payload("@bob look at {this"), r#""look at {this""#);
        assert_eq!(payload("@bob @alice said hi"), r#""@alice said hi""#);
        assert_eq!(payload("@bob hi # and no more"), r#""hi""#);
        assert_eq!(payload("@bob 42"), "42");
    }

    #[test]
    fn a_short_form_takes_payloads_of_every_kind() {
        assert_eq!(payload(r#"@bob {"a": 1.10}"#), r#"{"a": 1.10}"#);
        assert_eq!(payload(r#"@bob '{"a": 1}'"#), r#"{"a": 1}"#);
        assert_eq!(payload("@bob 'hi there'"), "hi there");
        assert_eq!(payload("@bob a=b c:=1"), "a=b c:=1");
        assert_eq!(payload("@bob @file.json"), "@file.json");
        assert_eq!(payload(r#"@bob "hi""#), r#""hi""#);
    }

    #[test]
    fn a_short_form_that_makes_no_sense_is_refused() {
        for line in ["@bob", "@", "@bob {]", "@bob {} {}", r#"@bob {"a":1}x"#, "@bob # nothing"] {
            assert_eq!(parse(line).unwrap_err().exit(), Exit::Usage, "{line}");
        }
    }

    #[test]
    fn an_open_bracket_wants_more() {
        for open in [r#"@bob {"a":"#, "send bob [1,", r#"#chat "x"#] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["@bob hi", "@bob look at {this", "send bob {]", "# {", "", "@bob {}", "it's"] {
            assert!(!is_open(closed), "{closed}");
        }
    }

    #[test]
    fn commands_take_options_anywhere() {
        for line in ["--json whoami", "whoami --json", "whoami -o json"] {
            match parse(line) {
                Ok(Request::Command(_, output)) => {
                    assert!(output.form().unwrap().unwrap().format.is_json(), "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(payload("send bob {\"a\": 1} --json"), "{\"a\": 1}");
        assert_eq!(payload("send bob -5"), "-5");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_column_in_the_line() {
        for (line, message) in [
            ("@bob {bad", "not valid JSON at column 7: key must be a string"),
            (r#"send bob {"a" 1}"#, "not valid JSON at column 15: expected `:`"),
            (r#"@bob {"a":"#, "the JSON value that starts at column 6 is not complete"),
            ("@bob {}x", "a space is missing after the JSON value at column 8"),
            ("@bob {\"a\":\n1,}", "not valid JSON: key must be a string at line 2 column 3"),
        ] {
            assert_eq!(parse(line).unwrap_err().message(), message, "{line}");
        }
    }

    #[test]
    fn every_command_has_help() {
        for line in ["send --help", "services --help", "services ls -h"] {
            assert!(matches!(parse(line), Ok(Request::Help(_))), "{line}");
        }
    }

    #[test]
    fn the_examples_of_help_can_be_typed_here() {
        let commands =
            ["send", "listen", "events", "services ls", "services create", "clients show", "whoami", "ping"];
        for command in commands {
            let Ok(Request::Help(text)) = parse(&format!("{command} --help")) else { panic!("{command}") };
            let (_, examples) = text.split_once("Examples:\n").unwrap();
            let typed = |line: &str| line.trim().split("    ").next().unwrap_or_default().to_owned();
            let examples: Vec<_> =
                examples.lines().take_while(|line| line.starts_with("  ")).map(typed).collect();
            assert!(!examples.is_empty(), "{command}");
            for example in examples {
                assert!(matches!(parse(&example), Ok(Request::Command(..))), "{example}");
            }
        }
    }
}
