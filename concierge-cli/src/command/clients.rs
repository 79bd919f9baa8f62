//! `clients`: who is there.

use clap::{Args, Subcommand};
use concierge_client::payload::{ClientFetch, ClientFetchAll};
use uuid::Uuid;

use super::{
    Context,
    missing::{explain, no_client},
};
use crate::{failure::Failure, grammar::text};

/// What the help of `clients` ends with.
pub(crate) const CLIENTS_EXAMPLES: &str = "\
Examples:
  concierge clients ls
  concierge clients show bob --json";

/// `clients`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List everybody who is connected
    #[command(
        visible_alias = "list",
        after_help = "Examples:\n  concierge clients ls\n  concierge clients ls --json"
    )]
    Ls,
    /// Show a client and what it subscribes to
    #[command(after_help = "Examples:\n  concierge clients show bob")]
    Show(ClientArgs),
}

/// A client.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    /// A name or a uuid
    #[arg(value_name = "CLIENT")]
    pub client: String,
}

pub(super) async fn clients(command: ClientsCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        ClientsCommand::Ls => {
            let result = context.link.call(ClientFetchAll {}).await?;
            context.output.record(&result)
        }
        ClientsCommand::Show(arguments) => show(arguments, context).await,
    }
}

/// The protocol fetches a client by its id; a name is looked up among those who are there.
async fn show(arguments: ClientArgs, context: &Context<'_>) -> Result<(), Failure> {
    let link = context.link;
    let uuid = match Uuid::try_parse(&arguments.client) {
        Ok(uuid) if arguments.client.len() == 36 => uuid,
        _ => {
            let name = text(arguments.client.strip_prefix('@').unwrap_or(&arguments.client));
            let found = link.call(ClientFetchAll {}).await?.clients;
            match found.into_iter().find(|found| found.name == *name) {
                Some(found) => found.uuid,
                None => return Err(no_client(&name, link).await),
            }
        }
    };
    match link.call(ClientFetch { uuid }).await {
        Ok(result) => context.output.record(&result),
        Err(error) => Err(explain(error, link).await),
    }
}
