//! A layer: the values that one source gives, each with its origin. A layer that ranks higher is put over one that ranks lower.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::ValueEnum;
use concierge_client::{
    GatewayUrl,
    payload::{ClientName, InvalidName, Nickname, Secret, Tags},
};

use super::{
    api::{ApiFlags, ApiUrl},
    keys::{Key, SETTINGS},
    label::Label,
    origin::{Given, Origin},
    secret::SecretSource,
    url::parse_url,
};
use crate::{
    args::Global,
    console::Environment,
    failure::Failure,
    grammar::parse_span,
    output::{ColorChoice, Format},
};

/// What one source says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The gateway.
    pub url: Option<Given<GatewayUrl>>,
    /// The name to join under.
    pub name: Option<Given<ClientName>>,
    /// How this client is shown to people.
    pub nickname: Option<Given<Nickname>>,
    /// Words about this client.
    pub tags: Option<Given<Tags>>,
    /// What the gateway asks of those who may come in.
    pub secret: Option<Given<SecretSource>>,
    /// Where the gateway is asked by web applications.
    pub api: Option<Given<ApiUrl>>,
    /// What it asks of those.
    pub api_key: Option<Given<SecretSource>>,
    /// Which context is used.
    pub context: Option<Given<Label>>,
    /// Which held session commands run on.
    pub session: Option<Given<Label>>,
    /// How long connecting, and each answer, may take.
    pub timeout: Option<Given<Duration>>,
    /// How results are written.
    pub output: Option<Given<Format>>,
    /// When to colour.
    pub color: Option<Given<ColorChoice>>,
}

/// A value as a file or a variable has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A number of seconds.
    Number(String),
    /// Something else, by its name.
    Other(&'static str),
}

impl Layer {
    /// What the flags say.
    pub(super) fn of_flags(global: &Global) -> Result<Self, Failure> {
        let mut layer = Self::default();
        if let Some(url) = &global.url {
            layer.url = Some(Given::new(parse_url(url)?, flag(Key::Url)));
        }
        if !global.tag.is_empty() {
            let tags =
                Tags::try_from(global.tag.clone()).map_err(|error| Failure::usage(error.to_string()))?;
            layer.tags = Some(Given::new(tags, flag(Key::Tags)));
        }
        layer.secret = match (&global.secret_file, global.ask_secret) {
            (Some(file), _) => Some(Given::new(SecretSource::File(file.into()), flag(Key::SecretFile))),
            (None, true) => Some(Given::new(SecretSource::Asked, flag(Key::Secret))),
            (None, false) => None,
        };
        let given = |key| move |value| Given::new(value, flag(key));
        layer.name = global.name.clone().map(|name| Given::new(name, flag(Key::Name)));
        layer.nickname = global.nickname.clone().map(|nickname| Given::new(nickname, flag(Key::Nickname)));
        layer.context = global.context.clone().map(given(Key::Context));
        layer.session = global.session.clone().map(given(Key::Session));
        layer.timeout = global.timeout.map(|timeout| Given::new(timeout, flag(Key::Timeout)));
        layer.output = global.output.format().map(|format| Given::new(format, flag(Key::Output)));
        layer.color = global.color.map(|color| Given::new(color, flag(Key::Color)));
        Ok(layer)
    }

    /// With what the flags say that concern web applications.
    pub(crate) fn with_api(mut self, flags: &ApiFlags) -> Self {
        let ApiFlags { api, api_key_file } = flags;
        self.api = api.clone().map(|api| Given::new(api, flag(Key::Api)));
        let file = api_key_file.clone().map(SecretSource::File);
        self.api_key = file.map(|file| Given::new(file, flag(Key::ApiSecretFile)));
        self
    }

    /// What the variables say.
    pub(super) fn of_environment(environment: &Environment) -> Result<Self, Failure> {
        // Passed over, it would leave a default in its place.
        if let Some(variable) = environment.unreadable().find(|name| name.starts_with("CONCIERGE_")) {
            return Err(Failure::usage(format!("{variable} is not UTF-8")));
        }
        let mut layer = Self::default();
        for setting in SETTINGS {
            let Some(value) = environment.var(setting.variable) else { continue };
            // The secret itself goes before a file with one.
            let is_there = match setting.key {
                Key::SecretFile => layer.secret.is_some(),
                Key::ApiSecretFile => layer.api_key.is_some(),
                _ => false,
            };
            if is_there {
                continue;
            }
            let written = match setting.key {
                Key::Tags => Written::List(
                    value
                        .split(',')
                        .map(str::trim)
                        .filter(|tag| !tag.is_empty())
                        .map(str::to_owned)
                        .collect(),
                ),
                _ => Written::Text(value.to_owned()),
            };
            let set = layer.set(setting.key, written, &Origin::Variable(setting.variable), None);
            set.map_err(|failure| failure.within(setting.variable))?;
        }
        Ok(layer)
    }

    /// Takes a value. Failures say what is wrong with it, but not where it stands; never do they show a secret.
    pub(super) fn set(
        &mut self,
        key: Key,
        written: Written,
        origin: &Origin,
        home: Option<&Path>,
    ) -> Result<(), Failure> {
        let from = origin.clone();
        match key {
            Key::Url => self.url = Some(Given::new(parse_url(&text(written)?)?, from)),
            Key::Name => self.name = Some(Given::new(named(written)?, from)),
            Key::Nickname => self.nickname = Some(Given::new(named(written)?, from)),
            Key::Tags => self.tags = Some(Given::new(tags(written)?, from)),
            Key::Context => self.context = Some(Given::new(label(written)?, from)),
            Key::Session => self.session = Some(Given::new(label(written)?, from)),
            Key::Timeout => self.timeout = Some(Given::new(span(written)?, from)),
            Key::Output => self.output = Some(Given::new(one_of(&text(written)?)?, from)),
            Key::Color => self.color = Some(Given::new(one_of(&text(written)?)?, from)),
            Key::Api => self.api = Some(Given::new(text(written)?.parse().map_err(Failure::usage)?, from)),
            Key::Secret | Key::SecretFile => {
                let source = secret(key == Key::SecretFile, written, origin, home)?;
                only_one(&mut self.secret, Given::new(source, from), [Key::Secret, Key::SecretFile])?;
            }
            Key::ApiSecret | Key::ApiSecretFile => {
                let source = secret(key == Key::ApiSecretFile, written, origin, home)?;
                only_one(&mut self.api_key, Given::new(source, from), [Key::ApiSecret, Key::ApiSecretFile])?;
            }
        }
        Ok(())
    }

    /// Both: what this one says, and for the rest what the one below says.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            url: self.url.or(below.url),
            name: self.name.or(below.name),
            nickname: self.nickname.or(below.nickname),
            tags: self.tags.or(below.tags),
            secret: self.secret.or(below.secret),
            api: self.api.or(below.api),
            api_key: self.api_key.or(below.api_key),
            context: self.context.or(below.context),
            session: self.session.or(below.session),
            timeout: self.timeout.or(below.timeout),
            output: self.output.or(below.output),
            color: self.color.or(below.color),
        }
    }
}

/// A secret that is written here, or the file that it is in.
fn secret(
    is_file: bool,
    written: Written,
    origin: &Origin,
    home: Option<&Path>,
) -> Result<SecretSource, Failure> {
    let text = text(written)?;
    if is_file {
        return path(&text, origin, home).map(SecretSource::File);
    }
    if text.is_empty() {
        return Err(Failure::usage("the secret is empty"));
    }
    Ok(SecretSource::Text(Secret::new(text)))
}

/// Takes a secret, of which a source gives one.
fn only_one(
    place: &mut Option<Given<SecretSource>>,
    given: Given<SecretSource>,
    keys: [Key; 2],
) -> Result<(), Failure> {
    if place.is_some() {
        let [itself, file] = keys.map(|key| key.setting().name);
        return Err(Failure::usage(format!(
            "there is a secret already: `{itself}` and `{file}` exclude each other"
        )));
    }
    *place = Some(given);
    Ok(())
}

fn flag(key: Key) -> Origin {
    Origin::Flag(key.setting().flag.unwrap_or_default())
}

fn text(written: Written) -> Result<String, Failure> {
    match written {
        Written::Text(text) => Ok(text),
        other => Err(expected("a text in quotes", &other)),
    }
}

fn named<N: FromStr<Err = InvalidName>>(written: Written) -> Result<N, Failure> {
    text(written)?.parse().map_err(|error: InvalidName| Failure::usage(error.to_string()))
}

fn tags(written: Written) -> Result<Tags, Failure> {
    Tags::new(list(written)?).map_err(|error| Failure::usage(error.to_string()))
}

fn list(written: Written) -> Result<Vec<String>, Failure> {
    match written {
        Written::List(texts) => Ok(texts),
        other => Err(expected("a list of texts, such as [\"demo\", \"bot\"]", &other)),
    }
}

fn label(written: Written) -> Result<Label, Failure> {
    text(written)?.parse().map_err(Failure::usage)
}

fn span(written: Written) -> Result<Duration, Failure> {
    match written {
        Written::Text(text) | Written::Number(text) => parse_span(&text).map_err(Failure::usage),
        other => Err(expected("a time span such as \"10s\"", &other)),
    }
}

fn expected(what: &str, written: &Written) -> Failure {
    let found = match written {
        Written::Text(_) => "a text",
        Written::List(_) => "a list",
        Written::Number(_) => "a number",
        Written::Other(name) => name,
    };
    Failure::usage(format!("expected {what}, not {found}"))
}

/// One of a few words.
fn one_of<T: ValueEnum>(text: &str) -> Result<T, Failure> {
    T::from_str(text, false).map_err(|_| {
        let words: Vec<_> = T::value_variants()
            .iter()
            .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()))
            .collect();
        Failure::usage(format!("expected one of {}, not {text:?}", words.join(", ")))
    })
}

/// A path starts from the folder of the file it is written in; `~/` is the home folder there.
fn path(text: &str, origin: &Origin, home: Option<&Path>) -> Result<PathBuf, Failure> {
    if text.is_empty() {
        return Err(Failure::usage("the path is empty"));
    }
    match (origin.folder(), text.strip_prefix("~/"), home) {
        (None, ..) => Ok(text.into()),
        (Some(_), Some(rest), Some(home)) => Ok(home.join(rest)),
        (Some(_), Some(_), None) => Err(Failure::usage("`~` needs the variable HOME")),
        (Some(folder), None, _) => Ok(folder.join(text)),
    }
}
