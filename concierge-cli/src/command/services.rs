//! `services`: lists, shows, opens and deletes them.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use concierge_client::{
    Event,
    payload::{
        ClientFetchAll, Intent, Nickname, Rejection, ServiceCreate, ServiceDelete, ServiceFetch,
        ServiceFetchAll, ServiceFetchResult, ServiceName,
    },
};
use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Context, Place,
    missing::explain,
    wait::{Change, Patience, Sought, wait},
};
use crate::{
    exit::Exit,
    failure::Failure,
    grammar::{parse_name, parse_service},
    link::{CallFailure, Link},
    output::{Format, Names, Output, ServiceCreated, ServiceShown, Services},
};

const CREATE_EXAMPLES: &str = "\
Examples:
  concierge services create lobby --hold                        # until Ctrl-C
  concierge services create lobby --title 'The lobby' --hold    # until Ctrl-C";

const RM_EXAMPLES: &str = "\
Examples:
  concierge hold desk
  concierge --session desk services create lobby
  concierge --session desk services rm lobby
  concierge hold --stop desk";

/// What the help of `services` ends with.
pub(crate) const SERVICES_EXAMPLES: &str = "\
Examples:
  concierge services ls
  concierge services show chat --json
  concierge services create lobby --hold    # until Ctrl-C";

const WAIT_EXAMPLES: &str = "\
Examples:
  concierge services wait chat
  concierge services wait chat news --for 30s
  concierge services wait party --gone --for 1m

It shows them when all are there; those that are there already are not waited for. Not in time: 5.";

/// `services`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ServicesCommand {
    /// List all services
    #[command(
        visible_alias = "list",
        after_help = "Examples:\n  concierge services ls\n  concierge services ls --json"
    )]
    Ls,
    /// Show a service, its owner and its subscribers
    #[command(after_help = "Examples:\n  concierge services show chat")]
    Show(ServiceArgs),
    /// Open a service; it is there as long as the client that opened it
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// Delete a service of one's own
    #[command(visible_alias = "delete", after_help = RM_EXAMPLES)]
    Rm(ServiceArgs),
    /// Wait until services are there, or gone
    #[command(after_help = WAIT_EXAMPLES)]
    Wait(ServiceWaitArgs),
}

/// A service's name.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// The service's name
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    pub service: ServiceName,
}

/// `services create`
#[derive(Debug, Clone, Args)]
pub(crate) struct CreateArgs {
    /// The service's name
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    pub service: ServiceName,
    /// How the service is shown to people
    #[arg(long = "title", value_name = "TEXT", value_parser = parse_name::<Nickname>)]
    pub title: Option<Nickname>,
    /// Keep it open until interrupted
    #[arg(long)]
    pub hold: bool,
}

/// `services wait`
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceWaitArgs {
    /// The services' names
    #[arg(value_name = "SERVICE", required = true, value_parser = parse_service)]
    pub services: Vec<ServiceName>,
    /// For what, and how long
    #[command(flatten)]
    pub patience: Patience,
}

pub(super) async fn services(command: ServicesCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        ServicesCommand::Ls => list(context).await,
        ServicesCommand::Show(arguments) => show(arguments, context).await,
        ServicesCommand::Create(arguments) => create(arguments, context).await,
        ServicesCommand::Rm(arguments) => remove(arguments, context).await,
        ServicesCommand::Wait(arguments) => wait_for(arguments, context).await,
    }
}

async fn list(context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, .. } = context;
    let result = link.call(ServiceFetchAll {}).await?;
    if result.services.is_empty() && output.format() == Format::Human {
        output.note("there are no services; `services create NAME` opens one");
        return Ok(());
    }
    let names = names(link, output).await?;
    output.record(&Services { result, names })
}

async fn show(arguments: ServiceArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, .. } = context;
    match link.call(ServiceFetch { service: arguments.service }).await {
        Ok(result) => {
            let names = names(link, output).await?;
            output.record(&ServiceShown { result, names })
        }
        Err(error) => Err(explain(error, link).await),
    }
}

async fn create(arguments: CreateArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, place, .. } = context;
    let CreateArgs { service, title, hold } = arguments;
    let result = link.call(ServiceCreate { service, nickname: title }).await?;
    let (successful, owner) = (result.successful, result.service.owner_uuid);
    let name = result.service.name.clone();
    let names = if successful { Names::new() } else { names(link, output).await? };
    output.record(&ServiceCreated { result, names })?;
    if !successful && owner != link.who().uuid {
        return Err(Failure::new(
            Exit::Rejected,
            format!("the service {:?} belongs to another client", name.as_str()),
        )
        .hint(format!("choose another name, or subscribe to it: listen '{name}'")));
    }
    match place {
        Place::Shell { .. } if link.session().is_some() => Ok(()),
        Place::Shell { .. } if hold => {
            output
                .note(&format!("{name:?} is open until this is interrupted (Ctrl-C)", name = name.as_str()));
            Err(link.closed().await)
        }
        Place::Shell { .. } => {
            output.note(
                "it is gone now, with the client that opened it; `--hold` keeps it open, and so do the REPL and `concierge hold`",
            );
            Ok(())
        }
        Place::Session(_) => Ok(()),
    }
}

async fn remove(arguments: ServiceArgs, context: &Context<'_>) -> Result<(), Failure> {
    let Context { link, output, place, .. } = context;
    let name = arguments.service.clone();
    match link.call(ServiceDelete { service: arguments.service }).await {
        Ok(result) => output.record(&result),
        Err(error @ CallFailure::Rejected(Rejection::Refused { desc: None })) => {
            let failure = Failure::from(error)
                .because(&format!("only the client that opened {:?} may delete it", name.as_str()));
            Err(match place {
                Place::Shell { .. } if link.session().is_none() => failure
                    .hint("each command is a client of its own: open and delete it in one REPL or script, or on a held session"),
                _ => failure,
            })
        }
        Err(error) => Err(explain(error, link).await),
    }
}

async fn wait_for(arguments: ServiceWaitArgs, context: &Context<'_>) -> Result<(), Failure> {
    let found = wait(&arguments.services, arguments.patience, context).await?;
    if found.is_empty() {
        return Ok(());
    }
    let names = names(context.link, context.output).await?;
    for result in found {
        context.output.record(&ServiceShown { result, names: names.clone() })?;
    }
    Ok(())
}

impl Sought for ServiceName {
    type Found = ServiceFetchResult;
    const INTENT: Intent = Intent::Services;

    fn what(&self) -> String {
        format!("the service {:?}", self.as_str())
    }

    fn change(&self, event: &Event) -> Option<Change> {
        match event {
            Event::ServiceCreated { service } if service.name == *self => Some(Change::Came),
            Event::ServiceDeleted { service } if service.name == *self => Some(Change::Went),
            _ => None,
        }
    }

    fn look<'a>(&'a self, link: &'a Link) -> BoxFuture<'a, Result<Option<ServiceFetchResult>, Failure>> {
        async move {
            match link.call(ServiceFetch { service: self.clone() }).await {
                Ok(result) => Ok(Some(result)),
                Err(CallFailure::Rejected(Rejection::UnknownService { .. })) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
        .boxed()
    }
}

/// Who is who, for showing owners by name; programs are given the payload as it is.
async fn names(link: &Link, output: &Output) -> Result<Names, Failure> {
    if output.format() != Format::Human {
        return Ok(BTreeMap::new());
    }
    let clients = link.call(ClientFetchAll {}).await?.clients;
    Ok(clients.into_iter().map(|client| (client.uuid, client.name.to_string())).collect())
}
