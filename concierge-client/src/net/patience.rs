//! How long an attempt to connect may take, where it was when its time was up, and who is told how far it has come.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::LONGEST;
use crate::{
    error::{ConnectError, Stage},
    milestone::{Milestone, Observer},
};

/// How long an attempt to connect may take: one deadline for all of its stages.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    within: Duration,
    deadline: Instant,
    observer: Observer,
}

impl Patience {
    /// From now on, so long.
    pub(crate) fn new(within: Duration) -> Self {
        let within = within.min(LONGEST);
        Self { within, deadline: Instant::now() + within, observer: Observer::default() }
    }

    /// The same, with somebody who is told how far the attempt has come.
    pub(crate) fn observed(self, observer: &Observer) -> Self {
        Self { observer: observer.clone(), ..self }
    }

    /// The attempt has something behind it.
    pub(crate) fn reached(&self, milestone: impl FnOnce() -> Milestone) {
        self.observer.tell(milestone);
    }

    /// Does a stage of the attempt; when the time is up first, that stage is named.
    ///
    /// Cancel safe if `work` is: dropping it drops `work`.
    pub(crate) async fn bound<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        timeout_at(self.deadline, work).await.unwrap_or_else(|_| Err(self.exceeded(stage)))
    }

    /// The error of a stage for which there was no time.
    pub(crate) fn exceeded(&self, stage: Stage) -> ConnectError {
        ConnectError::Timeout { stage, after: self.within }
    }
}
