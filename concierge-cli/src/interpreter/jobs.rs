//! Jobs: statements that are carried out while other lines are. Each tells once how it ended.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::json;
use tokio::{sync::Notify, task::AbortHandle};

use crate::{
    exit::Exit,
    failure::Failure,
    offspring::Leash,
    output::{Output, Record, View, escape, json::object},
};

/// How many there can be at once, and how many of those that failed wait until somebody asks.
const MOST: usize = 32;

/// The jobs of a session. They end when this is dropped, and so does every program that they have started.
pub(super) struct Jobs(Arc<Shared>);

struct Shared {
    output: Output,
    /// Whether somebody is there to be told at once how a job ended.
    is_told: bool,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    last: u32,
    /// Those that run.
    jobs: BTreeMap<u32, Job>,
    /// How others ended, which nobody was told yet.
    failed: BTreeMap<u32, Failure>,
}

struct Job {
    text: String,
    running: AbortHandle,
    /// What its programs hang on: they end at once, whatever the job waits for.
    leash: Leash,
}

/// What is listed.
pub(super) struct Listed(Vec<(u32, String)>);

impl Jobs {
    /// No jobs. With somebody to be told, each end is told when it comes; else failures wait until they are asked for.
    pub(super) fn new(output: Output, is_told: bool) -> Self {
        Self(Arc::new(Shared { output, is_told, state: Mutex::default(), changed: Notify::new() }))
    }

    /// Whether there is room for one more.
    pub(super) fn have_room(&self) -> Result<(), Failure> {
        if self.lock().jobs.len() < MOST {
            return Ok(());
        }
        Err(Failure::usage(format!("there are {MOST} jobs already"))
            .hint("`jobs` lists them, `stop` ends some"))
    }

    /// Starts one, for which there is room.
    pub(super) fn start(
        &self,
        text: &str,
        leash: Leash,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        self.0.output.note(&format!("[{id}] {text}"));
        let ending = Ending { jobs: Arc::clone(&self.0), id, result: Err(Failure::local("it broke")) };
        // It ends after it is known, because that is locked.
        let task = tokio::spawn(async move {
            let mut ending = ending;
            ending.result = work.await;
        });
        state.jobs.insert(id, Job { text: text.to_owned(), running: task.abort_handle(), leash });
    }

    /// Ends one, or all. One that has failed is told instead.
    pub(super) fn stop(&self, which: &str) -> Result<(), Failure> {
        let mut state = self.lock();
        let ids: Vec<u32> = if which == "all" {
            state.jobs.keys().copied().collect()
        } else {
            let id = which.trim_start_matches('%').parse::<u32>().ok();
            if let Some(failure) = id.and_then(|id| state.failed.remove(&id)) {
                return Err(failure);
            }
            let id = id.filter(|id| state.jobs.contains_key(id));
            vec![id.ok_or_else(|| unknown(which, &state))?]
        };
        for id in ids {
            if let Some(job) = state.jobs.remove(&id) {
                job.end();
                self.0.output.note(&format!("[{id}] stopped: {}", job.text));
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
        Ok(())
    }

    /// Waits until one has ended, or all. Fails as the first of them that failed.
    pub(super) async fn wait(&self, which: Option<u32>) -> Result<(), Failure> {
        if let Some(id) = which {
            let state = self.lock();
            if id == 0 || id > state.last {
                return Err(unknown(&id.to_string(), &state));
            }
        }
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // From here on a change is noticed, before it is waited for.
            changed.as_mut().enable();
            if let Some(result) = self.result(which) {
                return result;
            }
            changed.await;
        }
    }

    /// Ends all, at the end of a script. Fails as the first that has failed before.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        self.end();
        self.failure(None)
    }

    /// What runs.
    pub(super) fn list(&self) -> Listed {
        let state = self.lock();
        Listed(state.jobs.iter().map(|(id, job)| (*id, job.text.clone())).collect())
    }

    /// How those that are waited for ended; none while one of them runs.
    fn result(&self, which: Option<u32>) -> Option<Result<(), Failure>> {
        let runs = self.lock().jobs.keys().any(|id| is_meant(which, *id));
        (!runs).then(|| self.failure(which))
    }

    /// The first that failed. Others are told.
    fn failure(&self, which: Option<u32>) -> Result<(), Failure> {
        let mut state = self.lock();
        let mut failures =
            state.failed.extract_if(.., |id, _| is_meant(which, *id)).map(|(_, failure)| failure);
        let first = failures.next();
        for other in failures {
            self.0.output.failure(&other);
        }
        first.map_or(Ok(()), Err)
    }

    fn end(&self) {
        for job in std::mem::take(&mut self.lock().jobs).into_values() {
            job.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn ended(&self, id: u32, result: Result<(), Failure>) {
        let mut state = self.lock();
        // One that was stopped has been told.
        let Some(job) = state.jobs.remove(&id) else { return };
        match result {
            Err(failure) if failure.exit() != Exit::Done => {
                let failure = failure.within(&format!("[{id}] {}", job.text));
                if self.is_told || state.failed.len() >= MOST {
                    self.output.failure(&failure);
                } else {
                    state.failed.insert(id, failure);
                }
            }
            _ if self.is_told => self.output.note(&format!("[{id}] done: {}", job.text)),
            _ => {}
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn end(&self) {
        self.running.abort();
        self.leash.end();
    }
}

fn is_meant(which: Option<u32>, id: u32) -> bool {
    which.is_none_or(|which| which == id)
}

/// Tells how a job ended, however it did.
struct Ending {
    jobs: Arc<Shared>,
    id: u32,
    result: Result<(), Failure>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.jobs.ended(self.id, self.result.clone());
    }
}

fn unknown(which: &str, state: &State) -> Failure {
    let ids: Vec<_> = state.jobs.keys().map(ToString::to_string).collect();
    let failure = Failure::usage(format!("there is no job {which}"));
    if ids.is_empty() {
        failure.hint("none runs")
    } else {
        failure.hint(format!("there is {}", ids.join(", ")))
    }
}

impl Record for Listed {
    fn object(&self) -> String {
        let jobs: Vec<_> = self.0.iter().map(|(id, text)| json!({ "id": id, "line": text })).collect();
        object("jobs", &[("jobs", json!(jobs))])
    }

    fn human(&self, _view: View) -> String {
        self.0.iter().fold(String::new(), |lines, (id, text)| lines + &format!("[{id}] {}\n", escape(text)))
    }

    fn objects(&self) -> Vec<String> {
        let job = |(id, text): &(u32, String)| object("job", &[("id", json!(id)), ("line", json!(text))]);
        self.0.iter().map(job).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.0.iter().map(|(id, text)| vec![id.to_string(), text.clone()]).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|(_, text)| text.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        console::Console,
        output::{ColorChoice, Form},
    };

    fn jobs(is_told: bool) -> (Jobs, crate::console::Captured) {
        let (console, captured) = Console::in_memory("", []);
        let output = Output::new(&console, Form::default(), ColorChoice::Never, false);
        (Jobs::new(output, is_told), captured)
    }

    fn failing() -> Result<(), Failure> {
        Err(Failure::new(Exit::Lost, "no more"))
    }

    fn start(jobs: &Jobs, text: &str, work: impl Future<Output = Result<(), Failure>> + Send + 'static) {
        jobs.have_room().unwrap();
        jobs.start(text, Leash::default(), work);
    }

    fn pending() -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        std::future::pending()
    }

    #[tokio::test]
    async fn a_failure_is_told_once_by_whoever_waits() {
        let (jobs, captured) = jobs(false);
        start(&jobs, "listen a", async { failing() });
        start(&jobs, "listen b", async { Ok(()) });
        let failure = jobs.wait(None).await.unwrap_err();
        assert_eq!((failure.exit(), failure.message()), (Exit::Lost, "[1] listen a: no more"));
        assert_eq!(jobs.wait(None).await, Ok(()));
        assert_eq!(jobs.wait(Some(1)).await, Ok(()));
        assert_eq!(jobs.finish(), Ok(()));
        assert_eq!(captured.stderr(), "[1] listen a\n[2] listen b\n");
    }

    #[tokio::test]
    async fn a_person_is_told_at_once() {
        let (jobs, captured) = jobs(true);
        start(&jobs, "listen a", async { failing() });
        assert_eq!(jobs.wait(None).await, Ok(()));
        assert!(captured.stderr().contains("error: [1] listen a: no more"), "{}", captured.stderr());
        start(&jobs, "listen b", async { Ok(()) });
        assert_eq!(jobs.wait(Some(2)).await, Ok(()));
        assert!(captured.stderr().contains("[2] done: listen b"), "{}", captured.stderr());
    }

    #[tokio::test]
    async fn jobs_can_be_stopped_and_are_bounded() {
        let (jobs, captured) = jobs(false);
        for _ in 0..MOST {
            start(&jobs, "listen", pending());
        }
        assert!(jobs.have_room().is_err());
        assert_eq!(jobs.stop("7").map(|()| jobs.list().0.len()), Ok(MOST - 1));
        let failure = jobs.stop("7").unwrap_err();
        assert_eq!(failure.message(), "there is no job 7");
        jobs.stop("all").unwrap();
        assert_eq!(jobs.wait(None).await, Ok(()));
        assert!(captured.stderr().contains("[7] stopped: listen"));
        assert_eq!(jobs.stop("x").unwrap_err().hinted(), Some("none runs"));
        assert!(jobs.wait(Some(99)).await.is_err());
    }

    /// Jobs of a script, so many of which have failed, which nobody was told yet.
    async fn failed(count: usize) -> (Jobs, crate::console::Captured) {
        let (jobs, captured) = jobs(false);
        for _ in 0..count {
            start(&jobs, "listen", async { failing() });
        }
        while !jobs.list().0.is_empty() {
            tokio::task::yield_now().await;
        }
        (jobs, captured)
    }

    #[tokio::test]
    async fn those_that_failed_make_room() {
        let (jobs, captured) = failed(MOST).await;
        assert!(!captured.stderr().contains("no more"));
        start(&jobs, "listen", async { failing() });
        while !jobs.list().0.is_empty() {
            tokio::task::yield_now().await;
        }
        // No more than that wait to be asked for.
        assert!(captured.stderr().ends_with("error: [33] listen: no more\n"), "{}", captured.stderr());
        assert!(jobs.finish().is_err());
        for id in 2..=MOST {
            assert!(captured.stderr().contains(&format!("error: [{id}] listen: no more\n")));
        }
    }

    #[tokio::test]
    async fn stopping_all_others_leaves_a_failure_to_be_told() {
        let (jobs, _captured) = failed(1).await;
        start(&jobs, "listen", pending());
        jobs.stop("all").unwrap();
        assert_eq!(jobs.finish().unwrap_err().exit(), Exit::Lost);
        let (jobs, _captured) = failed(1).await;
        assert_eq!(jobs.stop("1").unwrap_err().message(), "[1] listen: no more");
        assert_eq!(jobs.finish(), Ok(()));
    }

    #[tokio::test]
    async fn the_end_of_a_script_ends_its_jobs() {
        let (jobs, _captured) = jobs(false);
        start(&jobs, "listen", pending());
        start(&jobs, "listen", async { failing() });
        assert!(jobs.wait(Some(2)).await.is_err());
        assert_eq!(jobs.finish(), Ok(()));
        assert!(jobs.list().0.is_empty());
    }
}
