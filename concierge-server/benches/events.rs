//! What it takes to find those who want an event, to hand it to them, to bring back who was away, and to keep who is there.
//!
//! `cargo bench -p concierge-server --no-default-features --bench events`; `-- --test` does everything once.

mod gathering;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use gathering::{Gathering, Wish};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Sessions with a filter of their own each, of which one wants the event.
const FILTERS: [usize; 3] = [1, 10_000, 100_000];

/// Sessions that all want it.
const AUDIENCES: [usize; 2] = [1_000, 10_000];

/// An event, from the call that publishes it to the effect that sends it, parsing it included.
#[divan::bench(args = FILTERS, sample_size = 100)]
fn one_of(bencher: Bencher<'_, '_>, sessions: usize) {
    publish(bencher, Gathering::new(sessions, Wish::Exactly));
}

/// The same where one in twenty filters has no exact value, and is asked about each event.
#[divan::bench(args = [1, 10_000], sample_size = 100)]
fn one_of_with_residual(bencher: Bencher<'_, '_>, sessions: usize) {
    let wish = |number| if number % 20 == 1 { Wish::Below(number) } else { Wish::Exactly(number) };
    publish(bencher, Gathering::new(sessions, wish));
}

/// The same where all want it, and for all it looks the same.
#[divan::bench(args = AUDIENCES)]
fn all_of(bencher: Bencher<'_, '_>, sessions: usize) {
    let gathering = Gathering::new(sessions, |_| Wish::Everything);
    publish(bencher.counter(ItemsCount::new(sessions)), gathering);
}

fn publish(bencher: Bencher<'_, '_>, mut gathering: Gathering) {
    bencher.bench_local(|| divan::black_box(gathering.publish()));
}

/// Sessions that come back, each having missed a hundred guaranteed events; what they read of the log is there already.
#[divan::bench(args = [1_000])]
fn come_back(bencher: Bencher<'_, '_>, sessions: usize) {
    let mut gathering = Gathering::new(sessions, |_| Wish::Guaranteed);
    let log = gathering.log(100);
    let bencher = bencher.counter(ItemsCount::new(sessions));
    bencher.bench_local(|| divan::black_box(gathering.come_back(&log)));
}

/// Sessions that connect and subscribe: what was allocated and not freed is what they are.
#[divan::bench(args = [10_000], sample_count = 3)]
fn arrive(bencher: Bencher<'_, '_>, sessions: usize) {
    let bencher = bencher.counter(ItemsCount::new(sessions));
    bencher.bench_local(|| Gathering::new(sessions, |_| Wish::Everything));
}
