//! Connecting: from settings to a connected client under a name that is free.

use std::time::Duration;

use concierge_client::{
    Client, ClientBuilder, ConnectError, Events, GatewayUrl,
    payload::{ClientName, CloseCode, Intents, Nickname, Secret, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, identity::NameChoice, output::Output, settings::Settings};

/// What a client tells the gateway of itself besides its name, and how long it waits for the answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Introduction {
    /// How it is shown to people.
    pub nickname: Option<Nickname>,
    /// Words about it.
    pub tags: Tags,
    /// What the gateway asks of those who may come in.
    pub secret: Option<Secret>,
    /// How long connecting, and each answer, may take.
    pub timeout: Duration,
}

/// What a connection is for, which decides what the gateway need not send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose {
    /// What is to be told without asking.
    pub intents: Intents,
    /// How many events may wait to be shown.
    pub capacity: usize,
    /// Whether it is looked for again when it is lost.
    pub lasting: bool,
}

impl Introduction {
    /// What the settings say, for this gateway.
    pub(crate) fn of(settings: &Settings, url: &GatewayUrl, output: &Output) -> Result<Self, Failure> {
        let secret = secret_for(settings, url, output)?;
        let Settings { nickname, tags, timeout, .. } = settings.clone();
        Ok(Self { nickname, tags, secret, timeout })
    }
}

/// Connects under the first name that is free. The events begin with the first one there is.
pub(crate) async fn connect(
    introduction: &Introduction,
    url: &GatewayUrl,
    name: &NameChoice,
    purpose: Purpose,
    output: &Output,
) -> Result<(Client, Events), Failure> {
    let mut taken = None;
    for candidate in name.candidates() {
        output.detail(&format!("connecting to {url} as {candidate}"));
        match builder(introduction, url, &candidate, purpose)?.connect_with_events().await {
            Ok((client, events)) => {
                let session = client.session();
                let server = session.server().unwrap_or("a gateway of unknown make");
                output.detail(&format!("connected to {server} as {candidate}, {}", session.uuid()));
                return Ok((client, events));
            }
            Err(error @ ConnectError::Refused { code: CloseCode::DuplicateAuth, .. }) => {
                taken = Some(
                    Failure::from(error)
                        .because(&format!("{url}: there is a client named {candidate} already")),
                );
            }
            Err(error) => return Err(Failure::from(error).about(url)),
        }
    }
    Err(taken.unwrap_or_else(|| Failure::usage("there is no name to connect under")))
}

/// The secret for a gateway; that one was given but is not for it, is said.
pub(crate) fn secret_for(
    settings: &Settings,
    url: &GatewayUrl,
    output: &Output,
) -> Result<Option<Secret>, Failure> {
    if let Some(why) = settings.withheld_secret(url) {
        output.note(why);
    }
    settings.secret_for(url)
}

/// A client as these want it: one that ends with its connection.
pub(crate) fn builder(
    introduction: &Introduction,
    url: &GatewayUrl,
    name: &ClientName,
    purpose: Purpose,
) -> Result<ClientBuilder, Failure> {
    let mut builder = Client::builder(url, name)
        .map_err(ConnectError::from)?
        .tags(introduction.tags.iter())
        .intents(purpose.intents)
        .events_capacity(purpose.capacity)
        .connect_timeout(introduction.timeout)
        .call_timeout(introduction.timeout);
    if !purpose.lasting {
        builder = builder.no_reconnect();
    }
    if let Some(nickname) = &introduction.nickname {
        builder = builder.nickname(nickname.as_str());
    }
    if let Some(secret) = &introduction.secret {
        builder = builder.secret(secret.clone());
    }
    Ok(builder)
}
