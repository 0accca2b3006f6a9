//! Several guests on the same listeners: who serves, who is started anew, and how they end.

use crate::command::{Running, failure, program};
use crate::guest::module;
use selectio_host::{Error, Host, Preopen, StopHandle};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread;

/// Answers the first byte of each connection with a digit, how often this instance has done so, and closes; ends by a
/// trap after a `t`, and with exit code 7 after an `x`.
const NAMED: &str = r"
    (func $main (local $digit i32)
      (local.set $digit (i32.const 48))
      (call $on_read (i32.const 0) (i32.const 3))
      (loop $again
        (drop (call $poll (i32.const 1)))
        (br_if $again (call $accept (i32.const 0)))
        (drop (call $receive (call $accepted) (i32.const 1) (i32.const 0)))
        (if (i32.eq (call $byte (i32.const 1024)) (i32.const 116)) (then unreachable))
        (if (i32.eq (call $byte (i32.const 1024)) (i32.const 120)) (then (call $proc_exit (i32.const 7))))
        (local.set $digit (i32.add (local.get $digit) (i32.const 1)))
        (i32.store8 (i32.const 1024) (local.get $digit))
        (drop (call $send (call $accepted) (i32.const 1)))
        (drop (call $fd_close (call $accepted)))
        (br $again)))";

fn ask(running: &Running, question: u8) -> Option<u8> {
    ask_at(&running.address(), question)
}

fn ask_at(address: &str, question: u8) -> Option<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[question]).unwrap();
    let mut answer = [0];
    // A guest that traps resets the connection, or ends it.
    matches!(stream.read(&mut answer), Ok(1)).then_some(answer[0])
}

fn start(name: &str, options: &[&str]) -> Running {
    let guest = program(name, NAMED);
    let mut arguments = vec!["--tcplisten", "127.0.0.1:0", "--timeout", "60"];
    arguments.extend(options);
    arguments.push(guest.to_str().unwrap());
    let mut running = Running::start(&arguments);
    running.line();
    running
}

#[test]
fn connections_that_come_at_once_are_spread_over_the_workers() {
    // Each takes as many as it gets, and says a byte to each.
    let text = r"
        (func $main (local $count i32)
          (call $on_read (i32.const 0) (i32.const 3))
          (loop $again
            (drop (call $poll (i32.const 1)))
            (loop $next
              (br_if $again (call $accept (i32.const 0)))
              (drop (call $send (call $accepted) (i32.const 1)))
              (br $next))))";
    let listener = Preopen::tcp_listener("127.0.0.1:0").unwrap();
    let address = listener.address().to_owned();
    let (sender, ready) = mpsc::channel();
    let stop = StopHandle::new().unwrap();
    let builder = Host::builder().module_bytes("guest.wasm", module(text)).preopen(listener).stop(stop.clone());
    let builder = builder.workers(NonZeroUsize::new(2).unwrap()).on_ready(move || sender.send(()).unwrap());
    let host = builder.build().unwrap();
    let statistics = host.statistics();
    let guests = thread::spawn(|| host.run());
    ready.recv().unwrap();
    // A worker that gets no processor can't take any.
    let is_spread = || {
        let before = statistics.workers();
        let mut held: Vec<_> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
        held.iter_mut().for_each(|stream| stream.read_exact(&mut [0]).unwrap());
        let after = statistics.workers();
        let accepted =
            after.iter().zip(before).map(|(after, before)| after.connections_accepted - before.connections_accepted);
        accepted.min() >= Some(10)
    };
    assert!((0..20).any(|_| is_spread()), "{:?}", statistics.workers());
    stop.stop();
    assert!(matches!(guests.join().unwrap(), Err(Error::Stopped)));
}

#[test]
fn a_worker_that_traps_is_started_anew_and_its_clients_wait_meanwhile() {
    let mut running = start("restart", &["--restart"]);
    assert_eq!(ask(&running, b'?'), Some(b'1'));
    assert_eq!(ask(&running, b'?'), Some(b'2'));
    for _ in 0..2 {
        assert_eq!(ask(&running, b't'), None);
        // Its count begins anew.
        assert_eq!(ask(&running, b'?'), Some(b'1'));
    }
    running.signal("TERM");
    let lines = running.remaining_lines();
    assert_eq!(running.finish().0, Some(143));
    let told: Vec<&str> = lines.lines().filter(|line| line.contains("started anew")).collect();
    assert_eq!(told.len(), 2, "{lines}");
    assert!(told[0].contains("worker 0") && told[0].contains("100ms") && told[1].contains("200ms"), "{lines}");
}

#[test]
fn a_worker_that_ends_by_itself_is_not_started_anew() {
    let running = start("ends", &["--restart"]);
    assert_eq!(ask(&running, b'x'), None);
    assert_eq!(running.finish().0, Some(7));
}

#[test]
fn without_restart_the_others_go_on_and_the_first_failure_is_the_result() {
    let mut running = start("remaining", &["--workers", "2"]);
    assert_eq!(ask(&running, b't'), None);
    let address = running.address();
    let line = running.line().to_owned();
    assert!(line.contains("the program trapped") && line.ends_with("; another one goes on\n"), "{line}");
    let answers: BTreeSet<_> = (0..4).map(|_| ask_at(&address, b'?')).collect();
    // One instance has answered all of them.
    assert_eq!(answers, (b'1'..=b'4').map(Some).collect());
    assert_eq!(ask_at(&address, b'x'), None);
    assert_eq!(running.finish().0, Some(134));
}

#[test]
fn each_worker_has_limits_of_its_own() {
    let text = "(func $main (drop (memory.grow (i32.const 8))))";
    let guest = program("own_limits", text);
    let guest = guest.to_str().unwrap();
    for workers in ["1", "3"] {
        let running = Running::start(&["--workers", workers, "--max-memory", "800K", guest]);
        assert_eq!(running.finish().0, Some(0));
    }
}

#[test]
fn a_connection_cannot_be_shared() {
    let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap().to_string();
    let guest = program("not_shared", "(func $main)");
    let (code, text) = failure(&["run", "--workers", "2", "--tcpconnect", &address, guest.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("one worker alone") && text.lines().count() == 1, "{text}");
}

#[test]
fn no_workers_at_all_are_refused() {
    let guest = program("no_workers", "(func $main)");
    let (code, text) = failure(&["run", "--workers", "0", guest.to_str().unwrap()]);
    assert_eq!((code, text.lines().count()), (Some(2), 1), "{text}");
}
