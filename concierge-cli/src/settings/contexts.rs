//! Contexts: named gateways in the user file, with who one is there. What they are, and how they are added, chosen and removed.

use std::path::Path;

use concierge_client::payload::Tag;
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value, value};

use super::{
    explain::span_text,
    file::Parsed,
    keys::{CONTEXTS, Key, PREVIOUS},
    label::Label,
    layer::Layer,
    origin::Given,
    places::Places,
    resolve::no_such_context,
    secret::SecretSource,
    store::{first, update},
};
use crate::failure::Failure;

/// How many contexts there may be.
const MAX_CONTEXTS: usize = 1000;

/// The contexts there are, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contexts {
    parsed: Parsed,
}

/// A context, and whether it is the current one.
#[derive(Debug, Clone)]
pub(crate) struct ContextShown {
    /// Its name.
    pub name: Label,
    /// What it says.
    pub layer: Layer,
    /// Whether it is used where nobody says otherwise.
    pub current: bool,
}

impl Contexts {
    /// Reads them.
    pub(crate) fn read(places: &Places) -> Result<Self, Failure> {
        places.user()?;
        Ok(Self { parsed: places.read_user().map_err(first)? })
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<ContextShown> {
        self.parsed.contexts.iter().map(|(name, layer)| self.shown(name, layer)).collect()
    }

    /// One of them.
    pub(crate) fn one(&self, name: &Label) -> Result<ContextShown, Failure> {
        let layer = self.parsed.contexts.get(name).ok_or_else(|| unknown(name, &self.parsed))?;
        Ok(self.shown(name, layer))
    }

    /// The one that is used where nobody says otherwise.
    pub(crate) fn current(&self) -> Option<&Label> {
        self.parsed.plain.context.as_ref().map(|context| &context.value)
    }

    fn shown(&self, name: &Label, layer: &Layer) -> ContextShown {
        ContextShown { name: name.clone(), layer: layer.clone(), current: self.current() == Some(name) }
    }
}

/// Adds a context with what a layer says; `replace` puts it in the place of one that is there.
pub(crate) fn add(places: &Places, name: &Label, layer: &Layer, replace: bool) -> Result<(), Failure> {
    update(places, |parsed, document| {
        if !replace && parsed.contexts.contains_key(name) {
            return Err(Failure::usage(format!("there is a context {:?} already", name.as_str()))
                .hint("`--replace` puts the new one in its place"));
        }
        if parsed.contexts.len() >= MAX_CONTEXTS && !parsed.contexts.contains_key(name) {
            return Err(Failure::usage(format!("there are {MAX_CONTEXTS} contexts already")));
        }
        let contexts = table_of_contexts(document)?;
        if let Some(old) = contexts.get_mut(name.as_str()).and_then(Item::as_table_like_mut) {
            // In its place, with the comment above it.
            old.clear();
            write_layer(old, layer, places);
        } else {
            let mut table = Table::new();
            write_layer(&mut table, layer, places);
            contexts.insert(name.as_str(), inside(contexts, table));
        }
        Ok(())
    })
}

/// Makes a context the current one, or the one that was before it. Gives its name.
pub(crate) fn choose(places: &Places, name: Option<&Label>) -> Result<Label, Failure> {
    update(places, |parsed, document| {
        let current = parsed.plain.context.as_ref().map(|context| &context.value);
        let name = match (name, &parsed.previous) {
            (Some(name), _) => name,
            (None, Some(previous)) => previous,
            (None, None) => {
                return Err(Failure::usage("there was no context before this one")
                    .hint("`concierge context ls` lists those there are"));
            }
        };
        if !parsed.contexts.contains_key(name) {
            return Err(unknown(name, parsed));
        }
        if let Some(current) = current.filter(|current| *current != name) {
            put(document, PREVIOUS, current.as_str());
        }
        put(document, Key::Context.setting().name, name.as_str());
        Ok(name.clone())
    })
}

/// Removes a context. Gives whether it was the current one.
pub(crate) fn remove(places: &Places, name: &Label) -> Result<bool, Failure> {
    update(places, |parsed, document| {
        if !parsed.contexts.contains_key(name) {
            return Err(unknown(name, parsed));
        }
        let contexts = table_of_contexts(document)?;
        contexts.remove(name.as_str());
        if contexts.is_empty() {
            document.remove(CONTEXTS);
        }
        if parsed.previous.as_ref() == Some(name) {
            document.remove(PREVIOUS);
        }
        let was_current = parsed.plain.context.as_ref().is_some_and(|context| context.value == *name);
        if was_current {
            document.remove(Key::Context.setting().name);
        }
        Ok(was_current)
    })
}

fn unknown(name: &Label, parsed: &Parsed) -> Failure {
    no_such_context(name, parsed.contexts.keys())
}

fn table_of_contexts(document: &mut DocumentMut) -> Result<&mut dyn TableLike, Failure> {
    if !document.contains_key(CONTEXTS) {
        keep_comments_first(document);
        let mut table = Table::new();
        table.set_implicit(true);
        document.insert(CONTEXTS, Item::Table(table));
    }
    let contexts = document.get_mut(CONTEXTS).and_then(Item::as_table_like_mut);
    contexts.ok_or_else(|| Failure::usage(format!("{CONTEXTS} is no table")))
}

/// A context as its surroundings are written: a table of its own, or one in braces.
fn inside(contexts: &dyn TableLike, table: Table) -> Item {
    let in_braces = contexts.iter().next().is_some_and(|(_, item)| item.is_inline_table());
    if in_braces { Item::Value(Value::InlineTable(table.into_inline_table())) } else { Item::Table(table) }
}

/// Sets a text of the file itself. A comment beside the old one stays.
fn put(document: &mut DocumentMut, name: &str, text: &str) {
    if let Some(old) = document.get_mut(name).and_then(Item::as_value_mut) {
        let decor = old.decor().clone();
        *old = Value::from(text);
        *old.decor_mut() = decor;
    } else {
        let header =
            if document.iter().any(|(_, item)| item.is_value()) { None } else { take_header(document) };
        document.insert(name, value(text));
        if let (Some(header), Some(mut key)) = (header, document.key_mut(name)) {
            key.leaf_decor_mut().set_prefix(header);
        }
    }
}

/// In a file of tables alone, what stands above the first with a blank line between is about the file: it is taken from the table.
/// What is left of the table has a blank line above it.
fn take_header(document: &mut DocumentMut) -> Option<String> {
    let contexts = document.get_mut(CONTEXTS).and_then(Item::as_table_mut)?;
    let table = if contexts.is_implicit() {
        contexts.iter_mut().find_map(|(_, item)| item.as_table_mut())?
    } else {
        contexts
    };
    let above = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
    let (header, own) = match above.rsplit_once("\n\n") {
        Some((header, own)) => (Some(format!("{header}\n\n")), own.to_owned()),
        None => (None, above),
    };
    table.decor_mut().set_prefix(format!("\n{}", own.trim_start_matches('\n')));
    header
}

/// In a file of comments alone, they are its end; what is added comes behind them.
fn keep_comments_first(document: &mut DocumentMut) {
    let comments = document.trailing().as_str().unwrap_or_default().to_owned();
    if document.is_empty() && !comments.trim().is_empty() {
        document.set_trailing("");
        document.decor_mut().set_prefix(comments.trim_end().to_owned() + "\n\n");
    }
}

fn write_layer(table: &mut dyn TableLike, layer: &Layer, places: &Places) {
    let mut put = |key: Key, item: Option<Value>| {
        if let Some(item) = item {
            table.insert(key.setting().name, value(item));
        }
    };
    put(Key::Url, layer.url.as_ref().map(|url| url.value.as_str().into()));
    put(Key::Name, layer.name.as_ref().map(|name| name.value.as_str().into()));
    put(Key::Nickname, layer.nickname.as_ref().map(|nickname| nickname.value.as_str().into()));
    let tags = layer.tags.as_ref().map(|tags| tags.value.iter().map(Tag::as_str).collect::<Array>());
    put(Key::Tags, tags.map(Value::Array));
    let secret = |given: Option<&Given<SecretSource>>, itself, file| match &given?.value {
        SecretSource::Text(secret) => Some((itself, secret.reveal().into())),
        SecretSource::File(path) => Some((file, path_text(&places.absolute(path)))),
        SecretSource::Asked => None,
    };
    if let Some((key, item)) = secret(layer.secret.as_ref(), Key::Secret, Key::SecretFile) {
        put(key, Some(item));
    }
    put(Key::Api, layer.api.as_ref().map(|api| api.value.as_str().into()));
    if let Some((key, item)) = secret(layer.api_key.as_ref(), Key::ApiSecret, Key::ApiSecretFile) {
        put(key, Some(item));
    }
    put(Key::Session, layer.session.as_ref().map(|session| session.value.as_str().into()));
    put(Key::Timeout, layer.timeout.as_ref().map(|timeout| span_text(timeout.value).into()));
}

fn path_text(path: &Path) -> Value {
    path.to_string_lossy().into_owned().into()
}
