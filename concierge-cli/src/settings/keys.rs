//! Which settings there are: one table, which files and variables are read by, `config explain` shows, and help and README tell.

use std::fmt::Write as _;

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The gateway.
    Url,
    /// The name to join under.
    Name,
    /// How this client is shown to people.
    Nickname,
    /// Words about this client.
    Tags,
    /// The gateway's secret.
    Secret,
    /// Where the gateway's secret is.
    SecretFile,
    /// Where the gateway is asked by web applications.
    Api,
    /// The key of a web application.
    ApiSecret,
    /// Where the key of a web application is.
    ApiSecretFile,
    /// The context that is used.
    Context,
    /// The session of `concierge hold` that commands run on.
    Session,
    /// How long connecting, and each answer, may take.
    Timeout,
    /// How results are written.
    Output,
    /// When to colour.
    Color,
}

/// Where a setting may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In both files and in contexts.
    Everywhere,
    /// In both files, but not in a context.
    NoContext,
    /// In the user file and its contexts: a project file may come from anywhere.
    UserFile,
    /// In contexts alone, so that it belongs to one gateway.
    Contexts,
}

/// What there is to know about a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Which one it is.
    pub key: Key,
    /// What it is called in a file.
    pub name: &'static str,
    /// Its flag, where there is one.
    pub flag: Option<&'static str>,
    /// Its variable.
    pub variable: &'static str,
    /// What holds when nobody says anything.
    pub default: &'static str,
    /// Where it may be written.
    pub scope: Scope,
    /// What it says.
    pub about: &'static str,
}

/// Every setting, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: Key::Url,
        name: "url",
        flag: Some("--url"),
        variable: "CONCIERGE_URL",
        default: "ws://127.0.0.1:64209/ws",
        scope: Scope::Everywhere,
        about: "the gateway",
    },
    Setting {
        key: Key::Name,
        name: "name",
        flag: Some("--name"),
        variable: "CONCIERGE_NAME",
        default: "cli_ and 8 digits; in the REPL the login name",
        scope: Scope::Everywhere,
        about: "the name to join under",
    },
    Setting {
        key: Key::Nickname,
        name: "nickname",
        flag: Some("--nickname"),
        variable: "CONCIERGE_NICKNAME",
        default: "none",
        scope: Scope::Everywhere,
        about: "how this client is shown to people",
    },
    Setting {
        key: Key::Tags,
        name: "tags",
        flag: Some("--tag"),
        variable: "CONCIERGE_TAGS",
        default: "none",
        scope: Scope::Everywhere,
        about: "words about this client, with commas between",
    },
    Setting {
        key: Key::Secret,
        name: "secret",
        flag: Some("--ask-secret"),
        variable: "CONCIERGE_SECRET",
        default: "none",
        scope: Scope::Contexts,
        about: "the gateway's secret",
    },
    Setting {
        key: Key::SecretFile,
        name: "secret_file",
        flag: Some("--secret-file"),
        variable: "CONCIERGE_SECRET_FILE",
        default: "none",
        scope: Scope::UserFile,
        about: "a file with the secret, yours alone",
    },
    Setting {
        key: Key::Api,
        name: "api",
        flag: Some("--api"),
        variable: "CONCIERGE_API",
        default: "none; in the REPL that of its own gateway",
        scope: Scope::Everywhere,
        about: "where `event` asks the gateway",
    },
    Setting {
        key: Key::ApiSecret,
        name: "api_key",
        flag: None,
        variable: "CONCIERGE_API_KEY",
        default: "none; in the REPL that of its own gateway",
        scope: Scope::Contexts,
        about: "the key that it asks with",
    },
    Setting {
        key: Key::ApiSecretFile,
        name: "api_key_file",
        flag: Some("--api-key-file"),
        variable: "CONCIERGE_API_KEY_FILE",
        default: "none",
        scope: Scope::UserFile,
        about: "a file with that key, yours alone",
    },
    Setting {
        key: Key::Context,
        name: "context",
        flag: Some("--context"),
        variable: "CONCIERGE_CONTEXT",
        default: "none",
        scope: Scope::NoContext,
        about: "which of the user file's contexts is used",
    },
    Setting {
        key: Key::Session,
        name: "session",
        flag: Some("--session"),
        variable: "CONCIERGE_SESSION",
        default: "none",
        scope: Scope::Everywhere,
        about: "the session of `concierge hold` to run on",
    },
    Setting {
        key: Key::Timeout,
        name: "timeout",
        flag: Some("--timeout"),
        variable: "CONCIERGE_TIMEOUT",
        default: "10s",
        scope: Scope::Everywhere,
        about: "how long connecting or an answer may take",
    },
    Setting {
        key: Key::Output,
        name: "output",
        flag: Some("--output"),
        variable: "CONCIERGE_OUTPUT",
        default: "human",
        scope: Scope::Everywhere,
        about: "human, json, ndjson, tsv or raw",
    },
    Setting {
        key: Key::Color,
        name: "color",
        flag: Some("--color"),
        variable: "CONCIERGE_COLOR",
        default: "auto",
        scope: Scope::Everywhere,
        about: "colours: auto, always or never",
    },
];

/// What `context use` remembers for `context use -`. No setting: nothing else reads it.
pub(super) const PREVIOUS: &str = "previous_context";

/// The table of contexts in the user file.
pub(super) const CONTEXTS: &str = "contexts";

impl Key {
    /// What there is to know about it.
    pub(crate) fn setting(self) -> &'static Setting {
        SETTINGS.iter().find(|setting| setting.key == self).expect("every key has its line in the table")
    }
}

/// The settings as a table for a help page: what each is called in a file, as a variable and as a flag, its default, and what it
/// says.
pub(crate) fn reference() -> String {
    let width = |text: fn(&Setting) -> &str| SETTINGS.iter().map(|setting| text(setting).len()).max();
    let names = width(|setting| setting.name).unwrap_or_default();
    let variables = width(|setting| setting.variable).unwrap_or_default();
    let flags = width(|setting| setting.flag.unwrap_or_default()).unwrap_or_default();
    let mut text = String::new();
    for setting in SETTINGS {
        let Setting { name, variable, about, .. } = setting;
        let flag = setting.flag.unwrap_or_default();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {name:names$}  {variable:variables$}  {flag:flags$}  {about}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_and_flag_is_called_as_its_setting() {
        for setting in SETTINGS {
            assert_eq!(setting.variable, format!("CONCIERGE_{}", setting.name.to_uppercase()));
            assert_eq!(setting.key.setting().name, setting.name);
            assert!(reference().contains(&format!("  {} ", setting.name)), "{}", setting.name);
        }
    }
}
