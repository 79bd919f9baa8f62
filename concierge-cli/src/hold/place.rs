//! Where held sessions are found: a folder that belongs to this user alone, in it a socket and a lock for each name. Whoever has the
//! lock has the name; the system takes it back from a process that dies, however it dies.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

use crate::{
    console::Environment,
    exit::Exit,
    failure::{Failure, without_number},
    settings::Label,
};

/// The longest path of a socket, in bytes: `sockaddr_un` has room for 108, the last one a zero.
const MAX_PATH: usize = 107;

/// The folder of this user's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    folder: PathBuf,
}

/// A name that nobody else can take while this lives, and the socket that goes with it.
#[derive(Debug)]
pub(super) struct Claim {
    session: Label,
    socket: PathBuf,
    _lock: File,
}

impl Place {
    /// In `$XDG_RUNTIME_DIR`, which a system with sessions gives each user. Where there is none: in the folder for temporary files,
    /// under a name with this user's number. Anybody can put something else there first, so it is only used when it is this
    /// user's own, which [`check`](Self::check) looks at in either case.
    pub(super) fn of(environment: &Environment) -> Self {
        let absolute = |key| environment.var(key).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = match absolute("XDG_RUNTIME_DIR") {
            Some(runtime) => runtime.join("concierge"),
            None => absolute("TMPDIR")
                .unwrap_or_else(|| PathBuf::from("/tmp"))
                .join(format!("concierge-{}", geteuid().as_raw())),
        };
        Self { folder }
    }

    /// The socket of a session.
    pub(super) fn socket(&self, name: &Label) -> Result<PathBuf, Failure> {
        let path = self.folder.join(format!("{name}.sock"));
        let length = path.as_os_str().as_bytes().len();
        if length > MAX_PATH {
            let shown = path.display();
            return Err(Failure::local(format!(
                "the path of the socket has {length} bytes, the system takes {MAX_PATH}: {shown}"
            ))
            .hint("choose a shorter name, or set XDG_RUNTIME_DIR to a folder with a shorter path"));
        }
        Ok(path)
    }

    /// Takes a name, unless somebody has it. The socket of one who died with it is removed.
    pub(super) fn claim(&self, name: &Label) -> Result<Claim, Failure> {
        let socket = self.socket(name)?;
        self.create()?;
        let lock = self.open_lock(name)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(is_alive(name)),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &self.lock(name), &error)),
        }
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &socket, &error)),
            _ => Ok(Claim { session: name.clone(), socket, _lock: lock }),
        }
    }

    /// The names for which there is a socket, in order.
    pub(super) fn names(&self) -> Result<Vec<Label>, Failure> {
        if !self.check()? {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&self.folder).map_err(|error| failed("read", &self.folder, &error))?;
        let mut names: Vec<Label> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".sock")?.parse().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes the socket of a name that nobody has any more.
    pub(super) fn clean(&self, name: &Label) {
        // To claim it is to clean it. Whoever was quicker has done it already.
        drop(self.claim(name));
    }

    /// Whether the folder is there. Fails when it is, but is not this user's alone.
    pub(super) fn check(&self) -> Result<bool, Failure> {
        let shown = self.folder.display();
        let metadata = match fs::symlink_metadata(&self.folder) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("look at", &self.folder, &error)),
        };
        if !metadata.is_dir() {
            return Err(Failure::local(format!("{shown} is no folder, and sessions are held in one"))
                .hint("move it away, or set XDG_RUNTIME_DIR to a folder of your own"));
        }
        if metadata.uid() != geteuid().as_raw() {
            return Err(Failure::local(format!("the folder {shown} belongs to somebody else"))
                .hint("set XDG_RUNTIME_DIR to a folder of your own"));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(Failure::local(format!("others can look into the folder {shown}"))
                .hint(format!("make it yours alone: chmod 700 {shown}")));
        }
        Ok(true)
    }

    fn create(&self) -> Result<(), Failure> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed("create", &self.folder, &error)
                    .hint("set XDG_RUNTIME_DIR to a folder of your own"))
            }
            // Whoever made it, in time or just now: it has to be as it should.
            _ => self.check().map(|_| ()),
        }
    }

    fn lock(&self, name: &Label) -> PathBuf {
        self.folder.join(format!("{name}.lock"))
    }

    fn open_lock(&self, name: &Label) -> Result<File, Failure> {
        let path = self.lock(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow());
        options.open(&path).map_err(|error| failed("open", &path, &error))
    }
}

impl Claim {
    /// Opens the socket. Nobody else can reach it at any moment: the folder is closed to others before the socket is.
    pub(super) fn listen(&self) -> Result<UnixListener, Failure> {
        let listener =
            UnixListener::bind(&self.socket).map_err(|error| failed("listen on", &self.socket, &error))?;
        fs::set_permissions(&self.socket, fs::Permissions::from_mode(0o600))
            .and_then(|()| listener.set_nonblocking(true))
            .map_err(|error| failed("listen on", &self.socket, &error))?;
        Ok(listener)
    }

    /// The name.
    pub(super) fn session(&self) -> &Label {
        &self.session
    }

    /// Where the socket is.
    #[cfg(test)]
    fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Before the lock goes. One that cannot be removed is dead, and recognized as that.
        let _ = fs::remove_file(&self.socket);
    }
}

/// The name is taken.
fn is_alive(name: &Label) -> Failure {
    Failure::new(Exit::NotAdmitted, format!("the session {name} is alive already"))
        .hint(format!("`concierge hold --status {name}` shows it, `concierge hold --stop {name}` ends it"))
}

fn nofollow() -> i32 {
    // A few bits, which have the same meaning whatever their type.
    OFlags::NOFOLLOW.bits().cast_signed()
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("could not {what} {}: {}", path.display(), without_number(error)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::console::Console;

    fn place(variables: &[(&str, &str)]) -> Place {
        Place::of(&Console::in_memory("", variables.iter().copied()).0.environment)
    }

    fn within(folder: &Path) -> Place {
        place(&[("XDG_RUNTIME_DIR", folder.to_str().unwrap())])
    }

    fn name(text: &str) -> Label {
        text.parse().unwrap()
    }

    #[test]
    fn sessions_are_in_the_runtime_folder_or_under_a_number_of_ones_own() {
        assert_eq!(place(&[("XDG_RUNTIME_DIR", "/run/user/7")]).folder, Path::new("/run/user/7/concierge"));
        let own = format!("concierge-{}", geteuid().as_raw());
        assert_eq!(place(&[]).folder, Path::new("/tmp").join(&own));
        assert_eq!(place(&[("XDG_RUNTIME_DIR", "here"), ("TMPDIR", "/x")]).folder, Path::new("/x").join(own));
    }

    #[test]
    fn a_name_is_had_by_one_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = within(folder.path());
        let claim = place.claim(&name("bot")).unwrap();
        let refused = place.claim(&name("bot")).unwrap_err();
        assert_eq!(refused.message(), "the session bot is alive already");
        place.claim(&name("other")).unwrap();
        drop(claim);
        place.claim(&name("bot")).unwrap();
    }

    #[test]
    fn folder_and_socket_are_closed_to_others_and_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = within(folder.path());
        let claim = place.claim(&name("bot")).unwrap();
        let _listener = claim.listen().unwrap();
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&place.folder), mode(claim.socket())), (0o700, 0o600));
        assert_eq!(place.names().unwrap(), [name("bot")]);
        drop(claim);
        assert_eq!(place.names().unwrap(), []);
        // What one leaves behind who was killed.
        drop(UnixListener::bind(place.socket(&name("bot")).unwrap()).unwrap());
        assert_eq!(place.names().unwrap(), [name("bot")]);
        place.claim(&name("bot")).unwrap().listen().unwrap();
    }

    #[test]
    fn a_folder_that_others_can_look_into_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = within(folder.path());
        DirBuilder::new().mode(0o755).create(&place.folder).unwrap();
        let refused = place.claim(&name("bot")).unwrap_err();
        assert_eq!(refused.exit(), Exit::LocalIo);
        assert!(refused.hinted().unwrap().starts_with("make it yours alone: chmod 700"), "{refused:?}");
        assert!(place.names().is_err());
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let place = within(folder.path());
        symlink(elsewhere.path(), &place.folder).unwrap();
        assert!(place.claim(&name("bot")).is_err());
        fs::remove_file(&place.folder).unwrap();
        drop(place.claim(&name("bot")).unwrap());
        fs::remove_file(place.lock(&name("bot"))).unwrap();
        symlink(elsewhere.path().join("precious"), place.lock(&name("bot"))).unwrap();
        assert!(place.claim(&name("bot")).is_err());
        assert!(!elsewhere.path().join("precious").exists());
    }

    #[test]
    fn a_path_that_is_too_long_for_a_socket_is_told_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let place = within(&folder.path().join("x".repeat(80)));
        let refused = place.claim(&name(&"n".repeat(64))).unwrap_err();
        assert_eq!(refused.exit(), Exit::LocalIo);
        assert!(refused.message().contains("the system takes 107"), "{refused:?}");
    }
}
