//! A session: one connection that stays, and the commands that are carried out on it. Lines are the interpreter's.

use std::sync::Arc;

use concierge_client::{
    GatewayUrl,
    payload::{ClientFetchAll, Intents, Secret, ServiceFetchAll},
};
use tokio::time::Duration;

use super::{
    directory::Directory,
    filter::Filter,
    live::{Audience, Live, Scene},
    prompt::{Standing, State},
};
use crate::{
    args::ReplCommand,
    command::{self, Context, Place, Shown, Watch, context::KeptCommand, doctor::Subject, event::Beside},
    connect::{Introduction, Purpose, connect},
    embedded::Api,
    exit::Exit,
    failure::Failure,
    hold::Address,
    identity::NameChoice,
    interpreter::Arrivals,
    language::Home,
    link::{Link, Told, WAITING_EVENTS},
    output::{Gateway, Output},
    settings::Settings,
};

/// How many events may wait to be shown before the oldest are counted instead: a person does not want to see what is long past, a
/// script is to miss as little as can be.
const fn waiting_events(audience: Audience) -> usize {
    match audience {
        Audience::Person => 4 * 1024,
        Audience::Script => WAITING_EVENTS,
    }
}

/// How long requests that are under way may take when the session ends.
const DRAIN: Duration = Duration::from_secs(5);

/// Where a session is held.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    /// The gateway.
    pub url: GatewayUrl,
    /// How web applications ask it for something, if it runs in this process.
    pub embedded: Option<Api>,
    /// The held session by which it is reached, if it is one.
    pub session: Option<Address>,
}

/// One connection that stays.
pub(crate) struct Session {
    settings: Settings,
    location: Location,
    name: NameChoice,
    scene: Scene,
    secret: Option<Secret>,
    connection: Option<Connection>,
}

struct Connection {
    link: Link,
    live: Live,
}

/// What follows a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The next line.
    Continue,
    /// The end.
    Leave,
}

impl Location {
    /// The place as the prompt shows it.
    pub(crate) fn short(&self) -> String {
        if self.embedded.is_some() {
            return "local".to_owned();
        }
        if let Some(session) = &self.session {
            return session.name().to_string();
        }
        format!("{}:{}", self.url.host(), self.url.port())
    }
}

impl Session {
    /// A session that is not connected yet.
    pub(crate) fn new(
        settings: Settings,
        location: Location,
        name: NameChoice,
        output: Output,
        audience: Audience,
    ) -> Self {
        Self {
            settings,
            location,
            name,
            scene: Scene {
                output,
                audience,
                directory: Arc::default(),
                standing: Standing::default(),
                filter: Arc::default(),
                arrivals: Arc::default(),
            },
            secret: None,
            connection: None,
        }
    }

    /// Connects, and shows what arrives from then on.
    pub(crate) async fn connect(&mut self) -> Result<(), Failure> {
        let (link, events) = self.open().await?;
        // Before events are followed: what they tell comes on top of these lists.
        let clients = link.call(ClientFetchAll {}).await?.clients;
        let services = link.call(ServiceFetchAll {}).await?.services;
        self.scene.directory.fill(&clients, &services);
        self.scene.standing.set(State::Connected);
        self.scene.arrivals.begin();
        let live = Live::start(link.clone(), events, waiting_events(self.scene.audience), self.scene.clone());
        self.connection = Some(Connection { link, live });
        Ok(())
    }

    async fn open(&mut self) -> Result<(Link, Told), Failure> {
        if let Some(session) = &self.location.session {
            let link = Link::held(session.join(self.settings.timeout).await?);
            let events = link.events();
            return Ok((link, events));
        }
        let output = &self.scene.output;
        let introduction = Introduction::of(&self.settings, &self.location.url, output)?;
        self.secret.clone_from(&introduction.secret);
        let purpose = Purpose {
            intents: Intents::ALL,
            capacity: waiting_events(self.scene.audience),
            // A script's next line is to fail.
            lasting: self.scene.audience == Audience::Person,
        };
        let (client, events) =
            connect(&introduction, &self.location.url, &self.name, purpose, output).await?;
        Ok((Link::own(client), Told::Own(events)))
    }

    /// Carries out a command. A stream that goes apart takes what it wants of what arrives, and shows it where its output leads.
    pub(crate) async fn carry_out(
        &mut self,
        command: ReplCommand,
        output: &Output,
        apart: bool,
    ) -> Result<(), Failure> {
        match command {
            // These need no session.
            ReplCommand::Exit | ReplCommand::Help(_) | ReplCommand::Language(_) => {}
            ReplCommand::Connect => self.connect_again(output).await?,
            ReplCommand::Server(_) => self.show_gateway(output).await?,
            ReplCommand::Context(command) => {
                let changes = matches!(command, KeptCommand::Use { .. });
                command::context::run(command, self.settings.source(), output)?;
                if changes {
                    output.note(&format!("this session stays at {}", self.location.url));
                }
            }
            ReplCommand::Config(command) => {
                command::config::run(command, Ok(&self.settings), self.settings.source(), output)?;
            }
            ReplCommand::Bench(command) => {
                command::bench::run(command, &self.settings, &self.location.url, output, None).await?;
            }
            ReplCommand::Doctor(arguments) => {
                // Its own name is taken, by this session.
                let (settings, url) = (&self.settings, &self.location.url);
                let subject = Subject { settings, url, name: NameChoice::random() };
                command::doctor::run(arguments, subject, output).await?;
            }
            ReplCommand::Event(arguments) => {
                command::event::run_beside(*arguments, self.events(), output, None).await?;
            }
            ReplCommand::Mute => output.note(&self.scene.filter.mute()),
            ReplCommand::Unmute => output.note(&self.scene.filter.unmute()),
            ReplCommand::Only(arguments) => output.note(&self.scene.filter.only(arguments.patterns)),
            ReplCommand::Unlisten(arguments) => {
                command::listen::unlisten(arguments.services, &self.context(output)?).await?;
            }
            ReplCommand::Client(command) if apart => {
                let Connection { link, live, .. } = self.connected()?;
                let (claim, url) = (live.claim(), &self.location.url);
                let timeout = self.settings.timeout;
                let context = Context { link, url, output, place: Place::Session(&claim), timeout };
                command::execute(command, &context).await?;
            }
            ReplCommand::Client(command) => command::execute(command, &self.context(output)?).await?,
        }
        Ok(())
    }

    /// Waits until everything that has arrived is shown.
    pub(crate) async fn caught_up(&self) -> Result<(), Failure> {
        match &self.connection {
            Some(connection) => connection.live.caught_up().await,
            None => Ok(()),
        }
    }

    /// Leaves: what is under way is finished, what has arrived is shown.
    pub(crate) async fn leave(self) -> Result<(), Failure> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if !connection.link.drain(DRAIN).await {
            self.scene.output.note("some requests had no answer when the time was up");
        }
        self.caught_up().await
    }

    /// What has arrived and was not expected yet.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.scene.arrivals
    }

    /// Who sees what arrives.
    pub(crate) fn audience(&self) -> Audience {
        self.scene.audience
    }

    /// The connection, for what is carried out besides.
    pub(crate) fn link(&self) -> Result<Link, Failure> {
        self.connected().map(|connection| connection.link.clone())
    }

    /// Where it is held.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// What commands for web applications are carried out with.
    pub(crate) fn events(&self) -> Beside<'_> {
        Beside { settings: &self.settings, location: &self.location, directory: &self.scene.directory }
    }

    /// The home folder of whoever it is for.
    pub(crate) fn home(&self) -> Home {
        Home::new(self.settings.source().environment.var("HOME"))
    }

    /// What it was opened with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What arrives is not shown to a person until this is dropped.
    pub(crate) fn hold(&self) -> Option<Box<dyn Watch>> {
        let connection = self.connection.as_ref().filter(|_| self.scene.audience == Audience::Person)?;
        Some(connection.live.claim().watch(&self.scene.output))
    }

    /// Who is there.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.scene.directory)
    }

    /// What is shown of what arrives.
    pub(crate) fn filter(&self) -> Arc<Filter> {
        Arc::clone(&self.scene.filter)
    }

    /// The secret that the gateway was given.
    pub(crate) fn secret(&self) -> Option<Secret> {
        self.secret.clone()
    }

    /// How the connection stands.
    pub(crate) fn standing(&self) -> Standing {
        self.scene.standing.clone()
    }

    /// Where results go.
    pub(crate) fn output(&self) -> &Output {
        &self.scene.output
    }

    /// The name this client has, or had when the connection was lost.
    pub(crate) fn client_name(&self) -> String {
        self.connection.as_ref().map(|connection| connection.link.who().name).unwrap_or_default()
    }

    async fn connect_again(&mut self, output: &Output) -> Result<(), Failure> {
        if self.scene.standing.is_waiting() {
            output.note(
                "the connection is being restored already: the prompt shows when the next attempt begins",
            );
            return Ok(());
        }
        if self.connection.as_ref().is_some_and(|connection| !connection.live.has_ended()) {
            output.note(&format!("connected to {} as {}", self.location.url, self.client_name()));
            return Ok(());
        }
        self.connect().await?;
        output.note(&format!("connected to {} as {}", self.location.url, self.client_name()));
        Ok(())
    }

    async fn show_gateway(&self, output: &Output) -> Result<(), Failure> {
        let link = &self.connected()?.link;
        let clients = link.call(ClientFetchAll {}).await?.clients.len();
        let services = link.call(ServiceFetchAll {}).await?.services.len();
        output.record(&Gateway {
            url: self.location.url.to_string(),
            embedded: self.location.embedded.clone(),
            server: link.who().server,
            clients,
            services,
        })
    }

    fn context<'a>(&'a self, output: &'a Output) -> Result<Context<'a>, Failure> {
        let Connection { link, live, .. } = self.connected()?;
        let (url, timeout) = (&self.location.url, self.settings.timeout);
        Ok(Context { link, url, output, place: Place::Session(live), timeout })
    }

    fn connected(&self) -> Result<&Connection, Failure> {
        self.connection.as_ref().ok_or_else(|| {
            Failure::new(Exit::Lost, "there is no connection").hint("`connect` connects, `exit` leaves")
        })
    }
}
