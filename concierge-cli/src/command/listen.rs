//! `listen`: subscribes, and prints messages.

use clap::Args;
use concierge_client::{
    Event,
    payload::{Message, SelfUnsubscribe, ServiceName, Target},
};

use super::{
    Context, Place,
    missing::explain,
    stream::{Feed, Limits, follow},
};
use crate::{exit::Exit, failure::Failure, grammar::parse_service};

const EXAMPLES: &str = "\
Examples:
  concierge listen chat news
  concierge --name bob listen -n 1 --json
  concierge listen chat --for 10s";

/// `listen`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListenArgs {
    /// The services to subscribe to
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    pub services: Vec<ServiceName>,
    /// In a held session: stay subscribed afterwards
    #[arg(long, requires = "services")]
    pub keep: bool,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
}

/// `unlisten`
#[derive(Debug, Clone, Args)]
pub(crate) struct UnlistenArgs {
    /// The services to unsubscribe from
    #[arg(value_name = "SERVICE", required = true, value_parser = parse_service)]
    pub services: Vec<ServiceName>,
}

pub(super) async fn listen(arguments: ListenArgs, context: &Context<'_>) -> Result<(), Failure> {
    let ListenArgs { services, keep, limits } = arguments;
    if keep && matches!(context.place, Place::Shell { .. }) && context.link.session().is_none() {
        return Err(Failure::usage(
            "nothing stays subscribed when this command leaves: --keep is for sessions",
        )
        .hint("hold a session: concierge hold NAME; then concierge --session NAME listen …"));
    }
    // Before subscribing: a message may come right behind the answer.
    let mut feed = Feed::open(context);
    for service in &services {
        subscribe(service, keep, context).await?;
    }
    let endless = limits.count.is_none() && limits.span.is_none();
    match context.place {
        Place::Session(shown) if endless && !shown.goes_apart() => {
            if services.is_empty() {
                context
                    .output
                    .note("messages are shown as they come; `listen SERVICE` subscribes to a service");
            }
            return Ok(());
        }
        Place::Session(_) => {}
        Place::Shell { .. } => announce(&services, context),
    }
    let mut open = services.clone();
    follow(&mut feed, limits, context.output, |event| match event {
        Event::Message(message) => {
            Ok(services.is_empty() || services.iter().any(|name| is_of(message, name)))
        }
        Event::ServiceDeleted { service } if open.contains(&service.name) => {
            open.retain(|name| *name != service.name);
            let message = format!("the service {:?} was deleted", service.name.as_str());
            if open.is_empty() {
                return Err(Failure::new(Exit::NotFound, message));
            }
            context.output.note(&message);
            Ok(false)
        }
        _ => Ok(false),
    })
    .await
}

/// Ends subscriptions.
pub(crate) async fn unlisten(services: Vec<ServiceName>, context: &Context<'_>) -> Result<(), Failure> {
    for service in services {
        match context.link.call(SelfUnsubscribe { service }).await {
            Ok(result) => context.output.record(&result)?,
            Err(error) => return Err(explain(error, context.link).await),
        }
    }
    Ok(())
}

async fn subscribe(service: &ServiceName, keep: bool, context: &Context<'_>) -> Result<(), Failure> {
    match context.link.listen(service.clone(), keep).await {
        Ok(result) if matches!(context.place, Place::Session(_)) => context.output.record(&result),
        Ok(_) => Ok(()),
        Err(error) => Err(explain(error, context.link).await),
    }
}

fn announce(services: &[ServiceName], context: &Context<'_>) {
    let name = context.link.who().name;
    let what = match services {
        [] => "what is sent to it".to_owned(),
        services => services.iter().map(|service| format!("#{service}")).collect::<Vec<_>>().join(", "),
    };
    let message = format!("{name} listens to {what}");
    if context.output.is_terminal() {
        // Whoever looks at it would else wonder whether it works, and under which name it can be reached.
        context.output.note(&message);
    } else {
        context.output.detail(&message);
    }
}

/// Whether a message came by a service.
fn is_of(message: &Message, name: &ServiceName) -> bool {
    match &message.target {
        Target::Service { service } | Target::ServiceClientUuid { service, .. } => service == name,
        _ => false,
    }
}
