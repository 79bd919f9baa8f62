//! `files`: what clients hand to each other beside their messages. What moves is the SDK's business; what is named, gathered, put in
//! its place on the disk and told is decided here.

mod checksum;
mod gather;
mod get;
mod input;
mod landing;
mod ls;
mod many;
mod plan;
mod put;
mod records;
mod rm;
mod stdout;
mod trouble;
mod way;

use clap::Subcommand;

use self::{get::GetArgs, ls::LsArgs, put::PutArgs, rm::RmArgs};
use super::Context;
use crate::failure::Failure;

/// How many files move at one time, unless something else is said.
const PARALLEL: u8 = 4;

/// The most files that move at one time: what a gateway takes of one client by default.
const MOST_PARALLEL: i64 = 16;

/// What the help of `files` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  concierge files put map.json --hold    # until Ctrl-C
  concierge files ls bob
  concierge files get bob/report.txt";

/// `files`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum FilesCommand {
    /// Store files and folders, for others to fetch
    Put(PutArgs),
    /// Fetch files, folders, or everything a client has stored
    Get(GetArgs),
    /// List the files of a client
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Delete files of one's own
    #[command(visible_alias = "delete")]
    Rm(RmArgs),
}

pub(super) async fn files(command: FilesCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        FilesCommand::Put(arguments) => put::put(arguments, context).await,
        FilesCommand::Get(arguments) => get::get(arguments, context).await,
        FilesCommand::Ls(arguments) => ls::list(arguments, context).await,
        FilesCommand::Rm(arguments) => rm::remove(arguments, context).await,
    }
}
