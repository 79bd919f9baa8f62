//! What is fetched, and where on this side each file goes: decided before anything moves.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use concierge_client::files::{FileInfo, Files};

use super::{
    get::GetArgs,
    landing::{Ground, names},
    trouble::{is_within, listed, no_folder},
};
use crate::{
    command::Context,
    failure::{Failure, without_number},
    grammar::{Remote, RemotePlace},
};

/// A file that is to be fetched.
pub(super) struct Wanted {
    pub client: String,
    pub path: String,
    /// How large it is, in bytes, where that is known already.
    pub size: Option<u64>,
    pub goes: Goes,
}

/// Where a file goes.
pub(super) enum Goes {
    /// To the output.
    Out,
    /// To a place below a folder.
    To {
        ground: Arc<Ground>,
        names: Vec<OsString>,
        /// The place as it is told.
        shown: PathBuf,
    },
}

/// What is to be fetched.
#[derive(Default)]
pub(super) struct Plan {
    pub wanted: Vec<Wanted>,
    /// What cannot be.
    pub failures: Vec<Failure>,
    grounds: BTreeMap<PathBuf, Arc<Ground>>,
    taken: BTreeSet<PathBuf>,
}

impl Plan {
    /// What these arguments ask for. Folders are looked up at the gateway.
    pub(super) async fn make(
        arguments: &GetArgs,
        out: bool,
        store: &Files,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let mut plan = Self::default();
        let mut lists = BTreeMap::new();
        for Remote { client, place } in &arguments.remote {
            match place {
                RemotePlace::File(path) if out => plan.add_out(client, path),
                RemotePlace::File(path) => plan.add_file(client, path, arguments)?,
                RemotePlace::Folder(folder) => {
                    let files = match lists.entry(client) {
                        Entry::Occupied(entry) => entry.into_mut(),
                        Entry::Vacant(entry) => entry.insert(listed(store, client, context).await?),
                    };
                    plan.add_folder(client, folder, files, arguments.into.as_deref())?;
                }
            }
        }
        Ok(plan)
    }

    fn add_out(&mut self, client: &str, path: &str) {
        self.wanted.push(Wanted {
            client: client.to_owned(),
            path: path.to_owned(),
            size: None,
            goes: Goes::Out,
        });
    }

    fn add_file(&mut self, client: &str, path: &str, arguments: &GetArgs) -> Result<(), Failure> {
        let (folder, name) = if let Some(file) = &arguments.fetched_as {
            target(file)?
        } else {
            let name = path.rsplit('/').next().unwrap_or(path);
            (arguments.into.clone().unwrap_or_default(), name.to_owned())
        };
        self.add((client, path, None), folder, &name, arguments.into.is_some())
    }

    fn add_folder(
        &mut self,
        client: &str,
        folder: &str,
        files: &[FileInfo],
        into: Option<&Path>,
    ) -> Result<(), Failure> {
        let own = folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(client);
        let into = into.unwrap_or(Path::new(own));
        let mut is_empty = true;
        for file in files.iter().filter(|file| is_within(&file.path, folder)) {
            is_empty = false;
            let rest = file.path.strip_prefix(folder).unwrap_or(&file.path);
            let rest = if folder.is_empty() { rest } else { rest.strip_prefix('/').unwrap_or(rest) };
            self.add((client, &file.path, Some(file.size)), into.to_owned(), rest, true)?;
        }
        if is_empty {
            self.failures.push(no_folder(client, folder, files));
        }
        Ok(())
    }

    /// A file that goes to a path below a folder.
    fn add(
        &mut self,
        (client, path, size): (&str, &str, Option<u64>),
        folder: PathBuf,
        below: &str,
        make: bool,
    ) -> Result<(), Failure> {
        let names = match names(below) {
            Ok(names) => names,
            Err(why) => {
                let message = format!("{client}/{path} cannot have its name here: {why}");
                self.failures.push(Failure::local(message).hint("-O gives a file another name"));
                return Ok(());
            }
        };
        let shown = folder.join(below);
        if !self.taken.insert(shown.clone()) {
            let message = format!("two files would both be {}", shown.display());
            return Err(Failure::usage(message).hint("fetch them one by one, with -O or --into"));
        }
        let goes = Goes::To { ground: self.ground(folder, make)?, names, shown };
        self.wanted.push(Wanted { client: client.to_owned(), path: path.to_owned(), size, goes });
        Ok(())
    }

    fn ground(&mut self, folder: PathBuf, make: bool) -> Result<Arc<Ground>, Failure> {
        if let Some(ground) = self.grounds.get(&folder) {
            return Ok(Arc::clone(ground));
        }
        let path = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let hint = if make { "may you write there?" } else { "--into makes a folder that is not there" };
        let opened = Ground::open(path, make).map_err(|error| {
            Failure::local(format!("could not use the folder {}: {}", path.display(), without_number(&error)))
                .hint(hint)
        })?;
        let ground = Arc::new(opened);
        self.grounds.insert(folder, Arc::clone(&ground));
        Ok(ground)
    }
}

/// A path that was asked for, as a folder and a name in it.
fn target(file: &Path) -> Result<(PathBuf, String), Failure> {
    let is_folder = file.as_os_str().as_encoded_bytes().ends_with(b"/") || file.is_dir();
    match (file.parent(), file.file_name().and_then(|name| name.to_str())) {
        (Some(folder), Some(name)) if !is_folder => Ok((folder.to_owned(), name.to_owned())),
        _ => {
            Err(Failure::usage(format!("{} is no file's name", file.display())).hint("--into is for folders"))
        }
    }
}
