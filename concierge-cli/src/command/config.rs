//! `config`: what the settings are and where each comes from, which files are read, and whether they make sense.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    output::{Cell, Output, Record, Role, Table, View, escape, json::object},
    settings::{Explained, Key, Origin, Places, SETTINGS, Settings, Source, reference},
    suggest::nearest,
};

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  concierge config explain
  concierge -c office config explain url name
  concierge config explain url -o raw";

/// `config`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each setting and where it comes from
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// Only these settings
        #[arg(value_name = "SETTING")]
        settings: Vec<String>,
    },
    /// Show which files are read, and whether they are there
    #[command(after_help = "Examples:\n  concierge config path\n  concierge config path -o raw")]
    Path,
    /// Check the files and the variables, and tell all that is wrong with them
    #[command(after_help = "Examples:\n  concierge config check")]
    Check,
}

/// Which settings there are, and how they rank.
pub(crate) fn help() -> String {
    let table = reference();
    format!(
        "Settings: in a file, as a variable, as a flag

{table}
Flags win over variables, those over the project file (.concierge.toml in this folder or one
above it), that over the user file ($XDG_CONFIG_HOME/concierge/config.toml), that over the
defaults. A context ranks directly below what chooses it. A project file may set no secrets.

Examples:
  concierge config explain
  concierge config path
  concierge config check"
    )
}

/// Does it. Settings that make no sense are an end only for what needs them.
pub(crate) fn run(
    command: ConfigCommand,
    settings: Result<&Settings, Failure>,
    source: &Source,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        ConfigCommand::Explain { settings: names } => {
            let settings = settings?;
            for note in settings.notes() {
                output.note(note);
            }
            output.record(&Explanation { settings: explain(settings, &names)? })
        }
        ConfigCommand::Path => output.record(&Files { files: files(source) }),
        ConfigCommand::Check => check(source, output),
    }
}

fn explain(settings: &Settings, names: &[String]) -> Result<Vec<Explained>, Failure> {
    let keys = names.iter().map(|name| {
        let known = SETTINGS.iter().find(|setting| setting.name == name);
        known.map(|setting| setting.key).ok_or_else(|| {
            let failure = Failure::usage(format!("there is no setting {name:?}"));
            match nearest(name, SETTINGS.iter().map(|setting| setting.name)) {
                Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
                None => failure.hint("`concierge config explain` shows all there are"),
            }
        })
    });
    let keys = keys.collect::<Result<Vec<Key>, Failure>>()?;
    // A secret is told where it was given, whichever of its two names one asks by.
    let one = |key| match key {
        Key::SecretFile => Key::Secret,
        Key::ApiSecretFile => Key::ApiSecret,
        key => key,
    };
    let is_asked = |key| keys.iter().any(|asked| one(*asked) == one(key));
    let mut explained = settings.explain();
    explained.retain(|explained| keys.is_empty() || is_asked(explained.setting.key));
    Ok(explained)
}

fn check(source: &Source, output: &Output) -> Result<(), Failure> {
    for variable in source.unknown_variables() {
        output.note(&variable);
    }
    let mut failures = source.check();
    let Some(last) = failures.pop() else { return output.record(&InOrder) };
    for failure in failures {
        output.failure(&failure);
    }
    Err(last)
}

fn files(source: &Source) -> Vec<FileShown> {
    let places = Places::of(&source.environment);
    let user = places.user().ok().map(|path| (path.display().to_string(), path.exists()));
    let project = places.project();
    vec![
        FileShown {
            kind: "user_file",
            found: user.as_ref().is_some_and(|(_, found)| *found),
            path: user.map(|(path, _)| path),
            foreign: false,
        },
        FileShown {
            kind: "project_file",
            found: project.is_some(),
            foreign: project.as_ref().is_some_and(|file| file.foreign),
            path: project.map(|file| file.path.display().to_string()),
        },
    ]
}

/// The settings with their origins.
struct Explanation {
    settings: Vec<Explained>,
}

impl Explanation {
    fn field(explained: &Explained) -> Value {
        let Explained { setting, values, origin, remark } = explained;
        let value = match (setting.key, values.as_slice()) {
            (Key::Tags, values) => json!(values),
            (_, values) => json!(values.first()),
        };
        let mut from = json!({ "kind": origin.kind() });
        if let Some(from) = from.as_object_mut() {
            from.extend(origin.name().map(|name| ("name".to_owned(), json!(name))));
            if let Some(line) = origin.line() {
                from.insert("file".to_owned(), json!(line.file.to_string_lossy()));
                from.insert("line".to_owned(), json!(line.number));
            }
        }
        let mut field = json!({ "setting": setting.name, "value": value, "origin": from });
        if let (Some(field), Some(remark)) = (field.as_object_mut(), remark) {
            field.insert("remark".to_owned(), json!(remark));
        }
        field
    }
}

impl Record for Explanation {
    fn object(&self) -> String {
        let settings: Vec<_> = self.settings.iter().map(Self::field).collect();
        object("settings", &[("settings", json!(settings))])
    }

    fn objects(&self) -> Vec<String> {
        let fields = self.settings.iter().map(Self::field);
        let objects = fields.map(|field| {
            let fields: Vec<_> = field.as_object().into_iter().flatten().collect();
            let fields: Vec<_> =
                fields.into_iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
            object("setting", &fields)
        });
        objects.collect()
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["SETTING", "VALUE", "FROM"]);
        }
        let mut remarks = String::new();
        for Explained { setting, values, origin, remark } in &self.settings {
            let value = match (values.as_slice(), origin) {
                ([], _) => Cell::new(Role::Dim, setting.default),
                (values, Origin::Default) => Cell::new(Role::Dim, escape(&values.join(", "))),
                (values, _) => Cell::plain(escape(&values.join(", "))),
            };
            table.row([Cell::plain(setting.name), value, Cell::new(Role::Dim, escape(&origin.to_string()))]);
            if let Some(remark) = remark {
                remarks = remarks + &view.palette.paint(Role::Left, &escape(remark)) + "\n";
            }
        }
        table.render(view.palette) + &remarks
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |explained: &Explained| {
            vec![explained.setting.name.to_owned(), explained.values.join(","), explained.origin.to_string()]
        };
        self.settings.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.settings.iter().map(|explained| explained.values.join(",")).collect()
    }
}

/// A file that is read for settings, or would be.
struct FileShown {
    kind: &'static str,
    path: Option<String>,
    found: bool,
    foreign: bool,
}

struct Files {
    files: Vec<FileShown>,
}

impl FileShown {
    fn state(&self) -> &'static str {
        match (self.found, self.foreign) {
            (false, _) => "not there",
            (true, true) => "belongs to another user: not read",
            (true, false) => "read",
        }
    }

    fn fields(&self) -> [(&'static str, Value); 3] {
        [("kind", json!(self.kind)), ("path", json!(self.path)), ("read", json!(self.found && !self.foreign))]
    }
}

impl Record for Files {
    fn object(&self) -> String {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|file| file.fields().into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            .collect();
        object("setting_files", &[("files", json!(files))])
    }

    fn objects(&self) -> Vec<String> {
        self.files.iter().map(|file| object("setting_file", &file.fields())).collect()
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        for file in &self.files {
            let nowhere = match file.kind {
                "project_file" => "no .concierge.toml in this folder or one above it",
                _ => "neither HOME nor XDG_CONFIG_HOME is set",
            };
            let (path, state) = match &file.path {
                Some(path) => (Cell::plain(escape(path)), file.state()),
                None => (Cell::new(Role::Dim, nowhere), ""),
            };
            table.row([Cell::plain(file.kind.replace('_', " ")), path, Cell::new(Role::Dim, state)]);
        }
        table.render(view.palette)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |file: &FileShown| {
            let read = file.found && !file.foreign;
            vec![file.kind.to_owned(), file.path.clone().unwrap_or_default(), read.to_string()]
        };
        self.files.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.files.iter().filter_map(|file| file.path.clone()).collect()
    }
}

/// Nothing is wrong.
struct InOrder;

impl Record for InOrder {
    fn object(&self) -> String {
        object("settings_checked", &[("ok", json!(true))])
    }

    fn human(&self, _: View) -> String {
        "the settings are in order\n".to_owned()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec!["ok".to_owned()]]
    }

    fn raw(&self) -> Vec<String> {
        vec!["ok".to_owned()]
    }
}
