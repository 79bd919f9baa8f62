//! The records of a stream on their way out: written many at a time, counted against the stream's limits. Where they come from, and what is
//! done while none does, is the stream's business.

use tokio::time::Instant;

use super::limits::{Limits, Progress};
use crate::{
    failure::Failure,
    output::{Batch, Output, Record, json::document},
};

/// The records of one stream. What was not written when this is dropped, is then.
pub(super) struct Writing<'a> {
    output: &'a Output,
    batch: Batch<'a>,
    progress: Progress,
}

impl<'a> Writing<'a> {
    /// Begins; time counts from now on.
    pub(super) fn start(limits: Limits, output: &'a Output) -> Self {
        Self { output, batch: output.batch(), progress: Progress::start(limits, Instant::now()) }
    }

    /// Writes a record that was asked for, and counts it.
    pub(super) async fn record(&mut self, record: &(dyn Record + Sync)) -> Result<(), Failure> {
        self.add(record)?;
        self.count(record).await
    }

    /// Writes a record that stands between those that were asked for.
    pub(super) fn add(&mut self, record: &dyn Record) -> Result<(), Failure> {
        self.batch.record(record)
    }

    /// Counts a record, whoever has written it.
    pub(super) async fn count(&mut self, record: &(dyn Record + Sync)) -> Result<(), Failure> {
        self.progress.count(Instant::now(), || document(&record.object())).await;
        if let Some(trouble) = self.progress.take_trouble() {
            self.output
                .note(&format!("{trouble}; a record that an expression does not fit counts as not true"));
        }
        if self.batch.is_full() {
            self.flush()?;
            // A stream that never pauses still lets others have their turn: whoever waits for a signal among them.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Whether all that was told so far is written.
    pub(super) fn is_written(&self) -> bool {
        self.batch.is_empty()
    }

    /// Writes what there is.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.batch.flush()
    }

    /// Tells of something by the way, after what came before it.
    pub(super) fn aside(&mut self, record: &dyn Record) -> Result<(), Failure> {
        self.flush()?;
        self.output.aside(record);
        Ok(())
    }

    /// How far the stream is from its end.
    pub(super) fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// Whether the stream has reached its end.
    pub(super) fn is_over(&self) -> bool {
        self.progress.is_over(Instant::now())
    }

    /// When it does if nothing more comes.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.progress.ends_at()
    }

    /// The end, by a limit.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.progress.end()
    }
}
