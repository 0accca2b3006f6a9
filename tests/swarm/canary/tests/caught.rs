//! The swarm finds each break: so it can fail.

// The swarm itself, on the broken library in place of the real one.
extern crate selectio_canary as selectio;

#[path = "../../src/lib.rs"]
mod swarm;

use selectio::canary::sing;

/// Within so many seeds each break has to show.
const SEED_COUNT: u64 = 1000;

fn first_failure() -> Option<swarm::Failure> {
    (0..SEED_COUNT).find_map(|seed| swarm::run(seed).err())
}

/// Breaks one place, and lets the swarm say one of these.
#[track_caller]
fn expect_found(name: &'static str, expected: &[&str]) {
    sing(name);
    let failure = first_failure().expect("it shows");
    assert!(expected.iter().any(|text| failure.what.contains(text)), "{failure}");
}

#[test]
fn a_stale_key_is_found() {
    expect_found("a stale key finds what came later", &["P4"]);
}

#[test]
fn a_dropped_byte_is_found() {
    expect_found("a byte is dropped when the kernel is full", &["bytes that no"]);
}

#[test]
fn a_handler_of_an_unregistered_socket_is_found() {
    // Not registered any more, or anew within the poll.
    expect_found("what was unregistered is served on", &["P3", "P4"]);
}

#[test]
fn bytes_that_are_never_sent_are_found() {
    expect_found("nobody waits for room to send", &["no end"]);
}

#[test]
fn a_reader_without_a_budget_is_found() {
    expect_found("a turn has no budget", &["of a turn"]);
}

#[test]
fn a_listener_without_a_budget_is_found() {
    expect_found("accepting costs nothing", &["of a turn"]);
}

#[test]
fn an_end_that_is_told_twice_is_found() {
    expect_found("the end is told again", &["P15"]);
}

#[test]
fn a_close_that_loses_bytes_is_found() {
    expect_found("closing drops what waits to be sent", &["of its", "did not arrive"]);
}

#[test]
fn a_limit_of_time_that_outlives_its_reason_is_found() {
    expect_found("a socket's own limit of time is never cancelled", &["a timer is left", "P7", "nothing has happened"]);
}

#[test]
fn a_connection_that_is_cut_for_nothing_is_found() {
    expect_found("a connect that has succeeded still runs out of time", &["nothing has happened"]);
}

#[test]
fn a_timer_of_a_closed_socket_is_found() {
    expect_found("timers outlive their socket", &["P3: a timer", "a timer is left", "P7"]);
}

#[test]
fn a_spin_is_found() {
    expect_found("there is something to deliver for ever", &["it spins"]);
}

#[test]
fn a_spin_over_bytes_that_nobody_reads_is_found() {
    expect_found("bytes that nobody may read are delivered", &["it spins", "no end"]);
}

#[test]
fn a_socket_that_hears_of_nothing_more_is_found() {
    expect_found("what is drained is not watched", &["no end"]);
}

#[test]
fn a_reader_that_waits_for_nothing_is_found() {
    expect_found("a reader waits for an event that nobody watches for", &["no end"]);
}

#[test]
fn back_pressure_without_an_end_is_found() {
    expect_found("the end of back-pressure is forgotten", &["no end"]);
}

#[test]
fn a_handler_of_a_closing_socket_is_found() {
    expect_found("a socket that is to close is served on", &["P14", "it spins"]);
}

#[test]
fn a_task_of_a_closing_socket_is_found() {
    expect_found("a socket that is to close has its task run", &["P14: task"]);
}

#[test]
fn a_listener_that_is_lost_is_found() {
    expect_found("a client that is turned away costs the listener", &["P13"]);
}

#[test]
fn half_of_a_line_end_is_found() {
    expect_found("the rest of a line end is taken for data", &["P16"]);
}

#[test]
fn without_a_break_there_is_nothing_to_find() {
    // The seeds of the swarm's own test are many more: these show that it is the break which is found.
    assert!((0..100).all(|seed| swarm::run(seed).is_ok()));
}
