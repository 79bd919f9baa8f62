//! `event publish`: an event happened.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use concierge_client::{
    payload::Data,
    telegraphy::{EventName, web::Publish},
};

use super::{EventContext, batch, records::EventPublished, registry::refused};
use crate::{
    command::send::payload,
    failure::Failure,
    grammar::{parse_name, parse_span},
};

const EXAMPLES: &str = r#"Examples:
  concierge event publish todo.Task '{"id": 7, "title": "Buy milk"}'
  concierge event publish todo.Task id:=7 done:=true --type update
  concierge event publish todo.Task id:=7 room:=2 --previous '{"room": 1}'
  concierge event publish shop.Order @message.json --id order-7 --ttl 1h
  date | concierge event publish clock.Tick -
  concierge event publish --batch events.ndjson
  echo '{"event": "a", "data": 7}' | concierge event publish --batch

What it carries is told as with `send`: `help payloads` tells how. A guaranteed event is on the gateway's disk when this ends. The same
--id is published once within two minutes, however often it is asked.

A line of a --batch is an event as the gateway takes it: {"event": …, "data": …}, and meta, id, ttl, previous. They are published in
their order; of each that is not, it is told why, and the exit code is then 9."#;

/// `event publish`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// The event's name
    #[arg(value_name = "EVENT", value_parser = parse_name::<EventName>, required_unless_present = "batch")]
    pub event: Option<EventName>,
    /// What it carries: JSON, `key=value key:=json`, plain text, `@FILE`, or `-` for the input
    #[arg(value_name = "DATA", allow_negative_numbers = true)]
    pub payload: Vec<String>,
    /// What happened: `create`, `update`, `delete`, or another word of the event's own
    #[arg(long = "type", value_name = "OPERATION")]
    pub operation: Option<String>,
    /// The values before, as JSON, so that whoever watches a part learns what has left it
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub previous: Option<Data>,
    /// An id of your own: within two minutes the same one is published once
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// How long it means something, in whole seconds
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub ttl: Option<u64>,
    /// Publish many: each line of a file, or of the input, is a whole event
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        default_missing_value = "-",
        conflicts_with_all = ["event", "payload", "operation", "previous", "id", "ttl"]
    )]
    pub batch: Option<PathBuf>,
}

impl PublishArgs {
    /// The words of what one event carries.
    pub(super) fn one(&mut self) -> Option<&mut Vec<String>> {
        if self.batch.is_some() { None } else { Some(&mut self.payload) }
    }

    /// What is said to the gateway.
    fn said(self, event: EventName) -> Result<Publish, Failure> {
        let Self { payload: words, operation, previous, id, ttl, .. } = self;
        let mut published = Publish::new(event, payload(&words)?);
        published.meta.extend(operation.map(|operation| ("event_type".to_owned(), operation.into())));
        Ok(Publish { id: id.map(Arc::from), ttl, previous, ..published })
    }
}

pub(super) async fn publish(arguments: PublishArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    if let Some(file) = &arguments.batch {
        return batch::publish(file, context).await;
    }
    let event = arguments.event.clone();
    let event = event.ok_or_else(|| Failure::usage("nobody says which event it is"))?;
    let said = arguments.said(event.clone())?;
    let publisher = context.publisher()?;
    match publisher.publish(said).await {
        Ok(place) => {
            context.followed(&[&event], &[]);
            context.output.record(&EventPublished { event, place })
        }
        Err(error) => Err(refused(error, &event, &publisher).await),
    }
}

/// JSON as it is.
fn json(text: &str) -> Result<Data, String> {
    Data::from_json(text.trim()).map_err(|error| format!("not valid JSON: {error}"))
}

/// A time span of whole seconds, one at least.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let span = parse_span(text)?;
    let is_whole = span == Duration::from_secs(span.as_secs()) && !span.is_zero();
    if is_whole { Ok(span.as_secs()) } else { Err("expected whole seconds, one at least".to_owned()) }
}
