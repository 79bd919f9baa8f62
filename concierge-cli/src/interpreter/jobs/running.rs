//! What runs as jobs, and how each of them ends: by itself, in time after it was stopped, or at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::AbortHandle, time::timeout};

use super::MOST;
use crate::{exit::Exit, failure::Failure, offspring::Leash, output::Output, signals::Asks};

/// How long one that was stopped has to end by itself: its programs have read everything, and write the rest of theirs.
const GRACE: Duration = Duration::from_secs(2);

/// How long its programs have to end after SIGTERM, which comes then.
const LAST_GRACE: Duration = Duration::from_millis(500);

/// What jobs have in common: what runs, how it ended, and who is told.
pub(super) struct Shared {
    /// Who is told.
    pub output: Output,
    /// Whether somebody is there to be told at once how a job ended.
    pub is_told: bool,
    state: Mutex<State>,
    changed: Notify,
}

/// How they stand.
#[derive(Default)]
pub(super) struct State {
    /// The number of the one that was started last.
    pub last: u32,
    /// Those that run.
    pub jobs: BTreeMap<u32, Job>,
    /// How others ended, which nobody was told yet.
    pub failed: BTreeMap<u32, Failure>,
    /// Whether the session ends: then nobody needs to be told that jobs do.
    pub leaves: bool,
}

/// One that has not ended.
pub(super) struct Job {
    /// What was typed.
    pub text: String,
    /// How far it is from its end.
    pub phase: Phase,
    running: AbortHandle,
    reins: Reins,
}

/// What a job is stopped with.
pub(in super::super) struct Reins {
    /// It ends by itself, and its programs with the last of what they read.
    pub asks: Asks,
    /// What its programs hang on: they end, whatever the job waits for.
    pub leash: Leash,
}

/// How far a job is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody has stopped it.
    Runs,
    /// It was stopped, and ends by itself.
    Finishes,
    /// It did not in time.
    IsEnded,
}

impl Shared {
    /// No jobs.
    pub(super) fn new(output: Output, is_told: bool) -> Self {
        Self { output, is_told, state: Mutex::default(), changed: Notify::new() }
    }

    /// Starts one.
    pub(super) fn start(
        self: &Arc<Self>,
        text: &str,
        reins: Reins,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        self.output.note(&format!("[{id}] {text}"));
        let ending = Ending { jobs: Arc::clone(self), id, result: Err(Failure::local("it broke")) };
        // It ends after it is known, because that is locked.
        let task = tokio::spawn(async move {
            let mut ending = ending;
            ending.result = work.await;
        });
        let running = task.abort_handle();
        state.jobs.insert(id, Job { text: text.to_owned(), phase: Phase::Runs, running, reins });
    }

    /// Asks one to end, and sees to it that it does. Whether nobody had before.
    pub(super) fn stop(self: &Arc<Self>, id: u32) -> bool {
        let mut state = self.lock();
        let Some(job) = state.jobs.get_mut(&id).filter(|job| job.phase == Phase::Runs) else { return false };
        job.phase = Phase::Finishes;
        job.reins.asks.ask(Exit::Done);
        drop(state);
        let jobs = Arc::clone(self);
        tokio::spawn(async move {
            if timeout(GRACE, jobs.ended(|other| other == id)).await.is_err() {
                jobs.terminate(id);
                if timeout(LAST_GRACE, jobs.ended(|other| other == id)).await.is_err() {
                    jobs.end(id);
                }
            }
        });
        true
    }

    /// Asks the programs of one to end that did not in time.
    fn terminate(&self, id: u32) {
        if let Some(job) = self.lock().jobs.get_mut(&id) {
            job.phase = Phase::IsEnded;
            job.reins.leash.terminate();
        }
    }

    /// Ends one at once.
    pub(super) fn end(&self, id: u32) {
        let mut state = self.lock();
        let Some(job) = state.jobs.remove(&id) else { return };
        job.end();
        self.tell_cut(id, &job);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends all at once, and tells nobody.
    pub(super) fn drop_all(&self) {
        for job in std::mem::take(&mut self.lock().jobs).into_values() {
            job.end();
        }
    }

    /// Waits until those have ended that are meant.
    pub(super) async fn ended(&self, is_meant: impl Fn(u32) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on a change is noticed, before it is waited for.
            changed.as_mut().enable();
            if !self.lock().jobs.keys().any(|id| is_meant(*id)) {
                return;
            }
            changed.await;
        }
    }

    /// One has ended by itself, or because its programs did.
    fn take_end(&self, id: u32, result: Result<(), Failure>) {
        let mut state = self.lock();
        // One that was ended has been told.
        let Some(job) = state.jobs.remove(&id) else { return };
        match result {
            // How it failed follows from that.
            _ if job.phase == Phase::IsEnded => self.tell_cut(id, &job),
            Err(failure) if failure.exit() != Exit::Done => {
                let failure = failure.within(&format!("[{id}] {}", job.text));
                if self.is_told || state.failed.len() >= MOST {
                    self.output.failure(&failure);
                } else {
                    state.failed.insert(id, failure);
                }
            }
            _ if state.leaves => {}
            _ if job.phase == Phase::Finishes => self.output.note(&format!("[{id}] stopped: {}", job.text)),
            _ if self.is_told => self.output.note(&format!("[{id}] done: {}", job.text)),
            _ => {}
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Nothing is lost without a word.
    fn tell_cut(&self, id: u32, job: &Job) {
        self.output.note(&format!(
            "[{id}] stopped before it had ended by itself, which may have lost something: {}",
            job.text
        ));
    }

    /// How they stand now.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn end(&self) {
        self.running.abort();
        self.reins.leash.end();
    }
}

/// Tells how a job ended, however it did.
struct Ending {
    jobs: Arc<Shared>,
    id: u32,
    result: Result<(), Failure>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.jobs.take_end(self.id, self.result.clone());
    }
}
