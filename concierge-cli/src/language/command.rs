//! From words to commands of the tree, with variables replaced: a value is what it is, and never an option, a file to be read or
//! a form of payload.

use std::borrow::{Borrow, Cow};

use clap::{FromArgMatches as _, error::ErrorKind};

use super::{Home, ShortForm, Variables};
use crate::{
    args::{self, OutputArgs, ReplCommand, ReplLine},
    command::send::SendArgs,
    failure::Failure,
    grammar::{PayloadError, Word, is_assignment},
    usage::{Grammar, explain},
};

/// What words ask for.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// A command.
    Command(Box<ReplCommand>, OutputArgs),
    /// To read this.
    Help(String),
}

/// Reads the words of a command.
pub(crate) fn read_command(words: &[Word], variables: &Variables, home: &Home) -> Result<Request, Failure> {
    let expanded =
        words.iter().map(|word| variables.expand(word)).collect::<Result<Vec<String>, Failure>>()?;
    refuse_options(words, &expanded)?;
    let mut tree = args::lines();
    let parsed = tree.try_get_matches_from_mut(&expanded);
    let parsed = parsed.and_then(|mut matches| ReplLine::from_arg_matches_mut(&mut matches));
    match parsed {
        Ok(mut parsed) => {
            if let Some(payload) = parsed.command.payload() {
                let typed = words_of(payload, words, &expanded, &mut tree);
                *payload = read_payload(&typed, variables)?;
            }
            for path in parsed.command.paths() {
                home.settle(path, words, &expanded);
            }
            Ok(Request::Command(Box::new(parsed.command), parsed.output))
        }
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp) => {
            Ok(Request::Help(as_typed_here(&error.to_string())))
        }
        Err(error) => Err(explain(&error, Grammar::Session)),
    }
}

/// Reads a short form.
pub(crate) fn read_send(short: &ShortForm, variables: &Variables) -> Result<SendArgs, Failure> {
    Ok(SendArgs::one(short.target.clone(), read_payload(&short.payload, variables)?))
}

/// Help as it is true here: usage and examples have no program's name before them, and what only a shell has is left out.
pub(crate) fn as_typed_here(help: &str) -> String {
    let lines = help.replace("Usage:  ", "Usage: ");
    let lines =
        lines.lines().filter(|line| !SHELL_ONLY.iter().any(|part| line.contains(part))).map(
            |line| match line.strip_prefix("  concierge ") {
                Some(example) => format!("  {}\n", as_line(example)),
                None => format!("{line}\n"),
            },
        );
    lines.collect()
}

/// What only a shell's lines have: a pipe into this program, and what is not done from within a connection.
const SHELL_ONLY: [&str; 7] = [
    "| concierge",
    " -O - ",
    "  concierge hold ",
    "  concierge context add ",
    "  concierge -c ",
    "  concierge doctor --url ",
    "  concierge help scripting",
];

/// An example of the shell without what concerns the connection, which is there; and what is held open is so here anyway.
fn as_line(example: &str) -> String {
    let example = example.replace("--name alice ", "").replace("--session desk ", "");
    match example.split_once(" --hold") {
        Some((line, _)) => line.to_owned(),
        None => example,
    }
}

/// A value that looks like an option is not one.
fn refuse_options(words: &[Word], expanded: &[String]) -> Result<(), Failure> {
    for (word, text) in words.iter().zip(expanded) {
        if word.text == "--" {
            break;
        }
        if text.starts_with('-') && !word.text.starts_with('-') {
            return Err(Failure::usage(format!(
                "{} begins with `-` and would be taken for an option",
                word.text
            ))
            .hint(format!("after `--` nothing is an option: … -- {}", word.text)));
        }
    }
    Ok(())
}

/// The words that a payload was read from. Equal texts do not tell which these are, so each word that says more than its text is
/// replaced by another in its turn: it is one of them if that one is then found there.
fn words_of<'a>(
    payload: &[String],
    words: &'a [Word],
    expanded: &[String],
    tree: &mut clap::Command,
) -> Vec<Cow<'a, Word>> {
    let mut typed: Vec<_> = payload.iter().map(|text| Cow::Owned(Word::plain(text))).collect();
    for (number, word) in words.iter().enumerate().filter(|(_, word)| !word.expansions.is_empty()) {
        let other = format!("{}\u{e000}", word.text);
        let mut others = expanded.to_vec();
        if let Some(place) = others.get_mut(number) {
            place.clone_from(&other);
        }
        let parsed = tree.try_get_matches_from_mut(others);
        // Where it may not stand, it is none of the payload, which may be anything.
        let Ok(mut line) = parsed.and_then(|mut found| ReplLine::from_arg_matches_mut(&mut found)) else {
            continue;
        };
        let place = line.command.payload().and_then(|words| words.iter().position(|text| *text == other));
        if let Some(found) = place.and_then(|place| typed.get_mut(place)) {
            *found = Cow::Borrowed(word);
        }
    }
    typed
}

/// The words of a payload with their variables replaced. What form the payload has is decided by what was typed.
fn read_payload<W: Borrow<Word>>(words: &[W], variables: &Variables) -> Result<Vec<String>, Failure> {
    let words: Vec<&Word> = words.iter().map(Borrow::borrow).collect();
    if words.iter().all(|word| word.expansions.is_empty()) {
        return Ok(words.iter().map(|word| word.text.clone()).collect());
    }
    if let [only] = *words {
        if let Some(reference) = only.reference() {
            return Ok(vec![variables.value(reference)?]);
        }
        if only.text.starts_with('@') {
            return Ok(vec![variables.expand(only)?]);
        }
    }
    if words.first().is_some_and(|word| assigned(word).is_some()) {
        return words.iter().map(|word| read_assignment(word, variables)).collect();
    }
    let texts =
        words.into_iter().map(|word| variables.expand(word)).collect::<Result<Vec<String>, Failure>>()?;
    Ok(vec![serde_json::Value::from(texts.join(" ")).to_string()])
}

/// `key=` or `key:=` as it was typed, before any variable.
fn assigned(word: &Word) -> Option<&str> {
    let first = word.expansions.first().map_or(word.text.len(), |expansion| expansion.place.start);
    let typed = word.text.get(..first)?;
    is_assignment(typed).then_some(typed)
}

/// `key=$x` has the text of a value, `key:=$x` the value itself. A value is never both key and value.
fn read_assignment(word: &Word, variables: &Variables) -> Result<String, Failure> {
    let Some(typed) = assigned(word) else {
        return Err(Failure::usage(PayloadError::Mixed(word.text.clone()).to_string()));
    };
    if let [only] = word.expansions.as_slice()
        && typed.ends_with(":=")
        && typed.find('=') == Some(typed.len() - 1)
        && only.place == (typed.len()..word.text.len())
    {
        return Ok(format!("{typed}{}", variables.value(&only.reference)?));
    }
    variables.expand(word)
}

#[cfg(test)]
mod tests {
    use concierge_client::payload::Target;

    use super::*;
    use crate::{
        args::Command,
        exit::Exit,
        language::{Head, Pipeline, Statement, parse},
    };

    fn variables() -> Variables {
        let mut variables = Variables::default();
        for (name, json) in [
            ("bob", r#""bob""#),
            ("n", "1.10"),
            ("file", r#""@/etc/passwd""#),
            ("assign", r#""a=b""#),
            ("json", r#""{\"a\":1}""#),
            ("number", r#""42""#),
            ("dash", r#""-""#),
            ("option", r#""--json""#),
            ("all", r#"{"clients":[{"name":"x y"}]}"#),
        ] {
            variables.set(name, json.to_owned()).unwrap();
        }
        variables
    }

    fn read(line: &str) -> Result<Request, Failure> {
        match parse(line)?.statement {
            Statement::Pipeline(Pipeline { head: Head::Words(words), .. }) => {
                read_command(&words, &variables(), &Home::default())
            }
            Statement::Pipeline(Pipeline { head: Head::Send(short), .. }) => {
                let arguments = read_send(&short, &variables())?;
                let command = ReplCommand::Client(Command::Send(arguments));
                Ok(Request::Command(Box::new(command), OutputArgs::default()))
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    fn sent(line: &str) -> (Target, Vec<String>) {
        match read(line) {
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
        assert_eq!(payload("@bob pay $bob $5"), r#""pay $bob $5""#);
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
        for line in
            ["@bob", "@", "@bob {]", "@bob {} {}", r#"@bob {"a":1}x"#, "@bob # nothing", "@bob $nobody"]
        {
            assert_eq!(read(line).unwrap_err().exit(), Exit::Usage, "{line}");
        }
    }

    #[test]
    fn a_variable_alone_is_sent_as_the_value_it_is() {
        for (line, json) in [
            ("@bob $n", "1.10"),
            ("@bob $all", r#"{"clients":[{"name":"x y"}]}"#),
            ("send bob $all.clients.0.name", r#""x y""#),
            ("send bob $number", r#""42""#),
            ("send $bob $file", r#""@/etc/passwd""#),
            ("send bob $assign", r#""a=b""#),
            ("send bob $json", r#""{\"a\":1}""#),
            ("send bob -- $dash", r#""-""#),
        ] {
            assert_eq!(sent(line), (Target::name("bob"), vec![json.to_owned()]), "{line}");
        }
    }

    #[test]
    fn a_variable_among_others_is_text() {
        assert_eq!(payload("send bob hi $bob and $n"), r#""hi bob and 1.10""#);
        assert_eq!(payload("send bob $file x"), r#""@/etc/passwd x""#);
        assert_eq!(payload("send bob ${file}x"), r#""@/etc/passwdx""#);
        assert_eq!(payload("send bob a=$assign b:=$n c:=$bob d=x$n"), r#"a=a=b b:=1.10 c:="bob" d=x1.10"#);
        assert_eq!(payload("send bob @${bob}.json"), "@bob.json");
        assert_eq!(payload("send bob '$bob' \\$bob"), "$bob $bob");
        assert_eq!(payload(r#"send bob {"a":"$bob"}"#), r#"{"a":"$bob"}"#);
    }

    #[test]
    fn a_value_is_no_assignment() {
        let failure = read("send bob a=1 $assign").unwrap_err();
        assert_eq!(failure.message(), "\"$assign\" is not key=value, and the words before it are");
        assert_eq!(payload("send bob $assign a=1"), r#""a=b a=1""#);
    }

    #[test]
    fn a_value_is_told_from_a_word_that_says_the_same() {
        assert_eq!(payload("send bob $number -n 42"), r#""42""#);
        assert_eq!(payload("send -n 42 bob $number"), r#""42""#);
        assert_eq!(payload("send $number 42"), "42");
        assert_eq!(payload("send 42 $number"), r#""42""#);
        assert_eq!(payload("send bob 42 $number 42 --interval=42"), r#""42 42 42""#);
        assert_eq!(sent("send $bob bob").0, Target::name("bob"));
    }

    #[test]
    fn a_value_is_no_option() {
        let failure = read("send bob $option").unwrap_err();
        assert_eq!(failure.message(), "$option begins with `-` and would be taken for an option");
        assert_eq!(payload("send bob -- $option"), r#""--json""#);
    }

    #[test]
    fn commands_take_options_anywhere() {
        for line in ["--json whoami", "whoami --json", "whoami -o json"] {
            match read(line) {
                Ok(Request::Command(_, output)) => {
                    let form = output.form().unwrap().unwrap();
                    assert_eq!(form.format, crate::output::Format::Json, "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(payload("send bob {\"a\": 1} --json"), "{\"a\": 1}");
        assert_eq!(payload("send bob -5"), "-5");
    }

    #[test]
    fn every_command_has_help() {
        for line in ["send --help", "services --help", "services ls -h", "watch --help", "let -h"] {
            assert!(matches!(read(line), Ok(Request::Help(_))), "{line}");
        }
    }

    /// The commands of the tree that can be carried out, by their words.
    fn leaves(command: &clap::Command, words: &str) -> Vec<String> {
        let below: Vec<_> = command
            .get_subcommands()
            .flat_map(|below| leaves(below, format!("{words} {}", below.get_name()).trim()))
            .collect();
        if below.is_empty() { vec![words.to_owned()] } else { below }
    }

    #[test]
    fn the_examples_of_help_can_be_typed_here() {
        let tree = args::lines();
        let mut wrong = Vec::new();
        for command in leaves(&tree, "") {
            let Ok(Request::Help(text)) = read(&format!("{command} --help")) else { panic!("{command}") };
            let examples = text.split_once("Examples:\n").map_or("", |(_, examples)| examples);
            let examples: Vec<_> = examples.lines().take_while(|line| line.starts_with("  ")).collect();
            if examples.is_empty() {
                wrong.push(format!("`{command}` has no examples"));
            }
            for example in examples {
                if example.contains("concierge ") {
                    wrong.push(format!("{command}: {example}"));
                }
                match parse(example.trim()).map(|parsed| parsed.statement) {
                    Ok(Statement::Pipeline(Pipeline { head: Head::Words(words), .. })) => {
                        wrong.extend(
                            read_command(&words, &variables(), &Home::default())
                                .err()
                                .map(|failure| format!("{command}: {failure:?}")),
                        );
                    }
                    Ok(_) => {}
                    Err(failure) => wrong.push(format!("{command}: {failure:?}")),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
