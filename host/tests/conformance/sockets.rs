//! `sock_*`, and `fd_read` and `fd_write` on sockets.

use crate::guest::{Listening, check, host, verdict};
use selectio_host::Preopen;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Accepts one connection, $a, which blocks.
const ONE_BLOCKING: &str = "
    (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
    (call $is (call $accept (i32.const 0)) (i32.const 0))
    (local.set $a (call $accepted))";

/// Accepts one connection, $a, which does not block.
const ONE_NONBLOCKING: &str = "
    (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
    (call $is (call $accept (i32.const 4)) (i32.const 0))
    (local.set $a (call $accepted))";

#[test]
fn accept_on_an_empty_queue_would_block() {
    Listening::start("(call $is (call $accept (i32.const 4)) (i32.const 6))").finish();
}

#[test]
fn accepted_sockets_are_as_asked_and_get_the_lowest_numbers() {
    let guest = Listening::start(
        "(call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
         (call $is (call $accept (i32.const 4)) (i32.const 0))
         (call $is (call $accepted) (i32.const 4))
         (call $is (call $accept (i32.const 0)) (i32.const 0))
         (call $is (call $accepted) (i32.const 5))
         (call $is (call $fd_fdstat_get (i32.const 4) (i32.const 32)) (i32.const 0))
         (call $is (i32.load16_u (i32.const 34)) (i32.const 4))
         (call $is (call $fd_fdstat_get (i32.const 5) (i32.const 32)) (i32.const 0))
         (call $is (i32.load16_u (i32.const 34)) (i32.const 0))
         (call $is (call $fd_close (i32.const 4)) (i32.const 0))
         (call $is (call $accept (i32.const 1)) (i32.const 28))
         (call $is (call $accept (i32.const 0)) (i32.const 0))
         (call $is (call $accepted) (i32.const 4))",
    );
    // One more than are accepted here: a host may take one for an answer that says inval.
    let _streams = [(); 4].map(|()| guest.connect());
    guest.finish();
}

#[test]
fn accept_on_a_stream_and_receive_on_a_listener_fail() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $sock_accept (local.get $a) (i32.const 0) (i32.const 12)) (i32.const 28))
         (call $is (call $receive (i32.const 3) (i32.const 1) (i32.const 0)) (i32.const 53))"
    ));
    let _stream = guest.connect();
    guest.finish();
}

#[test]
fn a_blocking_stream_waits_for_data() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 0))
         (call $buffer (i32.const 1024) (i32.const 9))
         (call $is (call $fd_read (local.get $a) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
         (call $is (call $count) (i32.const 5))"
    ));
    let mut stream = guest.connect();
    stream.read_exact(&mut [0]).unwrap();
    stream.write_all(b"hello").unwrap();
    guest.finish();
}

#[test]
fn a_nonblocking_stream_does_not_wait() {
    let guest = Listening::start(&format!(
        "{ONE_NONBLOCKING}
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 6))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 2)) (i32.const 6))
         (call $is (call $fd_read (local.get $a) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 6))"
    ));
    let _stream = guest.connect();
    guest.finish();
}

#[test]
fn a_blocking_send_sends_everything() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (loop $again
           (call $is (call $send (local.get $a) (i32.const 250000)) (i32.const 0))
           (call $is (call $count) (i32.const 250000))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const 40))))"
    ));
    let mut everything = Vec::new();
    guest.connect().read_to_end(&mut everything).unwrap();
    assert_eq!(everything.len(), 40 * 250_000);
    guest.finish();
}

#[test]
fn peeking_leaves_the_data() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $receive (local.get $a) (i32.const 2) (i32.const 1)) (i32.const 0))
         (call $is (call $count) (i32.const 2))
         (call $is (i32.load16_u (i32.const 20)) (i32.const 0))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 5))"
    ));
    guest.connect().write_all(b"hello").unwrap();
    guest.finish();
}

#[test]
fn receiving_all_waits_for_all() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 0))
         (call $is (call $receive (local.get $a) (i32.const 8) (i32.const 2)) (i32.const 0))
         (call $is (call $count) (i32.const 8))
         (call $is (call $byte (i32.const 1031)) (i32.const 104))
         ;; The end of the stream ends it too.
         (call $is (call $receive (local.get $a) (i32.const 8) (i32.const 2)) (i32.const 0))
         (call $is (call $count) (i32.const 2))"
    ));
    let mut stream = guest.connect();
    stream.write_all(b"abc").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    for piece in ["de", "fgh", "ij"] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    guest.finish();
}

#[test]
fn unknown_flags_are_invalid() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $receive (local.get $a) (i32.const 1) (i32.const 4)) (i32.const 28))
         (call $is (call $sock_send (local.get $a) (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 8)) (i32.const 28))
         (call $is (call $sock_shutdown (local.get $a) (i32.const 0)) (i32.const 28))
         (call $is (call $sock_shutdown (local.get $a) (i32.const 4)) (i32.const 28))
         (call $is (call $fd_fdstat_set_flags (local.get $a) (i32.const 1)) (i32.const 28))"
    ));
    let _stream = guest.connect();
    guest.finish();
}

/// Twenty buffers of two bytes each: more than fit without an allocation.
#[test]
fn many_buffers_are_one_message() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (loop $again
           (i32.store (i32.add (i32.const 2048) (i32.mul (local.get $i) (i32.const 8)))
             (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 2))))
           (i32.store (i32.add (i32.const 2052) (i32.mul (local.get $i) (i32.const 8))) (i32.const 2))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const 20))))
         (call $is (call $sock_recv (local.get $a) (i32.const 2048) (i32.const 20) (i32.const 2) (i32.const 8) (i32.const 20)) (i32.const 0))
         (call $is (call $count) (i32.const 40))
         (call $is (call $fd_write (local.get $a) (i32.const 2048) (i32.const 20) (i32.const 8)) (i32.const 0))
         (call $is (call $count) (i32.const 40))"
    ));
    let sent: Vec<u8> = (0..40).collect();
    let mut stream = guest.connect();
    stream.write_all(&sent).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, sent);
    guest.finish();
}

#[test]
fn no_buffers_and_empty_buffers_move_nothing() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $sock_send (local.get $a) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
         (call $is (call $count) (i32.const 0))
         (call $is (call $send (local.get $a) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 0))"
    ));
    let mut nothing = Vec::new();
    guest.connect().read_to_end(&mut nothing).unwrap();
    assert_eq!(nothing, b"");
    guest.finish();
}

#[test]
fn each_direction_is_shut_down_by_itself() {
    let guest = Listening::start(&format!(
        "{ONE_BLOCKING}
         (call $is (call $sock_shutdown (local.get $a) (i32.const 2)) (i32.const 0))
         (call $is (call $send (local.get $a) (i32.const 1)) (i32.const 64))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 4))
         (call $is (call $sock_shutdown (local.get $a) (i32.const 1)) (i32.const 0))
         (call $is (call $receive (local.get $a) (i32.const 9) (i32.const 0)) (i32.const 0))
         (call $is (call $count) (i32.const 0))"
    ));
    let mut stream = guest.connect();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    stream.write_all(b"more").unwrap();
    guest.finish();
}

#[test]
fn a_connected_stream_can_be_given() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"hello").unwrap();
    let preopen = Preopen::try_from(stream).unwrap();
    verdict(crate::guest::run(
        host(
            "(call $is (call $fd_fdstat_get (i32.const 3) (i32.const 32)) (i32.const 0))
             (call $is (call $byte (i32.const 32)) (i32.const 6))
             (call $is (i32.load16_u (i32.const 34)) (i32.const 0))
             (call $is (call $receive (i32.const 3) (i32.const 9) (i32.const 0)) (i32.const 0))
             (call $is (call $send (i32.const 3) (i32.const 5)) (i32.const 0))",
        )
        .preopen(preopen),
    ));
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
}

#[test]
fn what_is_no_socket_says_so() {
    check(
        "(call $is (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 12)) (i32.const 57))
         (call $is (call $send (i32.const 1) (i32.const 1)) (i32.const 57))
         (call $is (call $receive (i32.const 2) (i32.const 1) (i32.const 0)) (i32.const 57))
         (call $is (call $sock_shutdown (i32.const 1) (i32.const 3)) (i32.const 57))
         (call $is (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 12)) (i32.const 8))",
    );
}
