//! The swarm finds each break: so it can fail.

// The swarm itself, on the broken library in place of the real one.
extern crate selectio_canary as selectio;

#[path = "../../src/lib.rs"]
mod swarm;

use selectio::canary::sing;

/// Within so many seeds each break has to show.
const SEED_COUNT: u64 = 300;

fn first_failure() -> Option<swarm::Failure> {
    (0..SEED_COUNT).find_map(|seed| swarm::run(seed).err())
}

#[test]
fn a_stale_key_is_found() {
    sing("a stale key finds what came later");
    let failure = first_failure().expect("it shows");
    assert!(failure.what.contains("P4"), "{failure}");
}

#[test]
fn a_dropped_byte_is_found() {
    sing("a byte is dropped when the kernel is full");
    let failure = first_failure().expect("it shows");
    assert!(failure.what.contains("bytes that no"), "{failure}");
}

#[test]
fn a_handler_of_an_unregistered_socket_is_found() {
    sing("what was unregistered is served on");
    let failure = first_failure().expect("it shows");
    // Not registered any more, or anew within the poll.
    assert!(failure.what.contains("P3") || failure.what.contains("P4"), "{failure}");
}

#[test]
fn bytes_that_are_never_sent_are_found() {
    sing("nobody waits for room to send");
    let failure = first_failure().expect("it shows");
    assert!(failure.what.contains("no end"), "{failure}");
}

#[test]
fn without_a_break_there_is_nothing_to_find() {
    assert!(first_failure().is_none());
}
