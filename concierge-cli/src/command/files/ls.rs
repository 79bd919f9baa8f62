//! `files ls`: what a client has stored.

use clap::Args;

use super::{
    records::{Entries, FileListed},
    trouble::{is_within, listed, no_folder},
};
use crate::{
    command::{Context, Place},
    failure::Failure,
    grammar::{Remote, RemotePlace, parse_remote},
    output::Format,
};

/// `files ls`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  concierge files ls bob\n  concierge files ls bob/photos/ --json")]
pub(crate) struct LsArgs {
    /// Whose; or `bob/FOLDER/`. Without one, one's own
    #[arg(value_name = "CLIENT", value_parser = parse_remote)]
    pub listed: Option<Remote>,
}

pub(super) async fn list(arguments: LsArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, place: surroundings, .. } = context;
    let store = link.files().await?;
    let is_own = arguments.listed.is_none();
    let (client, place) = match arguments.listed {
        Some(Remote { client, place }) => (client.to_string(), place),
        None => (link.who().name, RemotePlace::Folder(String::new())),
    };
    let all = listed(&store, &client, context).await?;
    let (RemotePlace::File(path) | RemotePlace::Folder(path)) = &place;
    // `bob/maps` is a folder to whoever lists it, and a file if it is one.
    let meant = |file: &str| is_within(file, path) || (file == path && matches!(place, RemotePlace::File(_)));
    let (files, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|file| meant(&file.path));
    if files.is_empty() && !others.is_empty() {
        return Err(no_folder(&client, path, &others));
    }
    if files.is_empty() && output.format() == Format::Human {
        let is_passing = is_own && matches!(surroundings, Place::Shell { .. }) && link.session().is_none();
        let hint = if is_passing {
            ": each command is a client of its own, gone when it ends; `files ls CLIENT` lists another's"
        } else {
            ""
        };
        output.note(&format!("{client} has no files{hint}"));
        return Ok(());
    }
    let files: Vec<_> = files.into_iter().map(|file| FileListed { client: client.clone(), file }).collect();
    output.record(&Entries(&files))
}
