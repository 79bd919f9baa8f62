//! Where settings come from, and which source wins: flag, variable, file, default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::Config;
use super::error::{ConfigError, Source};
use super::nearest::nearest;
use super::secrets::{holds_secret, is_open_to_strangers, other_way};
use super::settings::{SETTINGS, Setting};
use super::value::Given;

/// What a variable's name begins with.
const PREFIX: &str = "CONCIERGE_SERVER_";

/// The variable that names the configuration file. It is no setting: a file does not name another.
pub(crate) const CONFIG_VARIABLE: &str = "CONCIERGE_SERVER_CONFIG";

/// The sources of a configuration, from the weakest to the strongest: each one added overrides those before.
///
/// ```
/// use concierge_server::config::Sources;
/// let config = Sources::new()
///     .text("identify_timeout = \"1s\"\nshutdown_timeout = \"1s\"")?
///     .variables([("CONCIERGE_SERVER_IDENTIFY_TIMEOUT".into(), "2s".into())])?
///     .flag("identify_timeout", "3s", "--set")?
///     .resolve()?;
/// assert_eq!((config.identify_timeout.as_secs(), config.shutdown_timeout.as_secs()), (3, 1));
/// # Ok::<(), concierge_server::ConfigError>(())
/// ```
#[derive(Debug, Default)]
pub struct Sources {
    given: BTreeMap<&'static str, (Given, Source)>,
}

/// Where each setting that was given comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins(BTreeMap<&'static str, Source>);

impl Origins {
    pub(super) fn of(&self, key: &str) -> Source {
        self.0.get(key).cloned().unwrap_or_default()
    }
}

impl Sources {
    /// No source: the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a TOML text.
    ///
    /// # Errors
    ///
    /// When it is not TOML or has an unknown key.
    pub fn text(self, text: &str) -> Result<Self, ConfigError> {
        self.toml(text, &Source::Text)
    }

    /// Adds a TOML file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not TOML, has an unknown key, or has a secret that every user of the machine can read.
    pub fn file(self, path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let source = Source::File(path.to_owned());
        let sources = self.toml(&text, &source)?;
        let mut given = sources.given.iter();
        let secret = given
            .find(|(key, (given, origin))| *origin == source && holds_secret(key, given))
            .map(|(key, _)| *key);
        if let Some(key) = secret
            && is_open_to_strangers(&std::fs::metadata(path).map_err(unreadable)?)
        {
            let problem =
                "every user of this machine can read it there: `chmod 600` the file, or use secret_file";
            return Err(ConfigError::Refused { key, origin: source, problem: problem.to_owned() });
        }
        Ok(sources)
    }

    /// Adds the environment variables that are the gateway's; others are passed over.
    ///
    /// # Errors
    ///
    /// When one that begins with `CONCIERGE_SERVER_` names no setting, and is not one of those that a container's
    /// surroundings set for a service that is called `concierge-server`.
    pub fn variables(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let before = std::mem::take(&mut self.given);
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let Some(rest) = name.strip_prefix(PREFIX).filter(|_| name != CONFIG_VARIABLE) else { continue };
            if is_service_link(rest) {
                continue;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            self.give(
                &key,
                Given::Text(value.to_string_lossy().into_owned()),
                &Source::Variable(name.into_owned()),
            )?;
        }
        Ok(self.over(before))
    }

    /// Adds a flag's value. `flag` is how it is called in messages.
    ///
    /// # Errors
    ///
    /// When there is no such setting, or when it has a secret, which would show in the list of processes.
    pub fn flag(mut self, key: &str, value: &str, flag: &str) -> Result<Self, ConfigError> {
        let source = Source::Flag(flag.to_owned());
        let given = Given::Text(value.to_owned());
        if let Some(Setting { key, .. }) = SETTINGS.iter().find(|setting| setting.key == key)
            && holds_secret(key, &given)
        {
            let file = other_way(key).unwrap_or("secret_file");
            let variable = key.to_ascii_uppercase().replace('.', "__");
            let problem = format!(
                "a command line shows in the list of processes: use {file}, or the variable {PREFIX}{variable}"
            );
            return Err(ConfigError::Refused { key, origin: source, problem });
        }
        if let Some(other) = other_way(key) {
            self.given.remove(other);
        }
        self.give(key, given, &source)?;
        Ok(self)
    }

    /// Makes of them a configuration that is safe and does not contradict itself.
    ///
    /// # Errors
    ///
    /// When a value is not one of its setting's, or the whole is refused.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        for Setting { key, apply, .. } in SETTINGS {
            if let Some((given, source)) = self.given.get(key) {
                let invalid = |problem| ConfigError::InvalidValue { key, origin: source.clone(), problem };
                apply(&mut config, given).map_err(invalid)?;
            }
        }
        if !self.given.contains_key("limits.first_message") {
            // Whoever lowers the one need not know of the other.
            config.limits.first_message = config.limits.first_message.min(config.limits.message);
        }
        config.origins = Origins(self.given.into_iter().map(|(key, (_, source))| (key, source)).collect());
        config.check()?;
        Ok(config)
    }

    fn toml(mut self, text: &str, source: &Source) -> Result<Self, ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            origin: source.clone(),
            line: error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |read| read.matches('\n').count() + 1),
            problem: error.message().to_owned(),
        })?;
        let before = std::mem::take(&mut self.given);
        self.flatten("", table, source)?;
        Ok(self.over(before))
    }

    fn flatten(&mut self, prefix: &str, table: toml::Table, source: &Source) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{name}");
            match value {
                toml::Value::Table(inner) if !is_setting(&key) => {
                    self.flatten(&format!("{key}."), inner, source)?;
                }
                value => self.give(&key, Given::Toml(value), source)?,
            }
        }
        Ok(())
    }

    fn give(&mut self, key: &str, value: Given, source: &Source) -> Result<(), ConfigError> {
        let keys = || SETTINGS.iter().map(|setting| setting.key);
        let Some(known) = keys().find(|known| *known == key) else {
            let nearest = nearest(key, keys());
            return Err(ConfigError::UnknownKey { key: key.to_owned(), origin: source.clone(), nearest });
        };
        if let Some(other) = other_way(known)
            && self.given.contains_key(other)
        {
            let problem = format!("given together with `{other}`: leave one of them out");
            return Err(ConfigError::Refused { key: known, origin: source.clone(), problem });
        }
        self.given.insert(known, (value, source.clone()));
        Ok(())
    }

    /// Lays these sources over weaker ones. Two ways to give the secret are one setting.
    fn over(mut self, mut weaker: BTreeMap<&'static str, (Given, Source)>) -> Self {
        weaker.retain(|key, _| other_way(key).is_none_or(|other| !self.given.contains_key(other)));
        weaker.append(&mut self.given);
        Self { given: weaker }
    }
}

fn is_setting(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key == key)
}

/// Whether a variable, without the prefix, tells a container of a service named `concierge-server`: `PORT`,
/// `PORT_64209_TCP`, `SERVICE_HOST`. Kubernetes and Docker's links set them unasked.
fn is_service_link(rest: &str) -> bool {
    ["PORT", "SERVICE_HOST", "SERVICE_PORT"].iter().any(|link| {
        rest.strip_prefix(link).is_some_and(|detail| detail.is_empty() || detail.starts_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refusal(sources: Result<Sources, ConfigError>) -> String {
        sources.and_then(Sources::resolve).unwrap_err().to_string()
    }

    /// A file of this test's own, with that mode.
    fn file(name: &str, text: &str, mode: u32) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("concierge-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn variable(name: &str, value: &str) -> [(OsString, OsString); 1] {
        [(name.into(), value.into())]
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let sources = || {
            Sources::new()
                .text("limits.services = 1\nlimits.subscriptions = 1\nlimits.fragments = 1")
                .unwrap()
        };
        let with_variables = sources()
            .variables([
                ("CONCIERGE_SERVER_LIMITS__SERVICES".into(), "2".into()),
                ("CONCIERGE_SERVER_LIMITS__SUBSCRIPTIONS".into(), "2".into()),
                ("PATH".into(), "/bin".into()),
            ])
            .unwrap();
        let config = with_variables.flag("limits.services", "3", "--set").unwrap().resolve().unwrap();
        let limits = config.limits;
        assert_eq!((limits.services, limits.subscriptions, limits.fragments), (Some(3), Some(2), Some(1)));
        assert_eq!(config.source("limits.services"), Source::Flag("--set".to_owned()));
        assert_eq!(config.source("limits.fragments"), Source::Text);
        assert_eq!(config.source("limits.message"), Source::Default);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_source_and_the_nearest_one() {
        assert_eq!(
            refusal(Sources::new().text("[limits]\nmesage = 1")),
            "unknown key `limits.mesage` in the configuration; did you mean `limits.message`?"
        );
        assert_eq!(
            refusal(Sources::new().variables(variable("CONCIERGE_SERVER_BIN", "x"))),
            "unknown key `bin` in the variable CONCIERGE_SERVER_BIN; did you mean `bind`?"
        );
        assert_eq!(
            refusal(Sources::new().flag("xyzzy", "x", "--set")),
            "unknown key `xyzzy` in the flag --set"
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_source_and_what_was_expected() {
        assert_eq!(
            refusal(Sources::new().variables(variable("CONCIERGE_SERVER_HEARTBEAT__INTERVAL", "5"))),
            "`heartbeat.interval` in the variable CONCIERGE_SERVER_HEARTBEAT__INTERVAL: expected a duration with its \
             unit, such as \"5s\", \"300ms\" or \"2m\""
        );
        assert!(refusal(Sources::new().text("bind = 64209")).contains("expected addresses with a port"));
        assert!(refusal(Sources::new().text("bind = { a = 1 }")).contains("expected addresses with a port"));
        assert!(refusal(Sources::new().text("limits = 3")).contains("unknown key `limits`"));
    }

    #[test]
    fn what_is_not_toml_is_refused_with_its_line() {
        let message = refusal(Sources::new().text("bind = \"127.0.0.1:0\"\nnames = "));
        assert!(message.starts_with("not TOML in the configuration, line 2: "), "{message}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let message = refusal(Sources::new().file(Path::new("/nowhere/gateway.toml")));
        assert_eq!(message, "cannot read the configuration file /nowhere/gateway.toml");
    }

    #[test]
    fn a_secret_never_comes_from_the_command_line() {
        assert!(refusal(Sources::new().flag("secret", "sesame", "--set")).contains("list of processes"));
    }

    #[test]
    fn a_secret_file_strangers_can_read_is_refused() {
        let open = file("open-secret", "sesame\n", 0o644);
        let message = refusal(Sources::new().flag("secret_file", open.to_str().unwrap(), "--secret-file"));
        std::fs::remove_file(&open).unwrap();
        assert!(message.contains("`chmod 600` it"), "{message}");
    }

    #[test]
    fn a_secret_file_is_read_without_its_last_newline() {
        let private = file("secret", "open sesame\n", 0o600);
        let sources = Sources::new().text("secret = \"weaker\"").unwrap();
        let config =
            sources.flag("secret_file", private.to_str().unwrap(), "--secret-file").unwrap().resolve();
        std::fs::remove_file(&private).unwrap();
        assert_eq!(config.unwrap().secret.unwrap().reveal(), "open sesame");
    }

    #[test]
    fn an_empty_secret_file_is_refused() {
        let empty = file("empty-secret", "\n", 0o600);
        let message = refusal(Sources::new().flag("secret_file", empty.to_str().unwrap(), "--secret-file"));
        std::fs::remove_file(&empty).unwrap();
        assert!(message.ends_with("is empty: write the secret into it"), "{message}");
    }

    #[test]
    fn a_secret_in_a_file_strangers_can_read_is_refused() {
        let open = file("open.toml", "secret = \"sesame\"\n", 0o644);
        let message = refusal(Sources::new().file(&open));
        std::fs::remove_file(&open).unwrap();
        assert!(message.contains("every user of this machine"), "{message}");
    }

    #[test]
    fn the_secret_and_its_file_in_one_place_contradict_each_other() {
        let message = refusal(Sources::new().text("secret = \"a\"\nsecret_file = \"/b\""));
        assert!(message.contains("leave one of them out"), "{message}");
    }

    #[test]
    fn a_stronger_source_replaces_the_secret_of_a_weaker_one() {
        let sources = Sources::new().text("secret_file = \"/nowhere\"").unwrap();
        let config =
            sources.variables(variable("CONCIERGE_SERVER_SECRET", "sesame")).unwrap().resolve().unwrap();
        assert_eq!(config.secret.as_ref().unwrap().reveal(), "sesame");
        assert!(!format!("{config:?}").contains("sesame"), "a secret shows in {config:?}");
    }

    #[test]
    fn the_default_for_the_first_message_is_never_over_that_for_all() {
        let config = Sources::default().text("limits.message = 2048").and_then(Sources::resolve).unwrap();
        assert_eq!((config.limits.message, config.limits.first_message), (2048, 2048));
    }

    #[test]
    fn what_a_container_is_told_of_its_service_is_no_setting() {
        for name in ["PORT", "PORT_64209_TCP_ADDR", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_WS"] {
            let variables = variable(&format!("CONCIERGE_SERVER_{name}"), "tcp://10.0.0.1:64209");
            assert!(Sources::default().variables(variables).is_ok(), "{name}");
        }
        assert!(Sources::default().variables(variable("CONCIERGE_SERVER_PORTS", "1")).is_err());
    }
}
