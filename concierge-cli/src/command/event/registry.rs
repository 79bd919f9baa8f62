//! `event ls`, `event show`, `event unregister`: the events that the gateway knows.

use clap::Args;
use concierge_client::telegraphy::{EventName, PublishError, Publisher};

use super::{
    EventContext,
    records::{EventDetails, EventUnregistered, RegisteredEvents},
    trouble::unknown_event,
};
use crate::{failure::Failure, grammar::parse_name, output::Format};

/// `event ls`
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  concierge event ls\n  concierge event ls 'shop.*' --json")]
pub(crate) struct LsArgs {
    /// Only these: a name, or how names begin and `*`
    #[arg(value_name = "EVENT*")]
    pub pattern: Option<String>,
}

/// `event show`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  concierge event show shop.Order\n  concierge event show shop.Order --jq .fields"
)]
pub(crate) struct ShowArgs {
    /// The event's name
    #[arg(value_name = "EVENT", value_parser = parse_name::<EventName>)]
    pub event: EventName,
}

/// `event unregister`
#[derive(Debug, Clone, Args)]
#[command(after_help = UNREGISTER_EXAMPLES)]
pub(crate) struct UnregisterArgs {
    /// The event's name
    #[arg(value_name = "EVENT", value_parser = parse_name::<EventName>)]
    pub event: EventName,
}

const UNREGISTER_EXAMPLES: &str = "\
Examples:
  concierge event unregister shop.View

Who subscribes to it is told, and stays subscribed for as long as telegraphy.registry_grace says: should it come back within that time,
nothing is lost.";

pub(super) async fn list(arguments: LsArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    let mut events = context.publisher()?.events().await?.events;
    if let Some(directory) = context.directory {
        directory.know_events(events.iter().map(|event| event.definition.name.to_string()).collect());
    }
    if let Some(pattern) = &arguments.pattern {
        events.retain(|event| fits(&event.definition.name, pattern));
    }
    if events.is_empty() && context.output.format() == Format::Human {
        context.output.note(&match arguments.pattern {
            Some(pattern) => format!("no event is called {pattern:?}"),
            None => "no event is registered; `event register FILE` says which there are".to_owned(),
        });
        return Ok(());
    }
    context.output.record(&RegisteredEvents(events))
}

/// Whether a name is meant: the pattern is one, or how one begins.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

pub(super) async fn show(arguments: ShowArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    let (publisher, name) = (context.publisher()?, arguments.event);
    let (event, presence) = tokio::join!(publisher.event(&name), publisher.presence(&name));
    let shown = event.and_then(|event| Ok(EventDetails { event, presence: presence? }));
    match shown {
        Ok(shown) => context.output.record(&shown),
        Err(error) => Err(refused(error, &name, &publisher).await),
    }
}

pub(super) async fn unregister(arguments: UnregisterArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    let (publisher, name) = (context.publisher()?, arguments.event);
    match publisher.undefine(&name).await {
        Ok(()) => {
            context.followed(&[], &[&name]);
            context.output.record(&EventUnregistered(name))
        }
        Err(error) => Err(refused(error, &name, &publisher).await),
    }
}

/// Why something was not done with an event; of one that is not there, which may have been meant.
pub(super) async fn refused(error: PublishError, name: &EventName, publisher: &Publisher) -> Failure {
    let known = async || {
        let listed = publisher.events().await.map(|list| list.events).unwrap_or_default();
        listed.into_iter().map(|event| event.definition.name).collect()
    };
    unknown_event(error, name, known).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_how_names_begin() {
        assert!(fits("shop.Order", "shop.Order") && fits("shop.Order", "shop.*") && fits("a", "*"));
        assert!(!fits("shop.Order", "shop.Ord") && !fits("shop.Order", "Order") && !fits("a*b", "a.*"));
    }
}
