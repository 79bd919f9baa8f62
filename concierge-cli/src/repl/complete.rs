//! Completion: what could come next, from the command tree and from who is there. Pure, and without asking the gateway.

use std::{collections::BTreeMap, sync::LazyLock};

use clap::{Arg, Command, CommandFactory};

use super::hint::{Place, name_of};
use crate::{
    args::ReplLine,
    command::{event::OPERATIONS, events::TYPES},
    grammar::{split, steps, text},
    help::TOPICS,
    output::{escape, escape_json},
};

/// What is there to be named.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The clients.
    pub clients: Vec<String>,
    /// The services.
    pub services: Vec<String>,
    /// The files that were last listed, by client.
    pub files: BTreeMap<String, Vec<String>>,
    /// Other things, by what an argument that takes them is called: `JOB`, `CONTEXT`.
    pub others: BTreeMap<String, Vec<String>>,
    /// How paths on this machine go on.
    pub local: Local,
}

/// Asked for how a path that was begun goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local(pub fn(&str) -> Vec<String>);

impl Default for Local {
    /// There is no file.
    fn default() -> Self {
        Self(|_| Vec::new())
    }
}

/// Something that could stand under the cursor.
struct Candidate {
    /// As it is typed.
    typed: String,
    /// What it begins with for whoever types it without quotes.
    bare: String,
}

/// The command tree, built once: it is asked with each key.
pub(super) fn tree() -> &'static Command {
    static TREE: LazyLock<Command> = LazyLock::new(|| {
        let mut tree = ReplLine::command();
        tree.build();
        tree
    });
    &TREE
}

/// Where the word under the cursor starts, and what it could become: each reads back as what it stands for.
pub(super) fn complete(line: &str, known: &Known) -> (usize, Vec<String>) {
    let start = start_of_word(line);
    let partial = line.get(start..).unwrap_or_default();
    let before = line.get(..start).unwrap_or_default();
    let bare = bare(partial);
    let mut candidates: Vec<String> = candidates(before, partial, known)
        .into_iter()
        .filter(|candidate| candidate.typed.starts_with(partial) || candidate.bare.starts_with(&bare))
        .map(|candidate| candidate.typed)
        .filter(|typed| typed != partial)
        .collect();
    candidates.sort();
    candidates.dedup();
    (start, candidates)
}

/// A word that is complete, as it goes into the line: with a space after it, or open where a folder's name goes on.
pub(super) fn inserted(word: String) -> String {
    match word.strip_suffix("/\"") {
        Some(folder) => format!("{folder}/"),
        None if word.ends_with('/') => word,
        None => word + " ",
    }
}

/// The word under the cursor starts after the last space that is in no quotes.
fn start_of_word(line: &str) -> usize {
    match split(line) {
        Ok(words) => match words.words.last() {
            Some(word) if word.end == line.len() => word.start,
            // On its own it is a comment; under the cursor, the beginning of a service.
            _ if line.get(words.end..) == Some("#") => words.end,
            _ => line.len(),
        },
        Err(error) => {
            let open = error.opens_at().and_then(|at| line.get(..at)).unwrap_or(line);
            open.rfind(char::is_whitespace).map_or(0, |space| space + 1)
        }
    }
}

/// A word in progress without its quotes.
fn bare(partial: &str) -> String {
    partial.chars().filter(|character| !matches!(character, '"' | '\'' | '\\')).collect()
}

fn candidates(before: &str, partial: &str, known: &Known) -> Vec<Candidate> {
    let Ok(words) = split(before) else { return Vec::new() };
    if words.operator.is_some() {
        return Vec::new();
    }
    let words: Vec<&str> = words.words.iter().map(|word| word.text.as_str()).collect();
    let tree = tree();
    let Some((first, mut rest)) = words.split_first() else {
        return match partial.chars().next() {
            Some('@') => named("@", &known.clients),
            Some('#') => named("#", &known.services),
            _ => plain(subcommands(tree)),
        };
    };
    let Some(mut command) = tree.find_subcommand(first) else { return Vec::new() };
    if command.get_name() == "help" {
        return help(tree, rest);
    }
    while let Some((word, after)) = rest.split_first()
        && let Some(nested) = command.find_subcommand(word)
    {
        (command, rest) = (nested, after);
    }
    if command.has_subcommands() && rest.is_empty() && !partial.starts_with('-') {
        return plain(subcommands(command));
    }
    let place = Place::after(command, rest);
    if partial.starts_with('-') && place.option.is_none() {
        return plain(options(command));
    }
    place.argument(command).map(|argument| values(argument, partial, known)).unwrap_or_default()
}

/// What an argument could be: one of its few values, or a name of what it is called after.
fn values(argument: &Arg, partial: &str, known: &Known) -> Vec<Candidate> {
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        return plain(possible.iter().map(|value| value.get_name().to_owned()));
    }
    match name_of(argument).as_str() {
        "CLIENT" => named("", &known.clients),
        "CLIENT/PATH" => remotes(&bare(partial), known),
        "FILE" => local(&(known.local.0)(&bare(partial))),
        "DIR" => {
            let mut paths = (known.local.0)(&bare(partial));
            paths.retain(|path| path.ends_with('/'));
            local(&paths)
        }
        "PATH" => {
            let own = known.others.get("PATH").map(Vec::as_slice).unwrap_or_default();
            named("", &steps(&bare(partial), own).into_iter().collect::<Vec<_>>())
        }
        "SERVICE" => match partial.chars().next() {
            Some('#') => named("#", &known.services),
            _ if partial.starts_with("svc:") => named("svc:", &known.services),
            _ => named("", &known.services),
        },
        "TARGET" => targets(partial, known),
        "PATTERN" => {
            let mut patterns = targets(partial, known);
            patterns.extend(plain(TYPES.map(str::to_owned)));
            patterns
        }
        "OPERATION" => plain(OPERATIONS.map(str::to_owned)),
        "TYPE" => plain(TYPES.map(str::to_owned)),
        other => known.others.get(other).map(|names| named("", names)).unwrap_or_default(),
    }
}

/// Paths on this machine.
fn local(paths: &[String]) -> Vec<Candidate> {
    let candidate = |path: &String| match path.strip_prefix("~/") {
        Some(rest) => at_home(rest).into_iter().collect(),
        None => named("", std::slice::from_ref(path)),
    };
    paths.iter().flat_map(candidate).collect()
}

/// A path from the home folder, unless a terminal would act upon it: in quotes, `~/` would not be home.
fn at_home(path: &str) -> Option<Candidate> {
    let is_plain = |character: char| character.is_alphanumeric() || "/.-_".contains(character);
    let mut typed = "~/".to_owned();
    for character in path.chars() {
        typed.extend((!is_plain(character)).then_some('\\'));
        typed.push(character);
    }
    (escape(path) == path).then(|| Candidate { typed, bare: format!("~/{}", bare(path)) })
}

/// Clients, and once there is a slash, the next step into what one has stored.
fn remotes(begun: &str, known: &Known) -> Vec<Candidate> {
    let Some((client, path)) = begun.split_once('/') else {
        let clients: Vec<_> = known.clients.iter().map(|client| format!("{client}/")).collect();
        return named("", &clients);
    };
    let files = known.files.get(client).map(Vec::as_slice).unwrap_or_default();
    let steps: Vec<_> = steps(path, files).into_iter().map(|step| format!("{client}/{step}")).collect();
    named("", &steps)
}

fn targets(partial: &str, known: &Known) -> Vec<Candidate> {
    match partial.chars().next() {
        Some('@') => named("@", &known.clients),
        Some('#') => named("#", &known.services),
        _ => {
            // Without its sign, `all` is everyone.
            let (all, clients): (Vec<_>, Vec<_>) =
                known.clients.iter().cloned().partition(|name| name == "all");
            let mut targets = named("", &clients);
            targets.extend(named("@", &all));
            targets.extend(named("svc:", &known.services));
            targets.extend(plain(["all".to_owned()]));
            targets
        }
    }
}

fn help(tree: &Command, words: &[&str]) -> Vec<Candidate> {
    match words {
        [] => plain(subcommands(tree).chain(TOPICS.iter().map(|topic| topic.name.to_owned()))),
        [first] => tree.find_subcommand(first).map(|command| plain(subcommands(command))).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn subcommands(command: &Command) -> impl Iterator<Item = String> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
}

fn options(command: &Command) -> impl Iterator<Item = String> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.filter_map(Arg::get_long).chain(["help"]).map(|long| format!("--{long}"))
}

fn plain(words: impl IntoIterator<Item = String>) -> Vec<Candidate> {
    words.into_iter().map(|word| Candidate { bare: word.clone(), typed: word }).collect()
}

fn named(sign: &str, names: &[String]) -> Vec<Candidate> {
    names
        .iter()
        .map(|name| Candidate { typed: written(sign, name), bare: sign.to_owned() + &bare(name) })
        .collect()
}

/// A name from elsewhere as it can be typed: as it is where that reads back, else quoted, and with everything that a terminal would act
/// upon written as an escape.
fn written(sign: &str, name: &str) -> String {
    let simple = sign.to_owned() + name;
    let is_harmless = escape(name) == name;
    // By itself it would be an option, or a name with its sign.
    let is_taken =
        sign.is_empty() && (name.starts_with(['-', '#', '@']) || name.starts_with("svc:") || name.is_empty());
    if !is_taken && is_harmless && reads_back(&simple, &simple) && text(name) == name {
        return simple;
    }
    let json = serde_json::Value::from(name).to_string();
    let json = escape_json(&json).into_owned();
    if sign.is_empty() {
        return json;
    }
    let quoted = format!(
        "{sign}\"{}\"",
        name.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`")
    );
    if is_harmless && !name.starts_with('"') && reads_back(&quoted, &simple) {
        return quoted;
    }
    format!("{sign}'{}'", json.replace('\'', "\\u0027"))
}

/// Whether what is typed is one word that says this.
fn reads_back(typed: &str, word: &str) -> bool {
    split(typed).is_ok_and(
        |words| matches!(words.words.as_slice(), [only] if only.text == word && only.end == typed.len()),
    )
}

#[cfg(test)]
mod tests {
    use concierge_client::payload::Target;

    use super::*;
    use crate::{grammar::parse_target, output::is_hostile};

    fn completed(line: &str) -> Vec<String> {
        let known = Known {
            clients: vec!["alice".into(), "anna".into(), "bob".into()],
            services: vec!["chat".into(), "söö x".into()],
            files: BTreeMap::from([("bob".into(), vec!["maps/north.json".into(), "my notes".into()])]),
            others: BTreeMap::from([("PATH".into(), vec!["maps/own.json".into()])]),
            local: Local(|begun| {
                let there = ["src/".to_owned(), "my maps/".to_owned(), "my maps/north".to_owned()];
                let at_home = ["~/my maps/".to_owned(), "~/my maps/$1 north".to_owned()];
                let there = if begun.starts_with('~') { at_home.to_vec() } else { there.to_vec() };
                steps(begun, &there).into_iter().collect()
            }),
        };
        complete(line, &known).1
    }

    #[test]
    fn commands_are_completed() {
        assert!(completed("se").contains(&"send".to_owned()));
        assert!(completed("services s").contains(&"show".to_owned()));
        assert!(completed("clients ").contains(&"ls".to_owned()));
        assert!(completed("").contains(&"whoami".to_owned()));
        assert!(completed("nonsense ").is_empty());
        assert!(completed("help services s").contains(&"show".to_owned()));
        assert!(completed("help tar").contains(&"targets".to_owned()));
    }

    #[test]
    fn live_names_are_completed_where_they_belong() {
        assert_eq!(completed("send a"), ["alice", "all", "anna"]);
        assert_eq!(completed("@a"), ["@alice", "@anna"]);
        assert_eq!(completed("send svc:c"), ["svc:chat"]);
        assert_eq!(completed("#"), ["#\"söö x\"", "#chat"]);
        assert_eq!(completed("listen c"), ["chat"]);
        assert_eq!(completed("listen chat #c"), ["#chat"]);
        assert_eq!(completed("services show "), ["\"söö x\"", "chat"]);
        assert_eq!(completed("clients show b"), ["bob"]);
        assert_eq!(completed("events --from b"), ["bob"]);
        assert!(completed("send bob a").is_empty());
    }

    #[test]
    fn files_are_completed_step_by_step_as_far_as_they_were_listed() {
        assert_eq!(completed("files get b"), ["bob/"]);
        assert_eq!(completed("files get bob/"), ["\"bob/my notes\"", "bob/maps/"]);
        assert_eq!(completed("files get bob/maps/"), ["bob/maps/north.json"]);
        assert!(completed("files get anna/").is_empty());
        assert_eq!(completed("files rm m"), ["maps/"]);
        assert_eq!(completed("files rm maps/"), ["maps/own.json"]);
    }

    #[test]
    fn files_of_this_machine_are_completed_where_they_are_meant() {
        assert_eq!(completed("files put "), ["\"my maps/\"", "src/"]);
        assert_eq!(completed("files put x s"), ["src/"]);
        assert_eq!(completed("files get bob/my -O s"), ["src/"]);
        // A folder's name goes on, in its quotes, too.
        let folder = inserted(completed("files put my").remove(0));
        assert_eq!((folder.as_str(), inserted("src/".into()).as_str()), ("\"my maps/", "src/"));
        assert_eq!(completed(&format!("files put {folder}n")), ["\"my maps/north\""]);
        // In quotes it would not be home.
        assert_eq!(completed("files put ~/my"), ["~/my\\ maps/"]);
        assert_eq!(completed("files get bob --into ~/"), ["~/my\\ maps/"]);
        assert_eq!(completed("files put ~/my\\ maps/"), ["~/my\\ maps/\\$1\\ north"]);
        assert_eq!(inserted("bob".into()), "bob ");
    }

    #[test]
    fn a_quoted_name_is_found_with_and_without_its_quotes() {
        for partial in ["#sö", "#\"sö", "#\"söö ", "#'söö "] {
            assert_eq!(completed(partial), ["#\"söö x\""], "{partial}");
        }
        assert_eq!(complete("send \"söö", &Known::default()).0, 5);
    }

    #[test]
    fn whatever_a_name_is_its_completion_is_harmless_and_reads_back() {
        let names = [
            "söö x",
            "a\"b",
            "it's",
            "\\",
            "$x `y`",
            "{\"a\":1}",
            "[1]",
            "\"quoted\"",
            "a\u{1b}[2Jb",
            "x\ny",
            "\u{202e}evil",
            "\u{9b}31m",
            "# no comment",
            "a'\u{7}\"\\",
            "ünïcødé",
            "名前",
            "-n",
            " ",
            "#x",
            "svc:x",
            "@x",
        ];
        for name in names {
            for sign in ["#", "svc:", ""] {
                let typed = written(sign, name);
                assert!(!typed.contains(is_hostile), "{typed:?}");
                let words = split(&typed).unwrap_or_else(|error| panic!("{typed}: {error}")).words;
                assert_eq!(words.len(), 1, "{typed}");
                let word = words[0].text.strip_prefix(sign).unwrap();
                assert_eq!(text(word), name, "{typed}");
                if let Ok(service) = name.parse() {
                    let target =
                        if sign.is_empty() { "svc:".to_owned() + word } else { sign.to_owned() + word };
                    assert_eq!(parse_target(&target), Ok(Target::service(service)), "{typed}");
                }
            }
        }
    }

    #[test]
    fn options_are_completed() {
        assert_eq!(completed("events --t"), ["--type"]);
        assert_eq!(completed("events --type CLIENT_J"), ["CLIENT_JOINED"]);
        assert_eq!(completed("whoami --js"), ["--json"]);
        assert_eq!(completed("listen chat -o j"), ["json"]);
    }

    #[test]
    fn other_things_are_completed_by_what_they_are_called() {
        let argument = Arg::new("job").value_name("JOB");
        let known = Known { others: BTreeMap::from([("JOB".into(), vec!["1".into()])]), ..Known::default() };
        assert_eq!(values(&argument, "", &known)[0].typed, "1");
    }

    #[test]
    fn the_word_under_the_cursor_is_what_is_replaced() {
        let known = Known::default();
        assert_eq!(complete("services sh", &known).0, 9);
        assert_eq!(complete("services ", &known).0, 9);
    }
}
