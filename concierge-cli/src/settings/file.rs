//! The settings in a file: text in, layers out, each value with its line. What a file may not hold is refused, whatever else it
//! holds. Pure: nothing here opens a file.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use toml_edit::{Document, Item, Key as TomlKey, TableLike, Value};

use super::{
    keys::{CONTEXTS, Key, PREVIOUS, SETTINGS, Scope},
    label::Label,
    layer::{Layer, Written},
    origin::{Line, Origin},
};
use crate::{failure::Failure, suggest::nearest};

/// Which of the two files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The user's own.
    User,
    /// A project's, which may come from anywhere.
    Project,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// What holds without a context.
    pub plain: Layer,
    /// The contexts.
    pub contexts: BTreeMap<Label, Layer>,
    /// The context that was used before.
    pub previous: Option<Label>,
    /// Where a secret itself is written: then nobody else may read the file.
    pub secret: Option<Line>,
}

/// Reads a file's text. All that is wrong with it is told, each with its line.
pub(super) fn parse(
    text: &str,
    file: &Arc<Path>,
    kind: Kind,
    home: Option<&Path>,
) -> Result<Parsed, Vec<Failure>> {
    let mut reader = Reader { text, file, kind, home, parsed: Parsed::default(), failures: Vec::new() };
    match Document::parse(text) {
        Ok(document) => reader.root(document.as_table()),
        Err(error) => {
            let line = reader.line(error.span().map_or(0, |span| span.start));
            // One sentence a line: the first says what happened, the others what was expected.
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            reader.failures.push(Failure::usage(format!("{line}: {message}")));
        }
    }
    if reader.failures.is_empty() { Ok(reader.parsed) } else { Err(reader.failures) }
}

struct Reader<'a> {
    text: &'a str,
    file: &'a Arc<Path>,
    kind: Kind,
    home: Option<&'a Path>,
    parsed: Parsed,
    failures: Vec<Failure>,
}

impl Reader<'_> {
    fn root(&mut self, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let line = self.line_of(table.key(name), item);
            match (name, self.kind) {
                (PREVIOUS, Kind::User) => match written(item) {
                    Written::Text(text) if text.parse::<Label>().is_ok() => {
                        self.parsed.previous = text.parse().ok();
                    }
                    _ => self.wrong(&line, name, &Failure::usage("expected the name of a context")),
                },
                (CONTEXTS, Kind::User) => match item.as_table_like() {
                    Some(contexts) => self.contexts(contexts),
                    None => self.wrong(&line, name, &Failure::usage("expected a table for each context")),
                },
                (PREVIOUS | CONTEXTS, Kind::Project) => self.not_for_a_project(&line, name),
                _ => self.plain(&line, name, item),
            }
        }
    }

    fn plain(&mut self, line: &Line, name: &str, item: &Item) {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let names = SETTINGS.iter().map(|setting| setting.name);
            return self.unknown(line, name, names.chain((self.kind == Kind::User).then_some(CONTEXTS)));
        };
        match (setting.scope, self.kind) {
            (Scope::UserFile | Scope::Contexts, Kind::Project) => return self.not_for_a_project(line, name),
            (Scope::Contexts, Kind::User) => {
                let failure =
                    Failure::usage(format!("{line}: {name} does not stand alone: it belongs to one gateway"));
                let hint = "put it into a context, beside its url: [contexts.NAME]";
                return self.failures.push(failure.hint(hint));
            }
            _ => {}
        }
        let origin = match self.kind {
            Kind::User => Origin::User(line.clone()),
            Kind::Project => Origin::Project(line.clone()),
        };
        if let Err(failure) = self.parsed.plain.set(setting.key, written(item), &origin, self.home) {
            self.wrong(line, name, &failure);
        }
    }

    fn contexts(&mut self, contexts: &dyn TableLike) {
        for (name, item) in contexts.iter() {
            let line = self.line_of(contexts.key(name), item);
            let label = match name.parse::<Label>() {
                Ok(label) => label,
                Err(problem) => {
                    self.wrong(&line, &format!("{CONTEXTS}.{name:?}"), &Failure::usage(problem));
                    continue;
                }
            };
            let Some(values) = item.as_table_like() else {
                self.wrong(&line, &format!("{CONTEXTS}.{name}"), &Failure::usage("expected a table"));
                continue;
            };
            let layer = self.context(&label, values);
            self.parsed.contexts.insert(label, layer);
        }
    }

    fn context(&mut self, context: &Label, values: &dyn TableLike) -> Layer {
        let mut layer = Layer::default();
        for (name, item) in values.iter() {
            let line = self.line_of(values.key(name), item);
            let allowed = SETTINGS.iter().filter(|setting| setting.scope != Scope::NoContext);
            let Some(setting) = allowed.clone().find(|setting| setting.name == name) else {
                self.unknown(&line, name, allowed.map(|setting| setting.name));
                continue;
            };
            if matches!(setting.key, Key::Secret | Key::ApiSecret) {
                self.parsed.secret.get_or_insert_with(|| line.clone());
            }
            let origin = Origin::Context(context.clone(), line.clone());
            if let Err(failure) = layer.set(setting.key, written(item), &origin, self.home) {
                self.wrong(&line, name, &failure);
            }
        }
        layer
    }

    fn wrong(&mut self, line: &Line, name: &str, failure: &Failure) {
        let told = Failure::usage(format!("{line}: {name}: {}", failure.message()));
        self.failures.push(match failure.hinted() {
            Some(hint) => told.hint(hint),
            None => told,
        });
    }

    fn unknown(&mut self, line: &Line, name: &str, names: impl Iterator<Item = &'static str>) {
        let names: Vec<_> = names.collect();
        let failure = Failure::usage(format!("{line}: there is no setting {name:?}"));
        let hint = match nearest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the settings are {}", names.join(", ")),
        };
        self.failures.push(failure.hint(hint));
    }

    fn not_for_a_project(&mut self, line: &Line, name: &str) {
        let failure =
            Failure::usage(format!("{line}: a project file may not set {name}: it may come from anywhere"));
        self.failures
            .push(failure.hint("it belongs into your own file: `concierge config path` tells which that is"));
    }

    fn line_of(&self, key: Option<&TomlKey>, item: &Item) -> Line {
        let span = key.and_then(TomlKey::span).or_else(|| item.span());
        self.line(span.map_or(0, |span| span.start))
    }

    fn line(&self, offset: usize) -> Line {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let number = 1 + before.matches('\n').count();
        Line { file: Arc::clone(self.file), number }
    }
}

fn written(item: &Item) -> Written {
    match item {
        Item::Value(Value::String(text)) => Written::Text(text.value().clone()),
        Item::Value(Value::Integer(number)) => Written::Number(number.value().to_string()),
        Item::Value(Value::Float(number)) => Written::Number(number.value().to_string()),
        Item::Value(Value::Array(array)) => {
            let texts: Option<Vec<_>> = array.iter().map(|value| Some(value.as_str()?.to_owned())).collect();
            texts.map_or(Written::Other("a list of something else"), Written::List)
        }
        Item::Value(Value::Boolean(_)) => Written::Other("true or false"),
        Item::Value(Value::Datetime(_)) => Written::Other("a time"),
        Item::Value(Value::InlineTable(_)) | Item::Table(_) | Item::ArrayOfTables(_) => {
            Written::Other("a table")
        }
        Item::None => Written::Other("nothing"),
    }
}
