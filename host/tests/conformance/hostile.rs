//! Guests that mean harm: the host answers with an error number, whatever a
//! guest passes. It does not panic, hang or touch what is not the guest's.

use crate::descriptors::folder;
use crate::functions::{ARGUMENTS, FUNCTIONS};
use crate::guest::{Listening, check, host, module, run};
use selectio_host::{Error, Host, ShutdownRequest};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Pointers to nothing, to the last bytes, and to what wraps around.
const BAD_POINTERS: [&str; 4] = ["262144", "262143", "-1", "-8"];

#[test]
fn bad_pointers_are_faults() {
    for bad in BAD_POINTERS {
        let guest = Listening::start(&format!(
            "(call $is (call $sock_accept (i32.const 3) (i32.const 4) (i32.const {bad})) (i32.const 21))
             (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
             ;; The connection is still there for a good one.
             (call $is (call $accept (i32.const 4)) (i32.const 0))
             (call $is (call $fd_fdstat_get (i32.const 3) (i32.const {bad})) (i32.const 21))
             (call $is (call $fd_filestat_get (i32.const 3) (i32.const {bad})) (i32.const 21))
             (call $is (call $sock_recv (i32.const 4) (i32.const {bad}) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 20)) (i32.const 21))
             (call $is (call $sock_recv (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const {bad}) (i32.const 20)) (i32.const 21))
             (call $is (call $sock_recv (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const {bad})) (i32.const 21))
             (call $is (call $sock_send (i32.const 4) (i32.const {bad}) (i32.const 1) (i32.const 0) (i32.const 8)) (i32.const 21))
             (call $is (call $sock_send (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const {bad})) (i32.const 21))
             (call $is (call $fd_read (i32.const 4) (i32.const {bad}) (i32.const 1) (i32.const 8)) (i32.const 21))
             (call $is (call $fd_write (i32.const 1) (i32.const {bad}) (i32.const 1) (i32.const 8)) (i32.const 21))
             (call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const {bad})) (i32.const 21))
             ;; A good array with a bad buffer, or one that is too long.
             (call $buffer (i32.const {bad}) (i32.const 2))
             (call $is (call $fd_write (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 21))
             (call $buffer (i32.const 1024) (i32.const -1))
             (call $is (call $fd_read (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 21))
             (call $on_read (i32.const 0) (i32.const 77))
             (call $is (call $poll_oneoff (i32.const {bad}) (i32.const 98304) (i32.const 1) (i32.const 16)) (i32.const 21))
             (call $is (call $poll_oneoff (i32.const 65536) (i32.const {bad}) (i32.const 1) (i32.const 16)) (i32.const 21))
             (call $is (call $poll_oneoff (i32.const 65536) (i32.const 98304) (i32.const 1) (i32.const {bad})) (i32.const 21))"
        ));
        let _stream = guest.connect();
        guest.finish();
    }
}

#[test]
fn bad_pointers_of_forwarded_functions_are_faults() {
    let folder = folder("bad_pointers");
    for bad in BAD_POINTERS {
        let body = format!(
            "(call $is (call $fd_prestat_get (i32.const 3) (i32.const {bad})) (i32.const 21))
             (call $is (call $fd_fdstat_get (i32.const 3) (i32.const {bad})) (i32.const 21))
             (call $is (call $fd_filestat_get (i32.const 3) (i32.const {bad})) (i32.const 21))
             (call $is (call $path_create_directory (i32.const 3) (i32.const {bad}) (i32.const 9)) (i32.const 21))
             (call $is (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1)
               (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const {bad})) (i32.const 21))"
        );
        crate::guest::verdict(run(host(&body).directory(&folder, "/")));
    }
}

#[test]
fn events_may_overwrite_subscriptions() {
    check(
        "(call $on_read (i32.const 0) (i32.const 70))
         (call $after (i32.const 1) (i64.const 0))
         (call $on_read (i32.const 2) (i32.const 72))
         (call $on_read (i32.const 3) (i32.const 73))
         (call $is (call $poll_oneoff (i32.const 65536) (i32.const 65552) (i32.const 4) (i32.const 65540)) (i32.const 0))
         (call $is (i32.load (i32.const 65540)) (i32.const 4))
         (call $is (i32.load (i32.const 65552)) (i32.const 100))
         (call $is (i32.load (i32.const 65584)) (i32.const 101))
         (call $is (i32.load (i32.const 65616)) (i32.const 102))
         (call $is (i32.load (i32.const 65648)) (i32.const 103))",
    );
}

#[test]
fn buffers_may_overlap() {
    let guest = Listening::start(
        "(call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
         (call $is (call $accept (i32.const 0)) (i32.const 0))
         ;; Three buffers on each other, the last over the array itself.
         (i32.store (i32.const 2048) (i32.const 1024))
         (i32.store (i32.const 2052) (i32.const 4))
         (i32.store (i32.const 2056) (i32.const 1025))
         (i32.store (i32.const 2060) (i32.const 4))
         (i32.store (i32.const 2064) (i32.const 2048))
         (i32.store (i32.const 2068) (i32.const 4))
         (call $is (call $sock_recv (i32.const 4) (i32.const 2048) (i32.const 3) (i32.const 2) (i32.const 8) (i32.const 20)) (i32.const 0))
         (call $is (call $count) (i32.const 12))
         (call $is (call $byte (i32.const 1024)) (i32.const 97))
         (call $is (call $byte (i32.const 1025)) (i32.const 101))
         (call $is (call $byte (i32.const 2051)) (i32.const 108))",
    );
    guest.connect().write_all(b"abcdefghijkl").unwrap();
    guest.finish();
}

/// More subscriptions than anybody has sockets, all of them ready; and more than the memory holds.
#[test]
fn huge_counts_are_served_or_refused() {
    check(
        "(drop (memory.grow (i32.const 200)))
         ;; 100,000 subscriptions from page 4 on, the events after them.
         (loop $again
           (i32.store offset=262144 (i32.mul (local.get $i) (i32.const 48)) (local.get $i))
           (i32.store8 offset=262152 (i32.mul (local.get $i) (i32.const 48)) (i32.const 1))
           (i32.store offset=262160 (i32.mul (local.get $i) (i32.const 48)) (i32.add (local.get $i) (i32.const 3)))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const 100000))))
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 6000000) (i32.const 100000) (i32.const 16)) (i32.const 0))
         (call $is (i32.eq (call $events) (i32.const 100000)) (i32.const 1))
         (call $is (i32.load16_u (i32.add (i32.const 6000008) (i32.mul (i32.const 99999) (i32.const 32)))) (i32.const 8))
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 6000000) (i32.const 280000) (i32.const 16)) (i32.const 21))
         ;; Times 48 the last two are more than 32 bits hold.
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 262144) (i32.const 89478485) (i32.const 16)) (i32.const 21))
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 262144) (i32.const 89478486) (i32.const 16)) (i32.const 21))
         (call $is (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 16)) (i32.const 21))
         ;; Buffers: beyond the memory a fault, beyond the kernel's limit a short write.
         (call $is (call $fd_write (i32.const 1) (i32.const 13365000) (i32.const -1) (i32.const 8)) (i32.const 21))
         (call $is (call $fd_write (i32.const 1) (i32.const 5000000) (i32.const -1) (i32.const 8)) (i32.const 0))
         (call $is (call $count) (i32.const 0))",
    );
}

/// Sixty thousand subscriptions of one descriptor, on a socket that is closed
/// between two waits.
#[test]
fn what_is_closed_leaves_no_trace_in_a_long_array() {
    let guest = Listening::start(
        "(drop (memory.grow (i32.const 200)))
         (loop $again
           (i32.store8 offset=262152 (i32.mul (local.get $i) (i32.const 48)) (i32.const 1))
           (i32.store offset=262160 (i32.mul (local.get $i) (i32.const 48)) (i32.const 4))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const 60000))))
         (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 4000000) (i32.const 60000) (i32.const 16)) (i32.const 0))
         (call $is (i32.eq (call $events) (i32.const 60000)) (i32.const 1))
         (call $is (i32.load16_u (i32.const 4000008)) (i32.const 0))
         (call $is (call $fd_close (i32.const 4)) (i32.const 0))
         (call $is (call $poll_oneoff (i32.const 262144) (i32.const 4000000) (i32.const 60000) (i32.const 16)) (i32.const 0))
         (call $is (i32.load16_u (i32.const 4000008)) (i32.const 8))",
    );
    let mut stream = guest.connect();
    stream.write_all(b"x").unwrap();
    // Closed with the byte unread: the connection ends, one way or the other.
    let _ = stream.read(&mut [0]);
    guest.finish();
}

#[test]
fn a_guest_without_memory_is_ended() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
        (func (export "_start") (drop (call $fd_close (i32.const 0)))))"#;
    let bytes = wat::parse_str(text).unwrap();
    let result = run(Host::builder().module_bytes("guest.wasm", bytes));
    assert!(matches!(&result, Err(Error::NotStarted { reason, .. }) if reason.contains("no memory")), "{result:?}");
}

/// A generator of numbers that look random (xorshift), the same for a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Calls without sense, most of them soon past the first checks because the
/// arguments are from a small set. Standard streams are closed before: nothing
/// is to be printed.
fn senseless_calls(seed: u64) -> String {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut calls = String::from(
        "(func $main (drop (call $fd_close (i32.const 0)))
           (drop (call $fd_close (i32.const 1))) (drop (call $fd_close (i32.const 2)))",
    );
    for _ in 0..400 {
        let (name, parameters) = FUNCTIONS[numbers.below(FUNCTIONS.len())];
        write!(calls, "(drop (call ${name}").unwrap();
        for parameter in parameters.chars() {
            let bits = if parameter == 'I' { 64 } else { 32 };
            let argument = ARGUMENTS[numbers.below(ARGUMENTS.len())];
            write!(calls, " (i{bits}.const {argument})").unwrap();
        }
        calls.push_str("))\n");
    }
    calls.push(')');
    calls
}

#[test]
fn senseless_calls_harm_no_one() {
    for seed in 0..60 {
        let folder = folder("senseless_calls");
        let builder = Host::builder()
            .module_bytes("guest.wasm", module(&senseless_calls(seed)))
            .directory(folder, "/")
            .shutdown(ShutdownRequest::new())
            .timeout(Duration::from_millis(100));
        let guest = Listening::start_with(builder);
        for _ in 0..3 {
            // One of the calls may close the listener at any time.
            let stream = TcpStream::connect(guest.address);
            let _ = stream.and_then(|mut stream| stream.write_all(b"some data to be received"));
        }
        match guest.end() {
            Ok(_) | Err(Error::TimeLimit { .. }) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}
