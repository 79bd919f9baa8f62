//! Streams of events: where they come from, how they are shown, and when they end.

use std::{sync::PoisonError, time::Duration};

use clap::Args;
use concierge_client::{CloseCause, Event};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::{Context, Place};
use crate::{exit::Exit, failure::Failure, grammar::parse_span, link::Told, output::Output};

/// When a stream ends by itself, which is success.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Limits {
    /// End after this many
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time, such as 10s
    #[arg(long = "for", value_name = "TIME", value_parser = parse_span)]
    pub span: Option<Duration>,
}

/// Somebody who shows every event as it comes, and lets others see it once it is shown.
pub(crate) trait Shown: Sync {
    /// From now on, each event after it was shown; in this format, while the receiver is there.
    fn watch(&self, output: &Output) -> Box<dyn Watch>;

    /// Whether a stream goes somewhere else than everything that arrives, and so goes on until it is stopped.
    fn goes_apart(&self) -> bool {
        false
    }
}

/// Events that were shown already, or are for whoever watches to show.
pub(crate) trait Watch: Send {
    /// The next one; none when no more will come.
    fn next(&mut self) -> BoxFuture<'_, Option<Event>>;

    /// Whether they were shown.
    fn were_shown(&self) -> bool {
        true
    }

    /// Gives back one that was not shown and is not wanted.
    fn give_back(&self, _event: &Event) {}
}

/// Events, shown by whoever reads them or before they are read.
pub(super) enum Feed {
    /// They are to be shown.
    Own(Told),
    /// They have been shown, or were handed over.
    Shown(Box<dyn Watch>),
}

impl Feed {
    /// The events from now on.
    pub(super) fn open(context: &Context<'_>) -> Self {
        match context.place {
            Place::Shell { events } => {
                let first = events.lock().unwrap_or_else(PoisonError::into_inner).take();
                Self::Own(first.unwrap_or_else(|| context.link.events()))
            }
            Place::Session(shown) => Self::Shown(shown.watch(context.output)),
        }
    }

    async fn next(&mut self) -> Option<Event> {
        match self {
            Self::Own(events) => events.next().await,
            Self::Shown(watch) => watch.next().await,
        }
    }

    fn ended(&self, cause: CloseCause) -> Failure {
        match self {
            Self::Own(events) => events.ended(cause),
            Self::Shown(_) => cause.into(),
        }
    }

    fn show(&self, event: &Event, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Shown(watch) if watch.were_shown() => output.was_written(event),
            Self::Own(_) | Self::Shown(_) => output.record(event),
        }
    }

    fn pass_over(&self, event: &Event) {
        if let Self::Shown(watch) = self {
            watch.give_back(event);
        }
    }
}

/// Shows the events that are wanted, until a limit is reached or the connection ends.
pub(super) async fn follow(
    feed: &mut Feed,
    limits: Limits,
    output: &Output,
    mut wanted: impl FnMut(&Event) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let deadline = limits.span.and_then(|span| Instant::now().checked_add(span));
    let mut left = limits.count;
    loop {
        let event = tokio::select! {
            biased;
            event = feed.next() => event,
            () = at(deadline) => return Ok(()),
        };
        match event {
            Some(Event::Closed(cause)) => return Err(feed.ended(cause)),
            None => return Err(Failure::new(Exit::Lost, "the connection has ended")),
            Some(event @ Event::Lagged { .. }) => feed.show(&event, output)?,
            Some(event) => {
                if wanted(&event)? {
                    feed.show(&event, output)?;
                    left = left.map(|left| left - 1);
                    if left == Some(0) {
                        return Ok(());
                    }
                } else {
                    feed.pass_over(&event);
                }
            }
        }
        // A stream that never pauses still ends when its time is up.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(());
        }
    }
}

/// Waits for a moment, or for ever.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
