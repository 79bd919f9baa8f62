//! Somebody to talk with, for whoever tries commands, so that an example of help needs nothing prepared but itself.
//!
//! - **bob** stays. He owns the services `SERVICES`; ten times a second he says `{"text": "good morning", "done": true}` to all,
//!   and to the subscribers of each of his services. A request in the form of the SDK, to him or to one of his services, he answers
//!   three times; to `request --plain` the next of what he says anyway is an answer.
//! - bob has stored the files `FILES`.
//! - bob asks every service that somebody else opens, ten times a second, with `{"a": 1, "b": 2, "text": "good morning"}`: what is
//!   opened by an example (`lobby`, or what `serve` is given) is used at once. Such a name must not be one of `SERVICES`.
//! - **carol** comes and goes ten times a second, and while she is there has a service `VISITING`: for what waits for somebody, or
//!   for somebody's end.
//!
//! To add an example to a command's help: it stands two columns in, below `Examples:`, and is typed by `tests/suite/help.rs` in a
//! shell, in a home of its own in which lie the files that `furnish` there makes (add one where an example needs it). What goes on
//! until it is interrupted ends with `# until Ctrl-C`, what fails with `# exits with CODE`, and a remark is a comment of the shell.

use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use concierge_client::payload::{ServiceName, Target};
use concierge_client::{Client, Event, Events, Message, Service, Subscription};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The services that bob opens.
const SERVICES: [&str; 5] = ["chat", "news", "jobs", "weather", "workers"];

/// The service that carol has while she is there.
const VISITING: &str = "party";

/// The files that bob has stored.
const FILES: [(&str, &str); 3] =
    [("report.txt", "all is well\n"), ("photos/lake.jpg", "a lake"), ("photos/hill.jpg", "a hill")];

/// What services that are not asked begin with: those of a measurement, which would count it.
const MEASURED: &str = "bench";

/// How often bob says something, and carol comes and goes.
const BEAT: Duration = Duration::from_millis(100);

/// How often bob answers a request: some ask for several answers.
const ANSWERS: usize = 3;

/// The two of them, on a gateway. They leave when dropped.
#[derive(Debug)]
pub struct Company {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Company {
    /// Joins the gateway. What there is to see is there when this returns.
    ///
    /// # Errors
    ///
    /// When the gateway does not let them in.
    pub fn join(url: &str) -> Result<Self> {
        let url = url.to_owned();
        let (started, start) = channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let bob = Bob::arrive(&url).await?;
                // Nobody waits for it when the test has ended by itself.
                let _gone = started.send(());
                tokio::select! {
                    ended = bob.converse(&url) => ended,
                    _ = stopped => Ok(()),
                }
            })
        });
        if start.recv().is_err() {
            let ended = thread.join().map_err(|_| anyhow!("bob panicked"))?;
            return ended.and(Err(anyhow!("bob left"))).context("nobody joins");
        }
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))), "the company was not there to the end: {ended:?}");
        }
    }
}

/// Who stays.
struct Bob {
    client: Client,
    events: Events,
    services: Vec<Service>,
    /// Services of others.
    others: Vec<Subscription<Value>>,
}

impl Bob {
    async fn arrive(url: &str) -> Result<Self> {
        let (client, events) = Client::builder(url, "bob")?.connect_with_events().await?;
        let mut services = Vec::new();
        for name in SERVICES {
            services.push(client.create_service(name).open().await?);
        }
        for (path, text) in FILES {
            client.files().put(path, text).await?;
        }
        Ok(Self { client, events, services, others: Vec::new() })
    }

    async fn converse(mut self, url: &str) -> Result<()> {
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                _ = beat.tick() => self.talk(url).await?,
                event = self.events.next() => match event {
                    Some(Event::Message(message)) => self.answer(&message).await?,
                    Some(Event::ServiceCreated { service }) => self.visit(&service.name).await?,
                    Some(Event::ServiceDeleted { service }) => {
                        self.others.retain(|other| *other.service() != service.name);
                    }
                    Some(_) => {}
                    None => return Err(anyhow!("the gateway went away")),
                },
            }
        }
    }

    async fn talk(&self, url: &str) -> Result<()> {
        let words = json!({"text": "good morning", "done": true});
        self.client.to(Target::All).json(&words).await?;
        for service in &self.services {
            service.publish(&words).await?;
        }
        let question = json!({"request": Uuid::new_v4(), "body": {"a": 1, "b": 2, "text": "good morning"}});
        for other in &self.others {
            // It may have gone.
            let _gone = other.send(&question).await;
        }
        let carol = Client::builder(url, "carol")?.connect().await?;
        carol.create_service(VISITING).open().await?;
        carol.close().await;
        Ok(())
    }

    async fn visit(&mut self, name: &ServiceName) -> Result<()> {
        if SERVICES.contains(&name.as_str())
            || name.as_str() == VISITING
            || name.as_str().starts_with(MEASURED)
        {
            return Ok(());
        }
        self.others.push(self.client.subscription(name.clone()).open().await?);
        Ok(())
    }

    async fn answer(&self, message: &Message) -> Result<()> {
        let asked: Value = serde_json::from_str(message.data.as_str())?;
        let Some(request) = asked.get("request") else { return Ok(()) };
        let answer = json!({"reply": request, "body": asked.get("body")});
        for _ in 0..ANSWERS {
            // Whoever asked may have left with the first answer.
            let _left = self.client.to(message.origin.uuid).json(&answer).await;
        }
        Ok(())
    }
}
