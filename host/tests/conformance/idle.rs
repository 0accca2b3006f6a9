//! Connections on which nothing moves, with `--idle-timeout`.

use crate::command::{Running, program};
use crate::draining::ECHO_ALL;
use crate::observed::cpu_ticks;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

fn start(name: &str, text: &str, limit: &str) -> Running {
    let guest = program(name, text);
    let options = ["--tcplisten", "127.0.0.1:0", "--idle-timeout", limit, guest.to_str().unwrap()];
    let mut running = Running::start(&options);
    running.line();
    running
}

/// Waits for the end of the connection.
fn end(mut stream: &TcpStream) -> Duration {
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    start.elapsed()
}

#[test]
fn a_silent_connection_is_ended_and_one_that_talks_is_not() {
    let running = start("idle", ECHO_ALL, "600ms");
    let silent = [running.connect(), running.connect()];
    let mut talking = running.connect();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1500) {
        talking.write_all(b"x").unwrap();
        talking.read_exact(&mut [0]).unwrap();
        thread::sleep(Duration::from_millis(50));
    }
    silent.iter().for_each(|stream| assert!(end(stream) < Duration::from_millis(400)));
    talking.write_all(b"y").unwrap();
    talking.read_exact(&mut [0]).unwrap();
    assert!(end(&talking) > Duration::from_millis(300));
    // It serves on.
    let mut stream = running.connect();
    stream.write_all(b"z").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    running.signal("INT");
    assert_eq!(running.finish().0, Some(130));
}

#[test]
fn a_guest_that_blocks_in_a_call_gets_the_end_of_the_stream() {
    let text = "(func $main
        (drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
        (drop (call $accept (i32.const 0)))
        (call $is (call $receive (call $accepted) (i32.const 1) (i32.const 0)) (i32.const 0))
        (call $is (call $count) (i32.const 0))
        (call $proc_exit (i32.const 9)))";
    let running = start("idle_blocking", text, "200ms");
    let stream = running.connect();
    end(&stream);
    assert_eq!(running.finish().0, Some(9));
}

#[test]
fn many_silent_connections_cost_no_turns_until_their_time() {
    let running = start("idle_many", ECHO_ALL, "1h");
    let held: Vec<_> = (0..200).map(|_| running.connect()).collect();
    let mut last = running.connect();
    last.write_all(b"x").unwrap();
    last.read_exact(&mut [0]).unwrap();
    let before = cpu_ticks(running.pid());
    thread::sleep(Duration::from_millis(500));
    assert!(cpu_ticks(running.pid()) - before <= 5);
    drop(held);
    running.signal("KILL");
    running.finish();
}
