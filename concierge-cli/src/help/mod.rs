//! Help that is about no one command: the topics of `concierge help` and of the REPL's `help`, and what every command's help ends
//! with. A topic that repeats a table is made from that table.

mod environment;
mod flow;
mod tables;
mod topics;

pub(crate) use flow::{NARROW, WIDTH, broken, fitted, flowing, width};

use clap::{Args, Command};

use crate::{exit::Exit, failure::Failure, hold, interpreter::pages, output::Output, suggest::nearest};

/// What the help of `help` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  concierge help
  concierge help services create
  concierge help exit-codes";

/// What the program's own help has first.
const FIRST: &str = "\
Examples:
  concierge clients ls
  concierge send bob '{\"text\": \"hi\"}'
  concierge listen chat --json             # until Ctrl-C
  printf 'clients ls\\n@bob hi\\n' | concierge
  concierge help scripting";

/// `help`
#[derive(Debug, Clone, Args)]
pub(crate) struct HelpArgs {
    /// A command, or a topic: `targets`, `payloads`, `output` …
    pub topic: Vec<String>,
}

/// Something that can be asked about besides commands.
pub(crate) struct Topic {
    /// What to ask for.
    pub name: &'static str,
    /// What it explains.
    pub about: &'static str,
    /// The page, which begins with a line that ends in a dot or a colon.
    pub text: fn() -> String,
}

/// The topics, in the order in which they are listed.
pub(crate) const TOPICS: &[Topic] = &[
    Topic { name: "targets", about: "whom a message is for", text: || topics::TARGETS.to_owned() },
    Topic { name: "payloads", about: "what a message carries", text: || topics::PAYLOADS.to_owned() },
    Topic {
        name: "output",
        about: "the formats, what records have, the columns of tsv",
        text: tables::output,
    },
    Topic { name: "jq", about: "filters for records", text: || topics::JQ.to_owned() },
    Topic { name: "exit-codes", about: "how a command ended", text: tables::exit_codes },
    Topic { name: "environment", about: "variables and files", text: environment::page },
    Topic {
        name: "scripting",
        about: "how commands behave in scripts",
        text: || [topics::SCRIPTING, pages::SCRIPTING].join("\n"),
    },
    Topic { name: "variables", about: "names for values", text: || pages::VARIABLES.to_owned() },
    Topic {
        name: "pipes",
        about: "where results go, in the REPL and in scripts",
        text: || pages::PIPES.to_owned(),
    },
    Topic {
        name: "jobs",
        about: "what goes on while other lines are carried out",
        text: || pages::JOBS.to_owned(),
    },
    Topic { name: "contexts", about: "gateways that have a name", text: || topics::CONTEXTS.to_owned() },
    Topic { name: "sessions", about: "connections that stay", text: || hold::HELP.to_owned() },
    Topic { name: "telegraphy", about: "events of web applications", text: || topics::TELEGRAPHY.to_owned() },
    Topic { name: "keys", about: "the keys of the REPL", text: || topics::KEYS.to_owned() },
];

/// The topic of that name.
pub(crate) fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// `concierge help`: the commands and the topics, or one of them at length.
pub(crate) fn run(arguments: &HelpArgs, tree: Command, output: &Output) -> Result<(), Failure> {
    let styled = output.is_terminal() && output.palette().is_colored();
    output.text(&page(&arguments.topic, tree, styled, width(output))?)
}

fn page(words: &[String], mut tree: Command, styled: bool, width: usize) -> Result<String, Failure> {
    let Some((first, rest)) = words.split_first() else {
        return Ok(rendered(&tree.render_help(), styled));
    };
    if let Some(topic) = topic(first)
        && rest.is_empty()
    {
        return Ok(fitted(&(topic.text)(), width));
    }
    tree.build();
    let mut command = &tree;
    for (index, word) in words.iter().enumerate() {
        command = command.find_subcommand(word).ok_or_else(|| unknown(word, command, index == 0))?;
    }
    Ok(rendered(&command.clone().render_long_help(), styled))
}

/// Help as it is shown, with one line end at its end.
pub(crate) fn rendered(text: &clap::builder::StyledStr, styled: bool) -> String {
    let text = if styled { text.ansi().to_string() } else { text.to_string() };
    text.trim_end().to_owned() + "\n"
}

/// That nothing is known about a word, and what may have been meant: a command, or on top a topic.
pub(crate) fn unknown(word: &str, command: &Command, on_top: bool) -> Failure {
    let failure = Failure::usage(format!("there is no help about {word:?}"));
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    let topics = TOPICS.iter().filter(|_| on_top).map(|topic| topic.name);
    match nearest(word, commands.chain(topics)) {
        Some(meant) => failure.hint(format!("did you mean `help {meant}`?")),
        None => failure.hint("`help` lists what there is"),
    }
}

/// The tree with what every command's help ends with. `-h` has what a command itself takes; `--help` has everything.
pub(crate) fn dressed(tree: Command) -> Command {
    let after = format!("Help on topics: concierge help {}.", join_names());
    let long = format!(
        "Without a command: the REPL in a terminal, a script from a pipe; both on a gateway embedded in this \
         process, unless a URL is given.\n\n{}\n{after}",
        tables::exit_codes()
    );
    let tree = tree.mut_args(|argument| {
        let usual = matches!(argument.get_id().as_str(), "url" | "name" | "json" | "output");
        if argument.is_global_set() && !usual { argument.hide_short_help(true) } else { argument }
    });
    let tree = tree
        .after_help(format!("{FIRST}\n\n{after}"))
        .after_long_help(format!("{FIRST}\n\n{long}"))
        .mut_subcommands(with_exit_codes);
    flowing(tree)
}

/// A command's long help ends with the exit codes in a few words, where it has no own ones.
fn with_exit_codes(command: Command) -> Command {
    let shown = command.get_after_long_help().or_else(|| command.get_after_help());
    let examples = shown.map(ToString::to_string).unwrap_or_default();
    if examples.contains("Exit codes:") {
        return command;
    }
    let codes = Exit::ALL.iter().filter(|exit| **exit != Exit::Configuration);
    let codes: Vec<_> = codes.map(|exit| format!("{} {}", exit.code(), exit.word())).collect();
    let codes = format!("Exit codes: {}.", codes.join(", "));
    let separator = if examples.is_empty() { "" } else { "\n\n" };
    command.after_long_help(format!("{examples}{separator}{codes}")).mut_subcommands(with_exit_codes)
}

fn join_names() -> String {
    TOPICS.iter().map(|topic| topic.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::args;

    fn asked(words: &str) -> Result<String, Failure> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        page(&words, args::command(), false, WIDTH)
    }

    #[test]
    fn every_topic_is_listed_and_fits_a_terminal() {
        let overview = asked("").unwrap();
        for topic in TOPICS {
            let text = asked(topic.name).unwrap();
            assert!(overview.contains(topic.name), "{} is not listed", topic.name);
            assert!(
                text.lines().count() > 4 && text.ends_with('\n') && !text.ends_with("\n\n"),
                "{}",
                topic.name
            );
            for line in text.lines() {
                assert!(line.width() <= WIDTH, "{}: {line}", topic.name);
                assert_eq!(line.trim_end(), line, "{}", topic.name);
            }
        }
    }

    #[test]
    fn every_command_has_a_page_that_tells_the_exit_codes() {
        fn look(command: &Command) {
            for nested in command.get_subcommands().filter(|nested| !nested.is_hide_set()) {
                let text = nested.clone().render_long_help().to_string();
                assert!(text.contains("Exit codes:"), "{}", nested.get_name());
                look(nested);
            }
        }
        let mut tree = args::command();
        tree.build();
        look(&tree);
        assert!(asked("services create").unwrap().contains("--hold"));
    }

    #[test]
    fn what_is_not_there_is_told_with_what_was_meant() {
        assert_eq!(asked("targest").unwrap_err().hinted(), Some("did you mean `help targets`?"));
        assert_eq!(asked("sned").unwrap_err().hinted(), Some("did you mean `help send`?"));
        assert_eq!(asked("services lss").unwrap_err().hinted(), Some("did you mean `help ls`?"));
        assert_eq!(asked("xyzzy").unwrap_err().hinted(), Some("`help` lists what there is"));
        assert_eq!(asked("targets x").unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn no_page_is_wider_than_a_terminal_and_examples_fit_a_narrow_one() {
        fn look(command: &Command, wrong: &mut Vec<String>) {
            for text in [command.clone().render_help(), command.clone().render_long_help()] {
                let text = text.to_string();
                wrong.extend(text.lines().filter(|line| line.width() > WIDTH).map(str::to_owned));
                // The parser of arguments takes `{n}` for the end of a line: `{{ n }}` is not one.
                wrong.extend(text.lines().filter(|line| line.ends_with('{')).map(str::to_owned));
                let examples = text.split_once("\nExamples:\n").map_or("", |(_, examples)| examples);
                let examples = examples.lines().take_while(|line| !line.is_empty());
                wrong.extend(examples.filter(|line| line.width() > 80).map(str::to_owned));
            }
            for nested in command.get_subcommands() {
                look(nested, wrong);
            }
        }
        let mut wrong = Vec::new();
        for mut tree in [args::command(), args::lines()] {
            tree.build();
            look(&tree, &mut wrong);
        }
        wrong.dedup();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
