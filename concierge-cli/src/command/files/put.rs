//! `files put`: stores files, folders, and what comes in.

use std::path::PathBuf;

use clap::Args;
use concierge_client::files::{Files, Source};

use super::{
    MOST_PARALLEL, PARALLEL,
    checksum::hexadecimal,
    gather::{Gathered, Item, Origin, Wanted, gather},
    input::pieces,
    many::{Outcome, Teller, Trouble},
    records::FileStored,
    trouble::listed,
};
use crate::{
    command::{Context, Place},
    failure::Failure,
    grammar::parse_remote_path,
    output::Transfers,
};

const EXAMPLES: &str = "\
Examples:
  concierge files put map.json --hold                          # until Ctrl-C
  concierge files put maps notes.txt --to shared --hold        # until Ctrl-C
  date | concierge files put - --as now.txt
  concierge hold desk
  concierge --session desk files put maps
  concierge hold --stop desk

A folder is stored with what is in it, under its own name; symbolic links in it are left out. Files
are there as long as the client that stored them: a session's stay when the command is done, and so
do those of the REPL until one leaves. Without either, --hold stays until it is interrupted.";

/// `files put`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PutArgs {
    /// Files and folders; `-` for the input
    #[arg(value_name = "FILE", required = true)]
    pub paths: Vec<PathBuf>,
    /// Store it under this name
    #[arg(long = "as", value_name = "NAME", value_parser = parse_remote_path, conflicts_with = "into_folder")]
    pub stored_as: Option<String>,
    /// Store them in this folder
    #[arg(long = "to", value_name = "FOLDER", value_parser = parse_remote_path)]
    pub into_folder: Option<String>,
    /// Stay until interrupted, and the files with it
    #[arg(long)]
    pub hold: bool,
    /// How many files move at one time
    #[arg(long, value_name = "COUNT", default_value_t = PARALLEL, value_parser = clap::value_parser!(u8).range(1..=MOST_PARALLEL))]
    pub parallel: u8,
}

pub(super) async fn put(arguments: PutArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, place, .. } = context;
    if arguments.stored_as.is_some() && arguments.paths.len() > 1 {
        return Err(Failure::usage("--as is a name for one, and there are several")
            .hint("put them one by one, or into a folder with --to"));
    }
    let Gathered { items, left_out, failures } = found(&arguments).await?;
    for told in &left_out {
        output.note(told);
    }
    if items.is_empty() && failures.is_empty() {
        return Err(Failure::local("there is nothing to store").hint("a folder is stored by the files in it"));
    }
    let store = link.files().await?;
    let owner = link.who().name;
    let size = items.iter().map(|item| item.size).sum();
    let transfers = Transfers::start(output, "storing", items.len(), size);
    let outcome = Outcome::new(failures);
    let work = |item| store_one(item, &owner, &store, &transfers, *place);
    let teller = Teller { output, transfers: Some(&transfers) };
    let tell = |stored: &_| teller.one(stored);
    let outcome = outcome.each(items, arguments.parallel.into(), work, tell).await?;
    transfers.end();
    if outcome.done.is_empty() {
        return outcome.end(output, "stored");
    }
    teller.all(&outcome.done)?;
    if let Place::Session(_) = place {
        // For whoever completes names; what comes of it is not what was asked for.
        let _ = listed(&store, &owner, context).await;
    }
    let ended = outcome.end(output, "stored");
    match place {
        Place::Shell { .. } if link.session().is_none() && arguments.hold => {
            if let Err(failure) = &ended {
                output.failure(failure);
            }
            output.note(&format!("`files get {owner}/…` fetches them until this is interrupted (Ctrl-C)"));
            Err(link.closed().await)
        }
        Place::Shell { .. } if link.session().is_none() => {
            output.note(
                "they are gone now, with the client that stored them; `--hold` keeps them, and so do the REPL and `concierge hold`",
            );
            ended
        }
        _ => ended,
    }
}

async fn found(arguments: &PutArgs) -> Result<Gathered, Failure> {
    let PutArgs { paths, stored_as, into_folder, .. } = arguments.clone();
    let looking = tokio::task::spawn_blocking(move || {
        gather(Wanted { paths: &paths, name: stored_as.as_deref(), folder: into_folder.as_deref() })
    });
    looking.await.map_err(|error| Failure::local(format!("could not look for the files: {error}")))?
}

async fn store_one(
    item: Item,
    owner: &str,
    store: &Files,
    transfers: &Transfers,
    place: Place<'_>,
) -> Result<FileStored, Trouble> {
    let Item { origin, path, .. } = item;
    let (source, from) = match origin {
        Origin::Path(from) => (Source::path(&from), from.display().to_string()),
        Origin::Input => (Source::stream(pieces(place.take_input()?), None), "-".to_owned()),
    };
    let transfer = transfers.file(&path);
    let moved =
        move |progress: concierge_client::files::Progress| transfer.reached(progress.bytes, progress.total);
    let stored = store.put(&path, source).progress(moved).await;
    let stored = stored.map_err(|error| Trouble::from(error).about(&from))?;
    Ok(FileStored {
        client: owner.to_owned(),
        path,
        size: stored.size,
        sha256: hexadecimal(stored.sha256),
        replaced: stored.replaced,
    })
}
