//! The interpreter: carries out the lines of the REPL and of scripts on a session. What a line says is read in `language/`; what
//! arrives meanwhile is shown by the session.

mod apart;
mod arrivals;
mod command;
mod expect;
mod jobs;
pub(crate) mod pages;
mod plumbing;
mod results;
mod shell;
mod source;
mod variables;

pub(crate) use arrivals::Arrivals;
pub(crate) use command::LanguageCommand;
pub(crate) use jobs::JOBS_END;
pub(crate) use shell::{Lending, Sharing, Shell};
pub(crate) use source::Rules;

use std::{future::pending, path::PathBuf, sync::Arc, time::Instant};

use futures_util::{FutureExt, future::LocalBoxFuture};

use self::{
    apart::{Apart, attend, is_endless, is_stream},
    jobs::{Jobs, Reins},
    plumbing::{Asides, Plumbing, Told, Wanted},
    results::{Onward, Text, Trouble, cut_notice, show_value},
    shell::{Reads, Writes},
    variables::Listed,
};
use crate::{
    args::{Command, ReplCommand},
    exit::Exit,
    failure::Failure,
    help::width,
    language::{
        Assigned, Condition, Head, Home, Line, Pipeline, Request, Statement, Variables, parse, read_command,
        read_send,
    },
    offspring::Leash,
    output::{Filter, Form, Output, Tap},
    repl::{Audience, Flow, Session, help_page},
    signals::Stop,
};

/// A session, and what lines leave behind for those that follow.
pub(crate) struct Interpreter {
    session: Session,
    ground: Ground,
    jobs: Jobs,
    rules: Rules,
    /// The files whose lines are being carried out, from the outermost.
    open: Vec<PathBuf>,
    /// How many lines failed that others followed.
    failed: u64,
    /// Whether it was said that `$_` may be without something.
    was_cut: bool,
}

/// What a statement stands on.
#[derive(Clone)]
struct Ground {
    variables: Arc<Variables>,
    home: Home,
    shell: Shell,
    output: Output,
    /// Whether programs may be run.
    runs_programs: bool,
    /// Whether it is a job, which Ctrl-C is not for.
    background: bool,
}

impl Ground {
    /// A filter that sees the variables.
    fn filter(&self, text: &str) -> Result<Filter, Failure> {
        Filter::compile_with(text, self.variables.iter()).map(|filter| self.placed(filter))
    }

    fn placed(&self, filter: Filter) -> Filter {
        if self.background { filter.in_background() } else { filter }
    }
}

impl Interpreter {
    /// An interpreter on a session.
    pub(crate) fn new(session: Session, shell: Shell, rules: Rules) -> Self {
        let output = session.output().clone();
        let is_told = session.audience() == Audience::Person;
        Self {
            ground: Ground {
                variables: Arc::default(),
                home: session.home(),
                shell,
                output: output.clone(),
                runs_programs: rules.shell,
                background: false,
            },
            session,
            jobs: Jobs::new(output, is_told),
            rules,
            open: Vec::new(),
            failed: 0,
            was_cut: false,
        }
    }

    /// The session that lines are carried out on.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the terminal is lent to a shell's command, while a line is carried out.
    pub(crate) fn lending(&self) -> Lending {
        self.ground.shell.lending()
    }

    /// Connects, and shows what arrives from then on.
    pub(crate) async fn connect(&mut self) -> Result<(), Failure> {
        self.session.connect().await
    }

    /// Carries out a line. What arrived before it was done is shown when this returns.
    pub(crate) async fn execute(&mut self, line: &str) -> Result<Flow, Failure> {
        let Line { statement, background } = parse(line)?;
        if statement == Statement::Nothing {
            return Ok(Flow::Continue);
        }
        let result = if background || self.goes_on_by_itself(&statement)? {
            self.start_job(statement, line)
        } else {
            self.carry_out(&statement).await
        };
        self.session.caught_up().await?;
        result.map_err(|failure| match failure.exit() {
            Exit::Lost if failure.hinted().is_none() => {
                failure.hint("`connect` connects again, `exit` leaves")
            }
            _ => failure,
        })
    }

    /// Leaves, after lines that ended like this: jobs end, what is under way is finished, what has arrived is shown. Fails as the
    /// lines, or else as a job that had failed.
    pub(crate) async fn leave(self, result: Result<(), Failure>) -> Result<(), Failure> {
        let jobs = self.jobs.finish().await;
        if let (Err(_), Err(failure)) = (&result, &jobs) {
            self.ground.output.failure(failure);
        }
        let left = self.session.leave().await;
        result.and(jobs).and(left)
    }

    /// Leaves for a reason that does not let anything be finished but jobs. Fails with it.
    pub(crate) async fn abandon(self, reason: Failure) -> Result<(), Failure> {
        if let Err(failure) = self.jobs.finish().await {
            self.ground.output.failure(&failure);
        }
        Err(reason)
    }

    fn carry_out<'a>(&'a mut self, statement: &'a Statement) -> LocalBoxFuture<'a, Result<Flow, Failure>> {
        async move {
            match statement {
                Statement::Nothing => Ok(Flow::Continue),
                Statement::Pipeline(pipeline) => {
                    Ok(self.carry_out_pipeline(pipeline, Wanted::Shown).await?.0)
                }
                Statement::Shell(text) => {
                    self.run_shell(text, Wanted::Shown).await?;
                    Ok(Flow::Continue)
                }
                Statement::Let { name, value } => {
                    let value = self.value(value).await?;
                    Arc::make_mut(&mut self.ground.variables).set(name, value)?;
                    Ok(Flow::Continue)
                }
                Statement::Time(statement) => {
                    let start = Instant::now();
                    let result = self.carry_out(statement).await;
                    self.session.caught_up().await?;
                    self.ground.output.note(&format!("it took {:.1?}", start.elapsed()));
                    result
                }
                Statement::Watch { every, count, statement } => {
                    let mut done = 0;
                    loop {
                        let flow = self.carry_out(statement).await?;
                        done += 1;
                        if flow == Flow::Leave || *count == Some(done) {
                            return Ok(flow);
                        }
                        tokio::time::sleep(*every).await;
                    }
                }
            }
        }
        .boxed_local()
    }

    /// What a variable is to stand for.
    async fn value(&mut self, assigned: &Assigned) -> Result<String, Failure> {
        match assigned {
            Assigned::Json(json) => Ok(json.clone()),
            Assigned::Word(word) => match word.reference() {
                Some(reference) => self.ground.variables.value(reference),
                None => Ok(serde_json::Value::from(self.ground.variables.expand(word)?).to_string()),
            },
            Assigned::Result(statement) => match &**statement {
                Statement::Pipeline(pipeline) => Ok(self.carry_out_pipeline(pipeline, Wanted::Kept).await?.1),
                Statement::Shell(text) => self.run_shell(text, Wanted::Kept).await,
                _ => Err(Failure::usage("only a command has a result that a variable can stand for")),
            },
        }
    }

    /// Carries out a command, and takes its results where they belong. Their value is the second.
    async fn carry_out_pipeline(
        &mut self,
        pipeline: &Pipeline,
        wanted: Wanted,
    ) -> Result<(Flow, String), Failure> {
        let ground = self.ground.clone();
        let (command, base) = match read_head(&pipeline.head, &ground)? {
            Start::Command(command, base) => (*command, base),
            Start::Help(text) => {
                ground.output.text(&text)?;
                return Ok((Flow::Continue, "null".to_owned()));
            }
            Start::Value(value) => {
                let plumbing = Plumbing::lay(pipeline, &ground, &ground.output, wanted, false)?;
                let (gather, output) = (Arc::clone(&plumbing.gather), plumbing.output.clone());
                let work = async move {
                    if gather.take(value)? {
                        show_value(&gather.value(), &output)?;
                    }
                    Ok(Flow::Continue)
                };
                let (flow, told) = attend(plumbing, false, work, pending()).await?;
                if !pipeline.stages.is_empty() {
                    self.remember(&told)?;
                }
                return Ok((flow, told.value));
            }
        };
        let apart = wanted == Wanted::Kept || !pipeline.stages.is_empty() || pipeline.redirection.is_some();
        let (is_stream, tells) = (is_stream(&command), tells(&command));
        let plumbing = Plumbing::lay(pipeline, &ground, &base, wanted, false)?;
        let output = plumbing.output.clone();
        let work = async { self.perform(command, output, apart).await };
        let (flow, told) = attend(plumbing, is_stream, work, pending()).await?;
        if tells {
            self.remember(&told)?;
        }
        Ok((flow, told.value))
    }

    /// What was told last. That something is missing from it is said once.
    fn remember(&mut self, told: &Told) -> Result<(), Failure> {
        if told.is_cut && !std::mem::replace(&mut self.was_cut, true) {
            self.ground.output.note(&cut_notice());
        }
        Arc::make_mut(&mut self.ground.variables).set("_", told.value.clone())
    }

    async fn perform(&mut self, command: ReplCommand, output: Output, apart: bool) -> Result<Flow, Failure> {
        match command {
            ReplCommand::Exit => return Ok(Flow::Leave),
            ReplCommand::Language(command) => return self.perform_own(command, &output).await,
            ReplCommand::Help(arguments) => {
                output.text(&help_page(&arguments.topic, output.palette(), width(&output))?)?;
            }
            command => self.session.carry_out(command, &output, apart).boxed_local().await?,
        }
        Ok(Flow::Continue)
    }

    async fn perform_own(&mut self, command: LanguageCommand, output: &Output) -> Result<Flow, Failure> {
        match command {
            LanguageCommand::Vars => output.record(&Listed::of(&self.ground.variables))?,
            LanguageCommand::Jobs => output.record(&self.jobs.list())?,
            LanguageCommand::Stop(arguments) => self.jobs.stop(&arguments.job).await?,
            LanguageCommand::Wait(arguments) => self.jobs.wait(arguments.job).await?,
            LanguageCommand::Sleep(arguments) => tokio::time::sleep(arguments.time).await,
            LanguageCommand::Expect(arguments) => {
                let words = [vec![arguments.kind], arguments.conditions].concat();
                let condition = Condition::read(&words)?;
                expect::expect(&condition, self.session.arrivals(), &self.ground, output).await?;
            }
            LanguageCommand::Assert(arguments) => expect::assert(&arguments, &self.ground).await?,
            LanguageCommand::Source(arguments) => return self.source(&arguments.file).boxed_local().await,
            LanguageCommand::Let(_) | LanguageCommand::Time(_) | LanguageCommand::Watch(_) => {
                return Err(Failure::usage("that stands at the beginning of a line, before any option"));
            }
        }
        Ok(Flow::Continue)
    }

    /// Runs a shell's command, and gives what it wrote if that is to be kept.
    async fn run_shell(&mut self, text: &str, wanted: Wanted) -> Result<String, Failure> {
        // What arrives meanwhile stays off a screen that somebody else writes to.
        let _held = self.session.hold();
        let Ground { shell, variables, output, .. } = &self.ground;
        let (kept, trouble) = (Arc::<Text>::default(), Trouble::default());
        let asides = Arc::new(Asides(output.clone()));
        let writes = match wanted {
            Wanted::Kept => Writes::There(Arc::clone(&kept) as _, asides),
            _ if shell.shares_outputs() => Writes::Here,
            _ => {
                let onward = Onward { output: output.clone(), trouble: trouble.clone() };
                Writes::There(Arc::new(onward), asides)
            }
        };
        let (running, _) = shell.start(text, Reads::Keyboard, writes, variables, false)?;
        let ended = running.finish().await;
        trouble.take().map_or(Ok(()), Err)?;
        let value = kept.value()?;
        ended.map(|()| value)
    }

    /// Whether a statement is a stream into a file, which nobody needs to wait for.
    fn goes_on_by_itself(&self, statement: &Statement) -> Result<bool, Failure> {
        let Statement::Pipeline(pipeline @ Pipeline { redirection: Some(_), .. }) = statement else {
            return Ok(false);
        };
        match read_head(&pipeline.head, &self.ground)? {
            Start::Command(command, _) => Ok(is_endless(&command)),
            _ => Ok(false),
        }
    }

    fn start_job(&self, statement: Statement, line: &str) -> Result<Flow, Failure> {
        let text = line.trim().trim_end_matches('&').trim_end();
        // Before anything happens: a file would be emptied.
        self.jobs.have_room()?;
        let (leash, (asks, stop)) = (Leash::default(), Stop::pair());
        let apart = Apart::new(&self.session, &self.ground, leash.clone(), stop)?;
        // A mistake is told at once.
        apart.check(&statement)?;
        let mut work = async move { apart.carry_out(&statement).await }.boxed();
        // As far as it gets: what arrives from the next line on is for it.
        let work = match (&mut work).now_or_never() {
            Some(result) => std::future::ready(result).boxed(),
            None => work,
        };
        self.jobs.start(text, Reins { asks, leash }, work);
        Ok(Flow::Continue)
    }
}

/// What a pipeline begins with.
enum Start {
    Command(Box<ReplCommand>, Output),
    Help(String),
    Value(String),
}

fn read_head(head: &Head, ground: &Ground) -> Result<Start, Failure> {
    match head {
        Head::Words(words) => match read_command(words, &ground.variables, &ground.home)? {
            Request::Help(text) => Ok(Start::Help(text)),
            Request::Command(command, options) => {
                if matches!(&*command, ReplCommand::Client(command) if command.runs_programs())
                    && !ground.runs_programs
                {
                    return Err(Failure::usage("a script runs programs only if it is allowed to")
                        .hint("concierge run --allow-shell FILE"));
                }
                let output = match options.form()? {
                    Some(Form { format, filter }) => {
                        let filter = filter.map(|filter| ground.placed(filter));
                        ground.output.with_form(Form { format, filter })
                    }
                    None => ground.output.clone(),
                };
                Ok(Start::Command(command, output))
            }
        },
        Head::Send(short) => {
            let command = Command::Send(read_send(short, &ground.variables)?);
            Ok(Start::Command(Box::new(ReplCommand::Client(command)), ground.output.clone()))
        }
        Head::Value(word) => match word.reference() {
            Some(reference) => Ok(Start::Value(ground.variables.value(reference)?)),
            None => Err(Failure::usage("a command is missing at the beginning of the line")),
        },
    }
}

/// Whether what a command tells is what was told last.
fn tells(command: &ReplCommand) -> bool {
    matches!(
        command,
        ReplCommand::Client(_)
            | ReplCommand::Event(_)
            | ReplCommand::Server(_)
            | ReplCommand::Unlisten(_)
            | ReplCommand::Language(LanguageCommand::Expect(_))
    )
}
