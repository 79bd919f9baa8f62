//! Serving requests: many at a time, none harming another.

use std::{collections::VecDeque, fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, timeout, timeout_at},
};

use super::{
    messages::{Inbox, Received},
    options::ServeOptions,
    owner::Service,
    serving::{Fate, Serving, Shared, Taken},
};
use crate::{error::CallError, net::LONGEST, payload::Data, request::Asked};

/// Starts the task that takes requests and hands them to handlers.
pub(super) fn start<T, R, E, H, F>(service: &Service, options: ServeOptions, handler: H) -> Serving
where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
    E: fmt::Display + Send + 'static,
    H: Fn(Asked<T>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    let shared = Arc::new(Shared::default());
    let inbox = service.inbox();
    let desk = Desk { service: service.clone(), options, shared: Arc::clone(&shared) };
    let handler = Arc::new(handler);
    let work = move |desk: Desk, taken: Taken| {
        let handler = Arc::clone(&handler);
        async move {
            let (fate, reply) = handle(&taken.asked, &*handler, desk.options).await;
            desk.answer(&taken.asked, fate, reply).await;
            desk.shared.settle(&taken);
        }
    };
    Serving::new(tokio::spawn(run(desk, inbox, work)), service.client().clone(), shared)
}

async fn run<F>(desk: Desk, mut inbox: Inbox, work: impl Fn(Desk, Taken) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    let mut backlog = VecDeque::new();
    let (mut open, mut over) = (true, false);
    while !over && (open || !backlog.is_empty() || !running.is_empty()) {
        tokio::select! {
            received = inbox.next() => match received {
                Some(Received::Message(message)) => if let Some(asked) = Asked::read(&message) {
                    desk.take(asked, open, &mut backlog, &running);
                },
                Some(Received::Missed(missed)) => tracing::warn!(missed, "requests came faster than they were taken"),
                None => over = true,
            },
            Some(_) = running.join_next() => {}
            () = desk.shared.drain.notified() => open = false,
        }
        while running.len() < desk.options.concurrency
            && let Some(taken) = backlog.pop_front()
        {
            running.spawn(work(desk.clone(), taken));
        }
    }
    // Nobody can be answered by a service that is over, but what was begun is brought to its end.
    while running.join_next().await.is_some() {}
}

/// What becomes of a question, and what is answered.
async fn handle<T, R, E, H, F>(
    asked: &Asked,
    handler: &H,
    options: ServeOptions,
) -> (Fate, Result<Data, CallError>)
where
    T: DeserializeOwned,
    R: Serialize,
    E: fmt::Display,
    H: Fn(Asked<T>) -> F,
    F: Future<Output = Result<R, E>>,
{
    let work = async {
        let question = match asked.parse() {
            Ok(question) => question,
            Err(error) => {
                return (Fate::Unreadable, asked.refusal(&format!("the request cannot be read: {error}")));
            }
        };
        match handler(question).await {
            Ok(body) => (Fate::Answered, asked.reply(&body)),
            Err(error) => (Fate::Refused, asked.refusal(&error.to_string())),
        }
    };
    match timeout(options.timeout, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => done,
        Ok(Err(_panic)) => (Fate::Panicked, asked.refusal("the request failed within the service")),
        Err(_) => {
            let seconds = options.timeout.as_secs_f32();
            (Fate::TimedOut, asked.refusal(&format!("the service had no answer within {seconds} s")))
        }
    }
}

/// What serving builds on.
#[derive(Clone)]
struct Desk {
    service: Service,
    options: ServeOptions,
    shared: Arc<Shared>,
}

impl Desk {
    /// Lets a request wait for a handler, or turns it away.
    fn take(&self, asked: Asked, open: bool, backlog: &mut VecDeque<Taken>, running: &JoinSet<()>) {
        let idle = self.options.concurrency.saturating_sub(running.len());
        if open && backlog.len() < self.options.backlog.saturating_add(idle) {
            backlog.push_back(self.shared.take(asked));
            return;
        }
        let why = if open { "the service is busy" } else { "the service is about to end" };
        self.shared.turn_away(self.service.client(), &asked, why);
    }

    /// Sends an answer; one that cannot be sent is answered with why.
    async fn answer(&self, asked: &Asked, fate: Fate, reply: Result<Data, CallError>) {
        self.shared.count(fate);
        let mut sent = match reply {
            Ok(reply) => self.send(asked, &reply).await,
            Err(error) => Err(error),
        };
        if let Err(error @ (CallError::Encode(_) | CallError::TooLarge { .. })) = &sent
            && let Ok(refusal) = asked.refusal(&format!("the answer cannot be sent: {error}"))
        {
            sent = self.send(asked, &refusal).await;
        }
        if let Err(error) = sent {
            tracing::debug!(%error, asker = %asked.origin.uuid, "an answer did not reach who asked");
            self.shared.count(Fate::Undelivered);
        }
    }

    /// Sends an answer, on the next connection where there is none now, as long as a handler may take.
    async fn send(&self, asked: &Asked, reply: &Data) -> Result<(), CallError> {
        let client = self.service.client();
        let deadline = Instant::now() + self.options.timeout.min(LONGEST);
        loop {
            let error = match client.to(asked.origin.uuid).raw(reply.clone()).await {
                Err(error) if error.safe_to_repeat() && error.is_temporary() => error,
                sent => return sent,
            };
            let settled = timeout_at(deadline, self.service.settled()).await;
            if !settled.is_ok_and(|status| status.is_live()) || Instant::now() >= deadline {
                return Err(error);
            }
            // The status may not have heard yet of what the call found.
            yield_now().await;
        }
    }
}
