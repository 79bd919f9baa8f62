//! `clients`: who is there.

use clap::{Args, Subcommand};
use concierge_client::{
    Event,
    payload::{Client, ClientFetch, ClientFetchAll, ClientFetchResult, Intent, Rejection},
};
use futures_util::{FutureExt, future::BoxFuture};
use uuid::Uuid;

use super::{
    Context,
    missing::{explain, no_client},
    wait::{Change, Patience, Sought, wait},
};
use crate::{
    failure::Failure,
    grammar::text,
    link::{CallFailure, Link},
};

const WAIT_EXAMPLES: &str = "\
Examples:
  concierge clients wait bob
  concierge clients wait bob carol --for 30s
  concierge clients wait carol --gone --for 1m

It shows them when all are there; those that are there already are not waited for. Not in time: 5.";

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
    /// Wait until clients are there, or gone
    #[command(after_help = WAIT_EXAMPLES)]
    Wait(ClientWaitArgs),
}

/// A client.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    /// A name or a uuid
    #[arg(value_name = "CLIENT")]
    pub client: String,
}

/// `clients wait`
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientWaitArgs {
    /// Names or uuids
    #[arg(value_name = "CLIENT", required = true)]
    pub clients: Vec<String>,
    /// For what, and how long
    #[command(flatten)]
    pub patience: Patience,
}

/// Which client is meant.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    Named(String),
    Known(Uuid),
}

pub(super) async fn clients(command: ClientsCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        ClientsCommand::Ls => {
            let result = context.link.call(ClientFetchAll {}).await?;
            context.output.record(&result)
        }
        ClientsCommand::Show(arguments) => show(arguments, context).await,
        ClientsCommand::Wait(arguments) => wait_for(arguments, context).await,
    }
}

impl Meant {
    fn by(word: &str) -> Self {
        match Uuid::try_parse(word) {
            Ok(uuid) if word.len() == 36 => Self::Known(uuid),
            _ => Self::Named(text(word.strip_prefix('@').unwrap_or(word)).into_owned()),
        }
    }

    fn is(&self, client: &Client) -> bool {
        match self {
            Self::Named(name) => client.name == **name,
            Self::Known(uuid) => client.uuid == *uuid,
        }
    }

    /// The protocol fetches a client by its id; a name is looked up among those who are there.
    async fn uuid(&self, link: &Link) -> Result<Option<Uuid>, CallFailure> {
        if let Self::Known(uuid) = self {
            return Ok(Some(*uuid));
        }
        let found = link.call(ClientFetchAll {}).await?.clients;
        Ok(found.into_iter().find(|client| self.is(client)).map(|client| client.uuid))
    }
}

async fn show(arguments: ClientArgs, context: &Context<'_>) -> Result<(), Failure> {
    let link = context.link;
    let meant = Meant::by(&arguments.client);
    let uuid = match (meant.uuid(link).await?, meant) {
        (Some(uuid), _) | (None, Meant::Known(uuid)) => uuid,
        (None, Meant::Named(name)) => return Err(no_client(&name, link).await),
    };
    match link.call(ClientFetch { uuid }).await {
        Ok(result) => context.output.record(&result),
        Err(error) => Err(explain(error, link).await),
    }
}

async fn wait_for(arguments: ClientWaitArgs, context: &Context<'_>) -> Result<(), Failure> {
    let meant: Vec<_> = arguments.clients.iter().map(|client| Meant::by(client)).collect();
    for result in wait(&meant, arguments.patience, context).await? {
        context.output.record(&result)?;
    }
    Ok(())
}

impl Sought for Meant {
    type Found = ClientFetchResult;
    const INTENT: Intent = Intent::Presence;

    fn what(&self) -> String {
        match self {
            Self::Named(name) => format!("the client {name:?}"),
            Self::Known(uuid) => format!("the client {uuid}"),
        }
    }

    fn change(&self, event: &Event) -> Option<Change> {
        match event {
            Event::ClientJoined { client } if self.is(client) => Some(Change::Came),
            Event::ClientLeft { client } if self.is(client) => Some(Change::Went),
            _ => None,
        }
    }

    fn look<'a>(&'a self, link: &'a Link) -> BoxFuture<'a, Result<Option<ClientFetchResult>, Failure>> {
        async move {
            let Some(uuid) = self.uuid(link).await? else { return Ok(None) };
            match link.call(ClientFetch { uuid }).await {
                Ok(result) => Ok(Some(result)),
                Err(CallFailure::Rejected(Rejection::UnknownUuid { .. })) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
        .boxed()
    }
}
