//! Records that are written together: whoever has many at once does not wait for each to be written.

use super::{Output, Record};
use crate::failure::Failure;

/// How many bytes are gathered before they are written.
const FULL: usize = 64 * 1024;

/// Records on their way to the standard output. What was not written when this is dropped, is then.
pub(crate) struct Batch<'a> {
    output: &'a Output,
    text: String,
}

impl<'a> Batch<'a> {
    /// No records so far.
    pub(super) fn new(output: &'a Output) -> Self {
        Self { output, text: String::new() }
    }

    /// Takes a record.
    pub(crate) fn record(&mut self, record: &dyn Record) -> Result<(), Failure> {
        self.output.render(record, &mut self.text)
    }

    /// Whether it is time to write.
    pub(crate) fn is_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes what there is.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let result = self.output.write(&self.text);
        self.text.clear();
        result
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        // Whoever drops it has a failure of its own to tell, or was interrupted.
        let _ = self.flush();
    }
}
