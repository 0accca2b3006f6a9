//! The descriptor by which a guest learns that it shall end, and what signals do to the command.

use crate::command::{Running, program};
use crate::descriptors::folder;
use crate::guest::{check, host, run, verdict};
use crate::std_guest::compile;
use selectio_host::{SHUTDOWN_FD, ShutdownRequest, Signal};
use std::thread;
use std::time::Duration;

/// Waits for requests once, and says so on standard output; the subscriptions stay.
const WAIT_ONCE: &str = "
    (call $on_read (i32.const 0) (i32.const 0x7ffffff0))
    (call $after (i32.const 1) (i64.const 0))
    (drop (call $poll (i32.const 2)))
    (call $buffer (i32.const 1024) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";

/// Ends with the number that it reads, and 40, as its exit code.
const END_AS_ASKED: &str = "
    (drop (call $fd_read (i32.const 0x7ffffff0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $proc_exit (i32.add (call $byte (i32.const 1024)) (i32.const 40)))";

/// Waits for nothing else.
const WAITS: &str = "(drop (call $poll (i32.const 1)))";

/// Looks for requests after each ten million steps.
const COMPUTES: &str = "
    (loop $again
      (local.set $i (i32.const 10000000))
      (loop $step (br_if $step (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (drop (call $poll (i32.const 2)))
      (br_if $again (call $for (i32.const 0))))";

const NEVER_ENDS: &str = "(loop $again (br $again))";

/// Starts the command with a guest that has waited for requests once, and then does `rest`. It has a Unix listener.
struct Asked {
    running: Running,
    socket: std::path::PathBuf,
}

impl Asked {
    fn start(name: &str, rest: &str, options: &[&str]) -> Asked {
        let guest = program(name, &format!("(func $main (local $i i32) {WAIT_ONCE} {rest} {END_AS_ASKED})"));
        let socket = guest.with_file_name("socket");
        let always = ["--timeout", "60", "--unixlisten", socket.to_str().unwrap(), guest.to_str().unwrap()];
        let mut running = Running::start(&[options, &always].concat());
        running.line();
        running.wait_for_a_byte();
        Asked { running, socket }
    }

    /// Waits for the end: the exit code and what the host has printed.
    fn finish(mut self) -> (Option<i32>, String) {
        let errors = self.running.remaining_lines();
        let (code, output) = self.running.finish();
        assert_eq!(output, "");
        assert!(!self.socket.exists());
        (code, errors)
    }
}

#[test]
fn a_guest_that_waits_for_requests_ends_by_itself() {
    for (signal, number) in [("HUP", 1), ("INT", 2), ("TERM", 15)] {
        for (name, rest) in [("asked_waiting", WAITS), ("asked_computing", COMPUTES)] {
            let asked = Asked::start(name, rest, &[]);
            asked.running.signal(signal);
            assert_eq!(asked.finish(), (Some(40 + number), String::new()), "{name}, {signal}");
        }
    }
}

#[test]
fn a_guest_that_does_not_end_in_its_grace_time_is_ended() {
    let asked = Asked::start("asked_in_vain", NEVER_ENDS, &["--grace", "50ms"]);
    asked.running.signal("TERM");
    let (code, errors) = asked.finish();
    assert_eq!(code, Some(143));
    assert!(errors.starts_with("selectio: the program was ended: ") && errors.contains("50ms"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_second_signal_ends_the_guest_at_once() {
    let asked = Asked::start("asked_twice", NEVER_ENDS, &["--grace", "1h"]);
    asked.running.signal("TERM");
    asked.running.signal("INT");
    let (code, errors) = asked.finish();
    // The kernel may deliver one before the other.
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    assert_eq!(errors, "");
}

#[test]
fn without_grace_the_first_signal_ends_the_guest() {
    let asked = Asked::start("asked_without_grace", WAITS, &["--grace", "0"]);
    asked.running.signal("INT");
    assert_eq!(asked.finish(), (Some(130), String::new()));
}

#[test]
fn signals_that_the_parent_ignores_stay_ignored() {
    let guest = program("ignoring", &format!("(func $main (local $i i32) {WAIT_ONCE} {WAITS} {END_AS_ASKED})"));
    let mut running = Running::start_ignoring("HUP,INT", &["--timeout", "60", guest.to_str().unwrap()]);
    running.wait_for_a_byte();
    running.signal("HUP");
    running.signal("INT");
    running.signal("TERM");
    assert_eq!(running.finish().0, Some(40 + 15));
}

#[test]
fn std_waits_for_requests_with_poll_and_reads_them_as_a_file() {
    let module = compile("graceful.rs", &folder("graceful"));
    let mut running = Running::start(&["--timeout", "60", module.to_str().unwrap()]);
    running.wait_for_a_byte();
    running.signal("TERM");
    assert_eq!(running.finish(), (Some(3), "asked to end: 15\nend\n".to_owned()));
}

/// Runs a guest with `$main` of `body`, and asks it to end with `signals` once it waits for requests.
fn ask(body: &str, signals: &[Signal]) {
    let request = ShutdownRequest::new();
    let host = host(body).shutdown(request.clone());
    let guest = thread::spawn(|| run(host));
    for &signal in signals {
        while !request.send(signal) && !guest.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    verdict(guest.join().unwrap());
}

#[test]
fn each_request_is_read_once() {
    ask(
        "(call $buffer (i32.const 1024) (i32.const 9))
         (call $is (call $fd_read (i32.const 0x7ffffff0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 6))
         (call $on_read (i32.const 0) (i32.const 0x7ffffff0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $error (i32.const 0)) (i32.const 0))
         (call $is (call $type (i32.const 0)) (i32.const 1))
         (call $is (call $flags (i32.const 0)) (i32.const 0))
         (call $is (call $fd_read (i32.const 0x7ffffff0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
         (call $is (call $count) (i32.const 1))
         (call $is (call $byte (i32.const 1024)) (i32.const 2))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $fd_read (i32.const 0x7ffffff0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
         (call $is (call $count) (i32.const 1))
         (call $is (call $byte (i32.const 1024)) (i32.const 15))
         (call $is (call $fd_read (i32.const 0x7ffffff0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 6))
         (call $after (i32.const 1) (i64.const 1))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $for (i32.const 0)) (i32.const 1))",
        &[Signal::Interrupt, Signal::Terminate],
    );
}

/// Every function that could disturb it; then it still tells.
#[test]
fn it_can_only_be_read() {
    assert_eq!(SHUTDOWN_FD, 0x7fff_fff0);
    ask(
        "(local.set $a (i32.const 0x7ffffff0))
         (call $is (call $fd_fdstat_get (local.get $a) (i32.const 32)) (i32.const 0))
         (call $is (call $byte (i32.const 32)) (i32.const 0))
         (call $is (i32.load16_u (i32.const 34)) (i32.const 4))
         ;; It can be read (bit 1) and polled (27), no more.
         (call $is (i64.eq (i64.load (i32.const 40)) (i64.const 0x8000002)) (i32.const 1))
         (call $is (call $fd_filestat_get (local.get $a) (i32.const 32)) (i32.const 0))
         (call $is (call $byte (i32.const 48)) (i32.const 0))
         (call $is (call $fd_prestat_get (local.get $a) (i32.const 32)) (i32.const 8))
         (call $is (call $fd_fdstat_set_flags (local.get $a) (i32.const 4)) (i32.const 0))
         (call $is (call $fd_fdstat_set_flags (local.get $a) (i32.const 0)) (i32.const 58))
         (call $is (call $fd_write (local.get $a) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 8))
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 57))
         (call $is (call $receive (local.get $a) (i32.const 1) (i32.const 0)) (i32.const 57))
         (call $is (call $sock_accept (local.get $a) (i32.const 0) (i32.const 12)) (i32.const 57))
         (call $is (call $sock_shutdown (local.get $a) (i32.const 3)) (i32.const 57))
         (call $is (call $fd_seek (local.get $a) (i64.const 0) (i32.const 0) (i32.const 8)) (i32.const 70))
         (call $is (call $fd_sync (local.get $a)) (i32.const 28))
         (call $is (call $fd_renumber (local.get $a) (i32.const 0)) (i32.const 58))
         (call $is (call $fd_renumber (i32.const 0) (local.get $a)) (i32.const 58))
         (call $is (call $fd_renumber (local.get $a) (local.get $a)) (i32.const 58))
         (call $on_read (i32.const 0) (local.get $a))
         (call $on_write (i32.const 1) (local.get $a))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         ;; The request may have come already: then it is the first event.
         (local.set $b (i32.sub (call $events) (i32.const 1)))
         (call $is (call $for (local.get $b)) (i32.const 1))
         (call $is (call $error (local.get $b)) (i32.const 8))
         (call $is (call $fd_close (local.get $a)) (i32.const 0))
         (call $is (call $fd_close (local.get $a)) (i32.const 0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $fd_read (local.get $a) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
         (call $is (call $byte (i32.const 1024)) (i32.const 1))",
        &[Signal::Hangup],
    );
}

#[test]
fn a_guest_that_does_not_wait_for_requests_gets_none() {
    let request = ShutdownRequest::new();
    assert!(!request.send(Signal::Terminate));
    verdict(run(host(
        "(call $buffer (i32.const 1024) (i32.const 1))
         (call $is (call $fd_read (i32.const 0x7ffffff0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 6))
         (call $after (i32.const 0) (i64.const 0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))",
    )
    .shutdown(request.clone())));
    assert!(!request.send(Signal::Terminate));
}

#[test]
fn a_host_that_makes_no_requests_has_no_such_descriptor() {
    check(
        "(call $is (call $fd_fdstat_get (i32.const 0x7ffffff0) (i32.const 32)) (i32.const 8))
         (call $is (call $fd_close (i32.const 0x7ffffff0)) (i32.const 8))
         (call $on_read (i32.const 0) (i32.const 0x7ffffff0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $error (i32.const 0)) (i32.const 8))",
    );
}
