//! Settings: what the flags, the environment, the project file, the user file and the defaults come to, each value with its origin.
//!
//! [`Settings`] is what the rest of the program sees. How the sources rank is decided in `resolve`, which secret may be sent where
//! in `secret`; both are pure. Nothing here connects, and nothing but `store` writes.

mod api;
mod ask;
mod contexts;
mod explain;
mod file;
mod keys;
mod label;
mod layer;
mod origin;
mod places;
mod resolve;
mod secret;
mod store;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use api::{ApiFlags, no_api};
pub(crate) use ask::ask;
pub(crate) use contexts::{ContextShown, Contexts, add, choose, remove};
pub(crate) use explain::{Explained, values};
pub(crate) use keys::{Key, SETTINGS, reference};
pub(crate) use label::Label;
pub(crate) use layer::Layer;
pub(crate) use origin::{Given, Origin};
pub(crate) use places::Places;
pub(crate) use secret::{SecretSource, read_whole};
pub(crate) use store::replace as replace_private;

use std::{path::PathBuf, sync::Arc, time::Duration};

use concierge_client::{
    GatewayUrl,
    payload::{ClientName, Nickname, Secret, Tags},
};

use self::{
    file::Parsed,
    resolve::{Resolved, Sources, resolve},
    secret::read_secret,
    store::first,
    url::default_url,
};
use crate::{
    args::Global,
    console::Environment,
    failure::Failure,
    output::{ColorChoice, Format},
    suggest::nearest,
};

/// How long connecting, and each answer, may take unless something else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the command works with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The gateway, when one was named.
    pub url: Option<GatewayUrl>,
    /// The name to join under, when one was given.
    pub name: Option<ClientName>,
    /// How this client is shown to people.
    pub nickname: Option<Nickname>,
    /// Words about this client.
    pub tags: Tags,
    /// The held session that commands run on.
    pub session: Option<Label>,
    /// How long connecting, and each answer, may take.
    pub timeout: Duration,
    /// How results are written.
    pub output: Format,
    /// When to colour.
    pub color: ColorChoice,
    resolved: Arc<Resolved>,
    asked: Option<Secret>,
    notes: Vec<String>,
    source: Arc<Source>,
}

/// What settings are made of, to make them again when a file has changed.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The flags.
    pub global: Global,
    /// The variables, and where the files are.
    pub environment: Environment,
}

impl Settings {
    /// What they are made of.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The gateway to connect to when none was named.
    pub(crate) fn url_or_default(&self) -> GatewayUrl {
        self.url.clone().unwrap_or_else(default_url)
    }

    /// The secret for a gateway: none for any but the one that these settings name, as it was decided for that one.
    pub(crate) fn secret_for(&self, url: &GatewayUrl) -> Result<Option<Secret>, Failure> {
        if *url != self.url_or_default() {
            return Ok(None);
        }
        match self.resolved.choice.sent.as_ref().map(|secret| &secret.value) {
            None => Ok(None),
            Some(SecretSource::Text(secret)) => Ok(Some(secret.clone())),
            Some(SecretSource::File(path)) => read_secret(path).map(Some),
            Some(SecretSource::Asked) => Ok(self.asked.clone()),
        }
    }

    /// Whether there is a secret for a gateway.
    pub(crate) fn sends_secret(&self, url: &GatewayUrl) -> bool {
        self.resolved.choice.sent.is_some() && *url == self.url_or_default()
    }

    /// Why a secret that was given is not sent to a gateway.
    pub(crate) fn withheld_secret(&self, url: &GatewayUrl) -> Option<&str> {
        let (_, why) = self.resolved.choice.withheld.as_ref().filter(|_| *url == self.url_or_default())?;
        Some(why)
    }

    /// Whether somebody has to be asked for the secret.
    pub(crate) fn asks_for_secret(&self) -> bool {
        self.resolved.choice.sent.as_ref().is_some_and(|secret| secret.value == SecretSource::Asked)
    }

    /// With the secret that somebody was asked for.
    pub(crate) fn answer_secret(&mut self, secret: Secret) {
        self.asked = Some(secret);
    }

    /// The context that is used, and what chose it.
    pub(crate) fn context_given(&self) -> Option<&Given<Label>> {
        self.resolved.layer.context.as_ref()
    }

    /// What was noticed by the way, and is for whoever runs the command.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where the REPL keeps what was typed: a file for each context, and without one for each gateway.
    pub(crate) fn history_file(&self, place: &str) -> Option<PathBuf> {
        let context = self.resolved.layer.url.as_ref().and_then(|url| match &url.origin {
            Origin::Context(name, _) => Some(name.as_str()),
            _ => None,
        });
        Places::of(&self.source.environment).history(context.unwrap_or(place))
    }
}

impl Source {
    /// The settings as the files have them now.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let places = Places::of(&self.environment);
        let mut notes = Vec::new();
        let project = match places.project() {
            Some(file) if file.foreign => {
                let path = file.path.display();
                notes.push(format!("{path} belongs to another user, and is not read"));
                Parsed::default()
            }
            Some(file) => places.read_project(&file).map_err(first)?,
            None => Parsed::default(),
        };
        let resolved = resolve(Sources {
            flags: Layer::of_flags(&self.global)?,
            environment: Layer::of_environment(&self.environment)?,
            project,
            user: places.read_user().map_err(first)?,
            no_color: self.environment.var("NO_COLOR").is_some(),
        })?;
        let layer = &resolved.layer;
        Ok(Settings {
            url: layer.url.as_ref().map(value),
            name: layer.name.as_ref().map(value),
            nickname: layer.nickname.as_ref().map(value),
            tags: layer.tags.as_ref().map(value).unwrap_or_default(),
            session: layer.session.as_ref().map(value),
            timeout: layer.timeout.as_ref().map_or(DEFAULT_TIMEOUT, value),
            output: layer.output.as_ref().map(value).unwrap_or_default(),
            color: layer.color.as_ref().map(value).unwrap_or_default(),
            resolved: Arc::new(resolved),
            asked: None,
            notes,
            source: Arc::new(self.clone()),
        })
    }

    /// Everything that is wrong with the files and the variables.
    pub(crate) fn check(&self) -> Vec<Failure> {
        let places = Places::of(&self.environment);
        let mut failures = Vec::new();
        if let Some(file) = places.project().filter(|file| !file.foreign) {
            failures.extend(places.read_project(&file).err().unwrap_or_default());
        }
        failures.extend(places.read_user().err().unwrap_or_default());
        failures.extend(Layer::of_environment(&self.environment).err());
        if failures.is_empty() {
            failures.extend(self.settings().err());
        }
        failures
    }

    /// Variables that look like this command's own, and are not.
    pub(crate) fn unknown_variables(&self) -> Vec<String> {
        let own = SETTINGS.iter().map(|setting| setting.variable);
        let suspects = self.environment.names().filter(|name| {
            name.starts_with("CONCIERGE_")
                && !name.starts_with("CONCIERGE_SERVER_")
                && !own.clone().any(|own| own == *name)
        });
        let told = suspects.filter_map(|name| {
            // Compared without what all have in common, which would make everything alike.
            let short = |variable: &'static str| variable.strip_prefix("CONCIERGE_").unwrap_or(variable);
            let meant = nearest(name.strip_prefix("CONCIERGE_")?, own.clone().map(short))?;
            Some(format!("the variable {name} is not read: did you mean CONCIERGE_{meant}?"))
        });
        told.collect()
    }

    /// The values of the command line alone: what `context add` keeps.
    pub(crate) fn flags(&self) -> Result<Layer, Failure> {
        Layer::of_flags(&self.global)
    }

    /// How results are written, as far as flags and variables tell it.
    pub(crate) fn format(&self) -> Format {
        let variables = Layer::of_environment(&self.environment).ok().and_then(|layer| layer.output);
        self.global.output.format().or(variables.map(|output| output.value)).unwrap_or_default()
    }
}

fn value<T: Clone>(given: &Given<T>) -> T {
    given.value.clone()
}
