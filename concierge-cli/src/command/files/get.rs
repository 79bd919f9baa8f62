//! `files get`: fetches files, folders, or everything that a client has stored.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use concierge_client::files::{FileError, Files, Progress};
use tokio::{
    fs::File,
    io::{AsyncWrite, BufWriter},
};

use super::{
    MOST_PARALLEL, PARALLEL,
    checksum::{Summed, hexadecimal},
    many::{Outcome, Teller, Trouble},
    plan::{Goes, Plan, Wanted},
    records::FileFetched,
    stdout::Stdout,
    trouble::{Asked, explain},
};
use crate::{
    command::{Context, Place},
    failure::{Failure, without_number},
    grammar::{Remote, RemotePlace, parse_remote},
    output::{Format, Transfers},
};

const EXAMPLES: &str = "\
Examples:
  concierge files get bob/report.txt
  concierge files get bob/report.txt -O latest.txt --force
  concierge files get bob/report.txt -O - | wc -c
  concierge files get bob/photos/
  concierge files get bob --into from_bob

A file goes into the folder one works in, under its last name; a folder is fetched into one of its
own name, and everything of a client into one of the client's. With --into, what is fetched goes
right into that folder. Nothing is replaced without --force, and nothing is there before it is whole.
A download that breaks off goes on by itself; the checksum is compared with the gateway's.";

/// How much is written at once, in bytes.
const PIECE: usize = 256 * 1024;

/// `files get`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetArgs {
    /// `bob/PATH` a file, `bob/FOLDER/` a folder, `bob` everything of a client
    #[arg(value_name = "CLIENT/PATH", required = true, value_parser = parse_remote)]
    pub remote: Vec<Remote>,
    /// Write the file there; `-` for the output
    #[arg(long = "as", short = 'O', value_name = "FILE", conflicts_with = "into")]
    pub fetched_as: Option<PathBuf>,
    /// Write into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long, short)]
    pub force: bool,
    /// How many files move at one time
    #[arg(long, value_name = "COUNT", default_value_t = PARALLEL, value_parser = clap::value_parser!(u8).range(1..=MOST_PARALLEL))]
    pub parallel: u8,
}

pub(super) async fn get(arguments: GetArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, .. } = context;
    let out = arguments.fetched_as.as_deref() == Some(Path::new("-"));
    check(&arguments, out, context)?;
    let store = link.files().await?;
    let Plan { wanted, failures, .. } = Plan::make(&arguments, out, &store, context).await?;
    let size = wanted.iter().map(|wanted| wanted.size).sum();
    let transfers = Transfers::start(output, "fetching", wanted.len(), size);
    let work = |wanted| fetch(wanted, arguments.force, &store, &transfers, context);
    let teller = Teller { output, transfers: Some(&transfers) };
    // What went to the output is there itself.
    let tell = |fetched: &_| if out { Ok(()) } else { teller.one(fetched) };
    let outcome = Outcome::new(failures).each(wanted, arguments.parallel.into(), work, tell).await?;
    transfers.end();
    if !out {
        teller.all(&outcome.done)?;
    }
    outcome.end(output, "fetched")
}

/// What makes no sense together.
fn check(arguments: &GetArgs, out: bool, context: &Context<'_>) -> Result<(), Failure> {
    let Context { output, place, .. } = context;
    let is_one = matches!(arguments.remote.as_slice(), [Remote { place: RemotePlace::File(_), .. }]);
    if arguments.fetched_as.is_some() && !is_one {
        return Err(Failure::usage("-O is for one file").hint("--into is for several, and for folders"));
    }
    if !out {
        return Ok(());
    }
    if matches!(place, Place::Session(_)) {
        return Err(Failure::usage("`-` is for the shell: here the output is for results")
            .hint("name a file: -O FILE"));
    }
    if output.is_terminal() && output.format() != Format::Raw {
        return Err(Failure::usage("what is in a file may act on the terminal")
            .hint("-o raw writes it all the same; or write it into a file or a pipe"));
    }
    Ok(())
}

async fn fetch(
    wanted: Wanted,
    force: bool,
    store: &Files,
    transfers: &Transfers,
    context: &Context<'_>,
) -> Result<FileFetched, Trouble> {
    let Wanted { client, path, goes, .. } = wanted;
    let source = Source { client: &client, path: &path, store, transfers, context };
    let (size, sum, file) = match goes {
        Goes::Out => {
            let (size, sum, _) = source.pour(Stdout(context.output), Failure::from).await?;
            (size, sum, "-".to_owned())
        }
        Goes::To { ground, names, shown } => {
            let shown = shown.display().to_string();
            let unwritten = |error| unwritten(&shown, &error);
            let (landing, file) = ground.begin(&names, force).map_err(unwritten)?;
            let writer = BufWriter::with_capacity(PIECE, File::from_std(file));
            let (size, sum, writer) = source.pour(writer, unwritten).await?;
            writer.into_inner().sync_all().await.map_err(unwritten)?;
            landing.keep().map_err(unwritten)?;
            (size, sum, shown)
        }
    };
    Ok(FileFetched { client, path, size, sha256: hexadecimal(sum), file })
}

/// A file at the gateway.
struct Source<'a> {
    client: &'a str,
    path: &'a str,
    store: &'a Files,
    transfers: &'a Transfers,
    context: &'a Context<'a>,
}

impl Source<'_> {
    /// Fetches it into a writer, and flushes that. `unwritten` is what it means when that does not take it.
    async fn pour<W: AsyncWrite + Send + Unpin>(
        &self,
        writer: W,
        unwritten: impl Fn(io::Error) -> Failure,
    ) -> Result<(u64, [u8; 32], W), Trouble> {
        let Self { client, path, store, transfers, context } = self;
        let transfer = transfers.file(&format!("{client}/{path}"));
        let moved = move |progress: Progress| transfer.reached(progress.bytes, progress.total);
        let mut summed = Summed::new(writer);
        match store.get(client, *path).progress(moved).to_writer(&mut summed).await {
            Ok(size) => {
                let (sum, writer) = summed.finish();
                Ok((size, sum, writer))
            }
            Err(FileError::Local { source, .. }) => Err(unwritten(source).into()),
            Err(error) => {
                let (typed, folder) = (format!("{client}/"), format!("files get {client}/{path}/"));
                let asked = Asked { client, path, typed: &typed, folder: &folder };
                Err(explain(error, asked, store, context).await)
            }
        }
    }
}

fn unwritten(file: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Failure::local(format!("{file} is there already")).hint("--force replaces it");
    }
    if error.kind() == io::ErrorKind::IsADirectory {
        return Failure::local(format!("{file} is a folder here, and a file is to be written"))
            .hint("`CLIENT/FOLDER/` with a slash fetches a folder; --into and -O write elsewhere");
    }
    let hint = match error.kind() {
        io::ErrorKind::Unsupported => {
            "--force replaces what may come there meanwhile; --into and -O write elsewhere"
        }
        _ => "is there room, and may you write there? --into and -O write elsewhere",
    };
    Failure::local(format!("could not write {file}: {}", without_number(error))).hint(hint)
}
