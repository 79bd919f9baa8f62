//! `events`: everything the gateway tells, or a part of it.

use clap::Args;
use concierge_client::{Event, payload::ServiceName};

use super::{
    Context, Place,
    limits::Limits,
    stream::{Persistence, Stream, follow},
};
use crate::{
    failure::Failure,
    grammar::parse_service,
    output::{client_of, service_of},
    suggest::nearest,
};

const EXAMPLES: &str = "\
Examples:
  concierge events                         # until Ctrl-C
  concierge events --type CLIENT_JOINED -n 1 --json
  concierge events --from bob -n 3
  concierge events --type SERVICE_CREATED --idle 2s
  concierge events --for 10s --until '.client.name == \"carol\"'";

/// `events`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EventsArgs {
    /// Only payloads of this type, such as `MESSAGE` or `CLIENT_JOINED`; may be repeated
    #[arg(long, value_name = "TYPE")]
    pub r#type: Vec<String>,
    /// Only what comes from or concerns this client: a name or a uuid
    #[arg(long, value_name = "CLIENT")]
    pub from: Option<String>,
    /// Only what concerns this service
    #[arg(long, value_parser = parse_service)]
    pub service: Option<ServiceName>,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
    /// What becomes of it when the connection is lost
    #[command(flatten)]
    pub persistence: Persistence,
}

/// The types there are, for noticing a slip.
pub(crate) const TYPES: [&str; 7] = [
    "MESSAGE",
    "CLIENT_JOINED",
    "CLIENT_LEFT",
    "SERVICE_CREATE_RESULT",
    "SERVICE_DELETE_RESULT",
    "SERVICE_CLIENT_SUBSCRIBED",
    "SERVICE_CLIENT_UNSUBSCRIBED",
];

pub(super) async fn events(arguments: EventsArgs, context: &Context<'_>) -> Result<(), Failure> {
    for kind in &arguments.r#type {
        if let Some(meant) = near_miss(kind) {
            context.output.note(&format!("{kind:?} is no type this version knows; did you mean {meant}?"));
        }
    }
    if matches!(context.place, Place::Session(shown) if !shown.goes_apart()) && arguments.limits.is_endless()
    {
        context.output.note("events are shown as they come; -n COUNT or --for TIME waits for some");
        return Ok(());
    }
    let stream = Stream::open(context, arguments.limits.clone());
    follow(stream, |event| is_wanted(event, &arguments)).await
}

fn near_miss(kind: &str) -> Option<&'static str> {
    if TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return None;
    }
    nearest(kind, TYPES)
}

fn is_wanted(event: &Event, arguments: &EventsArgs) -> bool {
    // What is no payload is told by the stream.
    let Some(kind) = event.kind() else { return false };
    let by_type = arguments.r#type.is_empty()
        || arguments.r#type.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind));
    let by_client = arguments.from.as_ref().is_none_or(|wanted| {
        client_of(event).is_some_and(|(name, uuid)| {
            let wanted = wanted.strip_prefix('@').unwrap_or(wanted);
            *name == *wanted || uuid.to_string().eq_ignore_ascii_case(wanted)
        })
    });
    let by_service = arguments.service.as_ref().is_none_or(|wanted| service_of(event) == Some(wanted));
    by_type && by_client && by_service
}
