//! `wasi_unstable`, the predecessor of preview1: what is laid out otherwise there arrives as it is there.

use crate::descriptors::folder;
use crate::guest::{PATIENCE, verdict};
use selectio_host::Host;
use std::fs;

/// Runs `body` with a directory as descriptor 3, in which there is a file named `f` of ten bytes. `$is` ends it with the
/// number of the check, and what it got, as guests of preview1 do here.
fn check(name: &str, body: &str) {
    let folder = folder(name);
    fs::write(folder.join("f"), "0123456789").unwrap();
    let text = format!(
        r#"(module
        (import "wasi_unstable" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
        (import "wasi_unstable" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_unstable" "path_open"
          (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
        (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 512) "f")
        (global $check (mut i32) (i32.const 0))
        (func $is (param $got i32) (param $wanted i32)
          (global.set $check (i32.add (global.get $check) (i32.const 1)))
          (if (i32.ne (local.get $got) (local.get $wanted))
            (then (call $exit (i32.or (i32.shl (global.get $check) (i32.const 16))
                                      (i32.and (local.get $got) (i32.const 0xffff)))))))
        ;; A record of 56 bytes at 1024: a regular file with one link, of ten bytes, and nothing behind it.
        (func $is_the_file
          (call $is (i32.load8_u (i32.const 1040)) (i32.const 4))
          (call $is (i32.load (i32.const 1044)) (i32.const 1))
          (call $is (i32.wrap_i64 (i64.load (i32.const 1048))) (i32.const 10))
          (call $is (i64.eqz (i64.load (i32.const 1056))) (i32.const 0))
          (call $is (i64.eq (i64.load (i32.const 1080)) (i64.const -1)) (i32.const 1)))
        (func (export "_start") {body}))"#
    );
    let host = Host::builder().module_bytes("guest.wat", text).directory(folder, "/").timeout(PATIENCE);
    verdict(host.build().and_then(Host::run));
}

#[test]
fn what_is_told_of_a_file_has_the_old_layout_and_disturbs_nothing_else() {
    check(
        "unstable_filestat",
        "(i64.store (i32.const 0) (i64.const 77))
         (i64.store (i32.const 56) (i64.const 88))
         (i64.store (i32.const 1080) (i64.const -1))
         (call $is (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024))
           (i32.const 0))
         (call $is_the_file)
         (memory.fill (i32.const 1024) (i32.const 0) (i32.const 56))
         (call $is (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 0)
           (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 256)) (i32.const 0))
         (call $is (call $fd_filestat_get (i32.load (i32.const 256)) (i32.const 1024)) (i32.const 0))
         (call $is_the_file)
         ;; At the very end of the memory there is room for the old record, and not for the new one.
         (call $is (call $fd_filestat_get (i32.load (i32.const 256)) (i32.const 65480)) (i32.const 0))
         (call $is (call $fd_filestat_get (i32.load (i32.const 256)) (i32.const 65488)) (i32.const 21))
         (call $is (i64.eq (i64.load (i32.const 0)) (i64.const 77)) (i32.const 1))
         (call $is (i64.eq (i64.load (i32.const 56)) (i64.const 88)) (i32.const 1))",
    );
}

#[test]
fn seeking_counts_from_the_old_places() {
    check(
        "unstable_seek",
        "(call $is (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 0)
           (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 256)) (i32.const 0))
         (call $is (call $fd_seek (i32.load (i32.const 256)) (i64.const 0) (i32.const 1) (i32.const 264)) (i32.const 0))
         (call $is (i32.load (i32.const 264)) (i32.const 10))
         (call $is (call $fd_seek (i32.load (i32.const 256)) (i64.const 3) (i32.const 2) (i32.const 264)) (i32.const 0))
         (call $is (i32.load (i32.const 264)) (i32.const 3))
         (call $is (call $fd_seek (i32.load (i32.const 256)) (i64.const 1) (i32.const 0) (i32.const 264)) (i32.const 0))
         (call $is (i32.load (i32.const 264)) (i32.const 4))
         (call $is (call $fd_seek (i32.load (i32.const 256)) (i64.const 0) (i32.const 3) (i32.const 264)) (i32.const 28))",
    );
}

#[test]
fn a_wait_takes_the_old_subscriptions() {
    check(
        "unstable_poll",
        ";; A clock of a millisecond, and the number 77, which is not open, for reading.
         (i64.store (i32.const 1024) (i64.const 5))
         (i32.store (i32.const 1048) (i32.const 1))
         (i64.store (i32.const 1056) (i64.const 1000000))
         (call $is (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 256)) (i32.const 0))
         (call $is (i32.load (i32.const 256)) (i32.const 1))
         (call $is (i32.load (i32.const 2048)) (i32.const 5))
         (call $is (i32.load16_u (i32.const 2056)) (i32.const 0))
         ;; A clock of processor time can't be waited for.
         (i32.store (i32.const 1048) (i32.const 2))
         (call $is (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 256)) (i32.const 0))
         (call $is (i32.load16_u (i32.const 2056)) (i32.const 28))
         (i32.store (i32.const 1048) (i32.const 1))
         (i64.store (i32.const 1056) (i64.const 3600000000000))
         (i64.store (i32.const 1080) (i64.const 6))
         (i32.store8 (i32.const 1088) (i32.const 1))
         (i32.store (i32.const 1096) (i32.const 77))
         (call $is (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 256)) (i32.const 0))
         (call $is (i32.load (i32.const 256)) (i32.const 1))
         (call $is (i32.load (i32.const 2048)) (i32.const 6))
         (call $is (i32.load16_u (i32.const 2056)) (i32.const 8))
         (call $is (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 0) (i32.const 256)) (i32.const 28))",
    );
}
