//! What went wrong with a file, for whoever asked for it: judged by what is really there.

use concierge_client::files::{FileError, FileInfo, Files};

use super::many::Trouble;
use crate::{
    command::{Context, Place, missing::no_client},
    exit::Exit,
    failure::Failure,
    suggest::nearest,
};

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        let concerns_all =
            matches!(error, FileError::Unsupported | FileError::Denied { .. } | FileError::Connect(_));
        Self { failure: error.into(), concerns_all }
    }
}

impl Trouble {
    /// With the file it is about. What concerns all is about none.
    pub(super) fn about(self, file: &str) -> Self {
        if self.concerns_all {
            return self;
        }
        Self { failure: self.failure.within(file), ..self }
    }
}

/// The files of a client, by path; of one that is not there, who may have been meant.
pub(super) async fn listed(
    store: &Files,
    client: &str,
    context: &Context<'_>,
) -> Result<Vec<FileInfo>, Failure> {
    match store.list(client).await {
        Ok(files) => {
            if let Place::Session(shown) = context.place {
                let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
                shown.learn(client, &paths);
            }
            Ok(files)
        }
        Err(FileError::NotFound { .. }) => Err(no_client(client, context.link).await),
        Err(error) => Err(error.into()),
    }
}

/// A file that somebody asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Whose it is.
    pub client: &'a str,
    /// Its path.
    pub path: &'a str,
    /// What is written before a path of this client.
    pub typed: &'a str,
    /// What is written for a folder of this path.
    pub folder: &'a str,
}

/// A file that was not there; with what may have been meant instead.
pub(super) async fn explain(
    error: FileError,
    asked: Asked<'_>,
    store: &Files,
    context: &Context<'_>,
) -> Trouble {
    let Asked { client, path, typed, .. } = asked;
    let missing = matches!(error, FileError::NotFound { .. } | FileError::Folder);
    let trouble = Trouble::from(error);
    if !missing {
        return trouble.about(&format!("{typed}{path}"));
    }
    match listed(store, client, context).await {
        Ok(files) => {
            let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
            let failure = Failure::new(Exit::NotFound, format!("{client} has no file {path:?}"));
            failure.hint(hint(asked, &paths)).into()
        }
        Err(failure) => failure.into(),
    }
}

/// What may have been meant by a path that is no file's.
fn hint(asked: Asked<'_>, paths: &[&str]) -> String {
    let Asked { path, typed, folder, .. } = asked;
    if paths.iter().any(|file| is_within(file, path)) {
        return format!("it is a folder: `{folder}`");
    }
    match nearest(path, paths.iter().copied()) {
        Some(meant) => format!("did you mean {:?}?", format!("{typed}{meant}")),
        None if typed.is_empty() => "`files ls` lists what is there".to_owned(),
        None => format!("`files ls {}` lists what is there", typed.trim_end_matches('/')),
    }
}

/// Whether a file is in a folder; everything is in the one without a name.
pub(super) fn is_within(file: &str, folder: &str) -> bool {
    folder.is_empty() || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// A client that has files, but none in this folder; with the one of its folders that may have been meant.
pub(super) fn no_folder(client: &str, folder: &str, files: &[FileInfo]) -> Failure {
    if files.is_empty() {
        return Failure::new(Exit::NotFound, format!("{client} has no files"))
            .hint("files are there as long as the client that stored them is connected");
    }
    let folders = files
        .iter()
        .flat_map(|file| file.path.match_indices('/').map(|(at, _)| file.path.get(..at).unwrap_or_default()));
    let failure = Failure::new(Exit::NotFound, format!("{client} has no files in {folder:?}"));
    match nearest(folder, folders) {
        Some(meant) => failure.hint(format!("did you mean {:?}?", format!("{client}/{meant}/"))),
        None => failure.hint(format!("`files ls {client}` lists what is there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_a_folder_or_the_nearest_file() {
        let paths = ["maps/north.json", "maps/south.json", "readme.md"];
        let hint =
            |path: &str, typed: &str| hint(Asked { client: "bob", path, typed, folder: "bob/maps/" }, &paths);
        assert_eq!(hint("maps", "bob/"), "it is a folder: `bob/maps/`");
        assert_eq!(hint("readme.mb", "bob/"), "did you mean \"bob/readme.md\"?");
        assert_eq!(hint("maps/noth.json", ""), "did you mean \"maps/north.json\"?");
        assert_eq!(hint("xyzzy", "bob/"), "`files ls bob` lists what is there");
        assert_eq!(hint("xyzzy", ""), "`files ls` lists what is there");
    }

    #[test]
    fn a_folder_is_told_from_a_name_that_begins_like_it() {
        assert!(is_within("maps/x", "maps") && is_within("maps/x", ""));
        assert!(!is_within("mapsx", "maps") && !is_within("maps", "maps") && !is_within("maps2/x", "maps"));
    }
}
