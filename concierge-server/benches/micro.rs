//! What the pure half takes: texts, whose cost goes with their size, and requests, whose cost must not go with how many there are.
//!
//! `cargo bench -p concierge-server --no-default-features --bench micro`; `-- --test` does everything once.

mod world;

use world::{Operation, Talk, World};

fn main() {
    divan::main();
}

/// Bytes of `data`.
const SIZES: [usize; 2] = [128, 1024];

/// Clients, and as many services.
const POPULATIONS: [usize; 3] = [10, 1000, 100_000];

#[divan::bench_group(sample_size = 1000)]
mod message {
    use divan::Bencher;

    use super::{SIZES, Talk};

    #[divan::bench(args = SIZES)]
    fn decode(bencher: Bencher<'_, '_>, bytes: usize) {
        let mut talk = talk(bytes);
        bencher.bench_local(|| drop(divan::black_box(talk.decode())));
    }

    #[divan::bench(args = SIZES)]
    fn encode(bencher: Bencher<'_, '_>, bytes: usize) {
        let mut talk = talk(bytes);
        bencher.bench_local(|| talk.encode().len());
    }

    #[divan::bench(args = SIZES)]
    fn pass(bencher: Bencher<'_, '_>, bytes: usize) {
        let mut talk = talk(bytes);
        bencher.bench_local(|| talk.pass());
    }

    fn talk(bytes: usize) -> Talk {
        Talk::new(bytes).expect("the names are valid")
    }
}

/// What the hub is asked to do.
const OPERATIONS: [Operation; 6] = [
    Operation::JoinAndLeave,
    Operation::CreateAndDelete,
    Operation::SubscribeAndUnsubscribe,
    Operation::RouteToName,
    Operation::RouteToService,
    Operation::RouteToEveryone,
];

#[divan::bench(args = OPERATIONS, consts = POPULATIONS, sample_size = 1000)]
fn hub<const POPULATION: usize>(bencher: divan::Bencher<'_, '_>, operation: Operation) {
    let mut world = World::new(POPULATION).expect("the names are valid");
    bencher.bench_local(|| world.perform(operation));
}
