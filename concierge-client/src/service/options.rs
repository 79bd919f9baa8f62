//! How requests are served.

use std::time::Duration;

/// How [`Service::serve`](crate::Service::serve) goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "options do nothing by themselves"]
pub struct ServeOptions {
    pub(super) concurrency: usize,
    pub(super) backlog: usize,
    pub(super) timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { concurrency: 64, backlog: 1024, timeout: Duration::from_secs(10) }
    }
}

impl ServeOptions {
    /// How many handlers may run at one time, at least one. The default is 64.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.max(1);
        self
    }

    /// How many requests may wait for a handler. The default is 1,024. One beyond that is answered at once, with the error
    /// that the service is busy.
    pub fn backlog(mut self, requests: usize) -> Self {
        self.backlog = requests;
        self
    }

    /// How long a handler may take; then it is dropped, and the request is answered with the error that it took too long.
    /// The default is 10 s.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = within;
        self
    }
}
