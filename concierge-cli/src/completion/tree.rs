//! What each argument can be: the command tree with candidates for what is no command and no option, chosen by the argument's id.

use std::{ffi::OsStr, path::Path, sync::Arc};

use clap::{Arg, Command, CommandFactory};
use clap_complete::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, engine::ValueCompleter,
};
use concierge_client::payload::Target;

use super::live::{Live, Names};
use crate::{
    args::Cli,
    command::{event::OPERATIONS, events::TYPES},
    grammar::{parse_service, parse_target, steps},
    help::TOPICS,
};

/// The tree of the shell's commands, with candidates.
pub(super) fn command(live: &Arc<Live>) -> Command {
    with_candidates(Cli::command(), live)
}

fn with_candidates(command: Command, live: &Arc<Live>) -> Command {
    command
        .mut_args(|argument| with_completer(argument, live))
        .mut_subcommands(|nested| with_candidates(nested, live))
}

fn with_completer(argument: Arg, live: &Arc<Live>) -> Arg {
    let names = |pick: fn(&str, &Names) -> Vec<String>| {
        let live = Arc::clone(live);
        ArgValueCompleter::new(move |word: &OsStr| {
            let word = word.to_str().unwrap_or_default();
            matching(word, pick(word, live.names()))
        })
    };
    let kept = |list: fn(&Live) -> Vec<String>| {
        let live = Arc::clone(live);
        ArgValueCompleter::new(move |word: &OsStr| matching(word.to_str().unwrap_or_default(), list(&live)))
    };
    match argument.get_id().as_str() {
        "target" => {
            let live = Arc::clone(live);
            argument.add(ArgValueCompleter::new(move |word: &OsStr| targets(word, &live)))
        }
        "remote" | "listed" => {
            let live = Arc::clone(live);
            argument.add(ArgValueCompleter::new(move |word: &OsStr| remotes(word, &live)))
        }
        "own" => {
            let live = Arc::clone(live);
            argument.add(ArgValueCompleter::new(move |word: &OsStr| {
                let word = word.to_str().unwrap_or_default();
                matching(word, steps(word, &live.own_files()))
            }))
        }
        "service" | "services" => argument.add(names(|_, names| services(names))),
        "client" | "from" => argument.add(names(clients)),
        "session" | "label" => argument.add(kept(Live::sessions)),
        "context" | "shown" | "chosen" | "removed" => argument.add(kept(Live::contexts)),
        "event" | "events" | "pattern" => argument.add(kept(Live::events)),
        "operation" => argument.add(listed(OPERATIONS.iter().copied())),
        "type" => argument.add(listed(TYPES.iter().copied())),
        "topic" => argument.add(ArgValueCandidates::new(topics)),
        "payload" => argument.add(ArgValueCompleter::new(files_with_sign)),
        _ => match value_name(&argument) {
            Some("FILE" | "PATH") => argument.add(ArgValueCompleter::new(PathCompleter::any())),
            Some("DIR") => argument.add(ArgValueCompleter::new(PathCompleter::dir())),
            _ => argument,
        },
    }
}

fn value_name(argument: &Arg) -> Option<&str> {
    argument.get_value_names()?.first().map(clap::builder::Str::as_str)
}

fn matching(word: &str, values: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    values.into_iter().filter(|value| value.starts_with(word)).map(CompletionCandidate::new).collect()
}

fn listed(values: impl Iterator<Item = &'static str>) -> ArgValueCandidates {
    let values: Vec<_> = values.collect();
    ArgValueCandidates::new(move || values.iter().map(CompletionCandidate::new).collect())
}

fn topics() -> Vec<CompletionCandidate> {
    let tree = Cli::command();
    let commands = tree.get_subcommands().filter(|command| !command.is_hide_set());
    let commands = commands
        .map(|command| CompletionCandidate::new(command.get_name()).help(command.get_about().cloned()));
    let topics =
        TOPICS.iter().map(|topic| CompletionCandidate::new(topic.name).help(Some(topic.about.into())));
    commands.chain(topics).collect()
}

/// Whom a message can be for. The gateway is asked only when the word can become a name.
fn targets(word: &OsStr, live: &Live) -> Vec<CompletionCandidate> {
    let word = word.to_str().unwrap_or_default();
    let names = live.names();
    let mut targets = clients(word, names);
    targets.extend(services(names).iter().map(|service| match service.strip_prefix("svc:") {
        Some(_) => service.clone(),
        None => format!("svc:{service}"),
    }));
    if !word.starts_with('@') {
        targets.push("all".to_owned());
    }
    matching(word, targets)
}

/// Clients, and once there is a slash, the next step into what one has stored.
fn remotes(word: &OsStr, live: &Live) -> Vec<CompletionCandidate> {
    let word = word.to_str().unwrap_or_default();
    let Some((client, path)) = word.split_once('/') else {
        return matching(word, clients(word, live.names()).into_iter().map(|client| client + "/"));
    };
    let files = live.files(client.strip_prefix('@').unwrap_or(client));
    matching(word, steps(path, &files).into_iter().map(|step| format!("{client}/{step}")))
}

/// Clients as they can be typed: with `@` where that was begun, or where without it something else would be meant.
fn clients(word: &str, names: &Names) -> Vec<String> {
    let typed = |name: &String| {
        let is_plain = !name.starts_with('-') && parse_target(name) == Ok(Target::name(name.as_str()));
        if word.starts_with('@') || !is_plain { format!("@{name}") } else { name.clone() }
    };
    names.clients.iter().map(typed).collect()
}

/// Services as they can be typed: with `svc:` where without it something else would be meant.
fn services(names: &Names) -> Vec<String> {
    let typed = |name: &String| {
        let forms = [name.clone(), format!("svc:{name}"), format!("svc:{}", serde_json::json!(name))];
        let is_it =
            |form: &String| !form.starts_with('-') && parse_service(form).is_ok_and(|read| *read == **name);
        forms.into_iter().find(is_it)
    };
    names.services.iter().filter_map(typed).collect()
}

/// `@FILE`, once the sign is there.
fn files_with_sign(word: &OsStr) -> Vec<CompletionCandidate> {
    let Some(path) = word.to_str().and_then(|word| word.strip_prefix('@')) else { return Vec::new() };
    let found = PathCompleter::any().complete(Path::new(path).as_os_str());
    found.into_iter().map(|candidate| candidate.add_prefix("@")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names {
            clients: text(&["bob", "all", "-rf", "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d"]),
            services: text(&["chat", "svc:x", "söö x", "-n", "\"q\""]),
        }
    }

    #[test]
    fn a_name_that_would_mean_something_else_gets_its_sign() {
        let read = |word: &str| parse_target(word).unwrap();
        for (typed, name) in clients("", &names()).iter().zip(&names().clients) {
            assert_eq!(read(typed), Target::name(name.as_str()), "{typed}");
            assert!(!typed.starts_with('-'), "{typed}");
        }
        assert_eq!(clients("@", &names())[0], "@bob");
        assert_eq!(services(&names())[..3], ["chat", "svc:svc:x", "söö x"]);
        assert_eq!(services(&names())[3..], ["svc:-n", "svc:\"\\\"q\\\"\""]);
    }
}
