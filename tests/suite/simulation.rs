//! What a client promises whatever breaks, tried over thousands of seeds on a virtual clock.
//!
//! `SIMULATION_SEED=N cargo test -p concierge-tests simulation` runs one of them again.

use std::panic::catch_unwind;

use support::simulation::World;

#[test]
fn every_call_ends_once_and_everything_comes_back_or_is_reported() {
    run_worlds(200);
}

#[test]
#[ignore = "takes a minute: tests/run runs it"]
fn the_same_over_thousands_of_seeds() {
    run_worlds(3_000);
}

fn run_worlds(seeds: u64) {
    if let Ok(seed) = std::env::var("SIMULATION_SEED") {
        println!("{:?}", World::tell(seed.parse().expect("SIMULATION_SEED is a number")));
        return;
    }
    let mut total = Vec::new();
    for seed in 0..seeds {
        let world = catch_unwind(|| World::run(seed));
        assert!(
            world.is_ok(),
            "the world of seed {seed} broke a promise: SIMULATION_SEED={seed} shows it again"
        );
        total.extend(world);
    }
    let sum = |count: fn(&support::simulation::Report) -> usize| total.iter().map(count).sum::<usize>();
    let reconnects: u64 = total.iter().map(|report| report.reconnects).sum();
    println!(
        "{seeds} worlds: {} calls, of which {} were answered, {} timed out and {} were lost; {} messages; {reconnects} \
         reconnects, {} restored in whole and {} in part; {} met their own ghost",
        sum(|report| report.calls),
        sum(|report| report.answered),
        sum(|report| report.timed_out),
        sum(|report| report.lost),
        sum(|report| report.received),
        sum(|report| report.complete_restorations),
        sum(|report| report.partial_restorations),
        sum(|report| report.ghosts),
    );
    // A simulation in which nothing happens proves nothing.
    for (what, count) in [
        ("answered", sum(|report| report.answered)),
        ("timed out", sum(|report| report.timed_out)),
        ("lost", sum(|report| report.lost)),
        ("restored in part", sum(|report| report.partial_restorations)),
        ("met its ghost", sum(|report| report.ghosts)),
    ] {
        assert!(count > total.len(), "hardly anything was {what}: {count}");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    assert_eq!(format!("{:?}", World::run(7)), format!("{:?}", World::run(7)));
}
