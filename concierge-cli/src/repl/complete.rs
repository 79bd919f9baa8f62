//! Completion: what could come next, from the command tree and from who is there. Pure, and without asking the gateway.

use clap::{Command, CommandFactory};

use crate::{args::ReplLine, grammar::split, help::TOPICS};

/// Who is there to be named.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The clients.
    pub clients: Vec<String>,
    /// The services.
    pub services: Vec<String>,
}

/// Where the word under the cursor starts, and what it could become.
pub(super) fn complete(line: &str, names: &Names) -> (usize, Vec<String>) {
    let start = start_of_word(line);
    let partial = line.get(start..).unwrap_or_default();
    let before = line.get(..start).unwrap_or_default();
    let mut candidates: Vec<String> = candidates(before, partial, names)
        .into_iter()
        .filter(|candidate| candidate.starts_with(partial) && candidate != partial)
        .collect();
    candidates.sort();
    candidates.dedup();
    (start, candidates)
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
        Err(_) => line.rfind(char::is_whitespace).map_or(0, |space| space + 1),
    }
}

fn candidates(before: &str, partial: &str, names: &Names) -> Vec<String> {
    let Ok(words) = split(before) else { return Vec::new() };
    if words.operator.is_some() {
        return Vec::new();
    }
    let words: Vec<&str> = words.words.iter().map(|word| word.text.as_str()).collect();
    let tree = ReplLine::command();
    let Some((first, rest)) = words.split_first() else {
        return match partial.chars().next() {
            Some('@') => clients_with_sign(names),
            Some('#') => services_with("#", names),
            _ => subcommands(&tree),
        };
    };
    let Some(command) = tree.find_subcommand(first) else { return Vec::new() };
    let (command, rest) = match rest
        .split_first()
        .and_then(|(second, rest)| command.find_subcommand(second).map(|command| (command, rest)))
    {
        Some(nested) => nested,
        None => (command, rest),
    };
    if partial.starts_with('-') {
        return options(command, &tree);
    }
    if let Some(values) = values_of_option(rest.last().copied(), names) {
        return values;
    }
    let positional = rest.iter().filter(|word| !word.starts_with('-')).count();
    match (*first, command.get_name()) {
        _ if command.has_subcommands() => subcommands(command),
        ("send", _) if positional == 0 => targets(partial, names),
        ("listen" | "unlisten", _) | ("services", "show" | "rm") => services_with("", names),
        ("clients", "show") => names.clients.clone(),
        ("help", _) if positional == 0 => {
            subcommands(&tree).into_iter().chain(TOPICS.iter().map(|topic| topic.name.to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

fn subcommands(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

fn options(command: &Command, tree: &Command) -> Vec<String> {
    let own = command.get_arguments().chain(tree.get_arguments().filter(|argument| argument.is_global_set()));
    own.filter_map(|argument| argument.get_long()).chain(["help"]).map(|long| format!("--{long}")).collect()
}

fn values_of_option(last: Option<&str>, names: &Names) -> Option<Vec<String>> {
    Some(match last? {
        "--from" => names.clients.clone(),
        "--service" => services_with("", names),
        "--type" => crate::command::events::TYPES.map(str::to_owned).to_vec(),
        "--output" | "-o" => ["human", "json", "ndjson", "tsv", "raw"].map(str::to_owned).to_vec(),
        "-n" | "--count" | "--for" | "--interval" | "--title" | "--jq" => Vec::new(),
        _ => return None,
    })
}

fn targets(partial: &str, names: &Names) -> Vec<String> {
    match partial.chars().next() {
        Some('@') => clients_with_sign(names),
        Some('#') => services_with("#", names),
        _ => {
            let mut targets = names.clients.clone();
            targets.extend(services_with("svc:", names));
            targets.push("all".to_owned());
            targets
        }
    }
}

fn clients_with_sign(names: &Names) -> Vec<String> {
    names.clients.iter().map(|name| format!("@{name}")).collect()
}

/// Services as they can be typed: quoted where a space or a quote would end the word.
fn services_with(prefix: &str, names: &Names) -> Vec<String> {
    let plain = |name: &str| {
        !name.contains(|character: char| character.is_whitespace() || "'\"\\{[#".contains(character))
    };
    names
        .services
        .iter()
        .map(|name| if plain(name) { format!("{prefix}{name}") } else { quoted(prefix, name) })
        .collect()
}

fn quoted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        return serde_json::Value::from(name).to_string();
    }
    format!("{prefix}\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> Vec<String> {
        let names = Names {
            clients: vec!["alice".into(), "anna".into(), "bob".into()],
            services: vec!["chat".into(), "söö x".into()],
        };
        complete(line, &names).1
    }

    #[test]
    fn commands_are_completed() {
        assert_eq!(completed("se"), ["send", "server", "services"]);
        assert_eq!(completed("services s"), ["show"]);
        assert_eq!(completed("clients "), ["ls", "show"]);
        assert!(completed("").contains(&"whoami".to_owned()));
        assert!(completed("nonsense ").is_empty());
    }

    #[test]
    fn live_names_are_completed_where_they_belong() {
        assert_eq!(completed("send a"), ["alice", "all", "anna"]);
        assert_eq!(completed("@a"), ["@alice", "@anna"]);
        assert_eq!(completed("send svc:c"), ["svc:chat"]);
        assert_eq!(completed("#"), ["#\"söö x\"", "#chat"]);
        assert_eq!(completed("listen c"), ["chat"]);
        assert_eq!(completed("services show "), ["\"söö x\"", "chat"]);
        assert_eq!(completed("clients show b"), ["bob"]);
        assert_eq!(completed("events --from b"), ["bob"]);
        assert!(completed("send bob a").is_empty());
    }

    #[test]
    fn what_is_completed_reads_back() {
        let word = completed("#\"").remove(0);
        assert_eq!(crate::grammar::parse_target(&split(&word).unwrap().words[0].text), {
            crate::grammar::parse_target("#söö x")
        });
    }

    #[test]
    fn options_are_completed() {
        assert_eq!(completed("events --t"), ["--type"]);
        assert_eq!(completed("events --type CLIENT_J"), ["CLIENT_JOINED"]);
        assert_eq!(completed("whoami --js"), ["--json"]);
        assert_eq!(completed("listen chat -o j"), ["json"]);
    }

    #[test]
    fn the_word_under_the_cursor_is_what_is_replaced() {
        let names = Names::default();
        assert_eq!(complete("services sh", &names).0, 9);
        assert_eq!(complete("services ", &names).0, 9);
    }
}
