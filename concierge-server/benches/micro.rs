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

#[divan::bench_group(sample_size = 1000)]
mod hub {
    use divan::Bencher;

    use super::{Operation, POPULATIONS, World};

    #[divan::bench(args = POPULATIONS)]
    fn join_and_leave(bencher: Bencher<'_, '_>, population: usize) {
        measure(bencher, population, Operation::JoinAndLeave);
    }

    #[divan::bench(args = POPULATIONS)]
    fn create_and_delete(bencher: Bencher<'_, '_>, population: usize) {
        measure(bencher, population, Operation::CreateAndDelete);
    }

    #[divan::bench(args = POPULATIONS)]
    fn subscribe_and_unsubscribe(bencher: Bencher<'_, '_>, population: usize) {
        measure(bencher, population, Operation::SubscribeAndUnsubscribe);
    }

    #[divan::bench(args = POPULATIONS)]
    fn route_to_name(bencher: Bencher<'_, '_>, population: usize) {
        measure(bencher, population, Operation::RouteToName);
    }

    #[divan::bench(args = POPULATIONS)]
    fn route_to_service(bencher: Bencher<'_, '_>, population: usize) {
        measure(bencher, population, Operation::RouteToService);
    }

    #[divan::bench(args = POPULATIONS)]
    fn route_to_everyone(bencher: Bencher<'_, '_>, population: usize) {
        measure(bencher, population, Operation::RouteToEveryone);
    }

    fn measure(bencher: Bencher<'_, '_>, population: usize, operation: Operation) {
        let mut world = World::new(population).expect("the names are valid");
        bencher.bench_local(|| world.perform(operation));
    }
}
