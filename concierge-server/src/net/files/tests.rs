//! What the tests of requests, bodies and the disk share.

use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use tokio::time::Instant;

use super::threads::DISK;
use super::{Disk, Files};
use crate::config;
use crate::files::FileId;
use crate::hub::ClientId;

pub(super) const ALICE: ClientId = ClientId(1);

/// A file store with a folder.
pub(super) fn files() -> Arc<Files> {
    let files = Files::new(&config::Files::default(), Disk::temporary().unwrap()).unwrap();
    files.lock().store.join(ALICE);
    Arc::new(files)
}

/// Keeps the disk from doing anything until this is dropped.
pub(super) fn occupy_the_disk(files: &Files) -> Vec<mpsc::Sender<()>> {
    let occupied = (0..DISK).map(|_| {
        let (release, released) = mpsc::channel();
        drop(files.work(move || released.recv()));
        release
    });
    occupied.collect()
}

/// Waits until everything has been done that the disk was given, but for so many things that take their time.
pub(super) async fn let_the_disk_pass(files: &Files, busy: usize) {
    let barrier = Arc::new(Barrier::new(DISK - busy));
    let passes = || {
        let barrier = Arc::clone(&barrier);
        files.work(move || barrier.wait().is_leader())
    };
    let all: Vec<_> = std::iter::repeat_with(passes).take(DISK - busy).collect();
    for pass in all {
        pass.await.unwrap();
    }
}

/// Waits until a file is not on the disk, for as long as a test waits for anything.
pub(super) async fn until_it_is_gone(files: &Files, file: FileId) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while files.disk.read(file).is_ok() {
        assert!(Instant::now() < deadline, "the file stays");
        let_the_disk_pass(files, 0).await;
    }
}
