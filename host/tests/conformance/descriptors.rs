//! The descriptor table: every function on a socket, standard streams, numbers,
//! and files next to sockets.

use crate::guest::{Listening, check, host, run, verdict};
use std::fs;
use std::path::PathBuf;

/// Every function that is not for sockets, on the listener, with the answer.
#[test]
fn a_socket_is_no_file() {
    let guest = Listening::start(
        "(call $is (call $fd_advise (i32.const 3) (i64.const 0) (i64.const 0) (i32.const 0)) (i32.const 70))
         (call $is (call $fd_allocate (i32.const 3) (i64.const 0) (i64.const 1)) (i32.const 28))
         (call $is (call $fd_datasync (i32.const 3)) (i32.const 28))
         (call $is (call $fd_sync (i32.const 3)) (i32.const 28))
         (call $is (call $fd_fdstat_set_rights (i32.const 3) (i64.const 0) (i64.const 0)) (i32.const 58))
         (call $is (call $fd_filestat_set_size (i32.const 3) (i64.const 0)) (i32.const 28))
         (call $is (call $fd_filestat_set_times (i32.const 3) (i64.const 0) (i64.const 0) (i32.const 0)) (i32.const 28))
         (call $is (call $fd_pread (i32.const 3) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)) (i32.const 70))
         (call $is (call $fd_pwrite (i32.const 3) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)) (i32.const 70))
         (call $is (call $fd_seek (i32.const 3) (i64.const 0) (i32.const 0) (i32.const 8)) (i32.const 70))
         (call $is (call $fd_tell (i32.const 3) (i32.const 8)) (i32.const 70))
         (call $is (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 9) (i64.const 0) (i32.const 8)) (i32.const 54))
         (call $is (call $fd_prestat_get (i32.const 3) (i32.const 32)) (i32.const 8))
         (call $is (call $fd_prestat_dir_name (i32.const 3) (i32.const 1024) (i32.const 9)) (i32.const 54))
         (call $is (call $path_create_directory (i32.const 3) (i32.const 1024) (i32.const 1)) (i32.const 54))
         (call $is (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 32)) (i32.const 54))
         (call $is (call $path_filestat_set_times (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i64.const 0) (i64.const 0) (i32.const 0)) (i32.const 54))
         (call $is (call $path_link (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 1)) (i32.const 54))
         (call $is (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 12)) (i32.const 54))
         (call $is (call $path_readlink (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 2048) (i32.const 9) (i32.const 8)) (i32.const 54))
         (call $is (call $path_remove_directory (i32.const 3) (i32.const 1024) (i32.const 1)) (i32.const 54))
         (call $is (call $path_rename (i32.const 3) (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 1)) (i32.const 54))
         (call $is (call $path_symlink (i32.const 1024) (i32.const 1) (i32.const 3) (i32.const 1024) (i32.const 1)) (i32.const 54))
         (call $is (call $path_unlink_file (i32.const 3) (i32.const 1024) (i32.const 1)) (i32.const 54))",
    );
    guest.finish();
}

#[test]
fn a_listener_tells_the_truth_about_itself() {
    let guest = Listening::start(
        "(call $is (call $fd_fdstat_get (i32.const 3) (i32.const 32)) (i32.const 0))
         (call $is (call $byte (i32.const 32)) (i32.const 6))
         (call $is (i32.load16_u (i32.const 34)) (i32.const 4))
         ;; It can accept (bit 29) and be polled (27), and can't be read (1) or written (6).
         (call $is (i32.and (i32.load (i32.const 40)) (i32.const 0x28000042)) (i32.const 0x28000000))
         (call $is (call $fd_fdstat_set_flags (i32.const 3) (i32.const 0)) (i32.const 0))
         (call $is (call $fd_fdstat_get (i32.const 3) (i32.const 32)) (i32.const 0))
         (call $is (i32.load16_u (i32.const 34)) (i32.const 0))
         (call $is (call $fd_filestat_get (i32.const 3) (i32.const 32)) (i32.const 0))
         (call $is (call $byte (i32.const 48)) (i32.const 6))",
    );
    guest.finish();
}

#[test]
fn standard_streams_have_their_direction() {
    check(
        "(call $is (call $fd_read (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 8))
         (call $is (call $fd_write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 8))
         (call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
         (call $is (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 1) (i32.const 8)) (i32.const 70))",
    );
}

#[test]
fn closing_twice_is_a_bad_descriptor() {
    let guest = Listening::start(
        "(call $is (call $fd_close (i32.const 3)) (i32.const 0))
         (call $is (call $fd_close (i32.const 3)) (i32.const 8))
         (call $is (call $accept (i32.const 4)) (i32.const 8))
         (call $is (call $fd_close (i32.const -1)) (i32.const 8))",
    );
    guest.finish();
}

#[test]
fn renumbering_moves_and_closes() {
    let guest = Listening::start(
        "(call $is (call $fd_renumber (i32.const 3) (i32.const 9)) (i32.const 8))
         (call $is (call $fd_renumber (i32.const 9) (i32.const 3)) (i32.const 8))
         (call $is (call $fd_renumber (i32.const 3) (i32.const 3)) (i32.const 0))
         (call $is (call $fd_renumber (i32.const 3) (i32.const 0)) (i32.const 0))
         (call $is (call $fd_fdstat_get (i32.const 3) (i32.const 32)) (i32.const 8))
         (call $is (call $fd_fdstat_set_flags (i32.const 0) (i32.const 0)) (i32.const 0))
         (call $is (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 12)) (i32.const 0))
         (call $is (call $accepted) (i32.const 3))",
    );
    let _stream = guest.connect();
    guest.finish();
}

/// As a program does that lets another part of itself print to a file: output is moved away, and comes back. Hosts
/// differ in whether a closed number may be renumbered to, so this is about the library.
#[test]
fn output_can_be_redirected_and_brought_back() {
    let folder = folder("redirected");
    fs::write(folder.join("file"), "").unwrap();
    let body = "
        (i32.store (i32.const 128) (i32.const 0x656c6966))
        (loop $again
          (call $is (call $path_open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 4)
            (i32.const 0) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 12)) (i32.const 0))
          (local.set $a (i32.add (local.get $a) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $a) (i32.const 2))))
        ;; Output becomes 4, the file 5 takes its place.
        (call $is (call $fd_renumber (i32.const 1) (i32.const 4)) (i32.const 0))
        (call $on_write (i32.const 0) (i32.const 1))
        (call $is (call $poll (i32.const 1)) (i32.const 0))
        (call $is (call $error (i32.const 0)) (i32.const 8))
        (call $is (call $fd_renumber (i32.const 5) (i32.const 1)) (i32.const 0))
        (call $is (call $poll (i32.const 1)) (i32.const 0))
        (call $is (call $error (i32.const 0)) (i32.const 0))
        (i32.store (i32.const 1024) (i32.const 0x64636261))
        (call $buffer (i32.const 1024) (i32.const 4))
        (call $is (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
        (call $is (call $fd_renumber (i32.const 4) (i32.const 1)) (i32.const 0))
        (call $is (call $fd_filestat_get (i32.const 1) (i32.const 32)) (i32.const 0))
        ;; It is no regular file any more.
        (call $is (i32.eq (call $byte (i32.const 48)) (i32.const 4)) (i32.const 0))
        (call $is (call $fd_close (i32.const 4)) (i32.const 8))
        (call $is (call $fd_close (i32.const 5)) (i32.const 8))";
    verdict(run(host(body).directory(&folder, "/")));
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "abcd");
}

/// A folder of its own for a test, empty.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn files_and_sockets_share_one_number_space() {
    let folder = folder("files_and_sockets");
    fs::write(folder.join("name"), "content").unwrap();
    let body = r#"
        ;; The scan for directories passes over the socket.
        (call $is (call $fd_prestat_get (i32.const 3) (i32.const 32)) (i32.const 0))
        (call $is (call $byte (i32.const 32)) (i32.const 1))
        (call $is (call $fd_prestat_get (i32.const 4) (i32.const 32)) (i32.const 0))
        (call $is (call $byte (i32.const 32)) (i32.const 0))
        (call $is (i32.load (i32.const 36)) (i32.const 5))
        (call $is (call $fd_prestat_dir_name (i32.const 4) (i32.const 1024) (i32.const 5)) (i32.const 0))
        (call $is (call $byte (i32.const 1025)) (i32.const 100))
        (call $is (call $fd_prestat_get (i32.const 5) (i32.const 32)) (i32.const 8))
        ;; What is opened gets the lowest number, also one that a socket had.
        (i64.store (i32.const 1024) (i64.const 0x656d616e))
        (call $is (call $path_open (i32.const 4) (i32.const 0) (i32.const 1024) (i32.const 4)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 12)) (i32.const 0))
        (call $is (call $accepted) (i32.const 5))
        (call $is (call $fd_close (i32.const 3)) (i32.const 0))
        (call $is (call $path_open (i32.const 4) (i32.const 0) (i32.const 1024) (i32.const 4)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 12)) (i32.const 0))
        (call $is (call $accepted) (i32.const 3))
        (call $is (call $fd_close (i32.const 5)) (i32.const 0))
        ;; A file is always ready, and read through its number.
        (call $on_read (i32.const 0) (i32.const 3))
        (call $is (call $poll (i32.const 1)) (i32.const 0))
        (call $is (call $error (i32.const 0)) (i32.const 0))
        (call $buffer (i32.const 1024) (i32.const 99))
        (call $is (call $fd_read (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 0))
        (call $is (call $count) (i32.const 7))
        (call $is (call $sock_shutdown (i32.const 3) (i32.const 1)) (i32.const 57))
        (call $is (call $fd_renumber (i32.const 3) (i32.const 4)) (i32.const 0))
        (call $is (call $fd_tell (i32.const 4) (i32.const 32)) (i32.const 0))
        (call $is (i32.load (i32.const 32)) (i32.const 7))"#;
    Listening::start_with(host(body).directory(folder, "/data")).finish();
}
