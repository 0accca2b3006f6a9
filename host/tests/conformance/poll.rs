//! `poll_oneoff` over descriptors.

use crate::guest::{Listening, check};
use std::io::{Read, Write};
use std::net::Shutdown;

/// Accepts two connections, $a first, and waits until $a can be read.
const TWO_STREAMS: &str = "
    (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
    (call $is (call $accept (i32.const 4)) (i32.const 0))
    (local.set $a (call $accepted))
    (call $is (call $accept (i32.const 4)) (i32.const 0))
    (local.set $b (call $accepted))";

/// Accepts one connection, $a.
const ONE_STREAM: &str = "
    (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
    (call $is (call $accept (i32.const 4)) (i32.const 0))
    (local.set $a (call $accepted))";

/// Waits until $a can be read, alone.
const WAIT_FOR_A: &str = "
    (call $on_read (i32.const 0) (local.get $a))
    (call $is (call $poll (i32.const 1)) (i32.const 0))
    (call $is (call $events) (i32.const 1))";

#[test]
fn no_subscriptions_are_invalid() {
    check("(call $is (call $poll (i32.const 0)) (i32.const 28))");
}

#[test]
fn an_unknown_kind_of_subscription_is_invalid() {
    check(
        "(drop (call $subscription (i32.const 0) (i32.const 3)))
         (call $is (call $poll (i32.const 1)) (i32.const 28))",
    );
}

#[test]
fn only_what_is_ready_has_an_event() {
    let guest = Listening::start(&format!(
        "{TWO_STREAMS} {WAIT_FOR_A}
         (call $on_read (i32.const 0) (i32.const 3))
         (call $on_read (i32.const 1) (local.get $b))
         (call $on_read (i32.const 2) (local.get $a))
         (call $after (i32.const 3) (i64.const 10000))
         (call $is (call $poll (i32.const 4)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 2))
         (call $is (call $error (i32.const 0)) (i32.const 0))
         (call $is (call $type (i32.const 0)) (i32.const 1))
         (call $is (call $nbytes (i32.const 0)) (i32.const 1))
         (call $is (call $flags (i32.const 0)) (i32.const 0))"
    ));
    let mut first = guest.connect();
    let _second = guest.connect();
    first.write_all(b"hello").unwrap();
    guest.finish();
}

#[test]
fn events_come_in_the_order_of_subscriptions() {
    let guest = Listening::start(&format!(
        "{TWO_STREAMS}
         ;; Both have sent before either is looked at.
         (call $on_read (i32.const 0) (local.get $b))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $on_write (i32.const 0) (local.get $b))
         (call $on_read (i32.const 1) (i32.const 3))
         (call $on_read (i32.const 2) (local.get $b))
         (call $on_write (i32.const 3) (local.get $a))
         (call $on_read (i32.const 4) (local.get $a))
         (call $is (call $poll (i32.const 5)) (i32.const 0))
         (call $is (call $events) (i32.const 4))
         (call $is (call $for (i32.const 0)) (i32.const 0))
         (call $is (call $type (i32.const 0)) (i32.const 2))
         (call $is (call $for (i32.const 1)) (i32.const 2))
         (call $is (call $for (i32.const 2)) (i32.const 3))
         (call $is (call $for (i32.const 3)) (i32.const 4))"
    ));
    let mut first = guest.connect();
    let mut second = guest.connect();
    first.write_all(b"1").unwrap();
    second.write_all(b"2").unwrap();
    guest.finish();
}

#[test]
fn a_descriptor_may_be_subscribed_twice() {
    let guest = Listening::start(&format!(
        "{ONE_STREAM} {WAIT_FOR_A}
         (call $on_read (i32.const 0) (local.get $a))
         (call $on_read (i32.const 1) (local.get $a))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 2))"
    ));
    guest.connect().write_all(b"x").unwrap();
    guest.finish();
}

#[test]
fn a_bad_descriptor_is_its_own_events_error() {
    let guest = Listening::start(&format!(
        "{ONE_STREAM} {WAIT_FOR_A}
         (call $on_read (i32.const 0) (i32.const 77))
         (call $on_read (i32.const 1) (local.get $a))
         (call $on_write (i32.const 2) (i32.const -1))
         (call $on_read (i32.const 3) (i32.const 3))
         (call $is (call $poll (i32.const 4)) (i32.const 0))
         (call $is (call $events) (i32.const 3))
         (call $is (call $error (i32.const 0)) (i32.const 8))
         (call $is (call $for (i32.const 1)) (i32.const 1))
         (call $is (call $error (i32.const 1)) (i32.const 0))
         (call $is (call $error (i32.const 2)) (i32.const 8))
         (call $is (call $type (i32.const 2)) (i32.const 2))"
    ));
    guest.connect().write_all(b"x").unwrap();
    guest.finish();
}

#[test]
fn a_half_closed_peer_is_readable_with_the_hangup_flag() {
    // Of what the host waits with, epoll alone tells of it.
    let flag = i32::from(cfg!(target_os = "linux"));
    let guest = Listening::start(&format!(
        "{ONE_STREAM} {WAIT_FOR_A}
         (call $is (call $error (i32.const 0)) (i32.const 0))
         (call $is (call $flags (i32.const 0)) (i32.const {flag}))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 0))
         (call $on_write (i32.const 0) (local.get $a))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $flags (i32.const 0)) (i32.const 0))
         (call $is (call $send (local.get $a) (i32.const 4)) (i32.const 0))"
    ));
    let mut stream = guest.connect();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len(), 4);
    guest.finish();
}

#[test]
fn a_reset_is_readable_and_the_receive_reveals_it() {
    let guest = Listening::start(&format!(
        "{ONE_STREAM} {WAIT_FOR_A}
         (call $is (call $receive (local.get $a) (i32.const 1) (i32.const 0)) (i32.const 0))
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $on_write (i32.const 1) (local.get $a))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 2))
         (call $is (call $error (i32.const 0)) (i32.const 0))
         (call $is (call $error (i32.const 1)) (i32.const 0))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 15))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 0))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 2))
         (call $is (call $flags (i32.const 0)) (i32.const 1))
         (call $is (call $flags (i32.const 1)) (i32.const 1))
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 64))"
    ));
    let mut stream = guest.connect();
    stream.write_all(b"x").unwrap();
    // Closing with the guest's byte unread resets the connection.
    while stream.peek(&mut [0]).unwrap() == 0 {}
    drop(stream);
    guest.finish();
}

#[test]
fn a_full_stream_is_not_writable() {
    let guest = Listening::start(&format!(
        "{ONE_STREAM}
         (call $on_write (i32.const 0) (local.get $a))
         (call $after (i32.const 1) (i64.const 20))
         ;; What the kernel still moves to the peer makes room: full is when it has ended.
         (loop $more
           (block $full (loop $again
             (br_if $full (i32.eq (call $send (local.get $a) (i32.const 60000)) (i32.const 6)))
             (br $again)))
           (call $is (call $poll (i32.const 2)) (i32.const 0))
           (br_if $more (i32.eqz (call $for (i32.const 0)))))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 1))
         (call $on_read (i32.const 1) (local.get $a))
         (call $is (call $poll (i32.const 2)) (i32.const 0))"
    ));
    let mut stream = guest.connect();
    stream.write_all(b"now").unwrap();
    guest.finish();
}

#[test]
fn a_listener_is_readable_and_never_writable() {
    let guest = Listening::start(
        "(call $on_write (i32.const 0) (i32.const 3))
         (call $on_read (i32.const 1) (i32.const 3))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 1))",
    );
    let _stream = guest.connect();
    guest.finish();
}

#[test]
fn a_number_that_is_reused_stands_for_the_new_socket() {
    let guest = Listening::start(&format!(
        "{ONE_STREAM} {WAIT_FOR_A}
         (call $is (call $fd_close (local.get $a)) (i32.const 0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $error (i32.const 0)) (i32.const 8))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (call $is (call $accepted) (local.get $a))
         ;; The same array again: the new connection has nothing to read yet.
         (call $after (i32.const 1) (i64.const 0))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $for (i32.const 0)) (i32.const 1))
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 0))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $error (i32.const 0)) (i32.const 0))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 2))"
    ));
    let mut old = guest.connect();
    old.write_all(b"x").unwrap();
    let mut new = guest.connect();
    new.read_exact(&mut [0]).unwrap();
    new.write_all(b"yz").unwrap();
    guest.finish();
}

#[test]
fn what_is_renumbered_is_waited_for_under_its_new_number() {
    let guest = Listening::start(&format!(
        "{TWO_STREAMS} {WAIT_FOR_A}
         (call $on_read (i32.const 1) (local.get $b))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $fd_renumber (local.get $a) (local.get $b)) (i32.const 0))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 2))
         (call $is (call $error (i32.const 0)) (i32.const 8))
         (call $is (call $error (i32.const 1)) (i32.const 0))
         (call $is (call $receive (local.get $b) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $byte (i32.const 1024)) (i32.const 120))"
    ));
    let mut first = guest.connect();
    let mut second = guest.connect();
    first.write_all(b"x").unwrap();
    // The second connection went away with its number.
    assert_eq!(second.read(&mut [0]).unwrap(), 0);
    guest.finish();
}

#[test]
fn the_array_may_shrink_grow_and_change() {
    let guest = Listening::start(&format!(
        "{ONE_STREAM}
         (call $on_read (i32.const 0) (local.get $a))
         (call $on_write (i32.const 1) (local.get $a))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $events) (i32.const 1))
         (call $is (call $for (i32.const 0)) (i32.const 1))
         (call $after (i32.const 1) (i64.const 1))
         (call $is (call $poll (i32.const 2)) (i32.const 0))
         (call $is (call $for (i32.const 0)) (i32.const 1))
         (call $is (call $type (i32.const 0)) (i32.const 0))
         (call $on_write (i32.const 0) (local.get $a))
         (call $is (call $poll (i32.const 1)) (i32.const 0))
         (call $is (call $type (i32.const 0)) (i32.const 2))
         (call $on_read (i32.const 1) (i32.const 3))
         (call $on_read (i32.const 2) (local.get $a))
         (call $is (call $poll (i32.const 3)) (i32.const 0))
         (call $is (call $events) (i32.const 1))"
    ));
    let _stream = guest.connect();
    guest.finish();
}
