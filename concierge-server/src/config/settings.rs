//! Every setting there is, by its key: the one table that files, variables, flags and the documentation go by.

use std::path::PathBuf;

use concierge_client::payload::Secret;

use super::Config;
use super::secrets::{read_secret, reserved};
use super::telegraphy::{cookie, read_keys};
use super::value::{Given, Value};

/// A setting.
pub(super) struct Setting {
    /// Its name, as the file has it.
    pub(super) key: &'static str,
    /// Takes over a value; an error completes the sentence "`key` in …: ".
    pub(super) apply: fn(&mut Config, &Given) -> Result<(), String>,
    /// The value that a configuration has.
    pub(super) show: fn(&Config) -> Shown,
}

/// A value as a file would have it.
pub(super) enum Shown {
    /// All of it.
    Whole(toml::Value),
    /// All but its secrets.
    Part(toml::Value),
    /// There is none, or nobody is to see it.
    Nothing,
}

/// A setting whose value is read straight into its place.
macro_rules! setting {
    ($key:literal, $($place:ident).+) => {
        Setting {
            key: $key,
            apply: |config, given| put(&mut config.$($place).+, given),
            show: |config| config.$($place).+.to_toml().map_or(Shown::Nothing, Shown::Whole),
        }
    };
}

/// A part of how a browser keeps its session token.
macro_rules! cookie {
    ($key:literal, $part:ident) => {
        Setting {
            key: $key,
            apply: |config, given| {
                put(&mut config.telegraphy.rules.cookie.get_or_insert_with(cookie).$part, given)
            },
            show: |config| {
                let part = config.telegraphy.rules.cookie.as_ref().and_then(|cookie| cookie.$part.to_toml());
                part.map_or(Shown::Nothing, Shown::Whole)
            },
        }
    };
}

pub(super) const SETTINGS: [Setting; 85] = [
    setting!("bind", bind),
    Setting {
        key: "secret",
        apply: |config, given| Secret::read(given).map(|secret| config.secret = Some(secret)),
        show: |_| Shown::Nothing,
    },
    Setting { key: "secret_file", apply: secret_file, show: |_| Shown::Nothing },
    setting!("allow_anonymous", allow_anonymous),
    Setting {
        key: "reserved",
        apply: |config, given| reserved(given).map(|names| config.reserved = names),
        show: show_reserved,
    },
    setting!("tls.cert_file", tls.cert_file),
    setting!("tls.key_file", tls.key_file),
    setting!("names", names),
    setting!("identify_timeout", identify_timeout),
    setting!("heartbeat.interval", heartbeat.interval),
    setting!("heartbeat.timeout", heartbeat.timeout),
    setting!("shutdown_timeout", shutdown_timeout),
    setting!("limits.name", limits.name),
    setting!("limits.service", limits.service),
    setting!("limits.nickname", limits.nickname),
    setting!("limits.message", limits.message),
    setting!("limits.first_message", limits.first_message),
    setting!("limits.frame", limits.frame),
    setting!("limits.fragments", limits.fragments),
    setting!("limits.subscriptions", limits.subscriptions),
    setting!("limits.services", limits.services),
    setting!("limits.services_total", limits.services_total),
    setting!("limits.messages", limits.messages),
    setting!("limits.bytes", limits.bytes),
    setting!("limits.control_frames", limits.control_frames),
    setting!("limits.outbox_bytes", limits.outbox_bytes),
    setting!("limits.outbox_payloads", limits.outbox_payloads),
    setting!("limits.outbox_total_bytes", limits.outbox_total_bytes),
    setting!("limits.connections", limits.connections),
    setting!("limits.unidentified", limits.unidentified),
    setting!("limits.unidentified_per_address", limits.unidentified_per_address),
    setting!("limits.wrong_secrets", limits.wrong_secrets),
    setting!("head.bytes", head.bytes),
    setting!("head.headers", head.headers),
    setting!("head.timeout", head.timeout),
    setting!("allowed_origins", allowed_origins),
    setting!("allowed_hosts", allowed_hosts),
    setting!("trusted_proxies", trusted_proxies),
    setting!("files.serve", files.serve),
    setting!("files.dir", files.dir),
    setting!("files.legacy_key", files.legacy_key),
    setting!("files.public_read_key", files.public_read_key),
    setting!("files.body_timeout", files.body_timeout),
    setting!("files.reserve", files.reserve),
    setting!("files.file_bytes", files.limits.file_bytes),
    setting!("files.client_bytes", files.limits.client_bytes),
    setting!("files.client_files", files.limits.client_files),
    setting!("files.total_bytes", files.limits.total_bytes),
    setting!("files.client_uploads", files.limits.client_uploads),
    setting!("files.uploads", files.limits.uploads),
    setting!("telegraphy.serve", telegraphy.serve),
    setting!("telegraphy.bind", telegraphy.bind),
    Setting { key: "telegraphy.api_keys_file", apply: api_keys_file, show: |_| Shown::Nothing },
    setting!("telegraphy.store", telegraphy.store),
    setting!("telegraphy.log_max_bytes", telegraphy.log_max_bytes),
    setting!("telegraphy.connect_timeout", telegraphy.connect_timeout),
    setting!("telegraphy.body_timeout", telegraphy.body_timeout),
    setting!("telegraphy.anonymous", telegraphy.rules.anonymous),
    setting!("telegraphy.anonymous_sessions", telegraphy.rules.anonymous_sessions),
    setting!("telegraphy.host", telegraphy.rules.host),
    setting!("telegraphy.conceal_private", telegraphy.rules.conceal_private),
    setting!("telegraphy.unregistered", telegraphy.rules.unregistered),
    setting!("telegraphy.token_ttl", telegraphy.rules.token_ttl),
    setting!("telegraphy.session_ttl", telegraphy.rules.session_ttl),
    setting!("telegraphy.resume_window", telegraphy.rules.resume_window),
    setting!("telegraphy.registry_grace", telegraphy.rules.registry_grace),
    setting!("telegraphy.ping_interval", telegraphy.rules.ping_interval),
    setting!("telegraphy.guaranteed_ttl", telegraphy.rules.guaranteed_ttl),
    setting!("telegraphy.connections_per_user", telegraphy.rules.connections_per_user),
    setting!("telegraphy.sessions_per_owner", telegraphy.rules.sessions_per_owner),
    setting!("telegraphy.sessions_away", telegraphy.rules.sessions_away),
    setting!("telegraphy.subscriptions_per_session", telegraphy.rules.subscriptions_per_session),
    setting!("telegraphy.tokens", telegraphy.rules.tokens),
    setting!("telegraphy.events", telegraphy.rules.events),
    setting!("telegraphy.event_bytes", telegraphy.rules.event_bytes),
    setting!("telegraphy.history", telegraphy.rules.history),
    cookie!("telegraphy.cookie.name", name),
    cookie!("telegraphy.cookie.path", path),
    cookie!("telegraphy.cookie.same_site", same_site),
    cookie!("telegraphy.cookie.secure", secure),
    setting!("metrics.bind", metrics.bind),
    Setting {
        key: "metrics.admin_secret",
        apply: |config, given| Secret::read(given).map(|secret| config.metrics.admin_secret = Some(secret)),
        show: |_| Shown::Nothing,
    },
    Setting { key: "metrics.admin_secret_file", apply: admin_secret_file, show: |_| Shown::Nothing },
    setting!("log.level", log.level),
    setting!("log.format", log.format),
];

fn put<V: Value>(place: &mut V, given: &Given) -> Result<(), String> {
    *place = V::read(given)?;
    Ok(())
}

fn secret_file(config: &mut Config, given: &Given) -> Result<(), String> {
    config.secret = Some(read_secret(&PathBuf::read(given)?)?);
    Ok(())
}

fn admin_secret_file(config: &mut Config, given: &Given) -> Result<(), String> {
    config.metrics.admin_secret = Some(read_secret(&PathBuf::read(given)?)?);
    Ok(())
}

fn api_keys_file(config: &mut Config, given: &Given) -> Result<(), String> {
    config.telegraphy.api_keys = read_keys(&PathBuf::read(given)?)?;
    Ok(())
}

fn show_reserved(config: &Config) -> Shown {
    let names: Vec<_> = config.reserved.iter().map(|reserved| reserved.name.as_str()).collect();
    if names.is_empty() { Shown::Whole(names.into()) } else { Shown::Part(names.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the README's table: key and default.
    fn documented() -> Vec<(&'static str, &'static str)> {
        let readme = include_str!("../../README.md");
        let table = readme.split("| key | default |").nth(1).unwrap().split("\n\n").next().unwrap();
        let cells = |row: &'static str| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            (cells.nth(1).unwrap(), cells.next().unwrap())
        };
        table.lines().skip(2).map(cells).collect()
    }

    #[test]
    fn the_readme_has_every_setting_in_order() {
        let documented: Vec<_> = documented().into_iter().map(|(key, _)| key).collect();
        assert_eq!(documented, SETTINGS.map(|setting| setting.key));
    }

    #[test]
    fn the_defaults_of_the_readme_are_the_defaults() {
        let mut config = Config::default();
        for (key, default) in documented().into_iter().filter(|(_, default)| !default.is_empty()) {
            let table: toml::Table = format!("value = {default}").parse().unwrap();
            let setting = SETTINGS.iter().find(|setting| setting.key == key).unwrap();
            (setting.apply)(&mut config, &Given::Toml(table["value"].clone())).unwrap();
            assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()), "{key}");
        }
    }
}
