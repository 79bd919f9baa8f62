//! Threads of the file store's own, as many as it may take of the machine: on some transfers are driven, on others the disk is waited
//! for. Messages have other threads, so that they wait for neither.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, spawn_blocking};

/// How many wait for the disk at the same time. The others get their turn: there is one disk.
pub(super) const DISK: usize = 4;

/// The most that drive transfers.
const DRIVING: usize = 4;

/// The threads of a file store. They end with it, whatever they are at.
#[derive(Debug)]
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    pub(super) fn start() -> io::Result<Self> {
        let driving = available_parallelism().map_or(1, NonZero::get).min(DRIVING);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(driving).max_blocking_threads(DISK).thread_name("concierge-files");
        Ok(Self(Some(builder.enable_all().build()?)))
    }

    /// Drives something that moves files.
    pub(super) fn drive(&self, transfer: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime().spawn(transfer));
    }

    /// Does something that waits for the disk.
    pub(super) fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.runtime().spawn_blocking(work)
    }

    /// The same once something else has ended, however it did: of two things for the disk either may come first.
    pub(super) fn work_after<T: Send + 'static>(
        &self,
        before: Option<JoinHandle<T>>,
        work: impl FnOnce() + Send + 'static,
    ) {
        self.drive(async move {
            if let Some(before) = before {
                let _ended = before.await;
            }
            drop(spawn_blocking(work));
        });
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Without waiting: this may be one of its own threads, or one that must not wait.
            runtime.shutdown_background();
        }
    }
}
