//! Changing the user file: the user's own comments and order stay, a change is there whole or not at all, and two at the same time
//! lose nothing.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use toml_edit::DocumentMut;

use super::{
    file::Parsed,
    places::{Places, create_private, read_text},
};
use crate::failure::{Failure, without_number};

/// How long to wait for another command that changes the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before looking again whether it is done.
const PAUSE: Duration = Duration::from_millis(10);

/// How many links are followed to the file.
const MAX_LINKS: usize = 16;

/// Changes the user file. `change` is given what it says, and its text to change; what it returns is returned once the change is on
/// the disk. A file that has not changed is not written.
pub(super) fn update<T>(
    places: &Places,
    change: impl FnOnce(&Parsed, &mut DocumentMut) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let named = places.user()?;
    let failed = |error: &io::Error| {
        Failure::local(format!("could not change {}: {}", named.display(), without_number(error)))
    };
    let target = behind_links(named).map_err(|error| failed(&error))?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    create_private(folder).map_err(|error| failed(&error))?;
    let lock = File::open(folder).map_err(|error| failed(&error))?;
    wait_for(&lock, named)?;
    let text = read_text(&target)?.map(|(text, _)| text).unwrap_or_default();
    let parsed = places.parse_user(&text, named).map_err(first)?;
    let mut document: DocumentMut =
        text.parse().map_err(|_| Failure::local(format!("{} cannot be read", named.display())))?;
    let result = change(&parsed, &mut document)?;
    let changed = document.to_string();
    if changed != text {
        // Whatever a change does wrong must not reach the file.
        places.parse_user(&changed, named).map_err(first)?;
        replace(&target, &changed).map_err(|error| failed(&error))?;
        // The name is in the folder, which has to reach the disk, too.
        lock.sync_all().map_err(|error| failed(&error))?;
    }
    Ok(result)
}

/// The first of several failures, which says that there are more.
pub(super) fn first(failures: Vec<Failure>) -> Failure {
    let more = failures.len().saturating_sub(1);
    let Some(first) = failures.into_iter().next() else {
        return Failure::local("the settings cannot be read");
    };
    match more {
        0 => first,
        more => {
            let told = format!("{} (and {more} more: `concierge config check` tells all)", first.message());
            first.because(&told)
        }
    }
}

/// Where the file really is: a link to it stays a link.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("/")).join(next),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many links"))
}

fn wait_for(lock: &File, path: &Path) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::local(format!("another command is changing {}", path.display()))
                    .hint("try again when it is done"));
            }
            // Some network file systems have no locks: then there is nobody to wait for.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => {
                let why = without_number(&error);
                return Err(Failure::local(format!("could not lock {}: {why}", path.display())));
            }
        }
    }
}

/// Puts a new file, for its owner alone, in the place of an old one: whoever looks sees the one or the other.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let new = path.with_file_name(format!(".{name}.new"));
    // One that is there was left by a command that was killed: nobody else writes while the folder is locked.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&new, text).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What failed is told; a file that is left over is overwritten the next time.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
