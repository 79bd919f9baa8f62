//! Secrets: where one may be sent, which is a pure decision, and reading one from a file that nobody else can read.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use concierge_client::{GatewayUrl, payload::Secret};

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

/// A secret that somebody gave, and the only gateway it is for, when it was stored together with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The secret.
    pub secret: Given<SecretSource>,
    /// The gateway it was stored with.
    pub bound: Option<GatewayUrl>,
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
pub(super) fn choose(
    candidates: impl IntoIterator<Item = Candidate>,
    url: &Given<GatewayUrl>,
    is_known: impl Fn(&GatewayUrl) -> bool,
) -> Choice {
    let mut withheld = None;
    for Candidate { secret, bound } in candidates {
        let why = match (&bound, &secret.origin, &url.origin) {
            (Some(bound), _, _) if *bound == url.value => None,
            (Some(bound), origin, place) => {
                let stored = match origin {
                    Origin::Context(name, _) => format!("the secret of context {name}"),
                    _ => format!("the secret of {}", origin.place()),
                };
                Some(format!(
                    "{stored} is not sent: it is for {bound}, and {} names another gateway",
                    place.place()
                ))
            }
            (None, Origin::Variable(variable), Origin::Project(line)) if !is_known(&url.value) => {
                Some(format!(
                    "{variable} is not sent: only {line} names the gateway {0}, and a project may come from anywhere; \
                 if you trust it: concierge context add NAME --url {0}",
                    url.value
                ))
            }
            (None, ..) => None,
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
