//! One client that listens: how it comes in, what it shows of what arrives, and how it leaves.

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use concierge_client::{
    payload::Data,
    telegraphy::{EventName, EventStream, Received, State, States, StreamError, Telegraphy, session::Over},
};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream::SelectAll};
use tokio::time::{Instant, timeout};

use super::{
    ListenArgs,
    access::{Own, Resumption, token},
    condition,
    records::{Away, Back, Change, Changed, Missing},
    trouble::{ended, not_in, not_subscribed},
};
use crate::{
    command::{event::EventContext, stream::at, writing::Writing},
    exit::Exit,
    failure::Failure,
    link::WAITING_EVENTS,
};

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Whose tokens the gateway in this process issues.
const LOCAL: &str = "local";

/// One event that is listened to.
struct Heard {
    event: EventName,
    stream: EventStream<Data>,
}

/// What came, and of which event.
type Item = (EventName, Result<Received<Data>, StreamError>);

impl Stream for Heard {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Item>> {
        let next = self.stream.poll_next_unpin(context);
        next.map(|item| item.map(|item| (self.event.clone(), item)))
    }
}

/// A client that listens. Dropped, it says goodbye on its own time.
pub(super) struct Visit {
    telegraphy: Telegraphy,
    states: States,
    heard: SelectAll<Heard>,
    resumption: Option<Resumption>,
    acknowledges: bool,
    /// Since when there is no connection.
    away: Option<Instant>,
    has_left: bool,
}

impl Visit {
    /// Comes in.
    pub(super) async fn begin(arguments: &ListenArgs, context: &EventContext<'_>) -> Result<Self, Failure> {
        let (telegraphy, mut resumption) = come_in(arguments, context).await?;
        let mut states = telegraphy.states();
        // The first is that it is connected.
        states.next().await;
        if let Some(resumption) = &mut resumption {
            resumption.keep(&telegraphy.session())?;
        }
        let heard = SelectAll::new();
        let acknowledges = !arguments.subscription.no_ack;
        Ok(Self { telegraphy, states, heard, resumption, acknowledges, away: None, has_left: false })
    }

    /// Subscribes to everything.
    pub(super) async fn subscribe(
        &mut self,
        arguments: &ListenArgs,
        context: &EventContext<'_>,
    ) -> Result<(), Failure> {
        for event in &arguments.events {
            let stream = self.open(event, arguments, context).await?;
            self.heard.push(Heard { event: event.clone(), stream });
        }
        self.announce(arguments, context);
        Ok(())
    }

    async fn open(
        &self,
        event: &EventName,
        arguments: &ListenArgs,
        context: &EventContext<'_>,
    ) -> Result<EventStream<Data>, Failure> {
        let ListenArgs { wanted, excluded, filters, history, since, subscription, .. } = arguments;
        let mut subscribing = self.telegraphy.subscribe(event).acknowledge_by_hand();
        subscribing = subscribing.capacity(WAITING_EVENTS / arguments.events.len().max(1));
        if let Some(filters) = condition::all(filters.clone(), wanted, excluded) {
            subscribing = subscribing.filter(filters);
        }
        if let Some(history) = history {
            subscribing = subscribing.history(*history);
        }
        if let Some(since) = since {
            subscribing = subscribing.since(since.clone());
        }
        if subscription.lazy {
            subscribing = subscribing.lazy();
        }
        if subscription.permanent {
            subscribing = subscribing.permanent();
        }
        let stream = subscribing.open::<Data>().await;
        let stream = stream.map_err(|error| not_subscribed(&error, event, arguments))?;
        if subscription.lazy && stream.subscription().is_some_and(|told| !told.registered) {
            context
                .output
                .note(&format!("{event} is not registered yet, or not for this client; waiting for it"));
        }
        Ok(stream)
    }

    /// Whoever looks at it would else wonder whether it works.
    fn announce(&self, arguments: &ListenArgs, context: &EventContext<'_>) {
        let names: Vec<_> = arguments.events.iter().map(EventName::as_str).collect();
        let session = self.telegraphy.session();
        let who = match session.user {
            Some(user) => format!("as user {user}"),
            None if session.resumed => "in the session of before".to_owned(),
            None => "without a token".to_owned(),
        };
        let message = format!("listening to {} {who}", names.join(", "));
        if context.output.is_terminal() {
            context.output.note(&message);
        } else {
            context.output.detail(&message);
        }
    }

    /// Shows what comes, until a limit is reached, somebody stops it, or nothing can come any more.
    pub(super) async fn follow(
        &mut self,
        arguments: &ListenArgs,
        context: &EventContext<'_>,
    ) -> Result<(), Failure> {
        let mut writing = Writing::start(arguments.limits.clone(), context.output);
        // When it is stopped, what is there by then is still shown.
        let mut left = WAITING_EVENTS;
        while !writing.is_over() {
            left -= usize::from(context.is_stopped());
            let ready = if left > 0 { self.heard.next().now_or_never() } else { None };
            let next = if let Some(next) = ready {
                next
            } else {
                writing.flush()?;
                self.acknowledge();
                if context.is_stopped() {
                    return Err(Failure::silent(context.stopped().await));
                }
                tokio::select! {
                    biased;
                    _ = context.stopped() => continue,
                    next = self.heard.next() => next,
                    Some(state) = self.states.next() => {
                        self.tell(state, &mut writing)?;
                        continue;
                    }
                    () = at(writing.ends_at()) => break,
                }
            };
            let Some((event, item)) = next else {
                return Err(Failure::new(Exit::Lost, "no event is listened to any more"));
            };
            self.show(event, item, &mut writing, context).await?;
            if writing.is_written() {
                self.acknowledge();
            }
        }
        writing.flush()?;
        self.acknowledge();
        writing.end()
    }

    /// What was written is dealt with.
    fn acknowledge(&mut self) {
        if self.acknowledges {
            self.heard.iter_mut().for_each(|heard| heard.stream.acknowledge());
        }
    }

    async fn show(
        &mut self,
        event: EventName,
        item: Result<Received<Data>, StreamError>,
        writing: &mut Writing<'_>,
        context: &EventContext<'_>,
    ) -> Result<(), Failure> {
        let changed = |event, change, reason| Changed { event, change, reason };
        match item {
            Ok(Received::Event(event)) => writing.record(&event).await?,
            // Where they are missing, for whoever reads the records.
            Ok(Received::Gap(gap)) => writing.add(&Missing { event, gap })?,
            Ok(Received::Active) => writing.aside(&changed(event, Change::Active, None))?,
            Ok(Received::Suspended { reason }) => {
                writing.aside(&changed(event, Change::Suspended, reason))?;
            }
            Err(StreamError::Over(Over::Revoked { reason })) if !self.heard.is_empty() => {
                writing.aside(&changed(event, Change::Ended, reason))?;
            }
            Err(StreamError::Over(over)) => return Err(ended(&over).within(&event)),
            Err(error @ StreamError::Decode { .. }) => context.output.note(&error.to_string()),
            Ok(_) | Err(_) => context.output.note(&format!("{event}: this version does not know what came")),
        }
        Ok(())
    }

    /// What becomes of the connection is told, once an outage.
    fn tell(&mut self, state: State, writing: &mut Writing<'_>) -> Result<(), Failure> {
        match state {
            State::Connecting(why) => {
                self.away = Some(Instant::now());
                writing.aside(&Away { message: why.to_string() })?;
            }
            State::Connected(said) => {
                if let Some(since) = self.away.take() {
                    writing.aside(&Back { gap: since.elapsed() })?;
                }
                if let Some(resumption) = &mut self.resumption {
                    resumption.keep(&said)?;
                }
            }
            // The streams say why.
            _ => {}
        }
        Ok(())
    }

    /// Says goodbye. Without a file to come back by nobody ever will: then the session is forgotten.
    pub(super) async fn leave(mut self) {
        self.has_left = true;
        say_goodbye(self.telegraphy.clone(), self.resumption.is_none()).await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.has_left {
            tokio::spawn(say_goodbye(self.telegraphy.clone(), self.resumption.is_none()));
        }
    }
}

async fn say_goodbye(telegraphy: Telegraphy, forgets: bool) {
    if telegraphy.is_connected() {
        // Whether or not it is heard.
        let _ = timeout(GOODBYE, telegraphy.disconnect(forgets)).await;
    }
}

/// Connects, and is let in.
async fn come_in(
    arguments: &ListenArgs,
    context: &EventContext<'_>,
) -> Result<(Telegraphy, Option<Resumption>), Failure> {
    let EventContext { url, settings, output, .. } = context;
    let own = context.own.map(|api| Own { api, user: LOCAL, events: &arguments.events });
    let environment = &settings.source().environment;
    let token = token(&arguments.access, environment, own)?;
    let resumption = arguments.subscription.resume.clone().map(Resumption::open).transpose()?;
    let mut builder = Telegraphy::builder(url, token)
        .map_err(|error| Failure::usage(error.to_string()))?
        .program("concierge", env!("CARGO_PKG_VERSION"))
        .connect_timeout(settings.timeout)
        .request_timeout(settings.timeout);
    if arguments.persistence.no_reconnect {
        builder = builder.no_reconnect();
    }
    if let Some(session) = resumption.as_ref().and_then(Resumption::token) {
        builder = builder.session(session.clone());
    }
    output.detail(&format!("connecting to {url} for events"));
    let telegraphy = builder.connect().await.map_err(|error| not_in(&error, url))?;
    Ok((telegraphy, resumption))
}
