//! Waiting until something is there or gone: what `services wait` and `clients wait` have in common. What is waited for, and how one
//! looks for it, they know themselves.

use std::{sync::PoisonError, time::Duration};

use clap::Args;
use concierge_client::{
    Event,
    payload::{Intent, Intents},
};
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{Context, Place};
use crate::{
    exit::Exit,
    failure::Failure,
    grammar::parse_span,
    link::{Link, Told},
};

/// What is waited for, and how long.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Patience {
    /// Wait until they are gone; then nothing is shown
    #[arg(long)]
    pub gone: bool,
    /// How long to wait at most [default: --timeout]
    #[arg(long = "for", value_name = "TIME", help_heading = "Limits", value_parser = parse_span)]
    pub span: Option<Duration>,
}

/// What an event says of what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is there.
    Came,
    /// It is gone.
    Went,
}

/// Something that is to be there, or gone.
pub(super) trait Sought: Sync {
    /// What there is to show when it is there.
    type Found: Send;

    /// What tells of it.
    const INTENT: Intent;

    /// Its name in a sentence.
    fn what(&self) -> String;

    /// What an event says of it.
    fn change(&self, event: &Event) -> Option<Change>;

    /// Asks the gateway whether it is there now.
    fn look<'a>(&'a self, link: &'a Link) -> BoxFuture<'a, Result<Option<Self::Found>, Failure>>;
}

/// Waits for all of them, and gives those that are there then; none, when they were to be gone.
pub(super) async fn wait<S: Sought>(
    sought: &[S],
    patience: Patience,
    context: &Context<'_>,
) -> Result<Vec<S::Found>, Failure> {
    let Patience { gone, span } = patience;
    let span = span.unwrap_or(context.timeout);
    let mut waits: Vec<_> =
        sought.iter().map(|sought| Wait { sought, found: None, is_done: false }).collect();
    match timeout(span, come(&mut waits, gone, context)).await {
        Ok(result) => result.map(|()| waits.into_iter().filter_map(|wait| wait.found).collect()),
        Err(_) => Err(late(&waits, gone, span)),
    }
}

/// One of those that are waited for.
struct Wait<'a, S: Sought> {
    sought: &'a S,
    /// What was there when it was looked for.
    found: Option<S::Found>,
    is_done: bool,
}

impl<S: Sought> Wait<'_, S> {
    async fn look(&mut self, gone: bool, link: &Link) -> Result<(), Failure> {
        let found = self.sought.look(link).await?;
        // One that was gone has been, whoever has come since.
        self.is_done = if gone { self.is_done || found.is_none() } else { found.is_some() };
        self.found = found.filter(|_| !gone);
        Ok(())
    }
}

async fn come<S: Sought>(
    waits: &mut [Wait<'_, S>],
    gone: bool,
    context: &Context<'_>,
) -> Result<(), Failure> {
    // Before looking: what changes in between is told.
    let mut events = events(context, Intents::NONE.with(S::INTENT));
    for wait in &mut *waits {
        wait.look(gone, context.link).await?;
    }
    while waits.iter().any(|wait| !wait.is_done) {
        let event = match events.next().await {
            None => return Err(Failure::new(Exit::Lost, "the connection has ended")),
            Some(Event::Closed(cause)) => return Err(events.ended(cause)),
            Some(event) => event,
        };
        // Nobody knows what was told in the gap.
        let is_gap = matches!(event, Event::Lagged { .. } | Event::Resumed(_));
        for wait in &mut *waits {
            match wait.sought.change(&event) {
                Some(Change::Came) => wait.look(gone, context.link).await?,
                Some(Change::Went) => {
                    wait.found = None;
                    wait.is_done = gone;
                }
                None if is_gap => wait.look(gone, context.link).await?,
                None => {}
            }
        }
    }
    Ok(())
}

fn late<S: Sought>(waits: &[Wait<'_, S>], gone: bool, span: Duration) -> Failure {
    let missing: Vec<_> = waits.iter().filter(|wait| !wait.is_done).map(|wait| wait.sought.what()).collect();
    let are = if missing.len() == 1 { "is" } else { "are" };
    let still = if gone { "still" } else { "not" };
    let message = format!("{} {are} {still} there after {} s", missing.join(" and "), span.as_secs_f32());
    Failure::new(Exit::TimedOut, message).hint("--for waits longer")
}

/// What is told from now on, or from the beginning of a connection that is this command's alone.
fn events(context: &Context<'_>, intents: Intents) -> Told {
    let first = match context.place {
        Place::Shell { events, .. } => events.lock().unwrap_or_else(PoisonError::into_inner).take(),
        Place::Session(_) => None,
    };
    first.unwrap_or_else(|| context.link.events_of(intents))
}
