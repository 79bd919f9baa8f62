//! Where messages to a service wait for their turn, are answered some at a time, and are counted.

use std::{collections::VecDeque, time::Duration};

use concierge_client::{
    Answered, Asked, Event, Role,
    payload::{Message, SendMessage, ServiceName, Target},
};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;

use super::{
    super::{
        Context,
        stream::{Stream, at},
    },
    AT_ONCE,
    answer::Answerer,
    served::{Served, Tally},
};
use crate::{exit::Exit, failure::Failure, link::Link, output::Format, signals::FINISH};

/// How many messages wait for their turn; more are turned away.
const BACKLOG: usize = 256;

/// What those are told for whom there is no time left.
const ENDS: &str = "the service is about to end";

/// A message that is to be answered.
struct Taken {
    message: Message,
    asked: Option<Asked>,
}

/// Where messages are taken and answered.
pub(super) struct Desk<'a> {
    service: &'a ServiceName,
    answerer: &'a Answerer,
    context: &'a Context<'a>,
    /// How many are answered at a time.
    at_once: usize,
    /// How long what was begun may take when a limit is reached.
    patience: Duration,
    /// How many more are taken, where that was said.
    left: Option<u64>,
    backlog: VecDeque<Taken>,
    running: FuturesUnordered<BoxFuture<'a, Served>>,
    /// Those who are being told that they are turned away.
    refusals: FuturesUnordered<BoxFuture<'a, ()>>,
    tally: Tally,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        service: &'a ServiceName,
        answerer: &'a Answerer,
        context: &'a Context<'a>,
        (at_once, patience): (usize, Duration),
        most: Option<u64>,
    ) -> Self {
        Self {
            service,
            answerer,
            context,
            at_once,
            patience,
            left: most,
            backlog: VecDeque::new(),
            running: FuturesUnordered::new(),
            refusals: FuturesUnordered::new(),
            tally: Tally::default(),
        }
    }

    /// Answers until a limit is reached, or a signal came: that is returned.
    pub(super) async fn attend(&mut self, stream: &mut Stream<'_>) -> Result<Option<Exit>, Failure> {
        loop {
            self.begin();
            tokio::select! {
                biased;
                exit = self.context.stopped() => return self.finish(stream, Some(exit)).await,
                Some(served) = self.running.next() => self.tell(stream, served).await?,
                Some(()) = self.refusals.next() => {}
                event = stream.next() => match event? {
                    Some(event) => self.handle(stream, event)?,
                    None => return self.finish(stream, None).await,
                },
            }
        }
    }

    /// What became of the messages.
    pub(super) fn summary(&self) -> String {
        format!("#{}: {}", self.service, self.tally)
    }

    /// Begins what there is room for.
    fn begin(&mut self) {
        while self.running.len() < self.at_once
            && let Some(taken) = self.backlog.pop_front()
        {
            let (answerer, service, link) = (self.answerer, self.service, self.context.link);
            self.running.push(Box::pin(async move { answer(answerer, service, link, taken).await }));
        }
    }

    fn handle(&mut self, stream: &Stream<'_>, event: Event) -> Result<(), Failure> {
        match event {
            Event::Message(message) if is_for(&message, self.service, self.context) => {
                let asked = Asked::read(&message);
                let taken = Taken { message, asked };
                if self.left == Some(0) {
                    self.turn_away(&taken, ENDS);
                } else if self.backlog.len() >= BACKLOG {
                    self.turn_away(&taken, "the service is busy");
                } else {
                    self.left = self.left.map(|left| left - 1);
                    self.backlog.push_back(taken);
                }
                return Ok(());
            }
            Event::ServiceDeleted { ref service } if service.name == *self.service => {
                return Err(Failure::new(
                    Exit::NotFound,
                    format!("the service {:?} was deleted", &**self.service),
                ));
            }
            Event::Resumed(ref resumed) => {
                let mut lost = resumed.restored.lost.iter().filter(|lost| lost.role == Role::Owner);
                if let Some(lost) = lost.find(|lost| lost.service == *self.service) {
                    let message =
                        format!("the service {:?} did not come back: {}", &**self.service, lost.loss);
                    return Err(Failure::new(Exit::Rejected, message));
                }
            }
            _ => {}
        }
        stream.pass_over(&event);
        Ok(())
    }

    async fn tell(&mut self, stream: &mut Stream<'_>, served: Served) -> Result<(), Failure> {
        let output = self.context.output;
        if let Some(notes) = &served.notes {
            notes.lines().for_each(|line| output.note(line));
        }
        // People see it among the records.
        if let Err(error) = &served.outcome
            && !(output.format() == Format::Human && output.is_terminal())
        {
            output.note(&format!("{} has no answer: {error}", &*served.origin.name));
        }
        self.tally.count(&served.outcome);
        stream.record(&served).await
    }

    /// Leaves a message without an answer; who asked in the form of a request is told why, unless too many are being told already.
    fn turn_away(&mut self, taken: &Taken, why: &'static str) {
        let Context { link, output, .. } = self.context;
        self.tally.turned_away += 1;
        output.note(&format!("{} was turned away: {why}", &*taken.message.origin.name));
        let refusal = taken.asked.as_ref().and_then(|asked| asked.refusal(why).ok());
        if let Some(refusal) = refusal
            && self.refusals.len() < AT_ONCE
        {
            let message = SendMessage::new(back_to(&taken.message, self.service), refusal);
            self.refusals.push(Box::pin(async move {
                if let Err(error) = link.call(message).await {
                    output.detail(&format!("and was not told: {}", Failure::from(error).message()));
                }
            }));
        }
    }

    /// Takes no more, and finishes what is there: all of it within a limit, what was begun after a signal.
    async fn finish(&mut self, stream: &mut Stream<'_>, exit: Option<Exit>) -> Result<Option<Exit>, Failure> {
        let mut exit = exit;
        let mut deadline = Instant::now().checked_add(if exit.is_some() { FINISH } else { self.patience });
        loop {
            if exit.is_some() {
                self.turn_all_away();
            } else {
                self.begin();
            }
            if self.running.is_empty() && self.refusals.is_empty() {
                break;
            }
            tokio::select! {
                Some(served) = self.running.next() => self.tell(stream, served).await?,
                Some(()) = self.refusals.next() => {}
                signal = self.context.stopped(), if exit.is_none() => {
                    exit = Some(signal);
                    deadline = Instant::now().checked_add(FINISH);
                }
                () = at(deadline) => break,
            }
        }
        self.tally.unfinished += self.running.len();
        self.turn_all_away();
        Ok(exit)
    }

    fn turn_all_away(&mut self) {
        while let Some(taken) = self.backlog.pop_front() {
            self.turn_away(&taken, ENDS);
        }
    }
}

/// Makes an answer, and sends it.
async fn answer(answerer: &Answerer, service: &ServiceName, link: &Link, taken: Taken) -> Served {
    let begun = Instant::now();
    let Taken { message, asked } = taken;
    let body = asked.as_ref().map_or(&message.data, |asked| &asked.body);
    let (mut outcome, notes) = answerer.answer(body, &message.origin, service).await;
    let target = back_to(&message, service);
    let reply = match (&asked, &outcome) {
        (Some(asked), Ok(Some(data))) => Some(asked.reply(data)),
        (Some(asked), Err(error)) => Some(asked.refusal(error)),
        (None, Ok(Some(data))) => Some(Ok(data.clone())),
        (_, Ok(None)) | (None, Err(_)) => None,
    };
    let sent = match reply {
        Some(Ok(reply)) => {
            link.call(SendMessage::new(target.clone(), reply)).await.map(|_| ()).map_err(Failure::from)
        }
        Some(Err(error)) => Err(error.into()),
        None => Ok(()),
    };
    if let Err(failure) = sent {
        let why = format!("the answer was not sent: {}", failure.message());
        // One that is too large, for instance; where nothing can be sent, this cannot either.
        if let (Some(asked), Ok(_)) = (&asked, &outcome)
            && let Ok(refusal) = asked.refusal(&why)
        {
            let _ = link.call(SendMessage::new(target, refusal)).await;
        }
        outcome = Err(why);
    }
    Served {
        service: service.clone(),
        origin: message.origin,
        correlated: asked.is_some(),
        outcome,
        notes,
        took: begun.elapsed(),
    }
}

/// Whether a message is to be answered: one that another client sent to the service, and that is no answer itself.
fn is_for(message: &Message, own: &ServiceName, context: &Context<'_>) -> bool {
    let is_ours = matches!(&message.target, Target::Service { service } if service == own);
    is_ours && message.origin.uuid != context.link.who().uuid && Answered::read(&message.data).is_none()
}

fn back_to(message: &Message, service: &ServiceName) -> Target {
    Target::ServiceClientUuid { service: service.clone(), uuid: message.origin.uuid }
}
