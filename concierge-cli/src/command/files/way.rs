//! The way to a folder that is not there: what was made of it, and does not stay for nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folders that were made, each in the one before it. Those that are empty then are gone when this is.
#[derive(Default)]
pub(super) struct Way(Vec<PathBuf>);

impl Way {
    /// Makes a folder, and those it is in, as far as they are not there.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        let mut missing = Vec::new();
        for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            if folder.try_exists()? {
                break;
            }
            missing.push(folder);
        }
        let mut way = Self::default();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                Ok(()) => way.0.push(folder.to_owned()),
                // Somebody else made it meanwhile, whose it is then.
                Err(_) if folder.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(way)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // What has something in it stays, and with it what that is in.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_and_is_empty_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        fs::create_dir(at("mine")).unwrap();
        for path in ["a/b/c", "mine/a/b", "a/../b"] {
            let way = Way::make(&at(path)).unwrap();
            assert!(at(path).is_dir());
            drop(way);
        }
        let kept = Way::make(&at("x/y/z")).unwrap();
        fs::write(at("x/y/file"), "").unwrap();
        drop(kept);
        let left = |path: &str| {
            let names = fs::read_dir(at(path)).unwrap().map(|entry| entry.unwrap().file_name().into_string());
            names.map(Result::unwrap).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(left(""), ["mine".to_owned(), "x".to_owned()].into());
        assert_eq!((left("mine").len(), left("x/y")), (0, ["file".to_owned()].into()));
    }

    #[test]
    fn a_way_that_leads_nowhere_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let name = "x".repeat(300);
        for path in [format!("a/b/{name}"), "file/a/b".to_owned()] {
            assert!(Way::make(&home.path().join(path)).is_err());
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
