//! Doing the same with several files: so many at one time, each failure told, and what that comes to as a whole.

use std::{collections::BTreeMap, slice};

use futures_util::{StreamExt, stream};

use super::records::{Entries, Entry};
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Format, Output, Transfers},
};

/// What became of several files.
pub(super) struct Outcome<R> {
    /// What was done, in the order in which it was asked for.
    pub done: Vec<R>,
    /// What was not.
    failures: Vec<Failure>,
    /// How many were not tried any more.
    left: usize,
}

/// Who is told what was done: of each file as soon as it is, where each has a line of its own; elsewhere of all of them together.
pub(super) struct Teller<'a> {
    pub output: &'a Output,
    pub transfers: Option<&'a Transfers>,
}

/// Why something with a file did not come about.
#[derive(Debug)]
pub(super) struct Trouble {
    /// As it is told.
    pub failure: Failure,
    /// Whether no other file would fare better.
    pub concerns_all: bool,
}

impl<R> Outcome<R> {
    /// Nothing was done so far; this has failed already.
    pub(super) fn new(failures: Vec<Failure>) -> Self {
        Self { done: Vec::new(), failures, left: 0 }
    }

    /// Does something with each, so many at one time, until one fails in a way that concerns all.
    ///
    /// `tell` hears of each that is done. If that fails, so does all of it.
    pub(super) async fn each<I, F>(
        mut self,
        items: Vec<I>,
        parallel: usize,
        work: impl Fn(I) -> F,
        tell: impl Fn(&R) -> Result<(), Failure>,
    ) -> Result<Self, Failure>
    where
        F: Future<Output = Result<R, Trouble>>,
    {
        let mut left = items.len();
        let numbered = items.into_iter().enumerate().map(|(number, item)| {
            let work = work(item);
            async move { (number, work.await) }
        });
        // Each as it ends: one that is done is not forgotten because another, begun before it, then fails for all.
        let mut results = stream::iter(numbered).buffer_unordered(parallel.max(1));
        let (mut done, mut failures) = (BTreeMap::new(), BTreeMap::new());
        while let Some((number, result)) = results.next().await {
            left -= 1;
            match result {
                Ok(result) => {
                    tell(&result)?;
                    done.insert(number, result);
                }
                Err(Trouble { failure, concerns_all }) => {
                    failures.insert(number, failure);
                    if concerns_all {
                        self.left += left;
                        break;
                    }
                }
            }
        }
        self.done.extend(done.into_values());
        self.failures.extend(failures.into_values());
        Ok(self)
    }

    /// What it comes to: a failure of one alone is told by whoever runs the command, several are told here. `what` was to be done.
    pub(super) fn end(self, output: &Output, what: &str) -> Result<(), Failure> {
        let Self { done, failures, left } = self;
        let all = done.len() + failures.len() + left;
        let Some(first) = failures.first() else { return Ok(()) };
        if all == 1 {
            return Err(first.clone());
        }
        for failure in &failures {
            output.failure(failure);
        }
        let failed = failures.len() + left;
        let message = match failed {
            failed if failed == all => format!("none of {all} files was {what}"),
            1 => format!("1 of {all} files was not {what}"),
            failed => format!("{failed} of {all} files were not {what}"),
        };
        let exit = if done.is_empty() { first.exit() } else { Exit::Partly };
        Err(Failure::new(exit, message))
    }
}

impl Teller<'_> {
    /// One is done.
    pub(super) fn one(&self, done: &impl Entry) -> Result<(), Failure> {
        if self.output.format() != Format::Ndjson {
            return Ok(());
        }
        let tell = || self.output.record(&Entries(slice::from_ref(done)));
        match self.transfers {
            Some(transfers) => transfers.hidden_while(tell),
            None => tell(),
        }
    }

    /// These are, and no more.
    pub(super) fn all(&self, done: &[impl Entry]) -> Result<(), Failure> {
        if done.is_empty() || self.output.format() == Format::Ndjson {
            return Ok(());
        }
        self.output.record(&Entries(done))
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { failure, concerns_all: false }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;
    use crate::{
        console::Console,
        output::{ColorChoice, Form},
    };

    /// What comes of files that fail in these ways: at all, and so that no other would fare better.
    async fn told(files: &[Option<bool>]) -> (usize, Option<(Exit, String)>, String) {
        let (console, captured) = Console::in_memory("", []);
        let output = Output::new(&console, Form::default(), ColorChoice::Never, false);
        let work = async |file: (usize, Option<bool>)| match file {
            (number, None) => Ok(number),
            (number, Some(concerns_all)) => {
                let failure = Failure::new(Exit::NotFound, format!("no {number}"));
                Err(Trouble { failure, concerns_all })
            }
        };
        let files = files.iter().copied().enumerate().collect();
        let outcome = Outcome::new(Vec::new()).each(files, 2, work, |_| Ok(())).await.unwrap();
        let done = outcome.done.len();
        let ended = outcome.end(&output, "fetched").err();
        (done, ended.map(|failure| (failure.exit(), failure.message().to_owned())), captured.stderr())
    }

    #[tokio::test]
    async fn some_of_several_is_partly_done_and_each_failure_is_told() {
        let (done, ended, stderr) = told(&[None, Some(false), None, Some(false)]).await;
        assert_eq!((done, ended), (2, Some((Exit::Partly, "2 of 4 files were not fetched".into()))));
        assert_eq!(stderr, "error: no 1\nerror: no 3\n");
    }

    #[tokio::test]
    async fn one_alone_fails_as_it_fails() {
        let (done, ended, stderr) = told(&[Some(true)]).await;
        assert_eq!((done, ended, &*stderr), (0, Some((Exit::NotFound, "no 0".into())), ""));
        assert_eq!(told(&[None, None]).await, (2, None, String::new()));
        assert_eq!(told(&[]).await, (0, None, String::new()));
    }

    #[tokio::test]
    async fn what_concerns_all_ends_the_rest() {
        let (done, ended, stderr) = told(&[Some(true), None, None, Some(false)]).await;
        assert_eq!((done, ended), (0, Some((Exit::NotFound, "none of 4 files was fetched".into()))));
        assert_eq!(stderr, "error: no 0\n");
    }

    #[tokio::test]
    async fn what_is_done_counts_though_one_before_it_fails_for_all() {
        let second = Notify::new();
        let work = async |number: usize| {
            if number == 1 {
                second.notify_one();
                return Ok(number);
            }
            second.notified().await;
            Err(Trouble { failure: Failure::new(Exit::Unreachable, "away"), concerns_all: true })
        };
        let outcome = Outcome::new(Vec::new()).each(vec![0, 1, 2], 2, work, |_| Ok(())).await.unwrap();
        assert_eq!((outcome.done, outcome.failures.len(), outcome.left), (vec![1], 1, 1));
    }
}
