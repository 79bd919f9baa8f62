//! Which configurations are refused: what is unsafe, what contradicts itself, what could never work.

use std::time::Duration;

use concierge_client::payload::{ClientName, Nickname, ServiceName};

use super::error::ConfigError;
use super::network::Network;
use super::value::{ConnectionLimit, NamePolicy};
use super::{Config, telegraphy};

/// The smallest message that still holds an `IDENTIFY` with a secret.
const LEAST_MESSAGE: usize = 1024;

/// The most headers a request may be allowed, and the most bytes of them: room is made for them with each request.
const MOST_HEADERS: usize = 1024;
const MOST_HEAD: usize = 1024 * 1024;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |key: &'static str, problem: String| {
        Err(ConfigError::Refused { key, origin: config.source(key), problem })
    };
    if config.bind.is_empty() {
        return refuse("bind", "no address to listen on: give one, such as \"127.0.0.1:64209\"".to_owned());
    }
    if config.secret.is_some() && config.allow_anonymous {
        let problem = "contradicts the secret, which every client must present: leave one of them out";
        return refuse("allow_anonymous", problem.to_owned());
    }
    let public = config.bind.iter().find(|address| address.is_public());
    if let Some(address) = public
        && config.secret.is_none()
        && !config.allow_anonymous
    {
        let problem = format!(
            "{address} can be reached from other machines, and without a secret everyone there could join: set \
             secret_file, or allow_anonymous = true, or listen on 127.0.0.1"
        );
        return refuse("bind", problem);
    }
    let networks = || config.trusted_proxies.iter().filter_map(|proxy| proxy.network());
    if let Some(network) = networks().find(Network::is_everything) {
        let problem = format!(
            "with {network} whoever asks could say that it is somebody else: name the proxies, or the network they are in"
        );
        return refuse("trusted_proxies", problem);
    }
    let inexact = |network: Network| network.corrected().map(|corrected| (network, corrected));
    if let Some((network, corrected)) = networks().find_map(inexact) {
        let problem = format!("{network} has bits beyond its prefix: the network is {corrected}");
        return refuse("trusted_proxies", problem);
    }
    let too_long = |name: &ClientName| name.chars().count() > config.limits.name;
    let foreign = |name: &ClientName| config.names == NamePolicy::Ascii && !name.is_ascii();
    let nobodys =
        config.reserved.iter().map(|reserved| &reserved.name).find(|name| too_long(name) || foreign(name));
    if let Some(name) = nobodys {
        let problem = format!("no client can be called {:?} here: see names and limits.name", name.as_str());
        return refuse("reserved", problem);
    }
    match (&config.tls.cert_file, &config.tls.key_file) {
        (Some(_), None) => {
            let problem = "a certificate is of no use without its key: set tls.key_file too";
            return refuse("tls.cert_file", problem.to_owned());
        }
        (None, Some(_)) => {
            let problem = "a key is of no use without its certificate: set tls.cert_file too";
            return refuse("tls.key_file", problem.to_owned());
        }
        _ => {}
    }
    if let Some((key, problem)) = telegraphy::problem(config) {
        return refuse(key, problem);
    }
    timing(config, refuse)?;
    sizes(config, refuse)
}

fn timing(
    config: &Config,
    refuse: impl Fn(&'static str, String) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    for (key, duration) in [
        ("identify_timeout", config.identify_timeout),
        ("heartbeat.interval", config.heartbeat.interval),
        ("head.timeout", config.head.timeout),
        ("files.body_timeout", config.files.body_timeout),
    ] {
        if duration == Duration::ZERO {
            return refuse(key, "no client can be that fast: give a longer time, such as \"5s\"".to_owned());
        }
    }
    let heartbeat = config.heartbeat;
    if heartbeat.timeout <= heartbeat.interval {
        let problem = format!(
            "{:?} is not longer than heartbeat.interval, {:?}: a client would be given up before it is asked",
            heartbeat.timeout, heartbeat.interval
        );
        return refuse("heartbeat.timeout", problem);
    }
    Ok(())
}

fn sizes(
    config: &Config,
    refuse: impl Fn(&'static str, String) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let limits = &config.limits;
    for (key, given, most) in [
        ("limits.name", limits.name, ClientName::MAX_CHARACTERS),
        ("limits.service", limits.service, ServiceName::MAX_BYTES),
        ("limits.nickname", limits.nickname, Nickname::MAX_CHARACTERS),
    ] {
        if given > most {
            return refuse(
                key,
                format!("{given} is over the protocol's own limit, {most}: give at most that"),
            );
        }
    }
    for (key, given) in [("limits.name", limits.name), ("limits.service", limits.service)] {
        if given == 0 {
            return refuse(key, "a name has at least one letter: give at least 1".to_owned());
        }
    }
    for (key, given) in [
        ("limits.message", limits.message),
        ("limits.first_message", limits.first_message),
        ("limits.frame", limits.frame),
        ("head.bytes", config.head.bytes),
    ] {
        if given < LEAST_MESSAGE {
            let problem =
                format!("{given} bytes are too few for a client to join: give at least {LEAST_MESSAGE}");
            return refuse(key, problem);
        }
    }
    if limits.first_message > limits.message {
        let problem = format!(
            "{} is more than limits.message, {}: the first message is one too",
            limits.first_message, limits.message
        );
        return refuse("limits.first_message", problem);
    }
    let burst = limits.bytes.map(|bytes| usize::try_from(bytes.burst).unwrap_or(usize::MAX));
    if let Some(burst) = burst.filter(|burst| *burst < limits.message) {
        let problem = format!(
            "{burst} at once is less than limits.message, {}: give a burst of at least that",
            limits.message
        );
        return refuse("limits.bytes", problem);
    }
    // A handshake has five headers that must be there, and browsers send a dozen more.
    if config.head.headers < 16 {
        return refuse("head.headers", "too few for a WebSocket handshake: give at least 16".to_owned());
    }
    if config.head.headers > MOST_HEADERS {
        return refuse("head.headers", format!("no request needs as many: give at most {MOST_HEADERS}"));
    }
    if config.head.bytes > MOST_HEAD {
        return refuse("head.bytes", format!("no request needs as much: give at most {MOST_HEAD}"));
    }
    let nobody = [
        ("limits.fragments", limits.fragments == Some(0)),
        ("limits.connections", limits.connections == ConnectionLimit::AtMost(0)),
        ("limits.unidentified", limits.unidentified == Some(0)),
        ("limits.unidentified_per_address", limits.unidentified_per_address == Some(0)),
        ("limits.wrong_secrets", limits.wrong_secrets == Some(0)),
    ];
    match nobody.iter().find(|(_, shut)| *shut) {
        Some((key, _)) => refuse(key, "0 would let nobody in: give at least 1".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::from_toml(text).expect_err(text).to_string()
    }

    #[test]
    fn the_defaults_are_accepted() {
        check(&Config::default()).unwrap();
    }

    #[test]
    fn a_public_address_needs_a_secret_or_an_explicit_yes() {
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert!(refusal(&format!("bind = \"{address}\"")).contains("allow_anonymous = true"));
            assert!(refusal(&format!("bind = [\"127.0.0.1:1\", \"{address}\"]")).contains(address));
            Config::from_toml(&format!("bind = \"{address}\"\nallow_anonymous = true")).unwrap();
            Config::from_toml(&format!("bind = \"{address}\"\nsecret = \"sesame\"")).unwrap();
        }
        for nobody_elses in ["[::1]:0", "[::ffff:127.0.0.1]:0", "unix:/run/concierge.sock"] {
            Config::from_toml(&format!("bind = \"{nobody_elses}\"")).unwrap();
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (text, part) in [
            ("bind = []", "no address to listen on"),
            ("secret = \"a\"\nallow_anonymous = true", "contradicts the secret"),
            (
                "tls.cert_file = \"/a.pem\"",
                "`tls.cert_file` in the configuration: a certificate is of no use",
            ),
            ("tls.key_file = \"/a.pem\"", "set tls.cert_file too"),
            ("heartbeat = { interval = \"5s\", timeout = \"5s\" }", "given up before it is asked"),
            ("heartbeat.timeout = \"1s\"", "`heartbeat.timeout` in the configuration"),
            ("heartbeat.interval = \"0s\"", "that fast"),
            ("identify_timeout = \"0s\"", "that fast"),
            (
                "files.body_timeout = \"0s\"",
                "`files.body_timeout` in the configuration: no client can be that fast",
            ),
            ("limits.name = 65", "over the protocol's own limit, 64"),
            ("limits.service = 129", "over the protocol's own limit, 128"),
            ("limits.nickname = 129", "over the protocol's own limit, 128"),
            ("limits.name = 0", "at least 1"),
            ("limits.message = 100", "too few"),
            (
                "limits.message = 2048\nlimits.first_message = 4096",
                "`limits.first_message` in the configuration: 4096 is more than limits.message, 2048",
            ),
            ("limits.bytes = \"64KiB/s\"", "65536 at once is less than limits.message, 1048576"),
            ("limits.bytes = 65536", "expected a rate"),
            ("head.bytes = 10", "too few"),
            ("head.headers = 4", "at least 16"),
            ("limits.unidentified = 0", "let nobody in"),
            ("limits.connections = 0", "let nobody in"),
            ("limits.message = \"unlimited\"", "expected a number"),
            ("trusted_proxies = [\"127.0.0.1\", \"::/0\"]", "with ::/0 whoever asks"),
            ("trusted_proxies = \"10.1.2.3/8\"", "the network is 10.0.0.0/8"),
            ("trusted_proxies = [\"nginx\"]", "expected addresses or networks"),
        ] {
            let message = refusal(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn names_may_be_restricted_further() {
        let config = Config::from_toml("names = \"ascii\"\nlimits = { name = 16, services = 0 }").unwrap();
        assert_eq!((config.limits.name, config.limits.services), (16, Some(0)));
    }
}
