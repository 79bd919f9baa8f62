//! What each setting is and where it comes from, as `config explain` and `--verbose` tell it. A secret is only said to be set.

use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;

use super::{
    Settings,
    keys::{Key, SETTINGS, Setting},
    layer::Layer,
    origin::{Given, Origin},
    secret::{Choice, SecretSource},
};

/// A setting, its value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explained {
    /// Which one it is.
    pub setting: &'static Setting,
    /// Its values: none when nobody gave one and there is no default, several for tags.
    pub values: Vec<String>,
    /// Where they come from.
    pub origin: Origin,
    /// What else there is to say.
    pub remark: Option<String>,
}

impl Settings {
    /// Every setting.
    pub(crate) fn explain(&self) -> Vec<Explained> {
        SETTINGS.iter().filter_map(|setting| self.explain_one(setting)).collect()
    }

    fn explain_one(&self, setting: &'static Setting) -> Option<Explained> {
        let told = |(values, origin)| Explained { setting, values, origin, remark: None };
        match setting.key {
            // Both are one setting; it is told where it was given.
            Key::Secret | Key::SecretFile => {
                let Choice { sent, withheld } = self.resolved.choice.clone();
                explain_secret(setting, [Key::Secret, Key::SecretFile], sent, withheld)
            }
            Key::ApiSecret | Key::ApiSecretFile => {
                let Choice { sent, withheld } = self.api_key();
                let sent = sent.or_else(|| self.idle_api_key().cloned());
                explain_secret(setting, [Key::ApiSecret, Key::ApiSecretFile], sent, withheld)
            }
            key => Some(told(values(&self.resolved.layer, key).unwrap_or_else(|| {
                let has_default = matches!(key, Key::Url | Key::Timeout | Key::Output | Key::Color);
                (has_default.then(|| setting.default.to_owned()).into_iter().collect(), Origin::Default)
            }))),
        }
    }
}

/// A secret, if it was given as this one of its two settings; where it was not, as the first.
fn explain_secret(
    setting: &'static Setting,
    [itself, file]: [Key; 2],
    sent: Option<Given<SecretSource>>,
    withheld: Option<(Given<SecretSource>, String)>,
) -> Option<Explained> {
    let (secret, remark) = match (sent, withheld) {
        (Some(sent), _) => (Some(sent), None),
        (None, Some((secret, why))) => (Some(secret), Some(why)),
        (None, None) => (None, None),
    };
    let key = match secret.as_ref().map(|secret| &secret.value) {
        Some(SecretSource::File(_)) => file,
        _ => itself,
    };
    if key != setting.key {
        return None;
    }
    let values = secret.as_ref().map(|secret| match &secret.value {
        SecretSource::File(path) => path.display().to_string(),
        SecretSource::Asked => "asked for".to_owned(),
        SecretSource::Text(_) => "set".to_owned(),
    });
    let origin = secret.map_or(Origin::Default, |secret| secret.origin);
    Some(Explained { setting, values: values.into_iter().collect(), origin, remark })
}

/// What a layer says about a setting, but for the secret.
pub(crate) fn values(layer: &Layer, key: Key) -> Option<(Vec<String>, Origin)> {
    fn told<T>(given: Option<&Given<T>>, text: impl Fn(&T) -> String) -> Option<(Vec<String>, Origin)> {
        given.map(|given| (vec![text(&given.value)], given.origin.clone()))
    }
    match key {
        Key::Url => told(layer.url.as_ref(), ToString::to_string),
        Key::Name => told(layer.name.as_ref(), ToString::to_string),
        Key::Nickname => told(layer.nickname.as_ref(), ToString::to_string),
        Key::Tags => layer.tags.as_ref().map(|tags| {
            (tags.value.iter().map(|tag| tag.as_str().to_owned()).collect(), tags.origin.clone())
        }),
        Key::Context => told(layer.context.as_ref(), ToString::to_string),
        Key::Session => told(layer.session.as_ref(), ToString::to_string),
        Key::Timeout => told(layer.timeout.as_ref(), |timeout| span_text(*timeout)),
        Key::Output => told(layer.output.as_ref(), word),
        Key::Color => told(layer.color.as_ref(), word),
        Key::Api => told(layer.api.as_ref(), ToString::to_string),
        Key::Secret | Key::SecretFile | Key::ApiSecret | Key::ApiSecretFile => None,
    }
}

fn word<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A time span as it can be written.
pub(super) fn span_text(span: Duration) -> String {
    match SignedDuration::try_from(span) {
        Ok(span) => format!("{span:#}"),
        Err(_) => span.as_secs().to_string(),
    }
}
