//! `event listen`: subscribes to events of web applications, and prints them.

mod access;
mod condition;
mod records;
mod trouble;
mod visit;

use std::path::PathBuf;

use clap::Args;
use concierge_client::telegraphy::{EventName, Position};

use self::{
    access::Access,
    condition::{Condition, Filters},
    visit::Visit,
};
use crate::{
    command::{event::EventContext, limits::Limits, stream::Persistence},
    failure::Failure,
    grammar::parse_name,
};

const EXAMPLES: &str = "\
Examples:
  concierge event listen todo.Task --history 1    # until Ctrl-C
  concierge event listen todo.Task --where priority__gte=3 --for 2s
  concierge event listen todo.Task --history 5 --idle 1s -o raw
  concierge event listen todo.Task todo.Note --lazy --for 2s --json
  concierge event listen todo.Task --permanent --resume tasks.session --for 2s

FIELD__LOOKUP=VALUE as Django has it; VALUE is JSON, or else text; all of them must hold. It connects again when the connection is \
lost, and says where events may be missing. Guaranteed events are acknowledged when they are written.";

/// `event listen`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListenArgs {
    /// The events to listen to
    #[arg(value_name = "EVENT", required = true, value_parser = parse_name::<EventName>)]
    pub events: Vec<EventName>,
    /// Only those of which this is true, such as `priority__gte=3`; may be repeated
    #[arg(long = "where", value_name = "FILTER", help_heading = "Filters")]
    pub wanted: Vec<Condition>,
    /// Only those of which this is not true; may be repeated
    #[arg(long = "exclude", value_name = "FILTER", help_heading = "Filters")]
    pub excluded: Vec<Condition>,
    /// Filters as JSON, such as {"$or": [{"priority": 1}, {"late": true}]}
    #[arg(long, value_name = "JSON", help_heading = "Filters")]
    pub filters: Option<Filters>,
    /// So many of the last events first, as far as the gateway has kept them
    #[arg(long, value_name = "COUNT", help_heading = "Past events", conflicts_with = "since", value_parser = clap::value_parser!(u32).range(1..))]
    pub history: Option<u32>,
    /// Everything after this place in the event's log, as far as the gateway has kept it
    #[arg(long, value_name = "EPOCH:OFFSET", help_heading = "Past events", value_parser = parse_position)]
    pub since: Option<Position>,
    /// How it subscribes.
    #[command(flatten)]
    pub subscription: Subscription,
    /// With what it comes in.
    #[command(flatten)]
    pub access: Access,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
    /// What becomes of it when the connection is lost
    #[command(flatten)]
    pub persistence: Persistence,
}

/// How events are subscribed to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Subscription {
    /// Also events that are not registered, or not for this client, yet: wait for them
    #[arg(long, help_heading = "Subscription")]
    pub lazy: bool,
    /// Stay subscribed while there is no connection, for as long as the session lives
    #[arg(long, help_heading = "Subscription")]
    pub permanent: bool,
    /// Come back to the session in this file, and keep the session in it
    #[arg(long, value_name = "FILE", help_heading = "Subscription")]
    pub resume: Option<PathBuf>,
    /// Do not acknowledge guaranteed events: they come again
    #[arg(long, help_heading = "Subscription")]
    pub no_ack: bool,
}

impl ListenArgs {
    /// The paths on this machine that it names.
    pub(crate) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.subscription.resume.iter_mut().chain(&mut self.access.token_file)
    }

    /// What makes no sense together.
    fn check(&self) -> Result<(), Failure> {
        let mut events = self.events.clone();
        events.sort_unstable();
        if events.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Failure::usage("an event is there twice: each has one subscription"));
        }
        if self.since.is_some() && events.len() > 1 {
            return Err(Failure::usage("--since is a place in the log of one event, and there are several"));
        }
        Ok(())
    }
}

fn parse_position(text: &str) -> Result<Position, String> {
    let place = text.rsplit_once(':').filter(|(epoch, _)| !epoch.is_empty());
    let place = place.and_then(|(epoch, offset)| Some(Position::new(epoch, offset.parse().ok()?)));
    place.ok_or_else(|| "expected EPOCH:OFFSET, as `event listen --json` tells it in `meta`".to_owned())
}

/// Listens until a limit is reached, somebody stops it, or nothing can come any more.
pub(super) async fn listen(arguments: ListenArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    arguments.check()?;
    let mut visit = tokio::select! {
        begun = Visit::begin(&arguments, context) => begun?,
        exit = context.stopped() => return Err(Failure::silent(exit)),
    };
    let subscribed = tokio::select! {
        subscribed = visit.subscribe(&arguments, context) => subscribed,
        exit = context.stopped() => Err(Failure::silent(exit)),
    };
    let result = match subscribed {
        Ok(()) => visit.follow(&arguments, context).await,
        Err(failure) => Err(failure),
    };
    visit.leave().await;
    result
}
