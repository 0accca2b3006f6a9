//! Thousands of connections on which nothing happens: what they cost while they are there, and that nothing of them
//! is left afterwards.

use crate::observed::{descriptors, expect_rest, resident_bytes};
use crate::served::{Served, echo};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::net::TcpStream;

/// How many there are: half of what a process may have by default on most systems.
const COUNT: usize = 10_000;

/// As many at a time: fewer than a listener's backlog takes.
const BATCH: usize = 1000;

/// This process has the other end of each of them.
fn allow_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let needed = COUNT as u64 + 1000;
    let is_enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    assert!(is_enough, "this test needs {needed} descriptors: raise `ulimit -Hn`");
}

/// Connects so many, each of which is accepted.
fn crowd(server: &Served, count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    while crowd.len() < count {
        crowd.extend((0..BATCH).map(|_| server.connect()));
        // Who comes last is served last.
        echo(crowd.last().unwrap());
    }
    crowd
}

#[test]
fn ten_thousand_idle_connections_cost_memory_and_nothing_else() {
    allow_descriptors();
    let mut server = Served::start(&[]);
    let pid = server.pid;
    let active = server.connect();
    echo(&active);
    // From now on what is needed once is there.
    drop(crowd(&server, BATCH));
    server.wait_for_open(1);
    let before = (descriptors(pid), resident_bytes(pid));
    let crowd = crowd(&server, COUNT);
    assert_eq!(descriptors(pid), before.0 + COUNT);
    let bytes = (resident_bytes(pid) - before.1) / COUNT as u64;
    assert!(bytes < 4096, "{bytes} bytes for each connection");
    expect_rest(pid);
    let waits_before = server.total("selectio_waits_total");
    (0..100).for_each(|_| echo(&active));
    // A wait is counted when it is over, and the first one has begun before.
    let waits = server.total("selectio_waits_total") - waits_before;
    assert!((99..=110).contains(&waits), "{waits} waits for 100 echoes");
    drop(crowd);
    server.wait_for_open(1);
    assert_eq!(descriptors(pid), before.0);
    echo(&active);
}

#[test]
fn a_worker_costs_the_memory_of_its_program_and_little_else() {
    let costs = |workers| {
        let mut server = Served::start_with_workers(workers, &[]);
        (0..20).for_each(|_| echo(&server.connect()));
        (resident_bytes(server.pid), server.total("selectio_memory_bytes"))
    };
    let ((one, own), (eight, _)) = (costs(1), costs(8));
    let more = eight.saturating_sub(one) / 7;
    assert!(more < own + (1 << 20), "{more} bytes for a worker whose program has {own}");
}
