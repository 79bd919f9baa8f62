//! Settings: what the flags, the environment and the defaults come to. Flags win over the environment, which wins over the
//! defaults.

mod label;

pub(crate) use label::Label;

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use concierge_client::{
    GatewayUrl,
    payload::{ClientName, DEFAULT_PORT, Nickname, Secret, Tags},
};

use crate::{
    args::Global,
    console::Environment,
    failure::{Failure, without_number},
};

/// How long connecting, and each answer, may take unless something else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest file that is taken for a secret, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

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
    /// What the gateway asks of those who may come in.
    pub secret: Option<Secret>,
    /// How long connecting, and each answer, may take.
    pub timeout: Duration,
}

impl Settings {
    /// Flags over environment over defaults.
    pub(crate) fn resolve(global: &Global, environment: &Environment) -> Result<Self, Failure> {
        let url = global.url.as_deref().or_else(|| environment.var("CONCIERGE_URL"));
        let name = match (&global.name, environment.var("CONCIERGE_NAME")) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(name)) => {
                Some(name.parse().map_err(|error| Failure::usage(format!("CONCIERGE_NAME: {error}")))?)
            }
            (None, None) => None,
        };
        Ok(Self {
            url: url.map(parse_url).transpose()?,
            name,
            nickname: global.nickname.clone(),
            tags: Tags::try_from(global.tag.clone()).map_err(|error| Failure::usage(error.to_string()))?,
            secret: secret(global, environment)?,
            timeout: global.timeout.unwrap_or(DEFAULT_TIMEOUT),
        })
    }

    /// The gateway to connect to when none was named.
    pub(crate) fn url_or_default(&self) -> GatewayUrl {
        self.url.clone().unwrap_or_else(|| {
            format!("ws://127.0.0.1:{DEFAULT_PORT}/ws").parse().expect("the default URL is a gateway's")
        })
    }
}

/// Reads a URL; `HOST:PORT` is short for `ws://HOST:PORT/ws`.
fn parse_url(text: &str) -> Result<GatewayUrl, Failure> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("ws://{text}") };
    let without_path =
        full.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.contains(['/', '?', '#']));
    let full = if without_path { format!("{full}/ws") } else { full };
    GatewayUrl::new(&full).map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn secret(global: &Global, environment: &Environment) -> Result<Option<Secret>, Failure> {
    if let Some(path) = &global.secret_file {
        return read_secret(Path::new(path)).map(Some);
    }
    if let Some(secret) = environment.var("CONCIERGE_SECRET") {
        return Ok(Some(Secret::new(secret)));
    }
    environment.var("CONCIERGE_SECRET_FILE").map(|path| read_secret(Path::new(path))).transpose()
}

/// Reads a secret from a file that nobody else can read. A line end at its end is not part of it.
fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Failure::local(format!("could not read the secret file {shown}: {}", without_number(&error)))
    };
    let file = File::open(path).map_err(failed)?;
    // Of the open file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(Failure::local(format!("others can read the secret file {shown}"))
            .hint(format!("make it yours alone: chmod 600 {shown}")));
    }
    let mut text = String::new();
    file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_SECRET {
        return Err(Failure::local(format!("the secret file {shown} has more than {MAX_SECRET} bytes")));
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::local(format!("the secret file {shown} is empty")));
    }
    Ok(Secret::new(secret))
}

/// Where the REPL keeps what was typed: a file per gateway.
pub(crate) fn history_file(environment: &Environment, place: &str) -> Option<std::path::PathBuf> {
    let state = environment
        .var("XDG_STATE_HOME")
        .map(std::path::PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| environment.var("HOME").map(|home| Path::new(home).join(".local/state")))?;
    let folder = state.join("concierge/history");
    create_private(&folder).ok()?;
    let name: String = place
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || matches!(character, '.' | '-') { character } else { '_' }
        })
        .collect();
    Some(folder.join(name))
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{console::Console, exit::Exit};

    fn resolve(global: &Global, variables: &[(&str, &str)]) -> Result<Settings, Failure> {
        let environment = Console::in_memory("", variables.iter().copied()).0.environment;
        Settings::resolve(global, &environment)
    }

    fn secret_file(mode: u32, content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.as_file().set_permissions(fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn flags_win_over_the_environment_which_wins_over_the_default() {
        let variables = [("CONCIERGE_URL", "ws://a/ws"), ("CONCIERGE_NAME", "al")];
        let defaults = resolve(&Global::default(), &[]).unwrap();
        assert_eq!(defaults.url, None);
        assert_eq!(defaults.url_or_default().as_str(), "ws://127.0.0.1:64209/ws");
        let from_environment = resolve(&Global::default(), &variables).unwrap();
        assert_eq!(from_environment.url_or_default().as_str(), "ws://a/ws");
        assert_eq!(from_environment.name.unwrap(), "al");
        let flags =
            Global { url: Some("ws://b/x".into()), name: Some("bo".parse().unwrap()), ..Global::default() };
        let from_flags = resolve(&flags, &variables).unwrap();
        assert_eq!(from_flags.url_or_default().as_str(), "ws://b/x");
        assert_eq!(from_flags.name.unwrap(), "bo");
    }

    #[test]
    fn a_host_and_a_port_are_enough() {
        for (text, url) in [
            ("localhost:64209", "ws://localhost:64209/ws"),
            ("[::1]:1", "ws://[::1]:1/ws"),
            ("ws://host", "ws://host/ws"),
            ("ws://host/", "ws://host/"),
        ] {
            assert_eq!(parse_url(text).unwrap().as_str(), url);
        }
    }

    #[test]
    fn an_invalid_url_is_a_usage_error_with_a_hint() {
        for text in ["http://host/", "ws://", "a b", "ws://h:99999"] {
            let failure = parse_url(text).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{text}");
            assert!(failure.hinted().is_some(), "{text}");
        }
    }

    #[test]
    fn a_secret_comes_from_a_private_file() {
        let file = secret_file(0o600, "open sesame\n");
        let global =
            Global { secret_file: Some(file.path().to_str().unwrap().to_owned()), ..Global::default() };
        let settings = resolve(&global, &[("CONCIERGE_SECRET", "other")]).unwrap();
        assert_eq!(settings.secret, Some(Secret::new("open sesame")));
        let path = file.path().to_str().unwrap();
        let settings = resolve(&Global::default(), &[("CONCIERGE_SECRET_FILE", path)]).unwrap();
        assert_eq!(settings.secret, Some(Secret::new("open sesame")));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let file = secret_file(0o640, "open sesame\n");
        let global =
            Global { secret_file: Some(file.path().to_str().unwrap().to_owned()), ..Global::default() };
        let failure = resolve(&global, &[]).unwrap_err();
        assert_eq!(failure.exit(), Exit::LocalIo);
        assert!(failure.hinted().unwrap().starts_with("make it yours alone: chmod 600"));
    }

    #[test]
    fn a_secret_that_is_not_there_is_told() {
        let global = Global { secret_file: Some("/nowhere/secret".into()), ..Global::default() };
        let failure = resolve(&global, &[]).unwrap_err();
        assert_eq!(failure.exit(), Exit::LocalIo);
        assert!(failure.message().contains("/nowhere/secret"));
        let empty = secret_file(0o600, "\n");
        let global =
            Global { secret_file: Some(empty.path().to_str().unwrap().to_owned()), ..Global::default() };
        assert!(resolve(&global, &[]).is_err());
    }
}
