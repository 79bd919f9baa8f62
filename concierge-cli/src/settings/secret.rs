//! Secrets and keys: where one may be sent, which is a pure decision, and reading one from a file that nobody else can read.

use std::{
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use concierge_client::payload::Secret;

use super::origin::{Given, Origin};
use crate::failure::{Failure, without_number};

/// The largest file that is taken for a secret, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// Whoever sits at the terminal knows it.
    Asked,
    /// Here.
    Text(Secret),
    /// In a file.
    File(PathBuf),
}

/// What it lets one do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Come in, as a client.
    Secret,
    /// Speak for a web application.
    ApiKey,
}

impl Kind {
    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ApiKey => "API key",
        }
    }

    /// The options with which a context keeps the place it is for.
    fn kept_with(self, url: &impl fmt::Display) -> String {
        match self {
            Self::Secret => format!("--url {url}"),
            Self::ApiKey => format!("--url URL --api {url}"),
        }
    }
}

/// Where a secret may be sent at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound<U> {
    /// To whatever somebody has chosen.
    Free,
    /// Only to what it was stored together with.
    To(U),
    /// It was stored with nothing.
    Nowhere,
}

/// A secret that somebody gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate<U> {
    /// The secret.
    pub secret: Given<SecretSource>,
    /// Where it may be sent.
    pub bound: Bound<U>,
}

impl<U> Candidate<U> {
    /// One that was stored with nothing and typed for now.
    pub(super) fn free(secret: Given<SecretSource>) -> Self {
        Self { secret, bound: Bound::Free }
    }
}

/// What becomes of the secrets that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The one that is sent.
    pub sent: Option<Given<SecretSource>>,
    /// One that would have been sent, had the gateway been another, and why it is not.
    pub withheld: Option<(Given<SecretSource>, String)>,
}

/// Chooses the first secret that may be sent to a gateway. A stored one is for the gateway it was stored with; one from the
/// environment is for any but those that only a project file names, as that may have come from anywhere.
pub(super) fn choose<U: PartialEq + fmt::Display>(
    kind: Kind,
    candidates: impl IntoIterator<Item = Candidate<U>>,
    url: &Given<U>,
    is_known: impl Fn(&U) -> bool,
) -> Choice {
    let mut withheld = None;
    for Candidate { secret, bound } in candidates {
        let stored = || match &secret.origin {
            Origin::Context(name, _) => format!("the {} of context {name}", kind.name()),
            origin => format!("the {} of {}", kind.name(), origin.place()),
        };
        let why = match (&bound, &secret.origin, &url.origin) {
            (Bound::To(bound), _, _) if *bound == url.value => None,
            (Bound::To(bound), _, place) => Some(format!(
                "{} is not sent: it is for {bound}, and {} names another gateway",
                stored(),
                place.place()
            )),
            (Bound::Nowhere, ..) => {
                Some(format!("{} is not sent: nothing beside it says which gateway it is for", stored()))
            }
            (Bound::Free, Origin::Variable(variable), Origin::Project(line)) if !is_known(&url.value) => {
                Some(format!(
                    "{variable} is not sent: only {line} names the gateway {}, and a project may come from anywhere; \
                 if you trust it: concierge context add NAME {}",
                    url.value,
                    kind.kept_with(&url.value)
                ))
            }
            (Bound::Free, ..) => None,
        };
        match why {
            None => return Choice { sent: Some(secret), withheld: None },
            Some(why) => withheld = withheld.or(Some((secret, why))),
        }
    }
    Choice { sent: None, withheld }
}

/// Reads a secret from a file that nobody else can read. A line end at its end is not part of it.
pub(super) fn read_secret(path: &Path) -> Result<Secret, Failure> {
    read_whole(path, "secret file")
}

/// The same of a file for another purpose, which is told where it cannot be read.
pub(crate) fn read_whole(path: &Path, what: &str) -> Result<Secret, Failure> {
    let text = read_private(path, what)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::local(format!("the {what} {} is empty", path.display()))),
        secret => Ok(Secret::new(secret)),
    }
}

/// Reads a key from a file that nobody else can read: the first line that is no comment, so that the gateway's own file will do.
pub(super) fn read_api_key(path: &Path) -> Result<Secret, Failure> {
    let text = read_private(path, "key file")?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match lines.next() {
        None => Err(Failure::local(format!("there is no key in the key file {}", path.display()))),
        Some(key) => Ok(Secret::new(key)),
    }
}

/// The text of a file that nobody else can read.
fn read_private(path: &Path, what: &str) -> Result<String, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Failure::local(format!("could not read the {what} {shown}: {}", without_number(&error)))
    };
    let file = File::open(path).map_err(failed)?;
    // Of the open file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(Failure::local(format!("others can read the {what} {shown}"))
            .hint(format!("make it yours alone: chmod 600 {shown}")));
    }
    let mut text = String::new();
    file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_SECRET {
        return Err(Failure::local(format!("the {what} {shown} has more than {MAX_SECRET} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, io::Write, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::exit::Exit;

    fn secret_file(mode: u32, content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_line_end_is_not_part_of_a_secret() {
        let file = secret_file(0o600, "open sesame\n");
        assert_eq!(read_secret(file.path()), Ok(Secret::new("open sesame")));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let failure = read_secret(secret_file(0o640, "open sesame\n").path()).unwrap_err();
        assert_eq!(failure.exit(), Exit::LocalIo);
        assert!(failure.hinted().unwrap().starts_with("make it yours alone: chmod 600"));
    }

    #[test]
    fn a_secret_that_is_not_there_is_told() {
        let failure = read_secret(Path::new("/nowhere/secret")).unwrap_err();
        assert_eq!(failure.exit(), Exit::LocalIo);
        assert!(failure.message().contains("/nowhere/secret"));
        assert!(read_secret(secret_file(0o600, "\n").path()).is_err());
        assert!(read_secret(secret_file(0o600, &"x".repeat(70_000)).path()).is_err());
    }
}
