//! What a gateway can be told about Telegraphy, the events of web applications.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use concierge_client::payload::Secret;
use concierge_client::telegraphy::Cookie;

use super::Config;
use super::bind::BindAddress;
use super::secrets::private_lines;
use crate::events::Settings;

/// The events of web applications: the clients' side, at `/telegraphy/ws` and by a subprotocol at `/ws`, and the web applications', on a
/// listener of its own.
///
/// A program that embeds a gateway hands it its keys as they are; without a `store`, everything is kept in memory.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use concierge_client::Secret;
/// use concierge_server::{Config, Server};
///
/// let mut config = Config::from_toml("bind = \"127.0.0.1:0\"")?;
/// config.telegraphy.bind = vec!["127.0.0.1:0".parse()?];
/// config.telegraphy.api_keys = vec![Secret::new("a_key_that_nobody_can_guess")];
/// let server = Server::bind(config).await?;
/// println!("web applications ask at http://{}", server.api_addresses()[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Telegraphy {
    /// Whether clients can connect.
    pub serve: bool,
    /// Where to listen for web applications. Nowhere as long as there is no key.
    pub bind: Vec<BindAddress>,
    /// The keys of the web applications. How hard those are to guess that a program hands it is that program's business.
    pub api_keys: Vec<Secret>,
    /// The file in which is kept what survives a restart, of this gateway alone. Without one it is in memory, and nothing does.
    pub store: Option<PathBuf>,
    /// How much the logs of guaranteed events may hold, in bytes.
    pub log_max_bytes: u64,
    /// How long a connection may take to say `CONNECT` or `RECONNECT`.
    pub connect_timeout: Duration,
    /// How long the body of a web application's request may take to arrive.
    pub body_timeout: Duration,
    /// The rules of sessions, subscriptions and events.
    pub rules: Settings,
}

impl Default for Telegraphy {
    fn default() -> Self {
        Self {
            serve: true,
            bind: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)).into()],
            api_keys: Vec::new(),
            store: None,
            log_max_bytes: 1 << 30,
            connect_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            rules: Settings { cookie: Some(cookie()), ..Settings::default() },
        }
    }
}

/// An outbox has room for so many of the largest events: who is sent a few is not slow.
const EVENTS_IN_AN_OUTBOX: usize = 4;

impl Telegraphy {
    /// Whether web applications can ask anything.
    pub fn is_open(&self) -> bool {
        self.serve && !self.api_keys.is_empty()
    }

    /// The rules where an outbox has this room: what nobody said fits into it.
    pub(crate) fn rules_within(&self, outbox_bytes: usize) -> Settings {
        let event_bytes = self.rules.event_bytes.min(outbox_bytes / EVENTS_IN_AN_OUTBOX);
        Settings { event_bytes, ..self.rules.clone() }
    }
}

/// How a browser keeps its session token, if nobody says otherwise.
pub(super) fn cookie() -> Cookie {
    Cookie {
        name: "telegraphy_session".to_owned(),
        path: "/".to_owned(),
        same_site: "Lax".to_owned(),
        secure: true,
    }
}

/// The shortest key of a web application: whoever guesses one can publish.
const SHORTEST_KEY: usize = 16;

/// The keys in a file that strangers cannot read: one a line, and lines that begin with `#` are comments.
pub(super) fn read_keys(path: &Path) -> Result<Vec<Secret>, String> {
    let shown = path.display();
    let lines = private_lines(path)?;
    let keys: Vec<_> = lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Secret::new)
        .collect();
    if keys.is_empty() {
        return Err(format!("{shown} has no key: write one on a line of its own"));
    }
    if keys.iter().any(|key| key.reveal().len() < SHORTEST_KEY) {
        return Err(format!(
            "{shown} has a key that is too easy to guess: give {SHORTEST_KEY} characters or more"
        ));
    }
    if keys.iter().any(|key| !key.reveal().bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(format!(
            "{shown} has a key that no header can carry: give ASCII letters, digits and signs"
        ));
    }
    Ok(keys)
}

/// What is wrong, and under which key.
pub(super) fn problem(config: &Config) -> Option<(&'static str, String)> {
    let telegraphy = &config.telegraphy;
    if telegraphy.api_keys.is_empty() && ![Telegraphy::default().bind, Vec::new()].contains(&telegraphy.bind)
    {
        let problem = "without a key nobody may ask anything there: set telegraphy.api_keys_file too";
        return Some(("telegraphy.bind", problem.to_owned()));
    }
    if !telegraphy.api_keys.is_empty() && telegraphy.bind.is_empty() {
        let problem = "no address to listen on: give one, such as \"127.0.0.1:4000\"";
        return Some(("telegraphy.bind", problem.to_owned()));
    }
    let rules = &telegraphy.rules;
    let durations = [
        ("telegraphy.connect_timeout", telegraphy.connect_timeout),
        ("telegraphy.body_timeout", telegraphy.body_timeout),
        ("telegraphy.ping_interval", rules.ping_interval),
        ("telegraphy.token_ttl", rules.token_ttl),
        ("telegraphy.session_ttl", rules.session_ttl),
    ];
    // Told in whole seconds.
    if let Some((key, _)) = durations.iter().find(|(_, duration)| *duration < Duration::from_secs(1)) {
        return Some((*key, "nobody can be that fast: give at least \"1s\"".to_owned()));
    }
    let counts = [
        ("telegraphy.connections_per_user", rules.connections_per_user),
        ("telegraphy.sessions_per_owner", rules.sessions_per_owner),
        ("telegraphy.subscriptions_per_session", rules.subscriptions_per_session),
        ("telegraphy.tokens", rules.tokens),
        ("telegraphy.events", rules.events),
        ("telegraphy.history", usize::try_from(rules.history).unwrap_or(usize::MAX)),
    ];
    if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return Some((*key, "0 would leave nothing to anybody: give at least 1".to_owned()));
    }
    let most = config.limits.outbox_bytes / EVENTS_IN_AN_OUTBOX;
    if rules.event_bytes > most && rules.event_bytes != Settings::default().event_bytes {
        let problem = format!(
            "{} is more than a quarter of limits.outbox_bytes, {most}: who is sent a few would be too slow",
            rules.event_bytes
        );
        return Some(("telegraphy.event_bytes", problem));
    }
    rules.cookie.as_ref().and_then(problem_of_cookie)
}

fn problem_of_cookie(cookie: &Cookie) -> Option<(&'static str, String)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if cookie.name.is_empty() || !cookie.name.bytes().all(is_name) {
        let problem = format!("{:?} is no name of a cookie: give letters, digits and _", cookie.name);
        return Some(("telegraphy.cookie.name", problem));
    }
    if !cookie.path.starts_with('/') || cookie.path.contains([';', '\r', '\n']) {
        let problem = format!("{:?} is no path of a cookie: give one such as \"/\"", cookie.path);
        return Some(("telegraphy.cookie.path", problem));
    }
    if !["Strict", "Lax", "None"].contains(&cookie.same_site.as_str()) {
        let problem = format!("{:?} is none of \"Strict\", \"Lax\" and \"None\"", cookie.same_site);
        return Some(("telegraphy.cookie.same_site", problem));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn keys(text: &str) -> Result<Vec<String>, String> {
        // Nobody else can read what `tempfile` makes.
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let shown = file.path().display().to_string();
        let keys = read_keys(file.path()).map_err(|problem| problem.replace(&shown, "FILE"))?;
        Ok(keys.iter().map(|key| key.reveal().to_owned()).collect())
    }

    #[test]
    fn a_file_has_a_key_a_line() {
        let text = "# the shop\n0123456789abcdef\r\n\n  fedcba9876543210  \n";
        assert_eq!(keys(text).unwrap(), ["0123456789abcdef", "fedcba9876543210"]);
        for (text, part) in [
            ("", "FILE has no key"),
            ("# none\n", "FILE has no key"),
            ("sesame\n", "FILE has a key that is too easy to guess"),
            ("0123456789 abcdef\n", "FILE has a key that no header can carry"),
        ] {
            assert!(keys(text).unwrap_err().starts_with(part), "{text:?}: {:?}", keys(text));
        }
        assert!(read_keys(Path::new("/nowhere")).unwrap_err().starts_with("cannot read /nowhere"));
    }

    #[test]
    fn what_could_not_work_is_refused() {
        for (text, part) in [
            (
                "bind = \"127.0.0.1:0\"",
                "`telegraphy.bind` in the configuration: without a key nobody may ask",
            ),
            ("connect_timeout = \"0s\"", "`telegraphy.connect_timeout` in the configuration: nobody can be"),
            ("token_ttl = \"300ms\"", "that fast"),
            ("tokens = 0", "at least 1"),
            ("history = 0", "at least 1"),
            ("event_bytes = \"2MiB\"", "more than a quarter of limits.outbox_bytes"),
            ("host = \"name\"", "expected \"ip\", \"prefix\" or \"off\""),
            ("cookie.name = \"a b\"", "is no name of a cookie"),
            ("cookie.path = \"\"", "is no path of a cookie"),
            ("cookie.same_site = \"lax\"", "none of \"Strict\""),
            ("api_keys_file = \"/nowhere\"", "cannot read /nowhere"),
        ] {
            let message = Config::from_toml(&format!("[telegraphy]\n{text}")).expect_err(text).to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
        let config = Config::from_toml("limits.outbox_bytes = 4000").unwrap();
        assert_eq!(config.telegraphy.rules_within(config.limits.outbox_bytes).event_bytes, 1000);
        let mut config = Config::default();
        config.telegraphy.api_keys = vec![Secret::new("0123456789abcdef")];
        config.check().unwrap();
        config.telegraphy.bind = Vec::new();
        assert!(config.check().is_err());
        assert!(!format!("{config:?}{}", config.to_toml()).contains("0123456789abcdef"));
    }
}
