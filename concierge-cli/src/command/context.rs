//! `context`: gateways by name, kept in the user file.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    output::{Cell, Output, Record, Role, Table, View, escape, json::object},
    settings::{
        ApiFlags, ContextShown, Contexts, Given, Key, Label, Layer, Places, SETTINGS, SecretSource, Source,
        add, choose, remove, values,
    },
};

const ADD_EXAMPLES: &str = "\
Examples:
  concierge context add lab --url ws://192.0.2.7:64209/ws --name alice --use
  concierge context add prod -u wss://gateway.example/ws --secret-file ~/secret
  concierge context add shop -u 192.0.2.7:64209 --api http://127.0.0.1:4000

What is kept: --url, --name, --nickname, --tag, --secret-file, --session and --timeout, for `event` --api and
--api-key-file; --ask-secret asks for a secret and keeps it. One is sent only to the gateway it is kept with.";

const USE_EXAMPLES: &str = "\
Examples:
  concierge context use office
  concierge context use -         # the one before";

/// What the help of `context` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  concierge context add lab --url ws://192.0.2.7:64209/ws --name alice
  concierge context use lab
  concierge -c office whoami      # this once
  concierge context use -         # the one before";

/// `context`, in the shell
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ContextCommand {
    /// Keep a gateway under a name
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddArgs),
    /// What can be done in the REPL, too.
    #[command(flatten)]
    Kept(KeptCommand),
}

/// What can be done with contexts that are there.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeptCommand {
    /// List the contexts
    #[command(
        visible_alias = "list",
        after_help = "Examples:\n  concierge context ls\n  concierge context ls -o raw"
    )]
    Ls,
    /// Show a context: the current one, or another
    #[command(after_help = "Examples:\n  concierge context show\n  concierge context show office --json")]
    Show {
        /// Its name
        // Not `context`, as the flag of every command is called: they would be one argument.
        #[arg(value_name = "NAME")]
        shown: Option<Label>,
    },
    /// Use a context where nothing else is said
    #[command(after_help = USE_EXAMPLES)]
    Use {
        /// Its name, or `-` for the one before
        #[arg(value_name = "NAME")]
        chosen: Which,
    },
    /// Remove a context
    #[command(visible_alias = "remove", after_help = "Examples:\n  concierge context rm office")]
    Rm {
        /// Its name
        #[arg(value_name = "NAME")]
        removed: Label,
    },
}

/// `context add`
#[derive(Debug, Clone, Args)]
pub(crate) struct AddArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    pub context_name: Label,
    /// Use it from now on
    #[arg(long = "use")]
    pub choose: bool,
    /// Put it in the place of one that has the name
    #[arg(long)]
    pub replace: bool,
    /// Where web applications ask it, and with what.
    #[command(flatten)]
    pub api: ApiFlags,
}

/// A context, or the one before the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// By its name.
    Named(Label),
    /// `-`
    Previous,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" { Ok(Self::Previous) } else { text.parse().map(Self::Named) }
    }
}

/// Adds a context; its secret has been asked for where that is wanted.
pub(crate) fn add_one(
    arguments: &AddArgs,
    layer: &Layer,
    source: &Source,
    output: &Output,
) -> Result<(), Failure> {
    let AddArgs { context_name: name, choose: chosen, replace, .. } = arguments;
    if source.global.context.is_some() {
        return Err(Failure::usage(
            "`context add` takes the context's name as its argument, not as --context",
        ));
    }
    if layer.url.is_none() {
        return Err(Failure::usage("a context needs the URL of its gateway")
            .hint(format!("concierge context add {name} --url ws://HOST:PORT/ws")));
    }
    let places = Places::of(&source.environment);
    // Later is too late to notice: the file would be read from wherever one is then.
    for (secret, what) in [(&layer.secret, "secret"), (&layer.api_key, "key")] {
        if let Some(Given { value: SecretSource::File(path), .. }) = secret
            && !places.absolute(path).is_file()
        {
            output.note(&format!("there is no {what} file {} yet", path.display()));
        }
    }
    add(&places, name, layer, *replace)?;
    output.record(&Changed { verb: "added", context: Contexts::read(&places)?.one(name)? })?;
    if *chosen {
        choose(&places, Some(name))?;
        tell_choice(name, source, output);
    } else if Contexts::read(&places)?.current().is_none() {
        output.note(&format!("`concierge context use {name}` makes it the one that is used"));
    }
    Ok(())
}

/// Does what can be done with contexts that are there.
pub(crate) fn run(command: KeptCommand, source: &Source, output: &Output) -> Result<(), Failure> {
    let places = Places::of(&source.environment);
    match command {
        KeptCommand::Ls => output.record(&List { contexts: Contexts::read(&places)?.list() }),
        KeptCommand::Show { shown } => {
            let contexts = Contexts::read(&places)?;
            let chosen = shown.as_ref().or(source.global.context.as_ref()).or(contexts.current());
            let Some(name) = chosen else {
                return Err(
                    Failure::usage("no context is used").hint("`concierge context ls` lists those there are")
                );
            };
            output.record(&Shown { context: contexts.one(name)? })
        }
        KeptCommand::Use { chosen } => {
            let named = match &chosen {
                Which::Named(name) => Some(name),
                Which::Previous => None,
            };
            let name = choose(&places, named)?;
            output.record(&Changed { verb: "using", context: Contexts::read(&places)?.one(&name)? })?;
            tell_choice(&name, source, output);
            Ok(())
        }
        KeptCommand::Rm { removed } => {
            let context = Contexts::read(&places)?.one(&removed)?;
            let was_current = remove(&places, &removed)?;
            output.record(&Changed { verb: "removed", context })?;
            if was_current {
                output.note("it was the one that was used: now none is");
            }
            Ok(())
        }
    }
}

/// Tells when something else decides here, whatever is current.
fn tell_choice(name: &Label, source: &Source, output: &Output) {
    let Some(context) = source.settings().ok().and_then(|settings| settings.context_given().cloned()) else {
        return;
    };
    if context.value != *name {
        output.note(&format!("here {} still chooses {}", context.origin, context.value));
    }
}

/// What a context says, setting by setting; a secret is only said to be there.
fn said(layer: &Layer) -> Vec<(&'static str, Vec<String>)> {
    let setting = |key: Key| {
        let secret = match key {
            Key::ApiSecret | Key::ApiSecretFile => &layer.api_key,
            _ => &layer.secret,
        };
        match (key, secret.as_ref().map(|secret| &secret.value)) {
            (Key::Secret | Key::ApiSecret, Some(SecretSource::Text(_))) => Some(vec!["set".to_owned()]),
            (Key::SecretFile | Key::ApiSecretFile, Some(SecretSource::File(path))) => {
                Some(vec![path.display().to_string()])
            }
            _ => values(layer, key).map(|(values, _)| values),
        }
    };
    SETTINGS.iter().filter_map(|known| Some((known.name, setting(known.key)?))).collect()
}

fn fields(context: &ContextShown) -> Vec<(&'static str, Value)> {
    let mut fields = vec![("context", json!(context.name.as_str())), ("current", json!(context.current))];
    fields.extend(said(&context.layer).into_iter().map(|(name, values)| match name {
        "tags" => (name, json!(values)),
        _ => (name, json!(values.first())),
    }));
    fields
}

fn row(context: &ContextShown) -> Vec<String> {
    let said = said(&context.layer);
    let one = |wanted: &str| {
        let found = said.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, values)| values.join(",")).unwrap_or_default()
    };
    vec![context.name.to_string(), one("url"), one("name"), context.current.to_string()]
}

fn url(context: &ContextShown) -> String {
    context.layer.url.as_ref().map(|url| url.value.to_string()).unwrap_or_default()
}

/// All contexts.
struct List {
    contexts: Vec<ContextShown>,
}

impl Record for List {
    fn object(&self) -> String {
        let contexts: Vec<Value> = self
            .contexts
            .iter()
            .map(|context| fields(context).into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            .collect();
        object("contexts", &[("contexts", json!(contexts))])
    }

    fn objects(&self) -> Vec<String> {
        self.contexts.iter().map(|context| object("context", &fields(context))).collect()
    }

    fn human(&self, view: View) -> String {
        if self.contexts.is_empty() && view.terminal {
            let hint = "no contexts yet: concierge context add NAME --url URL";
            return view.palette.paint(Role::Dim, hint) + "\n";
        }
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["", "CONTEXT", "URL", "NAME", "SECRET"]);
        }
        for context in &self.contexts {
            let mark = if context.current { Cell::new(Role::Joined, "*") } else { Cell::plain("") };
            let name =
                context.layer.name.as_ref().map_or_else(|| "-".to_owned(), |name| name.value.to_string());
            let secret = if context.layer.secret.is_some() { "set" } else { "-" };
            table.row([
                mark,
                Cell::plain(context.name.as_str()),
                Cell::plain(escape(&url(context))),
                Cell::new(Role::Client, escape(&name)),
                Cell::new(Role::Dim, secret),
            ]);
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.contexts.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.contexts.iter().map(|context| context.name.to_string()).collect()
    }
}

/// One context.
struct Shown {
    context: ContextShown,
}

impl Record for Shown {
    fn object(&self) -> String {
        object("context", &fields(&self.context))
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        let current = if self.context.current { " (current)" } else { "" };
        table.row([Cell::new(Role::Dim, "context"), Cell::plain(format!("{}{current}", self.context.name))]);
        for (name, values) in said(&self.context.layer) {
            table.row([Cell::new(Role::Dim, name), Cell::plain(escape(&values.join(", ")))]);
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(&self.context)]
    }

    fn raw(&self) -> Vec<String> {
        vec![url(&self.context)]
    }
}

/// A context that was added, chosen or removed.
struct Changed {
    verb: &'static str,
    context: ContextShown,
}

impl Record for Changed {
    fn object(&self) -> String {
        let kind = match self.verb {
            "using" => "context_used".to_owned(),
            verb => format!("context_{verb}"),
        };
        object(&kind, &fields(&self.context))
    }

    fn human(&self, view: View) -> String {
        let url = view.palette.paint(Role::Dim, &escape(&url(&self.context)));
        format!("{} {}  {url}", self.verb, self.context.name).trim_end().to_owned() + "\n"
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row(&self.context)]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.context.name.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_the_context_before() {
        assert_eq!("-".parse(), Ok(Which::Previous));
        assert_eq!("lab".parse(), Ok(Which::Named("lab".parse().unwrap())));
        assert!("-x".parse::<Which>().is_err());
    }
}
