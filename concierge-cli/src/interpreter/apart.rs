//! What is carried out besides the lines: commands on the session's connection, which show for themselves what arrives.

use std::sync::Arc;

use concierge_client::Event;
use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Ground, Start,
    plumbing::{Plumbing, Told, Wanted},
    read_head,
};
use crate::{
    args::{Command, ReplCommand},
    command::{self, Context, Place, Shown, Watch, event::Beside},
    failure::Failure,
    language::{Pipeline, Statement},
    link::{self, Link},
    offspring::Leash,
    output::Output,
    repl::{Directory, Flow, Location, Session},
    settings::Settings,
    signals::Stop,
};

/// A place beside a session.
pub(super) struct Apart {
    link: Link,
    location: Location,
    settings: Settings,
    directory: Arc<Directory>,
    ground: Ground,
    stop: Stop,
}

impl Apart {
    /// Beside this session, with its variables as they are now, and its programs on a leash, until it is asked to end.
    pub(super) fn new(session: &Session, ground: &Ground, leash: Leash, stop: Stop) -> Result<Self, Failure> {
        Ok(Self {
            link: session.link()?,
            location: session.location().clone(),
            settings: session.settings().clone(),
            directory: session.directory(),
            ground: Ground { background: true, shell: ground.shell.on(leash), ..ground.clone() },
            stop,
        })
    }

    /// Whether a statement can be carried out here.
    pub(super) fn check(&self, statement: &Statement) -> Result<(), Failure> {
        match statement {
            Statement::Watch { statement, .. } => self.check(statement),
            Statement::Pipeline(pipeline) => self.command(pipeline).map(|_| ()),
            _ => Err(not_here()),
        }
    }

    /// Carries out a statement.
    pub(super) fn carry_out<'a>(&'a self, statement: &'a Statement) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            match statement {
                Statement::Pipeline(pipeline) => self.carry_out_pipeline(pipeline).await,
                Statement::Watch { every, count, statement } => {
                    let mut done = 0;
                    loop {
                        self.carry_out(statement).await?;
                        done += 1;
                        if *count == Some(done) || self.stop.is_asked() {
                            return Ok(());
                        }
                        tokio::select! {
                            () = tokio::time::sleep(*every) => {}
                            _ = self.stop.asked() => return Ok(()),
                        }
                    }
                }
                _ => Err(not_here()),
            }
        }
        .boxed()
    }

    async fn carry_out_pipeline(&self, pipeline: &Pipeline) -> Result<(), Failure> {
        let (command, base) = self.command(pipeline)?;
        let goes_nowhere = pipeline.stages.is_empty() && pipeline.redirection.is_none();
        // What arrives is shown in any case.
        let wanted = if goes_nowhere && shows_events(&command) { Wanted::Dropped } else { Wanted::Shown };
        let plumbing = Plumbing::lay(pipeline, &self.ground, &base, wanted, true)?;
        let output = plumbing.output.clone();
        let (is_stream, ends_by_itself) = (is_stream(&command), ends_by_itself(&command));
        let stopped = async {
            self.stop.asked().await;
            if ends_by_itself {
                std::future::pending::<()>().await;
            }
        };
        let work = async move { self.perform(command, &output).boxed().await.map(|()| Flow::Continue) };
        attend(plumbing, is_stream, work, stopped).await.map(|_| ())
    }

    async fn perform(&self, command: ReplCommand, output: &Output) -> Result<(), Failure> {
        let Self { link, location, settings, directory, .. } = self;
        match command {
            ReplCommand::Client(command) => {
                let (place, timeout) = (Place::Session(self), settings.timeout);
                let context = Context { link, url: &location.url, output, place, timeout };
                command::execute(command, &context).await
            }
            ReplCommand::Event(arguments) => {
                let beside = Beside { settings, location, directory };
                command::event::run_beside(*arguments, beside, output, Some(&self.stop)).await
            }
            _ => Err(not_here()),
        }
    }

    fn command(&self, pipeline: &Pipeline) -> Result<(ReplCommand, Output), Failure> {
        match read_head(&pipeline.head, &self.ground)? {
            Start::Command(command, base)
                if matches!(*command, ReplCommand::Client(_) | ReplCommand::Event(_)) =>
            {
                Ok((*command, base))
            }
            _ => Err(not_here()),
        }
    }
}

fn not_here() -> Failure {
    Failure::usage("only what talks to the gateway can be a job").hint("listen chat > chat.log &")
}

impl Shown for Apart {
    fn watch(&self, _output: &Output) -> Box<dyn Watch> {
        Box::new(Own(self.link.events()))
    }

    fn claim(&self, output: &Output) -> Box<dyn Watch> {
        self.watch(output)
    }

    fn is_beside(&self) -> bool {
        true
    }

    fn stop(&self) -> Option<&Stop> {
        Some(&self.stop)
    }

    fn goes_apart(&self) -> bool {
        true
    }
}

/// Events that this place shows.
struct Own(link::Told);

impl Watch for Own {
    fn next(&mut self) -> BoxFuture<'_, Option<Event>> {
        self.0.next().boxed()
    }

    fn were_shown(&self) -> bool {
        false
    }
}

/// Waits for a command, and for everything that it tells to come through. Without it, once it is stopped.
pub(super) async fn attend(
    mut plumbing: Plumbing,
    is_stream: bool,
    work: impl Future<Output = Result<Flow, Failure>>,
    stopped: impl Future<Output = ()>,
) -> Result<(Flow, Told), Failure> {
    let mut first = plumbing.take_first();
    let result = tokio::select! {
        result = work => result,
        () = Plumbing::had_enough(&mut first, is_stream) => Ok(Flow::Continue),
        () = stopped => Ok(Flow::Continue),
    };
    let (flow, result) = match result {
        Ok(flow) => (flow, Ok(())),
        Err(failure) => (Flow::Continue, Err(failure)),
    };
    plumbing.finish(result, first).await.map(|told| (flow, told))
}

/// Whether a command tells more than one thing, over time: one that nobody reads any more can end.
pub(super) fn is_stream(command: &ReplCommand) -> bool {
    match command {
        ReplCommand::Client(command) => {
            matches!(command, Command::Listen(_) | Command::Events(_) | Command::Ping(_) | Command::Serve(_))
        }
        ReplCommand::Event(arguments) => arguments.is_stream(),
        _ => false,
    }
}

/// Whether a command goes on until it is stopped.
pub(super) fn is_endless(command: &ReplCommand) -> bool {
    match command {
        ReplCommand::Client(Command::Listen(arguments)) => arguments.limits.is_endless(),
        ReplCommand::Client(Command::Events(arguments)) => arguments.limits.is_endless(),
        ReplCommand::Client(Command::Serve(arguments)) => arguments.limits.is_endless(),
        ReplCommand::Event(arguments) => arguments.is_endless(),
        _ => false,
    }
}

/// Whether what a command tells is what arrives.
fn shows_events(command: &ReplCommand) -> bool {
    matches!(command, ReplCommand::Client(Command::Listen(_) | Command::Events(_)))
}

/// Whether a job finishes what it has begun when it is stopped.
fn ends_by_itself(command: &ReplCommand) -> bool {
    match command {
        ReplCommand::Client(client) => shows_events(command) || client.ends_by_itself(),
        ReplCommand::Event(arguments) => arguments.ends_by_itself(),
        _ => false,
    }
}
