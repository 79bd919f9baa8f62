//! `files rm`: deletes files of this client.

use std::collections::BTreeSet;

use clap::Args;
use concierge_client::files::{FileError, Files};

use super::{
    PARALLEL,
    many::{Outcome, Teller, Trouble},
    records::FileRemoved,
    trouble::{Asked, explain, is_within, listed},
};
use crate::{
    command::{Context, Place},
    exit::Exit,
    failure::Failure,
    grammar::parse_remote_path,
};

const EXAMPLES: &str = "\
Examples:
  concierge hold desk
  concierge --session desk files put map.json maps
  concierge --session desk files rm map.json
  concierge --session desk files rm -r maps
  concierge hold --stop desk

A command in a shell is a client of its own, which has no files yet: those of a session can be
deleted, and in the REPL those that were stored there.";

/// `files rm`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RmArgs {
    /// Paths in one's own folder
    #[arg(value_name = "PATH", required = true, value_parser = parse_remote_path)]
    pub own: Vec<String>,
    /// Delete folders, with everything in them
    #[arg(long, short)]
    pub recursive: bool,
}

pub(super) async fn remove(arguments: RmArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, place, .. } = context;
    let store = link.files().await?;
    let owner = link.who().name;
    let paths = if arguments.recursive {
        within(&arguments.own, &store, &owner, context).await?
    } else {
        arguments.own
    };
    let work = async |path: String| match store.delete(&path).await {
        Ok(()) => Ok(FileRemoved { client: owner.clone(), path }),
        Err(error) => Err(not_removed(error, &path, &owner, &store, context).await),
    };
    let teller = Teller { output, transfers: None };
    let tell = |removed: &_| teller.one(removed);
    let outcome = Outcome::new(Vec::new()).each(paths, PARALLEL.into(), work, tell).await?;
    teller.all(&outcome.done)?;
    outcome.end(output, "deleted").map_err(|failure| match place {
        Place::Shell { .. } if link.session().is_none() && failure.exit() == Exit::NotFound => failure
            .hint("each command is a client of its own: store and delete in one REPL or script, or on a held session"),
        _ => failure,
    })
}

/// These paths, and what is in those of them that are folders.
async fn within(
    paths: &[String],
    store: &Files,
    owner: &str,
    context: &Context<'_>,
) -> Result<Vec<String>, Failure> {
    let files = listed(store, owner, context).await?;
    let mut meant = BTreeSet::new();
    for path in paths {
        let before = meant.len();
        meant.extend(files.iter().map(|file| &file.path).filter(|file| is_within(file, path)).cloned());
        if meant.len() == before {
            // A file, or nothing, of which the gateway tells.
            meant.insert(path.clone());
        }
    }
    Ok(meant.into_iter().collect())
}

async fn not_removed(
    error: FileError,
    path: &str,
    owner: &str,
    store: &Files,
    context: &Context<'_>,
) -> Trouble {
    let asked = Asked { client: owner, path, typed: "", folder: &format!("files rm -r {path}") };
    explain(error, asked, store, context).await
}
