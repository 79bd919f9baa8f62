//! Where what a command tells goes: through filters and commands of a shell, to a file, to a variable, or to the screen.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    sync::{Arc, Mutex},
};

use rustix::{fs::OFlags, io::Errno};

use super::{
    Ground,
    results::{Gather, Nowhere, Onward, Sieve, SieveSink, Target, Text, Trouble, unwritable},
    shell::{Feed, Reads, Running, Writes},
};
use crate::{
    exit::Exit,
    failure::Failure,
    language::{Pipeline, Redirection, Stage},
    output::{Filter, Output, Sink},
};

/// The way from a command to where its results end up.
pub(super) struct Plumbing {
    /// What the command writes to.
    pub output: Output,
    /// What it tells.
    pub gather: Arc<Gather>,
    text: Option<Arc<Text>>,
    /// Whether nobody sees what it tells but a variable.
    is_kept: bool,
    /// The commands of a shell, in order.
    running: Vec<Running>,
    trouble: Trouble,
}

/// What was told, as one value.
pub(super) struct Told {
    /// It.
    pub value: String,
    /// Whether it is without what was told first.
    pub is_cut: bool,
}

/// Who wants the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whoever looks at the screen.
    Shown,
    /// A variable, and nobody else.
    Kept,
    /// Nobody: what it tells is on the screen already.
    Dropped,
}

impl Plumbing {
    /// Lays it, from its end: every file is open and every command runs when this returns.
    pub(super) fn lay(
        pipeline: &Pipeline,
        ground: &Ground,
        base: &Output,
        wanted: Wanted,
        background: bool,
    ) -> Result<Self, Failure> {
        let mut pipes = Pipes { ground, base, background, trouble: Trouble::default(), running: Vec::new() };
        let leading =
            pipeline.stages.iter().take_while(|stage| matches!(stage, Stage::Filter { .. })).count();
        let (filters, rest) = pipeline.stages.split_at_checked(leading).unwrap_or((&pipeline.stages, &[]));
        let sieves = sieves(filters, ground)?;
        let has_shell = !rest.is_empty();
        let text = (wanted == Wanted::Kept && has_shell).then(Arc::<Text>::default);
        let (end, goes_elsewhere) = match (&pipeline.redirection, &text) {
            (Some(redirection), _) => (pipes.file(redirection)?, true),
            (None, Some(text)) => (base.going_to(Arc::clone(text) as Arc<dyn Sink>), true),
            (None, None) if wanted == Wanted::Dropped => (base.going_to(Arc::new(Nowhere)), true),
            (None, None) => (base.clone(), false),
        };
        let next = pipes.commands(rest, end, goes_elsewhere)?;
        let written = wanted != Wanted::Kept || has_shell || pipeline.redirection.is_some();
        let gather = Arc::new(if sieves.is_empty() {
            Gather::keeping(written)
        } else {
            Gather::filtering(sieves, written.then(|| next.clone()))
        });
        let Pipes { trouble, mut running, .. } = pipes;
        running.reverse();
        let (output, is_kept) = (next.tapped(Arc::clone(&gather) as _), wanted == Wanted::Kept);
        Ok(Self { output, gather, text, is_kept, running, trouble })
    }

    /// Waits until the first command that is fed has had enough, if there is one. A stream need not go on when it has ended,
    /// anything else only if somebody wanted that.
    pub(super) async fn had_enough(running: &mut Option<Running>, is_stream: bool) {
        if let Some(running) = running {
            let ended = running.ended().await;
            if is_stream || ended.is_err_and(|failure| failure.exit() == Exit::Interrupted) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Takes out the first command that is fed.
    pub(super) fn take_first(&mut self) -> Option<Running> {
        if self.running.is_empty() { None } else { Some(self.running.remove(0)) }
    }

    /// Waits until everything has come through, and tells what went wrong first. The value of what was told, if all went well.
    pub(super) async fn finish(
        self,
        result: Result<(), Failure>,
        first: Option<Running>,
    ) -> Result<Told, Failure> {
        let Self { output, gather, text, is_kept, running, trouble } = self;
        let is_cut = gather.is_cut();
        let value = if is_kept { gather.whole_value() } else { Ok(gather.value()) };
        // What is fed ends when nobody can write to it any more.
        drop((output, gather));
        let mut ended = Ok(());
        for running in first.into_iter().chain(running) {
            ended = ended.and(running.finish().await);
        }
        if let Some(failure) = trouble.take() {
            return Err(failure);
        }
        match result {
            // Whoever read had enough.
            Err(failure) if failure.exit() == Exit::Done => {}
            other => other?,
        }
        // What was too much for it ends whoever writes, which is no failure of theirs.
        let value = text.map_or(value, |text| text.value())?;
        ended.map(|()| Told { value, is_cut })
    }
}

/// What the pieces are made with.
struct Pipes<'a> {
    ground: &'a Ground,
    base: &'a Output,
    background: bool,
    trouble: Trouble,
    /// From the last to the first.
    running: Vec<Running>,
}

impl Pipes<'_> {
    fn file(&self, redirection: &Redirection) -> Result<Output, Failure> {
        let typed = self.ground.variables.expand(&redirection.file)?;
        let path = self.ground.home.path(&redirection.file, &crate::grammar::text(&typed));
        let name = path.display().to_string();
        let unwritable = |error: &io::Error| unwritable(&name, error);
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(redirection.append)
            .truncate(!redirection.append)
            // A pipe with a name would be waited for, however long that takes.
            .custom_flags(not_waiting())
            .open(&path)
            .map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::NXIO) => {
                    unwritable(&error).hint("where it is a pipe, somebody has to read it first")
                }
                _ => unwritable(&error),
            })?;
        let feed = self.ground.shell.feed(file, self.background).map_err(|error| unwritable(&error))?;
        let sink = Target { feed: Mutex::new(feed), name, trouble: self.trouble.clone() };
        Ok(self.base.going_to(Arc::new(sink)))
    }

    /// The commands of a shell, and filters between them, from the last to the first. Where to write to the first.
    fn commands(&mut self, stages: &[Stage], end: Output, goes_elsewhere: bool) -> Result<Output, Failure> {
        let mut next = end;
        let mut is_last = !goes_elsewhere;
        for stage in stages.iter().rev() {
            next = match stage {
                Stage::Shell(text) => {
                    let shares = is_last && !self.background && self.ground.shell.shares_outputs();
                    let feed = self.command(text, (!shares).then_some(next))?;
                    let sink =
                        Target { feed: Mutex::new(feed), name: text.clone(), trouble: self.trouble.clone() };
                    self.base.going_to(Arc::new(sink))
                }
                filter @ Stage::Filter { .. } => {
                    let sieves = sieves(std::slice::from_ref(filter), self.ground)?;
                    let sink = SieveSink { sieves, into: next, trouble: self.trouble.clone() };
                    self.base.going_to(Arc::new(sink))
                }
            };
            is_last = false;
        }
        Ok(next)
    }

    fn command(&mut self, text: &str, output: Option<Output>) -> Result<Feed, Failure> {
        let writes = match output {
            None => Writes::Here,
            Some(output) => Writes::There(
                Arc::new(Onward { output, trouble: self.trouble.clone() }),
                Arc::new(Asides(self.base.clone())),
            ),
        };
        let Ground { shell, variables, .. } = self.ground;
        let (running, feed) = shell.start(text, Reads::Pipe, writes, variables, self.background)?;
        self.running.push(running);
        feed.ok_or_else(|| Failure::local(format!("nothing can be written to `{text}`")))
    }
}

/// The flag that opening a file waits for nobody.
fn not_waiting() -> i32 {
    OFlags::NONBLOCK.bits().cast_signed()
}

/// What a command tells besides, where it cannot do so itself.
pub(super) struct Asides(pub(super) Output);

impl Sink for Asides {
    fn write_text(&self, text: &str) -> io::Result<()> {
        text.lines().for_each(|line| self.0.note(line));
        Ok(())
    }
}

/// Filters, which see the variables.
fn sieves(stages: &[Stage], ground: &Ground) -> Result<Vec<Sieve>, Failure> {
    let sieve = |stage: &Stage| match stage {
        Stage::Filter { text, raw } => {
            Some(ground.filter(text).map(|filter: Filter| Sieve { filter, raw: *raw }))
        }
        Stage::Shell(_) => None,
    };
    stages.iter().filter_map(sieve).collect()
}
