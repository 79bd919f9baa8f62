//! The store by hand, and against the naive [`Model`] over random sequences.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{FilePath, Lease, Limits, Refusal, Retired, Store, Ticket, Totals, model::Model};
use crate::hub::ClientId;

const ALICE: ClientId = ClientId(1);
const BOB: ClientId = ClientId(2);

fn path(text: &str) -> FilePath {
    FilePath::from_text(text).unwrap()
}

fn limits() -> Limits {
    Limits {
        file_bytes: Some(100),
        client_bytes: Some(250),
        client_files: Some(3),
        total_bytes: Some(400),
        client_uploads: Some(2),
        uploads: Some(3),
    }
}

fn store() -> Store {
    let mut store = Store::new(limits());
    store.join(ALICE);
    store.join(BOB);
    store
}

fn put(store: &mut Store, client: ClientId, name: &str, bytes: u64) -> Result<bool, Refusal> {
    let mut ticket = store.begin(client, path(name), None)?;
    if let Err(refusal) = store.grow(&mut ticket, bytes) {
        store.abort(ticket);
        return Err(refusal);
    }
    match store.commit(vec![(ticket, [0; 32])], 7) {
        Ok(committed) => Ok(committed[0].replaced.is_some()),
        Err((refusal, tickets)) => {
            for ticket in tickets {
                store.abort(ticket);
            }
            Err(refusal)
        }
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_before_and_while_it_arrives() {
    let mut store = store();
    assert_eq!(store.begin(ALICE, path("a"), Some(101)), Err(Refusal::FileTooLarge));
    assert_eq!(put(&mut store, ALICE, "a", 101), Err(Refusal::FileTooLarge));
    assert_eq!((put(&mut store, ALICE, "a", 100), store.totals().bytes), (Ok(false), 100));
}

#[test]
fn a_folder_holds_so_many_bytes_and_so_many_files() {
    let mut store = store();
    assert_eq!((put(&mut store, ALICE, "a", 100), put(&mut store, ALICE, "b", 100)), (Ok(false), Ok(false)));
    assert_eq!(put(&mut store, ALICE, "c", 51), Err(Refusal::FolderFull));
    assert_eq!(put(&mut store, ALICE, "c", 50), Ok(false));
    assert_eq!(put(&mut store, ALICE, "d", 0), Err(Refusal::FolderFull));
    assert_eq!(put(&mut store, BOB, "a", 100), Ok(false));
    assert_eq!(put(&mut store, BOB, "b", 51), Err(Refusal::StoreFull));
}

#[test]
fn what_is_replaced_and_deleted_is_given_back() {
    let mut store = store();
    assert_eq!((put(&mut store, ALICE, "a", 100), put(&mut store, ALICE, "a", 60)), (Ok(false), Ok(true)));
    assert_eq!(store.totals(), Totals { bytes: 60, files: 1, uploads: 0 });
    assert!(store.remove(ALICE, &path("a")).is_some());
    assert_eq!((store.remove(ALICE, &path("a")), store.totals()), (None, Totals::default()));
}

#[test]
fn what_is_read_counts_until_the_last_who_reads_it_is_done() {
    let mut store = store();
    put(&mut store, ALICE, "a", 100).unwrap();
    let (file, first) = store.lease(ALICE, &path("a")).unwrap();
    let (_, second) = store.lease(ALICE, &path("a")).unwrap();
    assert_eq!(put(&mut store, ALICE, "a", 60), Ok(true));
    assert_eq!(store.totals(), Totals { bytes: 160, files: 1, uploads: 0 });
    assert_eq!(put(&mut store, ALICE, "b", 91), Err(Refusal::FolderFull));
    let (_, third) = store.lease(ALICE, &path("a")).unwrap();
    assert_eq!(store.leave(ALICE), [], "both are read");
    assert_eq!(store.totals(), Totals { bytes: 160, files: 0, uploads: 0 });
    assert_eq!((store.release(first), store.release(second)), (None, Some(file.id)));
    assert_eq!((store.totals().bytes, store.release(third).is_some()), (60, true));
    assert_eq!(store.totals(), Totals::default());
}

#[test]
fn while_a_file_is_replaced_both_count_because_both_are_on_the_disk() {
    let mut store = store();
    for (name, bytes) in [("a", 100), ("b", 100)] {
        put(&mut store, ALICE, name, bytes).unwrap();
    }
    assert_eq!(put(&mut store, ALICE, "a", 60), Err(Refusal::FolderFull));
    assert_eq!(store.find(ALICE, &path("a")).unwrap().size, 100);
}

#[test]
fn so_many_uploads_are_under_way_at_once() {
    let mut store = store();
    assert_eq!([store.open(ALICE), store.open(ALICE)], [Ok(()), Ok(())]);
    assert_eq!(store.open(ALICE), Err(Refusal::TooManyUploads));
    assert_eq!((store.open(BOB), store.open(BOB)), (Ok(()), Err(Refusal::TooManyUploads)));
    store.close(ALICE);
    assert_eq!((store.open(BOB), store.totals().uploads), (Ok(()), 3));
}

#[test]
fn a_file_and_a_folder_are_never_in_one_place() {
    let mut store = store();
    put(&mut store, ALICE, "a/b", 1).unwrap();
    assert_eq!(put(&mut store, ALICE, "a", 1), Err(Refusal::Folder));
    assert_eq!(put(&mut store, ALICE, "a/b/c", 1), Err(Refusal::Folder));
    // A path of which "a" is no folder, though it comes before those of which it is.
    assert_eq!((put(&mut store, ALICE, "a b", 1), put(&mut store, BOB, "a", 1)), (Ok(false), Ok(false)));
    assert_eq!(put(&mut store, ALICE, "ab", 1), Ok(false));
    assert!(store.has_folder(ALICE, &path("a")) && !store.has_folder(ALICE, &path("ab")));
}

#[test]
fn several_files_take_their_places_together_or_not_at_all() {
    let mut store = store();
    for names in [["x", "x/y"], ["x/y/z", "x/y"]] {
        let tickets = names.map(|name| store.begin(ALICE, path(name), None).unwrap());
        let (refusal, tickets) = store.commit(tickets.map(|ticket| (ticket, [0; 32])).into(), 7).unwrap_err();
        assert_eq!((refusal, store.list(ALICE).count()), (Refusal::Folder, 0));
        for ticket in tickets {
            store.abort(ticket);
        }
    }
    assert_eq!(store.totals(), Totals::default());
    let tickets = ["x", "x y", "xy/z"].map(|name| store.begin(ALICE, path(name), None).unwrap());
    assert_eq!(store.commit(tickets.map(|ticket| (ticket, [0; 32])).into(), 7).unwrap().len(), 3);
}

#[test]
fn who_leaves_takes_everything_along() {
    let mut store = store();
    put(&mut store, ALICE, "a", 10).unwrap();
    let mut ticket = store.begin(ALICE, path("b"), None).unwrap();
    store.grow(&mut ticket, 10).unwrap();
    assert_eq!((store.leave(ALICE).len(), store.totals()), (1, Totals::default()));
    assert_eq!(store.grow(&mut ticket, 1), Err(Refusal::Gone));
    store.abort(ticket);
    assert_eq!((store.totals(), store.leave(ALICE).len()), (Totals::default(), 0));
    assert_eq!(store.begin(ALICE, path("c"), None), Err(Refusal::Gone));
}

#[derive(Debug, Clone)]
enum Operation {
    Join(u64),
    Leave(u64),
    Open(u64),
    Close(u64),
    Begin(u64, &'static str, Option<u64>),
    Grow(usize, u64),
    Commit(usize),
    Abort(usize),
    Remove(u64, &'static str),
    Lease(u64, &'static str),
    Release(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let client = 1..4_u64;
    let name = prop::sample::select(vec!["a", "b", "c", "a b", "a/b", "a/b/c", "d/e"]);
    prop_oneof![
        1 => client.clone().prop_map(Operation::Join),
        1 => client.clone().prop_map(Operation::Leave),
        2 => client.clone().prop_map(Operation::Open),
        1 => client.clone().prop_map(Operation::Close),
        6 => (client.clone(), name.clone(), prop::option::of(0..120_u64))
            .prop_map(|(client, name, announced)| Operation::Begin(client, name, announced)),
        6 => (0..4_usize, 0..120_u64).prop_map(|(at, bytes)| Operation::Grow(at, bytes)),
        5 => (0..4_usize).prop_map(Operation::Commit),
        2 => (0..4_usize).prop_map(Operation::Abort),
        2 => (client.clone(), name.clone()).prop_map(|(client, name)| Operation::Remove(client, name)),
        3 => (client, name).prop_map(|(client, name)| Operation::Lease(client, name)),
        2 => (0..4_usize).prop_map(Operation::Release),
    ]
}

/// Both, side by side, and the uploads that are under way.
struct Pair {
    store: Store,
    model: Model,
    /// Requests under way of each client.
    requests: BTreeMap<u64, usize>,
    /// How often each client has left: no id is ever used again.
    lives: BTreeMap<u64, u64>,
    open: Vec<(u64, Ticket)>,
    read: Vec<(u64, Lease)>,
    next: u64,
}

impl Pair {
    fn id(&self, client: u64) -> ClientId {
        ClientId(client + 10 * self.lives.get(&client).copied().unwrap_or_default())
    }

    fn perform(&mut self, operation: &Operation) {
        match *operation {
            Operation::Join(client) => {
                self.store.join(self.id(client));
                self.model.join(self.id(client));
            }
            Operation::Leave(client) => {
                let id = self.id(client);
                assert_eq!(self.store.leave(id).len(), self.model.leave(id));
                *self.lives.entry(client).or_default() += 1;
                self.requests.remove(&client);
            }
            Operation::Open(client) => {
                let opened = self.store.open(self.id(client));
                assert_eq!(opened, self.model.open(self.id(client)));
                *self.requests.entry(client).or_default() += usize::from(opened.is_ok());
            }
            Operation::Close(client) => {
                if let Some(requests) = self.requests.get_mut(&client).filter(|requests| **requests > 0) {
                    *requests -= 1;
                    self.store.close(self.id(client));
                    self.model.close(self.id(client));
                }
            }
            Operation::Begin(client, name, announced) => {
                let begun = self.store.begin(self.id(client), path(name), announced);
                let modelled = self.model.begin(self.id(client), &path(name), announced, self.next);
                assert_eq!(begun.as_ref().map(|_| &()), modelled.as_ref());
                if let Ok(ticket) = begun {
                    self.open.push((self.next, ticket));
                    self.next += 1;
                }
            }
            Operation::Grow(at, bytes) => {
                if let Some((number, ticket)) = self.open.get_mut(at) {
                    assert_eq!(self.store.grow(ticket, bytes), self.model.grow(*number, bytes));
                }
            }
            Operation::Commit(at) if at < self.open.len() => {
                let (number, ticket) = self.open.remove(at);
                match (self.store.commit(vec![(ticket, [0; 32])], 7), self.model.commit(number)) {
                    (Ok(committed), Ok(replaced)) => {
                        assert_eq!(committed[0].replaced.map(is_discarded), replaced);
                    }
                    (Err((refusal, mut tickets)), Err(modelled)) => {
                        assert_eq!(refusal, modelled);
                        self.store.abort(tickets.remove(0));
                        self.model.abort(number);
                    }
                    (store, model) => panic!("{store:?} is not {model:?}"),
                }
            }
            Operation::Abort(at) if at < self.open.len() => {
                let (number, ticket) = self.open.remove(at);
                self.store.abort(ticket);
                self.model.abort(number);
            }
            Operation::Remove(client, name) => {
                let removed = self.store.remove(self.id(client), &path(name)).map(is_discarded);
                assert_eq!(removed, self.model.remove(self.id(client), &path(name)));
            }
            Operation::Lease(client, name) => {
                let leased = self.store.lease(self.id(client), &path(name));
                let modelled = self.model.lease(self.id(client), &path(name));
                assert_eq!(leased.is_some(), modelled.is_some());
                self.read.extend(modelled.zip(leased.map(|(_, lease)| lease)));
            }
            Operation::Release(at) if at < self.read.len() => {
                let (number, lease) = self.read.remove(at);
                assert_eq!(self.store.release(lease).is_some(), self.model.release(number));
            }
            Operation::Commit(_) | Operation::Abort(_) | Operation::Release(_) => {}
        }
    }
}

fn is_discarded(retired: Retired) -> bool {
    retired.discard.is_some()
}

proptest! {
    #[test]
    fn the_store_does_what_the_model_does(operations in prop::collection::vec(operation(), 1..80)) {
        let (store, model) = (Store::new(limits()), Model::new(limits()));
        let (requests, lives) = (BTreeMap::new(), BTreeMap::new());
        let mut pair = Pair { store, model, requests, lives, open: Vec::new(), read: Vec::new(), next: 0 };
        for operation in &operations {
            pair.perform(operation);
            prop_assert_eq!(pair.store.totals(), pair.model.totals());
            for client in 1..4 {
                for (path, file) in pair.store.list(pair.id(client)) {
                    prop_assert_eq!(Some(file.size), pair.model.size(pair.id(client), path));
                }
            }
        }
    }
}
