//! Running a guest with the command of another host.

use crate::guest::{PATIENCE, failed_check, main_function, module_with};
use selectio_driver::guest::Guest;
use selectio_driver::host::Host;
use selectio_driver::process::{Process, Stream};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// How such a guest starts: with an empty line, when all that it was given is there. An exit code is one byte, so it
/// tells on standard output which check did not hold: eight letters, a for 0 to p for 15.
const COMMAND: &str = r#"
    (func $print (param $length i32)
      (call $buffer (i32.const 128) (local.get $length))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func $tell (param $what i32) (local $place i32)
      (loop $next
        (i32.store8 offset=128 (local.get $place)
          (i32.add (i32.const 97) (i32.shr_u (local.get $what) (i32.const 28))))
        (local.set $what (i32.shl (local.get $what) (i32.const 4)))
        (local.set $place (i32.add (local.get $place) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $place) (i32.const 8))))
      (call $print (i32.const 8))
      (call $proc_exit (i32.const 1)))
    (func (export "_start")
      (i32.store8 (i32.const 128) (i32.const 10))
      (call $print (i32.const 1))
      (i64.store (i32.const 0) (i64.const 0))
      (i32.store (i32.const 8) (i32.const 0))
      (call $main))"#;

/// Starts a guest whose `$main` is `body`, with so many listeners.
pub fn start(host: Host, body: &str, listeners: usize) -> Guest {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{}-{}.wasm", host.name(), NEXT.fetch_add(1, Ordering::Relaxed));
    let module = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&module, module_with(COMMAND, &main_function(body))).unwrap();
    Guest::start(host, &module, listeners, &[]).unwrap_or_else(|error| panic!("{error:#}"))
}

/// All checks of the guest must have held.
pub fn verdict(mut process: Process) {
    let status = process.wait(PATIENCE).unwrap_or_else(|error| panic!("{error:#}"));
    let told = process.output(Stream::Stdout);
    let told = told.trim();
    if told.len() == 8 {
        panic!("{}", failed_check(told.bytes().fold(0, |word, letter| word << 4 | u32::from(letter - b'a'))));
    }
    assert!(status.success(), "{status}: {}", process.all_output());
}
