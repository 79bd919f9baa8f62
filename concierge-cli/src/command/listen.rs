//! `listen`: subscribes, and prints messages.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use concierge_client::{
    Event, Resumed, Role,
    payload::{Message, Rejection, SelfSubscribeResult, SelfUnsubscribe, ServiceName, Target},
};

use super::{
    Context, Place,
    limits::Limits,
    missing::explain,
    stream::{Persistence, Stream},
};
use crate::{
    exit::Exit,
    failure::Failure,
    grammar::parse_service,
    link::{CallFailure, Share},
};

const EXAMPLES: &str = "\
Examples:
  concierge listen chat news               # until Ctrl-C
  concierge --name alice listen -n 1 --json
  concierge listen chat --for 2s
  concierge listen jobs --wait --expect '.data.done'

It connects again when the connection is lost, and says so; what is sent meanwhile is lost.";

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
    /// Wait for services that are not there, or not any more
    #[arg(long)]
    pub wait: bool,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
    /// What becomes of it when the connection is lost
    #[command(flatten)]
    pub persistence: Persistence,
}

/// `unlisten`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  unlisten chat")]
pub(crate) struct UnlistenArgs {
    /// The services to unsubscribe from
    #[arg(value_name = "SERVICE", required = true, value_parser = parse_service)]
    pub services: Vec<ServiceName>,
}

pub(super) async fn listen(arguments: ListenArgs, context: &Context<'_>) -> Result<(), Failure> {
    let ListenArgs { services, keep, wait, limits, .. } = arguments;
    if keep && matches!(context.place, Place::Shell { .. }) && context.link.session().is_none() {
        return Err(Failure::usage(
            "nothing stays subscribed when this command leaves: --keep is for sessions",
        )
        .hint("hold a session: concierge hold NAME; then concierge --session NAME listen …"));
    }
    let in_session = matches!(context.place, Place::Session(_));
    // In a session messages are shown without this command, unless they go somewhere else.
    let shown_anyway =
        matches!(context.place, Place::Session(shown) if !shown.goes_apart()) && limits.is_endless();
    if shown_anyway && services.is_empty() {
        context.output.note("messages are shown as they come; `listen SERVICE` subscribes to a service");
        return Ok(());
    }
    // Before subscribing: a message may come right behind the answer.
    let mut stream = Stream::open(context, limits);
    let mut subscriptions =
        Subscriptions { wanted: services, missing: BTreeSet::new(), shares: BTreeMap::new(), wait, keep };
    for service in subscriptions.wanted.clone() {
        subscriptions.subscribe(&service, context).await?;
    }
    if !in_session {
        announce(&subscriptions.wanted, context);
    }
    // Then what it waits for are the services.
    while !(shown_anyway && subscriptions.missing.is_empty()) {
        let Some(event) = stream.next().await? else { break };
        if subscriptions.handle(&event, context).await? {
            stream.show(&event).await?;
        } else {
            stream.pass_over(&event);
        }
    }
    stream.end()
}

/// What is listened to.
struct Subscriptions {
    /// Everything that was asked for; nothing, for what is sent to this client.
    wanted: Vec<ServiceName>,
    /// Those that are not there.
    missing: BTreeSet<ServiceName>,
    /// What a job gives back when it ends.
    shares: BTreeMap<ServiceName, Share>,
    /// Whether to wait for those.
    wait: bool,
    /// Whether a held session is to stay subscribed.
    keep: bool,
}

impl Subscriptions {
    async fn subscribe(&mut self, service: &ServiceName, context: &Context<'_>) -> Result<(), Failure> {
        match self.join(service, context).await {
            Ok(result) => {
                if self.missing.remove(service) {
                    context.output.note(&format!("#{service} is there"));
                }
                if matches!(context.place, Place::Session(shown) if !shown.goes_apart()) {
                    context.output.record(&result)?;
                }
                Ok(())
            }
            Err(CallFailure::Rejected(Rejection::UnknownService { .. })) if self.wait => {
                if self.missing.insert(service.clone()) {
                    context.output.note(&format!("#{service} is not there; waiting for it"));
                }
                Ok(())
            }
            Err(error) => Err(explain(error, context.link).await),
        }
    }

    /// A job's subscription is its own, the session's stays.
    async fn join(
        &mut self,
        service: &ServiceName,
        context: &Context<'_>,
    ) -> Result<SelfSubscribeResult, CallFailure> {
        let is_job = matches!(context.place, Place::Session(shown) if shown.is_beside());
        if !is_job || self.keep {
            return context.link.listen(service.clone(), self.keep).await;
        }
        let (result, share) = context.link.share(service.clone()).await?;
        self.shares.insert(service.clone(), share);
        Ok(result)
    }

    /// Whether an event is a message that is listened to. Services that come and go change what that is.
    async fn handle(&mut self, event: &Event, context: &Context<'_>) -> Result<bool, Failure> {
        match event {
            Event::Message(message) => {
                return Ok(self.wanted.is_empty() || self.wanted.iter().any(|name| is_of(message, name)));
            }
            Event::ServiceCreated { service } if self.missing.contains(&service.name) => {
                self.try_again(&service.name, context).await?;
            }
            Event::ServiceDeleted { service } if self.wanted.contains(&service.name) => {
                let why = format!("the service {:?} was deleted", service.name.as_str());
                if self.wait {
                    self.missing.insert(service.name.clone());
                    context.output.note(&format!("{why}; waiting for it"));
                } else {
                    self.give_up(&service.name, &why, Exit::NotFound, context)?;
                }
            }
            Event::Resumed(resumed) => self.resume(resumed, context).await?,
            _ => {}
        }
        Ok(false)
    }

    /// Subscribes to what was not there. A connection that breaks meanwhile is told by the stream, and brings back here.
    async fn try_again(&mut self, service: &ServiceName, context: &Context<'_>) -> Result<(), Failure> {
        match self.subscribe(service, context).await {
            Err(failure) if matches!(failure.exit(), Exit::Lost | Exit::TimedOut) => {
                context.output.detail(&format!("not subscribed to #{service}: {}", failure.message()));
                Ok(())
            }
            result => result,
        }
    }

    fn give_up(
        &mut self,
        service: &ServiceName,
        why: &str,
        exit: Exit,
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        self.wanted.retain(|wanted| wanted != service);
        self.missing.remove(service);
        if self.wanted.is_empty() {
            return Err(Failure::new(exit, why).hint("`--wait` waits for services that are not there"));
        }
        context.output.note(why);
        Ok(())
    }

    /// Whoever opened a service may be on the way back too: one that is not there yet is asked for again by the client, and the
    /// stream has told which. One that was refused is lost.
    async fn resume(&mut self, resumed: &Resumed, context: &Context<'_>) -> Result<(), Failure> {
        for lost in resumed.restored.lost.iter().filter(|lost| lost.role == Role::Subscriber) {
            if self.wanted.contains(&lost.service) {
                let service = lost.service.as_str();
                let why = format!("the subscription to {service:?} did not come back: {}", lost.loss);
                self.give_up(&lost.service, &why, Exit::Rejected, context)?;
            }
        }
        // Those that were never there may have come meanwhile.
        for service in self.missing.clone() {
            self.try_again(&service, context).await?;
        }
        Ok(())
    }
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
