//! Where fetched files land on this side: below a folder, and never elsewhere.
//!
//! What a file is called comes from somebody else, and the folder may hold symbolic links. So folders are opened one below the other,
//! no link is followed, and names are only looked up within the folder that was opened. A file has no name until it is whole, or
//! another one where that cannot be, and what is not finished leaves nothing behind.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
use rustix::fs::{RenameFlags, renameat_with};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, linkat, mkdirat, open, openat, renameat, statat, unlinkat},
    io::Errno,
};
use uuid::Uuid;

use super::way::Way;
use crate::output::is_hostile;

/// The longest name that file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// The most folders that one file is in.
const DEEPEST: usize = 64;

/// A folder below which files land. What was made for them and stayed empty is gone when this is.
pub(super) struct Ground {
    folder: OwnedFd,
    /// The folders that were made below it, the outer ones before the inner ones.
    made_below: Mutex<Vec<Vec<OsString>>>,
    /// What was made of the way to it; gone after what is below it.
    _way: Way,
}

/// A file that is not there yet. What there is of it is gone when this is.
pub(super) struct Landing {
    folder: OwnedFd,
    name: OsString,
    /// What it is called before, while it has to be called anything.
    temporary: String,
    /// The file, as long as it has no name at all: then nothing is left of it even when this process is killed.
    nameless: Option<OwnedFd>,
    replace: bool,
    /// It is there as long as the last of its files.
    _ground: Arc<Ground>,
}

/// The names of a path from elsewhere, if they can be those of a file here.
pub(super) fn names(path: &str) -> Result<Vec<OsString>, &'static str> {
    let names: Vec<_> = path.split('/').collect();
    if names.len() > DEEPEST {
        return Err("it is in more folders than a file may be in");
    }
    names.into_iter().map(|name| check(name).map(|()| name.into())).collect()
}

fn check(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("a name in it is empty"),
        "." | ".." => Err("it leads out of its folder"),
        _ if name.len() > LONGEST_NAME => Err("a name in it is too long"),
        _ if name.contains(is_hostile) => {
            Err("a name in it has characters that cannot be seen or act on a terminal")
        }
        _ => Ok(()),
    }
}

impl Ground {
    /// A folder that is there, or is to be made. It may be anywhere: it was asked for.
    pub(super) fn open(path: &Path, make: bool) -> io::Result<Self> {
        let way = if make { Way::make(path)? } else { Way::default() };
        let folder = open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder, made_below: Mutex::default(), _way: way })
    }

    /// Begins a file: the folders it is in are made, and it gets a name for the time being if it needs one. Without `replace`
    /// nothing may be in its place.
    pub(super) fn begin(self: &Arc<Self>, names: &[OsString], replace: bool) -> io::Result<(Landing, File)> {
        let (name, folders) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut landing = Landing {
            folder: self.enter(folders)?,
            name: name.clone(),
            temporary: format!(".concierge-{}.part", Uuid::new_v4().simple()),
            nameless: None,
            replace,
            _ground: Arc::clone(self),
        };
        let file = landing.create()?;
        Ok((landing, file))
    }

    /// A folder at any depth, made as far as it is not there.
    fn enter(&self, names: &[OsString]) -> io::Result<OwnedFd> {
        let mut folder = self.folder.try_clone()?;
        for (depth, name) in names.iter().enumerate() {
            folder = match within(&folder, name) {
                Err(Errno::NOENT) => {
                    match mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                        Ok(()) => self.made_below().push(names.iter().take(depth + 1).cloned().collect()),
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    within(&folder, name)
                }
                opened => opened,
            }
            .map_err(|error| no_folder(error, name))?;
        }
        Ok(folder)
    }

    /// Removes a folder that was made and has nothing in it.
    fn remove(&self, names: &[OsString]) -> io::Result<()> {
        let Some((last, before)) = names.split_last() else { return Ok(()) };
        let mut folder = self.folder.try_clone()?;
        for name in before {
            folder = within(&folder, name)?;
        }
        Ok(unlinkat(&folder, last, AtFlags::REMOVEDIR)?)
    }

    fn made_below(&self) -> MutexGuard<'_, Vec<Vec<OsString>>> {
        self.made_below.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder in another one. A link is none.
fn within(folder: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

fn no_folder(error: Errno, name: &OsStr) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR => {
            let name = Path::new(name).display().to_string();
            let message = format!("{name:?} is a file or a symbolic link, where a folder has to be");
            io::Error::new(io::ErrorKind::NotADirectory, message)
        }
        error => error.into(),
    }
}

impl Landing {
    fn create(&mut self) -> io::Result<File> {
        self.check_place()?;
        if let Some(file) = nameless(&self.folder) {
            self.nameless = Some(file.try_clone()?);
            return Ok(file.into());
        }
        self.create_named()
    }

    fn create_named(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, &self.temporary, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Whether the file may take its place. A link that is there counts as itself.
    fn check_place(&self) -> io::Result<()> {
        match statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if FileType::from_raw_mode(there.st_mode).is_dir() => {
                Err(io::ErrorKind::IsADirectory.into())
            }
            Ok(_) if !self.replace => Err(io::ErrorKind::AlreadyExists.into()),
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The file is whole: it takes its place.
    pub(super) fn keep(self) -> io::Result<()> {
        self.check_place()?;
        let (folder, from, to) = (&self.folder, OsStr::new(&self.temporary), &self.name);
        if let Some(file) = &self.nameless {
            // Only a name replaces another one.
            let first = if self.replace { from } else { to };
            linkat(CWD, shown_as(file), folder, first, AtFlags::SYMLINK_FOLLOW)?;
            if !self.replace {
                return Ok(());
            }
        }
        if self.replace {
            return Ok(renameat(folder, from, folder, to)?);
        }
        match linkat(folder, from, folder, to, AtFlags::empty()) {
            // Some file systems, of memory cards above all, have no links.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => rename_to_free(folder, from, to),
            linked => Ok(linked?),
        }
    }
}

/// Renames a file, unless there is one of that name already.
fn rename_to_free(folder: &OwnedFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    let renamed = renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE);
    // A name that is free now need not be so a moment later.
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    let renamed = {
        let _ = (folder, from, to);
        rustix::io::Result::<()>::Err(Errno::NOSYS)
    };
    renamed.map_err(|error| match error {
        Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => {
            io::Error::new(io::ErrorKind::Unsupported, "this file system renames only by replacing")
        }
        error => error.into(),
    })
}

/// A new file in a folder, without a name, where the system has that.
#[cfg(target_os = "linux")]
fn nameless(folder: &OwnedFd) -> Option<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(folder, ".", flags, Mode::from_raw_mode(0o666)).ok()?;
    // It gets its name by way of this, which is not everywhere.
    statat(CWD, shown_as(&file), AtFlags::empty()).is_ok().then_some(file)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &OwnedFd) -> Option<OwnedFd> {
    None
}

/// Where Linux shows an open file of this process.
fn shown_as(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

impl Drop for Landing {
    fn drop(&mut self) {
        // It may never have been, and after a rename it is not any more.
        let _ = unlinkat(&self.folder, &self.temporary, AtFlags::empty());
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What has something in it stays.
        for names in self.made_below().iter().rev() {
            let _ = self.remove(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, os::unix::fs::symlink, path::PathBuf};

    use proptest::prelude::*;

    use super::*;

    fn ground(folder: &Path) -> Arc<Ground> {
        Arc::new(Ground::open(folder, true).unwrap())
    }

    fn write(ground: &Arc<Ground>, path: &str, content: &str, replace: bool) -> io::Result<()> {
        let (landing, mut file) = ground.begin(&names(path).unwrap(), replace)?;
        file.write_all(content.as_bytes())?;
        landing.keep()
    }

    /// Everything below a folder, by its path.
    fn everything(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_file_is_there_under_its_name_once_it_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let ground = ground(home.path());
        let (landing, mut file) = ground.begin(&names("maps/north.json").unwrap(), false).unwrap();
        file.write_all(b"{}").unwrap();
        assert!(!home.path().join("maps/north.json").exists());
        landing.keep().unwrap();
        assert_eq!(everything(home.path()), ["maps", "maps/north.json"]);
        assert_eq!(fs::read_to_string(home.path().join("maps/north.json")).unwrap(), "{}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_killed_on_the_way_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("x"), "old").unwrap();
        let ground = ground(home.path());
        for replace in [false, true] {
            let name = if replace { "x" } else { "y" };
            let (landing, mut file) = ground.begin(&names(name).unwrap(), replace).unwrap();
            file.write_all(b"half").unwrap();
            assert_eq!(everything(home.path()), ["x"]);
            // As if the process had ended: nothing is tidied up.
            std::mem::forget(landing);
        }
        assert_eq!(everything(home.path()), ["x"]);
        assert_eq!(fs::read_to_string(home.path().join("x")).unwrap(), "old");
    }

    #[test]
    fn where_every_file_has_a_name_it_is_kept_all_the_same() {
        let home = tempfile::tempdir().unwrap();
        let ground = ground(home.path());
        for (content, replace) in [("old", false), ("new", true)] {
            let (mut landing, _) = ground.begin(&names("x").unwrap(), replace).unwrap();
            landing.nameless = None;
            landing.create_named().unwrap().write_all(content.as_bytes()).unwrap();
            landing.keep().unwrap();
            assert_eq!(fs::read_to_string(home.path().join("x")).unwrap(), content);
        }
        let (landing, _) = ground.begin(&names("y").unwrap(), false).unwrap();
        landing.create_named().unwrap();
        drop(landing);
        assert_eq!(everything(home.path()), ["x"]);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("maps")).unwrap();
        let new = home.path().join("new");
        let grounds = [ground(home.path()), ground(&new)];
        let begun: Vec<_> = ["maps/a/b/c", "maps/a/x", "y"]
            .into_iter()
            .flat_map(|path| grounds.iter().map(move |ground| ground.begin(&names(path).unwrap(), false)))
            .collect();
        drop(begun);
        drop(grounds);
        assert_eq!(everything(home.path()), ["maps"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_when_that_was_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let ground = ground(home.path());
        write(&ground, "x", "old", false).unwrap();
        assert_eq!(write(&ground, "x", "new", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(home.path().join("x")).unwrap(), "old");
        write(&ground, "x", "new", true).unwrap();
        assert_eq!(fs::read_to_string(home.path().join("x")).unwrap(), "new");
        // What came there meanwhile stays, too.
        let (landing, _file) = ground.begin(&names("y").unwrap(), false).unwrap();
        fs::write(home.path().join("y"), "mine").unwrap();
        assert_eq!(landing.keep().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::create_dir(home.path().join("z")).unwrap();
        assert_eq!(write(&ground, "z", "", true).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(everything(home.path()), ["x", "y", "z"]);
    }

    #[test]
    fn where_there_are_no_links_what_is_there_stays_too() {
        let home = tempfile::tempdir().unwrap();
        let folder = &Ground::open(home.path(), false).unwrap().folder;
        let rename = |from: &str, to: &str| rename_to_free(folder, from.as_ref(), to.as_ref());
        for name in ["new", "mine"] {
            fs::write(home.path().join(name), name).unwrap();
        }
        assert_eq!(rename("new", "mine").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(home.path().join("mine")).unwrap(), "mine");
        rename("new", "free").unwrap();
        assert_eq!(everything(home.path()), ["free", "mine"]);
    }

    #[test]
    fn no_link_leads_elsewhere() {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("victim"), "safe").unwrap();
        symlink(elsewhere.path(), home.path().join("folder")).unwrap();
        symlink(elsewhere.path().join("victim"), home.path().join("file")).unwrap();
        symlink("nowhere", home.path().join("dangling")).unwrap();
        let ground = ground(home.path());
        let refused = write(&ground, "folder/victim", "pwned", true).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotADirectory, "{refused}");
        assert!(write(&ground, "folder/new", "pwned", true).is_err());
        for link in ["file", "dangling"] {
            assert_eq!(write(&ground, link, "x", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        // The link itself is what is replaced.
        write(&ground, "file", "new", true).unwrap();
        assert!(!home.path().join("file").is_symlink());
        assert_eq!(fs::read_to_string(elsewhere.path().join("victim")).unwrap(), "safe");
        assert_eq!(everything(elsewhere.path()), ["victim"]);
    }

    #[test]
    fn names_that_lead_elsewhere_or_act_on_a_terminal_are_refused() {
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            ".",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            "\u{1b}[2J",
            "a\u{202e}b",
            "a/\u{7f}",
            "\u{9b}31m",
            "a\u{200b}b",
        ] {
            assert!(names(path).is_err(), "{path:?}");
        }
        assert!(names(&"x".repeat(256)).is_err());
        assert!(names(&vec!["x"; 65].join("/")).is_err());
        assert_eq!(names("a b/größe/日本.txt").unwrap(), ["a b", "größe", "日本.txt"]);
    }

    proptest! {
        #[test]
        fn whatever_a_path_is_its_names_stay_below(path in "[./a\\\\~ \u{0}\u{1b}-]{0,12}") {
            if let Ok(names) = names(&path) {
                let joined: PathBuf = names.iter().collect();
                prop_assert!(joined.is_relative());
                prop_assert!(joined.components().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert_eq!(joined.components().count(), names.len());
            }
        }
    }
}
