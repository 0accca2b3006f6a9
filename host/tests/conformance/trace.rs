//! `--trace`: each call of the guest in a line.

use crate::command::{Running, program};
use std::io::{Read, Write};

#[test]
fn each_call_is_told_with_its_arguments_what_it_moves_and_its_result() {
    let text = r#"(func $main
        (drop (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)))
        (drop (call $accept (i32.const 0)))
        (drop (call $receive (call $accepted) (i32.const 100) (i32.const 0)))
        (drop (call $send (call $accepted) (call $count)))
        (drop (call $fd_close (i32.const 77)))
        (i64.store (i32.const 128) (i64.const 0x6c69662f6f6e))
        (drop (call $path_open (i32.const 4) (i32.const 0) (i32.const 128) (i32.const 6) (i32.const 0) (i64.const 0)
          (i64.const 0) (i32.const 0) (i32.const 12))))"#;
    let guest = program("trace", text);
    let options = ["--tcplisten", "127.0.0.1:0", "--trace", "--dir", "/tmp", guest.to_str().unwrap()];
    let mut running = Running::start(&options);
    running.line();
    let mut stream = running.connect();
    let sent = b"0123456789012345678901234567890123456789\n";
    stream.write_all(sent).unwrap();
    stream.read_exact(&mut [0; 41]).unwrap();
    let lines = running.remaining_lines();
    assert_eq!(running.finish().0, Some(0));
    let expected = [
        "[0] fd_fdstat_set_flags(fd=3, flags=0) = success",
        "[0] sock_accept(fd=3, flags=0, accepted=0xc) = success, accepted 5",
        "[0] sock_recv(fd=5, buffers=0x0, count=1, flags=0, received=0x8, flags_out=0x14) = success, received 41: \
         \"01234567890123456789012345678901…\"",
        "[0] sock_send(fd=5, buffers=0x0, count=1, flags=0, sent=0x8) = success, sent 41: \
         \"01234567890123456789012345678901…\"",
        "[0] fd_close(fd=77) = badf (8)",
        "[0] path_open(fd=4, lookup=0, path=0x80 \"no/fil\", length=6, open=0, rights=0, inheriting=0, flags=0, opened=0xc) \
         = noent (44)",
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_call_that_ends_the_program_is_told() {
    let guest = program("trace_end", "(func $main (call $proc_exit (i32.const 3)))");
    let mut running = Running::start(&["--trace", guest.to_str().unwrap()]);
    let lines = running.remaining_lines();
    assert_eq!(running.finish().0, Some(3));
    assert_eq!(lines, "[0] proc_exit(code=3)\n");
}

#[test]
fn what_a_wait_is_for_is_told() {
    let text = "(func $main (call $after (i32.const 0) (i64.const 20)) (call $on_write (i32.const 1) (i32.const 77))
                  (drop (call $poll (i32.const 2))))";
    let guest = program("trace_wait", text);
    let mut running = Running::start(&["--trace", guest.to_str().unwrap()]);
    let lines = running.remaining_lines();
    assert!(lines.contains("success, events_count 1: [clock in 20ms, write 77]"), "{lines}");
}
