//! How a path on this machine that was begun can go on.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most names of a folder that are looked at.
const MOST: usize = 10_000;

/// The files and folders that a path can go on to; after a folder there is a slash. Hidden ones only where a dot was typed.
pub(super) fn paths(begun: &str) -> Vec<String> {
    paths_from(std::env::var("HOME").ok().as_deref(), begun)
}

/// The same for whoever has this home folder, which `~/` stands for.
fn paths_from(home: Option<&str>, begun: &str) -> Vec<String> {
    let (folder, name) = begun.rfind('/').map_or(("", begun), |slash| begun.split_at(slash + 1));
    let place = match (folder.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ if folder.is_empty() => PathBuf::from("."),
        _ => PathBuf::from(folder),
    };
    let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
    let found = entries.take(MOST).flatten().filter_map(|entry| {
        let found = entry.file_name().into_string().ok()?;
        let is_meant = found.starts_with(name) && (!found.starts_with('.') || name.starts_with('.'));
        // Through links, as those that are typed are followed.
        let slash = if is_meant && entry.path().is_dir() { "/" } else { "" };
        is_meant.then(|| format!("{folder}{found}{slash}"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_on_to_what_is_there() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("maps")).unwrap();
        for name in ["map.json", "notes", ".hidden", "maps/north"] {
            fs::write(home.path().join(name), "").unwrap();
        }
        let root = home.path().to_str().unwrap();
        let paths = |begun: &str| {
            let mut found = paths(&format!("{root}/{begun}"));
            found.sort();
            let names = found.iter().map(|path| path.strip_prefix(root).unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(paths("ma"), ["/map.json", "/maps/"]);
        assert_eq!(paths(""), ["/map.json", "/maps/", "/notes"]);
        assert_eq!((paths(".h"), paths("maps/")), (vec!["/.hidden".into()], vec!["/maps/north".into()]));
        assert_eq!(paths_from(Some(root), "~/maps/"), ["~/maps/north"]);
        assert!(paths_from(None, "~/maps/").is_empty());
        assert!(paths("nothing/x").is_empty() && paths("x").is_empty());
    }
}
