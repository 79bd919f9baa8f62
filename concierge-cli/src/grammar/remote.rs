//! Where files are at a gateway: `bob/PATH` a file of a client, `bob/FOLDER/` one of its folders, `bob` and `bob/` everything it has.

use std::collections::BTreeSet;

use concierge_client::payload::ClientName;

use super::{parse_name, text};

/// A file or a folder of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Whose it is.
    pub client: ClientName,
    /// Which it is.
    pub place: RemotePlace,
}

/// Where something is within a client's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RemotePlace {
    /// A file.
    File(String),
    /// A folder, by its path without a slash at the end; the empty one is everything.
    Folder(String),
}

/// Reads where something is. A client may be written with the sign it has as a target.
pub(crate) fn parse_remote(word: &str) -> Result<Remote, String> {
    let whole = text(word);
    let whole = whole.strip_prefix('@').unwrap_or(&whole);
    let (client, path) = whole.split_once('/').unwrap_or((whole, ""));
    let client = parse_name::<ClientName>(client).map_err(|error| error.to_string())?;
    let place = match path.strip_suffix('/') {
        _ if path.is_empty() => RemotePlace::Folder(String::new()),
        Some(folder) => RemotePlace::Folder(parse_remote_path(folder)?),
        None => RemotePlace::File(parse_remote_path(path)?),
    };
    Ok(Remote { client, place })
}

/// Reads a path within a folder. A slash at its end means a folder, and is left out.
pub(crate) fn parse_remote_path(word: &str) -> Result<String, String> {
    let path = text(word);
    let path = path.strip_suffix('/').unwrap_or(&path);
    match path.split('/').find(|name| matches!(*name, "" | "." | "..")) {
        Some("") => Err("a name in it is empty: a path has names with / between".to_owned()),
        Some(name) => Err(format!("no name in a path is {name:?}")),
        None => Ok(path.to_owned()),
    }
}

/// How a path that was begun can go on: to a file, or into the next folder.
pub(crate) fn steps(begun: &str, paths: &[String]) -> BTreeSet<String> {
    let next = |path: &String| {
        let rest = path.strip_prefix(begun)?;
        let end = rest.find('/').map_or(path.len(), |slash| begun.len() + slash + 1);
        path.get(..end).map(str::to_owned)
    };
    paths.iter().filter_map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str) -> Result<(String, RemotePlace), String> {
        parse_remote(word).map(|Remote { client, place }| (client.to_string(), place))
    }

    #[test]
    fn a_slash_at_the_end_makes_a_folder() {
        let bob = |place| Ok(("bob".to_owned(), place));
        assert_eq!(read("bob/a b/c"), bob(RemotePlace::File("a b/c".into())));
        assert_eq!(read("@bob/c"), bob(RemotePlace::File("c".into())));
        assert_eq!(read("bob/a/b/"), bob(RemotePlace::Folder("a/b".into())));
        assert_eq!(read("bob/"), bob(RemotePlace::Folder(String::new())));
        assert_eq!(read("bob"), bob(RemotePlace::Folder(String::new())));
        assert_eq!(read(r#""bob/a\"b""#), bob(RemotePlace::File("a\"b".into())));
    }

    #[test]
    fn a_path_goes_on_to_files_and_into_folders() {
        let paths = ["a", "maps/deep/x", "maps/north", "mapx"].map(str::to_owned);
        let next = |begun| steps(begun, &paths).into_iter().collect::<Vec<_>>();
        assert_eq!(next(""), ["a", "maps/", "mapx"]);
        assert_eq!(next("map"), ["maps/", "mapx"]);
        assert_eq!(next("maps/"), ["maps/deep/", "maps/north"]);
        assert!(next("b").is_empty());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for word in
            ["", "/", "/x", "@", "b b/x", "bob//", "bob//x", "bob/../x", "bob/./x", "bob/x/..", "bob:x"]
        {
            assert!(read(word).is_err(), "{word:?}");
        }
        assert_eq!(parse_remote_path("maps/").as_deref(), Ok("maps"));
        assert!(parse_remote_path("/").is_err());
    }
}
