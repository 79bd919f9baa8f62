//! A disk whose power can be cut: a file system in a file, which the system is told to drop as it is. What was not synced is gone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// How large it is.
const SIZE: u64 = 64 << 20;

/// Has a file system take nothing any more, and drop what is not on the disk, its own journal included: `FS_IOC_SHUTDOWN` with
/// `FS_SHUTDOWN_FLAGS_NOLOGFLUSH`.
const CUT: &str = "import fcntl, os, struct, sys\n\
                   folder = os.open(sys.argv[1], os.O_RDONLY)\n\
                   fcntl.ioctl(folder, 0x8004587d, struct.pack('I', 2))";

/// A disk with ext4 on it. It is gone when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A disk that is mounted.
    ///
    /// # Errors
    ///
    /// When this system does not let this user mount one, or lacks what makes one.
    pub fn new() -> Result<Self> {
        let disk = Self { folder: tempfile::tempdir()? };
        std::fs::create_dir(disk.path())?;
        std::fs::File::create(disk.image())?.set_len(SIZE)?;
        run(Command::new("mkfs.ext4").arg("-q").arg(disk.image()))?;
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// The power is gone. Whoever writes there hears of an error, until the disk is mounted again.
    ///
    /// # Errors
    ///
    /// When the file system cannot do it.
    pub fn cut(&self) -> Result<()> {
        run(Command::new("python3").args(["-c", CUT]).arg(self.path()))
    }

    /// The power is back. Nobody has a file open there any more.
    ///
    /// # Errors
    ///
    /// When somebody has.
    pub fn mount_again(&self) -> Result<()> {
        run(Command::new("umount").arg(self.path()))?;
        self.mount()
    }

    fn mount(&self) -> Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever is still there has it until it ends. What was never mounted need not go.
        let _none = run(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

fn run(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.output().with_context(|| format!("there is no `{name}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{name}`: {}", said.trim());
    Ok(())
}
