//! The swarm in the normal test run.

use selectio_swarm::run;

const SEED_COUNT: u64 = 1_000;

#[test]
fn a_thousand_seeds_find_nothing() {
    let line_count: usize =
        (0..SEED_COUNT).map(|seed| run(seed).unwrap_or_else(|failure| panic!("{failure}")).line_count).sum();
    assert!(line_count > 50 * SEED_COUNT as usize, "the clients were served: {line_count} lines");
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in 0..50 {
        assert_eq!(run(seed).expect("it passes"), run(seed).expect("it passes"), "seed {seed}");
    }
}
