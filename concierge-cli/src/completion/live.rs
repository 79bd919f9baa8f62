//! Who is there, asked of the gateway that the line names: at most once for a completion, for a moment, and without a word where
//! nobody answers.

use std::{sync::OnceLock, time::Duration};

use clap::{CommandFactory, FromArgMatches};
use concierge_client::{
    Client,
    payload::{ClientFetchAll, Intents, ServiceFetchAll},
    telegraphy::Publisher,
};
use uuid::Uuid;

use crate::{
    args::{Cli, Global},
    connect::{Introduction, Purpose, connect},
    console::{Console, Environment},
    embedded::Api,
    hold,
    identity::NameChoice,
    link::Link,
    output::{ColorChoice, Form, Output, escape},
    settings::{ApiFlags, Contexts, Places, Settings, Source},
};

/// How long whoever presses Tab waits for names.
const PATIENCE: Duration = Duration::from_millis(300);

/// The names of who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The clients.
    pub clients: Vec<String>,
    /// The services.
    pub services: Vec<String>,
}

/// What a completion knows besides the commands.
pub(super) struct Live {
    global: Global,
    api: ApiFlags,
    environment: Environment,
    output: Output,
    names: OnceLock<Names>,
}

impl Live {
    /// Of the gateway that these words name, as far as they make sense.
    pub(super) fn new(words: &[String], console: &Console) -> Self {
        let matches = Cli::command().ignore_errors(true).try_get_matches_from(words);
        let global = matches.as_ref().ok().and_then(|matches| Global::from_arg_matches(matches).ok());
        let below = matches.as_ref().ok().and_then(|matches| matches.subcommand_matches("event"));
        let api = below.and_then(|matches| ApiFlags::from_arg_matches(matches).ok());
        Self {
            global: global.unwrap_or_default(),
            api: api.unwrap_or_default(),
            environment: console.environment.clone(),
            output: Output::new(console, Form::default(), ColorChoice::Never, false),
            names: OnceLock::new(),
        }
    }

    /// Who is there, if anybody tells in time.
    pub(super) fn names(&self) -> &Names {
        self.names.get_or_init(|| self.ask(names).unwrap_or_default())
    }

    /// The sessions that are held.
    pub(super) fn sessions(&self) -> Vec<String> {
        let names = hold::names(&self.environment).unwrap_or_default();
        names.iter().map(ToString::to_string).collect()
    }

    /// The contexts that are kept.
    pub(super) fn contexts(&self) -> Vec<String> {
        let contexts = Contexts::read(&Places::of(&self.environment));
        let contexts = contexts.map(|contexts| contexts.list()).unwrap_or_default();
        contexts.iter().map(|context| context.name.to_string()).collect()
    }

    /// The files of a client, if anybody tells in time.
    pub(super) fn files(&self, client: &str) -> Vec<String> {
        let listed = self.ask(async |link: &Link, _| link.files().await.ok()?.list(client).await.ok());
        listed.unwrap_or_default().into_iter().map(|file| file.path).collect()
    }

    /// The files of the session that the line names. Without one nobody has any yet.
    pub(super) fn own_files(&self) -> Vec<String> {
        let listed = self.ask(async |link: &Link, asking: Option<Uuid>| match asking {
            None => link.files().await.ok()?.list(link.who().name).await.ok(),
            Some(_) => None,
        });
        listed.unwrap_or_default().into_iter().map(|file| file.path).collect()
    }

    /// The events of web applications, if anybody tells in time.
    pub(super) fn events(&self) -> Vec<String> {
        let publisher = self.settings().and_then(|settings| {
            let Api { url, key } = settings.api(&self.api).ok()??;
            Publisher::new(&url, key).ok()
        });
        let Some(publisher) = publisher else { return Vec::new() };
        let listed = in_time(async { publisher.events().await.ok() });
        let events = listed.map(|list| list.events).unwrap_or_default();
        events.into_iter().map(|event| event.definition.name.to_string()).collect()
    }

    /// Asks something of the gateway. The id is that of whoever asks, who is not one of those who are there; a session that asks
    /// is there anyway.
    fn ask<T>(&self, what: impl AsyncFnOnce(&Link, Option<Uuid>) -> Option<T>) -> Option<T> {
        in_time(async {
            let (link, asking) = self.open().await?;
            let answer = what(&link, asking).await;
            link.close().await;
            answer
        })
    }

    fn settings(&self) -> Option<Settings> {
        Source { global: self.global.clone(), environment: self.environment.clone() }.settings().ok()
    }

    async fn open(&self) -> Option<(Link, Option<Uuid>)> {
        let settings = self.settings()?;
        if let Some(session) = hold::choose(settings.source(), &settings).ok()? {
            return Some((Link::held(session.join(PATIENCE).await.ok()?), None));
        }
        let client = self.connect(&settings).await?;
        let own = client.uuid();
        Some((Link::own(client), Some(own)))
    }

    async fn connect(&self, settings: &Settings) -> Option<Client> {
        let url = settings.url_or_default();
        let introduction = Introduction::of(settings, &url, &self.output).ok()?;
        let purpose = Purpose { intents: Intents::NONE, capacity: 1, lasting: false };
        let name = NameChoice::random();
        let connected = connect(&introduction, &url, &name, purpose, &self.output).await;
        connected.ok().map(|(client, _)| client)
    }
}

/// What comes of asking, if it does before whoever pressed Tab has waited too long.
fn in_time<T>(asking: impl Future<Output = Option<T>>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, asking).await });
    // A name that is still being looked up holds up nobody.
    runtime.shutdown_background();
    answer.ok().flatten()
}

async fn names(link: &Link, asking: Option<Uuid>) -> Option<Names> {
    let (clients, services) = tokio::join!(link.call(ClientFetchAll {}), link.call(ServiceFetchAll {}));
    let clients = clients.ok()?.clients.into_iter().filter(|client| Some(client.uuid) != asking);
    Some(Names {
        clients: clients.map(|client| client.name.to_string()).collect(),
        services: services.ok()?.services.into_iter().map(|service| service.name.to_string()).collect(),
    })
}

/// Whether a word has nothing in it that would act on a terminal, or that cannot be seen.
pub(super) fn is_harmless(word: &str) -> bool {
    !word.is_empty() && escape(word) == word
}
