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
    output::{Output, Record, View, escape, json::object},
};

/// How many there can be at once.
const MOST: usize = 32;

/// The jobs of a session.
#[derive(Clone)]
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
    jobs: BTreeMap<u32, Job>,
}

struct Job {
    text: String,
    running: Option<AbortHandle>,
    failed: Option<Failure>,
}

/// What is listed.
pub(super) struct Listed(Vec<(u32, String)>);

impl Jobs {
    /// No jobs. With somebody to be told, each end is told when it comes; else failures wait until they are asked for.
    pub(super) fn new(output: Output, is_told: bool) -> Self {
        Self(Arc::new(Shared { output, is_told, state: Mutex::default(), changed: Notify::new() }))
    }

    /// Starts one.
    pub(super) fn start(
        &self,
        text: &str,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) -> Result<(), Failure> {
        let mut state = self.lock();
        if state.jobs.len() >= MOST {
            return Err(Failure::usage(format!("there are {MOST} jobs already"))
                .hint("`jobs` lists them, `stop` ends some"));
        }
        state.last += 1;
        let id = state.last;
        self.0.output.note(&format!("[{id}] {text}"));
        let ending = Ending { jobs: self.clone(), id, result: Err(Failure::local("it broke")) };
        // It ends after it is known, because that is locked.
        let task = tokio::spawn(async move {
            let mut ending = ending;
            ending.result = work.await;
        });
        let job = Job { text: text.to_owned(), running: Some(task.abort_handle()), failed: None };
        state.jobs.insert(id, job);
        Ok(())
    }

    /// Ends one, or all.
    pub(super) fn stop(&self, which: &str) -> Result<(), Failure> {
        let mut state = self.lock();
        let ids: Vec<u32> = if which == "all" {
            state.jobs.keys().copied().collect()
        } else {
            let id =
                which.trim_start_matches('%').parse::<u32>().ok().filter(|id| state.jobs.contains_key(id));
            vec![id.ok_or_else(|| unknown(which, &state))?]
        };
        for id in ids {
            if let Some(job) = state.jobs.remove(&id) {
                job.abort();
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
        let mut state = self.lock();
        let jobs = std::mem::take(&mut state.jobs);
        jobs.values().for_each(Job::abort);
        jobs.into_iter().find_map(|(id, job)| job.failure(id)).map_or(Ok(()), Err)
    }

    /// What runs.
    pub(super) fn list(&self) -> Listed {
        let state = self.lock();
        Listed(state.jobs.iter().map(|(id, job)| (*id, job.text.clone())).collect())
    }

    /// How those that are waited for ended; none while one of them runs.
    fn result(&self, which: Option<u32>) -> Option<Result<(), Failure>> {
        let mut state = self.lock();
        let meant = |id: u32| which.is_none_or(|which| which == id);
        if state.jobs.iter().any(|(id, job)| meant(*id) && job.failed.is_none()) {
            return None;
        }
        let failed: Vec<u32> = state.jobs.keys().copied().filter(|id| meant(*id)).collect();
        let mut failures = failed.into_iter().filter_map(|id| state.jobs.remove(&id)?.failure(id));
        let first = failures.next();
        for other in failures {
            self.0.output.failure(&other);
        }
        Some(first.map_or(Ok(()), Err))
    }

    fn ended(&self, id: u32, result: Result<(), Failure>) {
        let mut state = self.lock();
        // One that was stopped has been told.
        let Some(mut job) = state.jobs.remove(&id) else { return };
        match result {
            Err(failure) if failure.exit() != Exit::Done => {
                job.running = None;
                job.failed = Some(failure);
                if !self.0.is_told {
                    state.jobs.insert(id, job);
                } else if let Some(failure) = job.failure(id) {
                    self.0.output.failure(&failure);
                }
            }
            _ if self.0.is_told => self.0.output.note(&format!("[{id}] done: {}", job.text)),
            _ => {}
        }
        drop(state);
        self.0.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn abort(&self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }

    fn failure(self, id: u32) -> Option<Failure> {
        let Self { text, failed, .. } = self;
        failed.map(|failure| failure.within(&format!("[{id}] {text}")))
    }
}

/// Tells how a job ended, however it did.
struct Ending {
    jobs: Jobs,
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

    #[tokio::test]
    async fn a_failure_is_told_once_by_whoever_waits() {
        let (jobs, captured) = jobs(false);
        jobs.start("listen a", async { failing() }).unwrap();
        jobs.start("listen b", async { Ok(()) }).unwrap();
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
        jobs.start("listen a", async { failing() }).unwrap();
        assert_eq!(jobs.wait(None).await, Ok(()));
        assert!(captured.stderr().contains("error: [1] listen a: no more"), "{}", captured.stderr());
        jobs.start("listen b", async { Ok(()) }).unwrap();
        assert_eq!(jobs.wait(Some(2)).await, Ok(()));
        assert!(captured.stderr().contains("[2] done: listen b"), "{}", captured.stderr());
    }

    #[tokio::test]
    async fn jobs_can_be_stopped_and_are_bounded() {
        let (jobs, captured) = jobs(false);
        for _ in 0..MOST {
            jobs.start("listen", std::future::pending()).unwrap();
        }
        assert!(jobs.start("listen", std::future::pending()).is_err());
        assert_eq!(jobs.stop("7").map(|()| jobs.list().0.len()), Ok(MOST - 1));
        let failure = jobs.stop("7").unwrap_err();
        assert_eq!(failure.message(), "there is no job 7");
        jobs.stop("all").unwrap();
        assert_eq!(jobs.wait(None).await, Ok(()));
        assert!(captured.stderr().contains("[7] stopped: listen"));
        assert_eq!(jobs.stop("x").unwrap_err().hinted(), Some("none runs"));
        assert!(jobs.wait(Some(99)).await.is_err());
    }

    #[tokio::test]
    async fn the_end_of_a_script_ends_its_jobs() {
        let (jobs, _) = jobs(false);
        jobs.start("listen", std::future::pending()).unwrap();
        jobs.start("listen", async { failing() }).unwrap();
        assert!(jobs.wait(Some(2)).await.is_err());
        assert_eq!(jobs.finish(), Ok(()));
        assert!(jobs.list().0.is_empty());
    }
}
