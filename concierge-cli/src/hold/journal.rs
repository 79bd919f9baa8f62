//! What a held session has to tell while nobody looks: a file of bounded size that only its user can read. It never holds a secret,
//! and what others said stands in it escaped.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::{
    console::Environment,
    output::{Output, escape},
    settings::Label,
};

/// How large the file gets before it becomes the old one, of which there is one, in bytes.
const MAX_SIZE: u64 = 128 * 1024;

/// Where a session writes what happens.
pub(super) struct Journal {
    written: Mutex<Option<Written>>,
    /// Who sees it at once, in the foreground.
    output: Option<Output>,
}

struct Written {
    path: PathBuf,
    file: File,
    size: u64,
}

/// The file of a session's journal: below `$XDG_STATE_HOME`, or where that is when nobody says.
pub(crate) fn path(environment: &Environment, name: &Label) -> Option<PathBuf> {
    let absolute = |variable| environment.var(variable).map(Path::new).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").map(Path::to_owned);
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("concierge/hold").join(format!("{name}.log")))
}

impl Journal {
    /// A journal in this file. One that cannot be written is no reason to hold no session: it is told where there is somebody to
    /// tell.
    pub(super) fn open(path: Option<&Path>, output: Option<Output>) -> Self {
        let written = path.and_then(|path| match Written::open(path) {
            Ok(written) => Some(written),
            Err(error) => {
                if let Some(output) = &output {
                    output.note(&format!("there is no log, {} cannot be written: {error}", path.display()));
                }
                None
            }
        });
        Self { written: Mutex::new(written), output }
    }

    /// Where it is written, if it is.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|written| written.path.clone())
    }

    /// Tells something.
    pub(super) fn tell(&self, message: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.as_mut().is_some_and(|written| written.line(message).is_err()) {
            // A full disk is not what a session fails by.
            *written = None;
        }
        drop(written);
        if let Some(output) = &self.output {
            output.note(message);
        }
    }
}

impl Written {
    fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    fn line(&mut self, message: &str) -> io::Result<()> {
        if self.size >= MAX_SIZE {
            fs::rename(&self.path, self.path.with_extension("log.old"))?;
            *self = Self::open(&self.path)?;
        }
        let line = format!("{:.3} {}\n", Timestamp::now(), escape(message));
        self.file.write_all(line.as_bytes())?;
        self.size += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_journal_is_private_escaped_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/hold/bot.log");
        let journal = Journal::open(Some(&path), None);
        journal.tell("\u{1b}[2J\nhi");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("Z \\u{1b}[2J\\nhi\n"), "{text:?}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        for _ in 0..40 {
            journal.tell(&"x".repeat(10_000));
        }
        let sizes =
            ["bot.log", "bot.log.old"].map(|name| fs::metadata(path.with_file_name(name)).unwrap().len());
        assert!(sizes.iter().all(|size| *size < MAX_SIZE + 11_000), "{sizes:?}");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_none() {
        let journal = Journal::open(Some(Path::new("/dev/null/bot.log")), None);
        journal.tell("hi");
        assert_eq!(journal.path(), None);
    }
}
