//! Trials under load: what is promised of one client holds for thousands. Each prints its figures on a line, for whoever runs
//! it; what it asserts are counts, order, codes and memory, never how fast something was.

mod half_open;
mod million;
mod stopping;
mod strangers;
mod stuck;
mod talk;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::process::resident_bytes;

use crate::metrics::{count, read};

/// How long is waited for memory to be given back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(10);

/// Raises the soft limit on descriptors, for this process and those it starts, and says how many there may be.
fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // Where raising it is refused, what is there must do.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Asks for a metric until its number is what is waited for.
async fn until_metric(metrics: SocketAddr, metric: &str, holds: impl Fn(usize) -> bool) {
    let begun = Instant::now();
    loop {
        let text = tokio::task::spawn_blocking(move || read(metrics)).await.unwrap();
        let value = count(&text, metric);
        if holds(value) {
            return;
        }
        assert!(begun.elapsed().as_secs() < 60, "{metric} stays at {value}:\n{text}");
    }
}

/// Waits until a process has no more than that much memory, in bytes, or for a while: the allocator gives back what is free when it
/// comes to it. Returns how much it has then.
async fn once_given_back(process: u32, metrics: SocketAddr, wanted: usize) -> usize {
    let begun = Instant::now();
    loop {
        let resident = resident_bytes(process);
        if resident <= wanted || begun.elapsed() > GIVEN_BACK_WITHIN {
            return resident;
        }
        // It comes to it while there is something to do.
        until_metric(metrics, "concierge_panics_total", |panics| panics == 0).await;
    }
}

/// Bytes, as a person reads them.
fn mebibytes(bytes: usize) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}
