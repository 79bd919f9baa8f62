//! The disk under the file store: a private folder of files that are named by numbers. What clients call their files never
//! comes here, so that no name can lead anywhere.
//!
//! A file lives no longer than the connection of its owner, and so no longer than this process: the folder is empty when a gateway
//! starts and gone when it ends, and one that was killed is cleared away by the next. Nothing is synced, as nothing is there to be
//! found after a crash.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, ResolveFlags, flock, fstat, fstatvfs, mkdir, openat,
    openat2, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use tracing::debug;
use uuid::Uuid;

use crate::files::FileId;

/// What every gateway that uses a folder holds, so that no two sweep each other's files away.
const LOCK: &str = "lock";

/// How the names of temporary folders begin.
const TEMPORARY: &str = "concierge-files-";

/// The folder of a gateway's files.
#[derive(Debug)]
pub(in crate::net) struct Disk {
    folder: OwnedFd,
    path: PathBuf,
    /// Whether the folder was made for this gateway, and goes with it.
    is_own: bool,
    /// Locked while the gateway runs; the system unlocks it when the process ends, however.
    _lock: File,
}

impl Disk {
    /// Takes a folder into use: makes it if need be, locks it, and removes what an earlier gateway left in it.
    pub(in crate::net) fn open(path: &Path) -> io::Result<Self> {
        Self::make(path, false)
    }

    /// A new folder among the system's temporary ones, removed when this is dropped. Those of gateways that were killed are removed
    /// now.
    pub(in crate::net) fn temporary() -> io::Result<Self> {
        Self::temporary_in(&std::env::temp_dir())
    }

    fn temporary_in(place: &Path) -> io::Result<Self> {
        if let Err(error) = sweep_abandoned(place) {
            debug!(%error, "what gateways left in the temporary folder stays there");
        }
        let make = || Self::make(&place.join(format!("{TEMPORARY}{}", Uuid::new_v4().simple())), true);
        // Another gateway that starts now may take a folder without a lock for an abandoned one.
        make().or_else(|_| make()).or_else(|_| make())
    }

    fn make(path: &Path, is_own: bool) -> io::Result<Self> {
        match mkdir(path, Mode::RWXU) {
            Err(Errno::EXIST) if is_own => return Err(Errno::EXIST.into()),
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = openat(CWD, path, flags, Mode::empty())?;
        let lock = lock(&folder, OFlags::CREATE)?;
        let disk = Self { folder, path: path.to_owned(), is_own, _lock: lock };
        disk.sweep()?;
        Ok(disk)
    }

    /// Removes every file of an earlier gateway. What is none of a gateway's is left alone.
    fn sweep(&self) -> io::Result<()> {
        for entry in Dir::read_from(&self.folder)? {
            if let Some(id) = entry?.file_name().to_str().ok().and_then(number) {
                self.remove(id)?;
            }
        }
        Ok(())
    }

    /// A new file to write to. Nobody sees it before it is named in the store.
    pub(super) fn create(&self, id: FileId) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        self.resolve(id, flags, Mode::RUSR | Mode::WUSR)
    }

    /// A file to write to, behind what it has already.
    pub(super) fn append(&self, id: FileId) -> io::Result<File> {
        self.resolve(id, OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC, Mode::empty())
    }

    /// A file to read from.
    pub(super) fn read(&self, id: FileId) -> io::Result<File> {
        self.resolve(id, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Removes a file. Who reads it goes on reading. One that is not there is as good as removed.
    pub(super) fn remove(&self, id: FileId) -> io::Result<()> {
        match unlinkat(&self.folder, name(id), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How many bytes are free for this gateway.
    pub(super) fn free(&self) -> io::Result<u64> {
        let status = fstatvfs(&self.folder)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    /// Opens a number in the folder, and nothing that somebody has put in its place.
    fn resolve(&self, id: FileId, flags: OFlags, mode: Mode) -> io::Result<File> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = match openat2(&self.folder, name(id), flags, mode, resolve) {
            // A system without it.
            Err(Errno::NOSYS | Errno::PERM) => {
                openat(&self.folder, name(id), flags | OFlags::NOFOLLOW, mode)?
            }
            opened => opened?,
        };
        Ok(file.into())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What cannot be removed is for the next gateway.
        let _left = self.sweep();
        if self.is_own {
            let _left = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Takes the lock of a folder.
fn lock(folder: &OwnedFd, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | more;
    let lock = openat(folder, LOCK, flags, Mode::RUSR | Mode::WUSR)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => io::Error::new(io::ErrorKind::ResourceBusy, "another gateway uses it"),
        error => error.into(),
    })?;
    if fstat(&lock)?.st_nlink == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it was removed a moment ago"));
    }
    Ok(lock.into())
}

/// Removes the temporary folders of gateways of this user that were killed: whoever runs still holds the lock of its own.
fn sweep_abandoned(place: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(place)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(TEMPORARY)) {
            // One of somebody else, one in use: not for this gateway to remove.
            let _left = remove_abandoned(&place.join(name));
        }
    }
    Ok(())
}

fn remove_abandoned(path: &Path) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let folder = openat(CWD, path, flags, Mode::empty())?;
    if fstat(&folder)?.st_uid != geteuid().as_raw() {
        return Ok(());
    }
    let lock = lock(&folder, OFlags::empty())?;
    let disk = Disk { folder, path: path.to_owned(), is_own: false, _lock: lock };
    disk.sweep()?;
    unlinkat(&disk.folder, LOCK, AtFlags::empty())?;
    // Fails when there is something that is none of a gateway's.
    std::fs::remove_dir(path)
}

fn name(id: FileId) -> String {
    format!("{:016x}", id.0)
}

fn number(name: &str) -> Option<FileId> {
    let id = u64::from_str_radix(name, 16).ok().map(FileId)?;
    // Only what was written by `name`.
    (self::name(id) == name).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_removed_is_gone() {
        let disk = Disk::temporary().unwrap();
        disk.create(FileId(7)).unwrap().write_all(b"seven").unwrap();
        assert_eq!(disk.create(FileId(7)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut reading = disk.read(FileId(7)).unwrap();
        disk.remove(FileId(7)).unwrap();
        let mut text = String::new();
        reading.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), disk.read(FileId(7)).is_err()), ("seven", true));
        disk.remove(FileId(7)).unwrap();
        assert!(disk.free().unwrap() > 0);
    }

    #[test]
    fn a_temporary_folder_goes_with_its_gateway() {
        let disk = Disk::temporary().unwrap();
        let path = disk.path.clone();
        disk.create(FileId(1)).unwrap();
        drop(disk);
        assert!(!path.exists());
    }

    #[test]
    fn the_folder_of_a_gateway_that_was_killed_goes_with_the_next_and_no_other() {
        let place = Disk::temporary().unwrap();
        let abandon = |number: u32, is_ours: bool| {
            let path = place.path.join(format!("{TEMPORARY}{number}"));
            drop(Disk::make(&path, false).unwrap());
            // As if it was killed: the lock is gone, the folder and its files are not.
            std::fs::write(path.join(name(FileId(1))), "left").unwrap();
            if !is_ours {
                std::fs::write(path.join("notes.txt"), "mine").unwrap();
            }
            path
        };
        let (abandoned, with_notes) = (abandon(1, true), abandon(2, false));
        let other = place.path.join("other");
        drop(Disk::make(&other, false).unwrap());
        std::fs::write(other.join(name(FileId(1))), "other").unwrap();
        let link = place.path.join(format!("{TEMPORARY}link"));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let running = Disk::temporary_in(&place.path).unwrap();
        running.create(FileId(1)).unwrap();
        let next = Disk::temporary_in(&place.path).unwrap();
        assert!(!abandoned.exists() && with_notes.join("notes.txt").exists() && next.path.exists());
        assert!(running.read(FileId(1)).is_ok() && link.exists() && other.join(name(FileId(1))).exists());
    }

    #[test]
    fn a_folder_is_swept_of_what_a_gateway_left_and_of_nothing_else() {
        let place = Disk::temporary().unwrap();
        let path = place.path.join("files");
        let disk = Disk::open(&path).unwrap();
        disk.create(FileId(1)).unwrap();
        std::fs::write(path.join("notes.txt"), "mine").unwrap();
        let refused = Disk::open(&path).unwrap_err();
        assert_eq!((refused.kind(), disk.read(FileId(1)).is_ok()), (io::ErrorKind::ResourceBusy, true));
        drop(disk);
        assert!(!path.join(name(FileId(1))).exists() && path.join("notes.txt").exists());
        // One that was killed left this.
        std::fs::write(path.join(name(FileId(2))), "left").unwrap();
        let disk = Disk::open(&path).unwrap();
        assert!(disk.read(FileId(2)).is_err() && path.join("notes.txt").exists());
    }

    #[test]
    fn a_link_in_a_files_place_is_not_followed() {
        let disk = Disk::temporary().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", disk.path.join(name(FileId(3)))).unwrap();
        assert!(disk.read(FileId(3)).is_err() && disk.create(FileId(3)).is_err());
    }
}
