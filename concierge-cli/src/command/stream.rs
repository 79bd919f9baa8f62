//! Streams of events: where they come from, how they are shown, what is told of a connection that breaks, and their end.

use std::sync::PoisonError;

use clap::Args;
use concierge_client::{CloseCause, Event};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    task::unconstrained,
    time::{Instant, sleep_until},
};

use super::{
    Context, Place,
    limits::{Limits, Progress},
    writing::Writing,
};
use crate::{
    exit::Exit,
    failure::Failure,
    link::{Told, WAITING_EVENTS},
    output::{Output, Record},
    signals::Stop,
};

/// What becomes of a stream when the connection is lost.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Persistence {
    /// In the shell: end with 7 when the connection is lost, instead of connecting again
    #[arg(long, help_heading = "Connection")]
    pub no_reconnect: bool,
}

/// Somebody who shows every event as it comes, and lets others see it once it is shown.
pub(crate) trait Shown: Sync {
    /// From now on, each event after it was shown; in this format, while the receiver is there.
    fn watch(&self, output: &Output) -> Box<dyn Watch>;

    /// From now on, each event for whoever watches to show, or to give back.
    fn claim(&self, output: &Output) -> Box<dyn Watch>;

    /// The files of a client have been listed.
    fn learn(&self, _client: &str, _paths: &[String]) {}

    /// Whether it is a place of its own beside the lines: what is done there takes what it has with it when it ends.
    fn is_beside(&self) -> bool {
        false
    }

    /// Where what is done there learns that it is to end by itself.
    fn stop(&self) -> Option<&Stop> {
        None
    }

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
enum Feed {
    /// They are to be shown.
    Own(Told),
    /// They have been shown, or were handed over.
    Shown(Box<dyn Watch>),
}

impl Feed {
    /// The events from now on.
    fn open(context: &Context<'_>, claims: bool) -> Self {
        match context.place {
            Place::Shell { events, .. } => {
                let first = events.lock().unwrap_or_else(PoisonError::into_inner).take();
                Self::Own(first.unwrap_or_else(|| context.link.events()))
            }
            Place::Session(shown) if claims => Self::Shown(shown.claim(context.output)),
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

    /// The next one, if it is there already.
    fn ready(&mut self) -> Option<Event> {
        match self {
            Self::Own(events) => events.try_next(),
            Self::Shown(_) => None,
        }
    }
}

/// Events on their way to whoever asked for them, until a limit is reached or the connection ends.
///
/// What is shown is written when nothing more is ready, and at the latest with the next wait.
pub(super) struct Stream<'a> {
    feed: Feed,
    writing: Writing<'a>,
    output: &'a Output,
    /// Where it learns that it is to end, if that is its own business.
    stop: Option<&'a Stop>,
    /// How many of the events that come after that may have been there before.
    left: usize,
}

impl<'a> Stream<'a> {
    /// The events from now on. As a job it ends by itself when it is asked to, with what is there by then.
    pub(super) fn open(context: &Context<'a>, limits: Limits) -> Self {
        let stop = match context.place {
            Place::Shell { .. } => None,
            Place::Session(shown) => shown.stop(),
        };
        Self { stop, ..Self::on(Feed::open(context, false), context, limits) }
    }

    /// The same, for whoever makes something else of them, and ends it: in a session, what it takes is not shown.
    pub(super) fn claim(context: &Context<'a>, limits: Limits) -> Self {
        Self::on(Feed::open(context, true), context, limits)
    }

    fn on(feed: Feed, context: &Context<'a>, limits: Limits) -> Self {
        let output = context.output;
        Self { feed, writing: Writing::start(limits, output), output, stop: None, left: WAITING_EVENTS }
    }

    /// The next event; none when a limit is reached. It is to be shown or passed over. The end of the connection is a failure;
    /// that it broke and came back is told, and both are events too.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        if self.writing.is_over() {
            return Ok(None);
        }
        let event = if let Some(event) = self.feed.ready() {
            Some(event)
        } else {
            self.writing.flush()?;
            tokio::select! {
                biased;
                event = self.feed.next(), if !self.is_asked() => event,
                exit = asked(self.stop) => match self.waiting() {
                    Some(event) => Some(event),
                    None => return Err(Failure::silent(exit)),
                },
                () = at(self.writing.ends_at()) => return Ok(None),
            }
        };
        match event {
            None => Err(Failure::new(Exit::Lost, "the connection has ended")),
            Some(Event::Closed(cause)) => Err(self.feed.ended(cause)),
            Some(event) => {
                self.tell(&event)?;
                Ok(Some(event))
            }
        }
    }

    fn is_asked(&self) -> bool {
        self.stop.is_some_and(Stop::is_asked)
    }

    /// The next event that was there when the stream was asked to end.
    fn waiting(&mut self) -> Option<Event> {
        self.left = self.left.checked_sub(1)?;
        // Whether there is one is not to depend on how much this task has done already.
        unconstrained(self.feed.next()).now_or_never().flatten()
    }

    /// What becomes of the stream itself is told whether or not anybody asked for it.
    fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            // Where it is missing, for whoever reads the records.
            Event::Lagged { .. } => self.write(event)?,
            // A session tells the rest itself.
            _ if matches!(self.feed, Feed::Shown(_)) => {}
            Event::Disconnected { .. } | Event::Resumed(_) => self.writing.aside(event)?,
            Event::Reconnecting { attempt, why, .. } => {
                self.output.detail(&format!("attempt {} failed: {why}", attempt.saturating_sub(1)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Shows an event that was asked for, and counts it.
    pub(super) async fn show(&mut self, event: &Event) -> Result<(), Failure> {
        self.write(event)?;
        self.writing.count(event).await
    }

    /// Leaves an event that was not asked for.
    pub(super) fn pass_over(&self, event: &Event) {
        if let Feed::Shown(watch) = &self.feed
            && !is_of_stream(event)
        {
            watch.give_back(event);
        }
    }

    fn write(&mut self, event: &Event) -> Result<(), Failure> {
        match &self.feed {
            Feed::Shown(watch) if watch.were_shown() => self.output.was_written(event),
            Feed::Own(_) | Feed::Shown(_) => self.writing.add(event),
        }
    }

    /// Shows what was made of events, and counts it.
    pub(super) async fn record(&mut self, record: &(dyn Record + Sync)) -> Result<(), Failure> {
        self.writing.record(record).await
    }

    /// How far it is from its end.
    pub(super) fn progress(&mut self) -> &mut Progress {
        self.writing.progress()
    }

    /// The end, by a limit.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.writing.end()
    }
}

/// Shows the events that are wanted, until a limit is reached or the connection ends.
pub(super) async fn follow(
    mut stream: Stream<'_>,
    mut wanted: impl FnMut(&Event) -> bool,
) -> Result<(), Failure> {
    while let Some(event) = stream.next().await? {
        if wanted(&event) {
            stream.show(&event).await?;
        } else {
            stream.pass_over(&event);
        }
    }
    stream.end()
}

/// Whether an event was told by the stream itself.
fn is_of_stream(event: &Event) -> bool {
    matches!(event, Event::Lagged { .. })
}

/// Waits until somebody asks for the end, or for ever.
pub(super) async fn asked(stop: Option<&Stop>) -> Exit {
    match stop {
        Some(stop) => stop.asked().await,
        None => std::future::pending().await,
    }
}

/// Waits for a moment, or for ever.
pub(super) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
