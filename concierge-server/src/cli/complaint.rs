//! What is said of a gateway that cannot run, and what to try: in the form of the `concierge` command. Pure.

use std::error::Error;
use std::io::ErrorKind;

use crate::config::BindAddress;
use crate::store::OpenError;
use crate::{ConfigError, ServeError};

/// An error with its causes, and a hint below it where there is one.
pub(super) fn complaint(error: &ServeError) -> String {
    let told = told(error);
    match hint(error) {
        Some(hint) => format!("error: {told}\nhint:  {hint}\n"),
        None => format!("error: {told}\n"),
    }
}

/// An error and what is behind it, without the numbers that the system gives to what it says in words.
pub(super) fn told(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        cause = inner.source();
    }
    without_numbers(&message)
}

fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_number, rest)| rest))
}

/// What to try. A configuration that is refused says so itself.
fn hint(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::CannotBind { address: BindAddress::Unix(_), cause } => match cause.kind() {
            ErrorKind::AddrInUse => Some("another program listens there; give each a path of its own"),
            ErrorKind::AlreadyExists => Some("give another path, or remove what is there if nobody needs it"),
            ErrorKind::NotFound => Some("the folder has to be there already"),
            ErrorKind::PermissionDenied => Some("it takes a folder that this program may write to"),
            _ => None,
        },
        ServeError::CannotBind { cause, .. } => match cause.kind() {
            ErrorKind::AddrInUse => Some("something listens there already; port 0 picks a free one"),
            ErrorKind::AddrNotAvailable => {
                Some("this machine has no such address; 0.0.0.0 and [::] stand for all it has")
            }
            ErrorKind::PermissionDenied => Some("ports below 1024 are the system's; 64209 is not"),
            _ => None,
        },
        ServeError::CannotKeepFiles { .. } => {
            Some("`--files-dir` names a folder that is there and that this program may write to")
        }
        ServeError::Configuration(ConfigError::Unreadable { .. }) => {
            Some("`--config` names it, or the variable CONCIERGE_SERVER_CONFIG")
        }
        ServeError::CannotKeepEvents(error) => hint_of_store(error),
        ServeError::Configuration(_) => None,
    }
}

/// The same for a store. What is not here says itself what to do.
fn hint_of_store(error: &OpenError) -> Option<&'static str> {
    match error {
        OpenError::Unusable { .. } => Some(
            "`telegraphy.store` names a file on a local disk that this program may write to, and nobody else uses",
        ),
        OpenError::Foreign { .. } => {
            Some("`telegraphy.store` names a file of its own, which need not be there yet")
        }
        OpenError::Newer { .. } => {
            Some("start the newer program, or put back the copy of before the upgrade")
        }
        OpenError::Damaged { .. } => {
            Some("move it away and put back a copy of it; OPERATING.md says how to make one")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn an_error_is_told_once_without_its_number_and_with_a_hint_below_it() {
        for (address, errno, said, hint) in [
            (
                "127.0.0.1:80",
                Errno::ADDRINUSE,
                "cannot listen on 127.0.0.1:80: Address already in use",
                "free one",
            ),
            ("unix:/a", Errno::ADDRINUSE, "cannot listen on unix:/a: Address already in use", "own"),
            ("127.0.0.1:80", Errno::ACCESS, "cannot listen on 127.0.0.1:80: Permission denied", "1024"),
        ] {
            let (address, cause) = (address.parse().unwrap(), io::Error::from(errno));
            let complaint = complaint(&ServeError::CannotBind { address, cause });
            let lines: Vec<_> = complaint.lines().collect();
            assert_eq!(lines.first(), Some(&format!("error: {said}").as_str()));
            assert!(
                lines.get(1).is_some_and(|line| line.starts_with("hint:  ") && line.contains(hint)),
                "{complaint}"
            );
            assert_eq!(lines.len(), 2);
        }
    }

    #[test]
    fn what_says_what_to_change_needs_no_hint() {
        let refused = crate::Config::from_toml("limits.name = 0").unwrap_err();
        let complaint = complaint(&refused.into());
        assert!(complaint.ends_with("give at least 1\n") && complaint.lines().count() == 1, "{complaint}");
    }

    #[test]
    fn numbers_go_wherever_they_stand() {
        assert_eq!(without_numbers("a: No (os error 2): b (os error 13)"), "a: No: b");
        assert_eq!(without_numbers("nothing (to do)"), "nothing (to do)");
    }
}
