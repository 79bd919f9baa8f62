//! When writing fails, between the writer and what it writes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use parking_lot::{Condvar, Mutex};

use super::*;
use crate::store::medium::{Cleaned, Failure, Medium, Written};
use crate::store::queue::{GROUP, MOST_BYTES, MOST_CHANGES};
use crate::store::{memory, sqlite};

/// What the disk does next.
#[derive(Default)]
struct Disk {
    state: Mutex<State>,
    changed: Condvar,
    /// How often something was synced.
    syncs: AtomicU64,
}

#[derive(Default)]
struct State {
    is_held: bool,
    is_reached: bool,
    failure: Option<Failure>,
}

/// A medium whose disk does what it is told.
struct Faulty<M>(M, Arc<Disk>);

impl Disk {
    /// The next write waits until it is let go.
    fn hold(&self) {
        self.state.lock().is_held = true;
    }

    fn wait_until_reached(&self) {
        let mut state = self.state.lock();
        while !state.is_reached {
            self.changed.wait(&mut state);
        }
    }

    fn let_go(&self) {
        self.state.lock().is_held = false;
        self.changed.notify_all();
    }

    /// Writes fail from now on, or do not.
    fn fail(&self, failure: Option<Failure>) {
        self.state.lock().failure = failure;
    }
}

impl<M: Medium> Medium for Faulty<M> {
    fn write(&mut self, lists: &[Vec<Change>]) -> Result<Written, Failure> {
        let mut state = self.1.state.lock();
        state.is_reached = true;
        self.1.changed.notify_all();
        while state.is_held {
            self.1.changed.wait(&mut state);
        }
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        drop(state);
        let written = self.0.write(lists)?;
        self.1.syncs.fetch_add(1, SeqCst);
        Ok(written)
    }

    fn clean(&mut self, now: Timestamp) -> Result<Cleaned, Failure> {
        self.0.clean(now)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.0.settle()
    }
}

fn faulty() -> (Store, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
    let (medium, reads) = memory::new(AMPLE);
    (Store::on(Faulty(medium, Arc::clone(&disk)), reads).unwrap(), disk)
}

/// A store whose first write waits; whatever is submitted now waits behind it.
fn held() -> (Store, Arc<Disk>) {
    let (store, disk) = faulty();
    disk.hold();
    store.submit(vec![append(1)], |_| ());
    disk.wait_until_reached();
    (store, disk)
}

#[test]
fn whatever_waits_is_written_with_one_sync_and_nobody_hears_before_it() {
    let (store, disk) = held();
    let (sender, receiver) = mpsc::channel();
    for offset in 2..=2 * GROUP as u64 + 10 {
        let (sender, disk) = (sender.clone(), Arc::clone(&disk));
        let done = move |result| sender.send((result, disk.syncs.load(SeqCst))).unwrap();
        store.submit(vec![append(offset)], done);
    }
    disk.let_go();
    let heard: Vec<_> = receiver.iter().take(2 * GROUP + 9).collect();
    let after: Vec<_> = heard.iter().map(|(result, syncs)| (result.clone(), *syncs)).collect();
    let expected = [vec![(Ok(()), 2); GROUP], vec![(Ok(()), 3); GROUP], vec![(Ok(()), 4); 9]].concat();
    assert_eq!(after, expected, "the first was written alone");
    assert_eq!(store.counts().groups, 4);
}

#[test]
fn a_list_is_never_divided() {
    let (store, disk) = held();
    let (sender, receiver) = mpsc::channel();
    let lists = [GROUP as u64 - 1, 2, 3 * GROUP as u64, 1];
    let mut offset = 2;
    for length in lists {
        let sender = sender.clone();
        let changes = (offset..offset + length).map(append).collect();
        offset += length;
        store.submit(changes, move |result| sender.send(result).unwrap());
    }
    disk.let_go();
    assert_eq!(receiver.iter().take(lists.len()).collect::<Vec<_>>(), vec![Ok(()); lists.len()]);
    assert_eq!(store.counts().groups, 5, "none of these fits to its neighbour");
}

#[test]
fn after_a_failed_sync_nobody_is_told_that_anything_is_durable_ever_again() {
    let (store, disk) = faulty();
    keep(&store, vec![append(1)]).unwrap();
    disk.hold();
    let (sender, receiver) = mpsc::channel();
    for offset in 2..=GROUP as u64 + 10 {
        let sender = sender.clone();
        store.submit(vec![append(offset)], move |result| sender.send(result).unwrap());
    }
    disk.fail(Some(Failure::Broken(Arc::from("input/output error"))));
    disk.let_go();
    let broken = StoreError::ReadOnly(Arc::from("input/output error"));
    let heard: Vec<_> = receiver.iter().take(GROUP + 9).collect();
    assert_eq!(heard, vec![Err(broken.clone()); GROUP + 9]);
    // As the disk is well again nobody would know what of the last is on it.
    disk.fail(None);
    assert_eq!(keep(&store, vec![append(1000)]), Err(broken.clone()));
    assert_eq!(store.failure(), Some(broken.clone()));
    assert_eq!(broken.to_string(), "the store is read-only: input/output error");
    assert_eq!(offsets(&store.page(&whole(0, START)).unwrap()), [1], "what is durable is still read");
    assert_eq!(disk.syncs.load(SeqCst), 1);
}

#[test]
fn whoever_hears_of_a_failure_and_tries_again_is_refused() {
    let (store, disk) = faulty();
    let store = Arc::new(store);
    disk.fail(Some(Failure::Broken(Arc::from("input/output error"))));
    let (sender, receiver) = mpsc::channel();
    let again = Arc::clone(&store);
    let done = move |_| again.submit(vec![append(1)], move |result| sender.send(result).unwrap());
    store.submit(vec![append(1)], done);
    assert!(matches!(receiver.recv().unwrap(), Err(StoreError::ReadOnly(_))));
}

#[test]
fn a_full_disk_is_told_and_gets_better() {
    let (store, disk) = faulty();
    disk.fail(Some(Failure::Full));
    assert_eq!(keep(&store, vec![append(1)]), Err(StoreError::Full));
    assert_eq!((keep(&store, vec![append(2)]), store.failure()), (Err(StoreError::Full), None));
    disk.fail(None);
    assert_eq!(keep(&store, vec![append(3)]), Ok(()));
    assert_eq!(offsets(&store.page(&whole(0, START)).unwrap()), [3]);
}

#[test]
fn what_would_wait_beyond_the_bound_is_let_go_and_heard_of_in_turn() {
    let (store, disk) = held();
    let (sender, receiver) = mpsc::channel();
    let submit = |change| {
        let sender = sender.clone();
        store.submit(vec![change], move |result| sender.send(result).unwrap());
    };
    let data: Arc<str> = Arc::from("x".repeat(MOST_BYTES / 2));
    let large = |offset| Change::Append(EventRecord { data: Arc::clone(&data), ..event(offset) });
    submit(large(2));
    submit(large(3));
    for offset in 4..=MOST_CHANGES as u64 + 4 {
        submit(append(offset));
    }
    assert_eq!(store.counts().waiting, MOST_CHANGES);
    disk.let_go();
    let heard: Vec<_> = receiver.iter().take(MOST_CHANGES + 3).collect();
    let busy: Vec<_> = (0..heard.len()).filter(|index| heard[*index].is_err()).collect();
    assert_eq!(busy, [1, MOST_CHANGES + 1, MOST_CHANGES + 2], "the second large one, and the last two");
    assert!(busy.iter().all(|index| heard[*index] == Err(StoreError::Busy)));
    assert_eq!(keep(&store, vec![append(9999)]), Ok(()));
}

#[test]
fn one_list_that_is_more_than_may_wait_is_taken_when_nothing_else_waits() {
    let (store, _disk) = faulty();
    let data: Arc<str> = Arc::from("x".repeat(MOST_BYTES + 1));
    assert_eq!(keep(&store, vec![Change::Append(EventRecord { data, ..event(1) })]), Ok(()));
}

#[test]
fn what_a_listener_does_is_its_own_affair() {
    let (store, _disk) = faulty();
    store.submit(vec![append(1)], |_| panic!("a failure of somebody else's code"));
    assert_eq!(keep(&store, vec![append(2)]), Ok(()));
}

#[test]
fn a_failure_of_the_stores_own_code_is_one_of_the_disk() {
    struct Panicking;
    impl Medium for Panicking {
        fn write(&mut self, _: &[Vec<Change>]) -> Result<Written, Failure> {
            panic!("a failure of the store's own code")
        }
        fn clean(&mut self, _: Timestamp) -> Result<Cleaned, Failure> {
            Ok(Cleaned::default())
        }
        fn settle(&mut self) -> Result<(), Failure> {
            Ok(())
        }
    }
    let store = Store::on(Panicking, memory::new(AMPLE).1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ended = Err(StoreError::ReadOnly(Arc::from("a failure of the store's own code")));
    assert_eq!(runtime.block_on(store.keep(vec![append(1)])), ended);
    assert_eq!(runtime.block_on(store.keep(vec![append(1)])), ended);
}

#[test]
fn what_was_submitted_is_durable_when_the_store_is_closed() {
    let (store, disk) = held();
    let is_told = Arc::new(AtomicBool::default());
    let told = Arc::clone(&is_told);
    store.submit(vec![append(2)], move |result| told.store(result.is_ok(), SeqCst));
    disk.let_go();
    drop(store);
    assert!(is_told.load(SeqCst));
}

#[test]
fn the_last_one_may_close_it_from_the_stores_own_thread() {
    let (store, _disk) = faulty();
    let store = Arc::new(store);
    let (sender, receiver) = mpsc::channel();
    let last = Arc::clone(&store);
    let (go, gone) = mpsc::channel();
    let done = move |_| {
        gone.recv().unwrap();
        drop(last);
        sender.send(()).unwrap();
    };
    store.submit(vec![append(1)], done);
    drop(store);
    go.send(()).unwrap();
    receiver.recv().unwrap();
}

#[test]
fn a_file_that_may_not_grow_is_full_until_something_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (medium, reads) = sqlite::open(&folder.path().join("store.db"), AMPLE).unwrap();
    medium.limit_pages(40);
    let store = Store::on(medium, reads).unwrap();
    let data: Arc<str> = Arc::from("x".repeat(1000));
    let large = |offset| Change::Append(EventRecord { data: Arc::clone(&data), ..event(offset) });
    let kept = (1..).take_while(|offset| match keep(&store, vec![large(*offset)]) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, StoreError::Full);
            false
        }
    });
    let last = kept.last().unwrap();
    assert_eq!(keep(&store, vec![large(last + 2)]), Err(StoreError::Full));
    let page = store.page(&whole(0, START)).unwrap();
    assert_eq!(offsets(&page), (1..=last).collect::<Vec<_>>(), "what was refused has left nothing behind");
    assert_eq!(page.until, last);
    store.sweep(at(3600));
    // Whether there is room for a sweep itself on a disk that is full is the disk's affair: here there is.
    while store.counts().log_bytes > 0 {
        round(&store);
    }
    assert_eq!(keep(&store, vec![large(last + 3)]), Ok(()));
    assert_eq!(offsets(&store.page(&whole(0, START)).unwrap()), [last + 3]);
}

#[test]
fn who_breaks_the_order_of_a_log_breaks_the_store_and_not_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), AMPLE).unwrap();
    keep(&store, vec![append(2)]).unwrap();
    for offset in [2, 1] {
        assert!(matches!(keep(&store, vec![append(3), append(offset)]), Err(StoreError::ReadOnly(_))));
    }
    assert_eq!(offsets(&store.page(&whole(0, START)).unwrap()), [2]);
}
