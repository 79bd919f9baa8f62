//! Jobs: statements that are carried out while other lines are. Each tells once how it ended, and has time to end by itself.

mod listed;
mod running;

pub(super) use running::Reins;

use std::{
    sync::{Arc, MutexGuard},
    time::Duration,
};

use tokio::time::timeout;

use self::{
    listed::Listed,
    running::{Shared, State},
};
use crate::{failure::Failure, output::Output};

/// How many there can be at once, and how many of those that failed wait until somebody asks.
const MOST: usize = 32;

/// How long it takes until all have ended that were stopped, and with them every program.
pub(crate) const JOBS_END: Duration = Duration::from_secs(3);

/// How long a person waits for them without being told.
const PROMPT: Duration = Duration::from_millis(300);

/// The jobs of a session. They end at once when this is dropped, and so does every program that they have started.
pub(super) struct Jobs(Arc<Shared>);

impl Jobs {
    /// No jobs. With somebody to be told, each end is told when it comes; else failures wait until they are asked for.
    pub(super) fn new(output: Output, is_told: bool) -> Self {
        Self(Arc::new(Shared::new(output, is_told)))
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
        reins: Reins,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) {
        self.0.start(text, reins, work);
    }

    /// Stops one, or all, and waits until they have ended; a person not for long. One that was stopped before ends at once. Fails as
    /// the first that fails; one that had failed before is told instead.
    pub(super) async fn stop(&self, which: &str) -> Result<(), Failure> {
        let ids = self.meant(which)?;
        for id in &ids {
            if !self.0.stop(*id) {
                self.0.end(*id);
            }
        }
        let is_meant = |id| ids.contains(&id);
        if !self.0.is_told {
            self.0.ended(is_meant).await;
        } else if timeout(PROMPT, self.0.ended(is_meant)).await.is_err() {
            self.0.output.note("what was stopped is still finishing; `stop` again ends it at once");
        }
        self.failure(is_meant)
    }

    /// Those that are to be stopped.
    fn meant(&self, which: &str) -> Result<Vec<u32>, Failure> {
        let mut state = self.lock();
        if which == "all" {
            return Ok(state.jobs.keys().copied().collect());
        }
        let id = which.trim_start_matches('%').parse::<u32>().ok();
        if let Some(failure) = id.and_then(|id| state.failed.remove(&id)) {
            return Err(failure);
        }
        let id = id.filter(|id| state.jobs.contains_key(id));
        Ok(vec![id.ok_or_else(|| unknown(which, &state))?])
    }

    /// Waits until one has ended, or all. Fails as the first of them that failed.
    pub(super) async fn wait(&self, which: Option<u32>) -> Result<(), Failure> {
        if let Some(id) = which {
            let state = self.lock();
            if id == 0 || id > state.last {
                return Err(unknown(&id.to_string(), &state));
            }
        }
        let is_meant = |id| which.is_none_or(|which| which == id);
        self.0.ended(is_meant).await;
        self.failure(is_meant)
    }

    /// Stops all, at the end of a session, and waits until they have ended. Fails as the first that fails, or has failed before.
    pub(super) async fn finish(&self) -> Result<(), Failure> {
        let ids: Vec<_> = {
            let mut state = self.lock();
            state.leaves = true;
            state.jobs.keys().copied().collect()
        };
        for id in ids {
            self.0.stop(id);
        }
        if self.0.is_told && timeout(PROMPT, self.0.ended(|_| true)).await.is_err() {
            self.0.output.note("jobs are finishing; Ctrl-C ends them at once");
        }
        self.0.ended(|_| true).await;
        self.failure(|_| true)
    }

    /// What runs.
    pub(super) fn list(&self) -> Listed {
        let state = self.lock();
        Listed(state.jobs.iter().map(|(id, job)| (*id, job.text.clone())).collect())
    }

    /// The first that failed. Others are told.
    fn failure(&self, is_meant: impl Fn(u32) -> bool) -> Result<(), Failure> {
        let mut state = self.lock();
        let mut failures = state.failed.extract_if(.., |id, _| is_meant(*id)).map(|(_, failure)| failure);
        let first = failures.next();
        for other in failures {
            self.0.output.failure(&other);
        }
        first.map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.0.drop_all();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        console::Console,
        exit::Exit,
        offspring::Leash,
        output::{ColorChoice, Form},
        signals::Stop,
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
        let (asks, stop) = Stop::pair();
        let reins = Reins { asks, leash: Leash::default() };
        jobs.start(text, reins, async move {
            tokio::select! {
                result = work => result,
                _ = stop.asked() => Ok(()),
            }
        });
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
        assert_eq!(jobs.finish().await, Ok(()));
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
        assert_eq!(jobs.stop("7").await.map(|()| jobs.list().0.len()), Ok(MOST - 1));
        let failure = jobs.stop("7").await.unwrap_err();
        assert_eq!(failure.message(), "there is no job 7");
        jobs.stop("all").await.unwrap();
        assert_eq!(jobs.wait(None).await, Ok(()));
        assert!(captured.stderr().contains("[7] stopped: listen"));
        assert_eq!(jobs.stop("x").await.unwrap_err().hinted(), Some("none runs"));
        assert!(jobs.wait(Some(99)).await.is_err());
    }

    #[tokio::test]
    async fn one_that_does_not_end_by_itself_is_ended_and_that_is_told() {
        for (is_told, end) in [(false, "stopped before it had ended by itself"), (true, "still finishing")] {
            let (jobs, captured) = jobs(is_told);
            let reins = Reins { asks: Stop::pair().0, leash: Leash::default() };
            jobs.start("listen", reins, pending());
            jobs.stop("all").await.unwrap();
            assert!(captured.stderr().contains(end), "{}", captured.stderr());
            // A second time ends it at once.
            assert_eq!(jobs.stop("1").await.is_ok(), is_told);
            assert!(jobs.list().0.is_empty());
        }
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
        assert!(jobs.finish().await.is_err());
        for id in 2..=MOST {
            assert!(captured.stderr().contains(&format!("error: [{id}] listen: no more\n")));
        }
    }

    #[tokio::test]
    async fn stopping_all_others_leaves_a_failure_to_be_told() {
        let (jobs, _captured) = failed(1).await;
        start(&jobs, "listen", pending());
        jobs.stop("all").await.unwrap();
        assert_eq!(jobs.finish().await.unwrap_err().exit(), Exit::Lost);
        let (jobs, _captured) = failed(1).await;
        assert_eq!(jobs.stop("1").await.unwrap_err().message(), "[1] listen: no more");
        assert_eq!(jobs.finish().await, Ok(()));
    }

    #[tokio::test]
    async fn the_end_of_a_script_ends_its_jobs() {
        let (jobs, _captured) = jobs(false);
        start(&jobs, "listen", pending());
        start(&jobs, "listen", async { failing() });
        assert!(jobs.wait(Some(2)).await.is_err());
        assert_eq!(jobs.finish().await, Ok(()));
        assert!(jobs.list().0.is_empty());
    }
}
