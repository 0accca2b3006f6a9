//! No descriptor of the host outlives a guest, or what the guest knows of. Tests of their own process: the
//! others would open descriptors meanwhile. Linux counts them.

#![cfg(target_os = "linux")]

use selectio_host::{Host, Preopen};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// One test counts at a time.
static COUNTING: Mutex<()> = Mutex::new(());

/// Accepts until the 50th connection, polling on each, and leaves them open;
/// `end` is how it ends.
fn guest(end: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set_flags (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (local $i i32)
          (drop (call $set_flags (i32.const 3) (i32.const 0)))
          (loop $again
            (drop (call $accept (i32.const 3) (i32.const 4) (i32.const 0)))
            (i32.store8 (i32.const 1032) (i32.const 2))
            (i32.store (i32.const 1040) (i32.load (i32.const 0)))
            (drop (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 4)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 50))))
          {end}))"#
    );
    wat::parse_str(text).unwrap()
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Whether there are no more than `before`, in a moment: Wasmtime writes to its cache meanwhile, in a thread of its own.
fn come_down_to(before: usize) -> bool {
    (0..100).any(|_| {
        thread::sleep(Duration::from_millis(20));
        open_descriptors() <= before
    })
}

fn serve(end: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let host = Host::builder()
        .module_bytes("guest.wasm", guest(end))
        .preopen(Preopen::try_from(listener).unwrap())
        .directory("/tmp", "/tmp")
        .build()
        .unwrap();
    let running = thread::spawn(|| host.run());
    let _clients: Vec<_> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
    let _ = running.join().unwrap();
}

#[test]
fn a_guest_leaves_no_descriptor_behind() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    // What the compiler and its cache open stays open from the first time on.
    serve("");
    let before = open_descriptors();
    for end in ["", "(unreachable)", "(call $exit (i32.const 3))"] {
        serve(end);
        assert!(come_down_to(before), "a guest that ends with {end:?} leaves {} of {before}", open_descriptors());
    }
}

/// Accepts a connection on 3, and sends a byte on it before and after it has opened the directory 4 in itself a
/// thousand times, with the place for the number at `pointer`.
fn opens_often(pointer: u32) -> Vec<u8> {
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set_flags (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_recv" (func $receive (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (local $i i32)
          (drop (call $set_flags (i32.const 3) (i32.const 0)))
          (drop (call $accept (i32.const 3) (i32.const 0) (i32.const 0)))
          (i32.store (i32.const 0) (i32.const 16))
          (i32.store (i32.const 4) (i32.const 1))
          (i32.store8 (i32.const 32) (i32.const 0x2e))
          (drop (call $send (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)))
          (drop (call $receive (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 12)))
          (loop $again
            ;; What has a number is closed by it.
            (if (i32.eqz (call $open (i32.const 4) (i32.const 0) (i32.const 32) (i32.const 1)
                  (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const {pointer})))
              (then (drop (call $close (i32.load (i32.const {pointer}))))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
          (drop (call $send (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)))
          (drop (call $receive (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 12)))))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_opened_for_a_bad_place_is_closed_again() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    // A good one, one that is not aligned, beyond the end, across it, and one that wraps around.
    for pointer in [48, 49, 65536, 65533, u32::MAX - 1] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let host = Host::builder()
            .module_bytes("guest.wasm", opens_often(pointer))
            .preopen(Preopen::try_from(listener).unwrap())
            .directory("/tmp", "/tmp")
            .build()
            .unwrap();
        let running = thread::spawn(|| host.run());
        let mut stream = TcpStream::connect(address).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        let before = open_descriptors();
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        assert!(come_down_to(before), "the place {pointer}: {} of {before}", open_descriptors());
        drop(stream);
        assert_eq!(running.join().unwrap().unwrap(), 0);
    }
}
