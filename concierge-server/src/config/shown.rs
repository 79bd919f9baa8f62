//! A configuration as a file would have it, with where each setting comes from.

use super::settings::{SETTINGS, Setting, Shown};
use super::{Config, Source};

impl Config {
    /// Every setting as a TOML file that makes this configuration again, each with where it comes from as a comment. Secrets are
    /// left out, and said to be there.
    ///
    /// ```
    /// use concierge_server::Config;
    /// let config = Config::from_toml("bind = \"127.0.0.1:0\"")?;
    /// let text = config.to_toml();
    /// assert!(text.starts_with("bind = [\"127.0.0.1:0\"]"));
    /// assert_eq!(Config::from_toml(&text)?.bind, config.bind);
    /// # Ok::<(), concierge_server::ConfigError>(())
    /// ```
    #[must_use]
    pub fn to_toml(&self) -> String {
        let lines = SETTINGS.map(|Setting { key, show, .. }| {
            let source = self.source(key);
            match show(self) {
                Shown::Whole(value) => (format!("{key} = {value}"), source.to_string()),
                Shown::Part(value) => {
                    (format!("# {key} = {value}"), format!("secrets are not shown here; {source}"))
                }
                Shown::Nothing if source == Source::Default => (format!("# {key}"), "not set".to_owned()),
                Shown::Nothing => (format!("# {key}"), format!("not shown here; {source}")),
            }
        });
        let width = lines.iter().map(|(setting, _)| setting.len()).filter(|width| *width <= WIDEST).max();
        let width = width.unwrap_or_default();
        lines.map(|(setting, source)| format!("{setting:width$}  # {source}\n")).concat()
    }
}

/// The longest setting that others are aligned with, in bytes.
const WIDEST: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_makes_the_same_configuration_again() {
        let given = "bind = [\"127.0.0.1:1\", \"[::1]:2\"]\nallowed_origins = [\"https://a.example\", \"*\"]\n\
                     limits = { message = 1500, fragments = \"unlimited\", connections = 7 }\n\
                     identify_timeout = \"1500ms\"\nshutdown_timeout = \"0s\"\nheartbeat.timeout = \"2h\"\n\
                     files = { dir = '/x\"y', legacy_key = \"deny\", total_bytes = \"3GiB\" }\nlog.level = \"off\"";
        for text in ["", given] {
            let config = Config::from_toml(text).unwrap();
            let again = Config::from_toml(&config.to_toml()).unwrap();
            let without_origins =
                |config: Config| Config { origins: super::super::Origins::default(), ..config };
            assert_eq!(
                format!("{:?}", without_origins(again)),
                format!("{:?}", without_origins(config)),
                "{text}"
            );
        }
    }

    #[test]
    fn each_setting_has_its_source_and_no_secret_is_shown() {
        let text = Config::from_toml("secret = \"sesame\"\nlimits.message = \"2MiB\"").unwrap().to_toml();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("limits.message").starts_with("limits.message = \"2MiB\" "));
        assert!(line("limits.message").ends_with("# in the configuration"));
        assert!(line("limits.frame").ends_with("# by default"));
        assert!(line("# secret ").ends_with("# not shown here; in the configuration"));
        assert!(line("# secret_file").ends_with("# not set"));
        assert!(!text.contains("sesame"));
    }

    #[test]
    fn reserved_names_are_shown_without_their_secrets() {
        let given =
            "reserved = [{ name = \"chat\", secret = \"sesame\" }, { name = \"bot\", secret = \"sesame\" }]";
        let text = Config::from_toml(given).unwrap().to_toml();
        let line = text.lines().find(|line| line.contains("reserved")).unwrap();
        assert!(line.starts_with("# reserved = [\"chat\", \"bot\"] "), "{line}");
        assert!(line.ends_with("# secrets are not shown here; in the configuration"), "{line}");
        assert!(!text.contains("sesame"));
        Config::from_toml(&text).unwrap();
    }
}
