//! Where the files are, and reading them. The user file is the user's own; a project file lies in the folder one works in or in one
//! above it.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::geteuid;

use super::file::{Kind, Parsed, parse};
use crate::{
    console::Environment,
    failure::{Failure, without_number},
};

/// What a project file is called.
const PROJECT_FILE: &str = ".concierge.toml";

/// The largest file that is read for settings, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// How many letters of a place go into the name of its history.
const MAX_HISTORY_NAME: usize = 128;

/// Where files are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    user: Option<PathBuf>,
    folder: Option<PathBuf>,
    state: Option<PathBuf>,
    home: Option<PathBuf>,
}

/// A project file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it belongs to somebody else, who has put it above a folder that is not theirs. Then it is not read.
    pub foreign: bool,
}

impl Places {
    /// Where the environment says they are.
    pub(crate) fn of(environment: &Environment) -> Self {
        let home = environment.var("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let base = |variable, below: &str| {
            let set = environment.var(variable).map(PathBuf::from).filter(|path| path.is_absolute());
            set.or_else(|| home.as_ref().map(|home| home.join(below)))
        };
        Self {
            user: base("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("concierge/config.toml")),
            state: base("XDG_STATE_HOME", ".local/state"),
            folder: environment.folder().map(Path::to_owned),
            home,
        }
    }

    /// The user file, whether it is there or not.
    pub(crate) fn user(&self) -> Result<&Path, Failure> {
        self.user.as_deref().ok_or_else(|| {
            Failure::local("there is no place for settings").hint("set HOME, or XDG_CONFIG_HOME to a folder")
        })
    }

    /// The project file: in the folder one works in, or in the nearest above it that has one.
    pub(crate) fn project(&self) -> Option<ProjectFile> {
        let folder = self.folder.as_deref()?;
        let (path, metadata) = folder.ancestors().find_map(|folder| {
            let path = folder.join(PROJECT_FILE);
            let metadata = fs::metadata(&path).ok()?;
            metadata.is_file().then_some((path, metadata))
        })?;
        let owner = metadata.uid();
        let is_here = fs::metadata(folder).is_ok_and(|folder| folder.uid() == owner);
        Some(ProjectFile { path, foreign: !is_here && owner != geteuid().as_raw() && owner != 0 })
    }

    /// What the user file says; nothing, when there is none.
    pub(super) fn read_user(&self) -> Result<Parsed, Vec<Failure>> {
        match &self.user {
            Some(path) => read(path, Kind::User, self.home.as_deref()),
            None => Ok(Parsed::default()),
        }
    }

    /// What a project file says.
    pub(super) fn read_project(&self, file: &ProjectFile) -> Result<Parsed, Vec<Failure>> {
        read(&file.path, Kind::Project, self.home.as_deref())
    }

    /// What a text would say as the user file.
    pub(super) fn parse_user(&self, text: &str, path: &Path) -> Result<Parsed, Vec<Failure>> {
        parse(text, &Arc::from(path), Kind::User, self.home.as_deref())
    }

    /// A path as it is from everywhere.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The file that remembers what was typed in a place: a context, or a gateway. It is there, and only its owner can read it.
    pub(crate) fn history(&self, place: &str) -> Option<PathBuf> {
        let folder = self.state.as_ref()?.join("concierge/history");
        create_private(&folder).ok()?;
        let name: String = place
            .chars()
            .take(MAX_HISTORY_NAME)
            .map(|character| {
                if character.is_ascii_alphanumeric() || matches!(character, '.' | '-') {
                    character
                } else {
                    '_'
                }
            })
            .collect();
        let path = folder.join(name);
        let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path).ok()?;
        // One that was there before may have been open to others.
        file.set_permissions(Permissions::from_mode(0o600)).ok()?;
        Some(path)
    }
}

/// Makes a folder, and those above it, that only their owner can enter.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read(path: &Path, kind: Kind, home: Option<&Path>) -> Result<Parsed, Vec<Failure>> {
    let Some((text, mode)) = read_text(path).map_err(|failure| vec![failure])? else {
        return Ok(Parsed::default());
    };
    let parsed = parse(&text, &Arc::from(path), kind, home)?;
    match &parsed.secret {
        Some(line) if mode & 0o077 != 0 => {
            let failure =
                Failure::local(format!("{line}: others can read the file, and there is a secret in it"));
            Err(vec![failure.hint(format!("make it yours alone: chmod 600 {}", path.display()))])
        }
        _ => Ok(parsed),
    }
}

/// A file's text and permissions; none where there is no file.
pub(super) fn read_text(path: &Path) -> Result<Option<(String, u32)>, Failure> {
    let failed = |error: &io::Error| {
        Failure::local(format!("could not read {}: {}", path.display(), without_number(error)))
    };
    match fs::metadata(path) {
        // Where a folder is none, there is no file in it.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(&error)),
        // Opening a pipe would wait for whoever writes to it.
        Ok(metadata) if !metadata.is_file() => {
            return Err(Failure::local(format!("could not read {}: it is not a file", path.display())));
        }
        Ok(_) => {}
    }
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mode = file.metadata().map_err(|error| failed(&error))?.mode();
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Failure::local(format!("{} has more than {MAX_FILE} bytes", path.display())));
    }
    Ok(Some((text, mode)))
}
