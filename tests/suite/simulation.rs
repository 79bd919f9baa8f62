//! What a client promises whatever breaks, tried over thousands of seeds on a virtual clock.
//!
//! `SIMULATION_SEED=N cargo test -p concierge-tests simulation` runs one of them again.

use std::panic::catch_unwind;

use support::simulation::World;

/// How many worlds there are.
const SEEDS: u64 = 2_000;

#[test]
fn every_call_ends_once_and_everything_comes_back_or_is_reported() {
    if let Ok(seed) = std::env::var("SIMULATION_SEED") {
        println!("{:?}", World::tell(seed.parse().expect("SIMULATION_SEED is a number")));
        return;
    }
    let mut total = Vec::new();
    for seed in 0..SEEDS {
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
        "{SEEDS} worlds: {} calls, of which {} were answered, {} timed out and {} were lost; {} messages; {reconnects} \
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
    assert!(sum(|report| report.answered) > 100_000);
    assert!(sum(|report| report.timed_out) > 1_000);
    assert!(sum(|report| report.lost) > 1_000);
    assert!(sum(|report| report.partial_restorations) > 100);
    assert!(sum(|report| report.ghosts) > 100);
}

#[test]
fn the_same_seed_is_the_same_world() {
    assert_eq!(format!("{:?}", World::run(7)), format!("{:?}", World::run(7)));
}
