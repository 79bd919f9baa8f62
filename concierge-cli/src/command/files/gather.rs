//! Which files are stored under which names: those that were named, and those in the folders that were, without following links.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, without_number},
    grammar::text,
};

/// The most files that are stored at one time.
const MOST: usize = 100_000;

/// A file that is to be stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Where it comes from.
    pub origin: Origin,
    /// What it is stored as.
    pub path: String,
    /// How large it is, in bytes, where that is known.
    pub size: Option<u64>,
}

/// Where a file comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file on this side.
    Path(PathBuf),
    /// The input of the program.
    Input,
}

/// What is to be stored, as it was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Files and folders, and `-`.
    pub paths: &'a [PathBuf],
    /// Another name for the only one of them.
    pub name: Option<&'a str>,
    /// The folder that they go into.
    pub folder: Option<&'a str>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// What is to be stored.
    pub items: Vec<Item>,
    /// What is left out, and why.
    pub left_out: Vec<String>,
    /// What could not be read.
    pub failures: Vec<Failure>,
}

/// Whether a path means the input.
fn is_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Looks for what is to be stored. It may take its time.
pub(super) fn gather(wanted: Wanted<'_>) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    let prefix = wanted.folder.map(|folder| format!("{folder}/")).unwrap_or_default();
    for path in wanted.paths {
        if is_input(path) {
            let name = wanted.name.ok_or_else(|| {
                Failure::usage("what comes in needs a name").hint("give it one: `files put - --as NAME`")
            })?;
            gathered.items.push(Item { origin: Origin::Input, path: name.to_owned(), size: None });
            continue;
        }
        let path = &meant(path);
        match begin(path, &prefix, wanted.name) {
            Ok(Start::File(item)) => gathered.items.push(item),
            Ok(Start::Folder(prefix)) => gathered.walk(path, &prefix)?,
            Err(failure) => gathered.failures.push(failure),
        }
    }
    gathered.check_names()?;
    Ok(gathered)
}

/// What a path turned out to be.
enum Start {
    File(Item),
    /// A folder, and what goes before the names in it.
    Folder(String),
}

/// A path that was typed as a JSON string, as names can be, when it is no file's as it stands.
fn meant(path: &Path) -> PathBuf {
    match path.to_str().map(text) {
        Some(text) if *text != *path.as_os_str() && !path.exists() => PathBuf::from(text.as_ref()),
        _ => path.to_owned(),
    }
}

fn begin(path: &Path, prefix: &str, name: Option<&str>) -> Result<Start, Failure> {
    // A link that was named is meant: only those that are found in a folder are not followed.
    let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let own = match (name, path.file_name()) {
        (Some(name), _) => Some(name),
        (None, Some(own)) => Some(own.to_str().ok_or_else(|| no_text(path))?),
        // `.` and `..` and `/`: what is in them goes right into the folder.
        (None, None) => None,
    };
    if found.is_dir() {
        let prefix = own.map_or_else(|| prefix.to_owned(), |own| format!("{prefix}{own}/"));
        return Ok(Start::Folder(prefix));
    }
    let own = own.ok_or_else(|| no_text(path))?;
    let size = found.is_file().then_some(found.len());
    Ok(Start::File(Item { origin: Origin::Path(path.to_owned()), path: format!("{prefix}{own}"), size }))
}

impl Gathered {
    /// Adds what is in a folder, at any depth, in the order of the names.
    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<(), Failure> {
        let before = self.items.len();
        let mut found = BTreeMap::new();
        let mut folders = vec![(folder.to_owned(), prefix.to_owned())];
        while let Some((folder, prefix)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.failures.push(unreadable(&folder, &error));
                    continue;
                }
            };
            for entry in entries {
                let entry = match entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) {
                    Ok((path, about)) => (path, about),
                    Err(error) => {
                        self.failures.push(unreadable(&folder, &error));
                        continue;
                    }
                };
                let (path, about) = entry;
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                    self.failures.push(no_text(&path));
                    continue;
                };
                let stored = format!("{prefix}{name}");
                if about.is_dir() {
                    folders.push((path, stored + "/"));
                } else if about.is_file() {
                    found.insert(stored, (path, about.len()));
                } else {
                    let what = if about.is_symlink() { "a symbolic link" } else { "no file" };
                    self.left_out.push(format!("left out: {}, {what}", path.display()));
                }
                if self.items.len() + found.len() + folders.len() > MOST {
                    return Err(Failure::usage(format!("there are more than {MOST} files in it"))
                        .hint("put parts of it, one after the other")
                        .within(&path_shown(&folder)));
                }
            }
        }
        let items = found.into_iter().map(|(path, (from, size))| Item {
            origin: Origin::Path(from),
            path,
            size: Some(size),
        });
        self.items.extend(items);
        if self.items.len() == before {
            self.left_out.push(format!("there are no files in {}", folder.display()));
        }
        Ok(())
    }

    /// No two files have one name.
    fn check_names(&self) -> Result<(), Failure> {
        let mut taken = BTreeMap::new();
        for item in &self.items {
            if let Some(other) = taken.insert(&item.path, &item.origin) {
                let message =
                    format!("{} and {} would both be {:?}", shown(other), shown(&item.origin), item.path);
                return Err(Failure::usage(message).hint("put them one by one, with --as or --to"));
            }
        }
        Ok(())
    }
}

/// What a file is called in messages.
fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Path(path) => path_shown(path),
        Origin::Input => "the input".to_owned(),
    }
}

fn path_shown(path: &Path) -> String {
    path.display().to_string()
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::local(format!("could not read {}: {}", path.display(), without_number(error)));
    match error.kind() {
        io::ErrorKind::NotFound if is_for_shells(path) => {
            failure.hint("only a shell makes something of `~` and `*`: here a path is written out")
        }
        io::ErrorKind::NotFound => failure.hint("a path is seen from the folder one works in"),
        _ => failure,
    }
}

fn is_for_shells(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    text.starts_with(b"~") || text.contains(&b'*')
}

fn no_text(path: &Path) -> Failure {
    Failure::local(format!("the name of {} is no UTF-8, which names at a gateway are", path.display()))
        .hint("store it by itself under another name, with --as")
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStrExt, fs::symlink};

    use super::*;

    /// A folder with `a.txt`, `maps/north.json`, `maps/deep/x`, a link to a file, one to a folder, and an empty folder.
    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        fs::create_dir_all(path("maps/deep")).unwrap();
        fs::create_dir_all(path("empty/er")).unwrap();
        for (name, text) in [("a.txt", "a"), ("maps/north.json", "{}"), ("maps/deep/x", "xxx")] {
            fs::write(path(name), text).unwrap();
        }
        symlink("/etc/passwd", path("maps/link")).unwrap();
        symlink("/etc", path("maps/folder")).unwrap();
        symlink("a.txt", path("named")).unwrap();
        home
    }

    fn gathered(
        home: &tempfile::TempDir,
        paths: &[&str],
        name: Option<&str>,
        folder: Option<&str>,
    ) -> Result<Gathered, Failure> {
        let paths: Vec<_> = paths
            .iter()
            .map(|path| if *path == "-" { path.into() } else { home.path().join(path) })
            .collect();
        gather(Wanted { paths: &paths, name, folder })
    }

    fn names(gathered: &Gathered) -> Vec<(&str, Option<u64>)> {
        gathered.items.iter().map(|item| (item.path.as_str(), item.size)).collect()
    }

    #[test]
    fn files_go_by_their_own_names_and_folders_keep_what_is_in_them() {
        let home = home();
        let found = gathered(&home, &["a.txt", "maps"], None, None).unwrap();
        let all = [("a.txt", Some(1)), ("maps/deep/x", Some(3)), ("maps/north.json", Some(2))];
        assert_eq!(names(&found), all);
        assert!(found.failures.is_empty());
        let found = gathered(&home, &["maps/deep/x", "maps/deep"], None, Some("to/it")).unwrap();
        assert_eq!(names(&found), [("to/it/x", Some(3)), ("to/it/deep/x", Some(3))]);
        assert_eq!(names(&gathered(&home, &["maps/."], None, None).unwrap())[0].0, "maps/deep/x");
        assert_eq!(names(&gathered(&home, &["maps/deep/.."], None, None).unwrap())[0].0, "deep/x");
        assert_eq!(names(&gathered(&home, &["maps"], Some("m"), None).unwrap())[0].0, "m/deep/x");
        assert_eq!(names(&gathered(&home, &["a.txt"], Some("b/c"), None).unwrap()), [("b/c", Some(1))]);
    }

    #[test]
    fn links_in_folders_are_not_followed_and_told() {
        let home = home();
        let mut found = gathered(&home, &["maps"], None, None).unwrap();
        found.left_out.sort();
        let told = |name: &str| format!("left out: {}/maps/{name}, a symbolic link", home.path().display());
        assert_eq!(found.left_out, [told("folder"), told("link")]);
        assert_eq!(names(&gathered(&home, &["named"], None, None).unwrap()), [("named", Some(1))]);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_is_found() {
        let home = home();
        fs::write(home.path().join(std::ffi::OsStr::from_bytes(b"maps/\xff")), "").unwrap();
        let found = gathered(&home, &["nothing", "maps", "empty"], None, None).unwrap();
        assert_eq!(found.items.len(), 2);
        let told: Vec<_> = found.failures.iter().map(Failure::message).collect();
        assert!(told[0].ends_with("nothing: No such file or directory"), "{told:?}");
        assert!(told[1].contains("is no UTF-8"), "{told:?}");
        assert!(found.failures.iter().all(|failure| failure.hinted().is_some()));
        assert!(found.left_out.iter().any(|told| told.starts_with("there are no files in")));
    }

    #[test]
    fn two_files_never_have_one_name() {
        let home = home();
        let failure = gathered(&home, &["maps/deep/x", "./maps/deep/x"], None, None).unwrap_err();
        assert!(failure.message().ends_with("would both be \"x\""), "{failure:?}");
        assert!(gathered(&home, &["-"], None, None).is_err());
        let input = gathered(&home, &["-"], Some("x"), None).unwrap();
        assert_eq!(names(&input), [("x", None)]);
    }
}
