//! SIGTERM and a guest that knows nothing of requests to end: what it serves goes on, and nothing new comes.

use crate::command::{Running, program};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// Echoes each byte, on as many connections as there are, waiting for all of them; closes those that end.
pub const ECHO_ALL: &str = r"
    (func $main (local $i i32) (local $fd i32)
      (local $count i32)
      (call $on_read (i32.const 0) (i32.const 3))
      (local.set $count (i32.const 1))
      (loop $again
        (drop (call $poll (local.get $count)))
        (local.set $i (i32.const 0))
        (loop $next
          (block $done
            (if (i32.eqz (call $for (local.get $i)))
              (then
                (br_if $done (call $accept (i32.const 4)))
                (call $on_read (local.get $count) (call $accepted))
                (local.set $count (i32.add (local.get $count) (i32.const 1)))
                (br $done)))
            (local.set $fd (i32.load offset=16
              (i32.add (i32.const 65536) (i32.mul (call $for (local.get $i)) (i32.const 48)))))
            (br_if $done (call $receive (local.get $fd) (i32.const 1) (i32.const 0)))
            (if (call $count) (then (drop (call $send (local.get $fd) (i32.const 1))) (br $done)))
            ;; The end: its place goes to a clock of an hour.
            (drop (call $fd_close (local.get $fd)))
            (call $after (call $for (local.get $i)) (i64.const 3600000)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (call $events))))
        (br $again)))";

fn start(name: &str, options: &[&str]) -> Running {
    let guest = program(name, ECHO_ALL);
    let first = ["--tcplisten", "127.0.0.1:0"];
    let mut running = Running::start(&[&first[..], options, &[guest.to_str().unwrap()]].concat());
    running.line();
    running
}

pub fn echo(mut stream: &TcpStream) {
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
}

/// Whether someone answers a new connection, for as long as it takes to find out.
fn is_served(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let _ = stream.write_all(b"x");
    match stream.read(&mut [0]) {
        Ok(count) => count == 1,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionReset), "{error}");
            false
        }
    }
}

#[test]
fn connections_are_served_to_their_end_and_new_ones_are_not() {
    for (name, workers) in [("drain_one", "1"), ("drain_two", "2")] {
        let mut running = start(name, &["--workers", workers, "--grace", "60s"]);
        let held = [running.connect(), running.connect()];
        held.iter().for_each(echo);
        running.signal("TERM");
        while is_served(&running.address()) {}
        // The one that found out was the last that the system has taken.
        let refused = TcpStream::connect(running.address()).expect_err("nobody listens any more");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        held.iter().for_each(echo);
        let [first, second] = held;
        drop(first);
        echo(&second);
        drop(second);
        assert_eq!(running.remaining_lines(), "");
        assert_eq!(running.finish().0, Some(143));
    }
}

#[test]
fn a_guest_without_connections_ends_at_once() {
    let running = start("drain_none", &["--grace", "1h"]);
    echo(&running.connect());
    // Its end may still be on the way.
    running.signal("TERM");
    assert_eq!(running.finish().0, Some(143));
}

#[test]
fn connections_that_stay_are_cut_when_the_grace_time_is_over_and_that_is_told() {
    let mut running = start("drain_over", &["--grace", "100ms"]);
    let held = running.connect();
    echo(&held);
    running.signal("TERM");
    assert!(running.remaining_lines().contains("its connections were not closed within the grace time of 100ms"));
    assert_eq!(running.finish().0, Some(143));
}

#[test]
fn a_second_signal_or_another_one_does_not_wait() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "INT"), ("HUP", "HUP")] {
        let mut running = start("drain_twice", &["--grace", "1h"]);
        let held = running.connect();
        echo(&held);
        running.signal(first);
        // Two that come at once may be one to the system.
        while !running.has_ended() {
            thread::sleep(Duration::from_millis(50));
            running.signal(second);
        }
        let code = running.finish().0;
        assert!([129, 130, 143].map(Some).contains(&code), "{first}, {second}: {code:?}");
    }
}

#[test]
fn no_worker_is_started_anew_after_it() {
    // It says a byte when it has accepted.
    let text = "(func $main (call $on_read (i32.const 0) (i32.const 3)) (drop (call $poll (i32.const 1)))
                  (drop (call $accept (i32.const 0))) (drop (call $send (call $accepted) (i32.const 1)))
                  (drop (call $receive (call $accepted) (i32.const 1) (i32.const 0))) unreachable)";
    let guest = program("drain_restart", text);
    let options = ["--tcplisten", "127.0.0.1:0", "--restart", "--grace", "1h", guest.to_str().unwrap()];
    let mut running = Running::start(&options);
    running.line();
    let mut stream = running.connect();
    stream.read_exact(&mut [0]).unwrap();
    running.signal("TERM");
    // The host has heard of it by then.
    thread::sleep(Duration::from_millis(200));
    stream.write_all(b"x").unwrap();
    assert_eq!(running.remaining_lines().matches("started anew").count(), 0);
    // By its own end, or by that of its last connection.
    let code = running.finish().0;
    assert!([Some(134), Some(143)].contains(&code), "{code:?}");
}
