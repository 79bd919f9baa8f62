//! Many messages: some on their way at a time, in the order they are sent, until there are no more, one fails, or a signal comes.

use std::time::Duration;

use concierge_client::payload::{Data, SendMessage, Target};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::{SendArgs, messages::Messages, refused};
use crate::{
    command::{Context, stream::at},
    exit::Exit,
    failure::Failure,
    grammar::write_target,
    link::CallFailure,
    output::{Record, Role, View, escape, grouped, json::object},
    signals::FINISH,
};

/// How many are on their way at a time.
const AT_ONCE: usize = 64;

/// What comes next: a message, one that is none, the end, or why no more can be read.
type Next = Result<Option<Result<Data, Failure>>, Failure>;

/// A message on its way: its number, and what became of it.
type Call<'a> = BoxFuture<'a, (u64, Result<(), CallFailure>)>;

/// Sends them, and tells how many were.
pub(super) async fn send(
    messages: Messages,
    arguments: &SendArgs,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut sending = Sending {
        unit: messages.unit(),
        pace: Pace::new(arguments.repeats.interval),
        messages,
        arguments,
        context,
        under_way: FuturesUnordered::new(),
        is_over: false,
        sent: 0,
        failed: 0,
        first: None,
    };
    let ended = sending.carry_on().await;
    sending.tell(begun.elapsed(), ended)
}

struct Sending<'a> {
    messages: Messages,
    unit: &'static str,
    pace: Pace,
    arguments: &'a SendArgs,
    context: &'a Context<'a>,
    under_way: FuturesUnordered<Call<'a>>,
    /// Whether no more are sent.
    is_over: bool,
    sent: u64,
    failed: u64,
    /// What went wrong first.
    first: Option<Failure>,
}

impl Sending<'_> {
    /// Until all that was sent is answered. A signal ends it earlier, and is returned.
    async fn carry_on(&mut self) -> Option<Exit> {
        let (mut ended, mut deadline) = (None, None);
        loop {
            if self.is_over && self.under_way.is_empty() {
                return ended;
            }
            let has_room = !self.is_over && self.under_way.len() < AT_ONCE;
            tokio::select! {
                biased;
                exit = self.context.stopped(), if ended.is_none() => {
                    ended = Some(exit);
                    deadline = Instant::now().checked_add(FINISH);
                    self.is_over = true;
                }
                // Whoever was added last is begun here, before there is another: what is sent stays in order.
                Some((number, result)) = self.under_way.next() => match result {
                    Ok(()) => self.sent += 1,
                    Err(error) => {
                        let failure = refused(error, &self.arguments.target, self.context).await;
                        self.fail(number, failure);
                    }
                },
                message = self.pace.next(&mut self.messages), if has_room => self.take(message),
                () = at(deadline) => return ended,
            }
        }
    }

    fn take(&mut self, message: Next) {
        let number = self.messages.number();
        match message {
            Ok(Some(Ok(data))) => {
                let message = SendMessage::new(self.arguments.target.clone(), data);
                let link = self.context.link;
                self.under_way.push(Box::pin(async move { (number, link.call(message).await.map(|_| ())) }));
            }
            Ok(Some(Err(failure))) => self.fail(number, failure),
            Ok(None) => self.is_over = true,
            Err(failure) => {
                self.is_over = true;
                self.failed += 1;
                self.first.get_or_insert(failure);
            }
        }
    }

    /// A message was not sent. Without a connection none will be.
    fn fail(&mut self, number: u64, failure: Failure) {
        self.failed += 1;
        let failure = failure.within(&format!("{} {number}", self.unit));
        self.is_over |= !self.arguments.repeats.keep_going || failure.exit() == Exit::Lost;
        if self.arguments.repeats.keep_going {
            self.context.output.failure(&failure);
        }
        self.first.get_or_insert(failure);
    }

    /// How many were sent, and why that were not all.
    fn tell(self, took: Duration, ended: Option<Exit>) -> Result<(), Failure> {
        let Self { sent, failed, .. } = self;
        let output = self.context.output;
        let target = self.arguments.target.clone();
        output.record(&SentMany { target, sent, failed, took })?;
        if !self.under_way.is_empty() {
            output.note(&format!("{} had no answer when the time was up", self.under_way.len()));
        }
        let Some(first) = self.first else { return ended.map_or(Ok(()), |exit| Err(Failure::silent(exit))) };
        if !self.arguments.repeats.keep_going {
            return Err(first);
        }
        // Each was told when it failed.
        let exit = if sent > 0 { Exit::Partly } else { first.exit() };
        let were = if failed == 1 { "was" } else { "were" };
        Err(Failure::new(exit, format!("{failed} of {} {were} not sent", sent + failed)))
    }
}

/// When the next message is due.
struct Pace {
    ticks: Option<Interval>,
    is_due: bool,
}

impl Pace {
    fn new(span: Option<Duration>) -> Self {
        let ticks = span.filter(|span| !span.is_zero()).map(|span| {
            let mut ticks = interval(span);
            // Two are never closer than was asked for.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self { ticks, is_due: false }
    }

    /// The next message, when it is due. Cancel safe: one that is due stays so.
    async fn next(&mut self, messages: &mut Messages) -> Next {
        if let Some(ticks) = self.ticks.as_mut().filter(|_| !self.is_due) {
            ticks.tick().await;
        }
        self.is_due = true;
        let message = messages.next().await;
        self.is_due = false;
        message
    }
}

/// How many messages the gateway took.
#[derive(Debug)]
struct SentMany {
    target: Target,
    sent: u64,
    failed: u64,
    took: Duration,
}

impl SentMany {
    fn microseconds(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Record for SentMany {
    fn object(&self) -> String {
        object(
            "sent",
            &[
                ("target", json!(self.target)),
                ("sent", json!(self.sent)),
                ("failed", json!(self.failed)),
                ("took_us", json!(self.microseconds())),
            ],
        )
    }

    fn human(&self, view: View) -> String {
        let palette = view.palette;
        let target = write_target(&self.target);
        let sent = format!("{} sent to {}", grouped(self.sent), escape(&target));
        let failed = match self.failed {
            0 => String::new(),
            failed => palette.paint(Role::Error, &format!(", {} failed", grouped(failed))),
        };
        let took = format!(" ({:.1} s)", self.took.as_secs_f64());
        format!("{}{failed}{}\n", palette.paint(Role::Dim, &sent), palette.paint(Role::Dim, &took))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let numbers = [self.sent, self.failed, self.microseconds()].map(|number| number.to_string());
        vec![std::iter::once(write_target(&self.target)).chain(numbers).collect()]
    }

    fn raw(&self) -> Vec<String> {
        vec![self.sent.to_string()]
    }
}
